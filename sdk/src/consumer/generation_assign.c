/*
 * What a generation has of its group: assignments and rebalances.
 *
 * EAGER groups know only "assign all": partitions that start later are added
 * by assigning everything once more, each at its exact next offset; librdkafka
 * drops what was prefetched under the assignment before.
 */
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

static void
add_at(rd_kafka_topic_partition_list_t *l, const struct part *p)
{
    rd_kafka_topic_partition_list_add(l, p->key.topic, p->key.partition)
        ->offset = p->next >= 0 ? p->next : p->start;
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
    const rd_kafka_resp_err_t rc = rd_kafka_assign(g->rk, l);
    if (rc)
        generation_log_code(g, "cannot assign", rc);
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
    rd_kafka_topic_partition_list_destroy(l);
}

static void
unassign_again(struct generation *g)
{
    rd_kafka_topic_partition_list_t *l = new_list();
    for (struct part *p = g->parts; p; p = p->hh.next) {
        if (!p->again || !p->fetching)
            continue;
        rd_kafka_topic_partition_list_add(l, p->key.topic, p->key.partition);
        p->fetching = false;
    }
    if (l->cnt > 0)
        generation_log_error(g, "cannot unassign",
                             rd_kafka_incremental_unassign(g->rk, l));
    rd_kafka_topic_partition_list_destroy(l);
}

void
generation_fetch(struct generation *g)
{
    if (cooperative(g)) {
        unassign_again(g);
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
    generation_log_error(g, "cannot unassign",
                         rd_kafka_incremental_unassign(g->rk, known));
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
    const rd_kafka_resp_err_t rc = rd_kafka_assign(g->rk, NULL);
    if (rc)
        generation_log_code(g, "cannot unassign", rc);
}

void
generation_stop(struct generation *g)
{
    g->stopped = true;
    if (!g->joined)
        return;
    if (cooperative(g))
        unassign_some(g, NULL);
    else
        assign_all(g);
}

/* ---- rebalances ---------------------------------------------- */

static void
own(struct generation *g, const rd_kafka_topic_partition_list_t *l,
    enum part_state state)
{
    const int64_t now = clock_mono_ms();
    for (int i = 0; i < l->cnt; i++) {
        struct part *p =
            generation_part(g, l->elems[i].topic, l->elems[i].partition);
        if (!p)
            continue; /* no memory: stays unassigned, found by the next one */
        generation_set_state(g, p, state);
        p->life = inhand_life();
        p->assigned_ms = now;
        p->map_wanted = p->map_asked = p->map_done = p->end_wanted = false;
        p->mapped.known = false;
        p->commit = p->commit_since = -1;
        if (state == PART_WAITING)
            p->lost = false;
    }
}

static void
on_assign(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    g->joined = true;
    if (!g->stopped) {
        own(g, l, PART_WAITING);
        g->hooks.on_assign(g, l, g->hooks.arg);
    }
    generation_fetch(g);
}

static void
on_revoke(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    if (!g->stopped) {
        const bool lost = rd_kafka_assignment_lost(g->rk) != 0;
        g->hooks.on_revoke(g, l, lost, g->hooks.arg);
        own(g, l, PART_NONE);
    }
    unassign(g, l);
}

/* Gives back what librdkafka has of `l`. */
static void
unassign_muted(struct generation *g, const rd_kafka_topic_partition_list_t *l)
{
    if (!cooperative(g)) {
        (void)rd_kafka_assign(g->rk, NULL); /* nobody to tell */
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
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(g->rk, some);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(some);
    rd_kafka_topic_partition_list_destroy(all);
}

void
generation_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *l, void *opaque)
{
    struct generation *g = opaque;
    bool entered;
    (void)rk;
    if (!generation_lock(g, &entered)) {
        unassign_muted(g, l);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assign(g, l);
    else
        on_revoke(g, l);
    generation_unlock(g, entered);
}
