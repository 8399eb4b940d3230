/*
 * Positions that a producer's transaction commits.  While that is under way
 * the consumer stays where it is: a hand-over in between would carry on from
 * before, and the records of the transaction would be read again.
 *
 * Before it is under way nobody knows of it: records may have been delivered
 * into it when their partitions move, or are taken away, and they are delivered
 * again, to this member or another one.  Such a transaction must not stand.
 */
#include <stdatomic.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/name.h"

bool
consumer_in_txn(const struct consumer *c)
{
    return c->txns > 0 && clock_mono_ms() < c->txns_end_ms;
}

/* lock held.  NULL: it is handing over now, or has none. */
static struct generation *
reading(const struct track *tr)
{
    if (tr->state != TRACK_RUNNING && tr->state != TRACK_JOINING)
        return NULL;
    return tr->cur && !tr->cur->stopped ? tr->cur : NULL;
}

/* lock held.  Who has the partition; else, of a topic that it gave back
 * meanwhile, the first. */
static struct generation *
owner_of(const struct consumer *c, const rd_kafka_topic_partition_t *t)
{
    for (const struct track *tr = c->track; tr; tr = tr->more) {
        struct generation *g = reading(tr);
        if (g && generation_find(g, t->topic, t->partition))
            return g;
    }
    return c->track ? reading(c->track) : NULL;
}

/* lock held.  False: not all are of one cluster that is read now. */
static bool
describe(const struct consumer *c, const rd_kafka_topic_partition_list_t *l,
         rd_kafka_topic_partition_list_t *out, const char **cluster)
{
    *cluster = NULL;
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        const struct generation *g = owner_of(c, t);
        if (!g || (*cluster && strcmp(*cluster, g->cluster) != 0))
            return false;
        *cluster = name_intern(g->cluster);
        if (!*cluster ||
            !generation_add_commit(g, out, t->topic, t->partition, t->offset))
            return false;
    }
    return true;
}

uint64_t
consumer_txn_moment(void)
{
    static atomic_uint_fast64_t moments;
    return atomic_fetch_add(&moments, 1) + 1;
}

enum consumer_txn
consumer_txn_begin(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *offsets,
                   uint64_t since, int64_t hold_ms,
                   rd_kafka_topic_partition_list_t **out, const char **cluster)
{
    enum consumer_txn answer = CONSUMER_TXN_HELD;
    *out = rd_kafka_topic_partition_list_new(offsets->cnt);
    consumer_lock(c);
    if (!describe(c, offsets, *out, cluster))
        answer = CONSUMER_TXN_MOVING;
    else if (c->rewound > since)
        answer = CONSUMER_TXN_REWOUND;
    if (answer == CONSUMER_TXN_HELD) {
        c->txns++;
        c->txns_end_ms = clock_mono_ms() + hold_ms;
    }
    consumer_unlock(c);
    if (answer == CONSUMER_TXN_HELD)
        return answer;
    rd_kafka_topic_partition_list_destroy(*out);
    *out = NULL;
    return answer;
}

void
consumer_txn_end(struct consumer *c,
                 const rd_kafka_topic_partition_list_t *committed)
{
    consumer_lock(c);
    if (c->txns > 0)
        c->txns--;
    for (int i = 0; committed && i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &committed->elems[i];
        struct generation *g = t->offset >= 0 ? owner_of(c, t) : NULL;
        struct part *p = g ? generation_find(g, t->topic, t->partition) : NULL;
        if (p)
            p->committed = p->acked = t->offset;
    }
    wake_up(c->wake);
    consumer_unlock(c);
}
