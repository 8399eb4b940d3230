/*
 * Generations kept beside the one that delivers: those that were left, for a
 * while, so that members who hear of a flip later keep their partitions and a
 * flip back costs nothing; and the one on the cluster that the route names as
 * standby.  They have stopped: members of their groups, who fetch nothing.  A
 * switch to such a cluster takes the one that is there.
 */
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/track.h"

#define SERVE_MS        100   /* a standby: its group's rebalances */
#define STANDBY_WAIT_MS 10000 /* after one that could not be opened */
#define ASK_MS          2000  /* one that does not answer */

/* ---- taking -------------------------------------------------------------- */

/* Of a standby that is gone, or new. */
static void
forget_readiness(struct track *tr)
{
    query_free(tr->ready.query);
    tr->ready = (struct readiness){0};
}

static bool
usable(const struct track *tr, const struct generation *g,
       const struct pt_cluster *cluster)
{
    char why[64];
    return generation_is_at(g, cluster) && !tr->by_hand && !g->by_hand &&
           g->lent.n == 0 && g->parted_until_ms == 0 &&
           (g->never_skips || !tr->e.reset_latest) &&
           !rd_kafka_fatal_error(g->rk, why, sizeof(why));
}

/* Out of its slot; what cannot be used is closed, because it would be given
 * partitions in the group there. */
static struct generation *
take(struct track *tr, struct generation **slot,
     const struct pt_cluster *cluster)
{
    struct generation *g = *slot;
    if (!g || strcmp(g->cluster, cluster->name) != 0)
        return NULL;
    *slot = NULL;
    if (usable(tr, g, cluster))
        return g;
    generation_close_take(g, tr->reaper);
    return NULL;
}

static struct generation *
take_retired(struct track *tr, const struct pt_cluster *cluster)
{
    struct generation *found = NULL;
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        struct generation *g = take(tr, &tr->retired[i], cluster);
        if (g && !found)
            found = g;
        else
            generation_close_take(g, tr->reaper);
    }
    return found;
}

struct generation *
track_ready_take(struct track *tr, const struct target *t)
{
    struct generation *g = take(tr, &tr->standby, t->cluster);
    tr->standby_due = false;
    if (!tr->standby)
        forget_readiness(tr);
    struct generation *left = take_retired(tr, t->cluster);
    if (left && (!g || !g->joined)) {
        struct generation *worse = g;
        g = left;
        left = worse;
    }
    generation_close_take(left, tr->reaper);
    if (!g || generation_revive(g, t->since, t->previous) == 0)
        return g;
    generation_close_take(g, tr->reaper);
    return NULL;
}

void
track_ready_retire_take(struct track *tr, struct generation *g, int64_t ms)
{
    size_t at = 0;
    while (at < RETIRED_MAX && tr->retired[at])
        at++;
    if (at == RETIRED_MAX) {
        generation_close_take(tr->retired[0], tr->reaper);
        at = 0;
    }
    if (!g->stopped)
        generation_stop(g);
    g->close_at_ms = clock_mono_ms() + ms;
    tr->retired[at] = g;
}

/* ---- standby ------------------------------------------------------------- */

static const struct pt_cluster *
wanted(const struct track *tr)
{
    if (tr->e.standby == STANDBY_NONE || tr->by_hand || !tr->cur || tr->shared)
        return NULL;
    const char *name = handover_standby(&tr->route->answer, &tr->topics);
    return name && strcmp(name, tr->cur->cluster) != 0
               ? pt_answer_cluster(&tr->route->answer, name)
               : NULL;
}

static int
prepare(struct track *tr, struct generation *g, struct err *err)
{
    g->standby = true;
    return generation_subscribe(g, &tr->route->answer, &tr->topics,
                                tr->e.standby == STANDBY_JOIN, err);
}

