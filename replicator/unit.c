/*
 * Owns the units of a flow: what of it one process has to itself.  A source
 * partition belongs to the unit that its position lies in, so that whoever
 * owns a unit alone writes all that is in that partition of the topic of
 * positions.  Runs on the flow's thread.
 *
 * Invariant: a unit's parts are read only after its positions were read, and
 * those only after it was given to us.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "common/mm2/codec.h"
#include "replicator/group.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define TAKE_RETRY_MS 1000

void
units_make(struct flow *f, int32_t n)
{
    if (f->units)
        return;
    f->units = xcalloc((size_t)n, sizeof(*f->units));
    f->n_units = n;
    for (int32_t i = 0; i < n; i++) {
        f->units[i].flow = f;
        f->units[i].id = i;
        atomic_init(&f->units[i].state, UNIT_AWAY);
    }
}

void
units_free(struct flow *f)
{
    for (int32_t i = 0; i < f->n_units; i++)
        positions_fini(&f->units[i].positions);
    free(f->units);
    f->units = NULL;
    f->n_units = 0;
}

/* As Java's producers choose the partition of a key. */
struct unit *
unit_of(const struct flow *f, const char *topic, int32_t partition)
{
    char *key;
    if (position_key(f->conf->source->name, topic, partition, &key) != 0)
        abort(); /* out of memory */
    const int32_t id = rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key),
                                                        f->n_units, NULL, NULL);
    free(key);
    return &f->units[id];
}

static bool
is(const struct unit *u, enum unit_state state)
{
    return atomic_load(&u->state) == (int)state;
}

bool
unit_is_mine(const struct unit *u)
{
    return is(u, UNIT_MINE) || is(u, UNIT_GOING);
}

bool
units_lead(const struct flow *f)
{
    return f->units && unit_is_mine(&f->units[0]);
}

rd_kafka_t *
unit_producer(const struct unit *u)
{
    return u->producer ? u->producer : u->flow->producer;
}

int64_t
unit_inflight(const struct unit *u)
{
    int64_t n = 0;
    for (const struct part *p = u->parts; p; p = p->next_of_unit)
        n += p->inflight;
    return n;
}

/* ---- parts ------------------------------------------------------------- */

static void
begin_anew(struct part *p, int64_t position)
{
    struct flow *f = p->flow;
    pthread_mutex_lock(&f->lock);
    p->acked = p->saved = position;
    runs_fini(&p->runs);
    sight_anew(&p->sight);
    pthread_mutex_unlock(&f->lock);
    p->reset = p->to_save = -1; /* a flush may have begun before */
    p->begin = discover_begins_at_end(f) ? RD_KAFKA_OFFSET_END
                                         : RD_KAFKA_OFFSET_BEGINNING;
    sync_init(&p->sync);
}

/* What this process has copied still counts where nobody has written since:
 * the unit was lost to nobody, while the cluster could not be reached. */
static bool
goes_on(const struct part *p, int64_t position)
{
    return p->known && !txn_wanted(p->flow) && position == p->saved;
}

void
part_enter(struct part *p)
{
    if (!unit_is_mine(p->unit))
        return;
    if (txn_wanted(p->flow) && !p->unit->producer) {
        unit_renew(p->unit, 0); /* its first part: it needs a producer */
        return;
    }
    const int64_t position =
        positions_get(&p->unit->positions, p->topic->name, p->partition);
    p->anew = !goes_on(p, position);
    if (p->anew)
        begin_anew(p, position);
    p->known = true;
    part_check(p, p->anew ? positions_last(&p->unit->positions, p->topic->name,
                                           p->partition)
                          : p->last);
    part_rewind(p);
    part_release(p, HOLD_NOT_MINE);
}

/* ---- giving and dropping ------------------------------------------------ */

void
unit_give(struct unit *u)
{
    u->given = true;
    if (is(u, UNIT_AWAY))
        atomic_store(&u->state, UNIT_COMING);
}

static void
hold_parts(struct unit *u)
{
    for (struct part *p = u->parts; p; p = p->next_of_unit) {
        part_hold(p, HOLD_NOT_MINE);
        group_forget(p);
    }
}

void
unit_ask_back(struct unit *u)
{
    u->given = false;
    hold_parts(u);
    atomic_store(&u->state, is(u, UNIT_MINE) ? UNIT_GOING : UNIT_AWAY);
}

void
unit_drop(struct unit *u)
{
    hold_parts(u);
    txn_drop(u);
    atomic_store(&u->state, UNIT_AWAY);
}

void
unit_renew(struct unit *u, int64_t wait_ms)
{
    unit_drop(u);
    if (u->given)
        atomic_store(&u->state, UNIT_COMING);
    u->retry_at_ms = clock_mono_ms() + wait_ms;
}

