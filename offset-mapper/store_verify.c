/*
 * Two walks over everything: the first learns names and states, the second
 * holds runs against them.  A read transaction, so a mapper may go on.
 */
#include "offset-mapper/store_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "offset-mapper/block.h"
#include "offset-mapper/store_checkpoints.h"
#include "offset-mapper/store_impl.h"

#define TEXT_MAX 400

/* What is known of one partition. */
struct seen {
    char *name; /* "a->b orders [0]"; NULL: none has this pid */
    bool has_state;
    struct part_state state;
    int64_t runs, blocks, downs;
    struct run last;
};

struct check {
    struct store *store;
    struct store_view *view;
    void (*fn)(const char *text, void *arg);
    void *arg;
    struct store_report *report;
    struct seen *seen; /* by pid */
    size_t n_seen;
};

PRINTF_LIKE(2, 3)
static void
fault(struct check *c, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->report->faults++;
    c->fn(text, c->arg);
}

static const char *
hex(const MDB_val *key, char out[64])
{
    const uint8_t *p = key->mv_data;
    out[0] = '\0';
    for (size_t i = 0; i < key->mv_size && i < 30; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", p[i]);
    return out;
}

/* ---- names and states ------------------------------------------------- */

static struct seen *
seen_of(struct check *c, uint32_t pid)
{
    return pid < c->n_seen && c->seen[pid].name ? &c->seen[pid] : NULL;
}

static void
check_name(struct check *c, const MDB_val *key, const MDB_val *value)
{
    char *flow, *topic, text[64];
    int32_t partition;
    uint32_t pid;
    if (!value_pid_read(value->mv_data, value->mv_size, &pid) ||
        !key_name_read(key->mv_data, key->mv_size, &flow, &topic, &partition)) {
        fault(c, "name of a partition (key %s): cannot be read",
              hex(key, text));
        return;
    }
    for (; c->n_seen <= pid; c->n_seen++) {
        c->seen = xreallocarray(c->seen, c->n_seen + 1, sizeof(*c->seen));
        c->seen[c->n_seen] = (struct seen){0};
    }
    struct seen *s = &c->seen[pid];
    if (s->name)
        fault(c, "%s and %s %s [%d] have the same number %u", s->name, flow,
              topic, partition, pid);
    free(s->name);
    s->name = xasprintf("%s %s [%d]", flow, topic, partition);
    free(flow);
    free(topic);
    c->report->partitions++;
}

static void
check_state(struct check *c, const MDB_val *key, const MDB_val *value)
{
    uint32_t pid;
    char text[64];
    struct seen *s = NULL;
    if (key_pid_read(key->mv_data, key->mv_size, &pid))
        s = seen_of(c, pid);
    if (!s)
        fault(c, "state (key %s): of a partition without a name",
              hex(key, text));
    else if (!value_state_read(value->mv_data, value->mv_size, &s->state))
        fault(c, "%s: its state cannot be read", s->name);
    else
        s->has_state = true;
}

static void
check_progress(struct check *c, const MDB_val *key, const MDB_val *value)
{
    struct store_progress p;
    char text[64];
    c->report->flows++;
    if (!key_progress_read(key->mv_data, key->mv_size))
        fault(c, "position of a flow (key %s): whose, cannot be read",
              hex(key, text));
    else if (!value_progress_read(value->mv_data, value->mv_size, &p) ||
             p.position < 0)
        fault(c, "position of a flow (key %s): cannot be read", hex(key, text));
}

static void
check_format_entry(struct check *c, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size != 1 ||
        value_format_read(value->mv_data, value->mv_size) != LAYOUT_FORMAT)
        fault(c, "the format cannot be read");
}

/* ---- runs ------------------------------------------------------------- */

static bool
is_there(const struct check *c, const struct key *k, MDB_val *value)
{
    struct err err;
    bool found;
    return store_get(c->store, c->view->txn, k, &found, value, &err) == 0 &&
           found;
}

/* The partition, when the life is the present one; old ones are to be named
 * by an 'x'. NULL: nothing more is to be looked at. */
