/*
 * Owns the LMDB environment; nothing else includes lmdb.h.
 *
 * Format 2.  Keys are big-endian, a kind byte first:
 *   'B' u32 0         -> u8 version, i64 revision, u64 bytes of the base
 *   'B' u32 1...      -> u8 version, a piece of the base's text
 *   'C' i64 revision  -> u8 version of the value, change set as JSON
 *   'F'               -> "shunt-route", u32 format
 *   'I'               -> u8 version, table id
 * Format 1 knew neither 'B' nor 'I'.
 * Changing the format: raise FORMAT, teach format_check() to accept the older
 * number and to rewrite it in one transaction before anything else is read;
 * values keep their version byte, so single kinds can change without that.
 *
 * Threads: store_append() by one thread.  Readers open a short transaction
 * within one call (MDB_NOTLS: a reader's slot belongs to the transaction).
 * Commits are durable: no NOSYNC, no WRITEMAP.  In a group the page that makes a
 * commit the newest is flushed with the next one (NOMETASYNC): what is in the
 * file stays whole, and what a loss of power takes back ZooKeeper still has.
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
#include "route-service/uid.h"

#define FORMAT       2
#define FORMAT_OLD   1
#define MAGIC        "shunt-route"
#define CHANGE_V1    1
#define BASE_V1      1
#define ID_V1        1
#define KEY_MAX      9
#define FORMAT_BYTES 32
#define HEAD_BYTES   17
#define PIECE_BYTES  ((size_t)1 << 20)

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    char *path;
    int lock_fd; /* -1: none */
    char id[UID_SIZE];
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

static struct key
id_key(void)
{
    return (struct key){{'I'}, 1};
}

