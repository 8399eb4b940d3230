/*
 * GET /metrics: Prometheus text.  Lines of one metric stand together, so each
 * is written for all flows and partitions in turn.  Of partitions that another
 * process copies nothing is said: it says it.  PARTS_MAX keeps an answer small
 * enough to be read and held; flows' own metrics are always whole.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "replicator/api_impl.h"
#include "replicator/look.h"

#define METRICS_MAX_BYTES ((size_t)32 << 20)
#define LABELS_MAX_BYTES  ((size_t)4096)
#define PARTS_MAX         ((size_t)10000)

enum unit { COUNT, MS_AS_SECONDS };

/* A row of a table: an int64_t or uint64_t of a struct; below 0: not known,
 * left out.  Rows of one name stand together and differ in `label`. */
struct row {
    const char *name, *type, *help, *label;
    size_t field;
    enum unit unit;
};

struct shown {
    const struct part_look *part;
    char *labels; /* flow="a->b",topic="t",partition="0" */
};

struct page {
    struct buf b;
    struct flow_look *flows;
    struct look_sum *sums;
    char **labels; /* flow="a->b" */
    size_t n;
    struct shown *parts;
    size_t n_parts;
    int64_t *left_out;
};

#define OF_PART(f) offsetof(struct part_look, f)
static const struct row part_rows[] = {
    {"records_total", "counter", "Records copied.", "", OF_PART(records),
     COUNT},
    {"bytes_total", "counter", "Keys and values copied.", "", OF_PART(bytes),
     COUNT},
    {"refused_total", "counter", "Records refused by the target, each time.",
     "", OF_PART(refused), COUNT},
    {"missed_total", "counter",
     "Records gone from the source before they were copied.", "",
     OF_PART(missed), COUNT},
    {"looped_total", "counter",
     "Records not copied because they came from the target.", "",
     OF_PART(looped), COUNT},
    {"dead_letters_total", "counter",
     "Records written to the dead-letter topic.", "", OF_PART(dead), COUNT},
    {"position", "gauge", "Offset of the source to be copied next.", "",
     OF_PART(position), COUNT},
    {"lag_records", "gauge", "Offsets from the position to the source's end.",
     "", OF_PART(lag), COUNT},
    {"lag_seconds", "gauge", "How long the position has been behind the end.",
     "", OF_PART(lag_ms), MS_AS_SECONDS},
    {"latency_seconds_total", "counter",
     "Ages of all records, added up, when the target acknowledged them.", "",
     OF_PART(latency_ms), MS_AS_SECONDS},
    {0},
};

#define OF_SUM(f) offsetof(struct look_sum, f)
static const struct row sum_rows[] = {
    {"partitions", "gauge",
     "Partitions of the source, by who copies them and how they are.",
     ",which=\"all\"", OF_SUM(parts), COUNT},
    {"partitions", "", "", ",which=\"mine\"", OF_SUM(mine), COUNT},
    {"partitions", "", "", ",which=\"held\"", OF_SUM(held), COUNT},
    {"partitions", "", "", ",which=\"problem\"", OF_SUM(ill), COUNT},
    {"flow_lag_records", "gauge", "Lag of all partitions together.", "",
     OF_SUM(lag), COUNT},
    {"flow_lag_seconds", "gauge", "Lag of the partition that lags longest.", "",
     OF_SUM(lag_ms), MS_AS_SECONDS},
    {"first_copy_records", "gauge",
     "Offsets that stood on the source when copying began.", "", OF_SUM(of),
     COUNT},
    {"first_copy_done_records", "gauge", "Those of them that are copied.", "",
     OF_SUM(first), COUNT},
    {0},
};

