/* clients, resolve, explain, watch, history, translate: questions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "common/net/http_client.h"
#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/out.h"
#include "ctl/words.h"

#define WATCH_SILENCE_MS 60000
#define WATCH_ANSWER_MAX ((size_t)1 << 20)

/* Prints the answer with `print`, or as it is with --json. */
static int
show(const struct ctl *ctl, const char *method, const char *path,
     struct json_t *body, void (*print)(const struct json_t *answer))
{
    struct json_t *answer = NULL;
    const int rc = ctl_call_take(ctl, method, path, body, &answer);
    if (rc)
        return rc;
    if (ctl->conf.json)
        out_json(answer);
    else
        print(answer);
    js_free(answer);
    return CTL_OK;
}

/* -1 says that there was no move yet. */
static const char *
stall_of(const struct json_t *report)
{
    const char *ms = out_str(report, "switch_ms");
    return strcmp(ms, "-1") == 0 ? "-" : ms;
}

static void
print_clients(const struct json_t *answer)
{
    const struct json_t *clients = js_any(answer, "clients");
    struct out_table t;
    out_table_init(&t, "CLIENT", "CODE", "ROLE", "GROUP", "CLUSTER", "STATE",
                   "REVISION", "STALL MS", "TOPICS", "DETAIL", NULL);
    for (size_t i = 0; i < js_len(clients); i++) {
        const struct json_t *c = js_at(clients, i);
        const struct json_t *identity = js_any(c, "identity");
        const struct json_t *report = js_any(c, "report");
        out_table_row(
            &t, out_str(js_any(c, "client"), "instance"),
            out_str(identity, "cluster.code"), out_str(identity, "role"),
            out_str(identity, "group"), out_str(report, "cluster"),
            out_str(report, "state"), out_str(c, "revision"), stall_of(report),
            out_str(identity, "topics"), out_str(report, "detail"), NULL);
    }
    out_table_print_fini(&t);
}

int
ctl_clients(struct ctl *ctl)
{
    if (ctl->argc != 0)
        return ctl_usage("clients takes no words");
    return show(ctl, "GET", "/v1/clients", NULL, print_clients);
}

/* {"identity":{..}} from CODE KEY=VALUE...; NULL after a usage error. */
static struct json_t *
identity_body(const struct ctl *ctl, const char *command)
{
    struct err err;
    struct json_t *identity;
    if (ctl->argc < 1) {
        (void)ctl_usage("%s CODE [topic=T] [role=R] ...", command);
        return NULL;
    }
    if (words_identity(ctl->argv[0], ctl->argc - 1, ctl->argv + 1, &identity,
                       &err) != 0) {
        (void)ctl_usage("%s: %s", command, err.text);
        return NULL;
    }
    struct json_t *body = js_object();
    if (js_put_take(body, "identity", identity) != 0)
        abort(); /* out of memory */
    return body;
}

static void
print_view(const struct json_t *view, char *to, size_t size)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < js_len(view) && used < size; i++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "",
                                 out_str(js_at(view, i), "topic"));
}

static void
print_answer(const struct json_t *answer)
{
    const struct json_t *routes = js_any(answer, "routes");
    size_t unrouted = 0;
    struct out_table t;
    out_table_init(&t, "TOPIC", "CLUSTER", "RULE", "SINCE", "PREVIOUS", "VIEW",
                   NULL);
    for (size_t i = 0; i < js_len(routes); i++) {
        const struct json_t *r = js_at(routes, i);
        char view[512];
        print_view(js_any(r, "view"), view, sizeof(view));
        out_table_row(&t, out_str(r, "topic"), out_str(r, "cluster"),
                      out_str(r, "rule"), out_str(r, "since"),
                      out_str(r, "previous"), view, NULL);
        unrouted += js_str(js_any(r, "cluster")) == NULL;
    }
    out_table_print_fini(&t);
    if (unrouted)
        (void)printf("no rule matches %zu of %zu topics: such a client waits\n",
                     unrouted, js_len(routes));
}

int
ctl_resolve(struct ctl *ctl)
{
    struct json_t *body = identity_body(ctl, "resolve");
    return body ? show(ctl, "POST", "/v1/resolve", body, print_answer)
                : CTL_USAGE;
}

static void
print_candidates(const struct json_t *answer)
{
    const struct json_t *topics = js_any(answer, "topics");
    struct out_table t;
    out_table_init(&t, "TOPIC", "RULE", "PRIORITY", "CLUSTER", "WON", "REASON",
                   NULL);
    for (size_t i = 0; i < js_len(topics); i++) {
        const struct json_t *topic = js_at(topics, i);
        const struct json_t *candidates = js_any(topic, "candidates");
        for (size_t k = 0; k < js_len(candidates); k++) {
            const struct json_t *c = js_at(candidates, k);
            out_table_row(&t, out_str(topic, "topic"), out_str(c, "rule"),
                          out_str(c, "priority"), out_str(c, "cluster"),
                          out_str(c, "won"), out_str(c, "reason"), NULL);
        }
    }
    if (t.n == t.columns)
        (void)puts("no enabled rule names anything of this client");
    out_table_print_fini(&t);
}

