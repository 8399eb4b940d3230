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
#include "common/base/strs.h"
#include "replicator/admin.h"
#include "replicator/settings.h"

struct topic_want {
    const char *name; /* borrowed, as is `configs` */
    int32_t partitions;
    int64_t replication;         /* -1: the broker's default */
    const struct props *configs; /* of a new one; NULL: none */
    /* What came of it: partitions that it has (0: it is not there), and why
     * not all of them. */
    int32_t have;
    struct err err; /* code 0: it is as it should be */
};

/* All topics; free with rd_kafka_metadata_destroy(). */
MUST_CHECK int topics_list(rd_kafka_t *rk, const struct rd_kafka_metadata **out,
                           struct err *err);
/* Partitions of a topic, 0: there is no such topic. */
int32_t topics_partitions(const struct rd_kafka_metadata *md, const char *name);
/* The same, asked for this one topic; where topics are made by being asked for
 * (an embedded cluster), it is made. */
MUST_CHECK int topics_look(rd_kafka_t *rk, const char *name,
                           int32_t *partitions, struct err *err);
/* Is the cluster sure that there is no such topic?  A refusal, or no answer, is
 * no proof. */
bool topics_is_gone(rd_kafka_t *rk, const char *name);
/* Makes topics or grows them, and waits until they are there.  Each says by
 * itself what came of it.  Where the cluster has no controller to ask (an
 * embedded one) it makes them as it likes. */
void topics_ensure(const struct admin *a, const struct rd_kafka_metadata *md,
                   struct topic_want *wants, size_t n);

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
