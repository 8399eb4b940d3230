/*
 * Owns how much of a flow may wait for answers.  Runs on the flow's thread.
 *
 * A flow that has FLOW_WAITING_MAX on its way is crowded until half of it is
 * answered, and takes nothing from the consumer.  If that takes long it may be
 * for one partition that has no leader: then parts that have more than their
 * fair share are held, and the others go on.
 */
#include "common/base/clock.h"
#include "replicator/parts.h"

#define FLOW_WAITING_MAX ((size_t)32 << 20)
#define SQUEEZE_AFTER_MS 200
#define SHARE_MIN        ((size_t)16 << 10)
#define RECORD_COST      ((size_t)400) /* of librdkafka, besides its bytes */

static size_t
fair_share(const struct flow *f)
{
    const size_t share = FLOW_WAITING_MAX / (f->n_parts ? f->n_parts : 1);
    return share > SHARE_MIN ? share : SHARE_MIN;
}

void
backlog_look(struct part *p)
{
    const struct flow *f = p->flow;
    const bool held = atomic_load(&p->holds) & HOLD_BACKLOG;
    const size_t share = fair_share(f);
    if (!held && f->squeezed && p->waiting > share)
        part_hold(p, HOLD_BACKLOG);
    else if (held && (!f->squeezed || p->waiting <= share / 2))
        part_release(p, HOLD_BACKLOG);
}

static void
squeeze(struct flow *f, bool squeezed)
{
    struct topic *t, *next;
    if (f->squeezed == squeezed)
        return;
    f->squeezed = squeezed;
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++)
        backlog_look(t->parts[i]);
}

void
backlog_add(struct part *p, size_t bytes)
{
    struct flow *f = p->flow;
    p->waiting += bytes + RECORD_COST;
    f->waiting += bytes + RECORD_COST;
    if (!f->crowded && f->waiting > FLOW_WAITING_MAX) {
        f->crowded = true;
        f->crowded_at_ms = clock_mono_ms();
    }
    if (f->squeezed)
        backlog_look(p);
}

void
backlog_sub(struct part *p, size_t bytes)
{
    struct flow *f = p->flow;
    p->waiting -= bytes + RECORD_COST;
    f->waiting -= bytes + RECORD_COST;
    if (f->crowded && f->waiting <= FLOW_WAITING_MAX / 2) {
        f->crowded = false;
        squeeze(f, false);
    }
    if (f->squeezed)
        backlog_look(p);
}

bool
backlog_stalls(struct flow *f)
{
    if (f->crowded && !f->squeezed &&
        clock_mono_ms() - f->crowded_at_ms > SQUEEZE_AFTER_MS)
        squeeze(f, true);
    return f->crowded && !f->squeezed;
}
