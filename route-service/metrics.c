/* Counters and their text.  Loop thread. */
#include "route-service/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"
#include "route-service/must.h"

#define TEXT_MAX ((size_t)1 << 20)

void
metrics_fini(struct metrics *m)
{
    free(m->requests);
    *m = (struct metrics){0};
}

void
metrics_request(struct metrics *m, const char *path, int status)
{
    for (size_t i = 0; i < m->n_requests; i++) {
        struct request_count *r = &m->requests[i];
        if (r->status == status && strcmp(r->path, path) == 0) {
            r->n++;
            return;
        }
    }
    m->requests =
        xreallocarray(m->requests, m->n_requests + 1, sizeof(*m->requests));
    m->requests[m->n_requests++] = (struct request_count){path, status, 1};
}

static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP shunt_route_%s %s\n# TYPE shunt_route_%s %s\n", name,
               help, name, type);
}

static void
gauge(struct buf *b, const char *name, int64_t value, const char *help)
{
    head(b, name, "gauge", help);
    buf_printf(b, "shunt_route_%s %" PRId64 "\n", name, value);
}

static void
counter(struct buf *b, const char *name, uint64_t value, const char *help)
{
    head(b, name, "counter", help);
    buf_printf(b, "shunt_route_%s %" PRIu64 "\n", name, value);
}

static void
put_gauges(struct buf *b, const struct gauges *g)
{
    gauge(b, "revision", g->revision, "Revision of the route table.");
    gauge(b, "clusters", (int64_t)g->clusters, "Clusters in the table.");
    gauge(b, "flows", (int64_t)g->flows, "Flows in the table.");
    gauge(b, "rules", (int64_t)g->rules, "Rules in the table.");
    gauge(b, "watchers", (int64_t)g->watchers, "Clients with an open stream.");
    gauge(b, "connections", (int64_t)g->connections, "Open connections.");
}

static void
put_changes(struct buf *b, const struct metrics *m)
{
    head(b, "changes_total", "counter", "Change sets by what became of them.");
    buf_printf(b,
               "shunt_route_changes_total{result=\"committed\"} %" PRIu64 "\n",
               m->changes_committed);
    buf_printf(b, "shunt_route_changes_total{result=\"refused\"} %" PRIu64 "\n",
               m->changes_refused);
    buf_printf(b, "shunt_route_changes_total{result=\"dry_run\"} %" PRIu64 "\n",
               m->dry_runs);
}

static void
put_events(struct buf *b, const struct metrics *m)
{
    head(b, "events_sent_total", "counter", "Events sent to watchers.");
    buf_printf(b,
               "shunt_route_events_sent_total{event=\"route\"} %" PRIu64 "\n",
               m->events_route);
    buf_printf(
        b, "shunt_route_events_sent_total{event=\"heartbeat\"} %" PRIu64 "\n",
        m->events_heartbeat);
}

static void
put_requests(struct buf *b, const struct metrics *m)
{
    head(b, "requests_total", "counter", "Requests by path and status.");
    for (size_t i = 0; i < m->n_requests; i++)
        buf_printf(b,
                   "shunt_route_requests_total{path=\"%s\",status=\"%d\"} "
                   "%" PRIu64 "\n",
                   m->requests[i].path, m->requests[i].status,
                   m->requests[i].n);
}

char *
metrics_text(const struct metrics *m, const struct gauges *g)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    put_gauges(&b, g);
    put_changes(&b, m);
    put_events(&b, m);
    counter(&b, "streams_opened_total", m->streams_opened,
            "Watch streams opened.");
    counter(&b, "streams_dropped_total", m->streams_dropped,
            "Watch streams dropped because their reader was too slow.");
    counter(&b, "reports_total", m->reports, "Reports of clients.");
    put_requests(&b, m);
    char *text = must_have(buf_take(&b));
    buf_fini(&b);
    return text;
}
