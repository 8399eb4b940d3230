/*
 * The worker's side of the producer engine: looks at the route, prepares the
 * next generation, leaves the old one.
 *
 * Order of a move: connect and learn about every topic on the target, while
 * the old generation goes on; hold new records; flush the old one, as long as
 * it answers and switch.flush.timeout.ms allows; take back what is left; hand
 * it to the target, in its order, ahead of what was held.  A cluster whose
 * bootstrap servers or properties have changed is moved to like another one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

#define WARM_TIMEOUT_MS 1000
#define FLUSH_SLICE_MS  5
#define DOWN_GRACE_MS   200
#define PUMP_AGAIN_MS   10

static void look(void *arg);
static void pump(void *arg);

void
mover_post_look(struct producer *p, int64_t not_before_ms)
{
    /* A retry is not needed when another look will come anyway. */
    if (p->stopping || (p->looks > 0 && not_before_ms > 0))
        return;
    if (worker_post(p->e.worker, not_before_ms, look, p) == 0)
        p->looks++;
}

void
mover_post_pump(struct producer *p, int64_t not_before_ms)
{
    if (p->stopping || p->pump_posted)
        return;
    if (worker_post(p->e.worker, not_before_ms, pump, p) == 0)
        p->pump_posted = true;
}

static bool
stopping(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    const bool is = p->stopping;
    pthread_mutex_unlock(&p->lock);
    return is;
}

static void
close_dead(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    struct gen *g = p->dead;
    p->dead = NULL;
    pthread_mutex_unlock(&p->lock);
    while (g) {
        struct gen *next = g->next_dead;
        gen_close(g);
        g = next;
    }
}

static void
pump(void *arg)
{
    struct producer *p = arg;
    close_dead(p);
    pthread_mutex_lock(&p->lock);
    p->pump_posted = false;
    if (!p->holding && lanes_pump(p) != LANES_EMPTY)
        mover_post_pump(p, clock_mono_ms() + PUMP_AGAIN_MS);
    const bool failed = p->failed != NULL;
    pthread_mutex_unlock(&p->lock);
    if (failed)
        producer_wake(p);
}

/* ---- what is said of it ------------------------------------------------- */

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
    };
    route_unref(r);
    if (control_report(p->e.control, &rep) != 0)
        producer_log(p, LOG_WARNING, "out of memory: a report is not sent");
}

static void
tell(struct producer *p, enum engine_event_type type, const char *to,
     int64_t since, int64_t stall_ms, const char *text)
{
    const struct engine_event e = {
        .type = type,
        .from = p->cluster,
        .to = to,
        .since = since,
        .stall_ms = stall_ms,
        .reread_bound = -1,
        .text = text,
    };
    producer_tell(p, &e);
}

static void
say_stuck(struct producer *p, const struct pt_cluster *cluster, int64_t since,
          const char *why)
{
    if (p->stuck)
        return;
    p->stuck = true;
    producer_log(p, LOG_WARNING, "cannot move to cluster %s yet: %s",
                 cluster->name, why);
    tell(p, ENGINE_STUCK, cluster->name, since, -1, why);
    report(p, "stuck", p->cluster, since, -1, why);
}

/* ---- the route ---------------------------------------------------------- */

static const struct pt_route *
route_of(const struct pt_answer *a, const char *topic)
{
    for (size_t i = 0; i < a->n_routes; i++)
        if (strcmp(a->routes[i].topic, topic) == 0)
            return &a->routes[i];
    return NULL;
}

static struct lane *
nth_lane(struct producer *p, size_t n)
{
    pthread_mutex_lock(&p->lock);
    struct lane *l = p->lanes;
    while (l && n-- > 0)
        l = l->next;
    pthread_mutex_unlock(&p->lock);
    return l; /* lanes live as long as the producer */
}

/* The first topic that has a route decides for all.  Returns its route. */
static const struct pt_route *
plan(struct producer *p, const struct pt_answer *a)
{
    const struct pt_route *first = NULL;
    pthread_mutex_lock(&p->lock);
    for (struct lane *l = p->lanes; l; l = l->next) {
        const struct pt_route *r = route_of(a, l->topic);
        l->wanted = r ? name_intern(r->cluster) : NULL;
        if (!first && l->wanted)
            first = r;
        l->orphan = r && !r->cluster;
    }
    pthread_mutex_unlock(&p->lock);
    return first;
}

