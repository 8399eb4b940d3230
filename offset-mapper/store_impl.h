/*
 * What the files of the store share; nobody else includes this, or lmdb.h.
 *
 * store.c          the environment, and transactions
 * store_entries.c  one entry at a time, and all that start alike
 * store_parts.c    numbers and states of partitions, in memory
 * store_runs.c     what a batch does to partitions
 * store_read.c     views
 * store_verify.c   verify-store
 *
 * A file that keeps its own kind of key (store_checkpoints.c and the like)
 * builds on this: keys start with a byte that no other file uses (the list is
 * in layout.h), values with a version byte; and store_verify.c is told how they
 * are checked.
 */
#ifndef SHUNT_OFFSET_STORE_IMPL_H
#define SHUNT_OFFSET_STORE_IMPL_H

#include <lmdb.h>
#include <pthread.h>

#include "offset-mapper/layout.h"
#include "offset-mapper/store.h"
#include "offset-mapper/store_parts.h"

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    int lock_fd; /* -1: read-only, see store_open_read() */
    char *path;
    pthread_mutex_t writing;
    struct parts parts;
    size_t tails_max; /* blocks that one batch holds in memory */
};

struct store_batch {
    struct store *store;
    MDB_txn *txn;
    struct touched *touched; /* store_runs.c */
    size_t n_tails;          /* blocks of theirs in memory */
};

struct store_view {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *cursor; /* store_read.c; NULL until it is needed */
};

/* Says what LMDB's code `rc` means while trying to `what`; returns our code. */
MUST_CHECK int store_fail(const struct store *s, int rc, const char *what,
                          struct err *err);
/* ERR_CORRUPT: `what` ("a run") cannot be read. */
MUST_CHECK int store_damaged(const struct store *s, const char *what,
                             struct err *err);

/* Borrows the key's bytes, which LMDB only reads. */
MDB_val store_key(const struct key *k);
bool store_starts_with(const MDB_val *v, const struct key *prefix);
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
/* The entry with the greatest key below `k` (which need not be there) that
 * starts with `prefix`. */
MUST_CHECK int store_last_below(const struct store *s, MDB_txn *txn,
                                const struct key *k, const struct key *prefix,
                                bool *found, MDB_val *key, MDB_val *value,
                                struct err *err);
/* The first entry whose key starts with `prefix`. */
MUST_CHECK int store_first(const struct store *s, MDB_txn *txn,
                           const struct key *prefix, bool *found, MDB_val *key,
                           MDB_val *value, struct err *err);

/* Commits what a batch has put, and ends it. store.c */
MUST_CHECK int store_batch_end_take(struct store_batch *b, struct err *err);

/* ---- store_runs.c ----------------------------------------------------- */

/* Writes what was touched. */
MUST_CHECK int store_runs_flush(struct store_batch *b, struct err *err);
/* Around the commit: see store_parts.h. */
void store_runs_before_commit(struct store_batch *b);
void store_runs_after_commit(struct store_batch *b, bool done, size_t txn_id);
/* When the batch has ended. */
void store_runs_forget(struct store_batch *b);

/* The state of a partition as the transaction sees it, from LMDB. */
MUST_CHECK int store_state_read(const struct store *s, MDB_txn *txn,
                                uint32_t pid, struct part_state *out,
                                struct err *err);

#endif
