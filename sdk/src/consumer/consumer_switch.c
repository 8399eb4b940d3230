/*
 * Which cluster the consumer is on and which it is moving to.  The route is
 * looked at when control has news; consumer_move() alone changes the state.
 *
 * While positions are being translated (MAPPING) a newer route waits: that
 * phase is bounded, and only at its end it is known again where the member
 * stands.  A return to the cluster that still delivers simply drops the handle
 * that was joining, and goes on in the residency that the route now names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_int.h"

/* Joining takes longer than this only if something is wrong. */
#define STUCK_MS 15000

#define BIT(state) (1u << (state))

static bool
legal(enum consumer_state from, enum consumer_state to)
{
    static const unsigned next[] = {
        [CONSUMER_IDLE] = BIT(CONSUMER_ROUTING) | BIT(CONSUMER_CLOSED),
        [CONSUMER_ROUTING] =
            BIT(CONSUMER_RUNNING) | BIT(CONSUMER_IDLE) | BIT(CONSUMER_CLOSED),
        [CONSUMER_RUNNING] =
            BIT(CONSUMER_JOINING) | BIT(CONSUMER_IDLE) | BIT(CONSUMER_CLOSED),
        [CONSUMER_JOINING] = BIT(CONSUMER_RUNNING) | BIT(CONSUMER_MAPPING) |
                             BIT(CONSUMER_IDLE) | BIT(CONSUMER_CLOSED),
        [CONSUMER_MAPPING] =
            BIT(CONSUMER_RUNNING) | BIT(CONSUMER_IDLE) | BIT(CONSUMER_CLOSED),
        [CONSUMER_CLOSED] = 0,
    };
    return (next[from] & BIT(to)) != 0;
}

void
consumer_move(struct consumer *c, enum consumer_state to)
{
    if (!legal(c->state, to))
        abort();
    c->state = to;
    struct generation *polled = to == CONSUMER_MAPPING ? c->next : c->cur;
    wake_aim(c->wake, polled ? polled->queue : NULL);
    if (to == CONSUMER_RUNNING)
        c->stuck = false;
    consumer_report(c);
}

/* ---- hooks: below generation_poll() and generation_serve() ----------------------------- */

static void
on_assign(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          void *arg)
{
    struct consumer *c = arg;
    if (g != c->cur)
        return;
    for (struct part *p = g->parts; p; p = p->hh.next)
        p->lost = false; /* the group lives: somebody has it and goes on */
    c->starter.again_ms = 0;
    if (c->e.on_rebalance)
        c->e.on_rebalance(RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
                          (rd_kafka_topic_partition_list_t *)(uintptr_t)l,
                          c->e.arg);
}

static void
mark_lost(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_find(g, l->elems[i].topic, l->elems[i].partition);
        if (p && p->state == PART_RUNNING)
            p->lost = true;
    }
}

static void
on_revoke(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          bool lost, void *arg)
{
    struct consumer *c = arg;
    if (g != c->cur)
        return;
    if (c->e.on_rebalance)
        c->e.on_rebalance(RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
                          (rd_kafka_topic_partition_list_t *)(uintptr_t)l,
                          c->e.arg);
    if (lost)
        mark_lost(g, l);
    else
        consumer_commit_wait(c, g, l);
}

static void
on_commit(struct generation *g, rd_kafka_resp_err_t code,
          rd_kafka_topic_partition_list_t *l, void *arg)
{
    consumer_on_commit(arg, g, code, l);
}

static void
on_error(struct generation *g, rd_kafka_resp_err_t code, const char *text,
         void *arg)
{
    struct consumer *c = arg;
    if (g == c->cur && !g->stopped && c->e.on_error)
        c->e.on_error(code, text, c->e.arg);
    else
        consumer_log(c, LOG_INFO, "cluster %s: %s: %s", g->cluster,
                     rd_kafka_err2name(code), text);
}

/* ---- binding ------------------------------------------------------------- */

static void
complain(struct consumer *c, const char *text)
{
    c->complaining = true;
    if (str_equal(c->complaint, text))
        return;
    free(c->complaint);
    c->complaint = strdup(text);
    consumer_log(c, LOG_ERR, "%s", text);
    if (c->e.on_error)
        c->e.on_error(RD_KAFKA_RESP_ERR__INVALID_ARG, text, c->e.arg);
    consumer_report(c);
}

