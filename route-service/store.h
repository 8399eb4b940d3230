/*
 * The change sets on disk (LMDB): one file, appended to, never rewritten.
 * Texts in, texts out; what they mean is not known here.
 *
 *   data.dir/route.lmdb, route.lmdb-lock   LMDB's
 *   data.dir/route.pid                     locked while a server runs
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

/* One thread only.  Durable when it returns 0; otherwise nothing is stored.
 * `revision` must be the last one + 1 (ERR_CONFLICT). ERR_LIMIT: the text is
 * too long; ERR_UNAVAILABLE: no room. */
MUST_CHECK int store_append(struct store *store, int64_t revision,
                            const char *text, size_t len, struct err *err);

/* Calls fn for each change set, oldest first, until it returns non-zero, which
 * is the result then.  The text is borrowed for the call.  Any thread. */
typedef int (*store_fn)(int64_t revision, const char *text, size_t len,
                        void *arg, struct err *err);
MUST_CHECK int store_each(struct store *store, store_fn fn, void *arg,
                          struct err *err);
/* At most `limit` of those below `before`, newest first. */
MUST_CHECK int store_each_back(struct store *store, int64_t before,
                               size_t limit, store_fn fn, void *arg,
                               struct err *err);

#endif
