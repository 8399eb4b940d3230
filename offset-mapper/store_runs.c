/*
 * What a batch does to partitions.  The first sync of one in a batch loads its
 * state and its last block; what follows changes those in memory; the end of
 * the batch writes each once.  Only the last block ever grows or shrinks:
 * going back first makes the block before it the last one.
 *
 * Invariants, in the database: the blocks of an incarnation follow each other
 * without overlap; each has one 'd'; the last run is the state's newest; the
 * state counts them all.  Blocks of older incarnations have an 'x', and go with
 * later batches, a slice each.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/base/xmem.h"
#include "offset-mapper/block.h"
#include "offset-mapper/store_impl.h"

#define SWEEP_BLOCKS 256 /* of old incarnations, dropped with one batch */

struct touched {
    struct part *part;
    size_t since;            /* what part->since was */
    struct part_state state; /* as the batch has made it */
    struct block_buf *tail;  /* its last block; n = 0: there is none; NULL: it
                                was put into the database to make room */
    bool tail_stored;        /* it is in the database, perhaps otherwise */
    bool tail_changed;
    struct touched *next;
};

static struct life
life_of(const struct touched *t)
{
    return (struct life){t->part->pid, t->state.incarnation};
}

int
store_state_read(const struct store *s, MDB_txn *txn, uint32_t pid,
                 struct part_state *out, struct err *err)
{
    struct key k;
    MDB_val v;
    bool found;
    *out = (struct part_state){0};
    key_pid(&k, 's', pid);
    const int rc = store_get(s, txn, &k, &found, &v, err);
    if (rc || !found || value_state_read(v.mv_data, v.mv_size, out))
        return rc;
    return store_damaged(s, "the state of a partition", err);
}

/* ---- blocks ----------------------------------------------------------- */

static int
block_at(const struct store_batch *b, const MDB_val *key, const MDB_val *value,
         struct block *out, struct err *err)
{
    struct life life;
    int64_t up;
    if (key_block_read(key->mv_data, key->mv_size, &life, &up) &&
        block_read(up, value->mv_data, value->mv_size, out) &&
        !block_wrong(out))
        return 0;
    return store_damaged(b->store, "a block of runs", err);
}

/* The last block that starts below `below`; n = 0 when there is none. */
static int
block_below(const struct store_batch *b, struct life life, int64_t below,
            struct block *out, struct err *err)
{
    struct key k, prefix;
    MDB_val key, value;
    bool found;
    *out = (struct block){0};
    key_block(&k, 'r', life, below);
    key_life(&prefix, 'r', life);
    const int rc = store_last_below(b->store, b->txn, &k, &prefix, &found, &key,
                                    &value, err);
    return rc || !found ? rc : block_at(b, &key, &value, out, err);
}

static int
block_first(const struct store_batch *b, struct life life, struct block *out,
            struct err *err)
{
    struct key prefix;
    MDB_val key, value;
    bool found;
    *out = (struct block){0};
    key_life(&prefix, 'r', life);
    const int rc =
        store_first(b->store, b->txn, &prefix, &found, &key, &value, err);
    return rc || !found ? rc : block_at(b, &key, &value, out, err);
}

static int
drop_block(struct store_batch *b, struct life life, int64_t up, int64_t down,
           struct err *err)
{
    struct key k;
    key_block(&k, 'r', life, up);
    const int rc = store_del(b, &k, err);
    key_block(&k, 'd', life, down);
    return rc ? rc : store_del(b, &k, err);
}

