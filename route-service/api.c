/*
 * HTTP in, HTTP out: decodes a request, asks the part that knows, encodes the
 * answer.  Loop thread.  No decision is taken here.
 */
#include "route-service/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/change.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/must.h"
#include "route-service/resolve.h"
#include "route-service/service.h"

static void
reply(struct service *s, struct http_req *req, const char *path,
      struct json_t *taken)
{
    metrics_request(&s->metrics, path, 200);
    http_reply_json_take(req, 200, taken);
}

static void
refuse(struct service *s, struct http_req *req, const char *path,
       const struct err *err)
{
    metrics_request(&s->metrics, path, http_status_of(err->code));
    http_reply_err(req, err);
}

/* The body as a JSON object; NULL: it has been refused. */
static struct json_t *
body_of(struct service *s, struct http_req *req, const char *path)
{
    struct json_t *j = NULL;
    if (http_req_json(req, &j) == 0)
        return j;
    metrics_request(&s->metrics, path, 400);
    return NULL;
}

/* The same of a client's words about itself, which are kept. */
static struct json_t *
client_body_of(struct service *s, struct http_req *req, const char *path)
{
    size_t len;
    struct err err;
    (void)http_req_body(req, &len); /* only its length */
    if (len <= LIMIT_CLIENT_BYTES)
        return body_of(s, req, path);
    (void)err_set(&err, ERR_LIMIT, "%s takes at most %zu bytes, not %zu", path,
                  LIMIT_CLIENT_BYTES, len);
    refuse(s, req, path, &err);
    return NULL;
}

static int
stopping(struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
}

/* ---- state --------------------------------------------------------------- */

static struct json_t *
status_json(const struct service *s)
{
    struct json_t *j = js_object();
    must(js_put_str(j, "status", "ok"));
    must(js_put_int(j, "revision", s->table->revision));
    return j;
}

static void
get_healthz(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    reply(s, req, "/healthz", status_json(s));
}

static void
get_readyz(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    if (!s->stopping) {
        reply(s, req, "/readyz", status_json(s));
        return;
    }
    struct err err;
    (void)stopping(&err); /* its code is in err */
    refuse(s, req, "/readyz", &err);
}

static void
get_metrics(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    const struct table *t = s->table;
    const struct gauges g = {
        .revision = t->revision,
        .watchers = watchers_count(s->watchers),
        .connections = http_server_connections(s->server),
        .clusters = table_count(t, KIND_CLUSTER),
        .flows = table_count(t, KIND_FLOW),
        .rules = table_count(t, KIND_RULE),
    };
    metrics_request(&s->metrics, "/metrics", 200);
    char *text = metrics_text(&s->metrics, &g);
    http_reply_text(req, 200, "text/plain; version=0.0.4", text);
    free(text);
}

static void
get_table(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    reply(s, req, "/v1/table", table_encode(s->table));
}

static void
get_clients(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct json_t *j = js_object();
    must(js_put_take(j, "clients", watchers_encode(s->watchers)));
    reply(s, req, "/v1/clients", j);
}

/* ---- history ------------------------------------------------------------- */

static int
query_number(const struct http_req *req, const char *name, int64_t min,
             int64_t max, int64_t *out, struct err *err)
{
    const char *given = http_req_query(req, name);
    if (!given || str_to_i64(given, min, max, out))
        return 0;
    return err_field(err, ERR_INVALID, name, given,
                     "%s must be a whole number from %lld to %lld, not "
                     "\"%.60s\"",
                     name, (long long)min, (long long)max, given);
}

struct page {
    struct json_t *changes;
    size_t bytes;
};

static int
add_stored(int64_t revision, const char *text, size_t len, void *arg,
           struct err *err)
{
    struct page *page = arg;
    struct json_t *j;
    page->bytes += len;
    if (page->bytes > LIMIT_HISTORY_BYTES && js_len(page->changes) > 0)
        return err_set(err, ERR_LIMIT,
                       "the changes back to revision %lld are more than %zu "
                       "bytes: ask with a smaller limit",
                       (long long)revision, LIMIT_HISTORY_BYTES);
    const int rc = js_parse(text, len, &j, err);
    if (rc == 0)
        must(js_add_take(page->changes, j));
    return rc;
}

