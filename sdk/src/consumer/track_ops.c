/*
 * What an application asks of a track's partitions, and does with them.  What
 * waits for the cluster lets go of the lock and holds the generation.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/inhand.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/consumer/track.h"

/* ---- positions ----------------------------------------------------------- */

static void
set_place(const struct generation *g, rd_kafka_topic_partition_t *t,
          const struct part *p)
{
    const struct view *v = generation_view(g, t->topic);
    struct place at = {.cluster = g->cluster,
                       .logical = v ? (char *)(uintptr_t)v->logical : NULL,
                       .origin = v ? (char *)(uintptr_t)v->origin : NULL};
    /* Without memory it is one on the cluster in use, as librdkafka's. */
    if (p)
        (void)!prints_before(&p->prints, t->offset, &at.prints, &at.n_prints);
    (void)place_set(t, &at);
    free(at.prints);
}

void
track_set_places(const struct generation *g, rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++)
        set_place(g, &l->elems[i], NULL);
}

rd_kafka_resp_err_t
track_position(struct track *tr, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        const struct part *p =
            tr->cur ? generation_find(tr->cur, t->topic, t->partition) : NULL;
        const bool delivered = p && p->state == PART_RUNNING && p->next >= 0 &&
                               p->next != p->start;
        t->offset = delivered ? p->next : RD_KAFKA_OFFSET_INVALID;
        t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        place_metadata_take(t, NULL);
        if (delivered)
            set_place(tr->cur, t, p);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The application's own words, where it gave some; else the place. */
void
track_tell_words(const struct generation *g, rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        char *words = NULL;
        rd_kafka_topic_partition_t *t = &l->elems[i];
        const bool has = place_app(t, &words);
        place_metadata_take(t, words);
        if (!has && t->offset >= 0)
            set_place(g, t, NULL);
    }
}

