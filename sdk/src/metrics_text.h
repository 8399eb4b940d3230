/*
 * What handles count, as Prometheus' text.  gather() of metrics_text.c takes a
 * snapshot of each handle, metrics_render() only writes.
 */
#ifndef SHUNT_SDK_METRICS_TEXT_H
#define SHUNT_SDK_METRICS_TEXT_H

#include <shunt/shunt.h>

#include "common/base/buf.h"
#include "sdk/src/consumer/gauges.h"
#include "sdk/src/metrics.h"

struct metrics_shot {
    const char *handle, *role;
    const char *cluster; /* in use; NULL: none yet */
    enum metric_of of;
    int64_t counters[METRICS_N];
    struct metric_phase phases[METRIC_PHASES_MAX];
    size_t n_phases;
    int64_t revision, since; /* 0: none yet */
    int64_t stall_ms;        /* of the last move; -1: none */
    int64_t outq;            /* -1: a consumer */
    const char *standby;     /* cluster; NULL: none */
    bool standby_ready;
    struct stream_gauge *streams; /* owned by whoever took the snapshot */
    size_t n_streams;
};

void metrics_render(struct buf *b, const struct metrics_shot *shots, size_t n);

/* The handles that shunt_metrics_text(NULL) tells of. Any thread. */
void metrics_enlist(shunt_t *rk);
/* With the list's mutex held, for each handle until fn returns true; whether it
 * did.  fn may take locks of handles, and calls nobody back. */
bool handles_find(bool (*fn)(shunt_t *rk, void *arg), void *arg);
void metrics_delist(shunt_t *rk); /* waits for a text that is being made */

#endif
