/*
 * GET /metrics: Prometheus text.
 */
#include "common/base/buf.h"
#include "replicator/api_impl.h"

#define METRICS_MAX_BYTES ((size_t)64 << 20)

void
api_get_metrics(struct http_req *req, void *ctx)
{
    static const char heads[] =
        "# HELP shunt_replicator_records_total Records copied.\n"
        "# TYPE shunt_replicator_records_total counter\n"
        "# HELP shunt_replicator_bytes_total Keys and values copied.\n"
        "# TYPE shunt_replicator_bytes_total counter\n"
        "# HELP shunt_replicator_refused_total Records refused by the "
        "target.\n"
        "# TYPE shunt_replicator_refused_total counter\n"
        "# HELP shunt_replicator_missed_total Records gone from the source "
        "before they were copied.\n"
        "# TYPE shunt_replicator_missed_total counter\n"
        "# HELP shunt_replicator_notes_refused_total Syncs, positions, "
        "heartbeats and checkpoints refused.\n"
        "# TYPE shunt_replicator_notes_refused_total counter\n"
        "# HELP shunt_replicator_lag_records Records not copied yet.\n"
        "# TYPE shunt_replicator_lag_records gauge\n"
        "# HELP shunt_replicator_syncs_total Offset syncs written.\n"
        "# TYPE shunt_replicator_syncs_total counter\n";
    const struct api *api = ctx;
    struct buf b;
    buf_init(&b, METRICS_MAX_BYTES);
    buf_puts(&b, heads);
    for (size_t i = 0; i < api->n; i++)
        flow_metrics(api->flows[i], &b);
    if (buf_failed(&b))
        http_reply_text(req, 500, "text/plain", "too many partitions\n");
    else
        http_reply_text(req, 200, "text/plain; version=0.0.4", b.data);
    buf_fini(&b);
}