/* Once for each topic and change. */
static void
complain(struct producer *p)
{
    struct lane *l;
    for (size_t i = 0; (l = nth_lane(p, i)); i++) {
        const bool bad = l->orphan || l->state == LANE_ELSEWHERE;
        if (l->orphan && !l->complained)
            producer_log(p, LOG_WARNING,
                         "no rule matches topic %s: its "
                         "records wait",
                         l->topic);
        else if (bad && !l->complained)
            producer_log(p, LOG_ERR,
                         "topic %s is routed to cluster %s and others of this "
                         "producer to %s: not supported yet, its records are "
                         "refused",
                         l->topic, l->wanted, p->cluster);
        l->complained = bad;
    }
}

/* lock held. A topic whose rule is gone stays where it is. */
static void
sort_lanes(struct producer *p, const char *cluster)
{
    for (struct lane *l = p->lanes; l; l = l->next) {
        if (l->wanted)
            l->state =
                strcmp(l->wanted, cluster) == 0 ? LANE_OPEN : LANE_ELSEWHERE;
    }
}

/* Every topic that is bound for this cluster and not open on it yet. */
static int
warm_lanes(struct producer *p, struct gen *g, bool all, struct err *err)
{
    int worst = 0;
    struct lane *l;
    for (size_t i = 0; (l = nth_lane(p, i)) && !stopping(p); i++) {
        pthread_mutex_lock(&p->lock);
        const bool due = l->wanted && strcmp(l->wanted, g->cluster) == 0 &&
                         (all || l->state != LANE_OPEN);
        pthread_mutex_unlock(&p->lock);
        const int rc = due ? gen_warm(g, l->topic, WARM_TIMEOUT_MS, err) : 0;
        if (rc == ERR_UNAVAILABLE)
            return rc; /* the others would wait as long */
        worst = rc ? rc : worst;
    }
    return worst;
}

/* ---- a move ------------------------------------------------------------- */

static void
drop_target(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    struct gen *g = p->target;
    p->target = NULL;
    gen_release(p, g);
    pthread_mutex_unlock(&p->lock);
}

/* 0: p->target can be moved to. */
static int
prepare(struct producer *p, const struct pt_cluster *cluster, int64_t since,
        struct err *err)
{
    if (p->target && !gen_is_for(p->target, cluster))
        drop_target(p);
    if (!p->target) {
        struct gen *g = NULL;
        struct gen_conf conf = producer_gen_conf(p);
        const int rc = gen_open(&conf, cluster, since, &g, err);
        if (rc)
            return rc;
        pthread_mutex_lock(&p->lock);
        p->target = g;
        pthread_mutex_unlock(&p->lock);
    }
    const int rc = warm_lanes(p, p->target, true, err);
    lanes_drain(p, p->target);
    /* With nowhere to stay, a topic's own trouble is its records' affair. */
    return rc == ERR_KAFKA && !p->current ? 0 : rc;
}

struct old_state {
    size_t inflight;
    bool all_down, stopping;
};

