/*
 * The public functions of a consumer: each only checks the kind of handle and
 * hands on to the engine.  See shunt.h.
 */
#include "sdk/src/handle.h"
#include "sdk/src/name.h"
#include "sdk/src/queue_int.h"

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

/* With an event loop this is a poll of the consumer's queue. */
static rd_kafka_message_t *
poll_watched(shunt_t *rk, int timeout_ms)
{
    shunt_queue_t queue = {.rk = rk, .node = rk->queues.roots[QUEUE_CONSUMER]};
    rd_kafka_message_t *m = shunt_consume_queue(&queue, timeout_ms);
    (void)handle_tell(rk);
    return m;
}

rd_kafka_message_t *
shunt_consumer_poll(shunt_t *rk, int timeout_ms)
{
    rd_kafka_message_t *m;
    if (!rk->consumer)
        return NULL;
    engine_yield(false);
    if (atomic_load_explicit(&rk->watched, memory_order_relaxed)) {
        m = poll_watched(rk, timeout_ms);
    } else {
        (void)handle_tell(rk);
        m = consumer_poll(rk->consumer, timeout_ms);
        (void)handle_tell(rk);
    }
    if (!m || !rk->conf->consume_cb)
        return m;
    rk->conf->consume_cb(m, rk->conf->opaque);
    rd_kafka_message_destroy(m);
    return NULL;
}

rd_kafka_resp_err_t
shunt_consumer_close(shunt_t *rk)
{
    NEED_CONSUMER(rk);
    const rd_kafka_resp_err_t rc = consumer_close(rk->consumer);
    (void)handle_tell(rk);
    return rc;
}

rd_kafka_error_t *
shunt_consumer_close_queue(shunt_t *rk, shunt_queue_t *rkqu)
{
    if (!rk->consumer || !rkqu)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__INVALID_ARG,
                                  "a consumer and a queue are needed");
    rd_kafka_error_t *error = consumer_close_begin(rk->consumer);
    if (!error)
        queue_forward_root(rk, QUEUE_CONSUMER, rkqu);
    return error;
}

int
shunt_consumer_closed(shunt_t *rk)
{
    return rk->consumer && consumer_closed(rk->consumer);
}
