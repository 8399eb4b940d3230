/* The servers of a group, and one list out of what each of them says. */
#include "ctl/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/out.h"

/* ---- who they are -------------------------------------------------------- */

static bool
is_self(const struct json_t *answer, const struct json_t *server)
{
    const char *self = js_str(js_any(answer, "self"));
    const char *id = js_str(js_any(server, "id"));
    return self && id && strcmp(self, id) == 0;
}

static void
add_url(struct servers *s, const char *url)
{
    if (url && !strlist_has(&s->urls, url) && strlist_add(&s->urls, url) != 0)
        abort(); /* out of memory */
}

static void
fill(struct servers *s, const struct json_t *answer, const char *reached)
{
    for (size_t i = 0; i < js_len(s->list); i++) {
        struct json_t *server = js_at(s->list, i);
        if (is_self(answer, server) && js_put_str(server, "url", reached) != 0)
            abort(); /* out of memory */
        add_url(s, js_str(js_any(server, "url")));
    }
    add_url(s, reached); /* does not name itself: an older one */
}

int
servers_find(const struct ctl *ctl, struct servers *out)
{
    const struct call call = {.kind = CALL_READ,
                              .method = "GET",
                              .path = "/v1/servers",
                              .may_lack = true};
    struct reply r;
    *out = (struct servers){0};
    const int rc = call_any(ctl, ctl->conf.route_service, &call, &r);
    if (!rc) {
        struct json_t *list = js_any(r.json, "servers");
        out->list = list ? js_ref(list) : js_array();
        fill(out, r.json, r.base);
    }
    reply_fini(&r);
    return rc;
}

void
servers_fini(struct servers *s)
{
    strlist_fini(&s->urls);
    js_free(s->list);
    *s = (struct servers){0};
}

size_t
servers_say_silent(const struct reply *replies, size_t n, const char *missing)
{
    size_t silent = 0;
    for (size_t i = 0; i < n; i++) {
        if (replies[i].json && replies[i].status < 400)
            continue;
        (void)fprintf(stderr, "shuntctl: no answer from %s, %s: %s\n",
                      replies[i].base, missing, replies[i].err.text);
        silent++;
    }
    return silent;
}

/* ---- one list ------------------------------------------------------------ */

struct entry {
    char *key;
    struct json_t *item; /* borrowed */
    size_t at;           /* keeps the order of equal keys */
};

static int
compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int by_key = strcmp(x->key, y->key);
    if (by_key)
        return by_key;
    return x->at < y->at ? -1 : x->at > y->at;
}

static size_t
collect(const struct merge *m, const struct json_t *const *answers, size_t n,
        struct entry **out)
{
    size_t len = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        len += js_len(js_any(answers[i], m->name));
    *out = xcalloc(len + 1, sizeof(**out));
    for (size_t i = 0; i < n; i++) {
        const struct json_t *list = js_any(answers[i], m->name);
        for (size_t k = 0; k < js_len(list); k++, at++) {
            struct json_t *item = js_at(list, k);
            (*out)[at] = (struct entry){m->key(item), item, at};
        }
    }
    return len;
}

struct json_t *
servers_merge(const struct merge *m, const struct json_t *const *answers,
              size_t n)
{
    struct entry *v;
    struct json_t *list = js_array();
    const size_t len = collect(m, answers, n, &v);
    qsort(v, len, sizeof(*v), compare);
    for (size_t i = 0; i < len;) {
        struct json_t *best = v[i].item;
        size_t k = i + 1;
        for (; k < len && strcmp(v[k].key, v[i].key) == 0; k++)
            if (m->better(best, v[k].item))
                best = v[k].item;
        if (js_add_take(list, js_ref(best)) != 0)
            abort(); /* out of memory */
        i = k;
    }
    for (size_t i = 0; i < len; i++)
        free(v[i].key);
    free(v);
    return list;
}

/* ---- shuntctl servers ---------------------------------------------------- */

/* The words of /readyz. */
static const char *
state_of(const struct reply *r)
{
    if (!r->status)
        return "does not answer";
    return r->status == 200 ? "ready" : r->err.text;
}

/* NULL: it did not name itself. */
static struct json_t *
server_at(const struct servers *s, const char *url)
{
    for (size_t i = 0; i < js_len(s->list); i++) {
        const char *its = js_str(js_any(js_at(s->list, i), "url"));
        if (its && strcmp(its, url) == 0)
            return js_at(s->list, i);
    }
    return NULL;
}

static void
print_servers(const struct servers *s, const struct reply *ready)
{
    struct out_table t;
    out_table_init(&t, "SERVER", "URL", "REVISION", "STATE", NULL);
    for (size_t i = 0; i < s->urls.n; i++) {
        const struct json_t *server = server_at(s, s->urls.v[i]);
        out_table_row(
            &t, out_str(server, "id"), s->urls.v[i],
            out_str(ready[i].json ? ready[i].json : server, "revision"),
            state_of(&ready[i]), NULL);
    }
    out_table_print_fini(&t);
}

static void
add_states(const struct servers *s, const struct reply *ready)
{
    for (size_t i = 0; i < s->urls.n; i++) {
        struct json_t *server = server_at(s, s->urls.v[i]);
        if (server && js_put_str(server, "state", state_of(&ready[i])) != 0)
            abort(); /* out of memory */
    }
}

static int
ask_ready(const struct ctl *ctl, const struct servers *s)
{
    const struct call call = {CALL_READ, "GET", "/readyz", NULL, false};
    struct reply *ready = xcalloc(s->urls.n + 1, sizeof(*ready));
    bool all = true;
    call_all(ctl, &s->urls, &call, ready);
    for (size_t i = 0; i < s->urls.n; i++)
        all = all && ready[i].status == 200;
    if (ctl->conf.json) {
        add_states(s, ready);
        out_json(s->list);
    } else {
        print_servers(s, ready);
    }
    for (size_t i = 0; i < s->urls.n; i++)
        reply_fini(&ready[i]);
    free(ready);
    return all ? CTL_OK : CTL_FAILED;
}

int
ctl_servers(struct ctl *ctl)
{
    struct servers s;
    if (ctl->argc != 0)
        return ctl_usage("servers takes no words");
    int rc = servers_find(ctl, &s);
    if (!rc)
        rc = ask_ready(ctl, &s);
    servers_fini(&s);
    return rc;
}
