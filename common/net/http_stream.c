/*
 * Event streams: a request that is answered with an endless body.
 *
 * Thread: the loop's, but for events, which any thread makes and lets go.  An
 * event is framed once, as a chunk of HTTP/1.1; streams of HTTP/1.0 get what
 * is inside the frame.  A stream is never freed below a call that sends: one
 * that is too slow ends with its connection, later in the same turn.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/net/http_impl.h"

#define FRAME_TAIL 2 /* CRLF */

/* ---- events ---- */

static struct http_event *
frame(const char *text, size_t len)
{
    char lead[24];
    const int lead_len = snprintf(lead, sizeof(lead), "%zx\r\n", len);
    const size_t n = (size_t)lead_len + len + FRAME_TAIL;
    struct http_event *e = malloc(sizeof(*e) + n + 1);
    if (!e)
        return NULL;
    *e = (struct http_event){.refs = 1, .len = n, .lead = (size_t)lead_len};
    memcpy(e->bytes, lead, e->lead);
    if (len > 0)
        memcpy(e->bytes + e->lead, text, len);
    memcpy(e->bytes + e->lead + len, "\r\n", FRAME_TAIL);
    return e;
}

struct http_event *
http_event_new(const char *event, const char *id, const char *data)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    if (event)
        buf_printf(&text, "event: %s\n", event);
    if (id)
        buf_printf(&text, "id: %s\n", id);
    buf_puts(&text, "data: ");
    buf_puts(&text, data);
    buf_puts(&text, "\n\n");
    struct http_event *e =
        buf_failed(&text) ? NULL : frame(text.data, text.len);
    buf_fini(&text);
    return e;
}

struct http_event *
http_event_ref(struct http_event *e)
{
    (void)atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void
http_event_unref(struct http_event *e)
{
    if (e && atomic_fetch_sub(&e->refs, 1) == 1)
        free(e);
}

/* ---- streams ---- */

static void
send_head(struct http_conn *conn, bool framed)
{
    char head[256];
    const int n = snprintf(head, sizeof(head),
                           "HTTP/1.1 200 OK\r\nDate: %s\r\n"
                           "Content-Type: text/event-stream\r\n"
                           "Cache-Control: no-store\r\n%s%s\r\n",
                           conn->server->date,
                           framed ? "Transfer-Encoding: chunked\r\n" : "",
                           conn->close_after ? "Connection: close\r\n" : "");
    struct http_event *e = frame(head, (size_t)n);
    if (e)
        http_out_event(conn, e, e->lead, e->len - FRAME_TAIL);
    else
        http_conn_end(conn, "out of memory");
    http_event_unref(e);
}

struct http_stream *
http_stream_open(struct http_req *req,
                 void (*on_close)(void *arg, const char *why), void *arg)
{
    struct http_conn *conn = req->conn;
    struct http_stream *stream = malloc(sizeof(*stream));
    if (!stream) {
        struct err err;
        (void)err_nomem(&err);
        http_reply_err(req, &err);
        return NULL;
    }
    *stream = (struct http_stream){.conn = conn,
                                   .on_close = on_close,
                                   .arg = arg,
                                   .framed = req->parser.http_minor > 0};
    conn->close_after = conn->close_after || !stream->framed;
    conn->stream = stream;
    http_count(conn->server, streams);
    http_req_free(req);
    if (conn->state == CONN_ENDING)
        return stream; /* which the reaper tells */
    http_conn_move(conn, CONN_STREAM);
    http_conn_want(conn, EV_READ);
    send_head(conn, stream->framed);
    if (!conn->serving)
        http_stream_check(conn);
    return stream;
}

void
http_stream_check(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    if (conn->state == CONN_ENDING)
        return;
    if (conn->out_bytes > server->limits.stream_backlog_max_bytes) {
        http_count(server, slow_readers);
        http_conn_end(conn, "slow reader");
    } else if (!conn->out) {
        if (conn->state == CONN_BLOCKED)
            http_conn_move(conn, CONN_STREAM);
        http_conn_want(conn, EV_READ);
    } else {
        http_conn_move(conn, CONN_BLOCKED);
        http_conn_want(conn, EV_READ | EV_WRITE);
    }
}

void
http_stream_send_event(struct http_stream *stream, struct http_event *e)
{
    struct http_conn *conn = stream->conn;
    const struct http_server *server = conn->server;
    const bool waiting = conn->out != NULL;
    http_count(conn->server, events);
    http_out_event(conn, e, stream->framed ? 0 : e->lead,
                   stream->framed ? e->len : e->len - FRAME_TAIL);
    if (conn->out_bytes > server->limits.stream_backlog_max_bytes) {
        (void)http_out_flush(conn);
        http_stream_check(conn);
    } else if (!waiting && conn->out && !conn->serving) {
        http_stream_check(conn);
    }
}

void
http_stream_send(struct http_stream *stream, const char *event, const char *id,
                 const char *data)
{
    struct http_event *e = http_event_new(event, id, data);
    if (e)
        http_stream_send_event(stream, e);
    else
        http_conn_end(stream->conn, "out of memory");
    http_event_unref(e);
}

void
http_stream_close(struct http_stream *stream)
{
    if (!stream)
        return;
    struct http_conn *conn = stream->conn;
    conn->stream = NULL;
    http_count_by(conn->server, streams, -1);
    if (stream->framed)
        http_out_bytes(conn, "0\r\n\r\n", 5, NULL, 0);
    free(stream);
    http_conn_settle(conn);
}
