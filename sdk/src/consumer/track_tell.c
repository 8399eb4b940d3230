/*
 * What the consumer says of itself: events and log lines to the application,
 * reports to the route service.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/track.h"

#define REPORT_MS 10000

void
track_log(struct track *tr, int level, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (!tr->e.on_log)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    tr->e.on_log(level, "SHUNT", text, tr->e.arg);
}

static const struct generation *
newest(const struct track *tr)
{
    return tr->next ? tr->next : tr->cur;
}

void
track_event(struct track *tr, enum engine_event_type type, const char *from,
            const char *text)
{
    const struct generation *g = newest(tr);
    const bool done = type == ENGINE_SWITCHED;
    const struct engine_event e = {
        .type = type,
        .from = from,
        .to = g ? g->cluster : NULL,
        .since = g ? g->since : 0,
        .stall_ms = done ? tr->switch_ms : -1,
        .reread_bound = done ? tr->last_bound : -1,
        .catchup_ms = done ? tr->catchup_ms : -1,
        .text = text,
    };
    if (tr->e.on_event)
        tr->e.on_event(&e, tr->e.arg);
}

void
track_stuck(struct track *tr, const struct target *to, const char *text)
{
    const struct engine_event e = {
        .type = ENGINE_STUCK,
        .from = tr->cur ? tr->cur->cluster : NULL,
        .to = to->cluster->name,
        .since = to->since,
        .stall_ms = -1,
        .reread_bound = -1,
        .text = text,
    };
    if (tr->e.on_event)
        tr->e.on_event(&e, tr->e.arg);
}

void
track_standby_ready(struct track *tr)
{
    const struct engine_event e = {
        .type = ENGINE_STANDBY,
        .from = tr->cur ? tr->cur->cluster : NULL,
        .to = tr->standby->cluster,
        .stall_ms = -1,
        .reread_bound = -1,
    };
    if (tr->e.on_event)
        tr->e.on_event(&e, tr->e.arg);
}

void
track_warn(struct track *tr, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    track_log(tr, LOG_WARNING, "%s", text);
    track_event(tr, ENGINE_WARNING, tr->from, text);
}

/* ---- phases of a switch -------------------------------------------------- */

void
track_phases_begin(struct track *tr)
{
    tr->n_phases = 0;
    tr->told_first = true; /* cur delivers meanwhile */
}

void
track_phase(struct track *tr, const char *name)
{
    const struct generation *g = newest(tr);
    const struct engine_event e = {
        .type = ENGINE_PHASE,
        .from = tr->from,
        .to = g ? g->cluster : NULL,
        .since = g ? g->since : 0,
        .stall_ms = -1,
        .reread_bound = -1,
        .phase = name,
        .ms = clock_mono_ms() - tr->join_ms,
    };
    if (tr->join_ms == 0)
        return; /* landed by a start, not by a move */
    for (size_t i = 0; i < tr->n_phases; i++)
        if (strcmp(tr->phases[i].name, name) == 0)
            return; /* told, in this switch */
    if (tr->n_phases < PHASES_MAX)
        tr->phases[tr->n_phases++] =
            (struct pt_phase){(char *)(uintptr_t)name, e.ms};
    if (tr->e.on_event)
        tr->e.on_event(&e, tr->e.arg);
}

void
track_first_delivered(struct track *tr)
{
    tr->told_first = true;
    track_phase(tr, "delivering");
    track_report(tr);
}

/* -------------------------------------------------------------------------- */

void
track_switched(struct track *tr)
{
    if (tr->stop_ms == 0)
        return;
    tr->switch_ms = clock_mono_ms() - tr->stop_ms;
    tr->last_bound = tr->bound;
    tr->stop_ms = 0;
    char bound[32] = "an unknown number of";
    if (tr->last_bound >= 0)
        (void)snprintf(bound, sizeof(bound), "%lld", (long long)tr->last_bound);
    track_log(tr, LOG_NOTICE,
              "switched from cluster %s to %s: no delivery for %lld ms (%lld "
              "of them for replication), may read again %s records",
              tr->from ? tr->from : "(none)", tr->cur->cluster,
              (long long)tr->switch_ms, (long long)tr->catchup_ms, bound);
    track_event(tr, ENGINE_SWITCHED, tr->from, NULL);
    track_report(tr);
}

static const char *
state_text(const struct track *tr)
{
    if (tr->stuck || tr->unopened)
        return "stuck";
    if (tr->state == TRACK_JOINING || tr->state == TRACK_MAPPING || tr->stop_ms)
        return "switching";
    return tr->state == TRACK_RUNNING ? "running" : "starting";
}

/* Where a switch would carry on from. */
static int64_t
position_of(const struct track *tr, const struct part *p)
{
    const int64_t carried = track_carry(tr, p);
    return carried >= 0 ? carried : p->start;
}

static void
add_positions(const struct track *tr, struct pt_report *r)
{
    for (struct part *p = tr->cur->parts; p; p = p->hh.next) {
        const int64_t at = position_of(tr, p);
        if (p->state == PART_RUNNING && at >= 0 &&
            r->n_positions < PT_POSITIONS_MAX)
            r->positions[r->n_positions++] =
                (struct pt_position){p->key.topic, p->key.partition, at};
    }
}

/* Of all tracks.  Borrows the names.  Without memory a report says nothing of
 * positions. */
static void
tell_positions(const struct track *tr, struct pt_report *r)
{
    r->positions = calloc(PT_POSITIONS_MAX, sizeof(*r->positions));
    for (; tr; tr = tr->more) {
        if (!tr->cur || tr->shared)
            continue;
        if (r->positions)
            add_positions(tr, r);
        r->lag = handover_sum(r->lag, generation_lag(tr->cur));
    }
}

static int
urgency(const struct track *tr)
{
    const char *state = state_text(tr);
    if (tr->state == TRACK_IDLE || tr->state == TRACK_CLOSED)
        return -1;
    return strcmp(state, "stuck") == 0       ? 3
           : strcmp(state, "switching") == 0 ? 2
           : strcmp(state, "starting") == 0  ? 1
                                             : 0;
}

/* A handle makes one report: of several tracks the one that has most to say
 * tells of itself, with the positions and the lag of all. */
static const struct track *
speaker(const struct consumer *c)
{
    const struct track *best = c->track;
    for (const struct track *tr = best->more; tr; tr = tr->more)
        if (urgency(tr) > urgency(best))
            best = tr;
    return best;
}

void
track_report(struct track *any)
{
    char state[16];
    const struct track *tr = speaker(any->c);
    (void)snprintf(state, sizeof(state), "%s", state_text(tr));
    struct pt_report r = {
        .instance = tr->e.client.instance,
        .revision = tr->route ? tr->route->answer.revision : 0,
        .cluster = tr->cur ? tr->cur->cluster : NULL,
        .state = state,
        .detail = tr->complaint ? tr->complaint : tr->stale,
        .since = tr->cur ? tr->cur->since : 0,
        .switch_ms = tr->switch_ms,
        .reread_bound = tr->last_bound,
        .lag = tr->cur ? 0 : -1,
        .phases = (struct pt_phase *)(uintptr_t)tr->phases,
        .n_phases = tr->n_phases,
    };
    tell_positions(any->c->track, &r);
    any->report_at_ms = clock_mono_ms() + REPORT_MS;
    if (control_report(tr->e.control, &r) != 0)
        track_log(any, LOG_WARNING, "cannot report: out of memory");
    free(r.positions);
}

void
track_report_step(struct track *tr)
{
    if (clock_mono_ms() >= tr->report_at_ms)
        track_report(tr);
}
