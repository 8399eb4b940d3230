/*
 * How far each flow has been followed: GET /readyz, GET /v1/flows.
 */
#include "common/base/js.h"
#include "offset-mapper/api_impl.h"

static struct json_t *
progress_object(const struct follower *f, const struct follow_status *st,
                int *rc)
{
    struct json_t *v = js_object();
    *rc |= js_put_str(v, "flow", follow_flow(f)->name) |
           js_put_int(v, "position", st->progress.position) |
           js_put_int(v, "end", st->end);
    return v;
}

void
api_get_readyz(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *flows = js_array();
    bool ready = true;
    int rc = 0;
    for (size_t i = 0; i < api->parts.n_followers; i++) {
        struct follow_status st;
        follow_status(api->parts.followers[i], &st);
        ready = ready && st.ready;
        struct json_t *flow =
            progress_object(api->parts.followers[i], &st, &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_bool(v, "ready", ready) | js_put_take(v, "flows", flows);
    api_reply_built(req, ready ? 200 : 503, v, rc);
}

static struct json_t *
flow_object(struct follower *f, int *rc)
{
    const struct flow *flow = follow_flow(f);
    struct follow_status st;
    follow_status(f, &st);
    struct json_t *v = js_object();
    *rc |= js_put_str(v, "flow", flow->name) |
           js_put_str(v, "topic", flow->topic) |
           js_put_str(v, "cluster", flow->cluster->name) |
           js_put_int(v, "position", st.progress.position) |
           js_put_int(v, "end", st.end) |
           js_put_int(v, "syncs", st.progress.syncs) |
           js_put_int(v, "runs", st.progress.runs) |
           js_put_int(v, "undecodable", st.progress.undecodable) |
           (*st.error ? js_put_words(v, "error", st.error)
                      : js_put_null(v, "error"));
    return v;
}

void
api_get_flows(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *flows = js_array();
    int rc = 0;
    for (size_t i = 0; i < api->parts.n_followers; i++) {
        struct json_t *flow = flow_object(api->parts.followers[i], &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_take(v, "flows", flows);
    api_reply_built(req, 200, v, rc);
}
