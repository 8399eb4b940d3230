/*
 * Owns the taking of units that have come: a thread fences who had them before,
 * reads their positions, and where their records are on the target; then the
 * flow's thread enters them.  What it copies meanwhile goes on.
 *
 * Invariant: until it is entered a unit that has come has no producer and is
 * not read, and only the thread touches its `positions`, and `before` of its
 * parts.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/mm2/codec.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define TAKE_RETRY_MS 1000

struct taken {
    struct unit *unit;
    uint64_t changes; /* of the unit, when its taking began */
    struct committer *committer;
};

struct taking {
    struct flow *flow;
    struct taken *v;
    int32_t n;
    pthread_t thread;
    /* The thread's, until it is done. */
    int64_t next_sync; /* offset in their topic; 0: none came yet */
    uint64_t gaps;     /* where it was compacted */
    struct err err;
    int rc;
    atomic_bool done;
};

/* ---- the thread --------------------------------------------------------- */

static void
read_headers(struct flow *f, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    size_t len;
    if (rd_kafka_message_headers(m, &headers) == 0 &&
        rd_kafka_header_get_last(headers, RUNS_HEADER, &bytes, &len) == 0)
        positions_keep_runs(&f->units[m->partition].positions,
                            f->conf->source->name, m->key, m->key_len, bytes,
                            len);
    if (rd_kafka_message_headers(m, &headers) == 0 &&
        rd_kafka_header_get_last(headers, LAST_HEADER, &bytes, &len) == 0)
        positions_keep_last(&f->units[m->partition].positions,
                            f->conf->source->name, m->key, m->key_len, bytes,
                            len);
}

static void
read_position(const rd_kafka_message_t *m, void *arg)
{
    struct flow *f = ((struct taking *)arg)->flow;
    struct err err = {0};
    const int rc = positions_record(&f->units[m->partition].positions,
                                    f->conf->source->name, m->key, m->key_len,
                                    m->payload, m->len, &err);
    if (rc != 0 && rc != ERR_NOTFOUND)
        log_warn("%s: %s/%d: record %lld is no position, left out: %s",
                 f->conf->name, f->positions_topic, (int)m->partition,
                 (long long)m->offset, err.text);
    if (rc == 0)
        read_headers(f, m);
}

static int
read_positions(struct taking *t)
{
    struct flow *f = t->flow;
    char *id = xasprintf("shunt-replicator-%s-reader", f->conf->name);
    int32_t *ids = xcalloc((size_t)t->n, sizeof(*ids));
    for (int32_t i = 0; i < t->n; i++) {
        /* Others may have written. */
        positions_fini(&t->v[i].unit->positions);
        ids[i] = t->v[i].unit->id;
    }
    const int rc = topics_read_some(&f->conf->clients[ROLE_TARGET_CONSUMER], id,
                                    f->positions_topic, ids, t->n, &f->stop,
                                    read_position, t, &t->err);
    free(ids);
    free(id);
    return rc;
}

static bool
is_taken(const struct taking *t, const struct unit *u)
{
    for (int32_t i = 0; i < t->n; i++)
        if (t->v[i].unit == u)
            return true;
    return false;
}

static void
keep_sync(struct taking *t, const struct mm2_offset_sync *sync)
{
    struct flow *f = t->flow;
    pthread_mutex_lock(&f->lock);
    struct part *p = flow_part(f, sync->topic, sync->partition);
    pthread_mutex_unlock(&f->lock);
    if (!p || !is_taken(t, p->unit))
        return;
    if (p->before.gaps != t->gaps)
        runs_gap(&p->before);
    p->before.gaps = t->gaps;
    runs_add(&p->before, (struct sync_point){.up = sync->upstream,
                                             .down = sync->downstream});
}

static void
read_sync(const rd_kafka_message_t *m, void *arg)
{
    struct taking *t = arg;
    const struct flow *f = t->flow;
    struct mm2_offset_sync sync;
    struct err err = {0};
    if (t->next_sync > 0 && m->offset != t->next_sync)
        t->gaps++;
    t->next_sync = m->offset + 1;
    if (mm2_offset_sync_decode(m->key, m->key_len, m->payload, m->len, &sync,
                               &err) != 0) {
        log_warn("%s: %s: record %lld is no offset sync, left out: %s",
                 f->conf->name, f->syncs_topic, (long long)m->offset, err.text);
        return;
    }
    keep_sync(t, &sync);
    mm2_offset_sync_fini(&sync);
}

/* Has something been copied before, by whomever? */
static bool
need_syncs(const struct taking *t)
{
    for (int32_t i = 0; i < t->n; i++)
        if (t->v[i].unit->positions.table)
            return t->flow->conf->syncs_enabled;
    return false;
}

/* They tell where groups are, no more: copying goes on without them. */
static void
read_syncs(struct taking *t)
{
    struct flow *f = t->flow;
    const struct flow_settings *c = f->conf;
    struct err err = {0};
    if (!need_syncs(t))
        return;
    char *id = xasprintf("shunt-replicator-%s-reader", c->name);
    const enum client_role at =
        c->syncs_on_target ? ROLE_TARGET_CONSUMER : ROLE_SOURCE_CONSUMER;
    const int rc = topics_read(&c->clients[at], id, f->syncs_topic, &f->stop,
                               read_sync, t, &err);
    free(id);
    if (rc != 0 && rc != ERR_CLOSED)
        log_warn("%s: %s; positions that were copied before are not told in "
                 "checkpoints",
                 c->name, err.text);
}