/* 0: the head of the base; then its pieces. */
static struct key
base_key(uint32_t i)
{
    struct key k = {.len = 5};
    struct writer w = writer_of(k.bytes, sizeof(k.bytes));
    write_u8(&w, 'B');
    write_u32(&w, i);
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
    case EIO: /* LMDB's word for a write that was cut short, too */
        return err_set(err, ERR_UNAVAILABLE,
                       "%s: cannot %s: the disk is full or fails (%s)", s->path,
                       what, mdb_strerror(rc));
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
format_read(struct store *s, MDB_txn *txn, const MDB_val *v, struct err *err)
{
    struct reader r = reader_of(v->mv_data, v->mv_size);
    size_t len;
    const char *magic = read_str(&r, &len);
    const uint32_t format = read_u32(&r);
    if (r.failed || len != strlen(MAGIC) || memcmp(magic, MAGIC, len) != 0)
        return fail(s, MDB_INVALID, "", err);
    if (format == FORMAT)
        return 0;
    if (format == FORMAT_OLD) /* what it has stays; the rest is added */
        return format_write(s, txn, err);
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
        return format_read(s, txn, &v, err);
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

static int
id_write(struct store *s, MDB_txn *txn, const char *id, struct err *err)
{
    uint8_t bytes[FORMAT_BYTES + UID_SIZE];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, ID_V1);
    write_str(&w, id, strlen(id));
    struct key key = id_key();
    MDB_val k = val_of(&key);
    MDB_val v = {.mv_size = w.len, .mv_data = bytes};
    const int rc = mdb_put(txn, s->dbi, &k, &v, 0);
    return rc ? fail(s, rc, "write its table id", err) : 0;
}

/* Reads the table id, or makes one. */
static int
id_check(struct store *s, MDB_txn *txn, struct err *err)
{
    struct key key = id_key();
    MDB_val k = val_of(&key);
    MDB_val v;
    const int rc = mdb_get(txn, s->dbi, &k, &v);
    if (rc == MDB_NOTFOUND) {
        uid_make(s->id);
        return id_write(s, txn, s->id, err);
    }
    if (rc)
        return fail(s, rc, "read its table id", err);
    struct reader r = reader_of(v.mv_data, v.mv_size);
    size_t len = 0;
    const uint8_t version = read_u8(&r);
    const char *id = read_str(&r, &len);
    if (r.failed || version != ID_V1 || len != UID_SIZE - 1)
        return fail(s, MDB_CORRUPTED, "", err);
    memcpy(s->id, id, len);
    return 0;
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
    rc = rc ? rc : id_check(s, txn, err);
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

const char *
store_id(const struct store *store)
{
    return store->id;
}

int
store_trust_group(struct store *store, struct err *err)
{
    const int rc = mdb_env_set_flags(store->env, MDB_NOMETASYNC, 1);
    return rc ? fail(store, rc, "set how it is flushed", err) : 0;
}

/* ---- writing ------------------------------------------------------------- */

/* Where the base ends; 0: there is none. */
static int
base_revision(struct store *s, MDB_txn *txn, int64_t *revision, uint64_t *bytes,
              struct err *err)
{
    struct key key = base_key(0);
    MDB_val k = val_of(&key);
    MDB_val v;
    *revision = 0;
    *bytes = 0;
    const int rc = mdb_get(txn, s->dbi, &k, &v);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc)
        return fail(s, rc, "read it", err);
    struct reader r = reader_of(v.mv_data, v.mv_size);
    const uint8_t version = read_u8(&r);
    *revision = read_i64(&r);
    *bytes = read_u64(&r);
    if (r.failed || version != BASE_V1 || *bytes > LIMIT_SNAPSHOT_BYTES)
        return fail(s, MDB_CORRUPTED, "", err);
    return 0;
}

static bool
is_change(const MDB_val *k)
{
    return k->mv_size > 0 && *(const uint8_t *)k->mv_data == 'C';
}

static int64_t
revision_of(const MDB_val *k)
{
    struct reader r = reader_of(k->mv_data, k->mv_size);
    (void)read_u8(&r);
    return read_i64(&r);
}

/* The newest revision; 0: none. */
static int
last_revision(struct store *s, MDB_txn *txn, int64_t *out, struct err *err)
{
    uint64_t bytes;
    int rc = base_revision(s, txn, out, &bytes, err);
    if (rc)
        return rc;
    MDB_cursor *cursor;
    rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return fail(s, rc, "read it", err);
    struct key key = format_key();
    MDB_val k = val_of(&key);
    MDB_val v;
    /* 'F' follows 'C': what stands before it is the last change. */
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    if (rc == 0 && is_change(&k))
        *out = revision_of(&k);
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? fail(s, rc, "read it", err) : 0;
}

/* A version byte and `text` under this key. */
static int
put_text(struct store *s, MDB_txn *txn, struct key key, uint8_t version,
         const char *text, size_t len, struct err *err)
{
    MDB_val k = val_of(&key);
    MDB_val v = {.mv_size = len + 1, .mv_data = NULL};
    const int rc = mdb_put(txn, s->dbi, &k, &v, MDB_RESERVE);
    if (rc)
        return fail(s, rc, "store a change", err);
    struct writer w = writer_of(v.mv_data, v.mv_size);
    write_u8(&w, version);
    memcpy(w.p, text, len);
    return 0;
}

static int
put_changes(struct store *s, MDB_txn *txn, const struct stored *v, size_t n,
            struct err *err)
{
    int64_t last;
    int rc = last_revision(s, txn, &last, err);
    for (size_t i = 0; i < n && rc == 0; i++, last++) {
        if (v[i].revision != last + 1)
            return err_set(err, ERR_CONFLICT,
                           "%s: revision %lld after %lld: the store was "
                           "changed by somebody else",
                           s->path, (long long)v[i].revision, (long long)last);
        rc = put_text(s, txn, change_key(v[i].revision), CHANGE_V1, v[i].text,
                      v[i].len, err);
    }
    return rc;
}

static int
begin_writing(struct store *s, MDB_txn **txn, struct err *err)
{
    const int rc = mdb_txn_begin(s->env, NULL, 0, txn);
    return rc ? fail(s, rc, "begin writing", err) : 0;
}

/* Commits if `rc` is 0. */
static int
end_writing(struct store *s, MDB_txn *txn, int rc, struct err *err)
{
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    return rc ? fail(s, rc, "store a change", err) : 0;
}

int
store_append_all(struct store *store, const struct stored *v, size_t n,
                 struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].len > LIMIT_CHANGE_BYTES)
            return err_set(err, ERR_LIMIT,
                           "a change set of %zu bytes; %zu are "
                           "allowed",
                           v[i].len, LIMIT_CHANGE_BYTES);
    MDB_txn *txn;
    const int rc = begin_writing(store, &txn, err);
    if (rc)
        return rc;
    return end_writing(store, txn, put_changes(store, txn, v, n, err), err);
}

int
store_append(struct store *store, int64_t revision, const char *text,
             size_t len, struct err *err)
{
    const struct stored one = {revision, text, len};
    return store_append_all(store, &one, 1, err);
}

int
store_set_id(struct store *store, const char *id, struct err *err)
{
    MDB_txn *txn;
    int rc = begin_writing(store, &txn, err);
    if (rc)
        return rc;
    rc = end_writing(store, txn, id_write(store, txn, id, err), err);
    if (rc == 0)
        (void)snprintf(store->id, sizeof(store->id), "%s", id);
    return rc;
}

/* Deletes the base and the change sets up to `revision`. */
static int
delete_old(struct store *s, MDB_txn *txn, int64_t revision, struct err *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return fail(s, rc, "read it", err);
    struct key key = base_key(0);
    MDB_val k = val_of(&key);
    MDB_val v;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && (!is_change(&k) || revision_of(&k) <= revision) &&
           *(const uint8_t *)k.mv_data != 'F') {
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? fail(s, rc, "delete a change", err) : 0;
}

