/*
 * A server on a loop thread of its own, for tests that speak to it byte by
 * byte over plain sockets.
 *
 *   POST /echo        the body, or the error of http_req_json()
 *   POST /length      how long the body was
 *   GET  /hold?n      answered by release(), and so is POST
 *   GET  /big?bytes   that many x
 *   GET  /watch       a stream with one event; GET /brief: closed at once
 */
#ifndef SHUNT_TESTS_SERVED_H
#define SHUNT_TESTS_SERVED_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/strs.h"
#include "common/net/http_server.h"
#include "tests/support/support.h"

#define HELD_MAX    16
#define STREAMS_MAX 16

static struct loop *loop;
static struct http_server *server;
static pthread_t thread;
static struct http_req *held[HELD_MAX]; /* loop thread */
static size_t n_held;
static struct http_stream *streams[STREAMS_MAX]; /* loop thread */
static size_t n_streams;
static atomic_int requests_held, requests_gone, streams_gone;
static char gone_why[64];
static char got[1 << 20]; /* what the peer has read */

/* ---- the server's side ---- */

static inline void
on_echo(struct http_req *req, void *ctx)
{
    struct json_t *v;
    (void)ctx;
    if (http_req_json(req, &v) == 0)
        http_reply_json_take(req, 200, v);
}

static inline void
on_length(struct http_req *req, void *ctx)
{
    char text[32];
    size_t len;
    (void)ctx;
    const char *body = http_req_body(req, &len);
    ck_assert_uint_ge(len, strlen(body)); /* there is a NUL behind */
    (void)snprintf(text, sizeof(text), "%zu bytes", len);
    http_reply_text(req, 200, "text/plain", text);
}

static inline void
on_held_gone(void *arg)
{
    held[(size_t)arg] = NULL;
    atomic_fetch_add(&requests_gone, 1);
}

static inline void
on_hold(struct http_req *req, void *ctx)
{
    (void)ctx;
    ck_assert_uint_lt(n_held, HELD_MAX);
    http_req_on_close(req, on_held_gone, (void *)n_held);
    held[n_held++] = req;
    atomic_fetch_add(&requests_held, 1);
}

static inline void
on_big(struct http_req *req, void *ctx)
{
    (void)ctx;
    const size_t len = (size_t)atol(http_req_query(req, "bytes"));
    char *body = malloc(len + 1);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', len);
    http_reply_bytes(req, 200, "text/plain", body, len);
    free(body);
}

static inline void
on_stream_gone(void *arg, const char *why)
{
    streams[(size_t)arg] = NULL;
    (void)snprintf(gone_why, sizeof(gone_why), "%s", why);
    atomic_fetch_add(&streams_gone, 1);
}

static inline void
on_watch(struct http_req *req, void *ctx)
{
    (void)ctx;
    ck_assert_uint_lt(n_streams, STREAMS_MAX);
    streams[n_streams] =
        http_stream_open(req, on_stream_gone, (void *)n_streams);
    http_stream_send(streams[n_streams++], "hello", "1", "first");
}

static inline void
on_brief(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct http_stream *s = http_stream_open(req, NULL, NULL);
    http_stream_send(s, "brief", NULL, "only");
    http_stream_close(s);
}

static const struct http_route served_routes[] = {
    {"POST", "/echo", on_echo},
    {"POST", "/length", on_length},
    {"GET", "/hold?n", on_hold},
    {"GET", "/big?bytes", on_big},
    {"GET", "/watch", on_watch},
    {"GET", "/brief", on_brief},
    {"POST", "/hold", on_hold},
    {"DELETE", "/watch", on_watch},
    {0},
};

/* Answers what is held, the newest first: with its n, or its body. */
static inline void
release(void *arg)
{
    (void)arg;
    while (n_held > 0) {
        struct http_req *req = held[--n_held];
        if (!req)
            continue;
        const char *n = http_req_query(req, "n");
        http_reply_text(req, 200, "text/plain",
                        n ? n : http_req_body(req, NULL));
    }
}

static inline void *
run_loop(void *arg)
{
    (void)arg;
    loop_run(loop);
    http_server_free(server);
    return NULL;
}

