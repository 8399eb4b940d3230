/*
 * Which cluster the consumer is on and which it is moving to.  The route is
 * looked at when control has news; track_move() alone changes the state.
 *
 * A newer route is followed at any time.  Until the positions are decided
 * nothing has been handed over: a return to the cluster that is being left
 * goes on there, in the residency that the route now names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/track.h"

/* Joining takes longer than this only if something is wrong. */
#define STUCK_MS      15000
#define CALLED_OFF_MS 3000

#define BIT(state) (1u << (state))

static bool
legal(enum track_state from, enum track_state to)
{
    static const unsigned next[] = {
        [TRACK_IDLE] = BIT(TRACK_ROUTING) | BIT(TRACK_CLOSED),
        [TRACK_ROUTING] =
            BIT(TRACK_RUNNING) | BIT(TRACK_IDLE) | BIT(TRACK_CLOSED),
        [TRACK_RUNNING] =
            BIT(TRACK_JOINING) | BIT(TRACK_IDLE) | BIT(TRACK_CLOSED),
        [TRACK_JOINING] = BIT(TRACK_RUNNING) | BIT(TRACK_MAPPING) |
                          BIT(TRACK_IDLE) | BIT(TRACK_CLOSED),
        [TRACK_MAPPING] =
            BIT(TRACK_RUNNING) | BIT(TRACK_IDLE) | BIT(TRACK_CLOSED),
        [TRACK_CLOSED] = 0,
    };
    return (next[from] & BIT(to)) != 0;
}

void
track_move(struct track *tr, enum track_state to)
{
    if (!legal(tr->state, to))
        abort();
    tr->state = to;
    consumer_aim(tr->c);
    if (to == TRACK_RUNNING)
        tr->stuck = false;
    track_report(tr);
}

/* ---- hooks: below a poll of librdkafka, lock held ------------------------ */

/* What another track reads by now is told of by that one. */
static rd_kafka_topic_partition_list_t *
without_parted(const struct generation *g,
               const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_topic_partition_list_t *ours =
        rd_kafka_topic_partition_list_new(l->cnt);
    for (int i = 0; i < l->cnt; i++) {
        const struct view *v = generation_view(g, l->elems[i].topic);
        if (!v || !v->parted)
            track_list_add(ours, &l->elems[i]);
    }
    return ours;
}

static void
on_assign(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          void *arg)
{
    struct track *tr = arg;
    if (g != tr->cur) {
        generation_take_granted(g);
        return;
    }
    for (struct part *p = g->parts; p; p = p->hh.next)
        p->lost = false; /* the group lives: somebody has it and goes on */
    tr->starter.again_ms = 0;
    rd_kafka_topic_partition_list_t *ours = without_parted(g, l);
    track_offer(tr, ours);
    rd_kafka_topic_partition_list_destroy(ours);
}

static bool
on_revoke(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          bool lost, void *arg)
{
    struct track *tr = arg;
    if (g != tr->cur)
        return true;
    rd_kafka_topic_partition_list_t *ours = without_parted(g, l);
    const bool now = track_call_revoke(tr, ours);
    rd_kafka_topic_partition_list_destroy(ours);
    if (now)
        track_revoked(tr, g, l, lost);
    return now;
}

static void
on_commit(struct generation *g, rd_kafka_resp_err_t code,
          rd_kafka_topic_partition_list_t *l, void *arg)
{
    track_on_commit(arg, g, code, l);
}

static void
on_error(struct generation *g, rd_kafka_resp_err_t code, const char *text,
         void *arg)
{
    struct track *tr = arg;
    if (g == tr->cur && !g->stopped && tr->e.on_error)
        tr->e.on_error(code, text, tr->e.arg);
    else
        track_log(tr, LOG_INFO, "cluster %s: %s: %s", g->cluster,
                  rd_kafka_err2name(code), text);
}

static void
on_topic(struct generation *g, const rd_kafka_topic_t *rkt, void *arg)
{
    struct track *tr = arg;
    const struct view *v = generation_view(g, rd_kafka_topic_name(rkt));
    if (v && tr->e.on_topic)
        tr->e.on_topic(rkt, g->rk, v->logical, v->origin, tr->e.arg);
}

