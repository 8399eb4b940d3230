/*
 * Views: what is known of one partition around an offset.  The newest run is in
 * the state, so a question at the tail reads no block at all.
 */
#include <stdlib.h>

#include "offset-mapper/block.h"
#include "offset-mapper/store_impl.h"

/* ---- partitions ------------------------------------------------------- */

/* The incarnation is 0 when it was never heard of. */
static int
find_part(struct store_view *v, const struct store_part *name, uint32_t *pid,
          struct part_state *out, struct err *err)
{
    size_t since;
    if (!parts_look(&v->store->parts, name, pid, out, &since)) {
        *out = (struct part_state){0};
        return 0;
    }
    if (since <= mdb_txn_id(v->txn))
        return 0;
    return store_state_read(v->store, v->txn, *pid, out, err);
}

static struct store_info
info_of(const struct part_state *s)
{
    return (struct store_info){.known = s->runs.any,
                               .extras = s->runs.extras,
                               .incarnation = s->incarnation,
                               .why = s->why,
                               .begun_ms = s->begun_ms,
                               .newest_ms = s->newest_ms,
                               .newest = s->runs.newest,
                               .doubt = s->runs.doubt,
                               .doubt_until = s->runs.doubt_until};
}

int
store_view_info(struct store_view *v, const struct store_part *part,
                struct store_info *info, struct err *err)
{
    uint32_t pid;
    struct part_state state;
    const int rc = find_part(v, part, &pid, &state, err);
    *info = info_of(&state);
    return rc;
}

struct each_part {
    struct store_view *view;
    void (*fn)(const struct store_part *part, const struct store_info *info,
               void *arg);
    void *arg;
    struct err *err;
};

static int
on_part(const MDB_val *key, const MDB_val *value, void *arg)
{
    const struct each_part *e = arg;
    struct store *s = e->view->store;
    struct store_part part;
    struct part_state state;
    uint32_t pid;
    char *flow, *topic;
    if (!value_pid_read(value->mv_data, value->mv_size, &pid) ||
        !key_name_read(key->mv_data, key->mv_size, &flow, &topic,
                       &part.partition))
        return store_damaged(s, "the list of partitions", e->err);
    part.flow = flow;
    part.topic = topic;
    const int rc = store_state_read(s, e->view->txn, pid, &state, e->err);
    const struct store_info info = info_of(&state);
    if (rc == 0)
        e->fn(&part, &info, e->arg);
    free(flow);
    free(topic);
    return rc;
}

int
store_view_parts(struct store_view *v, const char *flow,
                 void (*fn)(const struct store_part *part,
                            const struct store_info *info, void *arg),
                 void *arg, struct err *err)
{
    struct each_part e = {v, fn, arg, err};
    struct key prefix;
    if (key_flow(&prefix, 'n', flow))
        return 0; /* a name too long to be kept is not known */
    return store_each(v->store, v->txn, &prefix, on_part, &e, err);
}

/* ---- blocks ----------------------------------------------------------- */

static int
ready_cursor(struct store_view *v, struct err *err)
{
    if (v->cursor)
        return 0;
    const int rc = mdb_cursor_open(v->txn, v->store->dbi, &v->cursor);
    return rc ? store_fail(v->store, rc, "read runs", err) : 0;
}

/* The view's cursor after `op`. *found is false when what is under it does not
 * start with `prefix`; *ended when there is nothing. */
static int
step(struct store_view *v, MDB_cursor_op op, const struct key *prefix,
     MDB_val *key, MDB_val *value, bool *found, bool *ended, struct err *err)
{
    const int rc = mdb_cursor_get(v->cursor, key, value, op);
    *ended = rc == MDB_NOTFOUND;
    *found = rc == 0 && store_starts_with(key, prefix);
    return rc && !*ended ? store_fail(v->store, rc, "read runs", err) : 0;
}

/* Two entries that follow each other, of which the second is the first beyond
 * an offset. */
struct pair {
    bool has_at, has_after;
    MDB_val at_key, at, after_key, after;
};

static int
pair_around(struct store_view *v, char kind, struct life life, int64_t q,
            struct pair *out, struct err *err)
{
    struct key k, prefix;
    bool ended;
    *out = (struct pair){0};
    key_block(&k, kind, life, q < INT64_MAX ? q + 1 : q);
    key_life(&prefix, kind, life);
    out->after_key = store_key(&k);
    int rc = ready_cursor(v, err);
    if (rc == 0)
        rc = step(v, MDB_SET_RANGE, &prefix, &out->after_key, &out->after,
                  &out->has_after, &ended, err);
    if (rc == 0)
        rc = step(v, ended ? MDB_LAST : MDB_PREV, &prefix, &out->at_key,
                  &out->at, &out->has_at, &ended, err);
    return rc;
}

static int
block_at(const struct store_view *v, const MDB_val *key, const MDB_val *value,
         struct block *out, struct err *err)
{
    struct life life;
    int64_t up;
    if (key_block_read(key->mv_data, key->mv_size, &life, &up) &&
        block_read(up, value->mv_data, value->mv_size, out))
        return 0;
    return store_damaged(v->store, "a block of runs", err);
}

