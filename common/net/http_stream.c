/*
 * Event streams: a request that is answered with an endless chunked body.
 *
 * Thread: the loop's.  A stream is never freed below http_stream_send(): one
 * that is too slow is marked `doomed` and ended by http_stream_reap_all() in
 * the same turn of the loop.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/buf.h"
#include "common/net/http_impl.h"

struct http_event {
    atomic_size_t refs;
    size_t len;
    char bytes[];
};

struct http_stream *
http_stream_open(struct http_req *req,
                 void (*on_close)(void *arg, const char *why), void *arg)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
    if (!stream) {
        struct err err;
        (void)err_nomem(&err);
        http_reply_err(req, &err);
        return NULL;
    }
    *stream = (struct http_stream){
        .conn = req->conn, .ev = req->ev, .on_close = on_close, .arg = arg};
    (void)evhttp_add_header(headers, "Content-Type", "text/event-stream");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    stream->conn->stream = stream;
    req->ev = NULL; /* the stream's from here on */
    http_req_free(req);
    evhttp_send_reply_start(stream->ev, 200, NULL);
    return stream;
}

static bool
too_slow(const struct http_stream *stream)
{
    const struct evbuffer *out = bufferevent_get_output(stream->conn->bev);
    return evbuffer_get_length(out) >
           stream->conn->server->limits.stream_backlog_max_bytes;
}

static void
doom(struct http_stream *stream)
{
    stream->doomed = true;
    event_active(stream->conn->server->reap, EV_TIMEOUT, 0);
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
        buf_failed(&text) ? NULL : malloc(sizeof(*e) + text.len);
    if (e) {
        atomic_init(&e->refs, 1);
        e->len = text.len;
        memcpy(e->bytes, text.data, text.len);
    }
    buf_fini(&text);
    return e;
}

struct http_event *
http_event_ref(struct http_event *e)
{
    (void)atomic_fetch_add(&e->refs, 1);
    return e;
}

void
http_event_unref(struct http_event *e)
{
    if (e && atomic_fetch_sub(&e->refs, 1) == 1)
        free(e);
}

void
http_stream_send_event(struct http_stream *stream, struct http_event *e)
{
    if (stream->doomed)
        return;
    struct evbuffer *chunk = evbuffer_new();
    if (!chunk || evbuffer_add(chunk, e->bytes, e->len) != 0) {
        doom(stream);
    } else {
        evhttp_send_reply_chunk(stream->ev, chunk);
        if (too_slow(stream))
            doom(stream);
    }
    if (chunk)
        evbuffer_free(chunk);
}

void
http_stream_send(struct http_stream *stream, const char *event, const char *id,
                 const char *data)
{
    struct http_event *e = http_event_new(event, id, data);
    if (e)
        http_stream_send_event(stream, e);
    else
        doom(stream);
    http_event_unref(e);
}

void
http_stream_close(struct http_stream *stream)
{
    if (!stream)
        return;
    struct evhttp_request *ev = stream->ev;
    stream->conn->stream = NULL;
    http_conn_resume(stream->conn);
    free(stream);
    evhttp_send_reply_end(ev);
}

void
http_stream_gone(struct http_stream *stream, const char *why)
{
    /* evhttp parts with a request whose peer has gone. */
    if (!evhttp_request_get_connection(stream->ev))
        evhttp_request_free(stream->ev);
    if (stream->on_close)
        stream->on_close(stream->arg, why);
    free(stream);
}

static struct http_stream *
find_doomed(const struct http_server *server)
{
    const struct http_conn *conn;
    DL_FOREACH(server->conns, conn)
    if (conn->stream && conn->stream->doomed)
        return conn->stream;
    return NULL;
}

void
http_stream_reap_all(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct http_server *server = arg;
    struct http_stream *stream;
    while ((stream = find_doomed(server)))
        http_conn_drop(stream->conn, "slow reader");
}
