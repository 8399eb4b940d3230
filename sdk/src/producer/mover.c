/*
 * The worker's side of the producer engine: looks at the route, prepares
 * generations, takes lanes from one to another.
 *
 * Order of a move: connect to the target and learn about the topics, while the
 * old generation goes on; keep its lanes still (new records wait in them);
 * flush it, as long as it answers and switch.flush.timeout.ms allows; carry
 * what is left back into the lanes, ahead of what waits; bind the lanes to the
 * target and hand over.  A fence begins with the third step and does not
 * flush.  A cluster whose bootstrap servers or properties have changed is moved
 * to like another one.  Topics of the old generation that stay where they are
 * only wait for the flush; if it had to be cut, they get a new one.
 *
 * News during a flush end it: the next look decides anew what becomes of the
 * lanes, so a flip back only lets them go on.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

#define WARM_TIMEOUT_MS 1000
#define FLUSH_SLICE_MS  1
#define DOWN_GRACE_MS   200
#define PUMP_AGAIN_MS   10
#define PUMP_AT_ONCE    512
#define EXPIRE_MS       1000
#define RETRY_MS        100
#define CLOSE_AGAIN_MS  1000

static void look(void *arg);
static void pump(void *arg);
static void expire(void *arg);

void
mover_post_look(struct producer *p, int64_t not_before_ms)
{
    /* A retry is not needed when another look will come anyway. */
    if (atomic_load(&p->stopping) || (p->looks > 0 && not_before_ms > 0))
        return;
    if (worker_post(p->e.worker, not_before_ms, look, p) == 0)
        p->looks++;
}

void
mover_post_pump(struct producer *p, int64_t not_before_ms)
{
    if (atomic_load(&p->stopping) || p->pumping)
        return;
    if (worker_post(p->e.worker, not_before_ms, pump, p) == 0)
        p->pumping = true;
}

void
mover_post_expire(struct producer *p)
{
    if (atomic_load(&p->stopping) || p->expiring || p->message_timeout_ms == 0)
        return;
    if (worker_post(p->e.worker, clock_mono_ms() + EXPIRE_MS, expire, p) == 0)
        p->expiring = true;
}

static void
look_again(struct producer *p, int64_t not_before_ms)
{
    gate_shut(&p->gate);
    mover_post_look(p, not_before_ms);
    gate_open(&p->gate);
}

/* ---- small jobs --------------------------------------------------------- */

