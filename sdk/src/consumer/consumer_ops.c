/* What an application does with partitions: positions, commits, assignments. */
#include "sdk/src/consumer/consumer_impl.h"

rd_kafka_resp_err_t
consumer_commit(struct consumer *c,
                const rd_kafka_topic_partition_list_t *offsets, bool async)
{
    return track_commit(c->track, offsets, async);
}

rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms)
{
    return track_committed(c->track, partitions, timeout_ms);
}

rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions)
{
    return track_position(c->track, partitions);
}

rd_kafka_resp_err_t
consumer_assignment(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    return track_assignment(c->track, out);
}
