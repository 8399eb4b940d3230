/*
 * Positions that the application gives and that say (place.h) that they hold on
 * another cluster than the one in use: each is translated before it is used.
 * Those of assign and the like while the partition waits (track_given_step);
 * those of calls that answer, in the call (track_translate).
 *
 * Nothing is skipped: where no translation comes, a partition starts at the
 * log start, with a warning; a call answers with an error.  Word of a partition
 * whose first records were written just now may be on its way: it is waited for,
 * as in a move.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/consumer/track.h"

#define AGAIN_MS 100

/* ---- a translation ------------------------------------------------------- */

/* The same stream on the cluster in use; NULL: not known. */
static const struct view *
stream_here(const struct generation *g, const char *logical, const char *origin)
{
    for (size_t i = 0; logical && origin && i < g->n_views; i++)
        if (strcmp(g->views[i].logical, logical) == 0 &&
            strcmp(g->views[i].origin, origin) == 0)
            return &g->views[i];
    return NULL;
}

static int
begin_question(const struct track *tr, struct po_question *q, const char *from,
               size_t n, int64_t wait_ms)
{
    q->from = strdup(from);
    q->to = strdup(tr->cur->cluster);
    q->wait_ms = wait_ms;
    q->positions = calloc(n + 1, sizeof(*q->positions));
    return q->from && q->to && q->positions ? 0 : ERR_NOMEM;
}

static int
ask_for(struct po_question *q, const struct place *place, const char *topic,
        int32_t partition, int64_t offset)
{
    struct po_position *at = &q->positions[q->n];
    at->topic = strdup(topic);
    at->partition = partition;
    at->offset = offset;
    if (!at->topic)
        return ERR_NOMEM;
    q->n++;
    q->verify = q->verify || place->n_prints == 0;
    if (place->n_prints == 0)
        return 0;
    at->prints = calloc(place->n_prints, sizeof(*at->prints));
    if (!at->prints)
        return ERR_NOMEM;
    memcpy(at->prints, place->prints, place->n_prints * sizeof(*at->prints));
    at->n_prints = place->n_prints;
    return 0;
}

static const struct po_translated *
answer_to(const struct po_translation *a, const struct po_question *q,
          const char *topic, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < a->n && i < q->n; i++) {
        const struct po_position *at = &q->positions[i];
        if (at->partition == partition && at->offset == offset &&
            strcmp(at->topic, topic) == 0)
            return &a->v[i];
    }
    return NULL;
}

/* What an answer is worth on the cluster in use; *topic: of its view. */
static struct mapped
worth(const struct generation *g, const struct po_translated *t,
      const struct po_position *asked, const char *logical, const char *origin,
      const char **topic)
{
    const struct view *v = stream_here(g, logical, origin);
    if (!v && t && t->topic)
        v = generation_view(g, t->topic);
    *topic = v ? v->topic : NULL;
    if (!v || !t)
        return (struct mapped){.known = false};
    return handover_mapped(t, asked, v->topic);
}

/* ---- partitions that wait for theirs ------------------------------------- */

/* Takes `at`. */
static struct given *
given_new_take(struct place *at, const rd_kafka_topic_partition_t *t)
{
    struct given *n = calloc(1, sizeof(*n));
    char *topic = strdup(t->topic);
    if (!n || !topic) {
        free(n);
        free(topic);
        place_fini(at);
        return NULL;
    }
    *n = (struct given){.at = *at, .topic = topic, .offset = t->offset};
    return n;
}

bool
track_place(const struct track *tr, const rd_kafka_topic_partition_t *t,
            struct place *at)
{
    if (!place_of(t, at))
        return false;
    if ((at->logical && at->origin) || !tr->route)
        return true;
    const char *origin;
    const char *logical =
        place_logical(&tr->route->answer, at->cluster, t->topic, &origin);
    free(at->logical);
    free(at->origin);
    at->logical = strdup(logical);
    at->origin = strdup(origin);
    return true;
}

bool
track_elsewhere(const struct track *tr, const rd_kafka_topic_partition_t *t,
                struct place *at)
{
    if (t->offset < 0 || !tr->cur || !track_place(tr, t, at))
        return false;
    if (strcmp(at->cluster, tr->cur->cluster) != 0)
        return true;
    place_fini(at);
    return false;
}

