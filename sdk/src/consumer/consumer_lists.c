/* See consumer_lists.h. */
#include "sdk/src/consumer/consumer_lists.h"

#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/place.h"

struct share {
    struct track *track;
    rd_kafka_topic_partition_list_t *list; /* NULL: none */
    int *at;                               /* of each, in the whole list */
};

/* A position may name its topic as it is called on another cluster. */
static struct track *
track_of(struct consumer *c, const rd_kafka_topic_partition_t *t)
{
    struct place at = {0};
    struct track *tr = NULL;
    if (place_of(t, &at) && at.logical)
        for (tr = c->track; tr; tr = tr->more)
            if (!tr->shared && strlist_has(&tr->topics, at.logical))
                break;
    place_fini(&at);
    return tr ? tr : consumer_track_of(c, t->topic);
}

static size_t
count_tracks(const struct consumer *c)
{
    size_t n = 0;
    for (const struct track *tr = c->track; tr; tr = tr->more)
        n++;
    return n;
}

static int
fill(struct consumer *c, struct share *s,
     const rd_kafka_topic_partition_list_t *l)
{
    s->list = rd_kafka_topic_partition_list_new(l->cnt);
    s->at = calloc((size_t)l->cnt + 1, sizeof(*s->at));
    if (!s->at)
        return ERR_NOMEM;
    for (int i = 0; i < l->cnt; i++) {
        if (track_of(c, &l->elems[i]) != s->track)
            continue;
        s->at[s->list->cnt] = i;
        track_list_add(s->list, &l->elems[i]);
    }
    return 0;
}

static void
give_back(struct share *s, rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < s->list->cnt; i++) {
        rd_kafka_topic_partition_t *from = &s->list->elems[i];
        rd_kafka_topic_partition_t *to = &l->elems[s->at[i]];
        to->offset = from->offset;
        to->err = from->err;
        free(to->metadata);
        to->metadata = from->metadata;
        to->metadata_size = from->metadata_size;
        from->metadata = NULL;
        from->metadata_size = 0;
    }
}

static void
keep_first(rd_kafka_error_t **first, rd_kafka_error_t *error)
{
    if (!*first)
        *first = error;
    else if (error)
        rd_kafka_error_destroy(error);
}

/* The tracks are looked up before: fn may let go of the lock. */
static rd_kafka_error_t *
run(struct share *v, size_t n, rd_kafka_topic_partition_list_t *l, lists_fn *fn,
    void *arg)
{
    rd_kafka_error_t *first = NULL;
    for (size_t i = 0; i < n; i++) {
        if (l && v[i].list->cnt == 0)
            continue;
        keep_first(&first, fn(v[i].track, v[i].list, arg));
        if (l)
            give_back(&v[i], l);
    }
    return first;
}

static rd_kafka_error_t *
share(struct consumer *c, rd_kafka_topic_partition_list_t *l, lists_fn *fn,
      void *arg)
{
    rd_kafka_error_t *error = NULL;
    size_t n = 0;
    struct share *v = calloc(count_tracks(c), sizeof(*v));
    int rc = v ? 0 : ERR_NOMEM;
    for (struct track *tr = c->track; v && tr && rc == 0; tr = tr->more) {
        if (tr->shared)
            continue; /* the track that it shares with has all */
        v[n].track = tr;
        rc = l ? fill(c, &v[n], l) : 0;
        n++;
    }
    c->calls++;
    if (rc == 0)
        error = run(v, n, l, fn, arg);
    else
        error = rd_kafka_error_new(RD_KAFKA_RESP_ERR__FAIL, "out of memory");
    c->calls--;
    for (size_t i = 0; i < n; i++) {
        if (v[i].list)
            rd_kafka_topic_partition_list_destroy(v[i].list);
        free(v[i].at);
    }
    free(v);
    return error;
}

rd_kafka_error_t *
lists_each(struct consumer *c, rd_kafka_topic_partition_list_t *l, lists_fn *fn,
           void *arg)
{
    return c->track->more ? share(c, l, fn, arg) : fn(c->track, l, arg);
}

rd_kafka_error_t *
lists_all(struct consumer *c, lists_fn *fn, void *arg)
{
    return c->track->more ? share(c, NULL, fn, arg) : fn(c->track, NULL, arg);
}
