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
#define GONE_MS 3000 /* by then who lost his server has found another one */

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
    int64_t revision;           /* of the flip */
    const struct json_t *moves; /* whom it moves; NULL: nobody */
    size_t live, moved, stuck;
    size_t gone; /* were to move, and have left before they did */
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

static bool
arrived(const struct ctl *ctl, const struct json_t *report)
{
    const char *state = js_str(js_any(report, "state"));
    const char *cluster = js_str(js_any(report, "cluster"));
    return state && cluster && strcmp(state, "running") == 0 &&
           strcmp(cluster, ctl->conf.to) == 0;
}

static bool
was_to_move(const struct progress *p, const struct json_t *client)
{
    const char *who = out_str(js_any(client, "client"), "instance");
    for (size_t i = 0; i < js_len(p->moves); i++) {
        const struct json_t *mover = js_any(js_at(p->moves, i), "client");
        if (strcmp(out_str(mover, "instance"), who) == 0)
            return true;
    }
    return false;
}

static void
count_client(const struct ctl *ctl, const struct json_t *client,
             struct progress *p)
{
    const struct json_t *report = js_any(client, "report");
    if (!follows(ctl, client))
        return;
    if (!clients_connected(client)) {
        p->gone += !arrived(ctl, report) && was_to_move(p, client);
        return;
    }
    p->live++;
    const char *state = js_str(js_any(report, "state"));
    if (state && strcmp(state, "stuck") == 0) {
        p->stuck++;
        (void)snprintf(p->detail, sizeof(p->detail), "%s",
                       out_str(report, "detail"));
    }
    if (!arrived(ctl, report))
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
    *p = (struct progress){.revision = p->revision,
                           .moves = p->moves,
                           .slowest_ms = -1,
                           .looked = true};
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
    const size_t all = p->live + p->gone;
    if (!terminal && !last)
        return;
    (void)printf("%s%s%zu of %zu clients have moved%s", terminal ? "\r" : "",
                 out_color(p->moved == all ? OUT_GREEN : OUT_YELLOW), p->moved,
                 all, out_color(OUT_PLAIN));
    if (p->gone)
        (void)printf(", %s%zu gone%s", out_color(OUT_RED), p->gone,
                     out_color(OUT_PLAIN));
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

static int
not_all(const struct progress *p)
{
    if (p->gone)
        (void)printf("gone: ended, or cut off, before it said that it has "
                     "moved\n");
    (void)printf("`shuntctl clients` shows where each one is\n");
    return CTL_WAITING;
}

/* Clients whose own rule keeps them elsewhere never move: then the deadline
 * ends this and the exit code says so. */
static int
watch_them(const struct ctl *ctl, const struct servers *servers,
           const char *path, struct progress *p)
{
    const int64_t start_ms = clock_mono_ms();
    for (;;) {
        const int rc = look(ctl, servers, path, p);
        if (rc)
            return rc;
        const int64_t waited_ms = clock_mono_ms() - start_ms;
        const bool done = p->moved == p->live;
        const bool late = waited_ms >= ctl->conf.wait_ms ||
                          (done && p->gone && waited_ms >= GONE_MS);
        print_progress(p, (done && !p->gone) || late);
        if (done && !p->gone)
            return CTL_OK;
        if (late)
            return not_all(p);
        const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

static int
wait_for_clients(const struct ctl *ctl, int64_t revision,
                 const struct json_t *moves)
{
    struct progress p = {.revision = revision, .moves = moves};
    struct servers s;
    int rc = servers_find(ctl, &s);
    if (rc)
        return rc;
    char *path =
        words_query_take(xstrdup("/v1/clients"), "cluster.code", ctl->argv[0]);
    rc = watch_them(ctl, &s, path, &p);
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

/* *revision: the one that the clients have to follow; *moves: who does
 * (js_free). */
static int
publish(const struct ctl *ctl, const struct json_t *table, int64_t *revision,
        struct json_t **moves)
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
                       .what = what,
                       .moves = moves};
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
    struct json_t *moves = NULL;
    int64_t revision;
    int rc = ctl_get(ctl, "/v1/table", &table);
    if (rc)
        return rc;
    rc = publish(ctl, table, &revision, &moves);
    js_free(table);
    if (!rc && !ctl->conf.dry_run && !ctl->conf.json && ctl->conf.wait_ms > 0)
        rc = wait_for_clients(ctl, revision, moves);
    js_free(moves);
    return rc;
}
