/*
 * Connections: how many there are, how much they may send, when they end.
 *
 * Thread: the loop's.  evhttp tells of a connection only when its first
 * request is complete, and answers a body that is too large in HTML.  So each
 * connection gets our own bufferevent, whose callback argument is evhttp's
 * connection as soon as evhttp has made it (http_conn_adopt_all(), before the
 * loop waits again), and a watch on the bytes that arrive.
 */
#include "common/net/http_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* What a refused peer may still send while it is not reading our answer. */
#define LINGER_MAX_BYTES ((size_t)64 << 20)
#define REFUSAL_LOG_MS   1000

/* The answer has left: no more from our side; the peer's end closes. */
static void
on_refusal_sent(struct bufferevent *bev, void *arg)
{
    (void)arg;
    (void)shutdown((int)bufferevent_getfd(bev), SHUT_WR);
}

static void
send_refusal(struct http_conn *conn)
{
    struct err err;
    (void)err_set(&err, ERR_LIMIT, "the request is larger than %zu bytes",
                  conn->server->limits.body_max_bytes);
    char *body = http_error_body(&err);
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    (void)evbuffer_add_printf(
        out,
        "HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: "
        "application/json\r\nContent-Length: %zu\r\nConnection: "
        "close\r\n\r\n%s",
        body ? strlen(body) : 0, body ? body : "");
    free(body);
}

/* evhttp waits for the rest of the body and gets nothing any more. */
static void
refuse(struct http_conn *conn)
{
    bufferevent_event_cb on_event;
    void *arg;
    conn->refused = true;
    bufferevent_getcb(conn->bev, NULL, NULL, &on_event, &arg);
    bufferevent_setcb(conn->bev, NULL, on_refusal_sent, on_event, arg);
    send_refusal(conn);
    (void)bufferevent_enable(conn->bev, EV_WRITE);
}

static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *conn = arg;
    const struct http_limits *max = &conn->server->limits;
    if (info->n_added == 0)
        return;
    conn->received += info->n_added;
    if (!conn->refused &&
        conn->received > max->body_max_bytes + max->header_max_bytes)
        refuse(conn);
    if (!conn->refused)
        return;
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    if (conn->received > LINGER_MAX_BYTES)
        (void)shutdown((int)bufferevent_getfd(conn->bev), SHUT_RDWR);
}

struct bufferevent *
http_conn_new(struct event_base *base, void *arg)
{
    struct http_server *server = arg;
    struct bufferevent *bev =
        bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct http_conn *conn = bev ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn)
        return bev; /* a connection that is not watched */
    conn->server = server;
    conn->bev = bev;
    DL_PREPEND(server->conns, conn);
    server->n_conns++;
    (void)evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn);
    event_active(server->adopt, EV_TIMEOUT, 0);
    return bev;
}

static void
forget(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const size_t fd = (size_t)bufferevent_getfd(conn->bev);
    DL_DELETE(server->conns, conn);
    server->n_conns--;
    if (fd < server->n_fds && server->by_fd[fd] == conn)
        server->by_fd[fd] = NULL;
    free(conn);
}

/* evhttp's connection ends now, whoever ended it. */
static void
on_evcon_close(struct evhttp_connection *evcon, void *arg)
{
    (void)evcon;
    struct http_conn *conn = arg;
    struct http_req *req = conn->req;
    struct http_stream *stream = conn->stream;
    conn->req = NULL;
    conn->stream = NULL;
    (void)evbuffer_remove_cb(bufferevent_get_input(conn->bev), on_input, conn);
    if (req) {
        if (req->on_close)
            req->on_close(req->arg);
        http_req_free(req);
    }
    if (stream)
        http_stream_gone(stream, "peer closed the connection");
    forget(conn);
}

static int
index_by_fd(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const size_t fd = (size_t)bufferevent_getfd(conn->bev);
    if (fd >= server->n_fds) {
        const size_t n = fd + 64 + fd / 2;
        struct http_conn **v = reallocarray(server->by_fd, n, sizeof(*v));
        if (!v)
            return ERR_NOMEM;
        memset(v + server->n_fds, 0, (n - server->n_fds) * sizeof(*v));
        server->by_fd = v;
        server->n_fds = n;
    }
    server->by_fd[fd] = conn;
    return 0;
}

/* A peer may try as often as it likes; the log is not its to fill. */
static void
log_refusal(struct http_server *server)
{
    const int64_t now_ms = clock_mono_ms();
    server->refused++;
    if (server->refusal_logged_ms &&
        now_ms - server->refusal_logged_ms < REFUSAL_LOG_MS)
        return;
    log_warn("%zu connections refused: %zu are open already", server->refused,
             server->n_conns - 1);
    server->refused = 0;
    server->refusal_logged_ms = now_ms;
}

static void
adopt(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    void *evcon = NULL;
    bufferevent_getcb(conn->bev, NULL, NULL, NULL, &evcon);
    conn->evcon = evcon;
    evhttp_connection_set_closecb(conn->evcon, on_evcon_close, conn);
    if (server->n_conns > server->limits.connections_max) {
        log_refusal(server);
        evhttp_connection_free(conn->evcon);
    } else if (index_by_fd(conn) != 0) {
        evhttp_connection_free(conn->evcon);
    }
}

/* New ones stand in front, the newest first: it is the one over the limit. */
void
http_conn_adopt_all(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct http_server *server = arg;
    struct http_conn *conn = server->conns, *next;
    for (; conn && !conn->evcon; conn = next) {
        next = conn->next;
        adopt(conn);
    }
}

struct http_conn *
http_conn_of(const struct http_server *server, struct evhttp_request *ev)
{
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));
    const size_t fd = (size_t)bufferevent_getfd(bev);
    return fd < server->n_fds ? server->by_fd[fd] : NULL;
}

void
http_conn_drop(struct http_conn *conn, const char *why)
{
    struct http_stream *stream = conn->stream;
    conn->stream = NULL;
    if (stream)
        http_stream_gone(stream, why);
    evhttp_connection_free(conn->evcon);
}

void
http_conn_wait(struct http_conn *conn)
{
    bufferevent_data_cb on_write;
    bufferevent_event_cb on_event;
    void *arg;
    /* No read callback: evhttp does not expect bytes now. */
    bufferevent_getcb(conn->bev, NULL, &on_write, &on_event, &arg);
    bufferevent_setcb(conn->bev, NULL, on_write, on_event, arg);
    bufferevent_setwatermark(conn->bev, EV_READ, 0,
                             conn->server->limits.header_max_bytes);
    (void)bufferevent_set_timeouts(conn->bev, NULL, NULL);
    (void)bufferevent_enable(conn->bev, EV_READ);
}

void
http_conn_resume(struct http_conn *conn)
{
    const int64_t idle_ms = conn->server->limits.idle_timeout_ms;
    const struct timeval idle = {.tv_sec = idle_ms / 1000,
                                 .tv_usec = idle_ms % 1000 * 1000};
    bufferevent_setwatermark(conn->bev, EV_READ, 0, 0);
    if (idle_ms > 0)
        (void)bufferevent_set_timeouts(conn->bev, &idle, &idle);
}
