/*
 * What the files of the store share; nobody else includes this, or lmdb.h.
 *
 * A file that keeps its own kind of key (store_checkpoints.c and the like)
 * builds on this: keys start with a byte that no other file uses (the list is
 * in layout.h), values with a version byte.
 */
#ifndef SHUNT_OFFSET_STORE_IMPL_H
#define SHUNT_OFFSET_STORE_IMPL_H

#include <lmdb.h>
#include <pthread.h>

#include "offset-mapper/layout.h"
#include "offset-mapper/store.h"

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    int lock_fd;
    char *path;
    pthread_mutex_t writing;
};

struct store_batch {
    struct store *store;
    MDB_txn *txn;
};

struct store_view {
    struct store *store;
    MDB_txn *txn;
};

/* Says what LMDB's code `rc` means while trying to `what`; returns our code. */
MUST_CHECK int store_fail(const struct store *s, int rc, const char *what,
                          struct err *err);
/* ERR_CORRUPT: `what` ("a run") cannot be read. */
MUST_CHECK int store_damaged(const struct store *s, const char *what,
                             struct err *err);

/* *found is false, and *out empty, where there is no such key.  The bytes are
 * borrowed until the next write of the transaction, or its end. */
MUST_CHECK int store_get(const struct store *s, MDB_txn *txn,
                         const struct key *k, bool *found, MDB_val *out,
                         struct err *err);
MUST_CHECK int store_put(struct store_batch *b, const struct key *k,
                         const void *data, size_t len, struct err *err);
/* Nothing happens where there is no such key. */
MUST_CHECK int store_del(struct store_batch *b, const struct key *k,
                         struct err *err);
/* Every entry whose key starts with `prefix`, in order, until `fn` returns
 * anything but 0, which is returned; `fn` must not write. */
MUST_CHECK int
store_each(const struct store *s, MDB_txn *txn, const struct key *prefix,
           int (*fn)(const MDB_val *key, const MDB_val *value, void *arg),
           void *arg, struct err *err);

#endif
