/*
 * Transactions, and what ties them to the consumer whose offsets they commit:
 * its group metadata, by which it is known again.  Offsets of a cluster are
 * never committed on another, and what a transaction has committed is the
 * consumer's position when it moves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/generation.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/handle.h"
#include "sdk/src/metrics_text.h"
#include "sdk/src/producer/txn_error.h"

#define HOLD_MS 60000 /* transaction.timeout.ms, where it is not read */

static rd_kafka_error_t *
no_producer(void)
{
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG, "not a producer");
}

/* ---- group metadata ----------------------------------------------------- */

struct bytes {
    void *v;
    size_t n;
};

static bool
write_down(const rd_kafka_consumer_group_metadata_t *m, struct bytes *b)
{
    rd_kafka_error_t *error =
        rd_kafka_consumer_group_metadata_write(m, &b->v, &b->n);
    if (!error)
        return true;
    rd_kafka_error_destroy(error);
    return false;
}

struct keeping {
    shunt_t *rk;
    struct bytes bytes; /* taken */
};

static bool
keep(shunt_t *rk, void *arg)
{
    struct keeping *k = arg;
    if (rk != k->rk)
        return false;
    struct metadata_given *g = &rk->metadata[rk->n_metadata++ % METADATA_KEPT];
    rd_kafka_mem_free(NULL, g->bytes);
    *g = (struct metadata_given){k->bytes.v, k->bytes.n};
    return true;
}

rd_kafka_consumer_group_metadata_t *
shunt_consumer_group_metadata(shunt_t *rk)
{
    struct generation *g =
        rk->consumer ? consumer_hold(rk->consumer, NULL) : NULL;
    rd_kafka_consumer_group_metadata_t *m =
        g ? rd_kafka_consumer_group_metadata(g->rk) : NULL;
    generation_unref(g);
    struct keeping k = {.rk = rk};
    if (m && write_down(m, &k.bytes) && !handles_find(keep, &k))
        rd_kafka_mem_free(NULL, k.bytes.v);
    return m;
}

/* ---- the consumer of a transaction --------------------------------------- */

struct joining {
    struct bytes bytes;
    const rd_kafka_topic_partition_list_t *offsets;
    shunt_t *held;     /* whom this transaction holds already */
    shunt_t *consumer; /* found */
    rd_kafka_topic_partition_list_t *out;
    const char *cluster;
    uint64_t since;
    enum consumer_txn answer; /* its */
};

static bool
was_given(const shunt_t *rk, const struct bytes *b)
{
    for (int i = 0; i < METADATA_KEPT; i++)
        if (rk->metadata[i].bytes && rk->metadata[i].size == b->n &&
            memcmp(rk->metadata[i].bytes, b->v, b->n) == 0)
            return true;
    return false;
}

static bool
join(shunt_t *rk, void *arg)
{
    struct joining *j = arg;
    if (!rk->consumer || !was_given(rk, &j->bytes))
        return false;
    j->consumer = rk;
    j->answer = consumer_txn_begin(rk->consumer, j->offsets, j->since, HOLD_MS,
                                   &j->out, &j->cluster);
    if (j->answer == CONSUMER_TXN_HELD && rk == j->held)
        consumer_txn_end(rk->consumer, NULL, NULL); /* once is enough */
    return true;
}

struct leaving {
    const struct txn_link *link;
    bool committed;
};

static bool
leave(shunt_t *rk, void *arg)
{
    const struct leaving *l = arg;
    if (rk != l->link->consumer)
        return false;
    consumer_txn_end(rk->consumer, l->committed ? l->link->offsets : NULL,
                     l->link->cluster);
    return true;
}

static void
end_link(shunt_t *rk, bool committed)
{
    const struct leaving l = {.link = &rk->txn, .committed = committed};
    if (rk->txn.consumer)
        (void)handles_find(leave, (void *)(uintptr_t)&l);
    if (rk->txn.offsets)
        rd_kafka_topic_partition_list_destroy(rk->txn.offsets);
    rk->txn = (struct txn_link){.since = consumer_txn_moment()};
}

void
txn_link_fini(shunt_t *rk)
{
    end_link(rk, false);
    for (int i = 0; i < METADATA_KEPT; i++)
        rd_kafka_mem_free(NULL, rk->metadata[i].bytes);
}

