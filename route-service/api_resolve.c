/* Where an identity belongs, and why. */
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/answers.h"
#include "route-service/api_parts.h"
#include "route-service/bodies.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/resolve.h"

/* The identity in the body; non-zero: it has been refused. */
static int
identity_in(struct worker *w, struct http_req *req, enum endpoint ep,
            struct pt_identity *out)
{
    static const char *const keys[] = {"identity", NULL};
    struct err err;
    struct json_t *j = api_body(w, req, ep);
    if (!j)
        return ERR_PARSE;
    int rc = js_only_keys(j, "", keys, &err);
    if (rc == 0)
        rc = api_identity(j, out, &err);
    js_free(j);
    if (rc)
        api_refuse(w, req, ep, &err);
    return rc;
}

void
api_post_resolve(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct pt_identity id;
    size_t len;
    const char *body = http_req_body(req, &len);
    const int64_t revision = w->table->revision;
    const struct body_answer kept = bodies_find(w->bodies, body, len, revision);
    if (kept.text) {
        w->metrics.answers_cached++;
        api_reply_text(w, req, EP_RESOLVE, kept.text, kept.len);
        return;
    }
    if (identity_in(w, req, EP_RESOLVE, &id))
        return;
    const struct answer *a = answers_get(w->answers, w->table, &id);
    bodies_keep(w->bodies, body, len, revision, a->text, a->len);
    w->metrics.answers_made++;
    api_reply_text(w, req, EP_RESOLVE, a->text, a->len);
    pt_identity_fini(&id);
}

/* ---- explain: on the offload thread --------------------------------------- */

static struct json_t *
candidate_json(const struct candidate *c)
{
    struct json_t *j = js_object();
    must(js_put_str(j, "rule", c->rule->key));
    must(js_put_int(j, "priority", c->rule->rank.priority));
    must(js_put_str(j, "cluster", c->rule->u.rule.cluster));
    must(js_put_bool(j, "won", c->won));
    must(js_put_words(j, "reason", c->reason));
    return j;
}

static struct json_t *
explain_topic(const struct table *t, const struct pt_identity *id,
              const char *topic)
{
    struct candidate *v = xcalloc(LIMIT_CANDIDATES, sizeof(*v));
    const size_t n = match_explain(t, id, topic, v, LIMIT_CANDIDATES);
    struct json_t *array = js_array();
    for (size_t i = 0; i < n; i++)
        must(js_add_take(array, candidate_json(&v[i])));
    free(v);
    struct json_t *j = js_object();
    must(js_put_str(j, "topic", topic));
    must(js_put_take(j, "candidates", array));
    return j;
}

static void
explain(void *arg)
{
    struct work *work = arg;
    const struct table *t = work->table;
    struct json_t *topics = js_array();
    for (size_t i = 0; i < resolve_topics(&work->id); i++)
        must(js_add_take(
            topics, explain_topic(t, &work->id, resolve_topic(&work->id, i))));
    struct json_t *j = js_object();
    must(js_put_int(j, "revision", t->revision));
    must(js_put_take(j, "topics", topics));
    work->text = must_have(js_dump(j));
    work->len = strlen(work->text);
    js_free(j);
}

void
api_post_explain(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct work init = {0};
    if (identity_in(w, req, EP_EXPLAIN, &init.id))
        return;
    init.table = table_ref(w->table);
    api_offload(w, req, EP_EXPLAIN, &init, explain);
}
