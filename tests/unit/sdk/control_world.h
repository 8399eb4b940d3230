/*
 * The world of t_control.c and t_reconnect.c: a route service and mapper made
 * here, one HTTP server on a loop thread, and the control thread of a client.
 */
#ifndef SHUNT_TESTS_SDK_CONTROL_WORLD_H
#define SHUNT_TESTS_SDK_CONTROL_WORLD_H

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/js.h"
#include "common/net/http_server.h"
#include "sdk/src/control/cache.h"
#include "sdk/src/control/control.h"
#include "tests/support/support.h"

#define MAYBE_UNUSED __attribute__((unused))

/* ---- the service --------------------------------------------------------- */

static struct loop *loop;
static struct http_server *server;
static pthread_t loop_thread;
static char url[128];

#define CROWD 24

static struct http_stream *streams[CROWD]; /* slots; loop thread */
static size_t streams_max = 1; /* the last slot is taken over when all are
                                    used; before serve() */
static char first[4096];       /* first event's data; under mutex */
static atomic_bool hang_up_at_once;
static atomic_int busy;               /* 503s to come */
static atomic_bool resumed_elsewhere; /* on cluster b, not a */
static atomic_int resumed_at; /* answers a Last-Event-ID with this; 0: not */
static atomic_int n_watches, n_reports, n_questions, translate_status;
static atomic_int report_refusals; /* 404s to come */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* Of the newest watch; under mutex. */
static char last_body[8192], last_id[32], last_host[64];
static int64_t watched_ms[4 * CROWD]; /* when each came; under mutex */

/* The client has left. */
static void
forget_stream(void *arg, const char *why)
{
    struct http_stream **slot = arg;
    (void)why;
    *slot = NULL;
}

static void
end_streams(void *arg)
{
    const char *closed = arg;
    for (size_t i = 0; i < CROWD; i++) {
        if (streams[i] && closed)
            http_stream_send(streams[i], "closed", NULL, closed);
        if (streams[i])
            http_stream_close(streams[i]);
        streams[i] = NULL;
    }
}

static void
note_watch(struct http_req *req)
{
    size_t len;
    const char *id = http_req_header(req, "Last-Event-ID");
    const char *host = http_req_header(req, "Host");
    pthread_mutex_lock(&mutex);
    (void)snprintf(last_body, sizeof(last_body), "%s",
                   http_req_body(req, &len));
    (void)snprintf(last_id, sizeof(last_id), "%s", id ? id : "");
    (void)snprintf(last_host, sizeof(last_host), "%s", host ? host : "");
    watched_ms[atomic_load(&n_watches) % (4 * CROWD)] = clock_mono_ms();
    pthread_mutex_unlock(&mutex);
}

static bool
refuse_if_busy(struct http_req *req)
{
    const struct err err = {.code = ERR_BUSY, .text = "too many at once"};
    if (atomic_load(&busy) <= 0)
        return false;
    atomic_fetch_sub(&busy, 1);
    http_reply_err_after(req, &err, 1);
    return true;
}

static void
greet(struct http_stream *s, bool may_resume)
{
    char text[256], data[sizeof(first)];
    const int revision = atomic_load(&resumed_at);
    pthread_mutex_lock(&mutex);
    memcpy(data, first, sizeof(data));
    pthread_mutex_unlock(&mutex);
    (void)snprintf(text, sizeof(text),
                   "{\"revision\":%d,\"routes\":[{\"topic\":\"orders\","
                   "\"cluster\":\"%s\",\"since\":5}]}",
                   revision, atomic_load(&resumed_elsewhere) ? "b" : "a");
    if (may_resume && revision)
        http_stream_send(s, "resumed", "1", text);
    else if (*data)
        http_stream_send(s, "route", "1", data);
}

static void
on_watch(struct http_req *req, void *ctx)
{
    (void)ctx;
    note_watch(req);
    const bool may_resume = *last_id != '\0';
    if (refuse_if_busy(req)) {
        atomic_fetch_add(&n_watches, 1);
        return;
    }
    struct http_stream **at = streams;
    while (*at && at < streams + streams_max - 1)
        at++;
    if (*at)
        http_stream_close(*at);
    *at = http_stream_open(req, forget_stream, at);
    greet(*at, may_resume);
    if (atomic_load(&hang_up_at_once))
        end_streams(NULL);
    atomic_fetch_add(&n_watches, 1);
}

static void
on_report(struct http_req *req, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&n_reports, 1);
    if (atomic_load(&report_refusals) > 0) {
        atomic_fetch_sub(&report_refusals, 1);
        http_reply_text(req, 404, "application/json",
                        "{\"error\":{\"code\":\"NOTFOUND\"}}");
        return;
    }
    http_reply_json_take(req, 200, js_object());
}

static void
on_translate(struct http_req *req, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&n_questions, 1);
    const int status = atomic_load(&translate_status);
    if (status == 0)
        return; /* never answers */
    http_reply_text(
        req, status, "application/json",
        status == 200
            ? "{\"positions\":[{\"topic\":\"orders\",\"partition\":0,"
              "\"offset\":7,\"quality\":\"exact\",\"to_topic\":\"a.orders\","
              "\"position\":5,\"low\":5,\"high\":5,\"reason\":\"in a run\"}]}"
            : "{\"error\":{\"code\":\"UNSUPPORTED\",\"message\":\"no single "
              "flow joins them\"}}");
}

static void *
run_loop(void *arg)
{
    (void)arg;
    loop_run(loop);
    return NULL;
}

