/* See gauges.h.  Asks librdkafka only what it knows without asking brokers. */
#include "sdk/src/consumer/gauges.h"

#include <stdlib.h>

#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/name.h"

static void
look(const struct generation *g, const struct part *p, struct stream_gauge *s)
{
    const struct view *v = generation_view(g, p->key.topic);
    *s = (struct stream_gauge){
        .cluster = name_intern(g->cluster),
        .topic = name_intern(p->key.topic),
        .origin = v && v->origin && *v->origin ? name_intern(v->origin) : NULL,
        .partition = p->key.partition,
        .position = p->next,
        .lag = generation_part_lag(g, p),
    };
}

static size_t
count(const struct generation *g)
{
    size_t n = 0;
    for (const struct part *p = g ? g->parts : NULL; p; p = p->hh.next)
        n += p->state != PART_NONE;
    return n;
}

static void
look_at_all(const struct generation *g, struct stream_gauge *out, size_t *n)
{
    for (const struct part *p = g ? g->parts : NULL; p; p = p->hh.next)
        if (p->state != PART_NONE)
            look(g, p, &out[(*n)++]);
}

/* What another track reads for it is counted there. */
static const struct generation *
read_by(const struct track *tr)
{
    return tr->shared ? NULL : tr->cur;
}

int
consumer_streams(struct consumer *c, struct stream_gauge **out, size_t *n)
{
    consumer_lock(c);
    size_t room = 1;
    for (const struct track *tr = c->track; tr; tr = tr->more)
        room += count(read_by(tr));
    *n = 0;
    *out = calloc(room, sizeof(**out));
    for (const struct track *tr = c->track; tr && *out; tr = tr->more)
        look_at_all(read_by(tr), *out, n);
    consumer_unlock(c);
    return *out ? 0 : ERR_NOMEM;
}

const char *
consumer_standby(struct consumer *c, bool *ready)
{
    const char *cluster = NULL;
    *ready = true;
    consumer_lock(c);
    for (const struct track *tr = c->track; tr && *ready; tr = tr->more) {
        if (!tr->standby)
            continue;
        cluster = name_intern(tr->standby->cluster);
        *ready = tr->ready.told;
    }
    consumer_unlock(c);
    return cluster;
}
