/* replicator status | pause | resume | watch: how copying goes, and holding
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/out.h"
#include "ctl/replicator.h"
#include "ctl/words.h"

#define PROBLEMS_SHOWN 20
#define LIMIT_MAX      "10000" /* what the service allows */

/* ---- all processes ------------------------------------------------------- */

void
replicators_ask(const struct ctl *ctl, const struct call *call,
                struct replicators *out)
{
    *out = (struct replicators){0};
    if (strlist_split(&out->urls, ctl->conf.replicator, ",") != 0)
        abort(); /* out of memory */
    out->replies = xcalloc(out->urls.n + 1, sizeof(*out->replies));
    call_all(ctl, &out->urls, call, out->replies);
}

void
replicators_fini(struct replicators *r)
{
    for (size_t i = 0; i < r->urls.n; i++)
        reply_fini(&r->replies[i]);
    free(r->replies);
    strlist_fini(&r->urls);
}

static bool
is_good(const struct reply *r)
{
    return r->status == 200 && r->json;
}

bool
replicators_any(const struct replicators *r)
{
    for (size_t i = 0; i < r->urls.n; i++)
        if (is_good(&r->replies[i]))
            return true;
    return false;
}

int
replicators_verdict(const struct replicators *r, const char *meaning)
{
    int rc = CTL_OK;
    for (size_t i = 0; i < r->urls.n; i++) {
        const struct reply *reply = &r->replies[i];
        if (is_good(reply))
            continue;
        (void)fprintf(stderr, "shuntctl: %s: %s; %s\n", reply->base,
                      reply->err.text, meaning);
        if (!reply->status && rc != CTL_FAILED)
            rc = CTL_UNREACHABLE;
        else
            rc = reply->status == 409 ? CTL_CONFLICT : CTL_FAILED;
    }
    if (rc == CTL_UNREACHABLE)
        (void)fprintf(stderr, "Is shunt-replicator running there, with "
                              "--listen? --replicator and SHUNT_REPLICATOR "
                              "name other ones.\n");
    return rc;
}

struct json_t *
replicators_json(const struct replicators *r)
{
    struct json_t *all = js_object(), *good = js_array(), *bad = js_array();
    int rc = 0;
    for (size_t i = 0; i < r->urls.n; i++) {
        const struct reply *reply = &r->replies[i];
        if (is_good(reply)) {
            rc |= js_put_str(reply->json, "url", reply->base) |
                  js_add_take(good, js_ref(reply->json));
            continue;
        }
        struct json_t *one = js_object();
        rc |= js_put_str(one, "url", reply->base) |
              js_put_words(one, "error", reply->err.text);
        rc |= js_add_take(bad, one);
    }
    rc |= js_put_take(all, "processes", good);
    rc |= js_put_take(all, "unanswered", bad);
    if (rc)
        abort(); /* out of memory */
    return all;
}

char *
replicators_path(const char *flow, const char *topic, bool problems,
                 const char *limit)
{
    char *path = xstrdup("/status");
    if (flow)
        path = words_query_take(path, "flow", flow);
    if (topic)
        path = words_query_take(path, "topic", topic);
    if (problems)
        path = words_query_take(path, "problems", "true");
    return words_query_take(path, "limit", limit);
}

/* ---- cells --------------------------------------------------------------- */

static char *
fraction(const struct json_t *v)
{
    return xasprintf("%s/%s", out_str(v, "partitions_mine"),
                     out_str(v, "partitions_all"));
}

/* "2.5", or "-". */
static char *
seconds(const struct json_t *v, const char *key)
{
    const int64_t ms = out_int(v, key, -1);
    return ms < 0 ? xstrdup("-")
                  : xasprintf("%lld.%lld", (long long)(ms / 1000),
                              (long long)(ms % 1000 / 100));
}

static char *
percent(const struct json_t *v)
{
    const struct json_t *first = js_any(v, "first_copy");
    const int64_t n = out_int(first, "percent", -1);
    return n < 0 ? xstrdup("-") : xasprintf("%lld %%", (long long)n);
}

static bool
is_true(const struct json_t *v, const char *key)
{
    return strcmp(out_str(v, key), "true") == 0;
}

static const char *
state_of(const struct json_t *flow)
{
    if (js_str(js_any(flow, "error")) || out_int(flow, "problems", 0) > 0)
        return is_true(flow, "ready") ? "problems" : "failing";
    if (!is_true(flow, "ready"))
        return "starting";
    return is_true(flow, "paused") ? "paused" : "copying";
}

