/*
 * POST /flows/{flow}/pause and /resume.
 */
#include <string.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "replicator/api_impl.h"

typedef int change_fn(struct flow *f, const char *topic, struct err *err);

static int
change(struct http_req *req, const struct api *api, change_fn *fn,
       struct err *err)
{
    struct flow *f;
    const char *topic = http_req_query(req, "topic");
    int rc = api_find_flow(api, http_req_param(req, "flow"), &f, err);
    if (rc == 0 && topic && !*topic)
        rc = err_field(err, ERR_INVALID, "topic", "",
                       "topic: the name is empty; leave it out for the whole "
                       "flow");
    return rc ? rc : fn(f, topic, err);
}

static void
answer(struct http_req *req, const struct api *api, change_fn *fn, bool paused)
{
    struct err err;
    if (change(req, api, fn, &err) != 0) {
        http_reply_err(req, &err);
        return;
    }
    const char *flow = http_req_param(req, "flow");
    const char *topic = http_req_query(req, "topic");
    log_info("%s: %s%s by %s: %s", flow, topic ? "topic " : "the whole flow",
             topic ? topic : "", http_req_peer(req),
             paused ? "paused" : "resumed");
    struct json_t *v = js_object();
    const int rc =
        js_put_str(v, "flow", flow) |
        (topic ? js_put_words(v, "topic", topic) : js_put_null(v, "topic")) |
        js_put_bool(v, "paused", paused);
    http_reply_built_take(req, 200, v, rc);
}

void
api_post_pause(struct http_req *req, void *ctx)
{
    answer(req, ctx, flow_pause, true);
}

void
api_post_resume(struct http_req *req, void *ctx)
{
    answer(req, ctx, flow_resume, false);
}
