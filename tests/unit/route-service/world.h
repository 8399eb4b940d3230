/*
 * A service over HTTP for tests: its loops on threads of their own, the client
 * on the test's.  Bodies and answers are written with ' for ".
 */
#ifndef SHUNT_TESTS_ROUTE_WORLD_H
#define SHUNT_TESTS_ROUTE_WORLD_H

#include <pthread.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/http_client.h"
#include "route-service/limits.h"
#include "route-service/service.h"
#include "tests/support/support.h"
#include "tests/unit/route-service/made.h"

#define BODY_MAX (1 << 20)
#define SETTLE                                                                 \
    MADE_CLUSTER("a")                                                          \
    "," MADE_CLUSTER("b") "," MADE_FLOW("a", "b") "," MADE_FLOW(               \
        "b", "a") "," MADE_RULE("r", "0", "'cluster.code':'c'", "a")
#define ID                                                                     \
    "{'cluster.code':'c','role':'consumer','group':'g',"                       \
    "'topics':['orders']}"

static struct tmpdir dir;
static struct loop *loop;
static struct service service;
static pthread_t thread;
static bool running;
static char *url;
static struct http_client *client;

static inline void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

/* Of the services that start() makes. */
static struct service_conf settings = {
    .loops = 1,
    .heartbeat_ms = 100,
    .expiry_ms = 60000,
    .limits = {.body_max_bytes = BODY_MAX,
               .header_max_bytes = 8192,
               .connections_max = 50,
               .stream_backlog_max_bytes = 1 << 20,
               .idle_timeout_ms = 30000},
};

static inline int
start(const char *data_dir, const char *listen, struct err *err)
{
    struct service_conf conf = settings;
    conf.listen = listen;
    conf.data_dir = data_dir;
    ck_assert_int_eq(loop_new(&loop, err), 0);
    const int rc = service_open(&service, loop, &conf, err);
    if (rc) {
        loop_free(loop);
        return rc;
    }
    url = strdup(service_url(&service));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
    running = true;
    return 0;
}

static inline void
stop_service(void *arg)
{
    service_stop(arg);
}

