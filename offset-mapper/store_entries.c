/*
 * One entry at a time, and all that start alike.
 */
#include <string.h>

#include "offset-mapper/store_impl.h"

static MDB_val
key_val(const struct key *k)
{
    return (MDB_val){k->len, (void *)(uintptr_t)k->bytes}; /* only read */
}

int
store_get(const struct store *s, MDB_txn *txn, const struct key *k, bool *found,
          MDB_val *out, struct err *err)
{
    *out = (MDB_val){0};
    MDB_val key = key_val(k);
    const int rc = mdb_get(txn, s->dbi, &key, out);
    *found = rc == 0;
    return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "read", err) : 0;
}

int
store_put(struct store_batch *b, const struct key *k, const void *data,
          size_t len, struct err *err)
{
    MDB_val key = key_val(k), value = {len, (void *)(uintptr_t)data};
    const int rc = mdb_put(b->txn, b->store->dbi, &key, &value, 0);
    return rc ? store_fail(b->store, rc, "write", err) : 0;
}

int
store_del(struct store_batch *b, const struct key *k, struct err *err)
{
    MDB_val key = key_val(k);
    const int rc = mdb_del(b->txn, b->store->dbi, &key, NULL);
    return rc && rc != MDB_NOTFOUND ? store_fail(b->store, rc, "write", err)
                                    : 0;
}

static bool
starts_with(const MDB_val *v, const struct key *prefix)
{
    return v->mv_size >= prefix->len &&
           memcmp(v->mv_data, prefix->bytes, prefix->len) == 0;
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
    MDB_val key = key_val(prefix), v;
    int said = 0;
    rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);
    while (rc == 0 && said == 0 && starts_with(&key, prefix)) {
        said = fn(&key, &v, arg);
        rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "read", err) : said;
}
