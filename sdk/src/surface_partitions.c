/*
 * The public functions for the partitions of a consumer: each only checks the
 * kind of handle and hands on to the engine.  See shunt.h.
 */
#include "sdk/src/consumer/consumer_ops.h"
#include "sdk/src/consumer/generation.h"
#include "sdk/src/handle.h"
#include "sdk/src/name.h"

#define NEED_CONSUMER(rk)                                                      \
    do {                                                                       \
        if (!(rk)->consumer)                                                   \
            return RD_KAFKA_RESP_ERR__INVALID_ARG;                             \
    } while (0)

static rd_kafka_error_t *
no_consumer(void)
{
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                              "this is not a consumer");
}

static rd_kafka_resp_err_t
code_of_take(rd_kafka_error_t *error)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (error)
        rd_kafka_error_destroy(error);
    return code;
}

/* ---- assignment ---------------------------------------------------------- */

rd_kafka_resp_err_t
shunt_assign(shunt_t *rk, const rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    return code_of_take(
        consumer_assign(rk->consumer, CONSUMER_ASSIGN, partitions));
}

rd_kafka_error_t *
shunt_incremental_assign(shunt_t *rk,
                         const rd_kafka_topic_partition_list_t *partitions)
{
    return rk->consumer
               ? consumer_assign(rk->consumer, CONSUMER_ADD, partitions)
               : no_consumer();
}

rd_kafka_error_t *
shunt_incremental_unassign(shunt_t *rk,
                           const rd_kafka_topic_partition_list_t *partitions)
{
    return rk->consumer
               ? consumer_assign(rk->consumer, CONSUMER_DROP, partitions)
               : no_consumer();
}

rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions)
{
    NEED_CONSUMER(rk);
    return consumer_assignment(rk->consumer, partitions);
}

int
shunt_assignment_lost(shunt_t *rk)
{
    struct generation *g =
        rk->consumer ? consumer_hold(rk->consumer, NULL) : NULL;
    const int lost = g ? rd_kafka_assignment_lost(g->rk) : 0;
    generation_unref(g);
    return lost;
}

const char *
shunt_rebalance_protocol(shunt_t *rk)
{
    if (!rk->consumer)
        return NULL;
    struct generation *g = consumer_hold(rk->consumer, NULL);
    const char *name = g ? rd_kafka_rebalance_protocol(g->rk) : "NONE";
    generation_unref(g);
    return name;
}

/* ---- positions ----------------------------------------------------------- */

rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    return consumer_position(rk->consumer, partitions);
}

rd_kafka_error_t *
shunt_seek_partitions(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions,
                      int timeout_ms)
{
    if (!rk->consumer)
        return no_consumer();
    if (!partitions || partitions->cnt == 0)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "partitions must be specified");
    return consumer_seek(rk->consumer, partitions, timeout_ms);
}

/* The consumer that gave messages of the topic, while it reads on the cluster
 * that they came from; NULL: another one, or none. */
static shunt_t *
owner_of(const rd_kafka_topic_t *rkt)
{
    shunt_t *rk = rkt ? name_owner(rkt) : NULL;
    if (!rk || !rk->consumer ||
        !consumer_reads_by(rk->consumer, name_handle(rkt)))
        return NULL;
    return rk;
}

static rd_kafka_topic_partition_list_t *
one(const rd_kafka_topic_t *rkt, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, rd_kafka_topic_name(rkt), partition)
        ->offset = offset;
    return l;
}

rd_kafka_resp_err_t
shunt_seek(rd_kafka_topic_t *rkt, int32_t partition, int64_t offset,
           int timeout_ms)
{
    shunt_t *rk = owner_of(rkt);
    if (!rk)
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_topic_partition_list_t *l = one(rkt, partition, offset);
    rd_kafka_resp_err_t code =
        code_of_take(consumer_seek(rk->consumer, l, timeout_ms));
    if (!code)
        code = l->elems[0].err;
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

rd_kafka_resp_err_t
shunt_pause_partitions(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    consumer_pause(rk->consumer, partitions, true);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
shunt_resume_partitions(shunt_t *rk,
                        rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    consumer_pause(rk->consumer, partitions, false);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- commits ------------------------------------------------------------- */

rd_kafka_resp_err_t
shunt_offsets_store(shunt_t *rk, rd_kafka_topic_partition_list_t *offsets)
{
    NEED_CONSUMER(rk);
    return consumer_store(rk->consumer, offsets);
}

rd_kafka_resp_err_t
shunt_offset_store(rd_kafka_topic_t *rkt, int32_t partition, int64_t offset)
{
    shunt_t *rk = owner_of(rkt);
    if (!rk)
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_topic_partition_list_t *l = one(rkt, partition, offset + 1);
    const rd_kafka_resp_err_t code = consumer_store(rk->consumer, l);
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

rd_kafka_resp_err_t
shunt_commit(shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
             int async)
{
    NEED_CONSUMER(rk);
    return consumer_commit(rk->consumer, offsets, async != 0);
}

rd_kafka_resp_err_t
shunt_commit_message(shunt_t *rk, const rd_kafka_message_t *rkmessage,
                     int async)
{
    NEED_CONSUMER(rk);
    if (!rkmessage || !rkmessage->rkt || rkmessage->err)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    /* The same topic name may stand on both clusters: an offset of the one
     * must not be committed on the other. */
    if (!consumer_reads_by(rk->consumer, name_handle(rkmessage->rkt)))
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, rd_kafka_topic_name(rkmessage->rkt),
                                      rkmessage->partition)
        ->offset = rkmessage->offset + 1;
    const rd_kafka_resp_err_t rc = consumer_commit(rk->consumer, l, async != 0);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}

rd_kafka_resp_err_t
shunt_committed(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions,
                int timeout_ms)
{
    NEED_CONSUMER(rk);
    return consumer_committed(rk->consumer, partitions, timeout_ms);
}

/* ---- what the cluster is asked ------------------------------------------- */

rd_kafka_resp_err_t
shunt_offsets_for_times(shunt_t *rk, rd_kafka_topic_partition_list_t *offsets,
                        int timeout_ms)
{
    NEED_CONSUMER(rk);
    return consumer_offsets_for_times(rk->consumer, offsets, timeout_ms);
}

rd_kafka_resp_err_t
shunt_query_watermark_offsets(shunt_t *rk, const char *topic, int32_t partition,
                              int64_t *low, int64_t *high, int timeout_ms)
{
    NEED_CONSUMER(rk);
    return consumer_query_watermarks(rk->consumer, topic, partition, low, high,
                                     timeout_ms);
}

rd_kafka_resp_err_t
shunt_get_watermark_offsets(shunt_t *rk, const char *topic, int32_t partition,
                            int64_t *low, int64_t *high)
{
    NEED_CONSUMER(rk);
    struct generation *g = consumer_hold(rk->consumer, topic);
    const rd_kafka_resp_err_t code =
        g ? rd_kafka_get_watermark_offsets(g->rk, topic, partition, low, high)
          : RD_KAFKA_RESP_ERR__STATE;
    generation_unref(g);
    return code;
}

/* ---- the group ----------------------------------------------------------- */

char *
shunt_memberid(const shunt_t *rk)
{
    struct generation *g =
        rk->consumer ? consumer_hold(rk->consumer, NULL) : NULL;
    char *id = g ? rd_kafka_memberid(g->rk) : NULL;
    generation_unref(g);
    return id;
}
