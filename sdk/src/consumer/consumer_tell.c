/*
 * What the consumer says of itself: events and log lines to the application,
 * reports to the route service.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_int.h"

#define REPORT_MS 10000

void
consumer_log(struct consumer *c, int level, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (!c->e.on_log)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->e.on_log(level, "SHUNT", text, c->e.arg);
}

static const struct generation *
newest(const struct consumer *c)
{
    return c->next ? c->next : c->cur;
}

void
consumer_event(struct consumer *c, enum engine_event_type type,
               const char *from, const char *text)
{
    const struct generation *g = newest(c);
    const bool done = type == ENGINE_SWITCHED;
    const struct engine_event e = {
        .type = type,
        .from = from,
        .to = g ? g->cluster : NULL,
        .since = g ? g->since : 0,
        .stall_ms = done ? c->switch_ms : -1,
        .reread_bound = done ? c->last_bound : -1,
        .text = text,
    };
    if (c->e.on_event)
        c->e.on_event(&e, c->e.arg);
}

void
consumer_stuck(struct consumer *c, const struct target *to, const char *text)
{
    const struct engine_event e = {
        .type = ENGINE_STUCK,
        .from = c->cur ? c->cur->cluster : NULL,
        .to = to->cluster->name,
        .since = to->since,
        .stall_ms = -1,
        .reread_bound = -1,
        .text = text,
    };
    if (c->e.on_event)
        c->e.on_event(&e, c->e.arg);
}

void
consumer_warn(struct consumer *c, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    consumer_log(c, LOG_WARNING, "%s", text);
    consumer_event(c, ENGINE_WARNING, c->from, text);
}

void
consumer_switched(struct consumer *c)
{
    if (c->stop_ms == 0)
        return;
    c->switch_ms = clock_mono_ms() - c->stop_ms;
    c->last_bound = c->bound;
    c->stop_ms = 0;
    consumer_log(c, LOG_NOTICE,
                 "switched from cluster %s to %s: no delivery for %lld ms, may "
                 "read again %lld records",
                 c->from ? c->from : "(none)", c->cur->cluster,
                 (long long)c->switch_ms, (long long)c->last_bound);
    consumer_event(c, ENGINE_SWITCHED, c->from, NULL);
    consumer_report(c);
}

static const char *
state_text(const struct consumer *c)
{
    if (c->stuck || c->unopened)
        return "stuck";
    if (c->state == CONSUMER_JOINING || c->state == CONSUMER_MAPPING ||
        c->stop_ms)
        return "switching";
    return c->state == CONSUMER_RUNNING ? "running" : "starting";
}

/* Where a switch would carry on from. */
static int64_t
position_of(const struct consumer *c, const struct part *p)
{
    const int64_t carried = consumer_carry(c, p);
    return carried >= 0 ? carried : p->start;
}

/* Borrows the names.  Without memory a report says nothing of positions. */
static void
tell_positions(const struct consumer *c, struct pt_report *r)
{
    if (!c->cur)
        return;
    r->positions = calloc(PT_POSITIONS_MAX, sizeof(*r->positions));
    if (!r->positions)
        return;
    for (struct part *p = c->cur->parts; p; p = p->hh.next) {
        const int64_t at = position_of(c, p);
        if (p->state == PART_RUNNING && at >= 0 &&
            r->n_positions < PT_POSITIONS_MAX)
            r->positions[r->n_positions++] =
                (struct pt_position){p->key.topic, p->key.partition, at};
    }
}

void
consumer_report(struct consumer *c)
{
    char state[16];
    (void)snprintf(state, sizeof(state), "%s", state_text(c));
    struct pt_report r = {
        .instance = c->e.client.instance,
        .revision = c->route ? c->route->answer.revision : 0,
        .cluster = c->cur ? c->cur->cluster : NULL,
        .state = state,
        .detail = c->complaint ? c->complaint : c->stale,
        .since = c->cur ? c->cur->since : 0,
        .switch_ms = c->switch_ms,
        .reread_bound = c->last_bound,
        .lag = c->cur ? generation_lag(c->cur) : -1,
    };
    tell_positions(c, &r);
    c->report_at_ms = clock_mono_ms() + REPORT_MS;
    if (control_report(c->e.control, &r) != 0)
        consumer_log(c, LOG_WARNING, "cannot report: out of memory");
    free(r.positions);
}

void
consumer_report_step(struct consumer *c)
{
    if (clock_mono_ms() >= c->report_at_ms)
        consumer_report(c);
}
