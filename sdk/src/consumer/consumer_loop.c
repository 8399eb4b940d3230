/*
 * What an event loop of the application needs to know: when a poll will have
 * something to do.
 */
#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/wake.h"

void
consumer_on_wake(struct consumer *c, void (*fn)(void *arg), void *arg)
{
    wake_watch(c->wake, fn, arg);
}

int64_t
consumer_due_ms(struct consumer *c)
{
    consumer_lock(c);
    const int64_t ms = c->due_ms;
    consumer_unlock(c);
    return ms;
}

void
consumer_each(struct consumer *c, void (*fn)(struct generation *g, void *arg),
              void *arg)
{
    consumer_lock(c);
    for (struct track *tr = c->track; tr; tr = tr->more)
        track_each(tr, fn, arg);
    consumer_unlock(c);
}

static void
add_length(struct generation *g, void *arg)
{
    if (!g->stopped && g->queue)
        *(size_t *)arg += rd_kafka_queue_length(g->queue);
}

size_t
consumer_length(struct consumer *c)
{
    size_t n = 0;
    consumer_each(c, add_length, &n);
    return n;
}