int
ctl_explain(struct ctl *ctl)
{
    struct json_t *body = identity_body(ctl, "explain");
    return body ? show(ctl, "POST", "/v1/explain", body, print_candidates)
                : CTL_USAGE;
}

static const char *
when(const struct json_t *change, char *to, size_t size)
{
    int64_t time_ms = 0;
    struct tm tm;
    if (js_get_int(change, "", "time", JS_REQUIRED, 0, INT64_MAX, &time_ms,
                   NULL) != 0)
        return "-";
    const time_t seconds = (time_t)(time_ms / 1000);
    if (!localtime_r(&seconds, &tm) ||
        strftime(to, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return to;
}

static void
print_history(const struct json_t *answer)
{
    const struct json_t *changes = js_any(answer, "changes");
    struct out_table t;
    out_table_init(&t, "REVISION", "TIME", "AUTHOR", "COMMENT", "OPERATIONS",
                   NULL);
    for (size_t i = 0; i < js_len(changes); i++) {
        const struct json_t *c = js_at(changes, i);
        char time_text[32], count[24];
        (void)snprintf(count, sizeof(count), "%zu",
                       js_len(js_any(c, "operations")));
        out_table_row(&t, out_str(c, "revision"),
                      when(c, time_text, sizeof(time_text)),
                      out_str(c, "author"), out_str(c, "comment"), count, NULL);
    }
    out_table_print_fini(&t);
}

int
ctl_history(struct ctl *ctl)
{
    if (ctl->argc != 0)
        return ctl_usage("history takes no words");
    char *path =
        xasprintf("/v1/history?limit=%lld", (long long)ctl->conf.limit);
    const int rc = show(ctl, "GET", path, NULL, print_history);
    free(path);
    return rc;
}

struct watching {
    const struct ctl *ctl;
    int exit_code;
    bool done;
};

static void
on_watch_event(const struct sse_event *e, void *arg)
{
    const struct watching *w = arg;
    struct json_t *data = NULL;
    struct err err;
    if (w->ctl->conf.json) {
        (void)printf("{\"event\":\"%s\",\"data\":%s}\n", e->event, e->data);
    } else if (strcmp(e->event, "route") != 0) {
        (void)printf("%s %s\n", e->event, e->data);
    } else if (js_parse(e->data, strlen(e->data), &data, &err) != 0) {
        (void)fprintf(stderr, "shuntctl: event %s: %s\n", e->id, err.text);
    } else {
        (void)printf("%srevision %s%s\n", out_color(OUT_GREEN), e->id,
                     out_color(OUT_PLAIN));
        print_answer(data);
        js_free(data);
    }
    (void)fflush(stdout);
}

static void
on_watch_done(const struct http_answer *a, void *arg)
{
    struct watching *w = arg;
    w->done = true;
    w->exit_code = a->error ? CTL_UNREACHABLE : CTL_FAILED;
    if (a->error)
        (void)fprintf(stderr, "shuntctl: %s\n", a->text);
    else if (a->status != 200)
        (void)fprintf(stderr, "shuntctl: status %d: %s\n", a->status, a->body);
    else
        (void)fprintf(stderr, "shuntctl: the server ended the stream\n");
}

/* The administrator's terminal is a client as well and says so.  An instance
 * has one stream: each terminal needs a name of its own. */
static int
put_self(struct json_t *body)
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || !*host)
        (void)strcpy(host, "-");
    char *instance = xasprintf("%s-%s-%ld", CTL_NAME, host, (long)getpid());
    struct json_t *self = js_object();
    int rc = js_put_str(self, "instance", instance);
    rc |= js_put_str(self, "name", CTL_NAME);
    rc |= js_put_str(self, "version", SHUNT_VERSION);
    rc |= js_put_str(self, "host", host);
    rc |= js_put_int(self, "pid", getpid());
    free(instance);
    return js_put_take(body, "client", self) | rc;
}

static int
watch_until_ended(struct http_client *client, const struct ctl *ctl,
                  const char *url, const char *body)
{
    struct watching w = {.ctl = ctl};
    struct http_call *call;
    struct err err;
    const struct http_call_conf conf = {.method = "POST",
                                        .url = url,
                                        .body = body,
                                        .timeout_ms = ctl->conf.timeout_ms,
                                        .silence_ms = WATCH_SILENCE_MS,
                                        .answer_max_bytes = WATCH_ANSWER_MAX,
                                        .on_done = on_watch_done,
                                        .on_event = on_watch_event,
                                        .arg = &w};
    if (http_call_start(client, &conf, &call, &err) != 0)
        return ctl_fail(&err);
    while (!w.done)
        http_client_poll(client, 1000);
    return w.exit_code;
}

