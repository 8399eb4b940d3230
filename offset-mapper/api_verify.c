/*
 * The sampler over HTTP: POST /v1/verify runs it and answers with what it saw,
 * GET /v1/verify and /metrics tell of all since the start.
 */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "offset-mapper/api_impl.h"

#define SAMPLES_DEFAULT 100
#define TIMEOUT_DEFAULT 60000
#define TIMEOUT_MAX     600000

void
api_get_verify(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    const struct config *c = api->parts.config;
    struct json_t *v = js_object(), *flows = js_array();
    int rc = 0;
    for (size_t i = 0; i < c->n_flows; i++) {
        const char *name = c->flows[i].name;
        rc |= js_add_take(
            flows, tally_encode(verify_tally(api->parts.verify, name), name));
    }
    rc |= js_put_int(v, "interval_ms", verify_interval_ms(api->parts.verify)) |
          js_put_take(v, "flows", flows);
    http_reply_built_take(req, 200, v, rc);
}

/* ---- a run ---------------------------------------------------------------- */

struct asked {
    struct http_req *req; /* NULL: gone */
    char *flow;
    int64_t samples, timeout_ms;
};

static void
asked_free(struct asked *a)
{
    free(a->flow);
    free(a);
}

static void
on_close(void *arg)
{
    struct asked *a = arg;
    a->req = NULL;
}

static void
on_done(void *arg, const struct verify_tally *t)
{
    struct asked *a = arg;
    if (a->req)
        http_reply_built_take(a->req, 200, tally_encode(t, a->flow), 0);
    asked_free(a);
}

static int
decode(const struct json_t *body, struct asked *a, struct err *err)
{
    static const char *const keys[] = {"flow", "samples", "timeout_ms", NULL};
    a->samples = SAMPLES_DEFAULT;
    a->timeout_ms = TIMEOUT_DEFAULT;
    int rc = js_only_keys(body, "", keys, err);
    if (rc == 0)
        rc = js_get_str_dup(body, "", "flow", JS_REQUIRED, &a->flow, err);
    if (rc == 0)
        rc = js_get_int(body, "", "samples", JS_OPTIONAL, 1, VERIFY_SAMPLES_MAX,
                        &a->samples, err);
    if (rc == 0)
        rc = js_get_int(body, "", "timeout_ms", JS_OPTIONAL, 1, TIMEOUT_MAX,
                        &a->timeout_ms, err);
    return rc;
}

void
api_post_verify(struct http_req *req, void *ctx)
{
    const struct api *api = ctx;
    struct json_t *body;
    struct err err = {0};
    if (http_req_json(req, &body))
        return; /* answered */
    struct asked *a = xcalloc(1, sizeof(*a));
    a->req = req;
    int rc = decode(body, a, &err);
    js_free(body);
    if (rc == 0)
        rc = verify_run(api->parts.verify, a->flow, a->samples, a->timeout_ms,
                        on_done, a, &err);
    if (rc) {
        asked_free(a);
        http_reply_err(req, &err);
        return;
    }
    http_req_on_close(req, on_close, a);
}

/* ---- metrics ---------------------------------------------------------------- */

static int64_t
of_samples(const struct verify_tally *t)
{
    return t->samples;
}

static int64_t
of_unread(const struct verify_tally *t)
{
    return t->unread;
}

static int64_t
of_reread(const struct verify_tally *t)
{
    return t->reread;
}

static int64_t
of_disagreements(const struct verify_tally *t)
{
    return tally_disagreements(t);
}

static const struct {
    const char *name, *help;
    int64_t (*value)(const struct verify_tally *t);
} counters[] = {
    {"shunt_offset_verify_samples_total", "random positions looked at",
     of_samples},
    {"shunt_offset_verify_unread_total", "of these, a cluster did not answer",
     of_unread},
    {"shunt_offset_verify_reread_records_total",
     "records that the right answers would read again", of_reread},
    {"shunt_offset_verify_disagreements_total",
     "answers that the records contradict: an alert for each is in the log",
     of_disagreements},
};

static void
put_counter(struct buf *b, const struct api *api, size_t i)
{
    const struct config *c = api->parts.config;
    buf_printf(b, "# HELP %s %s\n# TYPE %s counter\n", counters[i].name,
               counters[i].help, counters[i].name);
    for (size_t f = 0; f < c->n_flows; f++)
        buf_printf(b, "%s{flow=\"%s\"} %lld\n", counters[i].name,
                   c->flows[f].name,
                   (long long)counters[i].value(
                       verify_tally(api->parts.verify, c->flows[f].name)));
}

static void
put_verdicts(struct buf *b, const char *flow, const struct verify_tally *t)
{
    for (int i = 0; i < JUDGE_VERDICTS; i++)
        buf_printf(b,
                   "shunt_offset_verify_verdicts_total{flow=\"%s\",verdict="
                   "\"%s\"} %lld\n",
                   flow, judge_verdict_text((enum judge_verdict)i),
                   (long long)t->by_verdict[i]);
}

void
api_put_verify_metrics(struct buf *b, const struct api *api)
{
    const struct config *c = api->parts.config;
    const struct verify *v = api->parts.verify;
    if (!v)
        return;
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        put_counter(b, api, i);
    buf_puts(b, "# HELP shunt_offset_verify_verdicts_total answers with a "
                "position, by what the records say of them\n"
                "# TYPE shunt_offset_verify_verdicts_total counter\n");
    for (size_t f = 0; f < c->n_flows; f++)
        put_verdicts(b, c->flows[f].name, verify_tally(v, c->flows[f].name));
    buf_puts(b, "# HELP shunt_offset_verify_exact_ratio share of the positions "
                "looked at whose answer was exact, and right\n"
                "# TYPE shunt_offset_verify_exact_ratio gauge\n");
    for (size_t f = 0; f < c->n_flows; f++) {
        const double share =
            tally_exact_share(verify_tally(v, c->flows[f].name));
        if (share >= 0)
            buf_printf(b, "shunt_offset_verify_exact_ratio{flow=\"%s\"} %.6f\n",
                       c->flows[f].name, share);
    }
}
