/*
 * Topics of a cluster: which there are, making them, growing them, reading a
 * small one from end to end.  All calls block, none longer than its timeout.
 */
#ifndef SHUNT_REPLICATOR_TOPICS_H
#define SHUNT_REPLICATOR_TOPICS_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "replicator/settings.h"

struct topic_want {
    const char *name;
    int32_t partitions;
    int64_t replication; /* -1: the broker's default */
    bool compact;
};

/* All topics; free with rd_kafka_metadata_destroy(). */
MUST_CHECK int topics_list(rd_kafka_t *rk, const struct rd_kafka_metadata **out,
                           struct err *err);
/* Partitions of a topic, 0: there is no such topic. */
int32_t topics_partitions(const struct rd_kafka_metadata *md, const char *name);
/* Makes the topic or grows it, and waits until it is there. *partitions is
 * what it has afterwards: fewer than wanted where the cluster has no
 * controller to ask (an embedded one) and made the topic by itself. */
MUST_CHECK int topics_ensure(rd_kafka_t *rk, const struct rd_kafka_metadata *md,
                             const struct topic_want *want, int32_t *partitions,
                             struct err *err);

/* Every record that stands in the topic now, in order per partition.  Ends
 * early, with ERR_CLOSED, when *stop becomes true. */
MUST_CHECK int topics_read(const struct client_settings *c, const char *id,
                           const char *topic, const atomic_bool *stop,
                           void (*record)(const rd_kafka_message_t *m,
                                          void *arg),
                           void *arg, struct err *err);
/* The same of some partitions, each named once and there. */
MUST_CHECK int topics_read_some(const struct client_settings *c, const char *id,
                                const char *topic, const int32_t *wanted,
                                int32_t n, const atomic_bool *stop,
                                void (*record)(const rd_kafka_message_t *m,
                                               void *arg),
                                void *arg, struct err *err);

#endif
