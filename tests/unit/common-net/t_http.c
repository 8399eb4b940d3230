/* Server and client in one process: the server's loop on a thread of its own,
 * the client on the test's. */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "common/net/http_client.h"
#include "common/net/http_server.h"
#include "tests/support/support.h"

#define BODY_MAX 4096

static struct loop *loop;
static struct http_server *server;
static pthread_t thread;
static struct http_client *client;
static char url[256];

/* ---- the server's side: all on the loop thread, read by the test ---- */

static struct http_stream *stream;
static struct http_req *held;
static atomic_int streams_closed, held_closed, connections, held_open;
static char close_why[64];

static void
on_echo(struct http_req *req, void *ctx)
{
    struct json_t *v;
    (void)ctx;
    if (http_req_json(req, &v) == 0)
        http_reply_json_take(req, 200, v);
}

static void
on_name(struct http_req *req, void *ctx)
{
    char text[300];
    (void)ctx;
    const char *q = http_req_query(req, "q");
    (void)snprintf(text, sizeof(text), "%s|%s|%s|%s", http_req_param(req, "id"),
                   q ? q : "none", http_req_peer(req),
                   http_req_header(req, "Accept"));
    http_reply_text(req, 200, "text/plain", text);
}

static void
on_fail(struct http_req *req, void *ctx)
{
    struct err err;
    (void)ctx;
    (void)err_field(&err, ERR_CONFLICT, "rule", "r1", "taken \"already\"");
    http_reply_err(req, &err);
}

static void
on_stream_close(void *arg, const char *why)
{
    (void)arg;
    (void)snprintf(close_why, sizeof(close_why), "%s", why);
    stream = NULL;
    atomic_fetch_add(&streams_closed, 1);
}

static void
on_watch(struct http_req *req, void *ctx)
{
    (void)ctx;
    stream = http_stream_open(req, on_stream_close, NULL);
    http_stream_send(stream, "route", "7", "{\"first\":1}");
    http_stream_send(stream, NULL, NULL, "second");
}

static void
on_flood(struct http_req *req, void *ctx)
{
    static char line[65536];
    (void)ctx;
    memset(line, 'x', sizeof(line) - 1);
    stream = http_stream_open(req, on_stream_close, NULL);
    for (int i = 0; i < 1000; i++)
        http_stream_send(stream, "flood", NULL, line);
}

static void
on_held_close(void *arg)
{
    (void)arg;
    held = NULL;
    atomic_fetch_add(&held_closed, 1);
}

static void
on_hold(struct http_req *req, void *ctx)
{
    (void)ctx;
    held = req;
    http_req_on_close(req, on_held_close, NULL);
    atomic_fetch_add(&held_open, 1);
}

static const struct http_route routes[] = {
    {"POST", "/echo", on_echo},  {"GET", "/names/{id}?q", on_name},
    {"GET", "/fail", on_fail},   {"POST", "/watch", on_watch},
    {"GET", "/watch", on_watch}, {"GET", "/flood", on_flood},
    {"GET", "/hold", on_hold},   {0},
};

static void
count_connections(void *arg)
{
    (void)arg;
    atomic_store(&connections, (int)http_server_connections(server));
}

static void
release_held(void *arg)
{
    (void)arg;
    if (held)
        http_reply_text(held, 200, "text/plain", "at last");
    held = NULL;
}

static void
close_stream(void *arg)
{
    (void)arg;
    if (stream)
        http_stream_close(stream);
    stream = NULL;
}

static void
free_server(void *arg)
{
    (void)arg;
    http_server_free(server);
    server = NULL;
}

static void
post(void (*fn)(void *arg))
{
    ck_assert_int_eq(loop_post(loop, fn, NULL), 0);
}

static void *
run_loop(void *arg)
{
    (void)arg;
    loop_run(loop);
    http_server_free(server); /* on its own thread, after loop_stop() */
    return NULL;
}

static void
no_log(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static void
setup(void)
{
    static const struct http_limits limits = {
        .body_max_bytes = BODY_MAX,
        .header_max_bytes = 4096,
        .connections_max = 4,
        .stream_backlog_max_bytes = 256 * 1024,
        .idle_timeout_ms = 1500,
    };
    struct err err;
    log_set_sink(no_log);
    stream = NULL;
    held = NULL;
    atomic_store(&streams_closed, 0);
    atomic_store(&held_closed, 0);
    atomic_store(&held_open, 0);
    close_why[0] = '\0';
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(
        http_server_new(loop, &limits, routes, NULL, &server, &err), 0);
    ck_assert_int_eq(http_server_listen(server, "127.0.0.1:0", false, &err), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, NULL), 0);
    ck_assert_int_eq(http_client_new(&client, &err), 0);
}

