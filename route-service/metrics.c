/* Counters and their text.  Pure. */
#include "route-service/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/must.h"

#define TEXT_MAX ((size_t)1 << 20)

static const int statuses[STATUS_SLOTS] = {200, 400, 403, 404, 405, 409,
                                           413, 500, 501, 503, 504, 0};

static const char *const paths[EP_COUNT] = {
#define X(name, path) path,
    ENDPOINTS(X)
#undef X
};

const char *
endpoint_path(enum endpoint ep)
{
    return paths[ep];
}

void
metrics_request(struct metrics *m, enum endpoint ep, int status)
{
    size_t i = 0;
    while (statuses[i] && statuses[i] != status)
        i++;
    m->requests[ep][i]++;
}

/* ---- text ---------------------------------------------------------------- */

struct text {
    struct buf b;
    const struct metrics_part *parts;
    size_t n;
};

/* Where a counter stands in struct metrics, a gauge in struct metrics_part. */
struct field {
    const char *name, *label; /* label: NULL, or event="route" */
    size_t offset;
    const char *help; /* NULL: the same name as the one before */
};

static void
head(struct text *t, const char *name, const char *type, const char *help)
{
    buf_printf(&t->b, "# HELP shunt_route_%s %s\n# TYPE shunt_route_%s %s\n",
               name, help, name, type);
}

static void
gauge(struct text *t, const char *name, int64_t value, const char *help)
{
    head(t, name, "gauge", help);
    buf_printf(&t->b, "shunt_route_%s %" PRId64 "\n", name, value);
}

static uint64_t
counted(const struct metrics_part *part, size_t offset)
{
    const char *at = (const char *)&part->counted + offset;
    return *(const uint64_t *)(const void *)at;
}

static uint64_t
sum(const struct text *t, size_t offset)
{
    uint64_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += counted(&t->parts[i], offset);
    return n;
}

#define AT(f) offsetof(struct metrics, f)

static const struct field counters[] = {
    {"changes_total", "result=\"committed\"", AT(changes_committed),
     "Change sets by what became of them."},
    {"changes_total", "result=\"refused\"", AT(changes_refused), NULL},
    {"changes_total", "result=\"dry_run\"", AT(dry_runs), NULL},
    {"events_sent_total", "event=\"route\"", AT(events_route),
     "Events sent to watchers."},
    {"events_sent_total", "event=\"resumed\"", AT(events_resumed), NULL},
    {"events_sent_total", "event=\"heartbeat\"", AT(events_heartbeat), NULL},
    {"events_sent_total", "event=\"closed\"", AT(events_closed), NULL},
    {"streams_opened_total", NULL, AT(streams_opened), "Watch streams opened."},
    {"streams_refused_total", NULL, AT(streams_refused),
     "Watch streams refused because too many came at once."},
    {"streams_dropped_total", NULL, AT(streams_dropped),
     "Watch streams dropped because their reader was too slow."},
    {"reports_total", NULL, AT(reports), "Reports of clients."},
    {"resolve_total", "answer=\"cached\"", AT(answers_cached),
     "Resolve requests by whether the same body was answered before."},
    {"resolve_total", "answer=\"made\"", AT(answers_made), NULL},
    {"publishes_total", NULL, AT(publishes),
     "Tables taken over, counted on every loop."},
    {"publish_us_total", NULL, AT(publish_us),
     "Microseconds spent on telling watchers of them."},
    {"publish_concerned_total", NULL, AT(concerned),
     "Identities whose answer was worked out for them."},
};

static void
put_counters(struct text *t)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        const struct field *f = &counters[i];
        if (f->help)
            head(t, f->name, "counter", f->help);
        buf_printf(&t->b, "shunt_route_%s%s%s%s %" PRIu64 "\n", f->name,
                   f->label ? "{" : "", f->label ? f->label : "",
                   f->label ? "}" : "", sum(t, f->offset));
    }
}

static const struct field loop_counters[] = {
    {"loop_events_sent_total", NULL, AT(events_route),
     "Route events sent, by loop."},
    {"loop_streams_opened_total", NULL, AT(streams_opened),
     "Watch streams opened, by loop."},
    {"loop_publish_us_total", NULL, AT(publish_us),
     "Microseconds spent on telling watchers of new tables, by loop."},
};

