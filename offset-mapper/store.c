/*
 * One LMDB environment with one unnamed database; the keys and values are
 * layout.h's.
 *
 * Invariants: 'u' and 'v' hold the same runs; 's'.newest is the last of them.
 * One writer at a time (mutex); a file lock keeps other processes out.
 */
#include "offset-mapper/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/xmem.h"
#include "offset-mapper/store_impl.h"

#define MAP_SIZE_BYTES ((size_t)1 << 36)
#define FILE_NAME      "offset.lmdb"

int
store_fail(const struct store *s, int rc, const char *what, struct err *err)
{
    switch (rc) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EFBIG:
        return err_set(err, ERR_IO,
                       "cannot %s in %s: it is full (%s); make room", what,
                       s->path, mdb_strerror(rc));
    case MDB_READERS_FULL:
        return err_set(err, ERR_BUSY,
                       "cannot %s in %s: too many readers at once; ask again",
                       what, s->path);
    default:
        return err_set(err, ERR_IO, "cannot %s in %s: %s", what, s->path,
                       mdb_strerror(rc));
    }
}

int
store_damaged(const struct store *s, const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "%s: %s cannot be read; move the folder away, the topics "
                   "will be read again",
                   s->path, what);
}

static MDB_val
key_val(const struct key *k)
{
    return (MDB_val){k->len, (void *)(uintptr_t)k->bytes}; /* only read */
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

static int
open_env(struct store *s, const struct store_limits *l, struct err *err)
{
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env,
                                 l->map_bytes ? l->map_bytes : MAP_SIZE_BYTES);
    if (rc == 0 && l->readers_max)
        rc = mdb_env_set_maxreaders(s->env, l->readers_max);
    if (rc == 0)
        rc = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOTLS, 0644);
    if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH)
        return err_set(err, ERR_CORRUPT,
                       "%s is not a file of shunt-offset; choose another "
                       "data.dir",
                       s->path);
    if (rc)
        return store_fail(s, rc, "open the store", err);
    return file_sync_name(s->path, err); /* LMDB syncs what is in it only */
}

static int
write_format(struct store *s, MDB_txn *txn, struct err *err)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, s->dbi, &stat);
    if (rc)
        return store_fail(s, rc, "look at the store", err);
    if (stat.ms_entries > 0)
        return err_set(err, ERR_CORRUPT,
                       "%s is another program's LMDB file; choose another "
                       "data.dir",
                       s->path);
    struct value format = value_format();
    char kind = 'f';
    MDB_val k = {1, &kind}, v = {format.len, format.bytes};
    rc = mdb_put(txn, s->dbi, &k, &v, 0);
    return rc ? store_fail(s, rc, "write the format", err) : 0;
}

static int
check_format(struct store *s, MDB_txn *txn, struct err *err)
{
    char kind = 'f';
    MDB_val k = {1, &kind}, v;
    const int rc = mdb_get(txn, s->dbi, &k, &v);
    if (rc == MDB_NOTFOUND)
        return write_format(s, txn, err);
    if (rc)
        return store_fail(s, rc, "read the format", err);
    const int32_t format = value_format_read(v.mv_data, v.mv_size);
    if (format < 0)
        return err_set(err, ERR_CORRUPT,
                       "%s is another program's LMDB file; choose another "
                       "data.dir",
                       s->path);
    if (format != LAYOUT_FORMAT)
        return err_set(err, ERR_CORRUPT,
                       "%s has format %d, this program knows %d; use the "
                       "release that wrote it or an empty data.dir",
                       s->path, format, LAYOUT_FORMAT);
    return 0;
}

static int
open_dbi(struct store *s, struct err *err)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return store_fail(s, rc, "write", err);
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

int
store_open(const char *dir, struct store **out, struct err *err)
{
    return store_open_limits(dir, NULL, out, err);
}

int
store_open_limits(const char *dir, const struct store_limits *limits,
                  struct store **out, struct err *err)
{
    static const struct store_limits usual = {0};
    *out = NULL;
    int rc = file_make_dir(dir, err);
    if (rc)
        return rc;
    struct store *s = xcalloc(1, sizeof(*s));
    s->path = xasprintf("%s/" FILE_NAME, dir);
    s->lock_fd = -1;
    (void)pthread_mutex_init(&s->writing, NULL); /* cannot fail: defaults */
    rc = take_lock(s, err);
    if (rc == 0)
        rc = open_env(s, limits ? limits : &usual, err);
    if (rc == 0)
        rc = open_dbi(s, err);
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
    free(s->path);
    free(s);
}

