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
    backlog_look(p);
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
    u->changes++;
    hold_parts(u);
    atomic_store(&u->state, is(u, UNIT_MINE) ? UNIT_GOING : UNIT_AWAY);
}

void
unit_drop(struct unit *u)
{
    u->changes++;
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

void
unit_taken(struct unit *u)
{
    atomic_store(&u->state, UNIT_MINE);
}

bool
unit_is_coming(const struct unit *u)
{
    return is(u, UNIT_COMING);
}

bool
units_settled(const struct flow *f)
{
    for (int32_t i = 0; i < f->n_units; i++)
        if (is(&f->units[i], UNIT_COMING))
            return false;
    return true;
}
