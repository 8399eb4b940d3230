/*
 * Each loop picks and encodes its own page; the asking loop merges the pages
 * and cuts them to one.
 */
#include "route-service/roster.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/glob.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"
#include "route-service/must.h"

/* ---- filters ------------------------------------------------------------- */

enum {
    F_CODE,
    F_GROUP,
    F_CLUSTER,
    F_STATE,
    F_TOPIC,
    F_NAME,
    F_HOST,
    F_INSTANCE,
    F_COUNT
};

static const char *const names[F_COUNT] = {
    [F_CODE] = "cluster.code", [F_GROUP] = "group",
    [F_CLUSTER] = "cluster",   [F_STATE] = "state",
    [F_TOPIC] = "topic",       [F_NAME] = "name",
    [F_HOST] = "host",         [F_INSTANCE] = "instance"};

enum tri { EITHER, YES, NO };

struct roster {
    char *globs[F_COUNT]; /* NULL: any */
    enum tri connected, behind;
    char *after; /* NULL: from the first on */
    size_t limit;
    roster_fn done;
    void *arg;
};

static void
roster_free(struct roster *r)
{
    for (size_t i = 0; i < F_COUNT; i++)
        free(r->globs[i]);
    free(r->after);
    free(r);
}

static int
read_tri(const struct http_req *req, const char *name, enum tri *out,
         struct err *err)
{
    const char *given = http_req_query(req, name);
    *out = EITHER;
    if (!given)
        return 0;
    *out = strcmp(given, "true") == 0 ? YES : NO;
    if (*out == YES || strcmp(given, "false") == 0)
        return 0;
    return err_field(err, ERR_INVALID, name, given,
                     "%s is true or false, not \"%.60s\"", name, given);
}

static int
read_globs(const struct http_req *req, struct roster *r, struct err *err)
{
    for (size_t i = 0; i < F_COUNT; i++) {
        const char *given = http_req_query(req, names[i]);
        if (!given)
            continue;
        if (!glob_valid(given))
            return err_field(err, ERR_INVALID, names[i], given,
                             "%s must be a pattern: text, * and ?, not "
                             "\"%.60s\"",
                             names[i], given);
        r->globs[i] = xstrdup(given);
    }
    return 0;
}

static int
read_query(const struct http_req *req, struct roster *r, struct err *err)
{
    int64_t limit = 1000;
    const char *after = http_req_query(req, "after");
    int rc;
    if ((rc = read_globs(req, r, err)) ||
        (rc = read_tri(req, "connected", &r->connected, err)) ||
        (rc = read_tri(req, "behind", &r->behind, err)) ||
        (rc = api_query_number(req, "limit", 1, LIMIT_CLIENTS, &limit, err)))
        return rc;
    r->limit = (size_t)limit;
    r->after = after ? xstrdup(after) : NULL;
    return 0;
}

static bool
fits(const char *glob, const char *value)
{
    return !glob || glob_match(glob, value ? value : "");
}

static bool
topic_fits(const char *glob, const struct pt_identity *id)
{
    if (!glob)
        return true;
    for (size_t i = 0; i < id->topics.n; i++)
        if (glob_match(glob, id->topics.v[i]))
            return true;
    return false;
}

static bool
tri_fits(enum tri want, bool is)
{
    return want == EITHER || (want == YES) == is;
}

static bool
matches(const struct roster *r, const struct client *c)
{
    const struct pt_client who = client_who(c);
    const struct pt_identity *id = &c->audience->id;
    return tri_fits(r->connected, c->state == CLIENT_CONNECTED) &&
           tri_fits(r->behind, client_behind(c)) &&
           fits(r->globs[F_CODE], id->cluster_code) &&
           fits(r->globs[F_GROUP], id->group) &&
           fits(r->globs[F_CLUSTER], c->report ? c->report->cluster : NULL) &&
           fits(r->globs[F_STATE], client_reported_state(c)) &&
           topic_fits(r->globs[F_TOPIC], id) &&
           fits(r->globs[F_NAME], who.name) &&
           fits(r->globs[F_HOST], who.host) &&
           fits(r->globs[F_INSTANCE], who.instance);
}

/* ---- one loop ------------------------------------------------------------ */

struct entry {
    char *instance, *text;
};

struct page {
    struct entry *v;
    size_t n;
    size_t total; /* that match, on this page or not */
};