int
store_backup(struct store *s, const char *dir, struct err *err)
{
    int rc = file_make_dir(dir, err);
    if (rc)
        return rc;
    char *path = xasprintf("%s/" FILE_NAME, dir);
    rc = mdb_env_copy2(s->env, path, MDB_CP_COMPACT);
    if (rc == EEXIST)
        rc = err_set(err, ERR_CONFLICT, "%s is there already", path);
    else if (rc)
        rc = err_set(err, ERR_IO, "cannot copy %s to %s: %s", s->path, path,
                     mdb_strerror(rc));
    else
        rc = file_sync_name(path, err);
    free(path);
    return rc;
}

/* ---- reading ---------------------------------------------------------- */

static int
load_state(struct store *s, MDB_txn *txn, const struct store_part *part,
           struct part_state *out, struct err *err)
{
    *out = (struct part_state){0};
    struct key k;
    if (key_part(&k, 's', part))
        return 0; /* a name too long to be kept is not known */
    MDB_val key = key_val(&k), v;
    const int rc = mdb_get(txn, s->dbi, &key, &v);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc)
        return store_fail(s, rc, "read a partition", err);
    return value_state_read(v.mv_data, v.mv_size, out)
               ? 0
               : store_damaged(s, "a partition's state", err);
}

static struct store_info
part_info(const struct part_state *s)
{
    return (struct store_info){s->runs.any, s->incarnation, s->why,
                               s->begun_ms, s->newest_ms,   s->runs.newest};
}

static bool
run_read(const MDB_val *key, const MDB_val *v, struct run *out)
{
    return value_run_read(key->mv_data, key->mv_size, v->mv_data, v->mv_size,
                          out);
}

/* A cursor on one of a partition's two indexes. */
struct walk {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct key prefix; /* of kind 'u' or 'v' */
    struct key by_up;  /* the same of kind 'u' */
    bool reverse;
    bool off_end; /* the last walk_get() found no entry at all */
};

static int
walk_open(struct walk *w, struct store *s, MDB_txn *txn,
          const struct store_part *part, bool reverse, struct err *err)
{
    *w = (struct walk){.store = s, .txn = txn, .reverse = reverse};
    if (key_part(&w->prefix, reverse ? 'v' : 'u', part) ||
        key_part(&w->by_up, 'u', part))
        return err_set(err, ERR_INVALID, "the topic name is too long");
    const int rc = mdb_cursor_open(txn, s->dbi, &w->cursor);
    return rc ? store_fail(s, rc, "read runs", err) : 0;
}

static int
by_down_read(struct walk *w, const MDB_val *v, struct run *out, struct err *err)
{
    int64_t up;
    if (!value_up_read(v->mv_data, v->mv_size, &up))
        return store_damaged(w->store, "a run", err);
    struct key k = key_at(&w->by_up, up);
    MDB_val key = key_val(&k), value;
    if (mdb_get(w->txn, w->store->dbi, &key, &value) != 0 ||
        !run_read(&key, &value, out))
        return store_damaged(w->store, "a run", err);
    return 0;
}

/* The run under the cursor after `op`; *found is false when that is none of
 * this partition's. `key` is in and out for MDB_SET_RANGE. */
static int
walk_get(struct walk *w, MDB_val *key, MDB_cursor_op op, bool *found,
         struct run *out, struct err *err)
{
    MDB_val v;
    *found = false;
    const int rc = mdb_cursor_get(w->cursor, key, &v, op);
    w->off_end = rc == MDB_NOTFOUND;
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc)
        return store_fail(w->store, rc, "read runs", err);
    if (!key_is_at(key->mv_data, key->mv_size, &w->prefix))
        return 0;
    *found = true;
    if (w->reverse)
        return by_down_read(w, &v, out, err);
    return run_read(key, &v, out) ? 0 : store_damaged(w->store, "a run", err);
}

/* The runs around an offset, by up or by down. */
struct around {
    bool has_at, has_after;
    struct run at, after;
};

static int
walk_around(struct walk *w, int64_t q, struct around *out, struct err *err)
{
    *out = (struct around){0};
    struct key k = key_at(&w->prefix, q < INT64_MAX ? q + 1 : q);
    MDB_val key = key_val(&k);
    int rc =
        walk_get(w, &key, MDB_SET_RANGE, &out->has_after, &out->after, err);
    const MDB_cursor_op back = w->off_end ? MDB_LAST : MDB_PREV;
    if (rc == 0)
        rc = walk_get(w, &key, back, &out->has_at, &out->at, err);
    return rc;
}