static int
fence(struct taking *t)
{
    struct unit **units = xcalloc((size_t)t->n, sizeof(struct unit *));
    struct committer **made = xcalloc((size_t)t->n, sizeof(*made));
    for (int32_t i = 0; i < t->n; i++)
        units[i] = t->v[i].unit;
    const int rc = txn_begin_units(units, made, t->n, &t->err);
    for (int32_t i = 0; i < t->n; i++)
        t->v[i].committer = made[i];
    free(made);
    free(units);
    return rc;
}

static void *
run(void *taking)
{
    struct taking *t = taking;
    t->rc = txn_wanted(t->flow) ? fence(t) : 0;
    if (t->rc == 0)
        t->rc = read_positions(t);
    if (t->rc == 0)
        read_syncs(t);
    atomic_store(&t->done, true);
    flow_wake(t->flow);
    return NULL;
}

/* ---- the flow's thread -------------------------------------------------- */

static void
know_runs(struct part *p)
{
    struct flow *f = p->flow;
    pthread_mutex_lock(&f->lock);
    struct runs old = p->before;
    if (p->anew) {
        old = p->runs;
        p->runs = p->before;
        p->runs.max = old.max;
    }
    p->before = (struct runs){0};
    pthread_mutex_unlock(&f->lock);
    runs_fini(&old);
    txn_tell_again(p);
}

static int
enter(struct taken *it, struct err *err)
{
    struct unit *u = it->unit;
    int rc = 0;
    txn_enter_take(u, it->committer);
    it->committer = NULL;
    unit_taken(u);
    for (struct part *p = u->parts; p && rc == 0; p = p->next_of_unit) {
        rc = part_open(p, err);
        if (rc != 0)
            continue;
        part_enter(p);
        know_runs(p);
    }
    txn_warm(u);
    return rc;
}

/* It may have gone, or gone and come, and another have had it. */
static bool
is_as_it_was(const struct taken *it)
{
    return it->unit->changes == it->changes;
}

static int
enter_all(struct taking *t)
{
    int rc = t->rc;
    for (int32_t i = 0; i < t->n && rc == 0; i++)
        if (is_as_it_was(&t->v[i]))
            rc = enter(&t->v[i], &t->err);
    if (rc == 0)
        atomic_fetch_add(&t->flow->takes, 1);
    return rc;
}

static void
put_off(struct taking *t)
{
    for (int32_t i = 0; i < t->n; i++)
        if (is_as_it_was(&t->v[i]))
            unit_renew(t->v[i].unit, TAKE_RETRY_MS);
    if (t->err.code != ERR_CLOSED)
        flow_complain(t->flow, "cannot take over partitions", t->err.text);
}

static void
forget(struct taking *t)
{
    for (int32_t i = 0; i < t->n; i++) {
        if (t->v[i].committer)
            txn_end_producer(t->flow, t->v[i].committer);
        for (struct part *p = t->v[i].unit->parts; p; p = p->next_of_unit)
            runs_fini(&p->before);
    }
    t->flow->taking = NULL;
    free(t->v);
    free(t);
}

/* What was sent before a unit was lost is answered before it is taken again:
 * records would be sent twice, and a position be read that is not the last. */
static bool
may_be_taken(const struct unit *u, int64_t now)
{
    return unit_is_coming(u) && now >= u->retry_at_ms &&
           unit_inflight(u) == 0 && u->flow->notes == 0;
}

static struct taking *
begin(struct flow *f)
{
    const int64_t now = clock_mono_ms();
    struct taking *t = NULL;
    for (int32_t i = 0; i < f->n_units; i++) {
        struct unit *u = &f->units[i];
        if (!may_be_taken(u, now))
            continue;
        if (!t) {
            t = xcalloc(1, sizeof(*t));
            t->flow = f;
            t->v = xcalloc((size_t)f->n_units, sizeof(*t->v));
        }
        t->v[t->n++] = (struct taken){.unit = u, .changes = u->changes};
    }
    return t;
}

static void
start(struct flow *f)
{
    struct taking *t = begin(f);
    if (!t)
        return;
    f->taking = t;
    const int bad = pthread_create(&t->thread, NULL, run, t);
    if (!bad)
        return;
    (void)err_errno(&t->err, ERR_NOMEM, bad, "cannot start a thread");
    put_off(t);
    forget(t);
}

void
take_turn(struct flow *f)
{
    struct taking *t = f->taking;
    if (!t)
        start(f);
    if (!t || !atomic_load(&t->done))
        return;
    (void)pthread_join(t->thread, NULL);
    if (enter_all(t) != 0)
        put_off(t);
    forget(t);
}

void
take_end(struct flow *f)
{
    if (!f->taking)
        return;
    (void)pthread_join(f->taking->thread, NULL);
    forget(f->taking);
}
