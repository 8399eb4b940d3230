/*
 * POST /v1/translate.
 */
#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/proto/offset.h"
#include "offset-mapper/answer.h"
#include "offset-mapper/api_impl.h"

#define ANSWER_MAX_BYTES ((size_t)64 << 20)

/* What this version does not do yet is refused, never ignored. */
static int
refuse_later(const struct po_question *q, struct err *err)
{
    const char *field = q->group     ? "group"
                        : q->wait_ms ? "wait_ms"
                        : q->explain ? "explain"
                        : q->verify  ? "verify"
                                     : NULL;
    for (size_t i = 0; i < q->n && !field; i++)
        if (q->positions[i].by_time || q->positions[i].n_prints)
            field = "positions";
    if (!field)
        return 0;
    return err_field(err, ERR_UNSUPPORTED, field, NULL,
                     "%s is not supported by this version of the offset "
                     "mapper; leave it out",
                     field);
}

static int
translate(struct api *api, const struct json_t *body, struct buf *out,
          struct err *err)
{
    struct po_question q;
    struct po_translation t;
    int rc = po_question_decode(body, &q, err);
    if (rc)
        return rc;
    rc = refuse_later(&q, err);
    if (rc == 0)
        rc = answer_question(api->parts.config, api->parts.store, &q, &t, err);
    po_question_fini(&q);
    if (rc)
        return rc;
    for (size_t i = 0; i < t.n; i++)
        api->translated[t.v[i].quality]++;
    po_translation_write(out, &t);
    po_translation_fini(&t);
    return buf_failed(out) ? err_nomem(err) : 0;
}

void
api_post_translate(struct http_req *req, void *ctx)
{
    struct json_t *body;
    struct buf answer;
    struct err err;
    if (http_req_json(req, &body))
        return; /* answered */
    buf_init(&answer, ANSWER_MAX_BYTES);
    const int rc = translate(ctx, body, &answer, &err);
    js_free(body);
    if (rc)
        http_reply_err(req, &err);
    else
        http_reply_bytes(req, 200, "application/json", answer.data, answer.len);
    buf_fini(&answer);
}
