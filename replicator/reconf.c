/*
 * Owns the change of a flow's settings while it runs (SIGHUP).  `conf` is
 * replaced by any thread and read by all: what several reads of one turn must
 * agree on is read once.  The flow's thread then holds the parts of topics that
 * are not selected any more, releases those that are again, and looks for new
 * ones at once.
 */
#include "common/base/clock.h"
#include "replicator/parts.h"

void
flow_reconf(struct flow *flow, const struct flow_settings *settings)
{
    flow->conf = settings;
    atomic_store(&flow->conf_new, true);
}

static void
select_topic(const struct flow_settings *c, struct topic *t)
{
    const bool wanted = settings_copies_topic(c, t->name);
    for (int32_t i = 0; i < t->n_parts; i++) {
        if (wanted)
            part_release(t->parts[i], HOLD_UNWANTED);
        else
            part_hold(t->parts[i], HOLD_UNWANTED);
    }
}

static void
not_after(int64_t *next, int64_t at)
{
    if (*next > at)
        *next = at;
}

void
reconf_step(struct flow *f)
{
    const struct flow_settings *c;
    struct topic *t, *next;
    if (!atomic_exchange(&f->conf_new, false))
        return;
    c = f->conf;
    HASH_ITER(hh, f->topics, t, next)
    select_topic(c, t);
    const int64_t now = clock_mono_ms();
    not_after(&f->next_flush_ms, now + c->target->flush_interval_ms);
    not_after(&f->next_beat_ms, now + c->heartbeats_interval_s * 1000);
    atomic_store(&f->survey_now, true);
}
