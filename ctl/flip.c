/*
 * flip CODE --to CLUSTER: the rules that name the code literally get another
 * cluster, in one change set made against the revision that was read.  Then it
 * watches the clients follow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "ctl/call.h"
#include "ctl/change.h"
#include "ctl/clients.h"
#include "ctl/out.h"
#include "ctl/words.h"

#define POLL_MS 200

static bool
names_code(const struct json_t *rule, const char *code)
{
    const struct json_t *codes = js_any(js_any(rule, "match"), "cluster.code");
    if (js_str(codes))
        return strcmp(js_str(codes), code) == 0;
    for (size_t i = 0; i < js_len(codes); i++)
        if (strcmp(js_str(js_at(codes, i)), code) == 0)
            return true;
    return false;
}

/* Is it one that the command line means? */
static bool
meant(const struct ctl *ctl, const struct json_t *rule)
{
    const struct ctl_conf *c = &ctl->conf;
    const char *cluster = js_str(js_any(rule, "cluster"));
    const char *id = js_str(js_any(rule, "id"));
    return names_code(rule, ctl->argv[0]) &&
           (!c->from || strcmp(cluster, c->from) == 0) &&
           (!c->rule || strcmp(id, c->rule) == 0);
}

static bool
is_there(const struct ctl *ctl, const struct json_t *rule)
{
    return strcmp(js_str(js_any(rule, "cluster")), ctl->conf.to) == 0;
}

/* A put of the rule with its new cluster.  A standby can't be where the rule
 * leads to: then the cluster that is left is the one to keep ready. */
static struct json_t *
operation(const struct ctl *ctl, struct json_t *rule)
{
    struct json_t *op = js_object();
    const char *standby = js_str(js_any(rule, "standby"));
    int rc = 0;
    if (standby && strcmp(standby, ctl->conf.to) == 0)
        rc |= js_put_str(rule, "standby", js_str(js_any(rule, "cluster")));
    if (ctl->conf.fence)
        rc |= js_put_bool(rule, "fence", true);
    rc |= js_put_str(rule, "cluster", ctl->conf.to);
    rc |= js_put_str(op, "op", "put");
    rc |= js_put_take(op, "rule", js_ref(rule));
    if (rc)
        abort(); /* out of memory */
    return op;
}

/* Puts of the rules that have to move; *there: those that are on the cluster
 * already. */
static struct json_t *
operations(const struct ctl *ctl, const struct json_t *table, size_t *there)
{
    struct json_t *ops = js_array();
    const struct json_t *rules = js_any(table, "rules");
    *there = 0;
    for (size_t i = 0; i < js_len(rules); i++) {
        struct json_t *rule = js_at(rules, i);
        if (!meant(ctl, rule))
            continue;
        if (is_there(ctl, rule))
            ++*there;
        else if (js_add_take(ops, operation(ctl, rule)) != 0)
            abort(); /* out of memory */
    }
    return ops;
}

struct progress {
    int64_t revision; /* of the flip */
    size_t live, moved, stuck;
    int64_t slowest_ms;
    char detail[160]; /* why one of them is stuck; or "" */
    bool looked;      /* not for the first time */
};

/* Does it follow the route that is flipped?  A `shuntctl watch` only looks on:
 * it has no cluster of its own and reports nothing. */
static bool
follows(const struct ctl *ctl, const struct json_t *client)
{
    const char *code =
        js_str(js_any(js_any(client, "identity"), "cluster.code"));
    const char *name = js_str(js_any(js_any(client, "client"), "name"));
    return code && strcmp(code, ctl->argv[0]) == 0 &&
           !(name && strcmp(name, CTL_NAME) == 0);
}

static void
count_client(const struct ctl *ctl, const struct json_t *client,
             struct progress *p)
{
    const struct json_t *report = js_any(client, "report");
    if (!follows(ctl, client))
        return;
    p->live++;
    const char *state = js_str(js_any(report, "state"));
    const char *cluster = js_str(js_any(report, "cluster"));
    if (state && strcmp(state, "stuck") == 0) {
        p->stuck++;
        (void)snprintf(p->detail, sizeof(p->detail), "%s",
                       out_str(report, "detail"));
    }
    if (!state || !cluster || strcmp(state, "running") != 0 ||
        strcmp(cluster, ctl->conf.to) != 0)
        return;
    p->moved++;
    /* An older residency's stall was an earlier move's. */
    const int64_t stall_ms = out_int(report, "switch_ms", -1);
    if (out_int(report, "since", -1) >= p->revision && stall_ms > p->slowest_ms)
        p->slowest_ms = stall_ms;
}

