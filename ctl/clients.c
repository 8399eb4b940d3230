/*
 * clients: each server tells those that are, or lately were, connected to it.
 * A client that moved from one server to another is known to both for a while:
 * the one that it is connected to tells the truth.
 */
#include "ctl/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/out.h"
#include "ctl/words.h"

bool
clients_connected(const struct json_t *client)
{
    bool connected = false;
    return js_get_bool(client, "", "connected", JS_OPTIONAL, &connected,
                       NULL) == 0 &&
           connected;
}

static bool
is_newer(const struct json_t *kept, const struct json_t *other)
{
    if (clients_connected(kept) != clients_connected(other))
        return clients_connected(other);
    return out_int(other, "since_ms", 0) > out_int(kept, "since_ms", 0);
}

static char *
key_of(const struct json_t *client)
{
    return xstrdup(out_str(js_any(client, "client"), "instance"));
}

/* ---- pages --------------------------------------------------------------- */

static void
append(struct json_t *list, const struct json_t *more)
{
    for (size_t i = 0; i < js_len(more); i++)
        if (js_add_take(list, js_ref(js_at(more, i))) != 0)
            abort(); /* out of memory */
}

/* The pages after the first one are added to it. */
static void
fetch_rest(const struct ctl *ctl, const char *path, struct reply *first)
{
    const char *after = js_str(js_any(first->json, "next"));
    char *next = after ? xstrdup(after) : NULL;
    while (next) {
        char *at = words_query_take(xstrdup(path), "after", next);
        const struct call call = {CALL_READ, "GET", at, NULL, false};
        struct reply r;
        call_one(ctl, first->base, &call, &r);
        free(at);
        free(next);
        append(js_any(first->json, "clients"), js_any(r.json, "clients"));
        after = js_str(js_any(r.json, "next"));
        next = after ? xstrdup(after) : NULL;
        if (r.status != 200) {
            first->status = r.status;
            first->err = r.err;
        }
        reply_fini(&r);
    }
}

static struct json_t *
unanswered(const struct reply *replies, size_t n)
{
    struct json_t *list = js_array();
    for (size_t i = 0; i < n; i++) {
        if (replies[i].status == 200)
            continue;
        struct json_t *one = js_object();
        int rc = js_put_str(one, "url", replies[i].base);
        rc |= js_put_words(one, "error", replies[i].err.text);
        if ((rc | js_add_take(list, one)) != 0)
            abort(); /* out of memory */
    }
    return list;
}

static struct json_t *
merged(const struct reply *replies, size_t n)
{
    const struct merge merge = {"clients", key_of, is_newer};
    const struct json_t **answers = xcalloc(n + 1, sizeof(*answers));
    for (size_t i = 0; i < n; i++)
        answers[i] = replies[i].json;
    struct json_t *all = js_object();
    int rc = js_put_take(all, "clients", servers_merge(&merge, answers, n));
    rc |= js_put_take(all, "unanswered", unanswered(replies, n));
    if (rc)
        abort(); /* out of memory */
    free(answers);
    return all;
}

/* A question that is refused is refused by all in the same words. */
static int
verdict(const struct ctl *ctl, const struct reply *replies, size_t n)
{
    const struct reply *refused = NULL;
    for (size_t i = 0; i < n; i++) {
        if (replies[i].status == 200)
            return CTL_OK;
        if (replies[i].status && !refused)
            refused = &replies[i];
    }
    return refused ? call_say_refused(ctl, refused) : CTL_UNREACHABLE;
}

int
clients_fetch(const struct ctl *ctl, const struct servers *s, const char *path,
              bool quiet, struct json_t **out)
{
    const size_t n = s->urls.n;
    const struct call call = {CALL_READ, "GET", path, NULL, false};
    struct reply *replies = xcalloc(n + 1, sizeof(*replies));
    call_all(ctl, &s->urls, &call, replies);
    for (size_t i = 0; i < n; i++)
        if (replies[i].status == 200)
            fetch_rest(ctl, path, &replies[i]);
    const int rc = verdict(ctl, replies, n);
    if (!rc)
        *out = merged(replies, n);
    if (rc != CTL_FAILED && !quiet)
        (void)servers_say_silent(replies, n, "its clients are not shown");
    for (size_t i = 0; i < n; i++)
        reply_fini(&replies[i]);
    free(replies);
    return rc;
}

/* ---- shuntctl clients ---------------------------------------------------- */

/* -1 says unknown, or that there was none yet. */
static const char *
number_or_dash(const struct json_t *report, const char *key)
{
    const char *text = out_str(report, key);
    return strcmp(text, "-1") == 0 ? "-" : text;
}

static const char *
state_of(const struct json_t *client)
{
    return clients_connected(client)
               ? out_str(js_any(client, "report"), "state")
               : "gone";
}

static void
print_clients(const struct json_t *clients)
{
    struct out_table t;
    out_table_init(&t, "CLIENT", "CODE", "ROLE", "GROUP", "CLUSTER", "STATE",
                   "REVISION", "LAG", "STALL MS", "TOPICS", "DETAIL", NULL);
    for (size_t i = 0; i < js_len(clients); i++) {
        const struct json_t *c = js_at(clients, i);
        const struct json_t *identity = js_any(c, "identity");
        const struct json_t *report = js_any(c, "report");
        out_table_row(
            &t, out_str(js_any(c, "client"), "instance"),
            out_str(identity, "cluster.code"), out_str(identity, "role"),
            out_str(identity, "group"), out_str(report, "cluster"), state_of(c),
            out_str(c, "revision"), number_or_dash(report, "lag"),
            number_or_dash(report, "switch_ms"), out_str(identity, "topics"),
            out_str(report, "detail"), NULL);
    }
    out_table_print_fini(&t);
}

int
ctl_clients(struct ctl *ctl)
{
    struct servers s = {0};
    struct json_t *all = NULL;
    struct err err;
    char *path = NULL;
    if (words_filter(ctl->argc, ctl->argv, &path, &err) != 0)
        return ctl_usage("clients: %s", err.text);
    int rc = servers_find(ctl, &s);
    if (!rc)
        rc = clients_fetch(ctl, &s, path, false, &all);
    if (!rc && ctl->conf.json)
        out_json(all);
    else if (!rc)
        print_clients(js_any(all, "clients"));
    js_free(all);
    servers_fini(&s);
    free(path);
    return rc;
}
