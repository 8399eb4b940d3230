/*
 * Hand-over: the final positions of the old generation become start positions
 * on the new cluster, and commits of this residency for whoever owns those
 * partitions there.
 *
 * From track_handover_begin() to the end nothing is delivered, so all that
 * happens in between is the stall: one translation and, beside it, one look at
 * the commits that stand on the new cluster.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/track.h"

#define DRAIN_MS   1000
#define PREPARE_MS 500

void
track_handover_reset(struct track *tr)
{
    struct handover *h = &tr->hand;
    for (size_t i = 0; i < h->n; i++)
        free(h->v[i].to_topic);
    free(h->v);
    if (h->asking)
        asking_free(h->asking);
    po_question_fini(&h->question);
    query_free(h->query);
    *h = (struct handover){0};
}

/* ---- beginning ----------------------------------------------------------- */

/* The topic of the same stream on the new cluster; NULL: none there. */
static const char *
counterpart(const struct track *tr, const char *topic)
{
    const struct view *from = generation_view(tr->cur, topic);
    for (size_t i = 0; from && i < tr->next->n_views; i++) {
        const struct view *to = &tr->next->views[i];
        if (strcmp(to->origin, from->origin) == 0 &&
            strcmp(to->logical, from->logical) == 0)
            return to->topic;
    }
    return NULL;
}

/* ---- before -------------------------------------------------------------- */

/* Where what has been read goes on: without these topics there is no place. */
static rd_kafka_topic_partition_list_t *
needed(const struct track *tr)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(4);
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next) {
        const bool read = p->state == PART_RUNNING && track_owns(tr, p) &&
                          track_carry(tr, p) > 0;
        const char *to = read ? counterpart(tr, p->key.topic) : NULL;
        if (to && !rd_kafka_topic_partition_list_find(l, to, 0))
            rd_kafka_topic_partition_list_add(l, to, 0);
    }
    return l;
}

static bool
all_there(struct query *q, bool *missing)
{
    const rd_kafka_topic_partition_list_t *l = NULL;
    const rd_kafka_resp_err_t code = query_result(q, &l);
    *missing = false;
    for (int i = 0; i < l->cnt; i++)
        *missing |= l->elems[i].err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    return !code && !*missing;
}

bool
track_handover_prepared(struct track *tr)
{
    struct preparation *p = &tr->preparation;
    const int64_t now_ms = clock_mono_ms();
    if (p->done || tr->fenced || tr->cur->down || tr->by_hand)
        return true;
    if (p->query && !query_done(p->query))
        return false;
    if (p->query) {
        p->done = all_there(p->query, &p->missing);
        query_free(p->query);
        p->query = NULL;
    } else if (now_ms >= p->again_ms) {
        rd_kafka_topic_partition_list_t *l = needed(tr);
        p->again_ms = now_ms + PREPARE_MS;
        p->done = l->cnt == 0;
        if (p->done)
            rd_kafka_topic_partition_list_destroy(l);
        else
            p->query = query_topics(tr->e.worker, tr->wake, tr->next, l);
    }
    return p->done;
}

void
track_handover_forget(struct track *tr)
{
    query_free(tr->preparation.query);
    tr->preparation = (struct preparation){0};
}

static int
add_carry(struct track *tr, const struct part *p)
{
    struct handover *h = &tr->hand;
    const char *to = counterpart(tr, p->key.topic);
    if (!to)
        return 0;
    struct carry *all = reallocarray(h->v, h->n + 1, sizeof(*all));
    if (!all)
        return ERR_NOMEM;
    h->v = all;
    const int64_t offset = track_carry(tr, p);
    all[h->n] = (struct carry){.from = p,
                               .offset = offset,
                               .again = track_delivered_past(p, offset),
                               .to_topic = strdup(to),
                               .commit = -1,
                               .commit_since = -1};
    if (!all[h->n].to_topic)
        return ERR_NOMEM;
    h->n++;
    return 0;
}

static int
collect(struct track *tr)
{
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next) {
        const bool known =
            (p->state == PART_RUNNING || p->lost) && track_owns(tr, p);
        if (known && add_carry(tr, p) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

static void
ask_commits(struct track *tr)
{
    struct handover *h = &tr->hand;
    if (h->n == 0)
        return;
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)h->n);
    for (size_t i = 0; i < h->n; i++)
        rd_kafka_topic_partition_list_add(l, h->v[i].to_topic,
                                          h->v[i].from->key.partition);
    h->query = query_commits(tr->e.worker, tr->wake, tr->next, l);
}

static void
stop_cur(struct track *tr, int64_t until_ms)
{
    if (tr->shared) {
        generation_part_with(tr->cur, &tr->topics, until_ms);
        return;
    }
    generation_stop(tr->cur);
}

/* Nothing is in the hands of other threads of the application that would be
 * finished soon: it would be read again. */
static bool
drained(const struct track *tr)
{
    if (tr->e.store_by_hand || tr->e.position != SWITCH_STORED)
        return true;
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (p->state == PART_RUNNING && track_owns(tr, p) &&
            track_finished(tr, p) < p->next)
            return false;
    return true;
}

