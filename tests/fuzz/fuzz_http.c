/*
 * Bytes into the HTTP server, over a connection to a server and a loop that
 * live as long as the target.  Input: one byte that says into how many pieces
 * the rest is cut, then what the client sends before it closes its half.
 *
 * What comes back must be HTTP to the last byte, each error a JSON object;
 * every request that was kept waiting is answered or reported as gone, and no
 * connection stays behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/net/http_server.h"
#include "tests/fuzz/fuzz.h"

#define TURNS_MAX   2000 /* of the loop, for one input */
#define WAITING_MAX 64

/* ---- the server ----------------------------------------------------------- */

static struct loop *loop;
static struct http_server *server;
static struct sockaddr_in address;

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
    const char *colon = strrchr(http_server_url(server), ':');
    address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(colon + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static void
turn(void)
{
    (void)event_base_loop(loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* ---- the client ----------------------------------------------------------- */

struct client {
    int fd;
    bool reset; /* by the server, with bytes on their way */
    bool eof;
    struct buf got;
};

static void
client_open(struct client *c)
{
    /* A reset at the end leaves no port behind in TIME_WAIT. */
    static const struct linger linger = {1, 0};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    FUZZ_CHECK(c->fd >= 0, "socket: %s", strerror(errno));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    int rc = connect(c->fd, (const struct sockaddr *)&address, sizeof(address));
    if (rc && errno == EINTR) { /* libFuzzer's clock: it goes on by itself */
        struct pollfd done = {.fd = c->fd, .events = POLLOUT};
        do
            rc = poll(&done, 1, -1) == 1 ? 0 : -1;
        while (rc && errno == EINTR);
    }
    FUZZ_CHECK(rc == 0, "connect: %s", strerror(errno));
    buf_init(&c->got, 1 << 20);
}

static void
client_read(struct client *c)
{
    char bytes[8192];
    while (!c->eof) {
        const ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        c->eof = n <= 0;
        c->reset |= n < 0;
        if (n > 0)
            buf_append(&c->got, bytes, (size_t)n);
    }
}

static void
client_write(struct client *c, const uint8_t *bytes, size_t len)
{
    while (len > 0 && !c->eof) {
        const ssize_t n = send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            c->reset = true;
            return;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        turn();
        client_read(c);
    }
}

/* ---- what came back -------------------------------------------------------- */

struct answer {
    int status;
    size_t length; /* of the body */
    bool stream;
};

/* Bytes of the answer's head; 0: it is not complete. */
static size_t
parse_head(const char *text, struct answer *a)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    FUZZ_CHECK(strncmp(text, "HTTP/1.", 7) == 0 && text[8] == ' ',
               "no status line: %.60s", text);
    *a = (struct answer){.status = atoi(&text[9])};
    FUZZ_CHECK(a->status >= 100 && a->status < 600, "%.60s", text);
    char *head = strndup(text, (size_t)(end - text) + 2);
    const char *length = strcasestr(head, "\r\ncontent-length:");
    a->length = length ? strtoul(length + 17, NULL, 10) : 0;
    a->stream = strcasestr(head, "\r\ncontent-type: text/event-stream") != NULL;
    FUZZ_CHECK(length || a->stream || a->status == 100, "no length: %s", head);
    free(head);
    return (size_t)(end - text) + 4;
}

static void
check_error(const char *body, size_t len)
{
    struct err err = {0};
    struct json_t *j = NULL;
    struct json_t *e = NULL;
    const char *message = NULL;
    const int rc =
        js_parse(body, len, &j, &err) ||
        js_get_object(j, "", "error", JS_REQUIRED, &e, &err) ||
        js_get_str(e, "error", "code", JS_REQUIRED, &message, &err) ||
        js_get_str(e, "error", "message", JS_REQUIRED, &message, &err);
    FUZZ_CHECK(rc == 0, "%s: %.*s", err.text, (int)len, body);
    js_free(j);
}

/* `whole`: nothing was lost on the way. */
static void
check_answers(const char *text, size_t len, bool whole)
{
    struct answer a;
    while (len > 0) {
        const size_t head = parse_head(text, &a);
        if (head == 0 || (!a.stream && len - head < a.length)) {
            FUZZ_CHECK(!whole, "half an answer: %.200s", text);
            return;
        }
        if (a.stream)
            return;
        if (a.status >= 400)
            check_error(text + head, a.length);
        text += head + a.length;
        len -= head + a.length;
    }
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
        turn();
        client_read(c);
    }
    FUZZ_CHECK(c->eof, "the server keeps a connection whose client is done");
    (void)close(c->fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client c;
    if (!server)
        start();
    if (size < 2)
        return 0;
    client_open(&c);
    talk(&c, data + 1, size - 1, data[0] % 64 + 1u);
    for (int i = 0; i < TURNS_MAX && http_server_connections(server) > 0; i++)
        turn();
    turn();
    FUZZ_CHECK(http_server_connections(server) == 0, "a connection is left");
    FUZZ_CHECK(n_streams == 0, "%zu streams are left", n_streams);
    for (size_t i = 0; i < WAITING_MAX; i++)
        FUZZ_CHECK(!held[i].used, "a request is left");
    FUZZ_CHECK(!buf_failed(&c.got), "more than %zu bytes", c.got.max);
    if (c.got.len > 0 && !asks_heads(data, size))
        check_answers(c.got.data, c.got.len, !c.reset);
    buf_fini(&c.got);
    return 0;
}
