/*
 * Handlers read a follower's status (a copy behind its lock) and the store
 * (one short read transaction each); they never wait.
 */
#include "offset-mapper/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "common/net/http_server.h"
#include "common/proto/offset.h"
#include "offset-mapper/answer.h"

#define METRICS_MAX_BYTES  ((size_t)1 << 20)
#define RUNS_LIMIT_DEFAULT 1000
#define RUNS_LIMIT_MAX     100000
#define QUALITIES          5

static const struct http_limits limits = {
    .body_max_bytes = (size_t)4 << 20,
    .header_max_bytes = (size_t)16 << 10,
    .line_max_bytes = (size_t)8 << 10,
    .connections_max = 1000,
    .stream_backlog_max_bytes = (size_t)1 << 20,
    .idle_timeout_ms = 60000,
    .head_timeout_ms = 10000,
    .body_timeout_ms = 30000,
};

struct api {
    struct http_server *server;
    const struct config *config;
    struct store *store;
    struct follower *const *followers;
    size_t n_followers;
    int64_t translated[QUALITIES];
};

/* ---- health and flows ------------------------------------------------- */

static void
reply_built(struct http_req *req, int status, struct json_t *v, int rc)
{
    struct err err;
    if (rc == 0) {
        http_reply_json_take(req, status, v);
        return;
    }
    js_free(v);
    (void)err_nomem(&err); /* returns its code */
    http_reply_err(req, &err);
}

static void
get_healthz(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct json_t *v = js_object();
    reply_built(req, 200, v, js_put_str(v, "status", "ok"));
}

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

