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
#include "sdk/src/consumer/place.h"
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

/* lock held.  The track that has the partition; else, of a topic that it gave
 * back meanwhile, the first.  NULL: none that reads. */
static struct track *
owner_of(const struct consumer *c, const rd_kafka_topic_partition_t *t)
{
    for (struct track *tr = c->track; tr; tr = tr->more) {
        struct generation *g = reading(tr);
        if (g && generation_find(g, t->topic, t->partition))
            return tr;
    }
    return c->track && reading(c->track) ? c->track : NULL;
}

/* With the application's own metadata, as commits have it. */
static enum consumer_txn
add(const struct track *tr, const rd_kafka_topic_partition_t *t,
    rd_kafka_topic_partition_list_t *out)
{
    char *text = NULL;
    const struct part *p = generation_find(tr->cur, t->topic, t->partition);
    if (p && track_is_strange(tr, p, t->offset))
        return CONSUMER_TXN_MOVING;
    if (place_commit(tr->cur->since, t->metadata, t->metadata_size, &text,
                     NULL) != 0)
        return CONSUMER_TXN_INVALID;
    rd_kafka_topic_partition_t *to =
        rd_kafka_topic_partition_list_add(out, t->topic, t->partition);
    to->offset = t->offset;
    place_metadata_take(to, text);
    return CONSUMER_TXN_HELD;
}

/* lock held.  MOVING: not all are of one cluster that is read now. */
static enum consumer_txn
describe(const struct consumer *c, const rd_kafka_topic_partition_list_t *l,
         rd_kafka_topic_partition_list_t *out, const char **cluster)
{
    enum consumer_txn answer = CONSUMER_TXN_HELD;
    *cluster = NULL;
    for (int i = 0; i < l->cnt && answer == CONSUMER_TXN_HELD; i++) {
        const struct track *tr = owner_of(c, &l->elems[i]);
        if (!tr || (*cluster && strcmp(*cluster, tr->cur->cluster) != 0))
            return CONSUMER_TXN_MOVING;
        *cluster = name_intern(tr->cur->cluster);
        answer = *cluster ? add(tr, &l->elems[i], out) : CONSUMER_TXN_MOVING;
    }
    return answer;
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
    *out = rd_kafka_topic_partition_list_new(offsets->cnt);
    consumer_lock(c);
    enum consumer_txn answer = describe(c, offsets, *out, cluster);
    if (answer != CONSUMER_TXN_INVALID && c->rewound > since)
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

/* Has moved, if it was not held any more, to where the same name may be another
 * topic's: then its positions have been handed over without these. */
static struct part *
part_at(const struct consumer *c, const rd_kafka_topic_partition_t *t,
        const char *cluster)
{
    const struct track *tr = t->offset >= 0 ? owner_of(c, t) : NULL;
    return tr && strcmp(tr->cur->cluster, cluster) == 0
               ? generation_find(tr->cur, t->topic, t->partition)
               : NULL;
}

void
consumer_txn_end(struct consumer *c,
                 const rd_kafka_topic_partition_list_t *committed,
                 const char *cluster)
{
    consumer_lock(c);
    if (c->txns > 0)
        c->txns--;
    for (int i = 0; committed && i < committed->cnt; i++) {
        struct part *p = part_at(c, &committed->elems[i], cluster);
        if (p)
            p->committed = p->acked = committed->elems[i].offset;
    }
    wake_up(c->wake);
    consumer_unlock(c);
}
