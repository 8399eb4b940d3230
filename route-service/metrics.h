/*
 * What /metrics tells.  Each loop counts for itself (no atomics); whoever is
 * asked gathers the counts of all loops and writes them as Prometheus text,
 * summed up, and per loop where the difference matters.
 */
#ifndef SHUNT_ROUTE_METRICS_H
#define SHUNT_ROUTE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/net/http_server.h"

#define ENDPOINTS(X)                                                           \
    X(HEALTHZ, "/healthz")                                                     \
    X(READYZ, "/readyz")                                                       \
    X(METRICS, "/metrics")                                                     \
    X(TABLE, "/v1/table")                                                      \
    X(CHANGES, "/v1/changes")                                                  \
    X(HISTORY, "/v1/history")                                                  \
    X(DIFF, "/v1/diff")                                                        \
    X(RESOLVE, "/v1/resolve")                                                  \
    X(EXPLAIN, "/v1/explain")                                                  \
    X(WATCH, "/v1/watch")                                                      \
    X(REPORTS, "/v1/reports")                                                  \
    X(CLIENTS, "/v1/clients")                                                  \
    X(SERVERS, "/v1/servers")

enum endpoint {
#define X(name, path) EP_##name,
    ENDPOINTS(X)
#undef X
        EP_COUNT
};

/* Static storage. */
const char *endpoint_path(enum endpoint ep);

enum { STATUS_SLOTS = 12 }; /* metrics.c lists them; the last: any other */

struct metrics {
    uint64_t requests[EP_COUNT][STATUS_SLOTS];
    uint64_t changes_committed, changes_refused, dry_runs;
    uint64_t events_route, events_resumed, events_heartbeat, events_closed;
    uint64_t streams_opened, streams_refused, streams_dropped;
    uint64_t reports;
    uint64_t answers_cached, answers_made; /* of resolve, by body or not */
    uint64_t publishes, publish_us;        /* tables taken over, and how long */
    uint64_t concerned; /* identities whose answer was looked at for them */
};

/* One loop at one moment. */
struct metrics_part {
    struct metrics counted;
    struct http_counts http;
    size_t watchers, away, identities;
};

/* The process at one moment. */
struct metrics_gauges {
    int64_t revision;
    bool ready; /* takes changes */
    size_t clusters, flows, rules;
};

void metrics_request(struct metrics *m, enum endpoint ep, int status);
/* `parts`: one of each loop.  Owned by the caller. */
char *metrics_text(const struct metrics_part *parts, size_t n,
                   const struct metrics_gauges *g);

#endif
