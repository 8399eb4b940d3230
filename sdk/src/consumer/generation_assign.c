/*
 * What a generation has of its group: assignments and rebalances.
 *
 * EAGER groups know only "assign all": partitions that start later are added
 * by assigning everything once more, each at its exact next offset; librdkafka
 * drops what was prefetched under the assignment before.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/generation_int.h"
#include "sdk/src/consumer/inhand.h"

static rd_kafka_topic_partition_list_t *
new_list(void)
{
    return rd_kafka_topic_partition_list_new(8); /* aborts without memory */
}

static bool
cooperative(const struct generation *g)
{
    const char *protocol = rd_kafka_rebalance_protocol(g->rk);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

/* ---- assignment ---------------------------------------------------------- */

/* librdkafka aborts when a partition is given up again before its fetcher has
 * stopped (its issue 5573).  Stopping it, and then the word of that, stand in
 * its queue before these two questions. */
static void
wait_for_stops(struct generation *g)
{
    for (int i = 0; g->stopping && i < 2; i++) {
        rd_kafka_topic_partition_list_t *l = NULL;
        if (rd_kafka_assignment(g->rk, &l) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_topic_partition_list_destroy(l);
    }
    g->stopping = false;
}

/* `l`: all there is to be; NULL: nothing. */
static void
set_assignment(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    wait_for_stops(g);
    const rd_kafka_resp_err_t rc = rd_kafka_assign(g->rk, l);
    g->stopping = g->assigned;
    g->assigned = l && l->cnt > 0;
    if (rc)
        generation_log_code(g, l ? "cannot assign" : "cannot unassign", rc);
}

static void
take_away(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    wait_for_stops(g);
    generation_log_error(g, "cannot unassign",
                         rd_kafka_incremental_unassign(g->rk, l));
    g->stopping = l->cnt > 0;
}

/* A broker answers a fetch of idle partitions only after fetch.wait.max.ms, and
 * until then the others of the assignment, which librdkafka starts one after
 * another, wait too.  So where the record before the start is known it is
 * fetched again, which is answered at once, and dropped: deliver(). */
static void
add_at(rd_kafka_topic_partition_list_t *l, struct part *p)
{
    const int64_t at = p->next >= 0 ? p->next : p->start;
    p->pilot = at == p->start && prints_reach(&p->prints, at);
    rd_kafka_topic_partition_list_add(l, p->key.topic, p->key.partition)
        ->offset = p->pilot ? at - 1 : at;
}

/* librdkafka's pauses do not outlast the assignment that they were made in. */
static void
pause_again(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_topic_partition_list_t *paused = new_list();
    for (int i = 0; i < l->cnt; i++) {
        const struct part *p =
            generation_find(g, l->elems[i].topic, l->elems[i].partition);
        if (p && p->paused)
            rd_kafka_topic_partition_list_add(paused, p->key.topic,
                                              p->key.partition);
    }
    if (paused->cnt > 0)
        (void)rd_kafka_pause_partitions(g->rk, paused); /* cannot fail */
    rd_kafka_topic_partition_list_destroy(paused);
}

static void
assign_all(struct generation *g)
{
    rd_kafka_topic_partition_list_t *l = new_list();
    for (struct part *p = g->parts; p; p = p->hh.next) {
        p->fetching = p->state == PART_RUNNING && !g->stopped;
        if (p->fetching)
            add_at(l, p);
    }
    set_assignment(g, l);
    pause_again(g, l);
    rd_kafka_topic_partition_list_destroy(l);
}

/* What is fetched and must not be, or from elsewhere. */
static void
unassign_dropped(struct generation *g)
{
    rd_kafka_topic_partition_list_t *l = new_list();
    for (struct part *p = g->parts; p; p = p->hh.next) {
        if (!p->fetching || (p->state == PART_RUNNING && !p->again))
            continue;
        rd_kafka_topic_partition_list_add(l, p->key.topic, p->key.partition);
        p->fetching = false;
    }
    if (l->cnt > 0)
        take_away(g, l);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
assign_more(struct generation *g)
{
    rd_kafka_topic_partition_list_t *l = new_list();
    for (struct part *p = g->parts; p; p = p->hh.next) {
        if (p->state != PART_RUNNING || p->fetching || g->stopped)
            continue;
        add_at(l, p);
        p->fetching = true;
    }
    generation_log_error(g, "cannot assign",
                         rd_kafka_incremental_assign(g->rk, l));
    pause_again(g, l);
    rd_kafka_topic_partition_list_destroy(l);
}

void
generation_fetch(struct generation *g)
{
    if (cooperative(g)) {
        unassign_dropped(g);
        assign_more(g);
    } else {
        assign_all(g);
    }
    for (struct part *p = g->parts; p && g->again; p = p->hh.next)
        p->again = false;
    g->again = false;
}

/* Gives back those of `l` (NULL: all) that librdkafka knows of: it refuses a
 * whole list for one that it does not. */
static void
unassign_some(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    rd_kafka_topic_partition_list_t *known = new_list();
    for (struct part *p = g->parts; p; p = p->hh.next) {
        if (!p->fetching)
            continue;
        if (l && !rd_kafka_topic_partition_list_find(l, p->key.topic,
                                                     p->key.partition))
            continue;
        rd_kafka_topic_partition_list_add(known, p->key.topic,
                                          p->key.partition);
        p->fetching = false;
    }
    take_away(g, known);
    rd_kafka_topic_partition_list_destroy(known);
}

static void
unassign(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    if (cooperative(g)) {
        unassign_some(g, l);
        return;
    }
    for (struct part *p = g->parts; p; p = p->hh.next)
        p->fetching = false;
    set_assignment(g, NULL);
}

void
generation_stop(struct generation *g)
{
    g->stopped = true;
    generation_forget_leaving(g); /* all goes now */
    if (!g->joined)
        return;
    if (cooperative(g))
        unassign_some(g, NULL);
    else
        assign_all(g);
}

void
generation_resume(struct generation *g)
{
    g->stopped = false;
}

/* ---- partitions come and go ---------------------------------------------- */

/* Another owner, or another start: nothing of what was is left. */
static void
renew(struct generation *g, struct part *p, enum part_state state)
{
    generation_set_state(g, p, state);
    generation_set_given_take(g, p, NULL);
    p->life = inhand_life();
    p->assigned_ms = clock_mono_ms();
    p->map_wanted = p->map_asked = p->map_done = p->end_wanted = false;
    p->by_hand = p->sought = false;
    p->mapped.known = false;
    p->commit = p->commit_since = p->end = -1;
}

void
generation_take(struct generation *g, struct part *p)
{
    renew(g, p, PART_WAITING);
    p->granted = p->lost = false;
}

void
generation_take_granted(struct generation *g)
{
    for (struct part *p = g->parts; p; p = p->hh.next)
        if (p->granted)
            generation_take(g, p);
}

int
generation_revive(struct generation *g, int64_t since, const char *previous)
{
    if (generation_enter(g, since, previous) != 0)
        return ERR_NOMEM;
    generation_forget_leaving(g);
    g->stopped = g->standby = false;
    for (struct part *p = g->parts; p; p = p->hh.next) {
        p->start = RD_KAFKA_OFFSET_INVALID;
        p->next = p->finished = p->acked = -1;
        p->lost = false;
        if (p->state != PART_NONE || p->granted)
            generation_take(g, p);
    }
    for (size_t i = 0; i < g->n_views; i++)
        g->views[i].fresh = false;
    return 0;
}

void
generation_drop(struct generation *g, struct part *p)
{
    renew(g, p, PART_NONE);
    p->granted = false;
    generation_pause(g, p, false);
}

void
generation_start_at(struct generation *g, struct part *p, int64_t offset)
{
    const bool known = offset >= 0;
    generation_take(g, p);
    generation_set_state(g, p, PART_RUNNING);
    p->by_hand = p->sought = p->again = g->again = true;
    p->start = offset;
    p->next = p->finished = p->committed = known ? offset : -1;
    p->acked = -1;
}

void
generation_given_free(struct given *given)
{
    if (!given)
        return;
    place_fini(&given->at);
    free(given->topic);
    free(given);
}

void
generation_set_given_take(struct generation *g, struct part *p,
                          struct given *given)
{
    g->n_given -= p->given != NULL;
    generation_given_free(p->given);
    p->given = given;
    g->n_given += given != NULL;
}

void
generation_pause(struct generation *g, struct part *p, bool paused)
{
    if (p->paused == paused)
        return;
    p->paused = paused;
    rd_kafka_topic_partition_list_t *l = new_list();
    rd_kafka_topic_partition_list_add(l, p->key.topic, p->key.partition);
    /* Both only note it where the partition is not fetched. */
    if (paused)
        (void)rd_kafka_pause_partitions(g->rk, l);
    else
        (void)rd_kafka_resume_partitions(g->rk, l);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
be_short_of(struct generation *g, const rd_kafka_topic_partition_t *t)
{
    if (!g->short_of)
        g->short_of = new_list();
    rd_kafka_topic_partition_list_add(g->short_of, t->topic, t->partition);
}

static void
grant(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_part(g, l->elems[i].topic, l->elems[i].partition);
        if (!p) {
            be_short_of(g, &l->elems[i]);
            continue;
        }
        generation_drop(g, p);
        const struct view *v = generation_view(g, p->key.topic);
        p->granted = !v || !v->parted;
    }
}

/* It has passed the rebalance callback, if there is one. */
void
generation_take_rest(struct generation *g)
{
    rd_kafka_topic_partition_list_t *l = g->short_of;
    if (!l || g->stopped)
        return;
    g->short_of = NULL;
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_part(g, l->elems[i].topic, l->elems[i].partition);
        if (!p)
            be_short_of(g, &l->elems[i]);
        else if (p->state == PART_NONE)
            generation_take(g, p);
    }
    rd_kafka_topic_partition_list_destroy(l);
}

static void
drop_all(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_find(g, l->elems[i].topic, l->elems[i].partition);
        if (p)
            generation_drop(g, p);
        if (g->short_of)
            (void)rd_kafka_topic_partition_list_del(
                g->short_of, l->elems[i].topic, l->elems[i].partition);
    }
}

/* ---- rebalances ---------------------------------------------------------- */

static void
on_assign(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    g->joined = true;
    g->revoked = g->down = false;
    for (struct part *p = g->parts; p; p = p->hh.next)
        p->assigned_ms = clock_mono_ms(); /* others are still coming */
    grant(g, l);
    if (g->stopped)
        generation_take_granted(g);
    else
        g->hooks.on_assign(g, l, g->hooks.arg);
    generation_fetch(g);
}

static void
on_revoke(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    const bool lost = rd_kafka_assignment_lost(g->rk) != 0;
    g->revoked = lost || !cooperative(g);
    if (!g->stopped) {
        if (!g->hooks.on_revoke(g, l, lost, g->hooks.arg)) {
            generation_forget_leaving(g);
            g->leaving = rd_kafka_topic_partition_list_copy(l);
            g->leaving_lost = lost;
            return;
        }
    }
    drop_all(g, l);
    unassign(g, l);
}

void
generation_forget_leaving(struct generation *g)
{
    if (g->leaving)
        rd_kafka_topic_partition_list_destroy(g->leaving);
    g->leaving = NULL;
}

void
generation_revoke(struct generation *g)
{
    if (!g->leaving)
        return;
    drop_all(g, g->leaving);
    unassign(g, g->leaving);
    generation_forget_leaving(g);
}

/* ---- the end ------------------------------------------------------------- */

/* Gives back what librdkafka has of `l`. */
static void
unassign_muted(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    if (!cooperative(g)) {
        set_assignment(g, NULL);
        return;
    }
    rd_kafka_topic_partition_list_t *all = NULL, *some = new_list();
    if (rd_kafka_assignment(g->rk, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        all = new_list();
    for (int i = 0; i < all->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &all->elems[i];
        if (rd_kafka_topic_partition_list_find(l, t->topic, t->partition))
            rd_kafka_topic_partition_list_add(some, t->topic, t->partition);
    }
    take_away(g, some);
    rd_kafka_topic_partition_list_destroy(some);
    rd_kafka_topic_partition_list_destroy(all);
}

/* Nobody hears of it any more.  Once librdkafka is closing it answers calls of
 * assign and the like for certain only while it waits for them, which it does
 * for what it revokes then; what was told before is served before. */
static void
rebalance_muted(struct generation *g, rd_kafka_resp_err_t code,
                const rd_kafka_topic_partition_list_t *l)
{
    if (!g->ending)
        unassign_muted(g, l);
    else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        (void)rd_kafka_assign(g->rk, NULL); /* whatever the protocol is */
}

void
generation_end_assignment(struct generation *g)
{
    rd_kafka_message_t *m;
    unassign(g, NULL);
    while ((m = rd_kafka_consume_queue(g->queue, 0)))
        rd_kafka_message_destroy(m);
    wait_for_stops(g);
    g->ending = true;
}

void
generation_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *l, void *opaque)
{
    struct generation *g = opaque;
    bool entered;
    (void)rk;
    if (!generation_lock(g, &entered)) {
        rebalance_muted(g, code, l);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assign(g, l);
    else
        on_revoke(g, l);
    generation_unlock(g, entered);
}