int
store_view_open(struct store *s, struct store_view **out, struct err *err)
{
    MDB_txn *txn = NULL;
    int dead;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc == MDB_READERS_FULL && mdb_reader_check(s->env, &dead) == 0)
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(s, rc, "read", err);
    *out = xcalloc(1, sizeof(**out));
    **out = (struct store_view){s, txn};
    return 0;
}

void
store_view_close(struct store_view *v)
{
    if (!v)
        return;
    mdb_txn_abort(v->txn);
    free(v);
}

static int
view_around(struct store_view *v, const struct store_part *part, int64_t q,
            bool reverse, struct around *out, struct err *err)
{
    struct walk w;
    int rc = walk_open(&w, v->store, v->txn, part, reverse, err);
    if (rc)
        return rc;
    rc = walk_around(&w, q, out, err);
    mdb_cursor_close(w.cursor);
    return rc;
}

static int
view_answer(struct store_view *v, const struct store_part *part, int64_t q,
            int64_t end, bool reverse, struct store_info *info,
            struct runs_answer *out, struct err *err)
{
    struct part_state state;
    struct around r = {0};
    int rc = load_state(v->store, v->txn, part, &state, err);
    *info = part_info(&state);
    if (rc == 0 && state.runs.any)
        rc = view_around(v, part, q, reverse, &r, err);
    if (rc)
        return rc;
    const struct run *at = r.has_at ? &r.at : NULL;
    const struct run *after = r.has_after ? &r.after : NULL;
    if (reverse)
        runs_reverse(&state.runs, at, after, q, end, out);
    else
        runs_forward(&state.runs, at, after, q, end, out);
    return 0;
}

int
store_view_forward(struct store_view *v, const struct store_part *part,
                   int64_t q, int64_t down_end, struct store_info *info,
                   struct runs_answer *out, struct err *err)
{
    return view_answer(v, part, q, down_end, false, info, out, err);
}

int
store_view_reverse(struct store_view *v, const struct store_part *part,
                   int64_t q, int64_t up_end, struct store_info *info,
                   struct runs_answer *out, struct err *err)
{
    return view_answer(v, part, q, up_end, true, info, out, err);
}

int
store_view_info(struct store_view *v, const struct store_part *part,
                struct store_info *info, struct err *err)
{
    struct part_state state;
    const int rc = load_state(v->store, v->txn, part, &state, err);
    *info = part_info(&state);
    return rc;
}

struct each_part {
    const char *flow;
    void (*fn)(const struct store_part *part, const struct store_info *info,
               void *arg);
    void *arg;
};

static int
on_part(const MDB_val *key, const MDB_val *value, void *arg)
{
    const struct each_part *e = arg;
    char *topic;
    struct store_part part = {.flow = e->flow};
    struct part_state state;
    if (!key_part_read(key->mv_data, key->mv_size, &topic, &part.partition) ||
        !value_state_read(value->mv_data, value->mv_size, &state))
        return 1;
    part.topic = topic;
    const struct store_info info = part_info(&state);
    e->fn(&part, &info, e->arg);
    free(topic);
    return 0;
}

int
store_view_parts(struct store_view *v, const char *flow,
                 void (*fn)(const struct store_part *part,
                            const struct store_info *info, void *arg),
                 void *arg, struct err *err)
{
    struct each_part e = {flow, fn, arg};
    struct key prefix;
    if (key_flow(&prefix, 's', flow))
        return 0; /* a name too long to be kept is not known */
    const int rc = store_each(v->store, v->txn, &prefix, on_part, &e, err);
    return rc > 0 ? store_damaged(v->store, "a partition's state", err) : rc;
}

int
store_view_runs(struct store_view *v, const struct store_part *part,
                size_t limit, void (*fn)(const struct run *r, void *arg),
                void *arg, struct err *err)
{
    struct walk w;
    int rc = walk_open(&w, v->store, v->txn, part, false, err);
    if (rc)
        return rc;
    struct key k = key_at(&w.prefix, 0);
    MDB_val key = key_val(&k);
    MDB_cursor_op op = MDB_SET_RANGE;
    bool found = true;
    for (size_t n = 0; n < limit && rc == 0 && found; n++, op = MDB_NEXT) {
        struct run r;
        rc = walk_get(&w, &key, op, &found, &r, err);
        if (rc == 0 && found)
            fn(&r, arg);
    }
    mdb_cursor_close(w.cursor);
    return rc;
}

