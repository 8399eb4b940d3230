/* The tracks of one consumer, laid over by the API of consumer.h. */
#include "sdk/src/consumer/consumer.h"

#include <stdlib.h>

#include "sdk/src/consumer/consumer_impl.h"

int
consumer_new(const struct engine *e, struct consumer **out, struct err *err)
{
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(err);
    const int rc = track_new(e, &c->track, err);
    if (rc) {
        free(c);
        return rc;
    }
    *out = c;
    return 0;
}

rd_kafka_resp_err_t
consumer_subscribe(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *topics)
{
    return track_subscribe(c->track, topics);
}

rd_kafka_resp_err_t
consumer_unsubscribe(struct consumer *c)
{
    return track_unsubscribe(c->track);
}

rd_kafka_resp_err_t
consumer_subscription(struct consumer *c, rd_kafka_topic_partition_list_t **out)
{
    return track_subscription(c->track, out);
}

rd_kafka_message_t *
consumer_poll(struct consumer *c, int timeout_ms)
{
    return track_poll(c->track, timeout_ms);
}

void
consumer_news(struct consumer *c)
{
    track_news(c->track);
}

void
consumer_cluster(struct consumer *c, char *buf, size_t size)
{
    track_cluster(c->track, buf, size);
}

const char *
consumer_logical_name(struct consumer *c, const char *physical)
{
    return track_logical_name(c->track, physical);
}

const char *
consumer_origin(struct consumer *c, const char *physical)
{
    return track_origin(c->track, physical);
}

rd_kafka_t *
consumer_handle(struct consumer *c)
{
    return track_handle(c->track);
}

rd_kafka_resp_err_t
consumer_close(struct consumer *c)
{
    return track_close(c->track);
}

bool
consumer_closed(const struct consumer *c)
{
    return track_closed(c->track);
}

void
consumer_free(struct consumer *c)
{
    if (!c)
        return;
    track_free(c->track);
    free(c);
}
