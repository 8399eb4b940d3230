/* Where a consumer is, for whoever looks at it from outside. */
#ifndef SHUNT_SDK_GAUGES_H
#define SHUNT_SDK_GAUGES_H

#include "sdk/src/consumer/consumer.h"

struct stream_gauge {
    const char *cluster, *topic, *origin; /* interned; NULL: not known */
    int32_t partition;
    int64_t position; /* to be delivered next; -1: not known yet */
    int64_t lag;      /* records behind it; -1: not known */
};

/* All partitions that the consumer owns; *out is the caller's (free). */
MUST_CHECK int consumer_streams(struct consumer *c, struct stream_gauge **out,
                                size_t *n);

/* The cluster of what switch.standby keeps; with several, of one that is not
 * ready if there is one.  NULL: nothing is kept. */
const char *consumer_standby(struct consumer *c, bool *ready);

#endif