#define OF_FLOW(f) offsetof(struct flow_look, f)
static const struct row flow_rows[] = {
    {"records_per_second", "gauge", "Records copied, over the last seconds.",
     "", OF_FLOW(rate.records_s), COUNT},
    {"bytes_per_second", "gauge", "Bytes copied, over the last seconds.", "",
     OF_FLOW(rate.bytes_s), COUNT},
    {"notes_total", "counter",
     "Syncs, positions, heartbeats and checkpoints written.", ",kind=\"sync\"",
     OF_FLOW(syncs.written), COUNT},
    {"notes_total", "", "", ",kind=\"position\"", OF_FLOW(positions.written),
     COUNT},
    {"notes_total", "", "", ",kind=\"heartbeat\"", OF_FLOW(heartbeats.written),
     COUNT},
    {"notes_total", "", "", ",kind=\"checkpoint\"",
     OF_FLOW(checkpoints.written), COUNT},
    {"notes_refused_total", "counter",
     "Syncs, positions, heartbeats and checkpoints refused, each time.",
     ",kind=\"sync\"", OF_FLOW(syncs.refused), COUNT},
    {"notes_refused_total", "", "", ",kind=\"position\"",
     OF_FLOW(positions.refused), COUNT},
    {"notes_refused_total", "", "", ",kind=\"heartbeat\"",
     OF_FLOW(heartbeats.refused), COUNT},
    {"notes_refused_total", "", "", ",kind=\"checkpoint\"",
     OF_FLOW(checkpoints.refused), COUNT},
    {"syncs_waiting", "gauge",
     "Offset syncs that are not written yet; no position is before them.", "",
     OF_FLOW(syncs.waiting), COUNT},
    {"syncs_age_seconds", "gauge", "Since an offset sync was last written.", "",
     OF_FLOW(syncs.age_ms), MS_AS_SECONDS},
    {"positions_age_seconds", "gauge",
     "Since the positions were last all up to date.", "",
     OF_FLOW(positions.age_ms), MS_AS_SECONDS},
    {"checkpoints_age_seconds", "gauge",
     "Since the checkpoints were last all up to date.", "",
     OF_FLOW(checkpoints.age_ms), MS_AS_SECONDS},
    {"heartbeats_age_seconds", "gauge", "Since a heartbeat was last written.",
     "", OF_FLOW(heartbeats.age_ms), MS_AS_SECONDS},
    {0},
};

/* ---- lines --------------------------------------------------------------- */

static void
put_head(struct buf *b, const char *name, const char *type, const char *help)
{
    if (*type)
        buf_printf(b,
                   "# HELP shunt_replicator_%s %s\n"
                   "# TYPE shunt_replicator_%s %s\n",
                   name, help, name, type);
}

static void
put_row(struct buf *b, const struct row *row, const char *labels,
        const void *from)
{
    int64_t v;
    memcpy(&v, (const char *)from + row->field, sizeof(v));
    if (v < 0)
        return;
    if (row->unit == MS_AS_SECONDS)
        buf_printf(b, "shunt_replicator_%s{%s%s} %lld.%03d\n", row->name,
                   labels, row->label, (long long)(v / 1000), (int)(v % 1000));
    else
        buf_printf(b, "shunt_replicator_%s{%s%s} %lld\n", row->name, labels,
                   row->label, (long long)v);
}

static void
put_label(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "%s%s=\"", b->len ? "," : "", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_puts(b, "\\");
        buf_append(b, *value == '\n' ? " " : value, 1);
    }
    buf_puts(b, "\"");
}

static char *
labels_of(const char *flow, const struct part_look *p)
{
    struct buf b;
    buf_init(&b, LABELS_MAX_BYTES);
    put_label(&b, "flow", flow);
    if (p) {
        put_label(&b, "topic", p->topic);
        buf_printf(&b, ",partition=\"%d\"", (int)p->partition);
    }
    char *text = buf_take(&b);
    return text ? text : xstrdup("flow=\"(its name is too long)\"");
}

/* ---- tables -------------------------------------------------------------- */

static void
put_rows(struct page *p, const struct row *rows, const void *of, size_t size)
{
    for (; rows->name; rows++) {
        put_head(&p->b, rows->name, rows->type, rows->help);
        for (size_t i = 0; i < p->n; i++)
            put_row(&p->b, rows, p->labels[i], (const char *)of + i * size);
    }
}

static void
put_parts(struct page *p)
{
    for (const struct row *row = part_rows; row->name; row++) {
        put_head(&p->b, row->name, row->type, row->help);
        for (size_t i = 0; i < p->n_parts; i++)
            put_row(&p->b, row, p->parts[i].labels, p->parts[i].part);
    }
    put_head(&p->b, "problem", "gauge",
             "1: something is wrong with the partition; /status says what.");
    for (size_t i = 0; i < p->n_parts; i++)
        buf_printf(&p->b, "shunt_replicator_problem{%s} %d\n",
                   p->parts[i].labels, p->parts[i].part->problem != NULL);
}