/* Tried again even if the route stays: what was wrong may be a file. */
static void
cannot_open(struct consumer *c, const struct target *t, const char *why)
{
    const bool known = c->unopened && str_equal(c->complaint, why);
    c->unopened = true;
    c->retry_ms = clock_mono_ms() + backoff_next_ms(&c->retry);
    complain(c, why);
    if (!known)
        consumer_stuck(c, t, why);
}

static struct generation *
bind_to(struct consumer *c, const struct target *t)
{
    const struct generation_hooks hooks = {
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_commit = on_commit,
        .on_error = on_error,
        .on_log = c->e.on_log,
        .arg = c,
        .log_arg = c->e.arg,
    };
    struct err err = {0};
    struct generation *g = NULL;
    int rc = generation_new(&c->e, t, &hooks, &g, &err);
    if (rc == 0)
        rc = generation_subscribe(g, &c->route->answer, &c->topics, &err);
    if (rc == 0) {
        c->unopened = false;
        return g;
    }
    generation_close_take(g, c->reaper);
    cannot_open(c, t, err.text);
    return NULL;
}

static void
first_binding(struct consumer *c, const struct target *t)
{
    c->cur = bind_to(c, t);
    if (!c->cur)
        return;
    c->commit_at_ms = clock_mono_ms() + c->e.auto_commit_interval_ms;
    consumer_move(c, CONSUMER_RUNNING);
    consumer_event(c, ENGINE_ROUTED, NULL, NULL);
}

/* ---- switching ----------------------------------------------------------- */

/* A handle that still lingers in the group there would be given partitions. */
static void
leave_retired(struct consumer *c, const char *cluster)
{
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        struct generation *g = c->retired[i];
        if (!g || strcmp(g->cluster, cluster) != 0)
            continue;
        generation_close_take(g, c->reaper);
        c->retired[i] = NULL;
    }
}

static void
drop_next(struct consumer *c)
{
    generation_close_take(c->next, c->reaper);
    c->next = NULL;
    c->stuck = false;
}

static void
begin_switch(struct consumer *c, const struct target *t)
{
    struct target to = *t;
    to.previous = c->cur->cluster;
    leave_retired(c, t->cluster->name);
    c->next = bind_to(c, &to);
    if (!c->next)
        return;
    c->join_ms = clock_mono_ms();
    consumer_event(c, ENGINE_SWITCH, c->cur->cluster, NULL);
    consumer_move(c, CONSUMER_JOINING);
}

/* A handle stays with the addresses and properties that it was made with. */
static void
tell_stale(struct consumer *c, const struct pt_cluster *cluster)
{
    char text[512];
    if (generation_is_at(c->cur, cluster)) {
        free(c->stale);
        c->stale = NULL;
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "cluster %s has new bootstrap.servers/properties: takes "
                   "effect when the client restarts",
                   cluster->name);
    if (str_equal(c->stale, text))
        return;
    free(c->stale);
    c->stale = strdup(text);
    consumer_warn(c, "%s", text);
    consumer_report(c);
}

/* Same cluster: perhaps another residency, perhaps a larger view. */
static void
refresh(struct consumer *c, struct generation *g, const struct target *t)
{
    struct err err = {0};
    /* Where we read before we go to `next` is no matter of the route. */
    const char *previous = g == c->cur ? t->previous : NULL;
    if (g->since != t->since && generation_enter(g, t->since, previous) != 0) {
        complain(c, "out of memory");
        return;
    }
    if (generation_subscribe(g, &c->route->answer, &c->topics, &err) != 0)
        complain(c, err.text);
    if (g == c->cur)
        tell_stale(c, t->cluster);
}

static void
follow_running(struct consumer *c, const struct target *t)
{
    if (strcmp(c->cur->cluster, t->cluster->name) == 0)
        refresh(c, c->cur, t);
    else
        begin_switch(c, t);
}

