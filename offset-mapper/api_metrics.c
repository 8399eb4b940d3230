/*
 * GET /metrics: Prometheus text.
 */
#include "common/base/buf.h"
#include "common/proto/offset.h"
#include "offset-mapper/api_impl.h"

#define METRICS_MAX_BYTES ((size_t)1 << 20)

static int64_t
of_position(const struct follow_status *s)
{
    return s->progress.position;
}

static int64_t
of_end(const struct follow_status *s)
{
    return s->end;
}

static int64_t
of_syncs(const struct follow_status *s)
{
    return s->progress.syncs;
}

static int64_t
of_runs(const struct follow_status *s)
{
    return s->progress.runs;
}

static int64_t
of_undecodable(const struct follow_status *s)
{
    return s->progress.undecodable;
}

static int64_t
of_restarts(const struct follow_status *s)
{
    return s->progress.restarts;
}

static int64_t
of_backs(const struct follow_status *s)
{
    return s->progress.backs;
}

static int64_t
of_resets(const struct follow_status *s)
{
    return s->progress.resets;
}

static const struct {
    const char *name, *type, *help;
    int64_t (*value)(const struct follow_status *s);
} flow_metrics[] = {
    {"shunt_offset_position", "gauge", "next offset of the syncs topic",
     of_position},
    {"shunt_offset_end", "gauge", "log end of the syncs topic as last seen",
     of_end},
    {"shunt_offset_syncs_total", "counter", "offset syncs read", of_syncs},
    {"shunt_offset_runs", "gauge", "offset runs kept", of_runs},
    {"shunt_offset_undecodable_total", "counter", "records skipped",
     of_undecodable},
    {"shunt_offset_partition_restarts_total", "counter",
     "partitions begun anew: target made anew", of_restarts},
    {"shunt_offset_partition_backs_total", "counter",
     "times a partition's copy went back", of_backs},
    {"shunt_offset_topic_resets_total", "counter",
     "times the syncs topic was made anew or cut", of_resets},
};

static void
put_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_flow_metric(struct buf *b, const struct api *api, size_t m)
{
    put_head(b, flow_metrics[m].name, flow_metrics[m].type,
             flow_metrics[m].help);
    for (size_t i = 0; i < api->parts.n_followers; i++) {
        struct follow_status st;
        follow_status(api->parts.followers[i], &st);
        buf_printf(b, "%s{flow=\"%s\"} %lld\n", flow_metrics[m].name,
                   follow_flow(api->parts.followers[i])->name,
                   (long long)flow_metrics[m].value(&st));
    }
}

void
api_get_metrics(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct buf b;
    buf_init(&b, METRICS_MAX_BYTES);
    for (size_t m = 0; m < sizeof(flow_metrics) / sizeof(flow_metrics[0]); m++)
        put_flow_metric(&b, api, m);
    put_head(&b, "shunt_offset_translations_total", "counter",
             "positions answered");
    for (int q = 0; q < API_QUALITIES; q++)
        buf_printf(&b, "shunt_offset_translations_total{quality=\"%s\"} %lld\n",
                   po_quality_text((enum po_quality)q),
                   (long long)api->translated[q]);
    api_put_verify_metrics(&b, api);
    http_reply_text(req, buf_failed(&b) ? 500 : 200,
                    "text/plain; version=0.0.4", b.data ? b.data : "");
    buf_fini(&b);
}
