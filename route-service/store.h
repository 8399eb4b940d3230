/*
 * The change sets on disk (LMDB): one file.  Texts in, texts out; what they mean
 * is not known here.
 *
 *   data.dir/route.lmdb, route.lmdb-lock   LMDB's
 *   data.dir/route.pid                     locked while a server runs
 *
 * A store begins with the empty table, or with a *base*: a snapshot that stands
 * for the change sets up to its revision, which are not there any more.
 */
#ifndef SHUNT_ROUTE_STORE_H
#define SHUNT_ROUTE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct store;

/* Before any thread is started.  ERR_BUSY: another server uses the folder.
 * ERR_CORRUPT: the file is not a store of shunt-route, or of a newer one.
 * ERR_IO: folder or file can't be used.  The text says what to do. */
MUST_CHECK int store_open(const char *dir, struct store **out, struct err *err);
void store_close(struct store *store); /* NULL allowed */

/* What tells this table from all others; made with the store.  Of a copy of
 * the file it is the same.  Borrowed until store_set_id(). */
const char *store_id(const struct store *store);
/* Writer thread, before others read it: the store takes the id of a group. */
MUST_CHECK int store_set_id(struct store *store, const char *id,
                            struct err *err);

/* From now on a commit is flushed once, not twice: after a loss of power the last
 * one may be gone, whole, and no other.  For a server whose group has it. */
MUST_CHECK int store_trust_group(struct store *store, struct err *err);

/* Writing is for one thread at a time; LMDB makes a second one wait.  Durable
 * when it returns 0; otherwise nothing is stored.  ERR_LIMIT: the text is too
 * long; ERR_UNAVAILABLE: no room. */

struct stored {
    int64_t revision;
    const char *text;
    size_t len;
};

/* `revision` must be the last one + 1 (ERR_CONFLICT). */
MUST_CHECK int store_append(struct store *store, int64_t revision,
                            const char *text, size_t len, struct err *err);
/* Several, in order, all or none. */
MUST_CHECK int store_append_all(struct store *store, const struct stored *v,
                                size_t n, struct err *err);
/* The snapshot becomes the base; the change sets up to `revision` are deleted.
 * It may be newer than all that is there.  ERR_CONFLICT: the base is newer
 * already. */
MUST_CHECK int store_rebase(struct store *store, int64_t revision,
                            const char *text, size_t len, struct err *err);

/* Calls fn for each change set, oldest first, until it returns non-zero, which
 * is the result then.  The text is borrowed for the call.  Any thread. */
typedef int (*store_fn)(int64_t revision, const char *text, size_t len,
                        void *arg, struct err *err);
MUST_CHECK int store_each(struct store *store, store_fn fn, void *arg,
                          struct err *err);
/* The same, and `base` before, if there is one; all as of one moment. */
MUST_CHECK int store_load(struct store *store, store_fn base, store_fn fn,
                          void *arg, struct err *err);
/* The oldest change set that is there, and the newest revision; the oldest is
 * the newest + 1 where there is none. */
MUST_CHECK int store_range(struct store *store, int64_t *first, int64_t *last,
                           struct err *err);
/* At most `limit` of those below `before`, newest first. */
MUST_CHECK int store_each_back(struct store *store, int64_t before,
                               size_t limit, store_fn fn, void *arg,
                               struct err *err);

#endif
