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

int
consumer_streams(struct consumer *c, struct stream_gauge **out, size_t *n)
{
    consumer_lock(c);
    const struct generation *g = c->track->cur;
    *n = 0;
    *out = calloc(count(g) + 1, sizeof(**out));
    for (const struct part *p = g ? g->parts : NULL; p && *out; p = p->hh.next)
        if (p->state != PART_NONE)
            look(g, p, &(*out)[(*n)++]);
    consumer_unlock(c);
    return *out ? 0 : ERR_NOMEM;
}