static void
expire(void *arg)
{
    struct producer *p = arg;
    struct record *r, *tmp;
    const int64_t now_ms = clock_mono_ms();
    gate_shut(&p->gate);
    p->expiring = false;
    for (struct lane *l = p->lanes; l; l = l->next)
        DL_FOREACH_SAFE(l->held, r, tmp)
        {
            if (r->deadline_ms <= now_ms)
                lane_fail(p, r, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        }
    lanes_bury(p);
    if (atomic_load(&p->held) > 0)
        mover_post_expire(p);
    gate_open(&p->gate);
}

/* By pieces: produce calls get their turn.  True: something waits, and could
 * be handed over. */
static bool
pump_once(struct producer *p, bool *full)
{
    bool more = false;
    gate_shut(&p->gate);
    for (struct lane *l = p->lanes; l; l = l->next) {
        const bool ok = lane_pump(p, l, PUMP_AT_ONCE);
        more = more || (ok && l->gen && !l->still && l->held);
        *full = *full || !ok;
    }
    lanes_bury(p);
    gate_open(&p->gate);
    return more;
}

static void
pump_all(struct producer *p)
{
    bool full = false;
    while (!atomic_load(&p->stopping) && pump_once(p, &full))
        full = false;
    if (!full)
        return;
    gate_shut(&p->gate);
    mover_post_pump(p, clock_mono_ms() + PUMP_AGAIN_MS);
    gate_open(&p->gate);
}

static void
pump(void *arg)
{
    struct producer *p = arg;
    gate_shut(&p->gate);
    p->pumping = false;
    gate_open(&p->gate);
    pump_all(p);
}

/* ---- generations -------------------------------------------------------- */

static void
link_gen(struct producer *p, struct gen *g)
{
    gate_shut(&p->gate);
    pthread_mutex_lock(&p->drain);
    LL_PREPEND(p->gens, g);
    pthread_mutex_unlock(&p->drain);
    gate_open(&p->gate);
}

/* gate shut, drain held. */
static bool
closable(const struct producer *p, struct gen *g)
{
    const struct taken *t;
    if (!g->cluster || g->n_lanes > 0 || g->users > 0 || gen_records(g) > 0)
        return false;
    for (const struct lane *l = p->lanes; l; l = l->next)
        if (l->target == g || (l->wanted && !atomic_load(&g->leaving) &&
                               gen_is_for(g, l->wanted)))
            return false;
    DL_FOREACH(p->ready, t)
    {
        if (t->gen == g)
            return false;
    }
    return true;
}

static void
close_gen(void *arg)
{
    gen_close(arg);
}

/* Those that nothing is bound to; later, while reports of theirs wait. */
static void
close_idle(struct producer *p)
{
    struct gen *g, *tmp, *list = NULL;
    bool later = false;
    gate_shut(&p->gate);
    pthread_mutex_lock(&p->drain);
    LL_FOREACH_SAFE(p->gens, g, tmp)
    {
        if (closable(p, g)) {
            LL_DELETE(p->gens, g);
            LL_PREPEND(list, g);
        } else if (g->cluster && g->n_lanes == 0) {
            later = true;
        }
    }
    pthread_mutex_unlock(&p->drain);
    if (later)
        mover_post_look(p, clock_mono_ms() + CLOSE_AGAIN_MS);
    gate_open(&p->gate);
    LL_FOREACH_SAFE(list, g, tmp)
    {
        atomic_store(&g->leaving, true); /* it logs no more */
        reaper_expect(p->reaper);
        reaper_run(p->reaper, close_gen, g);
    }
}

static struct gen *
gen_for(struct producer *p, const struct pt_cluster *cluster, struct err *err)
{
    struct gen *g = NULL;
    for (g = p->gens; g; g = g->next) /* only the worker changes the list */
        if (!atomic_load(&g->leaving) && !atomic_load(&g->spent) &&
            gen_is_for(g, cluster))
            return g;
    if (gen_open(p, cluster, &g, err) != 0)
        return NULL;
    link_gen(p, g);
    return g;
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

/* gate shut. A topic whose rule is gone stays where it is. */
static void
plan_lane(struct producer *p, struct lane *l, const struct pt_answer *a)
{
    const struct pt_route *r = route_of(a, l->topic);
    l->orphan = r && !r->cluster;
    l->wanted = r && r->cluster ? pt_answer_cluster(a, r->cluster) : NULL;
    l->target = NULL;
    l->fence = l->wanted && r->fence;
    if (l->wanted)
        l->since = r->since;
    else if (r && r->cluster)
        producer_log(p, LOG_ERR,
                     "the route names cluster %s and does not say "
                     "where it is",
                     r->cluster);
}

static void
plan(struct producer *p, const struct pt_answer *a)
{
    gate_shut(&p->gate);
    for (struct lane *l = p->lanes; l; l = l->next)
        plan_lane(p, l, a);
    txn_plan(p);
    for (struct gen *g = p->gens; g; g = g->next)
        g->failed = false;
    gate_open(&p->gate);
}

/* The answer is gone after the look. */
static void
forget_plan(struct producer *p)
{
    gate_shut(&p->gate);
    for (struct lane *l = p->lanes; l; l = l->next) {
        l->wanted = NULL;
        l->target = NULL;
    }
    gate_open(&p->gate);
}

static struct lane *
next_lane(struct producer *p, const struct lane *l)
{
    gate_enter(&p->gate);
    struct lane *next = l ? l->next : p->lanes;
    gate_leave(&p->gate);
    return next;
}

/* ---- preparing ---------------------------------------------------------- */

/* Has nowhere else to be: a topic's own trouble is then its records' affair. */
static bool
homeless(const struct lane *l)
{
    return !l->gen && !l->left;
}

static int
warm(struct producer *p, struct gen *g, struct lane *l, struct err *err)
{
    gate_enter(&p->gate);
    const rd_kafka_topic_conf_t *conf =
        l->conf; /* for ever, once it is there */
    gate_leave(&p->gate);
    if (l->no_topic)
        return 0; /* to be asked about it would be to make it */
    return gen_warm(g, l->topic, conf, WARM_TIMEOUT_MS, err);
}

static void
prepare_lane(struct producer *p, struct lane *l)
{
    struct err err = {0};
    struct gen *g = gen_for(p, l->wanted, &err);
    if (g && l->gen == g) {
        l->target = g;
        return;
    }
    if (g && g->failed)
        return; /* the others would wait as long */
    int rc = g ? warm(p, g, l, &err) : ERR_UNAVAILABLE;
    if (g && p->txn.on && rc != ERR_UNAVAILABLE &&
        txn_prepare(p, g, WARM_TIMEOUT_MS, &err) != 0)
        rc = ERR_UNAVAILABLE; /* whatever the reason: it cannot be used */
    const bool useful = rc == ERR_KAFKA || (g && g->n_lanes > 0);
    if (rc && g && homeless(l) && useful) {
        producer_log(p, LOG_WARNING, "%s", err.text);
    } else if (rc) {
        mover_say_stuck(p, l->wanted->name, l->since, err.text);
        if (g)
            g->failed = true;
        return;
    }
    l->target = g;
}

/* All that move to one cluster, or none. */
static bool
prepare(struct producer *p)
{
    bool all = true;
    for (struct lane *l = next_lane(p, NULL); l && !atomic_load(&p->stopping);
         l = next_lane(p, l))
        if (l->wanted)
            prepare_lane(p, l);
    for (struct lane *l = next_lane(p, NULL); l; l = next_lane(p, l)) {
        if (l->target && l->target->failed && l->gen != l->target &&
            !homeless(l))
            l->target = NULL;
        all = all && (!l->wanted || l->target);
    }
    if (all)
        p->stuck = false;
    return all;
}

/* ---- leaving ------------------------------------------------------------ */

static bool
moves(const struct lane *l)
{
    return l->target ? l->target != l->gen
                     : l->fence && !gen_is_for(l->gen, l->wanted);
}

static void
keep_still(struct producer *p, const struct gen *g)
{
    const int64_t now_ms = clock_mono_ms();
    gate_shut(&p->gate);
    for (struct lane *l = p->lanes; l; l = l->next)
        if (l->gen == g) {
            if (!l->still)
                l->left_ms = now_ms;
            l->still = true;
            l->open = false;
        }
    gate_open(&p->gate);
}

static void
drain(struct producer *p, struct gen *g)
{
    pthread_mutex_lock(&p->drain);
    reports_drain(p, g);
    pthread_mutex_unlock(&p->drain);
}

/* False: there is news first. */
static bool
flush_gen(struct producer *p, struct gen *g)
{
    if (!g->flush_start_ms)
        g->flush_start_ms = clock_mono_ms();
    for (;;) {
        drain(p, g);
        if (gen_inflight(g) == 0)
            return true;
        const int64_t spent_ms = clock_mono_ms() - g->flush_start_ms;
        if (spent_ms >= p->e.flush_ms ||
            (atomic_load(&g->all_down) && spent_ms >= DOWN_GRACE_MS))
            return true;
        if (atomic_load(&p->news) > 0 || atomic_load(&p->stopping))
            return false;
        (void)rd_kafka_flush(g->rk, FLUSH_SLICE_MS);
    }
}

static void
unbind(struct producer *p, struct gen *g)
{
    gate_shut(&p->gate);
    const bool gone = atomic_load(&g->leaving);
    for (struct lane *l = p->lanes; l; l = l->next) {
        if (l->gen != g || (!moves(l) && !gone))
            continue;
        if (moves(l)) {
            l->left = g->cluster;
        } else { /* its own cluster, anew */
            l->target = NULL;
            mover_post_look(p, 0);
        }
        l->gen = NULL;
        l->rkt = NULL;
        g->n_lanes--;
    }
    if (g->n_lanes == 0)
        p->n_bound--;
    gate_open(&p->gate);
}

/* False: there is news first; its lanes are kept still. */
static bool
leave(struct producer *p, struct gen *g, bool flush)
{
    keep_still(p, g); /* who is told of it writes nothing there any more */
    mover_say_switching(p, g);
    if (flush && !flush_gen(p, g))
        return false;
    if (flush)
        mover_say_phase(p, g->cluster, "flushed");
    if (gen_inflight(g) > 0) {
        p->carried += carry(p, g);
        mover_say_phase(p, g->cluster, "carried");
    }
    txn_drop_records(p, g);
    if (atomic_load(&p->stopping))
        return false;
    unbind(p, g);
    g->flush_start_ms = 0;
    return true;
}

static struct gen *
next_to_leave(struct producer *p, bool fenced)
{
    for (struct lane *l = next_lane(p, NULL); l; l = next_lane(p, l))
        if (l->gen && l->wanted && moves(l) && (!fenced || l->fence))
            return l->gen;
    return NULL;
}

static bool
leave_all(struct producer *p, bool fenced)
{
    struct gen *g;
    while ((g = next_to_leave(p, fenced)))
        if (!leave(p, g, !fenced))
            return false;
    return true;
}

/* ---- entering ----------------------------------------------------------- */

/* gate shut. */
static void
bind_lane(struct producer *p, struct lane *l)
{
    rd_kafka_topic_t *rkt =
        l->no_topic ? NULL : gen_topic(l->target, l->topic, l->conf);
    if (!rkt && !l->no_topic) { /* out of memory */
        mover_post_look(p, clock_mono_ms() + RETRY_MS);
        return;
    }
    l->gen = l->target;
    l->rkt = rkt;
    if (l->gen->n_lanes++ == 0)
        p->n_bound++;
    if (l == p->lanes)
        p->cluster = l->gen->cluster;
}

static void
enter_all(struct producer *p)
{
    gate_shut(&p->gate);
    for (struct lane *l = p->lanes; l; l = l->next) {
        if (!l->gen && l->target)
            bind_lane(p, l);
        l->still = false;
        if (l->gen)
            l->gen->flush_start_ms = 0;
    }
    gate_open(&p->gate);
    pump_all(p);
    mover_say_arrived(p);
}

static void
follow(struct producer *p, const struct pt_answer *a)
{
    plan(p, a);
    mover_complain(p);
    if (next_to_leave(p, true) && !txn_move(p, true))
        return;
    if (!leave_all(p, true))
        return;
    if (!prepare(p))
        look_again(p, clock_mono_ms() + backoff_next_ms(&p->retry));
    else
        backoff_reset(&p->retry);
    if (next_to_leave(p, false) && !txn_move(p, false))
        return;
    if (leave_all(p, false)) {
        enter_all(p);
        txn_moved(p);
    }
}

static void
look(void *arg)
{
    struct producer *p = arg;
    gate_shut(&p->gate);
    p->looks--;
    gate_open(&p->gate);
    atomic_store(&p->news, 0);
    if (atomic_exchange(&p->unannounced, false))
        produce_announce(p);
    struct route *r =
        atomic_load(&p->stopping) ? NULL : control_route(p->e.control);
    if (r) {
        follow(p, &r->answer);
        close_idle(p);
        forget_plan(p);
    }
    route_unref(r);
}