int
ctl_watch(struct ctl *ctl)
{
    struct json_t *body = identity_body(ctl, "watch");
    if (!body)
        return CTL_USAGE;
    struct http_client *client;
    struct err err;
    if (put_self(body) != 0)
        abort(); /* out of memory */
    if (http_client_new(&client, &err) != 0) {
        js_free(body);
        return ctl_fail(&err);
    }
    char *text = js_dump(body);
    char *url =
        xasprintf("%.*s/v1/watch", (int)strcspn(ctl->conf.route_service, ","),
                  ctl->conf.route_service);
    const int rc = watch_until_ended(client, ctl, url, text);
    http_client_free(client);
    free(url);
    free(text);
    js_free(body);
    return rc;
}

static void
print_translation(const struct json_t *answer)
{
    const struct json_t *positions = js_any(answer, "positions");
    struct out_table t;
    out_table_init(&t, "TOPIC", "PARTITION", "OFFSET", "QUALITY", "TO TOPIC",
                   "POSITION", "LOW", "HIGH", "REASON", NULL);
    for (size_t i = 0; i < js_len(positions); i++) {
        const struct json_t *p = js_at(positions, i);
        out_table_row(&t, out_str(p, "topic"), out_str(p, "partition"),
                      out_str(p, "offset"), out_str(p, "quality"),
                      out_str(p, "to_topic"), out_str(p, "position"),
                      out_str(p, "low"), out_str(p, "high"),
                      out_str(p, "reason"), NULL);
    }
    out_table_print_fini(&t);
}

/* The mapper of a flow that joins the two clusters, as the table names it. */
static int
find_mapper(const struct ctl *ctl, char **url)
{
    struct json_t *table = NULL;
    const int rc = ctl_call_take(ctl, "GET", "/v1/table", NULL, &table);
    if (rc)
        return rc;
    const struct json_t *flows = js_any(table, "flows");
    *url = NULL;
    for (size_t i = 0; i < js_len(flows) && !*url; i++) {
        const struct json_t *f = js_at(flows, i);
        const char *source = out_str(f, "source");
        const char *target = out_str(f, "target");
        const bool joins = (strcmp(source, ctl->conf.from) == 0 &&
                            strcmp(target, ctl->conf.to) == 0) ||
                           (strcmp(source, ctl->conf.to) == 0 &&
                            strcmp(target, ctl->conf.from) == 0);
        const char *mapper = js_str(js_at(js_any(f, "mappers"), 0));
        if (joins && mapper)
            *url = xstrdup(mapper);
    }
    js_free(table);
    if (*url)
        return CTL_OK;
    (void)fprintf(stderr,
                  "shuntctl: no flow between %s and %s names a mapper; give "
                  "one with --mapper URL\n",
                  ctl->conf.from, ctl->conf.to);
    return CTL_FAILED;
}

static int
translate(const struct ctl *ctl, struct json_t *positions)
{
    char *url = NULL;
    int rc = CTL_OK;
    if (ctl->conf.mapper)
        url = xstrdup(ctl->conf.mapper);
    else
        rc = find_mapper(ctl, &url);
    if (rc) {
        js_free(positions);
        return rc;
    }
    struct json_t *body = js_object();
    rc = js_put_str(body, "from", ctl->conf.from);
    rc |= js_put_str(body, "to", ctl->conf.to);
    rc |= js_put_take(body, "positions", positions);
    if (rc)
        abort(); /* out of memory */
    struct json_t *answer = NULL;
    rc = ctl_call_url_take(ctl, url, "POST", "/v1/translate", body, &answer);
    free(url);
    if (rc)
        return rc;
    if (ctl->conf.json)
        out_json(answer);
    else
        print_translation(answer);
    js_free(answer);
    return CTL_OK;
}

int
ctl_translate(struct ctl *ctl)
{
    if (ctl->argc < 1 || !ctl->conf.from || !ctl->conf.to)
        return ctl_usage("translate TOPIC:PARTITION:OFFSET... --from CLUSTER "
                         "--to CLUSTER");
    struct json_t *positions = js_array();
    for (int i = 0; i < ctl->argc; i++) {
        struct json_t *p = NULL;
        struct err err;
        if (words_position(ctl->argv[i], &p, &err) != 0) {
            js_free(positions);
            return ctl_usage("translate: %s", err.text);
        }
        if (js_add_take(positions, p) != 0)
            abort(); /* out of memory */
    }
    return translate(ctl, positions);
}
