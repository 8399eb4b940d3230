/*
 * Each loop picks and encodes its own page; the asking loop merges the pages
 * and cuts them to one.
 */
#include "route-service/roster.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/glob.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/api_parts.h"
#include "route-service/clients.h"
#include "route-service/gather.h"
#include "route-service/limits.h"

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
    char *globs[F_COUNT];                  /* NULL: any */
    enum tri connected, behind, positions; /* positions: YES to show them */
    char *after;                           /* NULL: from the first on */
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
        (rc = read_tri(req, "positions", &r->positions, err)) ||
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

/* The texts of all entries stand behind each other in `texts`. */
struct entry {
    char *instance;
    const char *text; /* when merged */
    size_t at, len;
};

struct page {
    struct entry *v;
    size_t n;
    size_t total; /* that match, on this page or not */
    struct buf texts;
};

static void
write_report(struct buf *b, const struct client *c, bool positions)
{
    if (!c->report) {
        buf_puts(b, ",\"report\":null,\"report_age_ms\":null}");
        return;
    }
    struct pt_report shown = *c->report;
    if (!positions)
        shown.n_positions = 0;
    buf_puts(b, ",\"report\":");
    pt_report_write(b, &shown);
    buf_printf(b, ",\"report_age_ms\":%" PRId64 "}",
               clock_mono_ms() - c->report_ms);
}

static void
write_one(struct buf *b, const struct client *c, bool positions)
{
    const struct pt_client who = client_who(c);
    buf_puts(b, "{\"client\":");
    pt_client_write(b, &who);
    buf_puts(b, ",\"identity\":");
    pt_identity_write(b, &c->audience->id);
    buf_printf(b, ",\"connected\":%s,\"address\":",
               c->state == CLIENT_CONNECTED ? "true" : "false");
    js_write_str(b, client_address(c));
    buf_printf(
        b, ",\"since_ms\":%" PRId64 ",\"revision\":%" PRId64 ",\"behind\":%s",
        c->since_ms, c->told, client_behind(c) ? "true" : "false");
    write_report(b, c, positions);
}

static struct entry
entry_of(struct page *page, const struct client *c, bool positions)
{
    const size_t at = page->texts.len;
    write_one(&page->texts, c, positions);
    return (struct entry){xstrdup(client_instance(c)), NULL, at,
                          page->texts.len - at};
}

static int
by_instance(const void *a, const void *b)
{
    const struct client *const *x = a;
    const struct client *const *y = b;
    return strcmp(client_instance(*x), client_instance(*y));
}

static void *
page_here(struct worker *w, const void *arg)
{
    const struct roster *r = arg;
    struct page *page = xcalloc(1, sizeof(*page));
    buf_init(&page->texts, SIZE_MAX / 2);
    const size_t all = clients_connected(w->clients) + clients_away(w->clients);
    const struct client **v = xcalloc(all + 1, sizeof(struct client *));
    size_t n = 0;
    for (const struct client *c = clients_first(w->clients); c;
         c = client_next(c)) {
        if (!matches(r, c))
            continue;
        page->total++;
        if (!r->after || strcmp(client_instance(c), r->after) > 0)
            v[n++] = c;
    }
    qsort(v, n, sizeof(struct client *), by_instance);
    /* One more than asked for says that there is a next page. */
    page->n = n < r->limit + 1 ? n : r->limit + 1;
    page->v = xcalloc(page->n + 1, sizeof(*page->v));
    for (size_t i = 0; i < page->n; i++)
        page->v[i] = entry_of(page, v[i], r->positions == YES);
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
write_page(struct buf *b, const struct page *page, size_t limit)
{
    const size_t n = page->n < limit ? page->n : limit;
    buf_puts(b, "{\"clients\":[");
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, i ? "," : "");
        buf_append(b, page->v[i].text, page->v[i].len);
    }
    buf_printf(b, "],\"total\":%zu", page->total);
    buf_puts(b, ",\"next\":");
    js_write_str(b, page->n > limit ? page->v[n - 1].instance : NULL);
    buf_puts(b, "}");
    must(buf_failed(b) ? ERR_NOMEM : 0);
}

/* Borrows the texts of the parts. */
static struct page
merge(void *const *parts, size_t n)
{
    struct page all = {0};
    for (size_t i = 0; i < n; i++) {
        struct page *page = parts[i];
        must(buf_failed(&page->texts) ? ERR_NOMEM : 0);
        all.v = xreallocarray(all.v, all.n + page->n + 1, sizeof(*all.v));
        for (size_t k = 0; k < page->n; k++) {
            all.v[all.n + k] = page->v[k];
            all.v[all.n + k].text = page->texts.data + page->v[k].at;
        }
        all.n += page->n;
        all.total += page->total;
    }
    qsort(all.v, all.n, sizeof(*all.v), by_entry);
    return all;
}

static void
page_free(struct page *page)
{
    for (size_t i = 0; i < page->n; i++)
        free(page->v[i].instance);
    free(page->v);
    buf_fini(&page->texts);
    free(page);
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
    free(all.v);
    for (size_t i = 0; i < n; i++)
        page_free(parts[i]);
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
