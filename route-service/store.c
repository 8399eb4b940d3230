/*
 * Owns the LMDB environment; nothing else includes lmdb.h.
 *
 * Format 1.  Keys are big-endian, a kind byte first:
 *   'F'               -> "shunt-route", u32 format
 *   'C' i64 revision  -> u8 version of the value, change set as JSON
 * Changing the format: raise FORMAT, teach format_check() to accept the older
 * number and to rewrite it in one transaction before anything else is read;
 * values keep their version byte, so single kinds can change without that.
 *
 * Threads: store_append() by one thread.  Readers open a short transaction
 * within one call (MDB_NOTLS: a reader's slot belongs to the transaction).
 * Commits are durable: no NOSYNC, no WRITEMAP.
 */
#include "route-service/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/cursor.h"
#include "common/base/file.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"

#define FORMAT       1
#define MAGIC        "shunt-route"
#define CHANGE_V1    1
#define KEY_MAX      9
#define FORMAT_BYTES 32

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    char *path;
    int lock_fd; /* -1: none */
};

struct key {
    uint8_t bytes[KEY_MAX];
    size_t len;
};

static struct key
format_key(void)
{
    return (struct key){{'F'}, 1};
}

static struct key
change_key(int64_t revision)
{
    struct key k = {.len = KEY_MAX};
    struct writer w = writer_of(k.bytes, sizeof(k.bytes));
    write_u8(&w, 'C');
    write_i64(&w, revision);
    return k;
}

static MDB_val
val_of(struct key *k)
{
    return (MDB_val){.mv_size = k->len, .mv_data = k->bytes};
}

/* ---- errors -------------------------------------------------------------- */

static int
fail(const struct store *s, int rc, const char *what, struct err *err)
{
    switch (rc) {
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return err_set(err, ERR_CORRUPT,
                       "%s is not a store of shunt-route: move it away or "
                       "give another data.dir",
                       s->path);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return err_set(err, ERR_CORRUPT,
                       "%s is damaged (%s): restore it from a copy", s->path,
                       mdb_strerror(rc));
    case MDB_MAP_FULL:
    case ENOSPC:
        return err_set(err, ERR_UNAVAILABLE,
                       "%s: no room to %s: free some space", s->path, what);
    default:
        return err_set(err, ERR_IO, "%s: cannot %s: %s", s->path, what,
                       mdb_strerror(rc));
    }
}

/* ---- format -------------------------------------------------------------- */

static int
format_write(struct store *s, MDB_txn *txn, struct err *err)
{
    uint8_t bytes[FORMAT_BYTES];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_str(&w, MAGIC, strlen(MAGIC));
    write_u32(&w, FORMAT);
    struct key key = format_key();
    MDB_val k = val_of(&key);
    MDB_val v = {.mv_size = w.len, .mv_data = bytes};
    const int rc = mdb_put(txn, s->dbi, &k, &v, 0);
    return rc ? fail(s, rc, "write its format", err) : 0;
}

static int
format_read(struct store *s, const MDB_val *v, struct err *err)
{
    struct reader r = reader_of(v->mv_data, v->mv_size);
    size_t len;
    const char *magic = read_str(&r, &len);
    const uint32_t format = read_u32(&r);
    if (r.failed || len != strlen(MAGIC) || memcmp(magic, MAGIC, len) != 0)
        return fail(s, MDB_INVALID, "", err);
    if (format == FORMAT)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "%s has format %u, this shunt-route knows %d: use a newer "
                   "one or another data.dir",
                   s->path, format, FORMAT);
}

static int
format_check(struct store *s, MDB_txn *txn, struct err *err)
{
    struct key key = format_key();
    MDB_val k = val_of(&key);
    MDB_val v;
    int rc = mdb_get(txn, s->dbi, &k, &v);
    if (rc == 0)
        return format_read(s, &v, err);
    if (rc != MDB_NOTFOUND)
        return fail(s, rc, "read its format", err);
    MDB_stat stat;
    rc = mdb_stat(txn, s->dbi, &stat);
    if (rc)
        return fail(s, rc, "read it", err);
    if (stat.ms_entries > 0)
        return fail(s, MDB_INVALID, "", err);
    return format_write(s, txn, err);
}

/* ---- open, close --------------------------------------------------------- */

static int
lock_folder(struct store *s, const char *dir, struct err *err)
{
    char *path = xasprintf("%s/route.pid", dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    int rc = 0;
    if (s->lock_fd < 0)
        rc = err_errno(err, ERR_IO, errno,
                       "cannot write %s: choose another data.dir", path);
    else if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
        rc = err_set(err, ERR_BUSY,
                     "another shunt-route uses %s: stop it or give another "
                     "data.dir",
                     dir);
    else if (ftruncate(s->lock_fd, 0) ||
             dprintf(s->lock_fd, "%ld\n", (long)getpid()) < 0)
        rc = err_errno(err, ERR_IO, errno, "cannot write %s", path);
    free(path);
    return rc;
}

static int
open_env(struct store *s, struct err *err)
{
    int rc = mdb_env_create(&s->env);
    if (rc)
        return fail(s, rc, "open it", err);
    if ((rc = mdb_env_set_mapsize(s->env, LIMIT_MAP_BYTES)) ||
        (rc = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOTLS, 0644)))
        return fail(s, rc, "open it", err);
    return file_sync_name(s->path, err); /* LMDB syncs what is in it only */
}

static int
open_db(struct store *s, struct err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return fail(s, rc, "begin writing", err);
    rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
    rc = rc ? fail(s, rc, "open it", err) : format_check(s, txn, err);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    return rc ? fail(s, rc, "write", err) : 0;
}