static inline void
no_log(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

static const struct http_limits served_limits = {
    .body_max_bytes = 4096,
    .header_max_bytes = 2048,
    .line_max_bytes = 512,
    .connections_max = 8,
    .stream_backlog_max_bytes = 64 * 1024,
    .idle_timeout_ms = 60000,
    .head_timeout_ms = 60000,
    .body_timeout_ms = 60000,
    .write_timeout_ms = 60000,
};

static inline void
serve_with(const struct http_limits *limits)
{
    struct err err;
    log_set_sink(no_log);
    n_held = n_streams = 0;
    atomic_store(&requests_held, 0);
    atomic_store(&requests_gone, 0);
    atomic_store(&streams_gone, 0);
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(
        http_server_new(loop, limits, served_routes, NULL, &server, &err), 0);
    ck_assert_int_eq(http_server_listen(server, "127.0.0.1:0", false, &err), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, NULL), 0);
}

static inline void
stop_serving(void)
{
    loop_stop(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    loop_free(loop);
}

static inline void
ring(void *arg)
{
    (void)sem_post(arg);
}

/* Runs fn(arg) on the loop thread and waits until it has run. */
static inline void
on_loop(void (*fn)(void *arg), void *arg)
{
    sem_t done;
    ck_assert_int_eq(sem_init(&done, 0, 0), 0);
    if (fn)
        ck_assert_int_eq(loop_post(loop, fn, arg), 0);
    ck_assert_int_eq(loop_post(loop, ring, &done), 0);
    ck_assert_int_eq(sem_wait(&done), 0);
    ck_assert_int_eq(sem_destroy(&done), 0);
}

/* The loop has read what was sent before: accepting, reading and the bell may
 * come in one turn each, so it is rung three times. */
static inline void
let_it_read(void)
{
    for (int i = 0; i < 3; i++)
        on_loop(NULL, NULL);
}

static inline struct http_counts
counts(void)
{
    struct http_counts c;
    http_server_counts(server, &c);
    return c;
}

static inline bool
is_positive(void *arg)
{
    return atomic_load((atomic_int *)arg) > 0;
}

/* ---- the peer's side ---- */

static inline int
dial_url(const char *url)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    const struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    const int small = 4096, one = 1;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sa.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    ck_assert_int_eq(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)),
        0);
    ck_assert_int_eq(
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static inline int
dial(void)
{
    return dial_url(http_server_url(server));
}

static inline void
say_bytes(int fd, const char *text, size_t len)
{
    ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void
say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

/* Reads until `text` was there, into `got`; what follows is left unread only
 * if it has not come yet. */
static inline void
hear(int fd, const char *text)
{
    size_t len = 0;
    got[0] = '\0';
    while (!strstr(got, text)) {
        const ssize_t n = recv(fd, got + len, sizeof(got) - len - 1, 0);
        ck_assert_msg(n > 0, "no \"%s\" in \"%.2000s\"", text, got);
        len += (size_t)n;
        got[len] = '\0';
    }
}

/* Reads until the server closes. */
static inline size_t
hear_all(int fd)
{
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, got + len, sizeof(got) - len - 1, 0)) > 0)
        len += (size_t)n;
    ck_assert_msg(n == 0 || len > 0, "nothing, not even the end");
    got[len] = '\0';
    return len;
}

static inline void
hang_up(int fd)
{
    ck_assert_int_eq(close(fd), 0);
}

/* Is `got` one answer with this status line and this in it? */
static inline void
check_got(const char *status, const char *piece)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
    ck_assert_msg(str_starts_with(got, line), "not %s: %.2000s", status, got);
    ck_assert_msg(strstr(got, piece) != NULL, "no %s: %.2000s", piece, got);
}

/* The whole text, and then no more from this side. */
static inline void
check_refused(const char *text, const char *status, const char *piece)
{
    const int fd = dial();
    say(fd, text);
    (void)hear_all(fd);
    check_got(status, piece);
    ck_assert_msg(strstr(got, "{\"error\":{\"code\":\"") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "Content-Type: application/json\r\n") != NULL,
                  "%s", got);
    hang_up(fd);
}

#endif