static void
open_standby(struct track *tr, const struct pt_cluster *cluster)
{
    const struct target to = {
        .cluster = cluster, .previous = tr->cur->cluster, .since = -1};
    struct err err = {0};
    int rc = 0;
    struct generation *g =
        tr->e.standby == STANDBY_JOIN ? take_retired(tr, cluster) : NULL;
    if (!g)
        rc = track_open(tr, &to, &g, &err);
    if (rc == 0)
        g->stopped = true;
    if (rc == 0)
        rc = prepare(tr, g, &err);
    if (rc == 0) {
        tr->standby = g;
        forget_readiness(tr);
        return;
    }
    generation_close_take(g, tr->reaper);
    tr->standby_ms = clock_mono_ms() + STANDBY_WAIT_MS;
    track_warn(tr, "no standby on cluster %s: %s", cluster->name, err.text);
}

void
track_ready_follow(struct track *tr)
{
    const struct pt_cluster *cluster = wanted(tr);
    struct err err = {0};
    if (tr->standby &&
        (!cluster || strcmp(tr->standby->cluster, cluster->name) != 0 ||
         !generation_is_at(tr->standby, cluster))) {
        generation_close_take(tr->standby, tr->reaper);
        tr->standby = NULL;
        forget_readiness(tr);
    }
    if (cluster && !tr->standby && clock_mono_ms() >= tr->standby_ms)
        open_standby(tr, cluster);
    else if (cluster && tr->standby &&
             generation_subscribe(tr->standby, &tr->route->answer, &tr->topics,
                                  tr->e.standby == STANDBY_JOIN, &err) != 0)
        track_log(tr, LOG_WARNING, "standby: %s", err.text);
    tr->standby_due = cluster && !tr->standby;
}

/* ---- whether it is ready ------------------------------------------------- */

/* What an answer leaves behind is wanted as well: connections and metadata. */
static void
ask(struct track *tr, struct generation *g, int64_t now_ms)
{
    struct readiness *r = &tr->ready;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < g->n_views; i++)
        rd_kafka_topic_partition_list_add(l, g->views[i].topic, 0);
    r->answered = g->down = false;
    r->again_ms = now_ms + ASK_MS;
    r->query = query_topics(tr->e.worker, tr->wake, g, l);
}

static void
take_answer(struct readiness *r)
{
    const rd_kafka_topic_partition_list_t *l = NULL;
    r->answered = query_result(r->query, &l) == RD_KAFKA_RESP_ERR_NO_ERROR;
    query_free(r->query);
    r->query = NULL;
}

static void
tell_readiness(struct track *tr, const struct generation *g)
{
    const bool joined = g->joined && !g->revoked;
    const bool is = tr->ready.answered && !g->down &&
                    (joined || tr->e.standby == STANDBY_CONNECT);
    if (is == tr->ready.told)
        return;
    tr->ready.told = is;
    track_log(tr, is ? LOG_INFO : LOG_WARNING,
              "the standby on cluster %s is %s", g->cluster,
              is ? "ready" : "not ready any more");
    if (is)
        track_standby_ready(tr);
}

static void
readiness_step(struct track *tr, struct generation *g, int64_t now_ms)
{
    struct readiness *r = &tr->ready;
    if (r->query && query_done(r->query))
        take_answer(r);
    if (!r->query && (!r->answered || g->down) && now_ms >= r->again_ms)
        ask(tr, g, now_ms);
    tell_readiness(tr, g);
}

/* ---- steps --------------------------------------------------------------- */

static void
standby_step(struct track *tr, int64_t now_ms)
{
    if (now_ms < tr->standby_ms)
        return;
    if (tr->standby_due)
        track_ready_follow(tr);
    if (!tr->standby)
        return;
    tr->standby_ms = now_ms + SERVE_MS;
    track_serve(tr, tr->standby);
    readiness_step(tr, tr->standby, now_ms);
}

void
track_ready_step(struct track *tr)
{
    const int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        struct generation *g = tr->retired[i];
        if (!g)
            continue;
        track_serve(tr, g);
        if (now_ms < g->close_at_ms)
            continue;
        generation_close_take(g, tr->reaper);
        tr->retired[i] = NULL;
    }
    standby_step(tr, now_ms);
}

void
track_ready_drop(struct track *tr)
{
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        generation_close_take(tr->retired[i], tr->reaper);
        tr->retired[i] = NULL;
    }
    generation_close_take(tr->standby, tr->reaper);
    tr->standby = NULL;
    tr->standby_due = false;
    tr->standby_ms = 0;
    forget_readiness(tr);
}
