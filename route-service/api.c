/*
 * HTTP in, HTTP out: decodes a request, asks the part that knows, encodes the
 * answer.  Loop thread.  No decision is taken here.
 *
 *   api.c           the table of requests, and what all of them do
 *   api_later.c     answers that come from another thread
 *   api_state.c     health, metrics, servers
 *   api_history.c   tables, past ones too, and change sets
 *   api_change.c    change sets
 *   api_resolve.c   resolve and explain
 *   api_client.c    watches, reports, the register
 */
#include "route-service/api.h"

#include "common/base/js.h"
#include "common/base/must.h"
#include "route-service/api_parts.h"
#include "route-service/limits.h"

void
api_reply_take(struct worker *w, struct http_req *req, enum endpoint ep,
               struct json_t *taken)
{
    metrics_request(&w->metrics, ep, 200);
    http_reply_json_take(req, 200, taken);
}

void
api_reply_text(struct worker *w, struct http_req *req, enum endpoint ep,
               const char *text, size_t len)
{
    metrics_request(&w->metrics, ep, 200);
    http_reply_bytes(req, 200, "application/json", text, len);
}

void
api_refuse(struct worker *w, struct http_req *req, enum endpoint ep,
           const struct err *err)
{
    metrics_request(&w->metrics, ep, http_status_of(err->code));
    http_reply_err(req, err);
}

struct json_t *
api_body(struct worker *w, struct http_req *req, enum endpoint ep)
{
    struct json_t *j = NULL;
    if (http_req_json(req, &j) == 0)
        return j;
    metrics_request(&w->metrics, ep, 400);
    return NULL;
}

int
api_stopping(struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
}

int
api_query_number(const struct http_req *req, const char *name, int64_t min,
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

static int
check_topics(const struct pt_identity *id, struct err *err)
{
    if (id->topics.n <= LIMIT_TOPICS)
        return 0;
    return err_field(err, ERR_LIMIT, "identity.topics", NULL,
                     "identity.topics has %zu entries; %d are allowed",
                     id->topics.n, LIMIT_TOPICS);
}

int
api_identity(const struct json_t *j, struct pt_identity *out, struct err *err)
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

const struct http_route api_routes[] = {
    {"POST", "/v1/resolve", api_post_resolve},
    {"POST", "/v1/reports", api_post_reports},
    {"POST", "/v1/watch", api_post_watch},
    {"GET", "/healthz", api_get_healthz},
    {"GET", "/readyz", api_get_readyz},
    {"GET", "/metrics", api_get_metrics},
    {"GET", "/v1/table?revision", api_get_table},
    {"GET", "/v1/diff?from&to", api_get_diff},
    {"POST", "/v1/changes", api_post_changes},
    {"GET", "/v1/history?limit&before", api_get_history},
    {"POST", "/v1/explain", api_post_explain},
    {"GET",
     "/v1/clients?limit&after&cluster.code&group&cluster&state&topic&name&host&"
     "instance&connected&behind&positions",
     api_get_clients},
    {"GET", "/v1/servers", api_get_servers},
    {0},
};
