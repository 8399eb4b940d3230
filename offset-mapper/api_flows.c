/*
 * How far each flow has been followed, and whether it lives: GET /readyz,
 * GET /v1/flows.
 */
#include "common/base/js.h"
#include "offset-mapper/api_impl.h"

static struct json_t *
progress_object(const struct flow *flow, const struct follow_status *st,
                int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_str(v, "flow", flow->name) |
           js_put_bool(v, "ready", st->ready) |
           js_put_int(v, "position", st->syncs.position) |
           js_put_int(v, "end", st->syncs.end) |
           js_put_int(v, "percent", st->percent) |
           (*st->syncs.error ? js_put_words(v, "error", st->syncs.error)
                             : js_put_null(v, "error"));
    return v;
}

void
api_get_readyz(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    const struct config *c = api->parts.config;
    struct json_t *flows = js_array();
    bool ready = true;
    int rc = 0;
    for (size_t i = 0; api->parts.follow && i < c->n_flows; i++) {
        struct follow_status st;
        follow_status(api->parts.follow, &c->flows[i], &st);
        ready = ready && st.ready;
        struct json_t *flow = progress_object(&c->flows[i], &st, &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_bool(v, "ready", ready) | js_put_take(v, "flows", flows);
    http_reply_built_take(req, ready ? 200 : 503, v, rc);
}

static struct json_t *
topic_object(const struct follow_topic *t, int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_int(v, "position", t->position) |
           js_put_int(v, "end", t->end) |
           js_put_int(v, "undecodable", t->undecodable) |
           js_put_int(v, "tombstones", t->tombstones) |
           (*t->error ? js_put_words(v, "error", t->error)
                      : js_put_null(v, "error"));
    return v;
}

static int
put_life(struct json_t *v, const struct follow_status *st)
{
    return js_put_str(v, "alive", beats_text(st->alive)) |
           (st->last_heartbeat_ms
                ? js_put_int(v, "last_heartbeat_ms", st->last_heartbeat_ms)
                : js_put_null(v, "last_heartbeat_ms")) |
           (st->latency_ms >= 0 ? js_put_int(v, "latency_ms", st->latency_ms)
                                : js_put_null(v, "latency_ms"));
}

static struct json_t *
flow_object(const struct flow *flow, const struct follow_status *st, int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_str(v, "flow", flow->name) |
           js_put_str(v, "topic", flow->topic) |
           js_put_str(v, "cluster", flow->cluster->name) |
           js_put_int(v, "position", st->syncs.position) |
           js_put_int(v, "end", st->syncs.end) |
           js_put_int(v, "syncs", st->progress.syncs) |
           js_put_int(v, "runs", st->progress.runs) |
           js_put_int(v, "undecodable", st->syncs.undecodable) |
           js_put_int(v, "tombstones", st->syncs.tombstones) |
           js_put_int(v, "gaps", st->progress.gaps) |
           (*st->syncs.error ? js_put_words(v, "error", st->syncs.error)
                             : js_put_null(v, "error")) |
           put_life(v, st) |
           js_put_take(v, "checkpoints", topic_object(&st->checkpoints, rc)) |
           js_put_take(v, "heartbeats", topic_object(&st->heartbeats, rc));
    return v;
}

void
api_get_flows(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    const struct config *c = api->parts.config;
    struct json_t *flows = js_array();
    int rc = 0;
    for (size_t i = 0; api->parts.follow && i < c->n_flows; i++) {
        struct follow_status st;
        follow_status(api->parts.follow, &c->flows[i], &st);
        struct json_t *flow = flow_object(&c->flows[i], &st, &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_take(v, "flows", flows);
    http_reply_built_take(req, 200, v, rc);
}