static void
stop_and_ask(struct track *tr)
{
    const int64_t now = clock_mono_ms();
    tr->hand.begun = true;
    /* First: what the application commits now is carried over as well. */
    track_tell_rebalance(tr, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    track_note_rewind(tr, NULL);
    if (collect(tr) != 0)
        track_warn(tr, "out of memory: some positions are not carried over");
    tr->hand.deadline_ms = now + tr->e.mapping_ms;
    track_translate_begin(tr);
    ask_commits(tr);
    if (!tr->cur->down)
        track_commit_finished(tr);
    stop_cur(tr, now + tr->e.settle_ms);
    track_phase(tr, "stopped");
}

void
track_handover_begin(struct track *tr)
{
    track_handover_reset(tr);
    tr->stop_ms = clock_mono_ms();
    tr->bound = tr->catchup_ms = 0;
    if (drained(tr))
        stop_and_ask(tr);
    else
        tr->hand.drain_ms = tr->stop_ms + DRAIN_MS;
}

void
track_handover_undo(struct track *tr)
{
    track_handover_reset(tr);
    tr->stop_ms = 0;
    if (!tr->cur->stopped || tr->shared)
        return;
    generation_resume(tr->cur);
    track_tell_rebalance(tr, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    if (tr->cur->joined)
        generation_fetch(tr->cur);
}

/* ---- commits that stand there ---------------------------------------------- */

static void
take_commits(struct track *tr)
{
    struct handover *h = &tr->hand;
    const rd_kafka_topic_partition_list_t *l = NULL;
    const rd_kafka_resp_err_t code = query_result(h->query, &l);
    for (int i = 0; !code && i < l->cnt && (size_t)i < h->n; i++) {
        const rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_find(
                (rd_kafka_topic_partition_list_t *)(uintptr_t)l,
                h->v[i].to_topic, h->v[i].from->key.partition);
        if (!t || t->err || t->offset < 0)
            continue;
        h->v[i].commit = t->offset;
        h->v[i].commit_since = handover_since(t->metadata, t->metadata_size);
    }
    query_free(h->query);
    h->query = NULL;
}

/* ---- end ----------------------------------------------------------------- */

static struct start
decide(const struct track *tr, const struct carry *v)
{
    const struct start_facts f = {
        .since = tr->cur->since,
        .has_previous = true,
        .commit = v->commit,
        .commit_since = v->commit_since,
        .own = -1,
        .map_done = true,
        .mapped = v->mapped,
    };
    struct start s = handover_start(&f);
    /* What the application says is more than a commit of an earlier visit. */
    const bool sought = v->from->sought && v->offset == 0;
    if (track_unread(v) && s.kind != START_AT)
        s = (struct start){START_AT, sought ? 0 : s.offset,
                           tr->e.reset_latest ? -1 : 0};
    return s;
}

static void
count(const struct track *tr, const struct carry *v)
{
    const bool exact = v->mapped.known && v->mapped.low == v->mapped.high;
    if (!track_unread(v))
        metrics_add(tr->e.metrics,
                    exact             ? METRIC_MAPPINGS_EXACT
                    : v->mapped.known ? METRIC_MAPPINGS_BOUND
                                      : METRIC_MAPPINGS_FAILED,
                    1);
}

static void
apply(struct track *tr, const struct carry *v)
{
    const struct start s = decide(tr, v);
    count(tr, v);
    struct part *p =
        generation_part(tr->cur, v->to_topic, v->from->key.partition);
    tr->bound = handover_sum(tr->bound, handover_sum(s.reread, v->again));
    if (!p)
        return;
    p->commit = v->commit;
    p->commit_since = v->commit_since;
    if (s.kind == START_AT && s.reread == 0)
        prints_carry(&p->prints, &v->from->prints, v->offset, s.offset);
    if (p->state == PART_WAITING) {
        track_start_part(tr, tr->cur, p, &s);
        return;
    }
    if (s.kind != START_AT)
        tr->starter.unmapped++;
    p->start = p->finished = s.offset;
    if (v->commit_since == tr->cur->since && v->commit == s.offset)
        return; /* who has it may be further by now */
    if (!tr->by_hand)
        track_land(tr, v->to_topic, v->from->key.partition, s.offset);
}

static bool
owns_none_or_runs(const struct generation *g)
{
    bool none = true;
    for (const struct part *p = g->parts; p; p = p->hh.next) {
        if (p->state == PART_RUNNING)
            return true;
        none = none && p->state == PART_NONE;
    }
    return none;
}

static void
finish(struct track *tr)
{
    struct generation *old = tr->cur;
    track_given_reset(tr);
    track_start_reset(tr);
    track_land_reset(tr);
    tr->cur = tr->next;
    tr->next = NULL;
    tr->told_first = false;
    track_by_hand_move(tr, old);
    for (size_t i = 0; i < tr->hand.n; i++)
        apply(tr, &tr->hand.v[i]);
    track_keep_paused(tr, old);
    track_start_ask_topics(tr, old);
    if (tr->shared)
        generation_unref(old);
    else
        track_ready_retire_take(tr, old, tr->e.settle_ms);
    tr->shared = false;
    track_handover_reset(tr);
    tr->fenced = false;
    track_tell_rebalance(tr, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    if (tr->cur->joined)
        generation_fetch(tr->cur);
    track_move(tr, TRACK_RUNNING);
    if (owns_none_or_runs(tr->cur))
        track_switched(tr);
}

bool
track_handover_step(struct track *tr)
{
    struct handover *h = &tr->hand;
    if (!h->begun && (drained(tr) || clock_mono_ms() >= h->drain_ms))
        stop_and_ask(tr);
    if (!h->begun)
        return false;
    track_translate_step(tr);
    if (h->query && query_done(h->query))
        take_commits(tr);
    const bool late = clock_mono_ms() >= h->deadline_ms;
    if (!h->mapped || (h->query && !late))
        return false;
    if (tr->fenced && !tr->next->joined)
        return false; /* until then it can still go back */
    finish(tr);
    return true;
}