static struct seen *
present(struct check *c, const char *what, struct life life)
{
    struct seen *s = seen_of(c, life.pid);
    struct key k;
    MDB_val value;
    if (!s) {
        fault(c, "%s: of number %u, which no partition has", what, life.pid);
        return NULL;
    }
    if (!s->has_state || life.incarnation == s->state.incarnation)
        return s->has_state ? s : NULL; /* said already */
    key_life(&k, 'x', life);
    if (life.incarnation > s->state.incarnation)
        fault(c, "%s: %s is of incarnation %u, the present one is %u", s->name,
              what, life.incarnation, s->state.incarnation);
    else if (!is_there(c, &k, &value))
        fault(c,
              "%s: %s is of the old incarnation %u, which is not marked for "
              "deletion",
              s->name, what, life.incarnation);
    else
        c->report->old_blocks += strcmp(what, "a block") == 0;
    return NULL;
}

static void
check_order(struct check *c, struct seen *s, const struct block *b)
{
    const struct run first = block_run(b, 0);
    if (s->runs > 0 && (first.up < s->last.up + s->last.length ||
                        first.down < s->last.down + s->last.length))
        fault(c, "%s: the block at %" PRId64 " overlaps the one before it",
              s->name, b->up);
    s->blocks++;
    s->runs += (int64_t)b->n;
    s->last = block_run(b, b->n - 1);
}

static void
check_has_down(struct check *c, const struct seen *s, struct life life,
               const struct block *b)
{
    struct key k;
    MDB_val value;
    int64_t up;
    key_block(&k, 'd', life, b->down);
    if (!is_there(c, &k, &value))
        fault(c,
              "%s: the block at %" PRId64 " is not found by its target "
              "offset %" PRId64,
              s->name, b->up, b->down);
    else if (value_up_read(value.mv_data, value.mv_size, &up) && up != b->up)
        fault(c,
              "%s: target offset %" PRId64 " leads to the block at %" PRId64
              ", and not to that at %" PRId64,
              s->name, b->down, up, b->up);
}

static void
check_block(struct check *c, const MDB_val *key, const MDB_val *value)
{
    struct life life;
    struct block b;
    int64_t up;
    char text[64];
    if (!key_block_read(key->mv_data, key->mv_size, &life, &up)) {
        fault(c, "a block (key %s): its key cannot be read", hex(key, text));
        return;
    }
    struct seen *s = present(c, "a block", life);
    if (!s)
        return;
    const bool read = block_read(up, value->mv_data, value->mv_size, &b);
    const char *wrong = read ? block_wrong(&b) : "it cannot be read";
    if (wrong) {
        fault(c, "%s: the block at %" PRId64 ": %s", s->name, up, wrong);
        return;
    }
    check_order(c, s, &b);
    check_has_down(c, s, life, &b);
    c->report->blocks++;
    c->report->runs += (int64_t)b.n;
}

static void
check_down(struct check *c, const MDB_val *key, const MDB_val *value)
{
    struct life life;
    struct key k;
    MDB_val found;
    int64_t up, down;
    char text[64];
    if (!key_block_read(key->mv_data, key->mv_size, &life, &down)) {
        fault(c, "a target offset (key %s): its key cannot be read",
              hex(key, text));
        return;
    }
    struct seen *s = present(c, "a target offset", life);
    if (!s)
        return;
    s->downs++;
    if (!value_up_read(value->mv_data, value->mv_size, &up)) {
        fault(c, "%s: target offset %" PRId64 ": its value cannot be read",
              s->name, down);
        return;
    }
    key_block(&k, 'r', life, up);
    if (!is_there(c, &k, &found))
        fault(c,
              "%s: target offset %" PRId64 " leads to a block at %" PRId64
              ", which is not there",
              s->name, down, up);
}

