/*
 * Lists of partitions, which may be of several tracks: each track gets its own.
 */
#ifndef SHUNT_SDK_CONSUMER_LISTS_H
#define SHUNT_SDK_CONSUMER_LISTS_H

#include "sdk/src/consumer/consumer_impl.h"

typedef rd_kafka_error_t *
lists_fn(struct track *tr, rd_kafka_topic_partition_list_t *l, void *arg);

/* Calls fn for every track that partitions of `l` belong to; what it sets in
 * them is set in `l`.  The first error, which ends nothing; NULL: none.  With
 * the lock; `fn` may let go of it. */
rd_kafka_error_t *lists_each(struct consumer *c,
                             rd_kafka_topic_partition_list_t *l, lists_fn *fn,
                             void *arg);
/* Calls fn with NULL for every track. */
rd_kafka_error_t *lists_all(struct consumer *c, lists_fn *fn, void *arg);

#endif