int
store_open(const char *dir, struct store **out, struct err *err)
{
    struct store *s = xcalloc(1, sizeof(*s));
    s->lock_fd = -1;
    s->path = xasprintf("%s/route.lmdb", dir);
    int rc;
    if ((rc = file_make_dir(dir, err)) || (rc = lock_folder(s, dir, err)) ||
        (rc = open_env(s, err)) || (rc = open_db(s, err))) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void
store_close(struct store *store)
{
    if (!store)
        return;
    if (store->env)
        mdb_env_close(store->env);
    if (store->lock_fd >= 0)
        (void)close(store->lock_fd); /* only read by people */
    free(store->path);
    free(store);
}

/* ---- writing ------------------------------------------------------------- */

/* The newest revision; 0: none. */
static int
last_revision(struct store *s, MDB_txn *txn, int64_t *out, struct err *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return fail(s, rc, "read it", err);
    struct key key = format_key();
    MDB_val k = val_of(&key);
    MDB_val v;
    *out = 0;
    /* 'F' is the greatest kind: what stands before it is the last change. */
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    if (rc == 0) {
        struct reader r = reader_of(k.mv_data, k.mv_size);
        (void)read_u8(&r);
        *out = read_i64(&r);
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? fail(s, rc, "read it", err) : 0;
}

static int
put_change(struct store *s, MDB_txn *txn, int64_t revision, const char *text,
           size_t len, struct err *err)
{
    int64_t last;
    int rc = last_revision(s, txn, &last, err);
    if (rc)
        return rc;
    if (revision != last + 1)
        return err_set(err, ERR_CONFLICT,
                       "%s: revision %lld after %lld: the store was changed "
                       "by somebody else",
                       s->path, (long long)revision, (long long)last);
    struct key key = change_key(revision);
    MDB_val k = val_of(&key);
    MDB_val v = {.mv_size = len + 1, .mv_data = NULL};
    rc = mdb_put(txn, s->dbi, &k, &v, MDB_RESERVE);
    if (rc)
        return fail(s, rc, "store a change", err);
    struct writer w = writer_of(v.mv_data, v.mv_size);
    write_u8(&w, CHANGE_V1);
    memcpy(w.p, text, len);
    return 0;
}

int
store_append(struct store *store, int64_t revision, const char *text,
             size_t len, struct err *err)
{
    if (len > LIMIT_CHANGE_BYTES)
        return err_set(err, ERR_LIMIT,
                       "a change set of %zu bytes; %zu are "
                       "allowed",
                       len, LIMIT_CHANGE_BYTES);
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc)
        return fail(store, rc, "begin writing", err);
    rc = put_change(store, txn, revision, text, len, err);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    return rc ? fail(store, rc, "store a change", err) : 0;
}

/* ---- reading ------------------------------------------------------------- */

static int
hand_over(struct store *s, const MDB_val *k, const MDB_val *v, store_fn fn,
          void *arg, struct err *err)
{
    struct reader key = reader_of(k->mv_data, k->mv_size);
    struct reader value = reader_of(v->mv_data, v->mv_size);
    (void)read_u8(&key);
    const int64_t revision = read_i64(&key);
    const uint8_t version = read_u8(&value);
    if (key.failed || value.failed || version != CHANGE_V1)
        return err_set(err, ERR_CORRUPT,
                       "%s: change %lld can't be read (version %d): restore "
                       "it from a copy",
                       s->path, (long long)revision, (int)version);
    return fn(revision, (const char *)value.p, value.left, arg, err);
}

static bool
is_change(const MDB_val *k)
{
    return k->mv_size > 0 && *(const uint8_t *)k->mv_data == 'C';
}

struct walk {
    struct store *store;
    int64_t from; /* first key to look at */
    MDB_cursor_op step;
    size_t limit;
    store_fn fn;
    void *arg;
};

static int
walk_cursor(const struct walk *w, MDB_cursor *cursor, struct err *err)
{
    struct key key = change_key(w->from);
    MDB_val k = val_of(&key);
    MDB_val v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0 && w->step == MDB_PREV)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    for (size_t n = 0; rc == 0 && n < w->limit && is_change(&k); n++) {
        const int stop = hand_over(w->store, &k, &v, w->fn, w->arg, err);
        if (stop)
            return stop;
        rc = mdb_cursor_get(cursor, &k, &v, w->step);
    }
    return rc && rc != MDB_NOTFOUND ? fail(w->store, rc, "read it", err) : 0;
}

static int
begin_reading(struct store *s, MDB_txn **txn, struct err *err)
{
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn);
    if (rc == MDB_READERS_FULL) {
        int dead;
        (void)mdb_reader_check(s->env, &dead); /* the second try tells */
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn);
    }
    return rc ? fail(s, rc, "begin reading", err) : 0;
}

static int
walk(const struct walk *w, struct err *err)
{
    MDB_txn *txn;
    int rc = begin_reading(w->store, &txn, err);
    if (rc)
        return rc;
    MDB_cursor *cursor;
    rc = mdb_cursor_open(txn, w->store->dbi, &cursor);
    if (rc) {
        rc = fail(w->store, rc, "read it", err);
    } else {
        rc = walk_cursor(w, cursor, err);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}

int
store_each(struct store *store, store_fn fn, void *arg, struct err *err)
{
    const struct walk w = {store, 0, MDB_NEXT, SIZE_MAX, fn, arg};
    return walk(&w, err);
}

int
store_each_back(struct store *store, int64_t before, size_t limit, store_fn fn,
                void *arg, struct err *err)
{
    const struct walk w = {store, before, MDB_PREV, limit, fn, arg};
    return walk(&w, err);
}
