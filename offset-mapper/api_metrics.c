/*
 * GET /metrics: Prometheus text.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"
#include "common/proto/offset.h"
#include "offset-mapper/api_impl.h"

#define METRICS_MAX_BYTES ((size_t)1 << 20)

#define OF(field) offsetof(struct follow_status, field)

/* A metric of each flow: an int64_t of its status. Rows of one name stand
 * together and differ in `label`. */
static const struct {
    const char *name, *type, *help, *label;
    size_t field;
} flow_metrics[] = {
    {"shunt_offset_position", "gauge", "next offset of the syncs topic", "",
     OF(syncs.position)},
    {"shunt_offset_end", "gauge", "log end of the syncs topic as last seen", "",
     OF(syncs.end)},
    {"shunt_offset_syncs_total", "counter", "offset syncs read", "",
     OF(progress.syncs)},
    {"shunt_offset_runs", "gauge", "offset runs kept", "", OF(progress.runs)},
    {"shunt_offset_undecodable_total", "counter",
     "records of the syncs topic skipped", "", OF(syncs.undecodable)},
    {"shunt_offset_tombstones_total", "counter",
     "records of the syncs topic without a value", "", OF(syncs.tombstones)},
    {"shunt_offset_checkpoints_position", "gauge",
     "next offset of the checkpoints topic", "", OF(checkpoints.position)},
    {"shunt_offset_checkpoints_end", "gauge",
     "log end of the checkpoints topic as last seen", "", OF(checkpoints.end)},
    {"shunt_offset_checkpoints_total", "counter", "checkpoints read", "",
     OF(checkpoints_kept)},
    {"shunt_offset_checkpoints_undecodable_total", "counter",
     "records of the checkpoints topic skipped", "",
     OF(checkpoints.undecodable)},
    {"shunt_offset_checkpoints_tombstones_total", "counter",
     "records of the checkpoints topic without a value", "",
     OF(checkpoints.tombstones)},
    {"shunt_offset_heartbeats_undecodable_total", "counter",
     "copied heartbeats skipped", "", OF(heartbeats.undecodable)},
    {"shunt_offset_gaps_total", "counter",
     "times that offsets of the syncs topic were missing", "",
     OF(progress.gaps)},
    {"shunt_offset_stale_total", "counter",
     "syncs read a second time and passed over", "", OF(progress.stale)},
    {"shunt_offset_partition_restarts_total", "counter",
     "partitions begun anew by a sync: target made anew", "",
     OF(progress.restarts)},
    {"shunt_offset_partition_backs_total", "counter",
     "times a partition's copy went back", "", OF(progress.backs)},
    {"shunt_offset_topic_resets_total", "counter",
     "times the syncs topic was made anew or cut", "", OF(progress.resets)},
    {"shunt_offset_incarnations_total", "counter",
     "partitions begun anew by the ends of their logs, since the start",
     "why=\"target_anew\"", OF(begun[STORE_TARGET_ANEW])},
    {"shunt_offset_incarnations_total", "counter", "", "why=\"target_cut\"",
     OF(begun[STORE_TARGET_CUT])},
    {"shunt_offset_incarnations_total", "counter", "", "why=\"source_anew\"",
     OF(begun[STORE_SOURCE_ANEW])},
    {"shunt_offset_incarnations_total", "counter", "", "why=\"source_cut\"",
     OF(begun[STORE_SOURCE_CUT])},
    {"shunt_offset_pruned_runs_total", "counter",
     "runs dropped below the source's log start, since the start", "",
     OF(pruned)},
    {"shunt_offset_heartbeat_latency_ms", "gauge",
     "from the writing of a heartbeat on the source to its reading on the "
     "target; -1: not known",
     "", OF(latency_ms)},
    {"shunt_offset_last_heartbeat_ms", "gauge",
     "wall clock of the newest copied heartbeat; 0: none", "",
     OF(last_heartbeat_ms)},
};

static void
put_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_flow_metric(struct buf *b, size_t m, const char *flow,
                const struct follow_status *st)
{
    const char *label = flow_metrics[m].label;
    int64_t value;
    memcpy(&value, (const char *)st + flow_metrics[m].field, sizeof(value));
    buf_printf(b, "%s{flow=\"%s\"%s%s} %lld\n", flow_metrics[m].name, flow,
               *label ? "," : "", label, (long long)value);
}

static void
put_flow_metrics(struct buf *b, const struct flow *flows, size_t n,
                 const struct follow_status *st)
{
    for (size_t m = 0; m < sizeof(flow_metrics) / sizeof(flow_metrics[0]);
         m++) {
        if (*flow_metrics[m].help)
            put_head(b, flow_metrics[m].name, flow_metrics[m].type,
                     flow_metrics[m].help);
        for (size_t i = 0; i < n; i++)
            put_flow_metric(b, m, flows[i].name, &st[i]);
    }
    put_head(b, "shunt_offset_flow_alive", "gauge",
             "1: heartbeats or syncs arrive, 0: they stopped, -1: never seen");
    for (size_t i = 0; i < n; i++)
        buf_printf(
            b, "shunt_offset_flow_alive{flow=\"%s\"} %d\n", flows[i].name,
            st[i].alive == BEATS_UNKNOWN ? -1 : st[i].alive == BEATS_YES);
}

static void
put_flows(struct buf *b, const struct api_parts *parts)
{
    const struct flow *flows = parts->config->flows;
    const size_t n = parts->follow ? parts->config->n_flows : 0;
    struct follow_status *st = xcalloc(n + 1, sizeof(*st));
    for (size_t i = 0; i < n; i++)
        follow_status(parts->follow, &flows[i], &st[i]);
    put_flow_metrics(b, flows, n, st);
    free(st);
}

void
api_get_metrics(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct buf b;
    buf_init(&b, METRICS_MAX_BYTES);
    put_flows(&b, &api->parts);
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