static void
remember(struct txn_link *link, const rd_kafka_topic_partition_list_t *l,
         const char *cluster)
{
    link->cluster = cluster;
    if (!link->offsets)
        link->offsets = rd_kafka_topic_partition_list_new(l->cnt);
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        rd_kafka_topic_partition_t *to = rd_kafka_topic_partition_list_find(
            link->offsets, t->topic, t->partition);
        if (!to)
            to = rd_kafka_topic_partition_list_add(link->offsets, t->topic,
                                                   t->partition);
        to->offset = t->offset;
    }
}

/* ---- offsets ------------------------------------------------------------ */

/* A position that knows its place, of another cluster; the caller's. */
static char *
stranger(const rd_kafka_topic_partition_list_t *l, const char *cluster)
{
    for (int i = 0; cluster && i < l->cnt; i++) {
        struct place place;
        char *name = NULL;
        if (!place_of(&l->elems[i], &place))
            continue;
        if (strcmp(place.cluster, cluster) != 0)
            name = strdup(place.cluster);
        place_fini(&place);
        if (name)
            return name;
    }
    return NULL;
}

static rd_kafka_error_t *
send_them(shunt_t *rk, const struct joining *j,
          const rd_kafka_consumer_group_metadata_t *metadata, int timeout_ms)
{
    const rd_kafka_topic_partition_list_t *l = j->out ? j->out : j->offsets;
    char *other = stranger(j->offsets, producer_txn_cluster(rk->producer));
    rd_kafka_error_t *error = producer_txn_send_offsets(
        rk->producer, other ? other : j->cluster, l, metadata, timeout_ms);
    free(other);
    if (!error && j->consumer)
        remember(&rk->txn, l, j->cluster);
    return error;
}

/* NULL: it can. */
static const char *
why_not(const struct joining *j)
{
    if (!j->consumer || j->answer == CONSUMER_TXN_HELD)
        return NULL;
    return j->answer == CONSUMER_TXN_MOVING
               ? "the consumer is on its way to another cluster: abort, and go "
                 "on where it is then"
               : "the consumer went back to what is committed in the middle of "
                 "it, its partitions have moved: records may be in it twice. "
                 "Abort, and go on where it is then";
}

rd_kafka_error_t *
shunt_send_offsets_to_transaction(
    shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *cgmetadata, int timeout_ms)
{
    struct joining j = {
        .offsets = offsets, .held = rk->txn.consumer, .since = rk->txn.since};
    if (!rk->producer)
        return no_producer();
    if (!offsets || !cgmetadata)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "offsets and group metadata are needed");
    if (write_down(cgmetadata, &j.bytes))
        (void)handles_find(join, &j);
    rd_kafka_mem_free(NULL, j.bytes.v);
    if (j.consumer && j.answer == CONSUMER_TXN_INVALID)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "metadata of an offset: not UTF-8, or a zero "
                                  "byte in it");
    if (why_not(&j))
        return producer_txn_doom(rk->producer, why_not(&j));
    if (j.consumer)
        rk->txn.consumer = j.consumer;
    rd_kafka_error_t *error = send_them(rk, &j, cgmetadata, timeout_ms);
    if (j.out)
        rd_kafka_topic_partition_list_destroy(j.out);
    return error;
}

/* ---- the rest ----------------------------------------------------------- */

rd_kafka_error_t *
shunt_init_transactions(shunt_t *rk, int timeout_ms)
{
    if (!rk->producer)
        return no_producer();
    rd_kafka_error_t *error = producer_txn_init(rk->producer, timeout_ms);
    if (!error)
        rk->txn.since = consumer_txn_moment();
    return error;
}

rd_kafka_error_t *
shunt_begin_transaction(shunt_t *rk)
{
    return rk->producer ? producer_txn_begin(rk->producer) : no_producer();
}

rd_kafka_error_t *
shunt_commit_transaction(shunt_t *rk, int timeout_ms)
{
    if (!rk->producer)
        return no_producer();
    rd_kafka_error_t *error = producer_txn_commit(rk->producer, timeout_ms);
    (void)handle_tell(rk);
    if (!error)
        end_link(rk, true);
    return error;
}

rd_kafka_error_t *
shunt_abort_transaction(shunt_t *rk, int timeout_ms)
{
    if (!rk->producer)
        return no_producer();
    rd_kafka_error_t *error = producer_txn_abort(rk->producer, timeout_ms);
    (void)handle_tell(rk);
    if (!error)
        end_link(rk, false);
    return error;
}