rd_kafka_resp_err_t
track_assignment(struct track *tr, rd_kafka_topic_partition_list_t **out)
{
    *out = rd_kafka_topic_partition_list_new(8);
    for (const struct part *p = tr->cur ? tr->cur->parts : NULL; p;
         p = p->hh.next)
        if (p->state != PART_NONE && track_owns(tr, p))
            rd_kafka_topic_partition_list_add(*out, p->key.topic,
                                              p->key.partition);
    for (int i = 0; tr->asked && i < tr->asked->cnt; i++)
        track_list_add(*out, &tr->asked->elems[i]);
    rd_kafka_topic_partition_list_sort(*out, NULL, NULL);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void
track_list_add(rd_kafka_topic_partition_list_t *l,
               const rd_kafka_topic_partition_t *t)
{
    rd_kafka_topic_partition_t *copy =
        rd_kafka_topic_partition_list_add(l, t->topic, t->partition);
    copy->offset = t->offset;
    if (t->metadata)
        place_metadata_take(copy, strndup(t->metadata, t->metadata_size));
}

/* ---- what is stored ------------------------------------------------------ */

/* As with commits: what was never delivered here is another cluster's. */
static rd_kafka_resp_err_t
store(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    struct part *p =
        tr->cur ? generation_find(tr->cur, t->topic, t->partition) : NULL;
    if (!p)
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    if (p->state != PART_RUNNING || t->offset < 0)
        return RD_KAFKA_RESP_ERR__STATE;
    if (track_is_strange(tr, p, t->offset))
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    p->finished = t->offset;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
track_store(struct track *tr, rd_kafka_topic_partition_list_t *offsets)
{
    rd_kafka_resp_err_t last = RD_KAFKA_RESP_ERR_NO_ERROR;
    int stored = 0;
    if (!tr->e.store_by_hand)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    track_translate(tr, offsets, clock_mono_ms() + tr->e.mapping_ms);
    for (int i = 0; i < offsets->cnt; i++) {
        rd_kafka_topic_partition_t *t = &offsets->elems[i];
        if (!t->err)
            t->err = store(tr, t);
        if (t->err)
            last = t->err;
        else
            stored++;
    }
    return stored > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : last;
}

/* ---- pause --------------------------------------------------------------- */

void
track_pause(struct track *tr, rd_kafka_topic_partition_list_t *partitions,
            bool pause)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        struct part *p =
            tr->cur ? generation_find(tr->cur, t->topic, t->partition) : NULL;
        t->err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (!p || p->state == PART_NONE)
            continue;
        generation_pause(tr->cur, p, pause);
        t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

static bool
all_paused(const struct generation *g)
{
    bool any = false;
    for (const struct part *p = g->parts; p; p = p->hh.next) {
        if (p->state == PART_NONE)
            continue;
        if (!p->paused)
            return false;
        any = true;
    }
    return any;
}

static bool
was_paused(const struct generation *from, const char *logical,
           int32_t partition)
{
    for (const struct part *p = from->parts; p; p = p->hh.next) {
        const struct view *v = generation_view(from, p->key.topic);
        if (p->paused && p->key.partition == partition && v &&
            strcmp(v->logical, logical) == 0)
            return true;
    }
    return false;
}

/* A partition of the logical topic is paused, whichever streams it has here;
 * and who had paused everything is given nothing. */
void
track_keep_paused(struct track *tr, const struct generation *from)
{
    const bool everything = all_paused(from);
    for (struct part *p = tr->cur->parts; p; p = p->hh.next) {
        const struct view *v = generation_view(tr->cur, p->key.topic);
        if (p->state == PART_NONE || !v)
            continue;
        if (everything || was_paused(from, v->logical, p->key.partition))
            generation_pause(tr->cur, p, true);
    }
}

/* ---- seek ---------------------------------------------------------------- */

static int
left_ms(int64_t deadline_ms)
{
    const int64_t left = deadline_ms - clock_mono_ms();
    return left > 0 ? (int)left : 0;
}

/* BEGINNING, END and TAIL become offsets, positions that a switch can carry
 * over, if there is time to ask.  Without the lock. */
static void
resolve(struct generation *g, rd_kafka_topic_partition_t *t,
        int64_t deadline_ms)
{
    int64_t low = 0, high = 0;
    if (t->err || t->offset >= 0)
        return;
    if (t->offset == RD_KAFKA_OFFSET_INVALID ||
        t->offset == RD_KAFKA_OFFSET_STORED) {
        t->err = RD_KAFKA_RESP_ERR__INVALID_ARG;
        return;
    }
    if (left_ms(deadline_ms) == 0)
        return;
    t->err = rd_kafka_query_watermark_offsets(
        g->rk, t->topic, t->partition, &low, &high, left_ms(deadline_ms));
    if (t->err)
        return;
    const int64_t back = t->offset <= RD_KAFKA_OFFSET_TAIL_BASE
                             ? RD_KAFKA_OFFSET_TAIL_BASE - t->offset
                             : 0;
    if (t->offset == RD_KAFKA_OFFSET_BEGINNING || high - back < low)
        t->offset = low;
    else
        t->offset = high - back;
}

/* Those that librdkafka fetches; the others start there later. */
static rd_kafka_topic_partition_list_t *
fetched(struct generation *g, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        const struct part *p = generation_find(g, t->topic, t->partition);
        if (!t->err && (!p || p->state == PART_NONE))
            t->err = p ? RD_KAFKA_RESP_ERR__STATE
                       : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (!t->err && p->fetching)
            rd_kafka_topic_partition_list_add(l, t->topic, t->partition)
                ->offset = t->offset;
    }
    return l;
}

static void
moved(struct generation *g, struct part *p, int64_t offset)
{
    if (!p->fetching) {
        generation_start_at(g, p, offset);
        return;
    }
    generation_set_given_take(g, p, NULL);
    p->life = inhand_life(); /* what is in hand is none of the new place */
    p->sought = true;
    p->start = offset;
    p->next = p->finished = p->committed = offset >= 0 ? offset : -1;
    p->acked = -1;
}

static void
take_seeks(struct generation *g, rd_kafka_topic_partition_list_t *partitions,
           const rd_kafka_topic_partition_list_t *done)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        struct part *p = generation_find(g, t->topic, t->partition);
        const rd_kafka_topic_partition_t *d =
            rd_kafka_topic_partition_list_find(done, t->topic, t->partition);
        if (!t->err && d && d->err != RD_KAFKA_RESP_ERR__IN_PROGRESS)
            t->err = d->err;
        if (!t->err && p)
            moved(g, p, t->offset);
    }
}

rd_kafka_error_t *
track_seek(struct track *tr, rd_kafka_topic_partition_list_t *partitions,
           int timeout_ms)
{
    const int64_t deadline_ms =
        clock_mono_ms() + (timeout_ms > 0 ? timeout_ms : 0);
    rd_kafka_error_t *error = NULL;
    struct generation *g = track_hold(tr);
    if (!g)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE,
                                  "there is no cluster yet");
    track_translate(tr, partitions, deadline_ms);
    consumer_unlock(tr->c);
    for (int i = 0; i < partitions->cnt; i++)
        resolve(g, &partitions->elems[i], deadline_ms);
    consumer_lock(tr->c);
    rd_kafka_topic_partition_list_t *l = fetched(g, partitions);
    consumer_unlock(tr->c);
    if (l->cnt > 0)
        error = rd_kafka_seek_partitions(
            g->rk, l, timeout_ms > 0 ? left_ms(deadline_ms) + 1 : 0);
    consumer_lock(tr->c);
    take_seeks(g, partitions, l);
    if (g == tr->cur && g->joined && !g->stopped && l->cnt < partitions->cnt)
        generation_fetch(g);
    rd_kafka_topic_partition_list_destroy(l);
    generation_unref(g);
    return error;
}
