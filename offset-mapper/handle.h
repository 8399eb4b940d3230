/*
 * A librdkafka consumer handle for one cluster of the configuration: without a
 * group, so that it needs no right on one.
 */
#ifndef SHUNT_OFFSET_HANDLE_H
#define SHUNT_OFFSET_HANDLE_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/proto/route.h"

/* `own` are `n` properties {key, value} that win over the cluster's.  `on_error`
 * (NULL: logged only) is called from rd_kafka_poll().  ERR_INVALID: a property
 * that librdkafka refuses, named. */
MUST_CHECK int handle_open(const struct pt_cluster *cluster,
                           const char *const own[][2], size_t n,
                           void (*on_error)(rd_kafka_t *rk, int code,
                                            const char *reason, void *opaque),
                           void *opaque, rd_kafka_t **out, struct err *err);

#endif