int
store_progress_load(struct store *s, const char *flow, const char *source,
                    struct store_progress *out, struct err *err)
{
    *out = (struct store_progress){0};
    struct key k;
    if (key_progress(&k, flow, source))
        return err_set(err, ERR_LIMIT, "the names in flow %s are too long",
                       flow);
    struct store_view *view;
    int rc = store_view_open(s, &view, err);
    if (rc)
        return rc;
    MDB_val key = key_val(&k), v;
    rc = mdb_get(view->txn, s->dbi, &key, &v);
    if (rc == MDB_NOTFOUND)
        rc = 0;
    else if (rc)
        rc = store_fail(s, rc, "read a position", err);
    else if (!value_progress_read(v.mv_data, v.mv_size, out))
        rc = store_damaged(s, "a position", err);
    store_view_close(view);
    return rc;
}

/* ---- writing ---------------------------------------------------------- */

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
    **out = (struct store_batch){s, txn};
    return 0;
}

static void
batch_end(struct store_batch *b)
{
    (void)pthread_mutex_unlock(&b->store->writing);
    free(b);
}

void
store_batch_abort(struct store_batch *b)
{
    if (!b)
        return;
    mdb_txn_abort(b->txn);
    batch_end(b);
}

static int
put(struct store_batch *b, struct key *k, struct value *v, struct err *err)
{
    return store_put(b, k, v->bytes, v->len, err);
}

/* The keys of a partition that a step needs. */
struct part_keys {
    struct key state, up, down;
};

static int
part_keys_of(struct part_keys *k, const struct store_part *part)
{
    return key_part(&k->state, 's', part) | key_part(&k->up, 'u', part) |
           key_part(&k->down, 'v', part);
}

static int
put_run(struct store_batch *b, const struct part_keys *keys,
        const struct run *r, struct err *err)
{
    struct key up = key_at(&keys->up, r->up);
    struct value v = value_run(r);
    int rc = put(b, &up, &v, err);
    if (rc)
        return rc;
    struct key down = key_at(&keys->down, r->down);
    v = value_up(r->up);
    return put(b, &down, &v, err);
}

static int
drop_run(struct store_batch *b, const struct part_keys *keys,
         const struct run *r, struct err *err)
{
    struct key up = key_at(&keys->up, r->up);
    struct key down = key_at(&keys->down, r->down);
    const int rc = store_del(b, &down, err);
    return rc ? rc : store_del(b, &up, err);
}

/* Drops every run with up >= from; *dropped counts them. */
static int
drop_runs(struct store_batch *b, const struct store_part *part,
          const struct part_keys *keys, int64_t from, int64_t *dropped,
          struct err *err)
{
    struct walk w;
    int rc = walk_open(&w, b->store, b->txn, part, false, err);
    if (rc)
        return rc;
    bool found = true;
    while (rc == 0 && found) {
        struct key k = key_at(&keys->up, from);
        MDB_val key = key_val(&k);
        struct run r;
        rc = walk_get(&w, &key, MDB_SET_RANGE, &found, &r, err);
        if (rc || !found)
            break;
        rc = drop_run(b, keys, &r, err);
        ++*dropped;
    }
    mdb_cursor_close(w.cursor);
    return rc;
}

static int
keep_step(struct store_batch *b, const struct store_part *part,
          const struct runs_step *step, struct part_state *s,
          struct store_progress *p, struct err *err)
{
    struct part_keys keys;
    if (part_keys_of(&keys, part))
        return err_set(err, ERR_INVALID, "the topic name is too long");
    int rc = 0;
    int64_t dropped = 0;
    if (step->change == RUNS_RESTART || step->change == RUNS_BACK)
        rc = drop_runs(b, part, &keys,
                       step->change == RUNS_BACK ? step->from : 0, &dropped,
                       err);
    if (rc == 0 && step->kept.length > 0)
        rc = put_run(b, &keys, &step->kept, err);
    if (rc == 0 && step->change != RUNS_SAME)
        rc = put_run(b, &keys, &step->put, err);
    if (step->change == RUNS_RESTART)
        *s = (struct part_state){.incarnation = s->incarnation + 1,
                                 .why = STORE_TARGET_ANEW,
                                 .begun_ms = s->newest_ms,
                                 .newest_ms = s->newest_ms};
    s->runs = step->next;
    struct value state = value_state(s);
    if (rc == 0)
        rc = put(b, &keys.state, &state, err);
    p->runs += (step->change > RUNS_PUT) - dropped;
    p->restarts += step->change == RUNS_RESTART;
    p->backs += step->change == RUNS_BACK;
    return rc;
}

