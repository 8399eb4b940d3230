/* See bare.h. */
#include "tests/tools/bench_mapper/bare.h"

#include <endian.h>
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/xmem.h"

#define MAP_BYTES ((size_t)16 << 30)
#define KEY_BYTES 12

struct bare {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    MDB_cursor *cursor;
};

static void
must(int rc, const char *what)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "bench_mapper: bare %s: %s\n", what,
                  mdb_strerror(rc));
    exit(EXIT_FAILURE);
}

static void
begin(struct bare *b, unsigned flags)
{
    must(mdb_txn_begin(b->env, NULL, flags, &b->txn), "begin");
    must(mdb_dbi_open(b->txn, NULL, 0, &b->dbi), "database");
    must(mdb_cursor_open(b->txn, b->dbi, &b->cursor), "cursor");
}

struct bare *
bare_open(const char *dir)
{
    struct bare *b = xcalloc(1, sizeof(*b));
    if (mkdir(dir, 0755) && errno != EEXIST)
        must(errno, "folder");
    must(mdb_env_create(&b->env), "environment");
    must(mdb_env_set_mapsize(b->env, MAP_BYTES), "size");
    must(mdb_env_open(b->env, dir, MDB_NOSYNC, 0644), "open");
    begin(b, 0);
    return b;
}

static void
put_key(uint8_t *key, uint32_t partition, int64_t up)
{
    const uint32_t p = htobe32(partition);
    const uint64_t u = htobe64((uint64_t)up);
    memcpy(key, &p, sizeof(p));
    memcpy(key + sizeof(p), &u, sizeof(u));
}

void
bare_append(struct bare *b, uint32_t partition, int64_t up, int64_t down)
{
    uint8_t key[KEY_BYTES];
    put_key(key, partition, up);
    MDB_val k = {sizeof(key), key}, v = {sizeof(down), &down};
    must(mdb_cursor_put(b->cursor, &k, &v, MDB_APPEND), "append");
}

void
bare_commit(struct bare *b)
{
    mdb_cursor_close(b->cursor);
    must(mdb_txn_commit(b->txn), "commit");
    b->txn = NULL;
}

void
bare_begin(struct bare *b)
{
    begin(b, MDB_RDONLY);
}

void
bare_end(struct bare *b)
{
    mdb_cursor_close(b->cursor);
    mdb_txn_abort(b->txn);
    b->txn = NULL;
}

int64_t
bare_look(struct bare *b, uint32_t partition, int64_t q, int64_t *down)
{
    uint8_t key[KEY_BYTES];
    put_key(key, partition, q + 1);
    MDB_val k = {sizeof(key), key}, v;
    int rc = mdb_cursor_get(b->cursor, &k, &v, MDB_SET_RANGE);
    rc = mdb_cursor_get(b->cursor, &k, &v, rc ? MDB_LAST : MDB_PREV);
    if (rc || memcmp(k.mv_data, key, sizeof(partition)) != 0)
        return -1;
    uint64_t up;
    memcpy(&up, (const uint8_t *)k.mv_data + sizeof(partition), sizeof(up));
    memcpy(down, v.mv_data, sizeof(*down));
    return (int64_t)be64toh(up);
}

void
bare_close(struct bare *b)
{
    mdb_env_close(b->env);
    free(b);
}