static void
put_report(struct json_t *j, const struct client *c)
{
    if (!c->report) {
        must(js_put_null(j, "report"));
        must(js_put_null(j, "report_age_ms"));
        return;
    }
    must(js_put_take(j, "report", pt_report_encode(c->report)));
    must(js_put_int(j, "report_age_ms", clock_mono_ms() - c->report_ms));
}

static char *
encode(const struct client *c)
{
    struct json_t *j = js_object();
    const struct pt_client who = client_who(c);
    must(js_put_take(j, "client", pt_client_encode(&who)));
    must(js_put_take(j, "identity", pt_identity_encode(&c->audience->id)));
    must(js_put_bool(j, "connected", c->state == CLIENT_CONNECTED));
    must(js_put_str(j, "address", client_address(c)));
    must(js_put_int(j, "since_ms", c->since_ms));
    must(js_put_int(j, "revision", c->told));
    must(js_put_bool(j, "behind", client_behind(c)));
    put_report(j, c);
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

static int
by_instance(const void *a, const void *b)
{
    const struct client *const *x = a;
    const struct client *const *y = b;
    return strcmp(client_who(*x).instance, client_who(*y).instance);
}

static void *
page_here(struct worker *w, const void *arg)
{
    const struct roster *r = arg;
    struct page *page = xcalloc(1, sizeof(*page));
    const size_t all = clients_connected(w->clients) + clients_away(w->clients);
    const struct client **v = xcalloc(all + 1, sizeof(struct client *));
    size_t n = 0;
    for (const struct client *c = clients_first(w->clients); c;
         c = client_next(c)) {
        if (!matches(r, c))
            continue;
        page->total++;
        if (!r->after || strcmp(client_who(c).instance, r->after) > 0)
            v[n++] = c;
    }
    qsort(v, n, sizeof(struct client *), by_instance);
    /* One more than asked for says that there is a next page. */
    page->n = n < r->limit + 1 ? n : r->limit + 1;
    page->v = xcalloc(page->n + 1, sizeof(*page->v));
    for (size_t i = 0; i < page->n; i++)
        page->v[i] =
            (struct entry){xstrdup(client_who(v[i]).instance), encode(v[i])};
    free(v);
    return page;
}

/* ---- all of them --------------------------------------------------------- */

static int
by_entry(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    return strcmp(x->instance, y->instance);
}

static void
put_next(struct buf *b, const char *instance)
{
    struct json_t *j = js_object();
    must(js_put_str(j, "next", instance));
    char *text = must_have(js_dump(j));
    buf_puts(b, ",");
    buf_puts(b, text + 1); /* with the brace that ends all of it */
    free(text);
    js_free(j);
}

static void
write_page(struct buf *b, const struct page *page, size_t limit)
{
    const size_t n = page->n < limit ? page->n : limit;
    buf_puts(b, "{\"clients\":[");
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, i ? "," : "");
        buf_puts(b, page->v[i].text);
    }
    buf_printf(b, "],\"total\":%zu", page->total);
    put_next(b, page->n > limit ? page->v[n - 1].instance : NULL);
    must(buf_failed(b) ? ERR_NOMEM : 0);
}

static struct page
merge(void **parts, size_t n)
{
    struct page all = {0};
    for (size_t i = 0; i < n; i++) {
        struct page *page = parts[i];
        all.v = xreallocarray(all.v, all.n + page->n + 1, sizeof(*all.v));
        memcpy(all.v + all.n, page->v, page->n * sizeof(*all.v));
        all.n += page->n;
        all.total += page->total;
        free(page->v);
        free(page);
    }
    qsort(all.v, all.n, sizeof(*all.v), by_entry);
    return all;
}

static void
on_gathered(struct worker *home, void **parts, size_t n, void *arg)
{
    (void)home;
    struct roster *r = arg;
    struct page all = merge(parts, n);
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    write_page(&b, &all, r->limit);
    r->done(b.data, b.len, r->arg);
    buf_fini(&b);
    for (size_t i = 0; i < all.n; i++) {
        free(all.v[i].instance);
        free(all.v[i].text);
    }
    free(all.v);
    roster_free(r);
}

int
roster_gather(struct worker *home, const struct http_req *req, roster_fn done,
              void *arg, struct err *err)
{
    struct roster *r = xcalloc(1, sizeof(*r));
    r->done = done;
    r->arg = arg;
    const int rc = read_query(req, r, err);
    if (rc) {
        roster_free(r);
        return rc;
    }
    gather_start(home, page_here, on_gathered, r);
    return 0;
}
