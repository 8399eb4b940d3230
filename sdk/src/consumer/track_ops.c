/* What an application asks of a track's partitions. */
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/track.h"

rd_kafka_resp_err_t
track_committed(struct track *tr, rd_kafka_topic_partition_list_t *partitions,
                int timeout_ms)
{
    struct generation *g = track_hold(tr);
    if (!g)
        return RD_KAFKA_RESP_ERR__STATE;
    consumer_unlock(tr->c);
    const rd_kafka_resp_err_t code =
        rd_kafka_committed(g->rk, partitions, timeout_ms);
    consumer_lock(tr->c);
    generation_unref(g);
    return code;
}

rd_kafka_resp_err_t
track_position(struct track *tr, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *t = &partitions->elems[i];
        const struct part *p =
            tr->cur ? generation_find(tr->cur, t->topic, t->partition) : NULL;
        const bool delivered = p && p->state == PART_RUNNING && p->next >= 0 &&
                               p->next != p->start;
        t->offset = delivered ? p->next : RD_KAFKA_OFFSET_INVALID;
        t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
track_assignment(struct track *tr, rd_kafka_topic_partition_list_t **out)
{
    *out = rd_kafka_topic_partition_list_new(8);
    for (const struct part *p = tr->cur ? tr->cur->parts : NULL; p;
         p = p->hh.next)
        if (p->state != PART_NONE)
            rd_kafka_topic_partition_list_add(*out, p->key.topic,
                                              p->key.partition);
    rd_kafka_topic_partition_list_sort(*out, NULL, NULL);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
