/*
 * Owns how far the consumer reads ahead.  Runs on the flow's thread.
 *
 * librdkafka 2.0.2 fetches nothing while its queue holds queued.min.messages
 * or queued.max.messages.kbytes, which bounds its memory; but then its broker
 * threads sleep up to a second, and nobody wakes them when the queue is empty
 * again.  A seek does, of any partition of the broker, to where it is: whoever
 * finds the queue empty after so much that it must have been full, does that
 * for one partition of each broker.
 */
#include "replicator/parts.h"

#define BROKERS_MAX 64 /* those beyond sleep out their second */

void
appetite_init(struct flow *f)
{
    /* Half of it: what is in the queue is not all of a burst. */
    f->burst_max = client_limit(f->consumer, "queued.min.messages") / 2;
    f->burst_bytes_max =
        client_limit(f->consumer, "queued.max.messages.kbytes") * 1024 / 2;
}

static bool
is_new(int32_t *brokers, size_t *n, int32_t id)
{
    for (size_t i = 0; i < *n; i++)
        if (brokers[i] == id)
            return false;
    if (*n == BROKERS_MAX)
        return false;
    brokers[(*n)++] = id;
    return true;
}

static void
wake(struct flow *f)
{
    int32_t brokers[BROKERS_MAX];
    size_t n = 0;
    struct topic *t, *next;
    HASH_ITER(hh, f->topics, t, next)
    for (int32_t i = 0; i < t->n_parts; i++) {
        const struct part *p = t->parts[i];
        if (p->assigned && p->next >= 0 && !atomic_load(&p->holds) &&
            is_new(brokers, &n, p->leader))
            (void)rd_kafka_seek(t->from, p->partition, p->next, 0);
    }
}

void
appetite_took(struct flow *f, const rd_kafka_message_t *m)
{
    f->burst++;
    f->burst_bytes += (int64_t)m->len;
}

void
appetite_empty(struct flow *f)
{
    if (f->burst > f->burst_max || f->burst_bytes > f->burst_bytes_max)
        wake(f);
    f->burst = f->burst_bytes = 0;
}
