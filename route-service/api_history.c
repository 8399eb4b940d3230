/* Tables, past ones too, and the change sets between them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/diff.h"
#include "route-service/limits.h"

/* Offload thread, as all that end in a text. */
static void
finish(struct work *work, struct json_t *taken)
{
    work->text = must_have(js_dump(taken));
    work->len = strlen(work->text);
    js_free(taken);
}

/* ---- tables -------------------------------------------------------------- */

static void
encode_table(void *arg)
{
    struct work *work = arg;
    if (!work->table)
        work->rc = history_table(work->history, work->revision, &work->table,
                                 &work->err);
    if (work->rc == 0)
        work->text = table_text(work->table, &work->len);
}

void
api_get_table(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    struct work init = {.history = w->service->history, .revision = -1};
    if (api_query_number(req, "revision", 0, INT64_MAX, &init.revision, &err)) {
        api_refuse(w, req, EP_TABLE, &err);
        return;
    }
    if (init.revision < 0 || init.revision == w->table->revision)
        init.table = table_ref(w->table);
    api_offload(w, req, EP_TABLE, &init, encode_table);
}

static char *
difference(const struct table *from, const struct table *to)
{
    struct differences d;
    diff_tables(from, to, &d);
    char *changed = diff_text(&d);
    char *text =
        xasprintf("{\"from\":%lld,\"to\":%lld,\"changed\":%s}",
                  (long long)from->revision, (long long)to->revision, changed);
    differences_fini(&d);
    free(changed);
    return text;
}

static void
compare_tables(void *arg)
{
    struct work *work = arg;
    struct table *from = NULL;
    work->rc = history_table(work->history, work->before, &from, &work->err);
    if (work->rc == 0 && !work->table)
        work->rc = history_table(work->history, work->revision, &work->table,
                                 &work->err);
    if (work->rc == 0) {
        work->text = difference(from, work->table);
        work->len = strlen(work->text);
    }
    table_unref(from);
}

void
api_get_diff(struct http_req *req, void *ctx)
{
    struct worker *w = ctx;
    struct err err;
    struct work init = {
        .history = w->service->history, .revision = -1, .before = -1};
    int rc;
    if ((rc = api_query_number(req, "from", 0, INT64_MAX, &init.before,
                               &err)) == 0 &&
        (rc = api_query_number(req, "to", 0, INT64_MAX, &init.revision,
                               &err)) == 0 &&
        init.before < 0)
        rc = err_field(&err, ERR_INVALID, "from", NULL,
                       "from is missing: /v1/diff?from=REVISION&to=REVISION");
    if (rc) {
        api_refuse(w, req, EP_DIFF, &err);
        return;
    }
    if (init.revision < 0)
        init.table = table_ref(w->table);
    api_offload(w, req, EP_DIFF, &init, compare_tables);
}

/* ---- change sets --------------------------------------------------------- */

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