static enum out_color
color_of(const char *state)
{
    static const char *const bad[] = {"problems", "failing", "stopped"};
    static const char *const odd[] = {"starting", "paused",     "retrying",
                                      "waiting",  "unselected", "gone"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (strcmp(state, bad[i]) == 0)
            return OUT_RED;
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        if (strcmp(state, odd[i]) == 0)
            return OUT_YELLOW;
    return OUT_GREEN;
}

/* ---- status -------------------------------------------------------------- */

static void
add_flow(struct out_table *t, const char *url, const struct json_t *flow)
{
    char *parts = fraction(flow), *lag_s = seconds(flow, "lag_ms");
    char *first = percent(flow);
    char *saved = seconds(js_any(flow, "positions"), "age_ms");
    char *checked = seconds(js_any(flow, "checkpoints"), "age_ms");
    out_table_row(t, out_str(flow, "flow"), url, state_of(flow), parts,
                  out_str(flow, "records_per_s"), out_str(flow, "lag"), lag_s,
                  first, out_str(js_any(flow, "syncs"), "waiting"), saved,
                  checked, NULL);
    free(parts);
    free(lag_s);
    free(first);
    free(saved);
    free(checked);
}

static void
add_topic(struct out_table *t, const struct json_t *flow,
          const struct json_t *topic)
{
    char *parts = fraction(topic), *lag_s = seconds(topic, "lag_ms");
    char *first = percent(topic);
    const char *state = out_int(topic, "problems", 0) > 0 ? "problems"
                        : is_true(topic, "paused")        ? "paused"
                                                          : "copying";
    out_table_row(t, out_str(flow, "flow"), out_str(topic, "topic"),
                  out_str(topic, "remote"), state, parts,
                  out_str(topic, "records"), out_str(topic, "lag"), lag_s,
                  first, NULL);
    free(parts);
    free(lag_s);
    free(first);
}

static void
add_part(struct out_table *t, const struct json_t *flow,
         const struct json_t *part)
{
    char *lag_s = seconds(part, "lag_ms");
    out_table_row(t, out_str(flow, "flow"), out_str(part, "topic"),
                  out_str(part, "partition"), out_str(part, "state"),
                  out_str(part, "position"), out_str(part, "saved"),
                  out_str(part, "end"), out_str(part, "lag"), lag_s,
                  out_str(part, "records"), NULL);
    free(lag_s);
}

typedef void add_row(struct out_table *t, const struct json_t *flow,
                     const struct json_t *item);

/* What has a share here: another process tells of the rest. */
static bool
is_here(const struct json_t *item)
{
    return out_int(item, "partitions_mine", 1) > 0 &&
           strcmp(out_str(item, "state"), "elsewhere") != 0;
}

static int64_t
add_items(struct out_table *t, const struct json_t *all, const char *list,
          add_row *add)
{
    char *left = xasprintf("%s_left_out", list);
    int64_t left_out = 0;
    const struct json_t *processes = js_any(all, "processes");
    for (size_t i = 0; i < js_len(processes); i++) {
        const struct json_t *flows = js_any(js_at(processes, i), "flows");
        for (size_t k = 0; k < js_len(flows); k++) {
            const struct json_t *flow = js_at(flows, k);
            const struct json_t *items = js_any(flow, list);
            left_out += out_int(flow, left, 0);
            for (size_t n = 0; n < js_len(items); n++)
                if (is_here(js_at(items, n)))
                    add(t, flow, js_at(items, n));
        }
    }
    free(left);
    return left_out;
}

static void
print_flows(const struct json_t *all)
{
    const struct json_t *processes = js_any(all, "processes");
    struct out_table t;
    out_table_init(&t, "FLOW", "PROCESS", "STATE", "PARTITIONS", "RECORDS/S",
                   "LAG", "LAG S", "FIRST COPY", "SYNCS WAITING", "POSITIONS S",
                   "CHECKPOINTS S", NULL);
    out_table_color(&t, 2, color_of);
    for (size_t i = 0; i < js_len(processes); i++) {
        const struct json_t *p = js_at(processes, i);
        const struct json_t *flows = js_any(p, "flows");
        for (size_t k = 0; k < js_len(flows); k++)
            add_flow(&t, out_str(p, "url"), js_at(flows, k));
    }
    out_table_print_fini(&t);
}

static void
print_items(const struct json_t *all, bool parts)
{
    struct out_table t;
    if (parts)
        out_table_init(&t, "FLOW", "TOPIC", "PARTITION", "STATE", "POSITION",
                       "SAVED", "END", "LAG", "LAG S", "RECORDS", NULL);
    else
        out_table_init(&t, "FLOW", "TOPIC", "COPY", "STATE", "PARTITIONS",
                       "RECORDS", "LAG", "LAG S", "FIRST COPY", NULL);
    out_table_color(&t, 3, color_of);
    const int64_t left_out = parts ? add_items(&t, all, "partitions", add_part)
                                   : add_items(&t, all, "topics", add_topic);
    (void)puts("");
    out_table_print_fini(&t);
    if (left_out > 0)
        (void)printf("%lld more: name a flow and a topic\n",
                     (long long)left_out);
}

static void
print_error(const struct json_t *flow)
{
    const char *error = js_str(js_any(flow, "error"));
    if (error)
        (void)printf("%s%s:%s %s\n", out_color(OUT_RED), out_str(flow, "flow"),
                     out_color(OUT_PLAIN), error);
}

static size_t
print_problems_of(const struct json_t *flow, size_t shown)
{
    const struct json_t *parts = js_any(flow, "partitions");
    for (size_t i = 0; i < js_len(parts) && shown < PROBLEMS_SHOWN; i++) {
        const struct json_t *p = js_at(parts, i);
        const struct json_t *problem = js_any(p, "problem");
        if (!js_str(js_any(problem, "text")) || !is_here(p))
            continue;
        (void)printf("%s%s %s/%s:%s %s (since %s)\n", out_color(OUT_RED),
                     out_str(flow, "flow"), out_str(p, "topic"),
                     out_str(p, "partition"), out_color(OUT_PLAIN),
                     out_str(problem, "text"),
                     out_time(out_int(problem, "since_ms", 0)));
        shown++;
    }
    return shown;
}

static void
print_problems(const struct json_t *all)
{
    size_t shown = 0;
    const struct json_t *processes = js_any(all, "processes");
    for (size_t i = 0; i < js_len(processes); i++) {
        const struct json_t *flows = js_any(js_at(processes, i), "flows");
        for (size_t k = 0; k < js_len(flows); k++) {
            print_error(js_at(flows, k));
            shown = print_problems_of(js_at(flows, k), shown);
        }
    }
}

static int
status(const struct ctl *ctl, const char *flow, const char *topic)
{
    struct replicators r;
    char *path = replicators_path(flow, topic, ctl->conf.problems, LIMIT_MAX);
    const struct call call = {CALL_READ, "GET", path, NULL, false};
    replicators_ask(ctl, &call, &r);
    struct json_t *all = replicators_json(&r);
    if (ctl->conf.json) {
        out_json(all);
    } else if (replicators_any(&r)) {
        print_flows(all);
        print_items(all, topic || ctl->conf.problems);
        print_problems(all);
    }
    const int rc = replicators_verdict(&r, "what it copies is not shown");
    js_free(all);
    replicators_fini(&r);
    free(path);
    return rc;
}

/* ---- pause and resume ---------------------------------------------------- */

static int
change(const struct ctl *ctl, const char *verb, const char *flow,
       const char *topic)
{
    struct replicators r;
    char *after = xasprintf("/%s", verb);
    char *path = words_path("/flows/", flow, after);
    char *meaning = xasprintf("%s%s%s is not %sd there", flow,
                              topic ? " topic " : "", topic ? topic : "", verb);
    if (topic)
        path = words_query_take(path, "topic", topic);
    const struct call call = {CALL_CHANGE, "POST", path, NULL, false};
    replicators_ask(ctl, &call, &r);
    if (ctl->conf.json) {
        struct json_t *all = replicators_json(&r);
        out_json(all);
        js_free(all);
    }
    for (size_t i = 0; !ctl->conf.json && i < r.urls.n; i++)
        if (is_good(&r.replies[i]))
            (void)printf("%s: %s%s%s %sd\n", r.replies[i].base, flow,
                         topic ? " topic " : "", topic ? topic : "", verb);
    const int rc = replicators_verdict(&r, meaning);
    replicators_fini(&r);
    free(meaning);
    free(after);
    free(path);
    return rc;
}

int
ctl_replicator(struct ctl *ctl)
{
    const char *verb = ctl->argc > 0 ? ctl->argv[0] : "status";
    const char *flow = ctl->argc > 1 ? ctl->argv[1] : NULL;
    const char *topic = ctl->argc > 2 ? ctl->argv[2] : NULL;
    const bool changes =
        strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0;
    if (ctl->argc <= 3 && strcmp(verb, "status") == 0)
        return status(ctl, flow, topic);
    if (ctl->argc <= 2 && strcmp(verb, "watch") == 0)
        return replicator_watch(ctl, flow);
    if (ctl->argc <= 3 && changes && flow)
        return change(ctl, verb, flow, topic);
    return ctl_usage("replicator [status] ['A->B' [TOPIC]] | pause 'A->B' "
                     "[TOPIC] | resume 'A->B' [TOPIC] | watch ['A->B']");
}