static void
serve(const char *addr)
{
    static const struct http_route routes[] = {
        {"POST", "/v1/watch", on_watch},
        {"POST", "/v1/reports", on_report},
        {"POST", "/v1/translate", on_translate},
        {0},
    };
    const struct http_limits limits = {
        .body_max_bytes = 1 << 20,
        .header_max_bytes = 1 << 14,
        .connections_max = 100,
        .stream_backlog_max_bytes = 1 << 20,
        .idle_timeout_ms = 60000,
    };
    struct err err = {0};
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_msg(http_server_new(loop, &limits, routes, NULL, &server, &err) ==
                      0,
                  "%s", err.text);
    ck_assert_msg(http_server_listen(server, addr, false, &err) == 0, "%s",
                  err.text);
    (void)snprintf(url, sizeof(url), "%s", http_server_url(server));
    ck_assert_int_eq(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
}

static void
stop_serving(void)
{
    if (!loop)
        return;
    loop_stop(loop);
    pthread_join(loop_thread, NULL);
    http_server_free(server);
    loop_free(loop);
    loop = NULL;
    memset(streams, 0, sizeof(streams));
}

static void
push_now(void *arg)
{
    char *data = arg;
    for (size_t i = 0; i < CROWD; i++)
        if (streams[i])
            http_stream_send(streams[i], "route", "1", data);
    free(data);
}

MAYBE_UNUSED static void
push(const char *data)
{
    ck_assert_int_eq(loop_post(loop, push_now, strdup(data)), 0);
}

static void
answer_text(char *to, size_t size, int revision, const char *cluster)
{
    (void)snprintf(
        to, size,
        "{\"revision\":%d,\"routes\":[{\"topic\":\"orders\",\"cluster\":\"%s\","
        "\"rule\":\"r\",\"since\":%d,\"previous\":null,\"view\":[{\"topic\":"
        "\"orders\",\"origin\":\"%s\"}]}],\"clusters\":[{\"name\":\"a\","
        "\"bootstrap.servers\":\"h:1\"},{\"name\":\"b\",\"bootstrap.servers\":"
        "\"h:2\"}],\"flows\":[{\"source\":\"a\",\"target\":\"b\",\"mappers\":["
        "\"http://127.0.0.1:1\",\"%s\"]}]}",
        revision, cluster, revision, cluster, url);
}

/* What new streams begin with. */
static void
set_first(int revision, const char *cluster)
{
    char text[sizeof(first)];
    answer_text(text, sizeof(text), revision, cluster);
    pthread_mutex_lock(&mutex);
    memcpy(first, text, sizeof(first));
    pthread_mutex_unlock(&mutex);
}

MAYBE_UNUSED static void
push_route(int revision, const char *cluster)
{
    char text[4096];
    answer_text(text, sizeof(text), revision, cluster);
    push(text);
}

/* ---- the client ---------------------------------------------------------- */

static struct control *control;
static struct tmpdir dir;
static char instance[32] = "i1";
static atomic_int n_news;
static char lines[16384]; /* under mutex */

static void
on_news(void *arg)
{
    (void)arg;
    atomic_fetch_add(&n_news, 1);
}

static void
on_log(int level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    pthread_mutex_lock(&mutex);
    const size_t used = strlen(lines);
    (void)snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
    pthread_mutex_unlock(&mutex);
}

static struct pt_identity
identity(void)
{
    static char code[] = "orders", role[] = "consumer", topic[] = "orders";
    static char *topics[] = {topic};
    return (struct pt_identity){
        .cluster_code = code,
        .role = role,
        .topics = {topics, 1},
    };
}

static void
start_with(const char *servers)
{
    struct err err = {0};
    struct control_conf conf = {
        .identity = identity(),
        .client = {instance, (char[]){"n"}, (char[]){"0.1.0"}, (char[]){"h"},
                   1},
        .cache_dir = dir.path,
        .request_timeout_ms = 1000,
        .on_news = on_news,
        .on_log = on_log,
    };
    ck_assert_int_eq(strlist_split(&conf.servers, servers, ","), 0);
    ck_assert_msg(control_start(&conf, &control, &err) == 0, "%s", err.text);
    strlist_fini(&conf.servers);
}

static int64_t
revision(void)
{
    struct route *r = control_route(control);
    const int64_t n = r ? r->answer.revision : -1;
    route_unref(r);
    return n;
}

static bool
has_revision(void *arg)
{
    return revision() == *(int *)arg;
}

MAYBE_UNUSED static void
expect_revision(int wanted)
{
    ck_assert_msg(wait_until(has_revision, &wanted, DEADLINE_MS),
                  "revision %d instead of %d", (int)revision(), wanted);
}

MAYBE_UNUSED static bool
has_line(void *arg)
{
    pthread_mutex_lock(&mutex);
    const bool found = strstr(lines, arg) != NULL;
    pthread_mutex_unlock(&mutex);
    return found;
}

MAYBE_UNUSED static bool
was_told(void *arg)
{
    (void)arg;
    return atomic_load(&n_news) > 0;
}

MAYBE_UNUSED static bool
reached(void *arg)
{
    const int *want = arg;
    return atomic_load(&n_watches) >= want[0] &&
           atomic_load(&n_reports) >= want[1] &&
           atomic_load(&n_questions) >= want[2];
}

static void
set_up(void)
{
    tmpdir_make(&dir);
    serve("127.0.0.1:0");
    set_first(5, "a");
    atomic_store(&translate_status, 200);
}

static void
tear_down(void)
{
    control_stop(control);
    stop_serving();
    tmpdir_remove(&dir);
}

#endif
