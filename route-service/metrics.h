/* What /metrics tells: counters of this process, as Prometheus text. */
#ifndef SHUNT_ROUTE_METRICS_H
#define SHUNT_ROUTE_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct request_count {
    const char *path; /* of the route table: static */
    int status;
    uint64_t n;
};

struct metrics {
    struct request_count *requests;
    size_t n_requests;
    uint64_t changes_committed, changes_refused, dry_runs;
    uint64_t events_route, events_heartbeat;
    uint64_t streams_opened, streams_dropped;
    uint64_t reports;
};

struct gauges {
    int64_t revision;
    size_t watchers, connections;
    size_t clusters, flows, rules;
};

void metrics_fini(struct metrics *m);
void metrics_request(struct metrics *m, const char *path, int status);
/* Owned by the caller. */
char *metrics_text(const struct metrics *m, const struct gauges *g);

#endif