static void
teardown(void)
{
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    http_client_free(client);
    loop_free(loop);
}

/* ---- the client's side ---- */

struct answer {
    int done, error, status, events;
    char body[1024], text[512];
    char event[64], id[64], data[64]; /* of the first event */
};

static void
on_done(const struct http_answer *a, void *arg)
{
    struct answer *to = arg;
    to->done++;
    to->error = a->error;
    to->status = a->status;
    (void)snprintf(to->body, sizeof(to->body), "%s", a->body);
    (void)snprintf(to->text, sizeof(to->text), "%s", a->text);
}

static void
on_event(const struct sse_event *e, void *arg)
{
    struct answer *to = arg;
    if (to->events++ > 0)
        return;
    (void)snprintf(to->event, sizeof(to->event), "%s", e->event);
    (void)snprintf(to->id, sizeof(to->id), "%s", e->id);
    (void)snprintf(to->data, sizeof(to->data), "%s", e->data);
}

static const char *
url_of(const char *path)
{
    (void)snprintf(url, sizeof(url), "%s%s", http_server_url(server), path);
    return url;
}

static struct http_call *
start(const char *method, const char *to, const char *body, bool events,
      int64_t silence_ms, struct answer *a)
{
    const struct http_call_conf conf = {
        .method = method,
        .url = to,
        .body = body,
        .timeout_ms = 5000,
        .silence_ms = silence_ms,
        .on_done = on_done,
        .on_event = events ? on_event : NULL,
        .arg = a,
    };
    struct http_call *call;
    struct err err;
    memset(a, 0, sizeof(*a));
    ck_assert_int_eq(http_call_start(client, &conf, &call, &err), 0);
    return call;
}

static bool
is_done(void *arg)
{
    const struct answer *a = arg;
    http_client_poll(client, 10);
    return a->done > 0;
}

static bool
has_two_events(void *arg)
{
    const struct answer *a = arg;
    http_client_poll(client, 10);
    return a->events >= 2;
}

static bool
is_positive(void *arg)
{
    http_client_poll(client, 0);
    return atomic_load((atomic_int *)arg) > 0;
}

static bool
has_connections(void *arg)
{
    post(count_connections);
    return atomic_load(&connections) == *(const int *)arg;
}

static struct answer
ask(const char *method, const char *path, const char *body)
{
    struct answer a;
    (void)start(method, url_of(path), body, false, 0, &a);
    ck_assert_msg(wait_until(is_done, &a, DEADLINE_MS), "no answer");
    return a;
}

/* A plain socket that asks and does not read. */
static int
ask_raw(const char *text)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sa.sin_port =
        htons((uint16_t)atoi(strrchr(http_server_url(server), ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int small = 4096;
    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    ck_assert_int_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
    return fd;
}

static size_t
read_all(int fd, char *to, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len + 1 < size && (n = recv(fd, to + len, size - len - 1, 0)) > 0)
        len += (size_t)n;
    to[len] = '\0';
    return len;
}

START_TEST(answers_json)
{
    const struct answer a = ask("POST", "/echo", "{\"a\":[1,\"\xc3\xa9\"]}");
    ck_assert_int_eq(a.error, 0);
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body, "{\"a\":[1,\"\xc3\xa9\"]}");
}
END_TEST

START_TEST(decodes_path_and_query)
{
    const struct answer a = ask("GET", "/names/a%2Fb%20c?q=1%262", NULL);
    ck_assert_str_eq(a.body, "a/b c|1&2|127.0.0.1|*/*");
    ck_assert_str_eq(ask("GET", "/names/x", NULL).body, "x|none|127.0.0.1|*/*");
}
END_TEST

static void
check_error(const struct answer *a, int status, const char *piece)
{
    ck_assert_int_eq(a->status, status);
    ck_assert_msg(strstr(a->body, "{\"error\":{\"code\":") != NULL, "%s",
                  a->body);
    ck_assert_msg(strstr(a->body, piece) != NULL, "%s", a->body);
}