/* The block that an entry by down stands for. */
static int
block_by_down(struct store_view *v, struct life life, const MDB_val *value,
              struct block *out, struct err *err)
{
    struct key k;
    MDB_val found_value;
    bool found = false;
    int64_t up = 0;
    int rc = 0;
    if (value_up_read(value->mv_data, value->mv_size, &up)) {
        key_block(&k, 'r', life, up);
        rc = store_get(v->store, v->txn, &k, &found, &found_value, err);
    }
    if (rc || (found &&
               block_read(up, found_value.mv_data, found_value.mv_size, out)))
        return rc;
    return store_damaged(v->store, "a block of runs", err);
}

/* ---- runs around an offset -------------------------------------------- */

struct around {
    bool has_at, has_after;
    struct run at, after;
};

static void
set_at(struct around *a, const struct block *b, size_t i)
{
    a->has_at = true;
    a->at = block_run(b, i);
}

static void
set_after(struct around *a, const struct block *b, size_t i)
{
    a->has_after = true;
    a->after = block_run(b, i);
}

/* `n` runs of the block start at or below the offset. */
static void
set_around(struct around *a, const struct block *b, size_t n)
{
    if (n > 0)
        set_at(a, b, n - 1);
    if (n < b->n)
        set_after(a, b, n);
}

static int
around_up(struct store_view *v, struct life life, int64_t q, struct around *out,
          struct err *err)
{
    struct pair p;
    struct block b;
    int rc = pair_around(v, 'r', life, q, &p, err);
    if (rc == 0 && p.has_at) {
        rc = block_at(v, &p.at_key, &p.at, &b, err);
        if (rc == 0)
            set_around(out, &b, block_upto_up(&b, q));
    }
    if (rc == 0 && p.has_after && !out->has_after) {
        rc = block_at(v, &p.after_key, &p.after, &b, err);
        if (rc == 0)
            set_after(out, &b, 0);
    }
    return rc;
}

static int
around_down(struct store_view *v, struct life life, int64_t q,
            struct around *out, struct err *err)
{
    struct pair p;
    struct block b;
    int rc = pair_around(v, 'd', life, q, &p, err);
    if (rc == 0 && p.has_at) {
        rc = block_by_down(v, life, &p.at, &b, err);
        if (rc == 0)
            set_around(out, &b, block_upto_down(&b, q));
    }
    if (rc == 0 && p.has_after && !out->has_after) {
        rc = block_by_down(v, life, &p.after, &b, err);
        if (rc == 0)
            set_after(out, &b, 0);
    }
    return rc;
}

static int
find_around(struct store_view *v, uint32_t pid, const struct part_state *s,
            int64_t q, bool reverse, struct around *out, struct err *err)
{
    const struct life life = {pid, s->incarnation};
    const struct run *newest = &s->runs.newest;
    *out = (struct around){0};
    if (!s->runs.any)
        return 0;
    if (q >= (reverse ? newest->down : newest->up)) {
        out->has_at = true;
        out->at = *newest;
        return 0;
    }
    if (q < 0)
        q = -1;
    return reverse ? around_down(v, life, q, out, err)
                   : around_up(v, life, q, out, err);
}

static int
answer(struct store_view *v, const struct store_part *part, int64_t q,
       int64_t end, bool reverse, struct store_info *info,
       struct runs_answer *out, struct err *err)
{
    uint32_t pid = 0;
    struct part_state s;
    struct around r;
    int rc = find_part(v, part, &pid, &s, err);
    *info = info_of(&s);
    if (rc == 0)
        rc = find_around(v, pid, &s, q, reverse, &r, err);
    if (rc)
        return rc;
    const struct run *at = r.has_at ? &r.at : NULL;
    const struct run *after = r.has_after ? &r.after : NULL;
    if (reverse)
        runs_reverse(&s.runs, at, after, q, end, out);
    else
        runs_forward(&s.runs, at, after, q, end, out);
    return 0;
}

int
store_view_forward(struct store_view *v, const struct store_part *part,
                   int64_t q, int64_t down_end, struct store_info *info,
                   struct runs_answer *out, struct err *err)
{
    return answer(v, part, q, down_end, false, info, out, err);
}

int
store_view_reverse(struct store_view *v, const struct store_part *part,
                   int64_t q, int64_t up_end, struct store_info *info,
                   struct runs_answer *out, struct err *err)
{
    return answer(v, part, q, up_end, true, info, out, err);
}

/* ---- lists ------------------------------------------------------------ */

struct each_run {
    struct store_view *view;
    size_t left;
    void (*fn)(const struct run *r, void *arg);
    void *arg;
    struct err *err;
};

static int
on_block(const MDB_val *key, const MDB_val *value, void *arg)
{
    struct each_run *e = arg;
    struct block b;
    const int rc = block_at(e->view, key, value, &b, e->err);
    if (rc)
        return rc;
    for (size_t i = 0; i < b.n && e->left > 0; i++, e->left--) {
        const struct run r = block_run(&b, i);
        e->fn(&r, e->arg);
    }
    return e->left > 0 ? 0 : 1;
}

int
store_view_runs(struct store_view *v, const struct store_part *part,
                size_t limit, void (*fn)(const struct run *r, void *arg),
                void *arg, struct err *err)
{
    uint32_t pid = 0;
    struct part_state s;
    struct key prefix;
    struct each_run e = {v, limit, fn, arg, err};
    int rc = find_part(v, part, &pid, &s, err);
    if (rc || !s.runs.any || limit == 0)
        return rc;
    key_life(&prefix, 'r', (struct life){pid, s.incarnation});
    rc = store_each(v->store, v->txn, &prefix, on_block, &e, err);
    return rc > 0 ? 0 : rc;
}
