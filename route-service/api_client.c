/* Clients: their streams, their reports, who is there. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"
#include "route-service/roster.h"
#include "route-service/watch.h"

/* The body, which is kept for long and so has a lower cap. */
static struct json_t *
client_body(struct worker *w, struct http_req *req, enum endpoint ep)
{
    size_t len;
    struct err err;
    (void)http_req_body(req, &len); /* only its length */
    if (len <= LIMIT_CLIENT_BYTES)
        return api_body(w, req, ep);
    (void)err_set(&err, ERR_LIMIT, "%s takes at most %zu bytes, not %zu",
                  endpoint_path(ep), LIMIT_CLIENT_BYTES, len);
    api_refuse(w, req, ep, &err);
    return NULL;
}

/* ---- watches ------------------------------------------------------------- */

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
    rc = api_identity(j, id, err);
    if (rc)
        pt_client_fini(client);
    return rc;
}

/* False: it has been refused.  Before the body is looked at: a crowd that
 * comes back at once should cost little. */
static bool
admitted(struct worker *w, struct http_req *req)
{
    struct err err;
    int retry_s = 0;
    if (w->stopping) {
        (void)api_stopping(&err); /* its code is in err */
        api_refuse(w, req, EP_WATCH, &err);
        return false;
    }
    if (admission_take(&w->service->admission, clock_mono_us(), &retry_s))
        return true;
    (void)err_set(&err, ERR_BUSY,
                  "too many streams are being opened: come back in %d s",
                  retry_s);
    w->metrics.streams_refused++;
    metrics_request(&w->metrics, EP_WATCH, http_status_of(ERR_BUSY));
    http_reply_err_after(req, &err, retry_s);
    return false;
}

void
api_post_watch(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct pt_client client;
    struct pt_identity id;
    struct err err;
    if (!admitted(w, req))
        return;
    struct json_t *j = client_body(w, req, EP_WATCH);
    if (!j)
        return;
    const int rc = decode_watch(j, &client, &id, &err);
    js_free(j);
    if (rc) {
        api_refuse(w, req, EP_WATCH, &err);
        return;
    }
    metrics_request(&w->metrics, EP_WATCH, 200);
    watches_open(w->watches, req, &client, &id);
    pt_client_fini(&client);
    pt_identity_fini(&id);
}

/* ---- reports ------------------------------------------------------------- */

/* The loop that has the client's stream takes the report. */
static bool
took(struct worker *w, struct pt_report *r)
{
    struct client *c = clients_find(w->clients, r->instance);
    if (!c || c->state != CLIENT_CONNECTED)
        return false;
    client_report_take(c, r);
    return true;
}

/* A report that looks for its loop.  `text` is shared, and decoded anew where
 * the client is. */
struct search {
    struct later *later;
    char *instance, *text;
};

static void *
look_here(struct worker *w, const void *arg)
{
    static char yes;
    const struct search *s = arg;
    struct pt_report r;
    struct json_t *j = NULL;
    const struct client *c = clients_find(w->clients, s->instance);
    if (!c || c->state != CLIENT_CONNECTED)
        return NULL;
    int rc = js_parse(s->text, strlen(s->text), &j, NULL);
    if (rc == 0)
        rc = pt_report_decode(j, &r, NULL);
    js_free(j);
    return rc == 0 && took(w, &r) ? &yes : NULL;
}

static void
unknown(struct err *err, const char *instance)
{
    (void)err_field(err, ERR_NOTFOUND, "instance", instance,
                    "client \"%.100s\" has no stream open: watch first",
                    instance);
}

static void
on_looked(struct worker *home, void **parts, size_t n, void *arg)
{
    struct search *s = arg;
    struct err err;
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= parts[i] != NULL;
    home->metrics.reports += found;
    if (found) {
        later_reply_text(s->later, "{}", 2);
    } else {
        unknown(&err, s->instance);
        later_refuse(s->later, &err);
    }
    free(s->instance);
    free(s->text);
    free(s);
}

static void
look_everywhere(struct worker *w, struct http_req *req, const char *instance)
{
    struct search *s = xcalloc(1, sizeof(*s));
    size_t len;
    s->text = must_have(http_req_body_dup(req, &len));
    s->instance = xstrdup(instance);
    s->later = later_new(w, req, EP_REPORTS);
    gather_start(w, look_here, on_looked, s);
}

void
api_post_reports(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct pt_report r;
    struct err err;
    struct json_t *j = client_body(w, req, EP_REPORTS);
    if (!j)
        return;
    const int rc = pt_report_decode(j, &r, &err);
    js_free(j);
    if (rc) {
        api_refuse(w, req, EP_REPORTS, &err);
        return;
    }
    if (took(w, &r)) {
        w->metrics.reports++;
        api_reply_text(w, req, EP_REPORTS, "{}", 2);
        return;
    }
    look_everywhere(w, req, r.instance);
    pt_report_fini(&r);
}

/* ---- the register -------------------------------------------------------- */

static void
on_roster(const char *text, size_t len, void *arg)
{
    later_reply_text(arg, text, len);
}

void
api_get_clients(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    struct later *l = later_new(w, req, EP_CLIENTS);
    if (roster_gather(w, req, on_roster, l, &err) != 0)
        later_refuse(l, &err);
}