START_TEST(refuses_bad_requests_in_json)
{
    struct answer a = ask("GET", "/nothing", NULL);
    check_error(&a, 404, "there is nothing at /nothing");
    a = ask("GET", "/names/", NULL);
    check_error(&a, 404, "NOTFOUND");
    a = ask("GET", "/echo", NULL);
    check_error(&a, 405, "/echo does not answer to GET");
    a = ask("PATCH", "/echo", "{}");
    check_error(&a, 405, "/echo does not answer to PATCH");
    a = ask("POST", "/echo", "{\"a\":");
    check_error(&a, 400, "not valid JSON");
    a = ask("POST", "/echo", "{\"a\":1,\"a\":2}");
    check_error(&a, 400, "duplicate");
    a = ask("POST", "/echo", "[1]");
    check_error(&a, 400, "INVALID");
    a = ask("POST", "/echo", "");
    check_error(&a, 400, "PARSE");
    a = ask("GET", "/names/x?q=1&qq=2", NULL);
    check_error(&a, 400, "\"field\":\"qq\"");
    a = ask("GET", "/names/a%zz", NULL);
    check_error(&a, 400, "the path has a % that does not begin");
    a = ask("GET", "/fail", NULL);
    check_error(&a, 409, "\"field\":\"rule\",\"value\":\"r1\"");
}
END_TEST

START_TEST(quotes_what_is_not_utf8)
{
    char body[600] = "\"";
    for (size_t i = 0; i < 250; i++)
        memcpy(body + 1 + 2 * i, "\xc3\xa9", 2);
    memcpy(body + 501, "\"", 2);
    struct answer a = ask("POST", "/echo", body);
    check_error(&a, 400, "must be an object");
    a = ask("POST", "/echo", "\"\xff\xfe\"");
    check_error(&a, 400, "PARSE");
}
END_TEST

START_TEST(refuses_large_bodies)
{
    static char large[300000];
    const size_t sizes[] = {BODY_MAX - 1, BODY_MAX, BODY_MAX + 1, 3 * BODY_MAX,
                            sizeof(large) - 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        memset(large, ' ', sizeof(large));
        memcpy(large, "{}", 2);
        large[sizes[i]] = '\0';
        const struct answer a = ask("POST", "/echo", large);
        if (sizes[i] <= BODY_MAX)
            ck_assert_int_eq(a.status, 200);
        else
            check_error(&a, 413, "LIMIT");
    }
    ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
}
END_TEST

/* The peer means to send a gigabyte; it is not waited for. */
START_TEST(refuses_before_all_has_come)
{
    static char large[3 * BODY_MAX];
    char got[4096];
    const int fd = ask_raw("POST /echo HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: 1000000000\r\n\r\n");
    memset(large, ' ', sizeof(large));
    ck_assert_int_eq(send(fd, large, sizeof(large), 0), sizeof(large));
    (void)read_all(fd, got, sizeof(got));
    ck_assert_msg(strstr(got, "HTTP/1.1 413 ") == got, "%s", got);
    ck_assert_msg(strstr(got, "{\"error\":{\"code\":\"LIMIT\"") != NULL, "%s",
                  got);
    ck_assert_int_eq(close(fd), 0);
    ck_assert(wait_until(has_connections, &(int){0}, DEADLINE_MS));
}
END_TEST

START_TEST(streams_events)
{
    struct answer a;
    (void)start("POST", url_of("/watch"), "{}", true, 5000, &a);
    ck_assert(wait_until(has_two_events, &a, DEADLINE_MS));
    ck_assert_str_eq(a.event, "route");
    ck_assert_str_eq(a.id, "7");
    ck_assert_str_eq(a.data, "{\"first\":1}");
    post(close_stream);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, 0);
    ck_assert_int_eq(a.status, 200);
    ck_assert_int_eq(atomic_load(&streams_closed), 0);
    ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
}
END_TEST

START_TEST(tells_body_of_refused_stream)
{
    struct answer a;
    (void)start("POST", url_of("/echo"), "{", true, 5000, &a);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    check_error(&a, 400, "PARSE");
    ck_assert_int_eq(a.events, 0);
}
END_TEST

START_TEST(tells_when_stream_is_cancelled)
{
    struct answer a;
    struct http_call *call =
        start("POST", url_of("/watch"), "{}", true, 5000, &a);
    ck_assert(wait_until(has_two_events, &a, DEADLINE_MS));
    http_call_cancel(call);
    ck_assert_int_eq(a.done, 1);
    ck_assert_int_eq(a.error, ERR_CLOSED);
    ck_assert(wait_until(is_positive, &streams_closed, DEADLINE_MS));
    ck_assert_str_eq(close_why, "peer closed the connection");
}
END_TEST

static void
cancel_on_event(const struct sse_event *e, void *arg)
{
    static struct answer nested;
    struct http_call **call = arg;
    (void)e;
    (void)start("GET", url_of("/names/n"), NULL, false, 0, &nested);
    http_call_cancel(*call);
    *call = NULL;
    memcpy(arg, &(struct answer *){&nested}, sizeof(void *));
}

