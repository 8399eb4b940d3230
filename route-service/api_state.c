/* How the server is, and what it serves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/audience.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"
#include "route-service/must.h"

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
    if (!w->stopping) {
        api_reply_take(w, req, EP_READYZ, status_json(w));
        return;
    }
    (void)api_stopping(&err); /* its code is in err */
    api_refuse(w, req, EP_READYZ, &err);
}

void
api_get_servers(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct json_t *one = js_object();
    struct json_t *all = js_array();
    struct json_t *j = js_object();
    must(js_put_str(one, "id", w->service->id));
    must(js_put_str(one, "url", w->service->url));
    must(js_add_take(all, one));
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

/* ---- table and history --------------------------------------------------- */

/* Offload thread, as all that end in a text. */
static void
finish(struct work *work, struct json_t *taken)
{
    work->text = must_have(js_dump(taken));
    work->len = strlen(work->text);
    js_free(taken);
}

static void
encode_table(void *arg)
{
    struct work *work = arg;
    work->text = table_text(work->table, &work->len);
}

void
api_get_table(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    const struct work init = {.table = table_ref(w->table)};
    api_offload(w, req, EP_TABLE, &init, encode_table);
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

static void
read_history(void *arg)
{
    struct work *work = arg;
    struct page page = {.changes = must_have(js_array())};
    struct json_t *j = js_object();
    work->rc = store_each_back(work->store, work->before, (size_t)work->limit,
                               add_stored, &page, &work->err);
    must(js_put_take(j, "changes", page.changes));
    finish(work, j);
}

void
api_get_history(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    struct work init = {
        .store = w->service->store, .limit = 100, .before = INT64_MAX};
    if (api_query_number(req, "limit", 1, LIMIT_HISTORY, &init.limit, &err) ||
        api_query_number(req, "before", 1, INT64_MAX, &init.before, &err)) {
        api_refuse(w, req, EP_HISTORY, &err);
        return;
    }
    api_offload(w, req, EP_HISTORY, &init, read_history);
}