static bool
enter(void *arg)
{
    const struct track *tr = arg;
    return consumer_enter(tr->c);
}

static void
leave(void *arg, bool entered)
{
    const struct track *tr = arg;
    consumer_leave(tr->c, entered);
}

/* ---- binding ------------------------------------------------------------- */

static void
complain(struct track *tr, const char *text)
{
    tr->complaining = true;
    if (str_equal(tr->complaint, text))
        return;
    free(tr->complaint);
    tr->complaint = strdup(text);
    if (tr->e.on_error) /* it is logged where nobody wants to hear it */
        tr->e.on_error(RD_KAFKA_RESP_ERR__INVALID_ARG, text, tr->e.arg);
    else
        track_log(tr, LOG_ERR, "%s", text);
    track_report(tr);
}

/* Tried again even if the route stays: what was wrong may be a file. */
static void
cannot_open(struct track *tr, const struct target *t, const char *why)
{
    const bool known = tr->unopened && str_equal(tr->complaint, why);
    tr->unopened = true;
    tr->retry_ms = clock_mono_ms() + backoff_next_ms(&tr->retry);
    complain(tr, why);
    if (!known)
        track_stuck(tr, t, why);
}

int
track_open(struct track *tr, const struct target *t, struct generation **out,
           struct err *err)
{
    const struct generation_hooks hooks = {
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_commit = on_commit,
        .on_error = on_error,
        .on_log = tr->e.on_log,
        .on_topic = on_topic,
        .enter = enter,
        .leave = leave,
        .arg = tr,
        .log_arg = tr->e.arg,
    };
    return generation_new(&tr->e, t, &hooks, out, err);
}

static struct generation *
bind_to(struct track *tr, const struct target *t)
{
    struct err err = {0};
    int rc = 0;
    struct generation *g = track_ready_take(tr, t);
    if (!g)
        rc = track_open(tr, t, &g, &err);
    if (rc == 0 && tr->by_hand) {
        g->by_hand = true;
        g->joined = !tr->cur; /* else when it is prepared */
    }
    if (rc == 0)
        rc = generation_subscribe(g, &tr->route->answer, &tr->topics, true,
                                  &err);
    if (rc == 0) {
        tr->unopened = false;
        return g;
    }
    generation_close_take(g, tr->reaper);
    cannot_open(tr, t, err.text);
    return NULL;
}

static void
first_binding(struct track *tr, const struct target *t)
{
    tr->cur = bind_to(tr, t);
    if (!tr->cur)
        return;
    tr->commit_at_ms = clock_mono_ms() + tr->e.auto_commit_interval_ms;
    track_move(tr, TRACK_RUNNING);
    track_event(tr, ENGINE_ROUTED, NULL, NULL);
    track_by_hand_take(tr);
}

/* ---- switching ----------------------------------------------------------- */

/* Members that meet there may be on their way: it does not leave at once. */
static void
drop_next(struct track *tr)
{
    if (tr->next)
        track_ready_retire_take(tr, tr->next, CALLED_OFF_MS);
    tr->next = NULL;
    tr->stuck = false;
    track_handover_forget(tr);
}