bool
track_given_take(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    struct place at;
    if (!track_elsewhere(tr, t, &at))
        return false;
    const struct view *v = stream_here(tr->cur, at.logical, at.origin);
    struct part *p =
        generation_part(tr->cur, v ? v->topic : t->topic, t->partition);
    struct given *n = given_new_take(&at, t);
    if (!p || !n) {
        generation_given_free(n);
        return false;
    }
    generation_take(tr->cur, p);
    generation_set_given_take(tr->cur, p, n);
    p->by_hand = true;
    wake_up(tr->wake);
    return true;
}

static int
take_born_here(struct generation *g, const char *logical, int32_t partition)
{
    for (size_t i = 0; logical && i < g->n_views; i++) {
        const struct view *v = &g->views[i];
        if (strcmp(v->logical, logical) != 0 ||
            strcmp(v->origin, g->cluster) != 0)
            continue;
        struct part *p = generation_part(g, v->topic, partition);
        if (!p)
            return ERR_NOMEM;
        if (p->state == PART_NONE)
            generation_start_at(g, p, RD_KAFKA_OFFSET_BEGINNING);
    }
    return 0;
}

int
track_given_born_here(struct track *tr,
                      const rd_kafka_topic_partition_list_t *l)
{
    int rc = 0;
    for (int i = 0; i < l->cnt && rc == 0; i++) {
        struct place at;
        if (track_place(tr, &l->elems[i], &at))
            rc = take_born_here(tr->cur, at.logical, l->elems[i].partition);
        place_fini(&at);
    }
    return rc;
}

void
track_given_reset(struct track *tr)
{
    struct giving *s = &tr->giving;
    if (s->asking)
        asking_free(s->asking);
    po_question_fini(&s->question);
    *s = (struct giving){0};
}