/* Drops blocks that start below `below`, oldest first, up to `limit`. */
static int
drop_blocks(struct store_batch *b, struct life life, int64_t below,
            size_t limit, size_t *blocks, int64_t *runs, struct err *err)
{
    for (*blocks = 0; *blocks < limit; ++*blocks) {
        struct block first;
        int rc = block_first(b, life, &first, err);
        if (rc || first.n == 0 || first.up >= below)
            return rc;
        *runs += (int64_t)first.n;
        rc = drop_block(b, life, first.up, first.down, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- the last block --------------------------------------------------- */

static int
store_tail(struct store_batch *b, struct touched *t, struct err *err)
{
    struct key k;
    if (!t->tail || t->tail->n == 0 || !t->tail_changed)
        return 0;
    const size_t len = block_seal(t->tail);
    key_block(&k, 'r', life_of(t), t->tail->up);
    int rc = store_put(b, &k, t->tail->bytes, len, err);
    if (rc == 0 && !t->tail_stored) {
        const struct value v = value_up(t->tail->up);
        key_block(&k, 'd', life_of(t), t->tail->down);
        rc = store_put(b, &k, v.bytes, v.len, err);
    }
    t->tail_stored = true;
    t->tail_changed = false;
    return rc;
}

/* The last one that starts below `below` becomes the tail. */
static int
load_tail(struct store_batch *b, struct touched *t, int64_t below,
          struct err *err)
{
    struct block last;
    const int rc = block_below(b, life_of(t), below, &last, err);
    t->tail->n = 0;
    if (rc == 0 && last.n > 0)
        block_load(t->tail, &last);
    t->tail_stored = t->tail->n > 0;
    t->tail_changed = false;
    return rc;
}

static int
drop_tail(struct store_batch *b, struct touched *t, struct err *err)
{
    const int64_t up = t->tail->up;
    int rc = 0;
    t->state.count -= (int64_t)t->tail->n;
    if (t->tail_stored)
        rc = drop_block(b, life_of(t), up, t->tail->down, err);
    return rc ? rc : load_tail(b, t, up, err);
}

/* Drops every run with up >= from. */
static int
cut_runs(struct store_batch *b, struct touched *t, int64_t from,
         struct err *err)
{
    int rc = 0;
    while (rc == 0 && t->tail->n > 0 && t->tail->up >= from)
        rc = drop_tail(b, t, err);
    if (rc || t->tail->n == 0)
        return rc;
    const struct block tail = block_of(t->tail);
    const size_t n = block_upto_up(&tail, from - 1);
    t->state.count -= (int64_t)(t->tail->n - n);
    t->tail_changed = t->tail_changed || n < t->tail->n;
    block_cut(t->tail, n);
    return 0;
}

static bool
starts_as_last(const struct touched *t, const struct run *r)
{
    if (t->tail->n == 0)
        return false;
    const struct block tail = block_of(t->tail);
    return block_run(&tail, tail.n - 1).up == r->up;
}

/* The newest run, as it is now, or the one after it. */
static int
put_run(struct store_batch *b, struct touched *t, const struct run *r,
        struct err *err)
{
    if (starts_as_last(t, r)) {
        block_set_last(t->tail, r);
        t->tail_changed = true;
        return 0;
    }
    if (!block_add(t->tail, r)) {
        const int rc = store_tail(b, t, err);
        if (rc)
            return rc;
        t->tail->n = 0;
        t->tail_stored = false;
        const bool added = block_add(t->tail, r);
        assert(added);
    }
    t->state.count++;
    t->tail_changed = true;
    return 0;
}

/* ---- touching --------------------------------------------------------- */

static struct touched *
touched_new(struct store_batch *b, struct part *part)
{
    struct touched *t = xcalloc(1, sizeof(*t));
    t->part = part;
    t->since = part->since;
    t->state = part->state;
    t->next = b->touched;
    b->touched = part->touched = t;
    return t;
}

/* Puts all last blocks into the database, and gives up their memory. */
static int
spill(struct store_batch *b, struct err *err)
{
    int rc = 0;
    for (struct touched *t = b->touched; t && rc == 0; t = t->next) {
        rc = store_tail(b, t, err);
        free(t->tail);
        t->tail = NULL;
    }
    b->n_tails = 0;
    return rc;
}

static int
give_tail(struct store_batch *b, struct touched *t, struct err *err)
{
    const int rc = b->n_tails < b->store->tails_max ? 0 : spill(b, err);
    t->tail = xmalloc(sizeof(*t->tail));
    t->tail->n = 0;
    t->tail_stored = t->tail_changed = false;
    b->n_tails++;
    return rc || !t->state.runs.any ? rc : load_tail(b, t, INT64_MAX, err);
}

/* *out is NULL when the partition was never heard of. */
static int
touch(struct store_batch *b, const struct store_part *name,
      struct touched **out, struct err *err)
{
    struct part *part = parts_find(&b->store->parts, name);
    *out = part ? part->touched : NULL;
    if (!part)
        return 0;
    if (!*out)
        *out = touched_new(b, part);
    return (*out)->tail ? 0 : give_tail(b, *out, err);
}

static int
begin_part(struct store_batch *b, const struct store_part *name,
           int64_t time_ms, struct touched **out, struct err *err)
{
    struct key k;
    if (key_name(&k, name))
        return err_set(err, ERR_INVALID, "the topic name is too long");
    if (b->store->parts.n >= LAYOUT_PIDS_MAX)
        return err_set(err, ERR_INVALID,
                       "%d partitions are known, which is all that a store "
                       "holds",
                       LAYOUT_PIDS_MAX);
    *out = touched_new(b, parts_add(&b->store->parts, name));
    (*out)->state = (struct part_state){
        .incarnation = 1, .why = STORE_FIRST, .begun_ms = time_ms};
    return give_tail(b, *out, err);
}

static int
begin_life(struct store_batch *b, struct touched *t, enum store_begun why,
           int64_t now_ms, struct err *err)
{
    struct key k;
    const struct value v = value_nothing();
    key_life(&k, 'x', life_of(t));
    const int rc =
        t->state.runs.any ? store_put(b, &k, v.bytes, v.len, err) : 0;
    t->state = (struct part_state){.incarnation = t->state.incarnation + 1,
                                   .why = why,
                                   .begun_ms = now_ms,
                                   .newest_ms = t->state.newest_ms,
                                   .runs = runs_anew(&t->state.runs)};
    t->tail->n = 0;
    t->tail_stored = t->tail_changed = false;
    return rc;
}

/* ---- syncs ------------------------------------------------------------ */

/* The run with the greatest up <= `up`; length 0: there is none. */
static int
run_before(struct store_batch *b, const struct touched *t, int64_t up,
           struct run *out, struct err *err)
{
    struct block in = {0};
    int rc = 0;
    *out = (struct run){0};
    if (t->tail->n == 0 || up < 0)
        return 0;
    if (up >= t->state.runs.newest.up) { /* nearly always */
        *out = t->state.runs.newest;
        return 0;
    }
    if (up >= t->tail->up)
        in = block_of(t->tail);
    else
        rc = block_below(b, life_of(t), up + 1, &in, err);
    if (rc == 0 && in.n > 0)
        *out = block_run(&in, block_upto_up(&in, up) - 1);
    return rc;
}

static int
keep_step(struct store_batch *b, struct touched *t,
          const struct runs_step *step, int64_t time_ms, struct err *err)
{
    int rc = 0;
    if (step->change == RUNS_RESTART)
        rc = begin_life(b, t, STORE_TARGET_ANEW, time_ms, err);
    else if (step->change == RUNS_BACK)
        rc = cut_runs(b, t, step->from, err);
    if (rc == 0 && step->kept.length > 0)
        rc = put_run(b, t, &step->kept, err);
    if (rc == 0 && step->change != RUNS_SAME)
        rc = put_run(b, t, &step->put, err);
    t->state.runs = step->next;
    t->state.newest_ms = time_ms;
    return rc;
}

static int
what_it_does(struct store_batch *b, const struct touched *t, int64_t up,
             int64_t down, int64_t gaps, struct runs_step *step,
             struct err *err)
{
    struct runs_state state = t ? t->state.runs : (struct runs_state){0};
    struct run before = {0};
    state.gap = t && t->state.gaps != gaps;
    int rc = t ? run_before(b, t, up, &before, err) : 0;
    if (rc)
        return rc;
    rc = runs_apply(&state, before.length > 0 ? &before : NULL, up, down, step);
    return rc ? err_set(err, rc, "offsets %lld -> %lld are out of range",
                        (long long)up, (long long)down)
              : 0;
}

int
store_batch_sync(struct store_batch *b, const struct store_part *part,
                 int64_t up, int64_t down, int64_t time_ms,
                 struct store_progress *p, enum runs_change *change,
                 struct err *err)
{
    struct touched *t;
    struct runs_step step;
    int rc = touch(b, part, &t, err);
    if (rc == 0)
        rc = what_it_does(b, t, up, down, p->gaps, &step, err);
    if (rc == 0 && !t)
        rc = begin_part(b, part, time_ms, &t, err);
    if (rc)
        return rc;
    const int64_t runs = t->state.count;
    rc = keep_step(b, t, &step, time_ms, err);
    if (rc)
        return rc;
    t->state.gaps = p->gaps;
    *change = step.change;
    p->syncs++;
    p->runs += t->state.count - runs;
    p->restarts += step.change == RUNS_RESTART;
    p->backs += step.change == RUNS_BACK;
    return 0;
}

int
store_batch_incarnation(struct store_batch *b, const struct store_part *part,
                        enum store_begun why, int64_t now_ms,
                        struct store_progress *p, struct err *err)
{
    struct touched *t;
    int rc = touch(b, part, &t, err);
    if (rc || !t)
        return rc;
    p->runs -= t->state.count;
    return begin_life(b, t, why, now_ms, err);
}

int
store_batch_cut_doubt(struct store_batch *b, const struct store_part *part,
                      int64_t doubt_until, int64_t up_end, struct err *err)
{
    struct touched *t;
    const int rc = touch(b, part, &t, err);
    if (rc == 0 && t && t->state.runs.doubt_until == doubt_until)
        (void)runs_cut_doubt(&t->state.runs, up_end); /* written at commit */
    return rc;
}

/* ---- the end of a batch ----------------------------------------------- */

/* A slice of what older incarnations have left. */
static int
sweep(struct store_batch *b, struct err *err)
{
    struct key k;
    MDB_val key, value;
    struct life life;
    bool found;
    key_kind(&k, 'x');
    int rc = store_first(b->store, b->txn, &k, &found, &key, &value, err);
    if (rc || !found)
        return rc;
    if (!key_life_read(key.mv_data, key.mv_size, &life))
        return store_damaged(b->store, "an old incarnation", err);
    size_t blocks;
    int64_t runs = 0;
    rc = drop_blocks(b, life, INT64_MAX, SWEEP_BLOCKS, &blocks, &runs, err);
    if (rc || blocks == SWEEP_BLOCKS)
        return rc;
    key_life(&k, 'x', life);
    return store_del(b, &k, err);
}

static int
store_name(struct store_batch *b, const struct part *part, struct err *err)
{
    struct key k;
    const struct store_part name = {part->flow, part->topic, part->partition};
    const struct value v = value_pid(part->pid);
    if (key_name(&k, &name))
        return err_set(err, ERR_INVALID, "the topic name is too long");
    return store_put(b, &k, v.bytes, v.len, err);
}

static int
flush_one(struct store_batch *b, struct touched *t, struct err *err)
{
    struct key k;
    int rc = t->part->stored ? 0 : store_name(b, t->part, err);
    if (rc == 0)
        rc = store_tail(b, t, err);
    if (rc)
        return rc;
    const struct value v = value_state(&t->state);
    key_pid(&k, 's', t->part->pid);
    return store_put(b, &k, v.bytes, v.len, err);
}

int
store_runs_flush(struct store_batch *b, struct err *err)
{
    int rc = sweep(b, err);
    for (struct touched *t = b->touched; t && rc == 0; t = t->next)
        rc = flush_one(b, t, err);
    return rc;
}

void
store_runs_before_commit(struct store_batch *b)
{
    struct parts *parts = &b->store->parts;
    (void)pthread_rwlock_wrlock(&parts->lock); /* cannot fail */
    for (struct touched *t = b->touched; t; t = t->next)
        t->part->since = PARTS_MOVING;
    (void)pthread_rwlock_unlock(&parts->lock);
}

void
store_runs_after_commit(struct store_batch *b, bool done, size_t txn_id)
{
    struct parts *parts = &b->store->parts;
    (void)pthread_rwlock_wrlock(&parts->lock);
    for (struct touched *t = b->touched; t; t = t->next) {
        t->part->since = done ? txn_id : t->since;
        t->part->stored = t->part->stored || done;
        if (done)
            t->part->state = t->state;
    }
    (void)pthread_rwlock_unlock(&parts->lock);
}

void
store_runs_forget(struct store_batch *b)
{
    while (b->touched) {
        struct touched *t = b->touched;
        b->touched = t->next;
        t->part->touched = NULL;
        free(t->tail);
        free(t);
    }
    parts_drop_unstored(&b->store->parts);
}

/* ---- pruning ---------------------------------------------------------- */

/* The block that holds `up_start` stays, and those after it. */
static int
drop_old(struct store_batch *b, struct touched *t, int64_t up_start,
         size_t limit, int64_t *dropped, struct err *err)
{
    struct block keep;
    size_t blocks;
    int rc = block_below(b, life_of(t), up_start + 1, &keep, err);
    if (rc || keep.n == 0)
        return rc;
    rc = drop_blocks(b, life_of(t), keep.up, limit, &blocks, dropped, err);
    t->state.count -= *dropped;
    return rc;
}

int
store_prune(struct store *s, const struct store_part *part, int64_t up_start,
            size_t limit, int64_t *dropped, struct err *err)
{
    struct store_batch *b;
    struct touched *t;
    *dropped = 0;
    if (up_start <= 0)
        return 0;
    if (up_start > RUNS_OFFSET_MAX)
        up_start = RUNS_OFFSET_MAX;
    int rc = store_batch_begin(s, &b, err);
    if (rc)
        return rc;
    rc = touch(b, part, &t, err);
    if (rc == 0 && t)
        rc = drop_old(b, t, up_start, limit, dropped, err);
    if (rc == 0 && *dropped > 0)
        rc = store_batch_end_take(b, err);
    else
        store_batch_abort(b);
    if (rc)
        *dropped = 0;
    return rc;
}