static void
check_old(struct check *c, const MDB_val *key, const MDB_val *value)
{
    struct life life;
    char text[64];
    if (!key_life_read(key->mv_data, key->mv_size, &life) ||
        !value_nothing_read(value->mv_data, value->mv_size)) {
        fault(c, "an old incarnation (key %s): cannot be read", hex(key, text));
        return;
    }
    struct seen *s = seen_of(c, life.pid);
    if (!s)
        fault(c, "an old incarnation: of number %u, which no partition has",
              life.pid);
    else if (s->has_state && life.incarnation >= s->state.incarnation)
        fault(c,
              "%s: incarnation %u is marked for deletion, the present one "
              "is %u",
              s->name, life.incarnation, s->state.incarnation);
}

static void
check_checkpoint(struct check *c, const MDB_val *key, const MDB_val *value)
{
    char text[64];
    if (!store_checkpoint_sound(key->mv_data, key->mv_size, value->mv_data,
                                value->mv_size))
        fault(c, "checkpoint of a group (key %s): cannot be read",
              hex(key, text));
}

/* ---- all of it -------------------------------------------------------- */

/* Who keeps his own kind of key adds it here. */
static const struct kind {
    char kind;
    int walk; /* 1 or 2 */
    void (*check)(struct check *c, const MDB_val *key, const MDB_val *value);
} kinds[] = {
    {'c', 1, check_checkpoint},   {'d', 2, check_down},
    {'f', 1, check_format_entry}, {'n', 1, check_name},
    {'p', 1, check_progress},     {'r', 2, check_block},
    {'s', 1, check_state},        {'x', 2, check_old},
};

static const struct kind *
kind_of(const MDB_val *key)
{
    const char first = *(const char *)key->mv_data; /* LMDB has no empty key */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].kind == first)
            return &kinds[i];
    return NULL;
}

static int
walk_one(const MDB_val *key, const MDB_val *value, void *arg)
{
    struct check *c = arg;
    const struct kind *k = kind_of(key);
    char text[64];
    c->report->entries++;
    if (!k)
        fault(c, "key %s: nothing that this program keeps", hex(key, text));
    else if (k->walk == 1)
        k->check(c, key, value);
    return 0;
}

static int
walk_two(const MDB_val *key, const MDB_val *value, void *arg)
{
    struct check *c = arg;
    const struct kind *k = kind_of(key);
    if (k && k->walk == 2)
        k->check(c, key, value);
    return 0;
}

static void
check_sums(struct check *c, const struct seen *s)
{
    if (!s->name)
        return;
    const struct run *newest = &s->state.runs.newest;
    if (!s->has_state) {
        fault(c, "%s: it has no state", s->name);
        return;
    }
    if (s->runs != s->state.count)
        fault(c, "%s: it has %" PRId64 " runs, its state says %" PRId64,
              s->name, s->runs, s->state.count);
    else if (s->runs > 0 && memcmp(newest, &s->last, sizeof(*newest)) != 0)
        fault(c,
              "%s: its newest run is at %" PRId64 ", its state says %" PRId64,
              s->name, s->last.up, newest->up);
    if (s->downs != s->blocks)
        fault(c,
              "%s: it has %" PRId64 " blocks and %" PRId64
              " target offsets of them",
              s->name, s->blocks, s->downs);
}

static void
check_all_sums(struct check *c)
{
    for (size_t i = 0; i < c->n_seen; i++) {
        if (!c->seen[i].name)
            fault(c, "number %zu was given to no partition", i);
        check_sums(c, &c->seen[i]);
    }
}

int
store_verify(struct store *s, void (*fn)(const char *text, void *arg),
             void *arg, struct store_report *out, struct err *err)
{
    struct check c = {.store = s, .fn = fn, .arg = arg, .report = out};
    const struct key all = {.len = 0};
    *out = (struct store_report){0};
    int rc = store_view_open(s, &c.view, err);
    if (rc)
        return rc;
    rc = store_each(s, c.view->txn, &all, walk_one, &c, err);
    if (rc == 0)
        rc = store_each(s, c.view->txn, &all, walk_two, &c, err);
    if (rc == 0)
        check_all_sums(&c);
    for (size_t i = 0; i < c.n_seen; i++)
        free(c.seen[i].name);
    free(c.seen);
    store_view_close(c.view);
    return rc;
}