static struct old_state
old_state(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    const struct old_state s = {
        .inflight = p->old->inflight,
        .all_down = p->old->all_down,
        .stopping = p->stopping,
    };
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void
flush_old(struct producer *p)
{
    const int64_t start_ms = clock_mono_ms();
    for (;;) {
        lanes_drain(p, p->old);
        const struct old_state s = old_state(p);
        const int64_t spent_ms = clock_mono_ms() - start_ms;
        if (s.inflight == 0 || s.stopping || spent_ms >= p->e.flush_ms ||
            (s.all_down && spent_ms >= DOWN_GRACE_MS))
            return;
        (void)rd_kafka_flush(p->old->rk, FLUSH_SLICE_MS);
    }
}

/* Returns how many records come along. */
static size_t
take_back(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    const size_t n = p->old->inflight;
    p->old->leaving = true;
    pthread_mutex_unlock(&p->lock);
    if (n == 0)
        return 0;
    for (;;) {
        /* Again and again: a partition on its way from one broker's thread to
         * another's is passed over, and would keep its records for long. */
        (void)rd_kafka_purge(p->old->rk, RD_KAFKA_PURGE_F_QUEUE |
                                             RD_KAFKA_PURGE_F_INFLIGHT);
        lanes_drain(p, p->old);
        const struct old_state s = old_state(p);
        if (s.inflight == 0 || s.stopping)
            return n;
        (void)rd_kafka_flush(p->old->rk, FLUSH_SLICE_MS);
    }
}

static void
hold(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    p->holding = true;
    p->old = p->current;
    p->current = NULL;
    pthread_mutex_unlock(&p->lock);
}

static void
enter(struct producer *p, int64_t since)
{
    pthread_mutex_lock(&p->lock);
    struct gen *old = p->old;
    p->old = NULL;
    p->current = p->target;
    p->current->since = since;
    p->target = NULL;
    p->cluster = p->current->cluster;
    sort_lanes(p, p->cluster);
    lanes_rewind(p);
    p->holding = false;
    gen_release(p, old);
    pthread_mutex_unlock(&p->lock);
}

static void
pump_all(struct producer *p)
{
    enum lanes_left left = LANES_MORE;
    while (left == LANES_MORE) { /* by pieces: produce calls get their turn */
        pthread_mutex_lock(&p->lock);
        left = p->stopping ? LANES_EMPTY : lanes_pump(p);
        pthread_mutex_unlock(&p->lock);
    }
    pump(p); /* what did not fit, later */
}

static void
move(struct producer *p, int64_t since)
{
    char text[160];
    const char *from = p->cluster;
    const char *to = p->target->cluster;
    const int64_t start_ms = clock_mono_ms();
    tell(p, ENGINE_SWITCH, to, since, -1, "");
    report(p, "switching", from, since, -1, NULL);
    hold(p);
    flush_old(p);
    const int64_t flush_ms = clock_mono_ms() - start_ms;
    const size_t n = take_back(p);
    if (stopping(p))
        return;
    enter(p, since);
    pump_all(p);
    const int64_t stall_ms = clock_mono_ms() - start_ms;
    (void)snprintf(text, sizeof(text),
                   "flushed for %" PRId64 " ms, %zu records came along",
                   flush_ms, n);
    const struct engine_event e = {
        .type = ENGINE_SWITCHED,
        .from = from,
        .to = to,
        .since = since,
        .stall_ms = stall_ms,
        .reread_bound = -1,
        .text = text,
    };
    producer_tell(p, &e);
    producer_log(p, LOG_INFO,
                 "moved from cluster %s to %s in %" PRId64 " ms: %s", from, to,
                 stall_ms, text);
    report(p, "running", to, since, stall_ms, NULL);
}

static void
bind_first(struct producer *p, int64_t since)
{
    const char *to = p->target->cluster;
    tell(p, ENGINE_ROUTED, to, since, -1, "");
    enter(p, since);
    pump_all(p);
    report(p, "running", to, since, -1, NULL);
}

static void
go(struct producer *p, const struct pt_cluster *cluster, int64_t since)
{
    struct err err = {0};
    if (prepare(p, cluster, since, &err) != 0) {
        say_stuck(p, cluster, since, err.text);
        pthread_mutex_lock(&p->lock);
        mover_post_look(p, clock_mono_ms() + backoff_next_ms(&p->retry));
        pthread_mutex_unlock(&p->lock);
        return;
    }
    p->stuck = false;
    backoff_reset(&p->retry);
    if (p->current)
        move(p, since);
    else
        bind_first(p, since);
}

/* Same cluster as before: new topics get their turn. */
static void
stay(struct producer *p, int64_t since)
{
    struct err err = {0};
    drop_target(p);
    const bool was_stuck = p->stuck;
    p->stuck = false;
    if (warm_lanes(p, p->current, false, &err) != 0)
        producer_log(p, LOG_WARNING, "%s", err.text);
    pthread_mutex_lock(&p->lock);
    const bool newer = p->current->since != since;
    p->current->since = since;
    sort_lanes(p, p->cluster);
    pthread_mutex_unlock(&p->lock);
    pump_all(p);
    if (newer || was_stuck)
        report(p, "running", p->cluster, since, -1, NULL);
}

static void
follow(struct producer *p, const struct pt_answer *a)
{
    const struct pt_route *r = plan(p, a);
    complain(p);
    if (!r)
        return; /* no rule: stays where it is, or waits */
    const struct pt_cluster *cluster = pt_answer_cluster(a, r->cluster);
    if (!cluster) {
        producer_log(p, LOG_ERR,
                     "the route names cluster %s and does not say "
                     "where it is",
                     r->cluster);
        return;
    }
    if (p->current && gen_is_for(p->current, cluster))
        stay(p, r->since);
    else
        go(p, cluster, r->since);
    complain(p);
}

static void
look(void *arg)
{
    struct producer *p = arg;
    close_dead(p);
    pthread_mutex_lock(&p->lock);
    p->looks--;
    const bool stop = p->stopping;
    pthread_mutex_unlock(&p->lock);
    struct route *r = stop ? NULL : control_route(p->e.control);
    if (r)
        follow(p, &r->answer);
    route_unref(r);
}