static struct part *
first_given(const struct track *tr)
{
    for (struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (p->given)
            return p;
    return NULL;
}

static void
start(struct track *tr, struct part *p, const struct mapped *m)
{
    struct start s = {START_BEGINNING, 0, -1};
    if (m->known)
        s = (struct start){START_AT, m->low, 0};
    else if (p->given->offset == 0)
        s = (struct start){START_AT, 0, 0};
    generation_set_given_take(tr->cur, p, NULL);
    track_start_part(tr, tr->cur, p, &s);
}

/* One question for all of one cluster. */
static void
ask(struct track *tr)
{
    struct giving *s = &tr->giving;
    struct err err = {0};
    const struct part *first = first_given(tr);
    if (!first)
        return;
    int rc = begin_question(tr, &s->question, first->given->at.cluster,
                            tr->cur->n_given, tr->e.catchup_ms);
    for (struct part *p = tr->cur->parts; p && rc == 0; p = p->hh.next) {
        if (!p->given || s->question.n == POSITIONS_MAX ||
            strcmp(p->given->at.cluster, s->question.from) != 0)
            continue;
        p->given->asked = true;
        if (p->given->until_ms == 0)
            p->given->until_ms = clock_mono_ms() + tr->e.catchup_ms;
        rc = ask_for(&s->question, &p->given->at, p->given->topic,
                     p->key.partition, p->given->offset);
    }
    if (rc == 0)
        rc = control_ask(tr->e.control, &s->question,
                         clock_mono_ms() + s->question.wait_ms +
                             tr->e.mapping_ms,
                         &s->asking, &err);
    if (rc != 0)
        s->asking = NULL;
    if (rc != 0)
        track_warn(tr, "no translation of given positions: %s", err.text);
}

/* True: asked for again, in a moment. */
static bool
waits(struct given *n, const struct po_translated *t)
{
    if (!t || t->quality != PO_NONE || clock_mono_ms() >= n->until_ms)
        return false;
    n->asked = false;
    return true;
}

static void
take_answer(struct track *tr, const struct po_translation *a)
{
    struct giving *s = &tr->giving;
    for (struct part *p = tr->cur->parts; p; p = p->hh.next) {
        struct mapped m = {.known = false};
        const char *topic = NULL;
        struct given *n = p->given;
        if (!n || !n->asked)
            continue;
        const struct po_translated *t =
            answer_to(a, &s->question, n->topic, p->key.partition, n->offset);
        if (waits(n, t))
            continue;
        const struct po_position asked = {.topic = n->topic,
                                          .partition = p->key.partition,
                                          .offset = n->offset};
        m = worth(tr->cur, t, &asked, n->at.logical, n->at.origin, &topic);
        if (m.known && strcmp(topic, p->key.topic) != 0)
            m.known = false;
        start(tr, p, &m);
    }
}

void
track_given_step(struct track *tr)
{
    struct giving *s = &tr->giving;
    struct po_translation answer = {0};
    struct err err = {0};
    if (!tr->cur || tr->cur->n_given == 0)
        return;
    if (!s->asking && clock_mono_ms() < s->again_ms)
        return;
    if (!s->asking)
        ask(tr);
    const int rc = s->asking ? asking_result(s->asking, &answer, &err) : -1;
    if (rc > 0)
        return;
    if (rc < 0 && s->asking)
        track_warn(tr, "no translation from cluster %s to %s: %s",
                   s->question.from, tr->cur->cluster, err.text);
    const size_t before = tr->cur->n_given;
    take_answer(tr, &answer);
    po_translation_fini(&answer);
    track_given_reset(tr);
    if (tr->cur->n_given == before) {
        s->again_ms = clock_mono_ms() + AGAIN_MS;
        return;
    }
    generation_fetch(tr->cur);
    track_switched(tr);
}

/* ---- in a call ----------------------------------------------------------- */

/* Waits without the lock. */
static int
wait_for(struct track *tr, const struct po_question *q, int64_t deadline_ms,
         struct po_translation *out)
{
    struct asking *asking = NULL;
    int rc = control_ask(tr->e.control, q, deadline_ms, &asking, NULL);
    if (rc != 0)
        return rc;
    consumer_unlock(tr->c);
    rc = asking_wait(asking, out, NULL);
    consumer_lock(tr->c);
    asking_free(asking);
    return rc;
}

static void
replace(struct track *tr, rd_kafka_topic_partition_t *t,
        const struct po_question *q, const struct po_translation *a)
{
    struct place at;
    const char *topic = NULL;
    if (!track_elsewhere(tr, t, &at))
        return;
    /* It may have moved while the call waited: then it asks again. */
    if (strcmp(at.cluster, q->from) == 0 &&
        strcmp(tr->cur->cluster, q->to) == 0) {
        const struct po_position asked = {
            .topic = t->topic, .partition = t->partition, .offset = t->offset};
        const struct mapped m =
            worth(tr->cur, answer_to(a, q, t->topic, t->partition, t->offset),
                  &asked, at.logical, at.origin, &topic);
        t->err = m.known ? RD_KAFKA_RESP_ERR_NO_ERROR
                         : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (m.known) {
            char *name = strdup(topic);
            t->err = name ? t->err : RD_KAFKA_RESP_ERR__FAIL;
            free(name ? t->topic : NULL); /* librdkafka's are malloc's, too */
            t->topic = name ? name : t->topic;
            t->offset = m.low;
            place_metadata_take(t, NULL);
        }
    }
    place_fini(&at);
}

/* One cluster's. False: there is none left. */
static bool
translate_some(struct track *tr, rd_kafka_topic_partition_list_t *l,
               int64_t deadline_ms)
{
    struct po_question q = {0};
    struct po_translation a = {0};
    int rc = 0;
    for (int i = 0; i < l->cnt && rc == 0; i++) {
        struct place at;
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        if (t->err || !track_elsewhere(tr, t, &at))
            continue;
        if (!q.from)
            rc = begin_question(tr, &q, at.cluster, (size_t)l->cnt, 0);
        if (rc == 0 && strcmp(at.cluster, q.from) == 0)
            rc = ask_for(&q, &at, t->topic, t->partition, t->offset);
        place_fini(&at);
    }
    const bool any = q.n > 0;
    if (any && rc == 0 && wait_for(tr, &q, deadline_ms, &a) != 0)
        a.n = 0;
    for (int i = 0; any && i < l->cnt; i++)
        replace(tr, &l->elems[i], &q, &a);
    po_question_fini(&q);
    po_translation_fini(&a);
    return any;
}

void
track_translate(struct track *tr, rd_kafka_topic_partition_list_t *l,
                int64_t deadline_ms)
{
    for (int i = 0; i < l->cnt; i++)
        l->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (translate_some(tr, l, deadline_ms)) {
    }
}
