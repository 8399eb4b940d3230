/*
 * One LMDB environment with one unnamed database; the keys and values are
 * layout.h's.  This file opens and closes it, and begins and ends transactions.
 *
 * One writer at a time (a mutex); a file lock keeps other mappers out.  Commits
 * are durable: no NOSYNC, no WRITEMAP.  A reader's slot belongs to its
 * transaction (NOTLS): one thread may have several views.
 */
#include "offset-mapper/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/xmem.h"
#include "offset-mapper/store_impl.h"

#define TAILS_MAX   8192
#define MAP_BYTES   ((size_t)64 << 30)
#define FILE_NAME   "offset.lmdb"
#define SPARE_PAGES 256

/* ---- errors ----------------------------------------------------------- */

static int
fail_map_full(const struct store *s, const char *what, struct err *err)
{
    MDB_envinfo info = {0};
    (void)mdb_env_info(s->env, &info); /* cannot fail: it is open */
    return err_set(err, ERR_IO,
                   "cannot %s in %s: it has grown to the %zu MiB that it may "
                   "have; raise store.max.mib",
                   what, s->path, info.me_mapsize >> 20);
}

int
store_fail(const struct store *s, int rc, const char *what, struct err *err)
{
    switch (rc) {
    case MDB_MAP_FULL:
        return fail_map_full(s, what, err);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO: /* LMDB's word for a write that was cut short, too */
        return err_set(err, ERR_IO,
                       "cannot %s in %s: the disk is full or fails (%s); make "
                       "room, it goes on by itself",
                       what, s->path, mdb_strerror(rc));
    case MDB_READERS_FULL:
        return err_set(err, ERR_BUSY,
                       "cannot %s in %s: too many questions at once; ask again",
                       what, s->path);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return err_set(err, ERR_CORRUPT,
                       "cannot %s in %s: it is damaged (%s); put a backup in "
                       "its place, or move the folder away: the topics will "
                       "be read again",
                       what, s->path, mdb_strerror(rc));
    default:
        return err_set(err, ERR_IO, "cannot %s in %s: %s", what, s->path,
                       mdb_strerror(rc));
    }
}

int
store_damaged(const struct store *s, const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "%s: %s is damaged; `shunt-offset verify-store` shows what "
                   "else is. Put a backup in its place, or move the folder "
                   "away: the topics will be read again",
                   s->path, what);
}

static int
not_ours(const struct store *s, const char *whose, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "%s is %s; choose another data.dir",
                   s->path, whose);
}

/* ---- environment ------------------------------------------------------ */

static int
take_lock(struct store *s, struct err *err)
{
    char *path = xasprintf("%s.owner", s->path);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    int rc = 0;
    if (s->lock_fd < 0)
        rc = err_errno(err, ERR_IO, errno, "cannot open %s", path);
    else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        rc = err_set(err, ERR_BUSY,
                     "%s is in use by another shunt-offset; stop that one or "
                     "choose another data.dir",
                     s->path);
    free(path);
    return rc;
}

/* LMDB trusts its file: reading beyond the end kills the process. What a
 * transaction took and gave back may be missing at the end. */
static int
check_length(const struct store *s, struct err *err)
{
    MDB_envinfo info = {0};
    MDB_stat pages_of = {0};
    struct stat file;
    (void)mdb_env_info(s->env, &info); /* cannot fail: it is open */
    (void)mdb_env_stat(s->env, &pages_of);
    if (stat(s->path, &file))
        return err_errno(err, ERR_IO, errno, "cannot look at %s", s->path);
    const size_t pages = (size_t)file.st_size / pages_of.ms_psize;
    if (pages + SPARE_PAGES > info.me_last_pgno)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "%s is cut short: it has %zu pages of %zu; put a backup in "
                   "its place, or move the folder away: the topics will be "
                   "read again",
                   s->path, pages, info.me_last_pgno + 1);
}

static int
open_env(struct store *s, const struct store_limits *limits, unsigned flags,
         struct err *err)
{
    const size_t map =
        limits && limits->map_bytes ? limits->map_bytes : MAP_BYTES;
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, map);
    if (rc == 0 && limits && limits->readers_max)
        rc = mdb_env_set_maxreaders(s->env, limits->readers_max);
    if (rc == 0)
        rc = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOTLS | flags,
                          0644);
    if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH)
        return not_ours(s, "not a file of shunt-offset", err);
    return rc ? store_fail(s, rc, "open the store", err) : check_length(s, err);
}

static int
write_format(struct store *s, MDB_txn *txn, struct err *err)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, s->dbi, &stat);
    if (rc)
        return store_fail(s, rc, "look at the store", err);
    if (stat.ms_entries > 0)
        return not_ours(s, "another program's LMDB file", err);
    struct key k;
    key_kind(&k, 'f');
    struct value format = value_format();
    MDB_val key = store_key(&k), v = {format.len, format.bytes};
    rc = mdb_put(txn, s->dbi, &key, &v, 0);
    return rc ? store_fail(s, rc, "write the format", err) : 0;
}

