/*
 * POST /v1/translate.
 */
#include "common/base/js.h"
#include "common/proto/offset.h"
#include "offset-mapper/answer.h"
#include "offset-mapper/api_impl.h"

static int
translate(struct api *api, const struct json_t *body, struct json_t **out,
          struct err *err)
{
    struct po_question q;
    struct po_translation t;
    int rc = po_question_decode(body, &q, err);
    if (rc)
        return rc;
    rc = answer_question(api->parts.config, api->parts.store, &q, &t, err);
    po_question_fini(&q);
    if (rc)
        return rc;
    for (size_t i = 0; i < t.n; i++)
        api->translated[t.v[i].quality]++;
    *out = po_translation_encode(&t);
    po_translation_fini(&t);
    return *out ? 0 : err_nomem(err);
}

void
api_post_translate(struct http_req *req, void *ctx)
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