static int
put_base(struct store *s, MDB_txn *txn, int64_t revision, const char *text,
         size_t len, struct err *err)
{
    uint8_t bytes[HEAD_BYTES];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, BASE_V1);
    write_i64(&w, revision);
    write_u64(&w, len);
    struct key key = base_key(0);
    MDB_val k = val_of(&key);
    MDB_val v = {.mv_size = w.len, .mv_data = bytes};
    int rc = mdb_put(txn, s->dbi, &k, &v, 0);
    rc = rc ? fail(s, rc, "store the table", err) : 0;
    uint32_t i = 1;
    for (size_t at = 0; at < len && rc == 0; at += PIECE_BYTES, i++) {
        const size_t n = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        rc = put_text(s, txn, base_key(i), BASE_V1, text + at, n, err);
    }
    return rc;
}

/* A server of a group may have jumped ahead while the older one was made. */
static int
check_base(struct store *s, MDB_txn *txn, int64_t revision, struct err *err)
{
    int64_t there;
    uint64_t bytes;
    const int rc = base_revision(s, txn, &there, &bytes, err);
    if (rc || there <= revision)
        return rc;
    return err_set(err, ERR_CONFLICT,
                   "%s begins with revision %lld already, which is newer than "
                   "%lld",
                   s->path, (long long)there, (long long)revision);
}

int
store_rebase(struct store *store, int64_t revision, const char *text,
             size_t len, struct err *err)
{
    if (len > LIMIT_SNAPSHOT_BYTES)
        return err_set(err, ERR_LIMIT, "a table of %zu bytes; %zu are allowed",
                       len, LIMIT_SNAPSHOT_BYTES);
    MDB_txn *txn;
    int rc = begin_writing(store, &txn, err);
    if (rc)
        return rc;
    if ((rc = check_base(store, txn, revision, err)) == 0 &&
        (rc = delete_old(store, txn, revision, err)) == 0)
        rc = put_base(store, txn, revision, text, len, err);
    return end_writing(store, txn, rc, err);
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
walk_in(struct store *s, MDB_txn *txn, const struct walk *w, struct err *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, s->dbi, &cursor);
    if (rc)
        return fail(s, rc, "read it", err);
    rc = walk_cursor(w, cursor, err);
    mdb_cursor_close(cursor);
    return rc;
}

static int
walk(const struct walk *w, struct err *err)
{
    MDB_txn *txn;
    int rc = begin_reading(w->store, &txn, err);
    if (rc)
        return rc;
    rc = walk_in(w->store, txn, w, err);
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

/* The pieces of the base put together; owned by the caller. */
static int
join_base(struct store *s, MDB_txn *txn, uint64_t bytes, char **text,
          struct err *err)
{
    char *out = xmalloc(bytes + 1);
    size_t at = 0;
    int rc = 0;
    for (uint32_t i = 1; at < bytes && rc == 0; i++) {
        struct key key = base_key(i);
        MDB_val k = val_of(&key);
        MDB_val v;
        rc = mdb_get(txn, s->dbi, &k, &v);
        if (rc == 0 && (v.mv_size < 2 || v.mv_size - 1 > bytes - at))
            rc = MDB_CORRUPTED;
        if (rc)
            break;
        memcpy(out + at, (const char *)v.mv_data + 1, v.mv_size - 1);
        at += v.mv_size - 1;
    }
    out[at] = '\0';
    if (rc == 0) {
        *text = out;
        return 0;
    }
    free(out);
    return fail(s, rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc, "read it", err);
}

static int
hand_base(struct store *s, MDB_txn *txn, store_fn fn, void *arg,
          struct err *err)
{
    int64_t revision;
    uint64_t bytes;
    char *text = NULL;
    int rc = base_revision(s, txn, &revision, &bytes, err);
    if (rc || revision == 0)
        return rc;
    rc = join_base(s, txn, bytes, &text, err);
    if (rc == 0)
        rc = fn(revision, text, bytes, arg, err);
    free(text);
    return rc;
}

int
store_load(struct store *store, store_fn base, store_fn fn, void *arg,
           struct err *err)
{
    MDB_txn *txn;
    int rc = begin_reading(store, &txn, err);
    if (rc)
        return rc;
    rc = hand_base(store, txn, base, arg, err);
    const struct walk w = {store, 0, MDB_NEXT, SIZE_MAX, fn, arg};
    if (rc == 0)
        rc = walk_in(store, txn, &w, err);
    mdb_txn_abort(txn);
    return rc;
}

static int
first_of(int64_t revision, const char *text, size_t len, void *arg,
         struct err *err)
{
    (void)text;
    (void)len;
    (void)err;
    *(int64_t *)arg = revision;
    return 0;
}

int
store_range(struct store *store, int64_t *first, int64_t *last, struct err *err)
{
    MDB_txn *txn;
    int rc = begin_reading(store, &txn, err);
    if (rc)
        return rc;
    rc = last_revision(store, txn, last, err);
    *first = *last + 1;
    const struct walk w = {store, 0, MDB_NEXT, 1, first_of, first};
    if (rc == 0)
        rc = walk_in(store, txn, &w, err);
    mdb_txn_abort(txn);
    return rc;
}