/* At every server: clients may change theirs meanwhile. */
static int
look(const struct ctl *ctl, const struct servers *servers, const char *path,
     struct progress *p)
{
    struct json_t *answer = NULL;
    const int rc = clients_fetch(ctl, servers, path, p->looked, &answer);
    if (rc)
        return rc;
    *p = (struct progress){
        .revision = p->revision, .slowest_ms = -1, .looked = true};
    const struct json_t *clients = js_any(answer, "clients");
    for (size_t i = 0; i < js_len(clients); i++)
        count_client(ctl, js_at(clients, i), p);
    js_free(answer);
    return CTL_OK;
}

static void
print_progress(const struct progress *p, bool last)
{
    const bool terminal = isatty(STDOUT_FILENO);
    if (!terminal && !last)
        return;
    (void)printf("%s%s%zu of %zu clients have moved%s", terminal ? "\r" : "",
                 out_color(p->moved == p->live ? OUT_GREEN : OUT_YELLOW),
                 p->moved, p->live, out_color(OUT_PLAIN));
    if (p->stuck)
        (void)printf(", %s%zu stuck%s", out_color(OUT_RED), p->stuck,
                     out_color(OUT_PLAIN));
    if (p->stuck && last)
        (void)printf(" (%s)", p->detail);
    if (p->slowest_ms >= 0)
        (void)printf(", slowest stall %lld ms", (long long)p->slowest_ms);
    (void)fputs(last ? "\n" : "  ", stdout);
    (void)fflush(stdout);
}

/* Clients whose own rule keeps them elsewhere never move: then the deadline
 * ends this and the exit code says so. */
static int
watch_them(const struct ctl *ctl, const struct servers *servers,
           const char *path, int64_t revision)
{
    const int64_t deadline_ms = clock_mono_ms() + ctl->conf.wait_ms;
    struct progress p = {.revision = revision};
    for (;;) {
        const int rc = look(ctl, servers, path, &p);
        if (rc)
            return rc;
        const bool done = p.moved == p.live;
        const bool late = clock_mono_ms() >= deadline_ms;
        print_progress(&p, done || late);
        if (done)
            return CTL_OK;
        if (late) {
            (void)printf("`shuntctl clients` shows where each one is\n");
            return CTL_WAITING;
        }
        const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

static int
wait_for_clients(const struct ctl *ctl, int64_t revision)
{
    struct servers s;
    int rc = servers_find(ctl, &s);
    if (rc)
        return rc;
    char *path =
        words_query_take(xstrdup("/v1/clients"), "cluster.code", ctl->argv[0]);
    path = words_query_take(path, "connected", "true");
    rc = watch_them(ctl, &s, path, revision);
    free(path);
    servers_fini(&s);
    return rc;
}

static int
nothing_meant(const struct ctl *ctl)
{
    const struct ctl_conf *c = &ctl->conf;
    (void)fprintf(stderr,
                  "shuntctl: no rule%s%s names cluster.code %s%s%s; "
                  "`shuntctl rule` lists them\n",
                  c->rule ? " " : "", c->rule ? c->rule : "", ctl->argv[0],
                  c->from ? " and is on " : "", c->from ? c->from : "");
    return CTL_FAILED;
}

/* *revision: the one that the clients have to follow. */
static int
publish(const struct ctl *ctl, const struct json_t *table, int64_t *revision)
{
    size_t there;
    struct json_t *ops = operations(ctl, table, &there);
    *revision = out_int(table, "revision", 0);
    if (js_len(ops) == 0) {
        js_free(ops);
        if (there == 0)
            return nothing_meant(ctl);
        if (!ctl->conf.json)
            (void)printf("%s is on %s already: revision %lld\n", ctl->argv[0],
                         ctl->conf.to, (long long)*revision);
        return CTL_OK;
    }
    char *what =
        xasprintf("flip %s to %s (%zu rule%s)", ctl->argv[0], ctl->conf.to,
                  js_len(ops), js_len(ops) == 1 ? "" : "s");
    struct change c = {.kind = "operations",
                       .value = ops,
                       .expect_revision = *revision,
                       .what = what};
    const int rc = change_run_take(ctl, &c);
    *revision = c.revision;
    free(what);
    return rc;
}

int
ctl_flip(struct ctl *ctl)
{
    if (ctl->argc != 1 || !ctl->conf.to)
        return ctl_usage("flip CODE --to CLUSTER");
    struct json_t *table = NULL;
    int64_t revision;
    int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    rc = publish(ctl, table, &revision);
    js_free(table);
    if (rc || ctl->conf.dry_run || ctl->conf.json || ctl->conf.wait_ms == 0)
        return rc;
    return wait_for_clients(ctl, revision);
}
