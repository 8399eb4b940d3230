/*
 * Kafka handles as the replicator needs them: the properties of the file over
 * our defaults, and under what must not be changed.
 */
#ifndef SHUNT_REPLICATOR_CLIENTS_H
#define SHUNT_REPLICATOR_CLIENTS_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "replicator/codecs.h"
#include "replicator/settings.h"

/* The opaque of a produced record. done() runs once, in rd_kafka_poll() of its
 * producer, and frees the flight. */
struct flight {
    void (*done)(struct flight *flight, const rd_kafka_message_t *m);
};

/* `c` is a role's of a flow; `over` goes over it, and may be NULL.
 * Idempotent, acks=all, no delivery timeout; partitions by murmur2. */
MUST_CHECK int client_producer(const struct client_settings *c,
                               const struct props *over, const char *id,
                               rd_kafka_t **out, struct err *err);
/* What it has not delivered is dropped, and reported here. */
void client_empty_producer(rd_kafka_t *rk);
/* The same, and it is destroyed. NULL allowed. */
void client_end_producer(rd_kafka_t *rk);
/* Both never commit, and report the ends of partitions.  The one whose records
 * are copied reports a position that is not there
 * (RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET), and tells `codecs` how batches are
 * compressed (NULL: nobody; borrowed until the handle is destroyed); the other,
 * for topics of our own, begins there at the first record. */
MUST_CHECK int client_copier(const struct client_settings *c, const char *id,
                             struct codecs *codecs, rd_kafka_t **out,
                             struct err *err);
MUST_CHECK int client_consumer(const struct client_settings *c, const char *id,
                               rd_kafka_t **out, struct err *err);
/* Where nobody says otherwise.  Our batches are larger than those of Java's
 * producers, so that at this level they take no more room than those at Java's,
 * 3, and two thirds of the time. */
#define CLIENT_ZSTD_LEVEL "2"
/* The value of a number among its properties. */
int64_t client_limit(rd_kafka_t *rk, const char *key);
/* For reading what `group` has committed; must never subscribe. */
MUST_CHECK int client_of_group(const struct client_settings *c,
                               const char *group, rd_kafka_t **out,
                               struct err *err);
/* A member of the group in which processes share the work. It joins with
 * rd_kafka_subscribe(), never commits by itself, and hands `opaque` to
 * `on_rebalance` from rd_kafka_consumer_poll(). */
typedef void (*client_rebalance)(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                                 rd_kafka_topic_partition_list_t *which,
                                 void *opaque);
MUST_CHECK int client_member(const struct flow_settings *f, const char *group,
                             const char *id, client_rebalance on_rebalance,
                             void *opaque, rd_kafka_t **out, struct err *err);
/* How the file says that copies are compressed. NULL: it does not; as what they
 * are copies of. */
const char *client_compression(const struct client_settings *producer);
/* Takes out of the settings, with a warning, what only Java clients know.
 * ERR_INVALID: a value that librdkafka refuses, or a security property that it
 * does not have. */
MUST_CHECK int clients_check(struct settings *s, struct err *err);

#endif
