/*
 * Owns how much of a flow may wait for answers.  Runs on the flow's thread.
 *
 * The consumer's queue is always drained (librdkafka 2.0.2 sleeps a second when
 * it is full), so what bounds memory is which parts are read.  A flow that has
 * FLOW_WAITING_MAX on its way is crowded until half of it is answered; while
 * it is, a part may have its fair share and no more.  A partition without a
 * leader thus fills its share, or the flow down to the others' shares, and
 * they go on.
 */
#include "replicator/parts.h"

#define FLOW_WAITING_MAX ((size_t)32 << 20)
#define SHARE_MIN        ((size_t)16 << 10)
#define RECORD_COST      ((size_t)400) /* of librdkafka, besides its bytes */

static size_t
fair_share(const struct flow *f)
{
    const size_t share = FLOW_WAITING_MAX / (f->n_parts ? f->n_parts : 1);
    return share > SHARE_MIN ? share : SHARE_MIN;
}

static void
look_at(struct part *p)
{
    const struct flow *f = p->flow;
    const bool held = atomic_load(&p->holds) & HOLD_BACKLOG;
    const size_t share = fair_share(f);
    if (!held && f->crowded && p->waiting > share)
        part_hold(p, HOLD_BACKLOG);
    else if (held && (!f->crowded || p->waiting <= share / 2))
        part_release(p, HOLD_BACKLOG);
}

static void
set_crowded(struct flow *f, bool crowded)
{
    struct topic *t, *next;
    f->crowded = crowded;
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        look_at(t->parts[i]);
}

void
backlog_add(struct part *p, size_t bytes)
{
    struct flow *f = p->flow;
    p->waiting += bytes + RECORD_COST;
    f->waiting += bytes + RECORD_COST;
    if (!f->crowded && f->waiting > FLOW_WAITING_MAX)
        set_crowded(f, true);
    else if (f->crowded)
        look_at(p);
}

void
backlog_sub(struct part *p, size_t bytes)
{
    struct flow *f = p->flow;
    p->waiting -= bytes + RECORD_COST;
    f->waiting -= bytes + RECORD_COST;
    if (f->crowded && f->waiting <= FLOW_WAITING_MAX / 2)
        set_crowded(f, false);
    else if (f->crowded)
        look_at(p);
}
