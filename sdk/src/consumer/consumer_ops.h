/*
 * What an application does with the partitions of a consumer; consumer.h has
 * its life.  Lists name places on the cluster in use (physical topics; a
 * logical name means the local one), or, where an element's metadata says so
 * (place.h), on another one: such a position is translated first, for at most
 * switch.mapping.timeout.ms.  Any thread.
 */
#ifndef SHUNT_SDK_CONSUMER_OPS_H
#define SHUNT_SDK_CONSUMER_OPS_H

#include "sdk/src/consumer/consumer.h"

enum consumer_assign {
    CONSUMER_ASSIGN, /* exactly these; NULL: nothing */
    CONSUMER_ADD,    /* these too: _CONFLICT when one is assigned already */
    CONSUMER_DROP,   /* not these: _INVALID_ARG when one is not assigned */
};

/* In a rebalance callback, or with a subscription: of what the group has
 * granted, or beyond it.  Without a subscription no group is joined; takes
 * effect when there is a route.  NULL: done. _STATE, _INVALID_ARG, _FAIL. */
rd_kafka_error_t *consumer_assign(struct consumer *c, enum consumer_assign how,
                                  const rd_kafka_topic_partition_list_t *l);
/* What this member reads on the current cluster, also partitions that wait for
 * their start position; a new list that the caller destroys. */
rd_kafka_resp_err_t consumer_assignment(struct consumer *c,
                                        rd_kafka_topic_partition_list_t **out);

/* Fills .offset with the last returned record's + 1, RD_KAFKA_OFFSET_INVALID
 * where nothing was returned in this assignment, and .metadata. */
rd_kafka_resp_err_t
consumer_position(struct consumer *c,
                  rd_kafka_topic_partition_list_t *partitions);
/* As rd_kafka_offsets_store(). */
rd_kafka_resp_err_t consumer_store(struct consumer *c,
                                   rd_kafka_topic_partition_list_t *offsets);
/* As rd_kafka_seek_partitions(). */
rd_kafka_error_t *consumer_seek(struct consumer *c,
                                rd_kafka_topic_partition_list_t *partitions,
                                int timeout_ms);
/* .err of each: _UNKNOWN_PARTITION: not assigned. */
void consumer_pause(struct consumer *c,
                    rd_kafka_topic_partition_list_t *partitions, bool pause);

/* NULL: everything that is finished, what was returned to this thread included
 * (as in librdkafka, where it counts once it is returned); what other threads
 * have in hand is not, unless this thread does not poll. `async`: returns at
 * once; else waits, at most as long as a request may take.  _NO_OFFSET: nothing
 * to commit; _STATE: not connected or closed; _INVALID_ARG: metadata that Kafka
 * could not keep; _UNKNOWN_PARTITION, and nothing is committed: after a move,
 * an offset past what was delivered on this cluster, or no translation. */
rd_kafka_resp_err_t
consumer_commit(struct consumer *c,
                const rd_kafka_topic_partition_list_t *offsets, bool async);
/* The same, and waits.  `committed` gets what the clusters were asked to commit,
 * by their names, .err of each where they answered. */
rd_kafka_resp_err_t
consumer_commit_told(struct consumer *c,
                     const rd_kafka_topic_partition_list_t *offsets,
                     rd_kafka_topic_partition_list_t *committed);

/* The rest asks the cluster and waits up to timeout_ms (-1: for ever), for a
 * route and a cluster too: _TIMED_OUT. */

/* Fills .offset of each, and .metadata with what was committed with it, or
 * with its place. */
rd_kafka_resp_err_t
consumer_committed(struct consumer *c,
                   rd_kafka_topic_partition_list_t *partitions, int timeout_ms);
rd_kafka_resp_err_t
consumer_offsets_for_times(struct consumer *c,
                           rd_kafka_topic_partition_list_t *offsets,
                           int timeout_ms);
rd_kafka_resp_err_t consumer_query_watermarks(struct consumer *c,
                                              const char *topic,
                                              int32_t partition, int64_t *low,
                                              int64_t *high, int timeout_ms);

/* Any thread, without the lock: the generation in use, bound to first for the
 * topics of `l` where there is none; the caller's until generation_unref().
 * NULL: none until `end_ms` (clock_mono_ms). */
struct generation *consumer_reach(struct consumer *c,
                                  const rd_kafka_topic_partition_list_t *l,
                                  int64_t end_ms);

#endif