static inline void
stop(void)
{
    if (!running)
        return;
    ck_assert_int_eq(loop_post(loop, stop_service, &service), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    running = false;
    service_close(&service);
    loop_free(loop);
    free(url);
}

static inline void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static inline void
setup(void)
{
    struct err err;
    log_set_sink(quiet);
    tmpdir_make(&dir);
    ck_assert_msg(start(dir.path, "127.0.0.1:0", &err) == 0, "%s", err.text);
    ck_assert_int_eq(http_client_new(&client, &err), 0);
}

static inline void
teardown(void)
{
    http_client_free(client);
    stop();
    tmpdir_remove(&dir);
}

/* ---- asking -------------------------------------------------------------- */

static inline char *
full_url(const char *path)
{
    char *s = malloc(strlen(url) + strlen(path) + 1);
    (void)strcpy(s, url);
    (void)strcat(s, path);
    return s;
}

/* `body` has ' for "; NULL: GET.  The answer is the caller's. */
static char *__attribute__((noinline))
ask(const char *path, const char *body, int status)
{
    char *at = full_url(path);
    char *copy = body ? json_text(body) : NULL;
    char *answer = NULL;
    int got = 0;
    struct err err;
    ck_assert_msg(http_fetch(body ? "POST" : "GET", at, copy, DEADLINE_MS, &got,
                             &answer, &err) == 0,
                  "%s", err.text);
    ck_assert_msg(got == status, "%s: %d, not %d: %s", path, got, status,
                  answer);
    free(at);
    free(copy);
    return answer;
}

/* The same, looking for words in the answer, which have ' for " too. */
static inline void
expect(const char *path, const char *body, int status, const char *words)
{
    char *answer = ask(path, body, status);
    char *wanted = json_text(words);
    ck_assert_msg(strstr(answer, wanted) != NULL, "%s: no %s in %s", path,
                  wanted, answer);
    free(wanted);
    free(answer);
}

#define CHANGE(operations) "{'operations':[" operations "]}"
#define FLIP(cluster)      CHANGE(MADE_RULE("r", "0", "'cluster.code':'c'", cluster))

/* ---- watching ------------------------------------------------------------ */

struct seen {
    char event[32], id[32], data[4096]; /* of the last that is no heartbeat */
    int events, heartbeats;
    bool done;
    int status; /* when done */
    int64_t retry_after_ms;
    struct http_call *call;
};

static inline void
on_event(const struct sse_event *e, void *arg)
{
    struct seen *s = arg;
    if (strcmp(e->event, "heartbeat") == 0) {
        s->heartbeats++;
        return;
    }
    s->events++;
    (void)snprintf(s->event, sizeof(s->event), "%s", e->event);
    (void)snprintf(s->id, sizeof(s->id), "%s", e->id);
    (void)snprintf(s->data, sizeof(s->data), "%s", e->data);
}

static inline void
on_done(const struct http_answer *a, void *arg)
{
    struct seen *s = arg;
    s->done = true;
    s->status = a->status;
    s->retry_after_ms = a->retry_after_ms;
}

/* `header`: one more, or NULL. */
static inline void
watch_with(struct seen *s, const char *body, const char *header)
{
    const char *const headers[] = {header, NULL};
    char *at = full_url("/v1/watch");
    char *copy = strdup(body);
    struct err err;
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    const struct http_call_conf conf = {
        .method = "POST",
        .url = at,
        .body = copy,
        .headers = headers,
        .timeout_ms = DEADLINE_MS,
        .silence_ms = DEADLINE_MS,
        .answer_max_bytes = BODY_MAX,
        .on_done = on_done,
        .on_event = on_event,
        .arg = s,
    };
    *s = (struct seen){0};
    ck_assert_msg(http_call_start(client, &conf, &s->call, &err) == 0, "%s",
                  err.text);
    free(at);
    free(copy);
}

static inline void
watch(struct seen *s, const char *body)
{
    watch_with(s, body, NULL);
}

#define WATCH(instance)                                                        \
    "{'client':{'instance':'" instance "','name':'n'},'identity':" ID "}"

struct waiting {
    const struct seen *s;
    int events, heartbeats;
    bool done;
};

static inline bool
has_seen(void *arg)
{
    const struct waiting *w = arg;
    http_client_poll(client, 10);
    return w->s->events >= w->events && w->s->heartbeats >= w->heartbeats &&
           w->s->done >= w->done;
}

static inline void
wait_events(const struct seen *s, int events)
{
    struct waiting w = {.s = s, .events = events};
    ck_assert_msg(wait_until(has_seen, &w, DEADLINE_MS), "%d events, not %d",
                  s->events, events);
}

static inline void
wait_heartbeats(const struct seen *s, int more)
{
    struct waiting w = {.s = s, .heartbeats = s->heartbeats + more};
    ck_assert(wait_until(has_seen, &w, DEADLINE_MS));
}

static inline void
wait_done(const struct seen *s)
{
    struct waiting w = {.s = s, .done = true};
    ck_assert(wait_until(has_seen, &w, DEADLINE_MS));
}

static inline void
assert_data(const struct seen *s, const char *words)
{
    char *wanted = json_text(words);
    ck_assert_msg(strstr(s->data, wanted) != NULL, "no %s in %s", wanted,
                  s->data);
    free(wanted);
}

/* ---- the register ------------------------------------------------------- */

struct listed {
    const char *path;
    int total;
};

static inline bool
lists(void *arg)
{
    const struct listed *l = arg;
    char total[32];
    char *answer = ask(l->path, NULL, 200);
    (void)snprintf(total, sizeof(total), "],\"total\":%d,", l->total);
    const bool so = strstr(answer, total) != NULL;
    free(answer);
    http_client_poll(client, 10);
    return so;
}

/* Waits until the register lists so many at this path. */
static inline void
wait_listed(const char *path, int total)
{
    struct listed l = {path, total};
    ck_assert_msg(wait_until(lists, &l, DEADLINE_MS), "%s: not %d", path,
                  total);
}

#endif