static int
check_format(struct store *s, MDB_txn *txn, struct err *err)
{
    struct key k;
    MDB_val v;
    bool found;
    key_kind(&k, 'f');
    int rc = store_get(s, txn, &k, &found, &v, err);
    if (rc)
        return rc;
    if (!found)
        return s->lock_fd < 0 ? not_ours(s, "not a file of shunt-offset", err)
                              : write_format(s, txn, err);
    const int32_t format = value_format_read(v.mv_data, v.mv_size);
    if (format < 0)
        return not_ours(s, "another program's LMDB file", err);
    if (format == LAYOUT_FORMAT)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "%s has format %d, this program reads %d; use the release "
                   "that wrote it, or an empty data.dir: the topics will be "
                   "read again",
                   s->path, format, LAYOUT_FORMAT);
}

static int
open_dbi(struct store *s, unsigned flags, struct err *err)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, flags, &txn);
    if (rc)
        return store_fail(s, rc, "begin", err);
    rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
    rc = rc ? store_fail(s, rc, "open the database", err)
            : check_format(s, txn, err);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    return rc ? store_fail(s, rc, "commit", err) : 0;
}

/* ---- what is kept in memory ------------------------------------------- */

static int
load_name(const MDB_val *key, const MDB_val *value, void *arg)
{
    struct store *s = arg;
    struct store_part name;
    char *flow, *topic;
    uint32_t pid;
    if (!value_pid_read(value->mv_data, value->mv_size, &pid) ||
        !key_name_read(key->mv_data, key->mv_size, &flow, &topic,
                       &name.partition))
        return 1;
    name.flow = flow;
    name.topic = topic;
    const bool taken = parts_load(&s->parts, &name, pid);
    free(flow);
    free(topic);
    return taken ? 0 : 1;
}

struct load_states {
    struct store *s;
    size_t txn_id;
};

static int
load_state(const MDB_val *key, const MDB_val *value, void *arg)
{
    const struct load_states *l = arg;
    uint32_t pid;
    struct part_state state;
    if (!key_pid_read(key->mv_data, key->mv_size, &pid) ||
        pid >= l->s->parts.n ||
        !value_state_read(value->mv_data, value->mv_size, &state))
        return 1;
    struct part *part = l->s->parts.v[pid];
    part->state = state;
    part->since = l->txn_id;
    return 0;
}

static int
load_parts(struct store *s, struct err *err)
{
    struct store_view *v;
    struct key k;
    int rc = store_view_open(s, &v, err);
    if (rc)
        return rc;
    struct load_states l = {s, mdb_txn_id(v->txn)};
    key_kind(&k, 'n');
    rc = store_each(s, v->txn, &k, load_name, s, err);
    if (rc > 0 || (rc == 0 && !parts_whole(&s->parts)))
        rc = store_damaged(s, "the list of partitions", err);
    key_kind(&k, 's');
    if (rc == 0)
        rc = store_each(s, v->txn, &k, load_state, &l, err);
    if (rc > 0)
        rc = store_damaged(s, "the state of a partition", err);
    store_view_close(v);
    return rc;
}

/* ---- life ------------------------------------------------------------- */

static struct store *
store_new(const char *dir)
{
    struct store *s = xcalloc(1, sizeof(*s));
    s->path = xasprintf("%s/" FILE_NAME, dir);
    s->lock_fd = -1;
    s->tails_max = TAILS_MAX;
    (void)pthread_mutex_init(&s->writing, NULL); /* cannot fail: defaults */
    parts_init(&s->parts);
    return s;
}

int
store_open(const char *dir, struct store **out, struct err *err)
{
    return store_open_limits(dir, NULL, out, err);
}