/* ---- taking ------------------------------------------------------------- */

struct taking {
    struct flow *flow;
    struct unit **units;
    int32_t n;
    int64_t next_sync; /* offset in their topic; 0: none came yet */
    uint64_t gaps;     /* where it was compacted */
};

static void
read_runs(struct flow *f, const rd_kafka_message_t *m)
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
        read_runs(f, m);
}

static bool
is_taken(const struct taking *t, const struct unit *u)
{
    for (int32_t i = 0; i < t->n; i++)
        if (t->units[i] == u)
            return true;
    return false;
}

static void
read_sync(const rd_kafka_message_t *m, void *arg)
{
    struct taking *t = arg;
    struct flow *f = t->flow;
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
    struct part *p = flow_part(f, sync.topic, sync.partition);
    if (p && p->anew && is_taken(t, p->unit)) {
        pthread_mutex_lock(&f->lock);
        if (p->runs.gaps != t->gaps)
            runs_gap(&p->runs);
        p->runs.gaps = t->gaps;
        runs_add(&p->runs, (struct sync_point){.up = sync.upstream,
                                               .down = sync.downstream});
        pthread_mutex_unlock(&f->lock);
    }
    mm2_offset_sync_fini(&sync);
}

static int
read_positions(struct taking *t, struct err *err)
{
    struct flow *f = t->flow;
    char *id = xasprintf("shunt-replicator-%s-reader", f->conf->name);
    int32_t *ids = xcalloc((size_t)t->n, sizeof(*ids));
    for (int32_t i = 0; i < t->n; i++) {
        positions_fini(&t->units[i]->positions); /* others may have written */
        ids[i] = t->units[i]->id;
    }
    const int rc = topics_read_some(&f->conf->clients[ROLE_TARGET_CONSUMER], id,
                                    f->positions_topic, ids, t->n, &f->stop,
                                    read_position, t, err);
    free(ids);
    free(id);
    return rc;
}

/* Has something been copied before, by whomever? */
static bool
need_syncs(const struct taking *t)
{
    for (int32_t i = 0; i < t->n; i++)
        for (const struct part *p = t->units[i]->parts; p; p = p->next_of_unit)
            if (p->anew && p->acked >= 0)
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
enter(struct unit *u, struct err *err)
{
    int rc = 0;
    atomic_store(&u->state, UNIT_MINE);
    for (struct part *p = u->parts; p && rc == 0; p = p->next_of_unit) {
        rc = part_open(p, err);
        if (rc == 0)
            part_enter(p);
    }
    txn_warm(u);
    return rc;
}

static int
take(struct taking *t, struct err *err)
{
    int rc = txn_wanted(t->flow) ? txn_begin_units(t->units, t->n, err) : 0;
    if (rc == 0)
        rc = read_positions(t, err);
    for (int32_t i = 0; i < t->n && rc == 0; i++)
        rc = enter(t->units[i], err);
    if (rc != 0)
        return rc;
    holds_apply(t->flow);
    /* What they copy meanwhile is newer. */
    read_syncs(t);
    for (int32_t i = 0; i < t->n; i++)
        for (struct part *p = t->units[i]->parts; p; p = p->next_of_unit)
            txn_tell_again(p);
    atomic_fetch_add(&t->flow->takes, 1);
    return 0;
}

static void
put_off(struct taking *t, const struct err *why)
{
    for (int32_t i = 0; i < t->n; i++)
        unit_renew(t->units[i], TAKE_RETRY_MS);
    if (why->code != ERR_CLOSED)
        flow_complain(t->flow, "cannot take over partitions", why->text);
}

/* What was sent before a unit was lost is answered before it is taken again:
 * records would be sent twice, and a position be read that is not the last. */
static bool
may_be_taken(const struct unit *u, int64_t now)
{
    return is(u, UNIT_COMING) && now >= u->retry_at_ms &&
           unit_inflight(u) == 0 && u->flow->notes == 0;
}

void
units_turn(struct flow *f)
{
    struct err err = {0};
    struct taking t = {.flow = f};
    const int64_t now = clock_mono_ms();
    for (int32_t i = 0; i < f->n_units; i++) {
        if (!may_be_taken(&f->units[i], now))
            continue;
        if (!t.units)
            t.units = xcalloc((size_t)f->n_units, sizeof(struct unit *));
        t.units[t.n++] = &f->units[i];
    }
    if (t.n > 0 && take(&t, &err) != 0)
        put_off(&t, &err);
    free(t.units);
}

bool
units_settled(const struct flow *f)
{
    for (int32_t i = 0; i < f->n_units; i++)
        if (is(&f->units[i], UNIT_COMING))
            return false;
    return true;
}
