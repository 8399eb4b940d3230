/*
 * What the worker tells about moves: the application by events, the route
 * service by reports, people by the log.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

static void
report(struct producer *p, const char *state, const char *cluster,
       int64_t since, int64_t switch_ms, const char *detail)
{
    struct route *r = control_route(p->e.control);
    /* Encoded at once, never changed: the casts only lend the strings. */
    const struct pt_report rep = {
        .instance = p->e.client.instance,
        .revision = r ? r->answer.revision : 0,
        .cluster = (char *)(uintptr_t)cluster,
        .state = (char *)(uintptr_t)state,
        .detail = (char *)(uintptr_t)detail,
        .since = since,
        .switch_ms = switch_ms,
        .reread_bound = 0,
        .lag = -1,
        .phases = p->phases,
        .n_phases = p->n_phases,
    };
    route_unref(r);
    p->away = strcmp(state, "running") != 0;
    if (control_report(p->e.control, &rep) != 0)
        producer_log(p, LOG_WARNING, "out of memory: a report is not sent");
}

static void
tell(struct producer *p, enum engine_event_type type, const char *from,
     const char *to, int64_t since, int64_t stall_ms, const char *text)
{
    const struct engine_event e = {
        .type = type,
        .from = from,
        .to = to,
        .since = since,
        .stall_ms = stall_ms,
        .reread_bound = -1,
        .catchup_ms = -1,
        .ms = -1,
        .text = text,
    };
    producer_tell(p, &e);
}

void
mover_say_phase(struct producer *p, const char *from, const char *name)
{
    const struct engine_event e = {
        .type = ENGINE_PHASE,
        .from = from,
        .to = p->switch_to,
        .since = -1,
        .stall_ms = -1,
        .reread_bound = -1,
        .catchup_ms = -1,
        .phase = name,
        .ms = clock_mono_ms() - p->switch_ms,
    };
    if (p->n_phases < MOVER_PHASES_MAX)
        p->phases[p->n_phases++] =
            (struct pt_phase){(char *)(uintptr_t)name, e.ms};
    producer_tell(p, &e);
}

void
mover_say_stuck(struct producer *p, const char *cluster, int64_t since,
                const char *why)
{
    if (p->stuck)
        return;
    p->stuck = true;
    producer_log(p, LOG_WARNING, "cannot move to cluster %s yet: %s", cluster,
                 why);
    tell(p, ENGINE_STUCK, p->cluster, cluster, since, -1, why);
    report(p, "stuck", p->cluster, since, -1, why);
}

/* Worker: lanes are only ever added at the end. */
static struct lane *
next_lane(struct producer *p, const struct lane *l)
{
    gate_enter(&p->gate);
    struct lane *next = l ? l->next : p->lanes;
    gate_leave(&p->gate);
    return next;
}

static bool
told_before(struct producer *p, const struct lane *until,
            const struct gen *from)
{
    for (struct lane *l = next_lane(p, NULL); l != until; l = next_lane(p, l))
        if (l->gen == from && l->wanted && !gen_is_for(from, l->wanted) &&
            strcmp(l->wanted->name, until->wanted->name) == 0)
            return true;
    return false;
}

void
mover_say_switching(struct producer *p, const struct gen *from)
{
    if (from->flush_start_ms)
        return; /* it is the same move, begun before the last news */
    for (struct lane *l = next_lane(p, NULL); l; l = next_lane(p, l))
        if (l->gen == from && l->wanted && !gen_is_for(from, l->wanted) &&
            (l->target || l->fence) && !told_before(p, l, from)) {
            if (!p->switching) {
                p->switch_ms = clock_mono_ms();
                p->switch_to = name_intern(l->wanted->name);
                p->n_phases = 0;
            }
            p->switching = true;
            tell(p, ENGINE_SWITCH, from->cluster, l->wanted->name, l->since, -1,
                 "");
            report(p, "switching", from->cluster, l->since, -1, NULL);
        }
}

/* All that has come the same way with `first`. */
static void
say_switched(struct producer *p, struct lane *first)
{
    char text[160];
    const char *from = first->left;
    int64_t left_ms = first->left_ms;
    for (struct lane *l = first; l; l = next_lane(p, l))
        if (l->left == from && l->gen == first->gen) {
            left_ms = l->left_ms < left_ms ? l->left_ms : left_ms;
            l->left = NULL;
        }
    mover_say_phase(p, from, "delivering");
    const int64_t stall_ms = clock_mono_ms() - left_ms;
    (void)snprintf(text, sizeof(text), "%zu records came along", p->carried);
    p->carried = 0;
    tell(p, ENGINE_SWITCHED, from, first->gen->cluster, first->since, stall_ms,
         text);
    producer_log(p, LOG_INFO,
                 "moved from cluster %s to %s in %" PRId64 " ms: %s", from,
                 first->gen->cluster, stall_ms, text);
    report(p, "running", first->gen->cluster, first->since, stall_ms, NULL);
}

void
mover_say_arrived(struct producer *p)
{
    const struct lane *any = NULL;
    bool said = false;
    for (struct lane *l = next_lane(p, NULL); l; l = next_lane(p, l)) {
        if (!l->gen || l->still)
            continue;
        any = l;
        if (l->left) {
            l->gen->routed = true;
            say_switched(p, l);
            said = true;
        } else if (!l->gen->routed) {
            l->gen->routed = true;
            tell(p, ENGINE_ROUTED, NULL, l->gen->cluster, l->since, -1, "");
            report(p, "running", l->gen->cluster, l->since, -1, NULL);
            said = true;
        }
    }
    if (any && !said && p->away && !p->stuck)
        report(p, "running", any->gen->cluster, any->since, -1, NULL);
    p->switching = p->switching && !any;
}

void
mover_complain(struct producer *p)
{
    for (struct lane *l = next_lane(p, NULL); l; l = next_lane(p, l)) {
        if (l->orphan && !l->complained)
            producer_log(p, LOG_WARNING,
                         "no rule matches topic %s: its records wait",
                         l->topic);
        l->complained = l->orphan;
    }
}
