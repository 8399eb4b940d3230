/*
 * Assignments made by the application without a subscription: no group is
 * joined.  The route is asked for the logical topics of what was assigned; the
 * list itself (`asked`) is taken up when a generation has them in its view.
 *
 * A move translates each position.  What is read is a partition of the logical
 * topic: its streams that the cluster left did not have, the local one above
 * all, come along from their log start.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/consumer/track.h"

/* ---- names --------------------------------------------------------------- */

/* Owned by the caller; NULL: no memory. */
static char *
logical_of(const struct track *tr, const rd_kafka_topic_partition_t *t)
{
    struct place at;
    const char *origin;
    if (track_place(tr, t, &at) && at.logical) {
        char *name = at.logical;
        at.logical = NULL;
        place_fini(&at);
        return name;
    }
    place_fini(&at);
    /* Before the view: a copy's name may have been taken for a logical one. */
    return strdup(tr->cur && tr->route
                      ? place_logical(&tr->route->answer, tr->cur->cluster,
                                      t->topic, &origin)
                      : t->topic);
}

static int
list_topics(const struct track *tr, const rd_kafka_topic_partition_list_t *l,
            struct strlist *out)
{
    int rc = 0;
    for (int i = 0; i < l->cnt && rc == 0; i++) {
        char *name = logical_of(tr, &l->elems[i]);
        rc = !name                    ? ERR_NOMEM
             : strlist_has(out, name) ? 0
                                      : strlist_add(out, name);
        free(name);
    }
    return rc;
}

static bool
same(const struct strlist *a, const struct strlist *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (!strlist_has(b, a->v[i]))
            return false;
    return a->n == b->n;
}

/* The route is asked for the topics of `l`. */
static int
watch(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    struct strlist names = {0};
    int rc = list_topics(tr, l, &names);
    if (rc == 0 && !same(&names, &tr->topics))
        rc = control_set_topics(tr->e.control, &names);
    if (rc != 0) {
        strlist_fini(&names);
        return rc;
    }
    strlist_fini(&tr->topics);
    tr->topics = names;
    return 0;
}

/* ---- assigning ----------------------------------------------------------- */

static void
forget_asked(struct track *tr)
{
    if (tr->asked)
        rd_kafka_topic_partition_list_destroy(tr->asked);
    tr->asked = NULL;
}

static void
forget_prepared(struct track *tr)
{
    query_free(tr->topics_of);
    tr->topics_of = NULL;
    tr->prepared = NULL;
}

/* It may subscribe now. */
static void
set_free(struct generation *g)
{
    if (!g)
        return;
    g->by_hand = g->joined = false;
    generation_forget_view(g);
}

void
track_by_hand_end(struct track *tr)
{
    forget_asked(tr);
    forget_prepared(tr);
    if (!tr->by_hand)
        return;
    if (tr->cur && !tr->cur->stopped) {
        rd_kafka_error_t *error = track_assign(tr, NULL);
        if (error)
            rd_kafka_error_destroy(error); /* cannot be: nothing is taken */
    }
    tr->by_hand = false;
    set_free(tr->cur);
    set_free(tr->next);
}

static bool
covered(const struct track *tr)
{
    for (int i = 0; i < tr->asked->cnt; i++) {
        char *name = logical_of(tr, &tr->asked->elems[i]);
        bool has = false;
        for (size_t v = 0; name && v < tr->cur->n_views && !has; v++)
            has = strcmp(tr->cur->views[v].logical, name) == 0;
        free(name);
        if (!has)
            return false;
    }
    return true;
}

