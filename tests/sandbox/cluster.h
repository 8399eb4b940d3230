/*
 * One embedded Kafka cluster (librdkafka's mock) and the faults it can be
 * given.  All functions: main thread.
 */
#ifndef SHUNT_SANDBOX_CLUSTER_H
#define SHUNT_SANDBOX_CLUSTER_H

#include <stdbool.h>

#include "common/base/err.h"

struct cluster;

/* Makes `brokers` brokers on 127.0.0.1 at port, port+1, ... (0: free ones),
 * down until cluster_set_up().  ERR_BUSY: a port is taken.  ERR_KAFKA. */
MUST_CHECK int cluster_new(const char *name, int brokers, int port,
                           struct cluster **out, struct err *err);
void cluster_free(struct cluster *c); /* NULL allowed */
const char *cluster_name(const struct cluster *c);
/* "127.0.0.1:19092,..."; borrowed. */
const char *cluster_bootstrap(const struct cluster *c);
bool cluster_is_up(const struct cluster *c);
int cluster_rtt_ms(const struct cluster *c);

/* ERR_CONFLICT when it is there already; ERR_INVALID for a bad name. */
MUST_CHECK int cluster_add_topic(struct cluster *c, const char *topic,
                                 int partitions, struct err *err);
/* Likewise, but it may be there with as many partitions. */
MUST_CHECK int cluster_want_topic(struct cluster *c, const char *topic,
                                  int partitions, struct err *err);
/* Down: every connection is cut and new ones are refused; what was written
 * stays. */
MUST_CHECK int cluster_set_up(struct cluster *c, bool up, struct err *err);
/* Delays every answer by that much; 0 ends it. */
MUST_CHECK int cluster_set_rtt(struct cluster *c, int rtt_ms, struct err *err);

#endif