/* Not even the new cluster's handle can be made. */
static void
stop_alone(struct track *tr)
{
    if (tr->cur->stopped || tr->shared)
        return;
    track_log(tr, LOG_WARNING,
              "the route is fenced: reading on cluster %s has stopped",
              tr->cur->cluster);
    track_tell_rebalance(tr, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    if (!tr->cur->down)
        track_commit_finished(tr);
    generation_stop(tr->cur);
}

static void
begin_switch(struct track *tr, const struct target *t)
{
    struct target to = *t;
    to.previous = tr->cur->cluster;
    tr->fenced = t->fence;
    metrics_add(tr->e.metrics, METRIC_FENCED, t->fence && !tr->cur->stopped);
    consumer_end_parting(tr->c, t->cluster->name);
    track_switched(tr); /* the one before is over, as far as it came */
    tr->next = bind_to(tr, &to);
    if (!tr->next && t->fence)
        stop_alone(tr);
    if (!tr->next)
        return;
    free(tr->from);
    tr->from = strdup(tr->cur->cluster);
    tr->join_ms = clock_mono_ms();
    tr->joined_ms = 0;
    track_handover_forget(tr);
    track_phases_begin(tr);
    track_event(tr, ENGINE_SWITCH, tr->cur->cluster, NULL);
    track_move(tr, TRACK_JOINING);
}

/* A handle stays with the addresses and properties that it was made with. */
static void
tell_stale(struct track *tr, const struct pt_cluster *cluster)
{
    char text[512];
    if (generation_is_at(tr->cur, cluster)) {
        free(tr->stale);
        tr->stale = NULL;
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "cluster %s has new bootstrap.servers/properties: takes "
                   "effect when the client restarts",
                   cluster->name);
    if (str_equal(tr->stale, text))
        return;
    free(tr->stale);
    tr->stale = strdup(text);
    track_warn(tr, "%s", text);
    track_report(tr);
}

/* Same cluster: perhaps another residency, perhaps a larger view. */
static void
refresh(struct track *tr, struct generation *g, const struct target *t)
{
    struct err err = {0};
    /* Where we read before we go to `next` is no matter of the route. */
    const char *previous = g == tr->cur ? t->previous : NULL;
    if (g->since != t->since && generation_enter(g, t->since, previous) != 0) {
        complain(tr, "out of memory");
        return;
    }
    if (generation_subscribe(g, &tr->route->answer, &tr->topics, true, &err) !=
        0)
        complain(tr, err.text);
    if (g != tr->cur)
        return;
    if (g->stopped && !tr->shared)
        track_handover_undo(tr);
    tell_stale(tr, t->cluster);
    track_by_hand_take(tr);
}

static void
follow_running(struct track *tr, const struct target *t)
{
    if (strcmp(tr->cur->cluster, t->cluster->name) == 0)
        refresh(tr, tr->cur, t);
    else
        begin_switch(tr, t);
}

/* Before anything was handed over: joining, or positions being looked up. */
static void
follow_switching(struct track *tr, const struct target *t)
{
    tr->fenced = t->fence;
    if (strcmp(tr->next->cluster, t->cluster->name) == 0 &&
        generation_is_at(tr->next, t->cluster)) {
        refresh(tr, tr->next, t);
        return;
    }
    if (tr->shared && tr->state == TRACK_MAPPING)
        return; /* the other track has parted with it; at the end, then */
    track_log(tr, LOG_NOTICE, "the switch to cluster %s is called off",
              tr->next->cluster);
    drop_next(tr);
    track_handover_undo(tr);
    track_move(tr, TRACK_RUNNING);
    follow_running(tr, t);
}

static void
act_on(struct track *tr, const struct target *t)
{
    switch (tr->state) {
    case TRACK_ROUTING:
        first_binding(tr, t);
        break;
    case TRACK_RUNNING:
        follow_running(tr, t);
        break;
    case TRACK_JOINING:
    case TRACK_MAPPING:
        follow_switching(tr, t);
        break;
    case TRACK_IDLE:
    case TRACK_CLOSED:
        break;
    }
}

static void
settle_complaint(struct track *tr)
{
    const bool was_unopened = tr->unopened;
    if (tr->complaining)
        return;
    tr->unopened = false;
    backoff_reset(&tr->retry);
    if (!tr->complaint && !was_unopened)
        return;
    free(tr->complaint);
    tr->complaint = NULL;
    track_report(tr);
}

static bool
has_mappers(const struct pt_answer *a)
{
    for (size_t i = 0; i < a->n_flows; i++)
        if (a->flows[i].mappers.n > 0)
            return true;
    return false;
}

void
track_follow(struct track *tr)
{
    struct target t;
    struct err err = {0};
    struct route *r = control_route(tr->e.control);
    if (!r)
        return;
    route_unref(tr->route);
    tr->route = r;
    tr->printing = has_mappers(&r->answer);
    if (tr->state == TRACK_IDLE || tr->state == TRACK_CLOSED)
        return;
    tr->retry_ms = 0;
    tr->complaining = false;
    const int rc = handover_target(&r->answer, &tr->topics, &t, &err);
    if (rc == ERR_UNAVAILABLE)
        return;
    if (rc != 0) {
        complain(tr, err.text);
        return;
    }
    act_on(tr, &t);
    if (tr->state == TRACK_RUNNING)
        track_ready_follow(tr);
    settle_complaint(tr);
}

/* ---- steps --------------------------------------------------------------- */

/* Once in a switch, as soon as it is known. */
static void
tell_stuck(struct track *tr)
{
    const bool late = clock_mono_ms() >= tr->join_ms + STUCK_MS;
    const bool missing = tr->preparation.missing;
    if (tr->stuck || (tr->next->joined && !missing) ||
        (!late && !missing && !tr->next->down))
        return;
    tr->stuck = true;
    track_log(tr, LOG_WARNING, "cannot join the group on cluster %s yet",
              tr->next->cluster);
    track_event(tr, ENGINE_STUCK, tr->cur->cluster,
                missing ? "a topic is not on the new cluster yet; reading goes "
                          "on from the old one"
                : tr->cur->stopped
                    ? "the group on the new cluster cannot be joined yet; the "
                      "route is fenced, so nothing is read meanwhile"
                    : "the group on the new cluster cannot be joined yet; "
                      "reading goes on from the old one");
    track_report(tr);
}

/* A rebalance on the old cluster: only at its end it is known who carries what
 * over from where.  One on the new cluster: until its end nothing would be read
 * there. */
static bool
in_rebalance(struct track *tr)
{
    const struct generation *g = tr->cur;
    if (tr->shared || tr->fenced || g->down || g->stopped || !g->joined ||
        tr->by_hand)
        return false;
    return (g->revoked || g->n_waiting > 0 || tr->next->revoked) &&
           clock_mono_ms() < tr->joined_ms + tr->e.settle_ms / 2;
}

static void
note_joined(struct track *tr)
{
    if (!tr->next->joined || tr->joined_ms > 0)
        return;
    tr->joined_ms = clock_mono_ms();
    track_phase(tr, "joined");
}

static void
join_step(struct track *tr)
{
    track_serve(tr, tr->next);
    track_by_hand_prepare(tr);
    note_joined(tr);
    if (!tr->next->joined && !tr->fenced) {
        tell_stuck(tr);
        return;
    }
    if (in_rebalance(tr) || !track_handover_prepared(tr)) {
        tell_stuck(tr);
        return;
    }
    track_phase(tr, "prepared");
    if (consumer_in_txn(tr->c) && !tr->fenced)
        return; /* a moment: what it commits is where the new cluster begins */
    track_handover_begin(tr);
    track_move(tr, TRACK_MAPPING);
}

static void
map_step(struct track *tr)
{
    if (!tr->shared && tr->hand.begun) /* else it goes on delivering */
        track_serve(tr, tr->cur);
    track_serve(tr, tr->next);
    note_joined(tr);
    tell_stuck(tr);
    if (track_handover_step(tr))
        wake_up(tr->wake); /* the route may have changed meanwhile */
}

void
track_switch_step(struct track *tr)
{
    const bool again = tr->retry_ms > 0 && clock_mono_ms() >= tr->retry_ms;
    if (tr->news || again)
        track_follow(tr);
    tr->news = false;
    if (tr->state == TRACK_JOINING)
        join_step(tr);
    if (tr->state == TRACK_MAPPING)
        map_step(tr);
    if (!tr->shared &&
        (tr->state == TRACK_RUNNING || tr->state == TRACK_JOINING))
        track_start_step(tr);
    track_ready_step(tr);
}

void
track_drop_generations(struct track *tr)
{
    wake_aim(tr->wake, NULL); /* before its queue goes */
    tr->rebalance.owed = false;
    track_given_reset(tr);
    track_start_reset(tr);
    track_land_reset(tr);
    track_handover_reset(tr);
    drop_next(tr);
    track_ready_drop(tr);
    if (tr->shared)
        generation_unref(tr->cur);
    else
        generation_close_take(tr->cur, tr->reaper);
    tr->cur = NULL;
    tr->shared = false;
    consumer_aim(tr->c);
    tr->stop_ms = tr->retry_ms = 0;
    tr->unopened = false;
    free(tr->stale);
    tr->stale = NULL;
}