static int
read_history(struct service *s, const struct http_req *req,
             struct json_t *array, struct err *err)
{
    struct page page = {.changes = array};
    int64_t limit = 100;
    int64_t before = INT64_MAX;
    int rc;
    if ((rc = query_number(req, "limit", 1, LIMIT_HISTORY, &limit, err)) ||
        (rc = query_number(req, "before", 1, INT64_MAX, &before, err)))
        return rc;
    return store_each_back(s->store, before, (size_t)limit, add_stored, &page,
                           err);
}

static void
get_history(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct err err;
    struct json_t *array = must_have(js_array());
    if (read_history(s, req, array, &err)) {
        js_free(array);
        refuse(s, req, "/v1/history", &err);
        return;
    }
    struct json_t *j = js_object();
    must(js_put_take(j, "changes", array));
    reply(s, req, "/v1/history", j);
}

/* ---- changes ------------------------------------------------------------- */

/* A change set at the writer; its request may go away meanwhile. */
struct pending {
    struct service *s;
    struct http_req *req; /* NULL: gone */
};

static void
on_requester_gone(void *arg)
{
    struct pending *p = arg;
    p->req = NULL;
}

static void
refuse_change(struct service *s, struct http_req *req, const struct outcome *o)
{
    if (o->rc != ERR_CONFLICT) {
        refuse(s, req, "/v1/changes", o->err);
        return;
    }
    struct json_t *e = js_object();
    struct json_t *j = js_object();
    must(js_put_str(e, "code", err_name(o->rc)));
    must(js_put_words(e, "field", o->err->field));
    must(js_put_words(e, "value", o->err->value));
    must(js_put_words(e, "message", o->err->text));
    must(js_put_int(e, "revision", o->head));
    must(js_put_take(j, "error", e));
    metrics_request(&s->metrics, "/v1/changes", 409);
    http_reply_json_take(req, 409, j);
}

static struct json_t *
change_answer(struct service *s, const struct outcome *o, struct json_t *moves)
{
    struct json_t *j = js_object();
    const int64_t head = s->table->revision;
    must(js_put_int(j, "revision", o->committed ? o->table->revision : head));
    must(js_put_bool(j, "dry_run", o->dry_run));
    must(js_put_strs(j, "warnings", o->warnings));
    must(js_put_take(j, "moves", moves));
    return j;
}

static void
count_change(struct metrics *m, const struct outcome *o)
{
    m->changes_refused += o->rc != 0;
    m->changes_committed += o->committed;
    m->dry_runs += o->rc == 0 && o->dry_run;
}

static void
on_outcome(const struct outcome *o, void *arg)
{
    struct pending *p = arg;
    struct service *s = p->s;
    count_change(&s->metrics, o);
    struct json_t *moves = NULL;
    if (o->rc == 0)
        moves = watchers_moves(s->watchers, o->before, o->table);
    if (!p->req)
        js_free(moves);
    else if (o->rc)
        refuse_change(s, p->req, o);
    else
        reply(s, p->req, "/v1/changes", change_answer(s, o, moves));
    free(p);
}

static void
post_changes(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct err err;
    size_t len;
    const char *body = http_req_body(req, &len);
    char *copy = xmalloc(len + 1);
    memcpy(copy, body, len);
    struct pending *p = xcalloc(1, sizeof(*p));
    *p = (struct pending){s, req};
    const int rc = committer_submit_take(s->committer, copy, len, s->loop,
                                         on_outcome, p, &err);
    if (rc == 0) {
        http_req_on_close(req, on_requester_gone, p);
        return;
    }
    free(p);
    refuse(s, req, "/v1/changes", &err);
}

/* ---- identities ---------------------------------------------------------- */

static int
check_topics(const struct pt_identity *id, struct err *err)
{
    if (id->topics.n <= LIMIT_TOPICS)
        return 0;
    return err_field(err, ERR_LIMIT, "identity.topics", NULL,
                     "identity.topics has %zu entries; %d are allowed",
                     id->topics.n, LIMIT_TOPICS);
}

