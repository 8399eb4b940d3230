/*
 * Bytes into the HTTP server, over a connection to a server and a loop that
 * live as long as the target.  Input: one byte that says into how many pieces
 * the rest is cut, then what the client sends before it closes its half.
 *
 * What comes back must be HTTP to the last byte, each error a JSON object;
 * every request that was kept waiting is answered or reported as gone, and no
 * connection stays behind.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "common/net/http_server.h"
#include "tests/fuzz/client.h"
#include "tests/fuzz/fuzz.h"

#define TURNS_MAX   2000 /* of the loop, for one input */
#define WAITING_MAX 64

/* ---- the server ----------------------------------------------------------- */

static struct loop *loop;
static struct http_server *server;

/* Requests and streams that have not come to their end. */
static struct held {
    struct http_req *req; /* NULL: gone */
    bool used;
} held[WAITING_MAX];
static size_t n_streams;

static void
get_text(struct http_req *req, void *ctx)
{
    (void)ctx;
    http_reply_text(req, 200, "text/plain", "well\n");
}

static void
get_param(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct json_t *j = js_object();
    const char *q = http_req_query(req, "q");
    const int rc = js_put_words(j, "id", http_req_param(req, "id")) |
                   js_put_words(j, "q", q ? q : "") |
                   js_put_words(j, "peer", http_req_peer(req));
    FUZZ_CHECK(rc == 0, "memory");
    http_reply_json_take(req, 200, j);
}

static void
post_echo(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct json_t *j;
    if (http_req_json(req, &j) == 0)
        http_reply_json_take(req, 200, j);
}

static void
on_gone(void *arg)
{
    struct held *h = arg;
    FUZZ_CHECK(h->used && h->req, "reported as gone twice");
    h->req = NULL;
}

static void
answer_later(void *arg)
{
    struct held *h = arg;
    if (h->req)
        http_reply_text(h->req, 200, "text/plain", "late\n");
    *h = (struct held){0};
}

static void
get_later(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct held *h = held;
    while (h < &held[WAITING_MAX] && h->used)
        h++;
    if (h == &held[WAITING_MAX]) {
        http_reply_text(req, 200, "text/plain", "now\n");
        return;
    }
    *h = (struct held){req, true};
    http_req_on_close(req, on_gone, h);
    FUZZ_CHECK(loop_post(loop, answer_later, h) == 0, "loop_post");
}

static void
on_stream_gone(void *arg, const char *why)
{
    (void)arg;
    FUZZ_CHECK(why && *why, "no reason");
    FUZZ_CHECK(n_streams > 0, "reported as gone twice");
    n_streams--;
}

static void
post_watch(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct http_stream *stream = http_stream_open(req, on_stream_gone, NULL);
    if (!stream)
        return;
    n_streams++;
    http_stream_send(stream, "route", "1", "{}");
    http_stream_send(stream, NULL, NULL, "x");
}

static const struct http_route routes[] = {
    {"GET", "/text", get_text},       {"GET", "/p/{id}?q&r", get_param},
    {"POST", "/echo", post_echo},     {"PUT", "/echo", post_echo},
    {"GET", "/later", get_later},     {"POST", "/watch", post_watch},
    {"DELETE", "/p/{id}", get_param}, {0},
};

static void
start(void)
{
    static const struct http_limits limits = {.body_max_bytes = 2048,
                                              .header_max_bytes = 1024,
                                              .connections_max = 16,
                                              .stream_backlog_max_bytes = 4096,
                                              .idle_timeout_ms = 60000,
                                              .line_max_bytes = 512};
    struct err err = {0};
    log_set_level(LOG_ERROR);
    const int rc =
        loop_new(&loop, &err) ||
        http_server_new(loop, &limits, routes, NULL, &server, &err) ||
        http_server_listen(server, "127.0.0.1:0", false, &err);
    FUZZ_CHECK(rc == 0, "%s", err.text);
}

static bool
asks_heads(const uint8_t *data, size_t size)
{
    return memmem(data, size, "HEAD", 4) != NULL;
}

/* ---- one input --------------------------------------------------------------- */

static void
talk(struct client *c, const uint8_t *data, size_t size, size_t pieces)
{
    const size_t step = size / pieces + 1;
    for (size_t i = 0; i < size; i += step)
        client_write(c, &data[i], size - i < step ? size - i : step);
    (void)shutdown(c->fd, SHUT_WR);
    for (int i = 0; i < TURNS_MAX && !c->eof; i++) {
        client_turn(c);
        client_read(c);
    }
    FUZZ_CHECK(c->eof, "the server keeps a connection whose client is done");
    client_close(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client c;
    if (!server)
        start();
    if (size < 2)
        return 0;
    client_open(&c, loop, http_server_url(server));
    talk(&c, data + 1, size - 1, data[0] % 64 + 1u);
    for (int i = 0; i < TURNS_MAX && http_server_connections(server) > 0; i++)
        client_turn(&c);
    client_turn(&c);
    FUZZ_CHECK(http_server_connections(server) == 0, "a connection is left");
    FUZZ_CHECK(n_streams == 0, "%zu streams are left", n_streams);
    for (size_t i = 0; i < WAITING_MAX; i++)
        FUZZ_CHECK(!held[i].used, "a request is left");
    FUZZ_CHECK(!buf_failed(&c.got), "more than %zu bytes", c.got.max);
    if (c.got.len > 0 && !asks_heads(data, size))
        answers_check(c.got.data, c.got.len, !c.reset);
    client_fini(&c);
    return 0;
}