static void
follow_joining(struct consumer *c, const struct target *t)
{
    if (strcmp(c->next->cluster, t->cluster->name) == 0 &&
        generation_is_at(c->next, t->cluster)) {
        refresh(c, c->next, t);
        return;
    }
    consumer_log(c, LOG_NOTICE, "the switch to cluster %s is called off",
                 c->next->cluster);
    drop_next(c);
    consumer_move(c, CONSUMER_RUNNING);
    follow_running(c, t);
}

static void
act_on(struct consumer *c, const struct target *t)
{
    switch (c->state) {
    case CONSUMER_ROUTING:
        first_binding(c, t);
        break;
    case CONSUMER_RUNNING:
        follow_running(c, t);
        break;
    case CONSUMER_JOINING:
        follow_joining(c, t);
        break;
    case CONSUMER_IDLE:
    case CONSUMER_MAPPING:
    case CONSUMER_CLOSED:
        break;
    }
}

static void
settle_complaint(struct consumer *c)
{
    const bool was_unopened = c->unopened;
    if (c->complaining)
        return;
    c->unopened = false;
    backoff_reset(&c->retry);
    if (!c->complaint && !was_unopened)
        return;
    free(c->complaint);
    c->complaint = NULL;
    consumer_report(c);
}

void
consumer_follow(struct consumer *c)
{
    struct target t;
    struct err err = {0};
    struct route *r = control_route(c->e.control);
    if (!r)
        return;
    route_unref(c->route);
    c->route = r;
    if (c->state == CONSUMER_IDLE || c->state == CONSUMER_CLOSED)
        return;
    c->retry_ms = 0;
    c->complaining = false;
    const int rc = handover_target(&r->answer, &c->topics, &t, &err);
    if (rc == ERR_UNAVAILABLE)
        return;
    if (rc != 0) {
        complain(c, err.text);
        return;
    }
    act_on(c, &t);
    settle_complaint(c);
}

/* ---- steps --------------------------------------------------------------- */

static bool
has_positions(const struct generation *g)
{
    for (const struct part *p = g->parts; p; p = p->hh.next)
        if (p->state != PART_NONE || p->lost)
            return true;
    return false;
}

static void
join_step(struct consumer *c)
{
    generation_serve(c->next);
    if (c->next->joined || !has_positions(c->cur)) {
        consumer_handover_begin(c);
        consumer_move(c, CONSUMER_MAPPING);
        return;
    }
    if (c->stuck || clock_mono_ms() < c->join_ms + STUCK_MS)
        return;
    c->stuck = true;
    consumer_log(c, LOG_WARNING, "cannot join the group on cluster %s yet",
                 c->next->cluster);
    consumer_event(c, ENGINE_STUCK, c->cur->cluster,
                   "the group on the new cluster cannot be joined yet; reading "
                   "goes on from the old one");
    consumer_report(c);
}

static void
map_step(struct consumer *c)
{
    generation_serve(c->cur);
    generation_serve(c->next);
    if (consumer_handover_step(c))
        consumer_follow(c);
}

static void
retired_step(struct consumer *c)
{
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        struct generation *g = c->retired[i];
        if (!g)
            continue;
        generation_serve(g);
        if (clock_mono_ms() < g->close_at_ms)
            continue;
        generation_close_take(g, c->reaper);
        c->retired[i] = NULL;
    }
}

void
consumer_switch_step(struct consumer *c)
{
    const bool again = c->retry_ms > 0 && clock_mono_ms() >= c->retry_ms;
    if (wake_take(c->wake) || again)
        consumer_follow(c);
    if (c->state == CONSUMER_JOINING)
        join_step(c);
    if (c->state == CONSUMER_MAPPING)
        map_step(c);
    if (c->state == CONSUMER_RUNNING)
        consumer_start_step(c);
    retired_step(c);
}

void
consumer_drop_generations(struct consumer *c)
{
    wake_aim(c->wake, NULL);
    consumer_start_reset(c);
    consumer_land_reset(c);
    consumer_handover_reset(c);
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        generation_close_take(c->retired[i], c->reaper);
        c->retired[i] = NULL;
    }
    drop_next(c);
    generation_close_take(c->cur, c->reaper);
    c->cur = NULL;
    c->last = NULL;
    c->stop_ms = c->retry_ms = 0;
    c->unopened = false;
    free(c->stale);
    c->stale = NULL;
}