START_TEST(starts_and_cancels_inside_an_event)
{
    struct http_call *call;
    struct err err;
    const struct http_call_conf conf = {
        .method = "GET",
        .url = url_of("/watch"),
        .timeout_ms = 5000,
        .on_event = cancel_on_event,
        .arg = &call,
    };
    ck_assert_int_eq(http_call_start(client, &conf, &call, &err), 0);
    const struct http_call *first = call;
    for (int i = 0; i < 1000 && call == first; i++)
        http_client_poll(client, 10);
    struct answer *nested;
    memcpy(&nested, &call, sizeof(void *));
    ck_assert(wait_until(is_done, nested, DEADLINE_MS));
    ck_assert_int_eq(nested->status, 200);
    ck_assert(wait_until(is_positive, &streams_closed, DEADLINE_MS));
}
END_TEST

START_TEST(drops_silent_stream)
{
    struct answer a;
    (void)start("POST", url_of("/watch"), "{}", true, 100, &a);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, ERR_TIMEOUT);
    ck_assert_int_eq(a.events, 2);
    ck_assert_msg(strstr(a.text, "silent for 100 ms") != NULL, "%s", a.text);
}
END_TEST

START_TEST(drops_slow_reader)
{
    const int fd = ask_raw("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(wait_until(is_positive, &streams_closed, DEADLINE_MS));
    ck_assert_str_eq(close_why, "slow reader");
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
}
END_TEST

START_TEST(answers_later)
{
    struct answer a;
    (void)start("GET", url_of("/hold"), NULL, false, 0, &a);
    ck_assert(wait_until(is_positive, &held_open, DEADLINE_MS));
    post(release_held);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_str_eq(a.body, "at last");
    ck_assert_int_eq(atomic_load(&held_closed), 0);
}
END_TEST

START_TEST(notices_that_the_asker_has_gone)
{
    struct answer a;
    struct http_call *call = start("GET", url_of("/hold"), NULL, false, 0, &a);
    ck_assert(wait_until(is_positive, &held_open, DEADLINE_MS));
    http_call_cancel(call);
    ck_assert(wait_until(is_positive, &held_closed, DEADLINE_MS));
    post(release_held);
    ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
}
END_TEST

START_TEST(survives_a_reset)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    const int fd = ask_raw("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(wait_until(is_positive, &held_open, DEADLINE_MS));
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)),
                     0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert(wait_until(is_positive, &held_closed, DEADLINE_MS));
}
END_TEST

START_TEST(keeps_requests_apart_on_one_connection)
{
    char got[4096];
    const int fd = ask_raw("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /names/p HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n");
    ck_assert(wait_until(is_positive, &held_open, DEADLINE_MS));
    post(release_held);
    (void)read_all(fd, got, sizeof(got));
    const char *first = strstr(got, "at last");
    ck_assert_msg(first != NULL, "%s", got);
    ck_assert_msg(strstr(first, "p|none|") != NULL, "%s", got);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(survives_rubbish)
{
    static const char *const rubbish[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "FOO /echo HTTP/1.1\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /%zz%00?%%%= HTTP/1.1\r\n\r\n",
    };
    char got[4096];
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++) {
        const int fd = ask_raw(rubbish[i]);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        (void)read_all(fd, got, sizeof(got));
        ck_assert_int_eq(close(fd), 0);
        ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
    }
}
END_TEST

START_TEST(closes_idle_connections_but_not_streams)
{
    struct answer a;
    char got[64];
    (void)start("POST", url_of("/watch"), "{}", true, 60000, &a);
    ck_assert(wait_until(has_two_events, &a, DEADLINE_MS));
    const int fd = ask_raw("");
    ck_assert_uint_eq(read_all(fd, got, sizeof(got)), 0);
    ck_assert_int_eq(close(fd), 0);
    http_client_poll(client, 0);
    ck_assert_int_eq(a.done, 0);
    ck_assert_int_eq(atomic_load(&streams_closed), 0);
}
END_TEST

START_TEST(limits_connections)
{
    int four = 4;
    int fds[6];
    char got[1024];
    for (size_t i = 0; i < 6; i++)
        fds[i] = ask_raw("");
    for (size_t i = 4; i < 6; i++) {
        (void)read_all(fds[i], got, sizeof(got));
        ck_assert_msg(strstr(got, "HTTP/1.1 503 ") == got, "%s", got);
        ck_assert_msg(strstr(got, "{\"error\":{\"code\":\"BUSY\"") != NULL,
                      "%s", got);
    }
    ck_assert(wait_until(has_connections, &four, DEADLINE_MS));
    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(close(fds[i]), 0);
    ck_assert(wait_until(has_connections, &(int){0}, DEADLINE_MS));
    ck_assert_int_eq(ask("POST", "/echo", "{}").status, 200);
}
END_TEST