void
track_by_hand_take(struct track *tr)
{
    const bool can = tr->state == TRACK_RUNNING || tr->state == TRACK_JOINING;
    if (!tr->asked || !can)
        return;
    if (!covered(tr)) {
        /* A name was one of this cluster: now its logical one is known. */
        if (watch(tr, tr->asked) != 0)
            track_log(tr, LOG_WARNING, "cannot assign: out of memory");
        return;
    }
    rd_kafka_topic_partition_list_t *l = tr->asked;
    tr->asked = NULL;
    rd_kafka_error_t *error = track_assign(tr, l);
    if (error) { /* it was looked at before: out of memory */
        track_warn(tr, "cannot assign: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(l);
}

static rd_kafka_error_t *
drop_everything(struct track *tr)
{
    forget_asked(tr);
    return tr->cur ? track_assign(tr, NULL) : NULL;
}

rd_kafka_error_t *
track_by_hand(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    if (!l || l->cnt == 0)
        return drop_everything(tr);
    rd_kafka_error_t *error = track_assign_check(l);
    if (error)
        return error;
    if (watch(tr, l) != 0)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "out of memory");
    forget_asked(tr);
    tr->asked = rd_kafka_topic_partition_list_copy(l);
    tr->by_hand = true;
    if (tr->state == TRACK_IDLE)
        track_move(tr, TRACK_ROUTING);
    if (tr->cur && covered(tr))
        track_by_hand_take(tr); /* at once, as librdkafka does */
    wake_up(tr->wake);          /* the route at hand may do already */
    return NULL;
}

int
track_by_hand_bind(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    if (tr->state != TRACK_IDLE)
        return 0;
    if (watch(tr, l) != 0)
        return ERR_NOMEM;
    tr->by_hand = true;
    track_move(tr, TRACK_ROUTING);
    wake_up(tr->wake);
    return 0;
}

/* ---- preparing ----------------------------------------------------------- */

static void
look_at_topics(struct track *tr)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < tr->next->n_views; i++)
        rd_kafka_topic_partition_list_add(l, tr->next->views[i].topic, 0);
    tr->topics_of = query_topics(tr->e.worker, tr->wake, tr->next, l);
    tr->prepared = tr->next;
}

/* Without it the first fetch waits for librdkafka's look at its topics, once a
 * second; and a cluster that does not answer would be moved to. */
void
track_by_hand_prepare(struct track *tr)
{
    const rd_kafka_topic_partition_list_t *l = NULL;
    if (!tr->by_hand || tr->next->joined)
        return;
    if (tr->prepared != tr->next)
        forget_prepared(tr);
    if (!tr->topics_of)
        look_at_topics(tr);
    if (tr->topics_of && !query_done(tr->topics_of))
        return;
    tr->next->joined = !tr->topics_of || query_result(tr->topics_of, &l) ==
                                             RD_KAFKA_RESP_ERR_NO_ERROR;
    forget_prepared(tr);
}

/* ---- moving -------------------------------------------------------------- */

static const struct view *
same_stream(const struct generation *g, const struct view *v)
{
    for (size_t i = 0; i < g->n_views; i++)
        if (strcmp(g->views[i].origin, v->origin) == 0 &&
            strcmp(g->views[i].logical, v->logical) == 0)
            return &g->views[i];
    return NULL;
}

static struct given *
copy_given(const struct given *from)
{
    struct given *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    *n = (struct given){.topic = strdup(from->topic), .offset = from->offset};
    if (n->topic && place_copy(&n->at, &from->at) == 0)
        return n;
    free(n->topic);
    free(n);
    return NULL;
}

/* What waited there waits here, for the same. */
static void
take_over(struct generation *g, struct part *p, const struct part *old)
{
    generation_take(g, p);
    p->by_hand = old->by_hand;
    p->end_wanted = old->end_wanted && old->state == PART_WAITING;
    p->tail = old->tail;
    if (!old->given)
        return;
    if (strcmp(old->given->at.cluster, g->cluster) == 0)
        generation_start_at(g, p, old->given->offset);
    else
        generation_set_given_take(g, p, copy_given(old->given));
}

static void
bring_along(struct track *tr, const struct generation *from,
            const struct part *old)
{
    struct generation *g = tr->cur;
    const struct view *was = generation_view(from, old->key.topic);
    for (size_t i = 0; was && i < g->n_views; i++) {
        const struct view *v = &g->views[i];
        if (strcmp(v->logical, was->logical) != 0)
            continue;
        struct part *p = generation_part(g, v->topic, old->key.partition);
        if (!p || (p->state != PART_NONE && v != same_stream(g, was)))
            continue;
        if (v == same_stream(g, was))
            take_over(g, p, old);
        else if (!same_stream(from, v) || strcmp(v->origin, g->cluster) == 0)
            generation_take(g, p);
    }
}

void
track_by_hand_move(struct track *tr, const struct generation *from)
{
    if (!tr->by_hand)
        return;
    for (const struct part *p = from->parts; p; p = p->hh.next)
        if (p->state != PART_NONE)
            bring_along(tr, from, p);
}