static int
identity_of(const struct json_t *j, struct pt_identity *out, struct err *err)
{
    struct json_t *v = NULL;
    int rc;
    if ((rc = js_get_object(j, "", "identity", JS_REQUIRED, &v, err)) ||
        (rc = pt_identity_decode(v, "identity", out, err)))
        return rc;
    rc = check_topics(out, err);
    if (rc)
        pt_identity_fini(out);
    return rc;
}

/* The identity in the body of `path`; non-zero: it has been refused. */
static int
request_identity(struct service *s, struct http_req *req, const char *path,
                 struct pt_identity *out)
{
    static const char *const keys[] = {"identity", NULL};
    struct err err;
    struct json_t *j = body_of(s, req, path);
    if (!j)
        return ERR_PARSE;
    int rc = js_only_keys(j, "", keys, &err);
    if (rc == 0)
        rc = identity_of(j, out, &err);
    js_free(j);
    if (rc)
        refuse(s, req, path, &err);
    return rc;
}

static void
post_resolve(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct pt_identity id;
    struct pt_answer a;
    if (request_identity(s, req, "/v1/resolve", &id))
        return;
    resolve(s->table, &id, &a);
    reply(s, req, "/v1/resolve", pt_answer_encode(&a));
    pt_answer_fini(&a);
    pt_identity_fini(&id);
}

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
post_explain(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    const struct table *t = s->table;
    struct pt_identity id;
    if (request_identity(s, req, "/v1/explain", &id))
        return;
    struct json_t *topics = js_array();
    for (size_t i = 0; i < resolve_topics(&id); i++)
        must(js_add_take(topics, explain_topic(t, &id, resolve_topic(&id, i))));
    struct json_t *j = js_object();
    must(js_put_int(j, "revision", t->revision));
    must(js_put_take(j, "topics", topics));
    reply(s, req, "/v1/explain", j);
    pt_identity_fini(&id);
}

/* ---- live clients -------------------------------------------------------- */

static int
decode_watch(const struct json_t *j, struct pt_client *client,
             struct pt_identity *id, struct err *err)
{
    static const char *const keys[] = {"client", "identity", NULL};
    struct json_t *v = NULL;
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_object(j, "", "client", JS_REQUIRED, &v, err)) ||
        (rc = pt_client_decode(v, "client", client, err)))
        return rc;
    rc = identity_of(j, id, err);
    if (rc)
        pt_client_fini(client);
    return rc;
}

static void
post_watch(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct pt_client client;
    struct pt_identity id;
    struct err err;
    struct json_t *j = client_body_of(s, req, "/v1/watch");
    if (!j)
        return;
    int rc = decode_watch(j, &client, &id, &err);
    js_free(j);
    if (rc == 0 && s->stopping) {
        pt_client_fini(&client);
        pt_identity_fini(&id);
        rc = stopping(&err);
    }
    if (rc) {
        refuse(s, req, "/v1/watch", &err);
        return;
    }
    metrics_request(&s->metrics, "/v1/watch", 200);
    watchers_add_take(s->watchers, req, &client, &id);
}

static void
post_reports(struct http_req *req, void *ctx)
{
    struct service *s = ctx;
    struct pt_report r;
    struct err err;
    struct json_t *j = client_body_of(s, req, "/v1/reports");
    if (!j)
        return;
    int rc = pt_report_decode(j, &r, &err);
    js_free(j);
    if (rc == 0)
        rc = watchers_report_take(s->watchers, &r, &err);
    if (rc) {
        refuse(s, req, "/v1/reports", &err);
        return;
    }
    s->metrics.reports++;
    reply(s, req, "/v1/reports", js_object());
}

const struct http_route api_routes[] = {
    {"GET", "/healthz", get_healthz},
    {"GET", "/readyz", get_readyz},
    {"GET", "/metrics", get_metrics},
    {"GET", "/v1/table", get_table},
    {"GET", "/v1/history?limit&before", get_history},
    {"GET", "/v1/clients", get_clients},
    {"POST", "/v1/changes", post_changes},
    {"POST", "/v1/resolve", post_resolve},
    {"POST", "/v1/explain", post_explain},
    {"POST", "/v1/watch", post_watch},
    {"POST", "/v1/reports", post_reports},
    {0},
};
