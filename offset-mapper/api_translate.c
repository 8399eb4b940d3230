/*
 * POST /v1/translate: requests and their questions (translate.h), and whom
 * those ask.
 */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/proto/offset.h"
#include "offset-mapper/api_impl.h"
#include "offset-mapper/translate.h"

#define ANSWER_MAX_BYTES ((size_t)64 << 20)
/* When to come back if too many wait. */
#define RETRY_AFTER_S 1

/* ---- whom questions ask ----------------------------------------------- */

static bool
log_known(void *ctx, const char *cluster, const char *topic, int32_t partition,
          struct log_range *out)
{
    const struct api *api = ctx;
    return logs_known(api->parts.logs, cluster, topic, partition, out);
}

static bool
log_look(void *ctx, const char *cluster, const char *topic, int32_t partition,
         struct log_range *out)
{
    const struct api *api = ctx;
    return logs_look(api->parts.logs, cluster, topic, partition, out);
}

static void
ask_log(void *ctx, const struct content_place *at, struct loop *home,
        translate_log_fn *fn, void *arg)
{
    const struct api *api = ctx;
    logs_ask(api->parts.logs, at->cluster, at->topic, at->partition, home, fn,
             arg);
}

static void
ask_log_at_time(void *ctx, const struct content_place *at, int64_t timestamp_ms,
                struct loop *home, translate_time_fn *fn, void *arg)
{
    const struct api *api = ctx;
    logs_ask_time(api->parts.logs, at->cluster, at->topic, at->partition,
                  timestamp_ms, home, fn, arg);
}

static void
ask_prints(void *ctx, const struct content_place *at, int64_t q, size_t n,
           int64_t deadline_ms, struct loop *home, content_window_fn *fn,
           void *arg)
{
    const struct api *api = ctx;
    content_prints(api->parts.content, at, q, n, deadline_ms, home, fn, arg);
}

static void
ask_find(void *ctx, const struct content_place *at, int64_t low, int64_t high,
         const struct po_print *prints, size_t n, int64_t deadline_ms,
         struct loop *home, content_found_fn *fn, void *arg)
{
    const struct api *api = ctx;
    content_find(api->parts.content, at, low, high, prints, n, deadline_ms,
                 home, fn, arg);
}

static bool
flow_dead(void *ctx, const struct flow *flow)
{
    const struct api *api = ctx;
    struct follow_status st;
    follow_status(api->parts.follow, flow, &st);
    return st.alive == BEATS_NO;
}

static bool
flow_unread(void *ctx, const struct flow *flow)
{
    const struct api *api = ctx;
    return follow_unread(api->parts.follow, flow);
}

struct translate_asks
api_translate_asks(struct api *api)
{
    struct translate_asks asks = {.ctx = api};
    if (api->parts.logs) {
        asks.log_known = log_known;
        asks.log_look = log_look;
        asks.log = ask_log;
        asks.log_at_time = ask_log_at_time;
    }
    if (api->parts.follow) {
        asks.flow_dead = flow_dead;
        asks.flow_unread = flow_unread;
    }
    if (api->parts.content) {
        asks.prints = ask_prints;
        asks.find = ask_find;
    }
    if (api->parts.groups)
        asks.group = api_ask_group;
    return asks;
}

/* ---- requests --------------------------------------------------------- */

/* A request with its question; freed when it is answered or its peer has
 * gone. */
struct asked {
    struct api *api;
    struct http_req *req;
    struct translating *question; /* NULL until it is known to take longer */
};

static void
reply(struct api *api, struct http_req *req, const struct po_translation *t)
{
    struct buf b;
    struct err err;
    for (size_t i = 0; i < t->n; i++)
        api->translated[t->v[i].quality]++;
    buf_init(&b, ANSWER_MAX_BYTES);
    po_translation_write(&b, t);
    if (buf_failed(&b)) {
        (void)err_set(&err, ERR_LIMIT,
                      "the answer is longer than %zu bytes: ask for fewer "
                      "positions at a time, or without explain",
                      ANSWER_MAX_BYTES);
        http_reply_err(req, &err);
    } else {
        http_reply_bytes(req, 200, "application/json", b.data, b.len);
    }
    buf_fini(&b);
}

static void
on_answer(void *arg, const struct po_translation *t, const struct err *err)
{
    struct asked *a = arg;
    http_req_on_close(a->req, NULL, NULL);
    if (t)
        reply(a->api, a->req, t);
    else if (err->code == ERR_BUSY)
        http_reply_err_after(a->req, err, RETRY_AFTER_S);
    else
        http_reply_err(a->req, err);
    free(a);
}

static void
on_gone(void *arg)
{
    struct asked *a = arg;
    translating_cancel(a->question);
    free(a);
}

static int
decode(struct http_req *req, struct po_question *q, struct err *err)
{
    struct json_t *body;
    if (http_req_json(req, &body))
        return 1; /* answered */
    const int rc = po_question_decode(body, q, err);
    js_free(body);
    return rc;
}

void
api_post_translate(struct http_req *req, void *ctx)
{
    struct api *api = ctx;
    struct po_question q;
    struct err err;
    const int rc = decode(req, &q, &err);
    if (rc < 0)
        http_reply_err(req, &err);
    if (rc)
        return;
    struct asked *a = xcalloc(1, sizeof(*a));
    a->api = api;
    a->req = req;
    struct translating *question =
        translator_ask_take(api->translator, &q, on_answer, a);
    if (!question)
        return; /* answered, and `a` is gone */
    a->question = question;
    http_req_on_close(req, on_gone, a);
}