/* Flags, and what is not one number. */
static void
put_flags(struct page *p)
{
    put_head(&p->b, "ready", "gauge",
             "1: what was found at the start is being copied.");
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&p->b, "shunt_replicator_ready{%s} %d\n", p->labels[i],
                   p->flows[i].ready);
    put_head(&p->b, "paused", "gauge", "1: the whole flow is paused.");
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&p->b, "shunt_replicator_paused{%s} %d\n", p->labels[i],
                   p->flows[i].paused);
    put_head(&p->b, "partitions_left_out", "gauge",
             "Partitions that have no lines of their own here.");
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&p->b, "shunt_replicator_partitions_left_out{%s} %lld\n",
                   p->labels[i], (long long)p->left_out[i]);
    put_head(&p->b, "units", "gauge",
             "Shares of the flow's work, and those of this process.");
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&p->b,
                   "shunt_replicator_units{%s,which=\"all\"} %d\n"
                   "shunt_replicator_units{%s,which=\"mine\"} %d\n",
                   p->labels[i], (int)p->flows[i].units, p->labels[i],
                   (int)p->flows[i].units_mine);
}

static void
put_histogram(struct buf *b, const char *labels, const struct flow_look *f,
              int64_t sum_ms)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LOOK_BUCKETS; i++) {
        n += f->latency[i];
        buf_printf(b,
                   "shunt_replicator_latency_seconds_bucket{%s,le=\"%g\"} "
                   "%llu\n",
                   labels, (double)look_buckets_ms[i] / 1000,
                   (unsigned long long)n);
    }
    n += f->latency[LOOK_BUCKETS];
    buf_printf(b,
               "shunt_replicator_latency_seconds_bucket{%s,le=\"+Inf\"} %llu\n"
               "shunt_replicator_latency_seconds_sum{%s} %lld.%03d\n"
               "shunt_replicator_latency_seconds_count{%s} %llu\n",
               labels, (unsigned long long)n, labels,
               (long long)(sum_ms / 1000), (int)(sum_ms % 1000), labels,
               (unsigned long long)n);
}

static void
put_latencies(struct page *p)
{
    put_head(&p->b, "latency_seconds", "histogram",
             "Age of records when the target acknowledged them.");
    for (size_t i = 0; i < p->n; i++)
        put_histogram(&p->b, p->labels[i], &p->flows[i], p->sums[i].latency_ms);
}

/* ---- a page -------------------------------------------------------------- */

static void
show_part(struct page *p, size_t flow, const struct part_look *part)
{
    look_sum_add(&p->sums[flow], part);
    if (!part_look_mine(part))
        return;
    if (p->n_parts >= PARTS_MAX) {
        p->left_out[flow]++;
        return;
    }
    p->parts[p->n_parts++] = (struct shown){
        .part = part, .labels = labels_of(p->flows[flow].name, part)};
}

static void
page_look(struct page *p, const struct api *api)
{
    *p = (struct page){.n = api->n};
    buf_init(&p->b, METRICS_MAX_BYTES);
    p->flows = xcalloc(p->n + 1, sizeof(*p->flows));
    p->sums = xcalloc(p->n + 1, sizeof(*p->sums));
    p->labels = xcalloc(p->n + 1, sizeof(*p->labels));
    p->left_out = xcalloc(p->n + 1, sizeof(*p->left_out));
    p->parts = xcalloc(PARTS_MAX, sizeof(*p->parts));
    for (size_t i = 0; i < p->n; i++) {
        flow_look(api->flows[i], NULL, &p->flows[i]);
        p->labels[i] = labels_of(p->flows[i].name, NULL);
        for (size_t k = 0; k < p->flows[i].n; k++)
            show_part(p, i, &p->flows[i].parts[k]);
    }
}

static void
page_fini(struct page *p)
{
    for (size_t i = 0; i < p->n_parts; i++)
        free(p->parts[i].labels);
    for (size_t i = 0; i < p->n; i++) {
        flow_look_fini(&p->flows[i]);
        free(p->labels[i]);
    }
    free(p->parts);
    free(p->flows);
    free(p->sums);
    free(p->labels);
    free(p->left_out);
    buf_fini(&p->b);
}

void
api_get_metrics(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct page p;
    page_look(&p, api);
    put_head(&p.b, "start_time_seconds", "gauge",
             "When the process started, since 1970.");
    buf_printf(&p.b,
               "shunt_replicator_start_time_seconds{version=\"%s\"} "
               "%lld\n",
               SHUNT_VERSION, (long long)(api->started_wall_ms / 1000));
    put_flags(&p);
    put_rows(&p, flow_rows, p.flows, sizeof(*p.flows));
    put_rows(&p, sum_rows, p.sums, sizeof(*p.sums));
    put_latencies(&p);
    put_parts(&p);
    if (buf_failed(&p.b))
        http_reply_text(req, 500, "text/plain", "too many partitions\n");
    else
        http_reply_text(req, 200, "text/plain; version=0.0.4", p.b.data);
    page_fini(&p);
}
