/*
 * One request under way for each service; when a page has a next one it is
 * asked for in the callback.  Everything runs on the calling thread.
 */
#include "offset-mapper/group_clients.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"

#define PAGE             500
#define ANSWER_MAX_BYTES ((size_t)256 << 20)

struct reading {
    struct http_client *client;
    const char *group, *cluster;
    int64_t deadline_ms;
    struct group *g;
    size_t *n_members;
    size_t n_waiting; /* services */
    int rc;           /* the first error */
    struct err *err;
};

struct service {
    struct reading *reading;
    const char *base;
};

static void
add_encoded(struct buf *b, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *value; value++)
        if (strchr(plain, *value))
            buf_append(b, value, 1);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)*value);
}

/* The group is a pattern there: it fits itself, and others are left out when
 * the answer is read. */
static char *
url_of(const struct service *s, const char *after)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    buf_printf(&b, "%s/v1/clients?positions=true&limit=%d&group=", s->base,
               PAGE);
    add_encoded(&b, s->reading->group);
    if (after) {
        buf_puts(&b, "&after=");
        add_encoded(&b, after);
    }
    char *url = buf_take(&b);
    if (!url)
        abort(); /* out of memory */
    return url;
}

static void on_done(const struct http_answer *a, void *arg);

static int
ask(struct service *s, const char *after, struct err *err)
{
    struct reading *r = s->reading;
    char *url = url_of(s, after);
    struct http_call *call;
    const int64_t left_ms = r->deadline_ms - clock_mono_ms();
    const struct http_call_conf conf = {
        .method = "GET",
        .url = url,
        .timeout_ms = left_ms < 1 ? 1 : left_ms,
        .answer_max_bytes = ANSWER_MAX_BYTES,
        .on_done = on_done,
        .arg = s,
    };
    const int rc = http_call_start(r->client, &conf, &call, err);
    free(url);
    return rc;
}

static int
refused(const struct service *s, const struct http_answer *a, struct err *err)
{
    return a->error ? err_set(err, a->error, "%s", a->text)
                    : err_set(err, ERR_UNAVAILABLE,
                              "%s answers %d to the question for clients",
                              s->base, a->status);
}

/* *more: another page has been asked for. */
static int
take_page(struct service *s, const struct http_answer *a, bool *more,
          struct err *err)
{
    struct reading *r = s->reading;
    struct json_t *j = NULL;
    char *next = NULL;
    *more = false;
    if (a->error || a->status != 200)
        return refused(s, a, err);
    int rc = js_parse(a->body, a->len, &j, err);
    if (rc == 0)
        rc = group_take_clients(r->g, j, r->group, r->cluster, r->n_members,
                                &next, err);
    if (rc == 0 && next)
        rc = ask(s, next, err);
    *more = rc == 0 && next;
    free(next);
    js_free(j);
    return rc;
}

static void
note(struct reading *r, int rc, const struct err *err)
{
    if (rc && !r->rc) {
        r->rc = rc;
        *r->err = *err;
    }
}

static void
on_done(const struct http_answer *a, void *arg)
{
    struct service *s = arg;
    struct err err = {0};
    bool more;
    const int rc = take_page(s, a, &more, &err);
    note(s->reading, rc, &err);
    if (!more)
        s->reading->n_waiting--;
}

int
group_clients_read(const struct strlist *services, const char *group,
                   const char *cluster, int64_t deadline_ms, struct group *g,
                   size_t *n_members, struct err *err)
{
    struct reading r = {.group = group,
                        .cluster = cluster,
                        .deadline_ms = deadline_ms,
                        .g = g,
                        .n_members = n_members,
                        .err = err};
    *n_members = 0;
    const int rc = http_client_new(&r.client, err);
    if (rc)
        return rc;
    struct service *all = xcalloc(services->n + 1, sizeof(*all));
    for (size_t i = 0; i < services->n; i++) {
        struct err why;
        all[i] = (struct service){&r, services->v[i]};
        const int started = ask(&all[i], NULL, &why);
        note(&r, started, &why);
        r.n_waiting += started == 0;
    }
    while (r.n_waiting > 0) /* each ends by its own time */
        http_client_poll(r.client, 1000);
    http_client_free(r.client);
    free(all);
    return r.rc;
}
