/*
 * The public functions of a consumer: each only checks the kind of handle and
 * hands on to the engine.  See shunt.h.
 */
#include "sdk/src/handle.h"
#include "sdk/src/name.h"

#define NEED_CONSUMER(rk)                                                      \
    do {                                                                       \
        if (!(rk)->consumer)                                                   \
            return RD_KAFKA_RESP_ERR__INVALID_ARG;                             \
    } while (0)

rd_kafka_resp_err_t
shunt_subscribe(shunt_t *rk, const rd_kafka_topic_partition_list_t *topics)
{
    NEED_CONSUMER(rk);
    return consumer_subscribe(rk->consumer, topics);
}

rd_kafka_resp_err_t
shunt_unsubscribe(shunt_t *rk)
{
    NEED_CONSUMER(rk);
    return consumer_unsubscribe(rk->consumer);
}

rd_kafka_resp_err_t
shunt_subscription(shunt_t *rk, rd_kafka_topic_partition_list_t **topics)
{
    NEED_CONSUMER(rk);
    return consumer_subscription(rk->consumer, topics);
}

rd_kafka_message_t *
shunt_consumer_poll(shunt_t *rk, int timeout_ms)
{
    if (!rk->consumer)
        return NULL;
    (void)handle_tell(rk);
    rd_kafka_message_t *m = consumer_poll(rk->consumer, timeout_ms);
    (void)handle_tell(rk);
    if (!m || !rk->conf->consume_cb)
        return m;
    rk->conf->consume_cb(m, rk->conf->opaque);
    rd_kafka_message_destroy(m);
    return NULL;
}

rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions)
{
    NEED_CONSUMER(rk);
    return consumer_assignment(rk->consumer, partitions);
}

rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    return consumer_position(rk->consumer, partitions);
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
    if (name_handle(rkmessage->rkt) != consumer_handle(rk->consumer))
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

rd_kafka_resp_err_t
shunt_consumer_close(shunt_t *rk)
{
    NEED_CONSUMER(rk);
    const rd_kafka_resp_err_t rc = consumer_close(rk->consumer);
    (void)handle_tell(rk);
    return rc;
}