static void
put_loop_counters(struct text *t)
{
    for (size_t i = 0; i < sizeof(loop_counters) / sizeof(loop_counters[0]);
         i++) {
        const struct field *f = &loop_counters[i];
        head(t, f->name, "counter", f->help);
        for (size_t k = 0; k < t->n; k++)
            buf_printf(&t->b, "shunt_route_%s{loop=\"%zu\"} %" PRIu64 "\n",
                       f->name, k, counted(&t->parts[k], f->offset));
    }
}

#define PART(f) offsetof(struct metrics_part, f)

/* The last two of HTTP_COUNT_MAP are gauges. */
static const struct field http_counts[] = {
#define X(name, text) {#name, NULL, offsetof(struct http_counts, name), text},
    HTTP_COUNT_MAP(X)
#undef X
};

#define HTTP_COUNTS (sizeof(http_counts) / sizeof(http_counts[0]))
#define HTTP_GAUGES 2

static uint64_t
http_count(const struct http_counts *counts, size_t offset)
{
    const char *at = (const char *)counts + offset;
    return *(const uint64_t *)(const void *)at;
}

static void
put_http(struct text *t)
{
    for (size_t i = 0; i < HTTP_COUNTS; i++) {
        const struct field *f = &http_counts[i];
        const bool counter = i < HTTP_COUNTS - HTTP_GAUGES;
        char name[64];
        uint64_t n = 0;
        for (size_t k = 0; k < t->n; k++)
            n += http_count(&t->parts[k].http, f->offset);
        (void)snprintf(name, sizeof(name), "http_%s%s", f->name,
                       counter ? "_total" : "");
        head(t, name, counter ? "counter" : "gauge", f->help);
        buf_printf(&t->b, "shunt_route_%s %" PRIu64 "\n", name, n);
    }
}

static const struct field gauges[] = {
    {"watchers", "loop_watchers", PART(watchers),
     "Clients with an open stream."},
    {"clients_away", "loop_clients_away", PART(away),
     "Clients without a stream that have not expired."},
    {"identities", "loop_identities", PART(identities),
     "Identities of clients, each once on every loop."},
};

static size_t
part_size(const struct metrics_part *part, size_t offset)
{
    const char *at = (const char *)part + offset;
    return *(const size_t *)(const void *)at;
}

/* Each summed up, and by loop under the name in `label`. */
static void
put_gauges(struct text *t)
{
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        const struct field *f = &gauges[i];
        size_t all = 0;
        for (size_t k = 0; k < t->n; k++)
            all += part_size(&t->parts[k], f->offset);
        gauge(t, f->name, (int64_t)all, f->help);
        head(t, f->label, "gauge", "The same, by loop.");
        for (size_t k = 0; k < t->n; k++)
            buf_printf(&t->b, "shunt_route_%s{loop=\"%zu\"} %zu\n", f->label, k,
                       part_size(&t->parts[k], f->offset));
    }
}

static void
put_requests(struct text *t)
{
    head(t, "requests_total", "counter", "Requests by path and status.");
    for (size_t ep = 0; ep < EP_COUNT; ep++)
        for (size_t i = 0; i < STATUS_SLOTS; i++) {
            const uint64_t n = sum(t, AT(requests) + (ep * STATUS_SLOTS + i) *
                                                         sizeof(uint64_t));
            if (n > 0)
                buf_printf(&t->b,
                           "shunt_route_requests_total{path=\"%s\",status="
                           "\"%d\"} %" PRIu64 "\n",
                           paths[ep], statuses[i], n);
        }
}

char *
metrics_text(const struct metrics_part *parts, size_t n,
             const struct metrics_gauges *g)
{
    struct text t = {.parts = parts, .n = n};
    buf_init(&t.b, TEXT_MAX);
    gauge(&t, "revision", g->revision, "Revision of the route table.");
    gauge(&t, "ready", g->ready,
          "1: changes are taken; 0: /readyz says why not.");
    gauge(&t, "clusters", (int64_t)g->clusters, "Clusters in the table.");
    gauge(&t, "flows", (int64_t)g->flows, "Flows in the table.");
    gauge(&t, "rules", (int64_t)g->rules, "Rules in the table.");
    gauge(&t, "loops", (int64_t)n, "Event loops.");
    put_gauges(&t);
    put_counters(&t);
    put_loop_counters(&t);
    put_http(&t);
    put_requests(&t);
    char *text = must_have(buf_take(&t.b));
    buf_fini(&t.b);
    return text;
}