START_TEST(stops_with_open_streams)
{
    struct answer a, b;
    (void)start("POST", url_of("/watch"), "{}", true, 5000, &a);
    ck_assert(wait_until(has_two_events, &a, DEADLINE_MS));
    (void)start("GET", url_of("/hold"), NULL, false, 0, &b);
    ck_assert(wait_until(is_positive, &held_open, DEADLINE_MS));
    post(free_server);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert(wait_until(is_done, &b, DEADLINE_MS));
    ck_assert_int_ne(b.error, 0);
    ck_assert(wait_until(is_positive, &streams_closed, DEADLINE_MS));
    ck_assert(wait_until(is_positive, &held_closed, DEADLINE_MS));
    ck_assert_str_eq(close_why, "server stops");
}
END_TEST

START_TEST(names_what_cannot_be_reached)
{
    struct answer a;
    char to[64];
    (void)snprintf(to, sizeof(to), "http://127.0.0.1:%d/x", free_port());
    (void)start("GET", to, NULL, false, 0, &a);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, ERR_UNAVAILABLE);
    ck_assert_msg(strstr(a.text, to) != NULL, "%s", a.text);
    ck_assert_msg(strstr(a.text, "GET ") == a.text, "%s", a.text);
    ck_assert_msg(strstr(a.text, "connect") != NULL, "%s", a.text);
}
END_TEST

START_TEST(caps_the_answer)
{
    struct answer a = {0};
    struct err err;
    const struct http_call_conf conf = {.method = "POST",
                                        .url = url_of("/echo"),
                                        .body = "{\"a\":\"0123456789\"}",
                                        .timeout_ms = 5000,
                                        .answer_max_bytes = 10,
                                        .on_done = on_done,
                                        .arg = &a};
    ck_assert_int_eq(http_call_start(client, &conf, NULL, &err), 0);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, ERR_LIMIT);
}
END_TEST

START_TEST(times_out)
{
    struct answer a = {0};
    struct err err;
    const struct http_call_conf conf = {.method = "GET",
                                        .url = url_of("/hold"),
                                        .timeout_ms = 50,
                                        .on_done = on_done,
                                        .arg = &a};
    ck_assert_int_eq(http_call_start(client, &conf, NULL, &err), 0);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, ERR_TIMEOUT);
    struct http_call_conf s = conf;
    s.on_event = on_event;
    s.url = url_of("/hold");
    memset(&a, 0, sizeof(a));
    ck_assert_int_eq(http_call_start(client, &s, NULL, &err), 0);
    ck_assert(wait_until(is_done, &a, DEADLINE_MS));
    ck_assert_int_eq(a.error, ERR_TIMEOUT);
    ck_assert_msg(strstr(a.text, "no answer for 50 ms"), "%s", a.text);
}
END_TEST

START_TEST(fetches_and_waits)
{
    struct err err;
    int status;
    char *body;
    ck_assert_int_eq(
        http_fetch("POST", url_of("/echo"), "{}", 5000, &status, &body, &err),
        0);
    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(body, "{}");
    free(body);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", free_port());
    ck_assert_int_eq(http_fetch("GET", url, NULL, 5000, &status, &body, &err),
                     ERR_UNAVAILABLE);
    ck_assert_ptr_null(body);
    ck_assert_int_eq(http_fetch("GET", "file:///etc/passwd", NULL, 5000,
                                &status, &body, &err),
                     ERR_UNAVAILABLE);
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {
        answers_json,
        decodes_path_and_query,
        refuses_bad_requests_in_json,
        quotes_what_is_not_utf8,
        refuses_large_bodies,
        refuses_before_all_has_come,
        streams_events,
        tells_body_of_refused_stream,
        tells_when_stream_is_cancelled,
        starts_and_cancels_inside_an_event,
        drops_silent_stream,
        drops_slow_reader,
        answers_later,
        notices_that_the_asker_has_gone,
        survives_a_reset,
        keeps_requests_apart_on_one_connection,
        survives_rubbish,
        closes_idle_connections_but_not_streams,
        limits_connections,
        stops_with_open_streams,
        names_what_cannot_be_reached,
        caps_the_answer,
        times_out,
        fetches_and_waits,
    };
    Suite *suite = suite_create("http");
    TCase *tc = tcase_create("http");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
