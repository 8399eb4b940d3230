/* How the server is, and what it serves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/audience.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"

static struct json_t *
status_json(const struct worker *w)
{
    struct json_t *j = js_object();
    must(js_put_str(j, "status", "ok"));
    must(js_put_int(j, "revision", w->table->revision));
    return j;
}

void
api_get_healthz(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    api_reply_take(w, req, EP_HEALTHZ, status_json(w));
}

void
api_get_readyz(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    const int rc = w->stopping ? api_stopping(&err)
                               : committer_ready(w->service->committer, &err);
    if (rc)
        api_refuse(w, req, EP_READYZ, &err);
    else
        api_reply_take(w, req, EP_READYZ, status_json(w));
}

static void
add_server(struct json_t *all, const char *id, const char *url)
{
    struct json_t *one = js_object();
    must(js_put_str(one, "id", id));
    must(js_put_str(one, "url", url));
    must(js_add_take(all, one));
}

/* Itself, also while the group does not know of it. */
void
api_get_servers(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct json_t *all = js_array();
    struct json_t *j = js_object();
    struct props list = {0};
    committer_servers(w->service->committer, &list);
    must(props_set(&list, w->service->id, w->service->url));
    for (size_t i = 0; i < list.n; i++)
        add_server(all, list.v[i].key, list.v[i].value);
    props_fini(&list);
    must(js_put_str(j, "self", w->service->id));
    must(js_put_take(j, "servers", all));
    api_reply_take(w, req, EP_SERVERS, j);
}

/* ---- metrics ------------------------------------------------------------- */

static void *
count_loop(struct worker *w, const void *arg)
{
    (void)arg;
    struct metrics_part *part = xcalloc(1, sizeof(*part));
    part->counted = w->metrics;
    part->watchers = clients_connected(w->clients);
    part->away = clients_away(w->clients);
    part->identities = audiences_count(w->audiences);
    http_server_counts(w->server, &part->http);
    return part;
}

static void
on_counted(struct worker *home, void **parts, size_t n, void *arg)
{
    struct later *l = arg;
    const struct table *t = home->table;
    struct metrics_part *all = xcalloc(n, sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        all[i] = *(struct metrics_part *)parts[i];
        free(parts[i]);
    }
    const struct metrics_gauges g = {
        .revision = t->revision,
        .ready = committer_ready(home->service->committer, NULL) == 0,
        .clusters = table_count(t, KIND_CLUSTER),
        .flows = table_count(t, KIND_FLOW),
        .rules = table_count(t, KIND_RULE),
    };
    char *text = metrics_text(all, n, &g);
    metrics_request(&home->metrics, EP_METRICS, 200);
    if (l->req)
        http_reply_text(l->req, 200, "text/plain; version=0.0.4", text);
    later_drop(l);
    free(text);
    free(all);
}

void
api_get_metrics(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    gather_start(w, count_loop, on_counted, later_new(w, req, EP_METRICS));
}