static int
run_before(struct store_batch *b, const struct store_part *part, int64_t up,
           struct around *out, struct err *err)
{
    struct store_view v = {b->store, b->txn};
    return view_around(&v, part, up, false, out, err);
}

int
store_batch_sync(struct store_batch *b, const struct store_part *part,
                 int64_t up, int64_t down, int64_t time_ms,
                 struct store_progress *p, enum runs_change *change,
                 struct err *err)
{
    struct part_state state;
    struct runs_step step;
    struct around r = {0};
    int rc = load_state(b->store, b->txn, part, &state, err);
    if (rc == 0 && state.runs.any && up >= 0)
        rc = run_before(b, part, up, &r, err);
    if (rc)
        return rc;
    rc = runs_apply(&state.runs, r.has_at ? &r.at : NULL, up, down, &step);
    if (rc)
        return err_set(err, rc, "offsets %lld -> %lld are out of range",
                       (long long)up, (long long)down);
    *change = step.change;
    state.newest_ms = time_ms;
    if (!state.incarnation) {
        state.incarnation = 1;
        state.begun_ms = time_ms;
    }
    rc = keep_step(b, part, &step, &state, p, err);
    if (rc == 0)
        p->syncs++;
    return rc;
}

int
store_batch_incarnation(struct store_batch *b, const struct store_part *part,
                        enum store_begun why, int64_t now_ms,
                        struct store_progress *p, struct err *err)
{
    struct part_keys keys;
    struct part_state s;
    int64_t dropped = 0;
    int rc = load_state(b->store, b->txn, part, &s, err);
    if (rc || !s.incarnation || part_keys_of(&keys, part))
        return rc;
    rc = drop_runs(b, part, &keys, 0, &dropped, err);
    p->runs -= dropped;
    s = (struct part_state){
        .incarnation = s.incarnation + 1, .why = why, .begun_ms = now_ms};
    struct value state = value_state(&s);
    return rc ? rc : put(b, &keys.state, &state, err);
}

static int
drop_old(struct store_batch *b, const struct store_part *part, int64_t up_start,
         size_t limit, int64_t *dropped, struct err *err)
{
    struct part_keys keys;
    struct part_state s;
    int rc = load_state(b->store, b->txn, part, &s, err);
    if (rc || !s.runs.any || part_keys_of(&keys, part))
        return rc;
    for (size_t i = 0; i < limit && rc == 0; i++) {
        struct around r;
        rc = run_before(b, part, -1, &r, err);
        if (rc || !r.has_after || r.after.up + r.after.length > up_start ||
            r.after.up == s.runs.newest.up)
            break;
        rc = drop_run(b, &keys, &r.after, err);
        ++*dropped;
    }
    return rc;
}

int
store_prune(struct store *s, const struct store_part *part, int64_t up_start,
            size_t limit, int64_t *dropped, struct err *err)
{
    struct store_batch *b;
    *dropped = 0;
    int rc = store_batch_begin(s, &b, err);
    if (rc)
        return rc;
    rc = drop_old(b, part, up_start, limit, dropped, err);
    if (rc) {
        store_batch_abort(b);
        *dropped = 0;
        return rc;
    }
    rc = mdb_txn_commit(b->txn);
    if (rc)
        rc = store_fail(s, rc, "commit", err);
    batch_end(b);
    return rc;
}

int
store_batch_commit_take(struct store_batch *b, const char *flow,
                        const char *source, const struct store_progress *p,
                        struct err *err)
{
    struct key k;
    struct value v = value_progress(p);
    int rc = key_progress(&k, flow, source)
                 ? err_set(err, ERR_LIMIT, "names of flow %s too long", flow)
                 : put(b, &k, &v, err);
    if (rc) {
        store_batch_abort(b);
        return rc;
    }
    rc = mdb_txn_commit(b->txn);
    if (rc)
        rc = store_fail(b->store, rc, "commit", err);
    batch_end(b);
    return rc;
}