static void
get_readyz(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *flows = js_array();
    bool ready = true;
    int rc = 0;
    for (size_t i = 0; i < api->n_followers; i++) {
        struct follow_status st;
        follow_status(api->followers[i], &st);
        ready = ready && st.ready;
        struct json_t *flow = progress_object(api->followers[i], &st, &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_bool(v, "ready", ready) | js_put_take(v, "flows", flows);
    reply_built(req, ready ? 200 : 503, v, rc);
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

static void
get_flows(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *flows = js_array();
    int rc = 0;
    for (size_t i = 0; i < api->n_followers; i++) {
        struct json_t *flow = flow_object(api->followers[i], &rc);
        rc |= js_add_take(flows, flow);
    }
    struct json_t *v = js_object();
    rc |= js_put_take(v, "flows", flows);
    reply_built(req, 200, v, rc);
}

/* ---- runs ------------------------------------------------------------- */

struct run_list {
    struct json_t *array;
    int rc;
};

static void
add_run(const struct run *r, void *arg)
{
    struct run_list *l = arg;
    struct json_t *v = js_object();
    l->rc |= js_put_int(v, "up", r->up) | js_put_int(v, "down", r->down) |
             js_put_int(v, "length", r->length);
    l->rc |= js_add_take(l->array, v);
}

static int
query_int(const struct http_req *req, const char *name, int64_t min,
          int64_t max, int64_t *out, struct err *err)
{
    const char *s = http_req_query(req, name);
    if (!s)
        return 0;
    if (str_to_i64(s, min, max, out))
        return 0;
    return err_field(err, ERR_INVALID, name, s,
                     "%s must be a whole number from %lld to %lld", name,
                     (long long)min, (long long)max);
}

static int
query_text(const struct http_req *req, const char *name, const char **out,
           struct err *err)
{
    *out = http_req_query(req, name);
    if (*out && **out)
        return 0;
    return err_field(err, ERR_INVALID, name, *out, "%s is missing", name);
}

static int
runs_asked(const struct api *api, const struct http_req *req,
           struct store_part *part, int64_t *limit, struct err *err)
{
    int64_t partition = 0;
    *limit = RUNS_LIMIT_DEFAULT;
    int rc = query_text(req, "flow", &part->flow, err);
    if (rc == 0)
        rc = query_text(req, "topic", &part->topic, err);
    if (rc == 0)
        rc = query_int(req, "partition", 0, INT32_MAX, &partition, err);
    if (rc == 0)
        rc = query_int(req, "limit", 1, RUNS_LIMIT_MAX, limit, err);
    if (rc)
        return rc;
    part->partition = (int32_t)partition;
    if (config_flow_named(api->config, part->flow))
        return 0;
    return err_field(err, ERR_NOTFOUND, "flow", part->flow,
                     "no flow is called \"%s\"", part->flow);
}

static int
read_runs(const struct api *api, const struct store_part *part, int64_t limit,
          struct run_list *list, struct err *err)
{
    struct store_view *view;
    int rc = store_view_open(api->store, &view, err);
    if (rc)
        return rc;
    rc = store_view_runs(view, part, (size_t)limit, add_run, list, err);
    store_view_close(view);
    return rc;
}

static void
get_runs(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct store_part part;
    struct err err;
    int64_t limit;
    struct run_list list = {.array = js_array()};
    int rc = runs_asked(api, req, &part, &limit, &err);
    if (rc == 0)
        rc = read_runs(api, &part, limit, &list, &err);
    if (rc) {
        js_free(list.array);
        http_reply_err(req, &err);
        return;
    }
    struct json_t *v = js_object();
    list.rc |= js_put_take(v, "runs", list.array);
    reply_built(req, 200, v, list.rc);
}

/* ---- translate -------------------------------------------------------- */

static int
translate(struct api *api, const struct json_t *body, struct json_t **out,
          struct err *err)
{
    struct po_question q;
    struct po_translation t;
    int rc = po_question_decode(body, &q, err);
    if (rc)
        return rc;
    rc = answer_question(api->config, api->store, &q, &t, err);
    po_question_fini(&q);
    if (rc)
        return rc;
    for (size_t i = 0; i < t.n; i++)
        api->translated[t.v[i].quality]++;
    *out = po_translation_encode(&t);
    po_translation_fini(&t);
    return *out ? 0 : err_nomem(err);
}

static void
post_translate(struct http_req *req, void *ctx)
{
    struct json_t *body, *answer;
    struct err err;
    if (http_req_json(req, &body))
        return; /* answered */
    const int rc = translate(ctx, body, &answer, &err);
    js_free(body);
    if (rc)
        http_reply_err(req, &err);
    else
        http_reply_json_take(req, 200, answer);
}

/* ---- metrics ---------------------------------------------------------- */

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
    for (size_t i = 0; i < api->n_followers; i++) {
        struct follow_status st;
        follow_status(api->followers[i], &st);
        buf_printf(b, "%s{flow=\"%s\"} %lld\n", flow_metrics[m].name,
                   follow_flow(api->followers[i])->name,
                   (long long)flow_metrics[m].value(&st));
    }
}

static void
get_metrics(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct buf b;
    buf_init(&b, METRICS_MAX_BYTES);
    for (size_t m = 0; m < sizeof(flow_metrics) / sizeof(flow_metrics[0]); m++)
        put_flow_metric(&b, api, m);
    put_head(&b, "shunt_offset_translations_total", "counter",
             "positions answered");
    for (int q = 0; q < QUALITIES; q++)
        buf_printf(&b, "shunt_offset_translations_total{quality=\"%s\"} %lld\n",
                   po_quality_text((enum po_quality)q),
                   (long long)api->translated[q]);
    http_reply_text(req, buf_failed(&b) ? 500 : 200,
                    "text/plain; version=0.0.4", b.data ? b.data : "");
    buf_fini(&b);
}

/* ---- life ------------------------------------------------------------- */

static const struct http_route routes[] = {
    {"GET", "/healthz", get_healthz},
    {"GET", "/readyz", get_readyz},
    {"GET", "/metrics", get_metrics},
    {"GET", "/v1/flows", get_flows},
    {"GET", "/v1/runs?flow&topic&partition&limit", get_runs},
    {"POST", "/v1/translate", post_translate},
    {0},
};

int
api_start(struct loop *loop, const char *listen, const struct config *config,
          struct store *store, struct follower *const *followers,
          size_t n_followers, struct api **out, struct err *err)
{
    *out = NULL;
    struct api *api = xcalloc(1, sizeof(*api));
    api->config = config;
    api->store = store;
    api->followers = followers;
    api->n_followers = n_followers;
    int rc = http_server_new(loop, &limits, routes, api, &api->server, err);
    if (rc == 0)
        rc = http_server_listen(api->server, listen, false, err);
    if (rc) {
        api_free(api);
        return rc;
    }
    *out = api;
    return 0;
}

const char *
api_url(const struct api *api)
{
    return http_server_url(api->server);
}

void
api_free(struct api *api)
{
    if (!api)
        return;
    if (api->server)
        http_server_free(api->server);
    free(api);
}