int
store_open_limits(const char *dir, const struct store_limits *limits,
                  struct store **out, struct err *err)
{
    *out = NULL;
    int rc = file_make_dir(dir, err);
    if (rc)
        return rc;
    struct store *s = store_new(dir);
    if (limits && limits->tails_max)
        s->tails_max = limits->tails_max;
    rc = take_lock(s, err);
    if (rc == 0)
        rc = open_env(s, limits, 0, err);
    if (rc == 0)
        rc = file_sync_name(s->path, err); /* LMDB syncs what is in it only */
    if (rc == 0)
        rc = open_dbi(s, 0, err);
    if (rc == 0)
        rc = load_parts(s, err);
    if (rc) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int
store_open_read(const char *dir, struct store **out, struct err *err)
{
    *out = NULL;
    struct store *s = store_new(dir);
    int rc = access(s->path, R_OK) ? err_errno(err, ERR_NOTFOUND, errno,
                                               "cannot read %s", s->path)
                                   : open_env(s, NULL, MDB_RDONLY, err);
    if (rc == 0)
        rc = open_dbi(s, MDB_RDONLY, err);
    if (rc) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void
store_close(struct store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    (void)pthread_mutex_destroy(&s->writing);
    parts_fini(&s->parts);
    free(s->path);
    free(s);
}

/* ---- backup ----------------------------------------------------------- */

static int
fail_copy(const struct store *s, const char *path, int rc, struct err *err)
{
    return err_set(err, ERR_IO, "cannot copy %s to %s: %s", s->path, path,
                   mdb_strerror(rc));
}

static int
sync_file(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int rc = fsync(fd) ? errno : 0;
    close(fd);
    return rc;
}

/* Whole under its name, or not there at all. */
static int
copy_to(struct store *s, const char *path, const char *part, struct err *err)
{
    (void)unlink(part); /* of a backup that was cut short */
    int rc = mdb_env_copy2(s->env, part, MDB_CP_COMPACT);
    if (rc == 0)
        rc = sync_file(part);
    if (rc == 0 && link(part, path))
        rc = errno;
    (void)unlink(part);
    if (rc == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "%s is there already; give an empty folder", path);
    return rc ? fail_copy(s, path, rc, err) : file_sync_name(path, err);
}

int
store_backup(struct store *s, const char *dir, struct err *err)
{
    int rc = file_make_dir(dir, err);
    if (rc)
        return rc;
    char *path = xasprintf("%s/" FILE_NAME, dir);
    char *part = xasprintf("%s.part", path);
    if (access(path, F_OK) == 0)
        rc = err_set(err, ERR_CONFLICT,
                     "%s is there already; give an empty folder", path);
    else
        rc = copy_to(s, path, part, err);
    free(part);
    free(path);
    return rc;
}

/* ---- transactions ----------------------------------------------------- */

int
store_view_open(struct store *s, struct store_view **out, struct err *err)
{
    MDB_txn *txn = NULL;
    int dead;
    *out = NULL;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc == MDB_READERS_FULL && mdb_reader_check(s->env, &dead) == 0)
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(s, rc, "read", err);
    *out = xcalloc(1, sizeof(**out));
    **out = (struct store_view){.store = s, .txn = txn};
    return 0;
}

void
store_view_close(struct store_view *v)
{
    if (!v)
        return;
    if (v->cursor)
        mdb_cursor_close(v->cursor);
    mdb_txn_abort(v->txn);
    free(v);
}

int
store_batch_begin(struct store *s, struct store_batch **out, struct err *err)
{
    *out = NULL;
    MDB_txn *txn = NULL;
    (void)pthread_mutex_lock(&s->writing); /* cannot fail: never recursive */
    const int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc) {
        (void)pthread_mutex_unlock(&s->writing);
        return store_fail(s, rc, "write", err);
    }
    *out = xcalloc(1, sizeof(**out));
    **out = (struct store_batch){.store = s, .txn = txn};
    return 0;
}

/* After its transaction has ended. */
static void
batch_free(struct store_batch *b)
{
    store_runs_forget(b);
    (void)pthread_mutex_unlock(&b->store->writing);
    free(b);
}

void
store_batch_abort(struct store_batch *b)
{
    if (!b)
        return;
    mdb_txn_abort(b->txn);
    batch_free(b);
}

int
store_batch_end_take(struct store_batch *b, struct err *err)
{
    int rc = store_runs_flush(b, err);
    if (rc) {
        store_batch_abort(b);
        return rc;
    }
    const size_t id = mdb_txn_id(b->txn);
    store_runs_before_commit(b);
    rc = mdb_txn_commit(b->txn);
    b->txn = NULL;
    if (rc)
        rc = store_fail(b->store, rc, "commit", err);
    store_runs_after_commit(b, rc == 0, id);
    batch_free(b);
    return rc;
}

/* ---- positions -------------------------------------------------------- */

int
store_progress_load(struct store *s, const char *flow, const char *source,
                    struct store_progress *out, struct err *err)
{
    *out = (struct store_progress){0};
    struct key k;
    MDB_val v;
    bool found;
    if (key_progress(&k, flow, source))
        return err_set(err, ERR_LIMIT, "the names in flow %s are too long",
                       flow);
    struct store_view *view;
    int rc = store_view_open(s, &view, err);
    if (rc)
        return rc;
    rc = store_get(s, view->txn, &k, &found, &v, err);
    if (rc == 0 && found && !value_progress_read(v.mv_data, v.mv_size, out))
        rc = store_damaged(s, "the position of a flow", err);
    store_view_close(view);
    out->runs = parts_runs(&s->parts, flow);
    return rc;
}

int
store_batch_commit_take(struct store_batch *b, const char *flow,
                        const char *source, const struct store_progress *p,
                        struct err *err)
{
    struct key k;
    const struct value v = value_progress(p);
    const int rc =
        key_progress(&k, flow, source)
            ? err_set(err, ERR_LIMIT, "names of flow %s too long", flow)
            : store_put(b, &k, v.bytes, v.len, err);
    if (rc) {
        store_batch_abort(b);
        return rc;
    }
    return store_batch_end_take(b, err);
}
