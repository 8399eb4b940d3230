/* What an application does with partitions: positions, commits, assignments. */
#include "sdk/src/consumer/consumer_impl.h"

rd_kafka_resp_err_t
consumer_commit(struct consumer *c,
                const rd_kafka_topic_partition_list_t *offsets, bool async)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_commit(c->track, offsets, async);
    consumer_unlock(c);
    return code;
}

rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code =
        track_committed(c->track, partitions, timeout_ms);
    consumer_unlock(c);
    return code;
}

rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_position(c->track, partitions);
    consumer_unlock(c);
    return code;
}

rd_kafka_resp_err_t
consumer_assignment(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    consumer_lock(c);
    const rd_kafka_resp_err_t code = track_assignment(c->track, out);
    consumer_unlock(c);
    return code;
}
