/*
 * Owns an LMDB environment as the route service's store has one: 8-byte keys
 * in order, durable commits.
 */
#include <endian.h>
#include <lmdb.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/tools/bare_store/bare_store.h"

#define MAP_BYTES ((size_t)1 << 30)

static void
check(int rc, const char *what)
{
    if (rc)
        die("%s: %s", what, mdb_strerror(rc));
}

static void
put_one(MDB_env *env, MDB_dbi dbi, uint64_t number, char *data, size_t bytes)
{
    MDB_txn *txn;
    uint64_t wire = htobe64(number);
    MDB_val key = {.mv_size = sizeof(wire), .mv_data = &wire};
    MDB_val value = {.mv_size = bytes, .mv_data = data};
    check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_put(txn, dbi, &key, &value, 0), "mdb_put");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
}

void
time_lmdb(const char *dir, size_t bytes, size_t n, int64_t *us)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char *data = some_bytes(bytes);
    check(mdb_env_create(&env), "mdb_env_create");
    check(mdb_env_set_mapsize(env, MAP_BYTES), "mdb_env_set_mapsize");
    check(mdb_env_open(env, dir, 0, 0644), dir);
    check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, 0, &dbi), "mdb_dbi_open");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
    for (size_t i = 0; i < n; i++) {
        const int64_t from = clock_mono_us();
        put_one(env, dbi, i + 1, data, bytes);
        us[i] = clock_mono_us() - from;
    }
    mdb_env_close(env);
    free(data);
}
