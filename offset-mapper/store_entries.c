/*
 * One entry at a time, and all that start alike.
 */
#include <string.h>

#include "offset-mapper/store_impl.h"

MDB_val
store_key(const struct key *k)
{
    return (MDB_val){k->len, (void *)(uintptr_t)k->bytes};
}

bool
store_starts_with(const MDB_val *v, const struct key *prefix)
{
    return v->mv_size >= prefix->len &&
           memcmp(v->mv_data, prefix->bytes, prefix->len) == 0;
}

int
store_get(const struct store *s, MDB_txn *txn, const struct key *k, bool *found,
          MDB_val *out, struct err *err)
{
    *out = (MDB_val){0};
    MDB_val key = store_key(k);
    const int rc = mdb_get(txn, s->dbi, &key, out);
    *found = rc == 0;
    return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "read", err) : 0;
}

int
store_put(struct store_batch *b, const struct key *k, const void *data,
          size_t len, struct err *err)
{
    MDB_val key = store_key(k), value = {len, (void *)(uintptr_t)data};
    const int rc = mdb_put(b->txn, b->store->dbi, &key, &value, 0);
    return rc ? store_fail(b->store, rc, "write", err) : 0;
}

int
store_del(struct store_batch *b, const struct key *k, struct err *err)
{
    MDB_val key = store_key(k);
    const int rc = mdb_del(b->txn, b->store->dbi, &key, NULL);
    return rc && rc != MDB_NOTFOUND ? store_fail(b->store, rc, "write", err)
                                    : 0;
}

int
store_each(const struct store *s, MDB_txn *txn, const struct key *prefix,
           int (*fn)(const MDB_val *key, const MDB_val *value, void *arg),
           void *arg, struct err *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return store_fail(s, rc, "read", err);
    MDB_val key = store_key(prefix), v;
    int said = 0;
    rc = mdb_cursor_get(cursor, &key, &v,
                        prefix->len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && store_starts_with(&key, prefix)) {
        said = fn(&key, &v, arg);
        if (said)
            break;
        rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "read", err) : said;
}

/* The cursor's entry before the one that `key` would stand at. */
static int
step_before(MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
    int rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc == 0)
        return mdb_cursor_get(cursor, key, value, MDB_PREV);
    return rc == MDB_NOTFOUND ? mdb_cursor_get(cursor, key, value, MDB_LAST)
                              : rc;
}

int
store_last_below(const struct store *s, MDB_txn *txn, const struct key *k,
                 const struct key *prefix, bool *found, MDB_val *key,
                 MDB_val *value, struct err *err)
{
    MDB_cursor *cursor;
    *found = false;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return store_fail(s, rc, "read", err);
    *key = store_key(k);
    rc = step_before(cursor, key, value);
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND)
        return store_fail(s, rc, "read", err);
    *found = rc == 0 && store_starts_with(key, prefix);
    return 0;
}

int
store_first(const struct store *s, MDB_txn *txn, const struct key *prefix,
            bool *found, MDB_val *key, MDB_val *value, struct err *err)
{
    MDB_cursor *cursor;
    *found = false;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return store_fail(s, rc, "read", err);
    *key = store_key(prefix);
    rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND)
        return store_fail(s, rc, "read", err);
    *found = rc == 0 && store_starts_with(key, prefix);
    return 0;
}
