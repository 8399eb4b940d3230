/*
 * Bytes in, one request after another.
 *
 * Thread: the loop's.  A read goes into the server's own buffer, and a request
 * that is complete there is parsed and answered in it: nothing is copied and
 * nothing allocated.  Only what is incomplete, or stands behind a request that
 * is not answered yet, is kept in conn->in.
 *
 * Invariant: conn->in begins with the first byte of the request in conn->req
 * while that is being read (CONN_HEAD, CONN_BODY), else with the next one's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/net/http_impl.h"

/* ---- what is kept ---- */

static bool
reserve(struct http_conn *conn, size_t len)
{
    struct http_gate *gate = conn->server->gate;
    struct bytes *b = &conn->in;
    if (len < b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap <= len)
        cap *= 2;
    if (!http_gate_take_bytes(gate, cap - b->cap))
        return false;
    char *data = realloc(b->data, cap);
    if (!data) {
        http_gate_give_bytes(gate, cap - b->cap);
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void
http_read_forget(struct http_conn *conn)
{
    http_gate_give_bytes(conn->server->gate, conn->in.cap);
    free(conn->in.data);
    conn->in = (struct bytes){0};
}

static bool
is_reading(const struct http_conn *conn)
{
    return conn->state == CONN_IDLE || conn->state == CONN_HEAD ||
           conn->state == CONN_BODY;
}

/* Has room for a NUL behind. */
static bool
append(struct http_conn *conn, const char *data, size_t len)
{
    if (reserve(conn, conn->in.len + len + 1)) {
        memcpy(conn->in.data + conn->in.len, data, len);
        conn->in.len += len;
        return true;
    }
    if (conn->req && is_reading(conn)) {
        http_count(conn->server, refused_memory);
        http_read_refuse(conn, REFUSED_MEMORY);
    } else {
        http_conn_end(conn, "too much is kept, of all connections together");
    }
    return false;
}

/* `data` may be a part of conn->in itself. */
static void
keep(struct http_conn *conn, const char *data, size_t len)
{
    struct bytes *in = &conn->in;
    if (len == 0) {
        http_read_forget(conn);
    } else if (in->data && data >= in->data && data <= in->data + in->len) {
        memmove(in->data, data, len);
        in->len = len;
    } else {
        in->len = 0;
        (void)append(conn, data, len);
    }
}

/* ---- requests ---- */

void
http_read_refuse(struct http_conn *conn, enum http_refusal why)
{
    struct http_req *req = conn->req;
    struct err err;
    req->refusal = why;
    req->keep_alive = false;
    conn->close_after = true;
    conn->linger = true;
    const int status = http_parse_explain(req, &err);
    http_conn_move(conn, CONN_ANSWER);
    http_reply_status(req, status, "", &err);
    if (!conn->serving)
        http_read_forget(conn);
}

static void
count_refusal(struct http_server *server, enum http_refusal why)
{
    if (why == REFUSED_BODY_LARGE)
        http_count(server, refused_body);
    else if (why >= REFUSED_URL_LONG && why <= REFUSED_HEAD_LARGE)
        http_count(server, refused_head);
    else
        http_count(server, refused_garbage);
}

static void
go_on_reading(struct http_conn *conn, struct http_req *req)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!req->head_done || conn->state == CONN_BODY)
        return;
    http_conn_move(conn, CONN_BODY);
    if (http_parse_expects_continue(req))
        http_out_bytes(conn, go_on, sizeof(go_on) - 1, NULL, 0);
}

/* The body ends with a NUL while the handler runs; the byte that stood there
 * belongs to the next request. */
static void
answer(struct http_conn *conn, struct http_req *req)
{
    char *end = req->data + req->body.at + req->body.len;
    const bool has_body = req->body.len > 0;
    const char next = has_body ? *end : '\0';
    if (has_body)
        *end = '\0';
    conn->close_after = !req->keep_alive;
    http_count(conn->server, requests);
    http_conn_move(conn, CONN_ANSWER);
    http_req_dispatch(req);
    if (has_body)
        *end = next;
    if (conn->req && http_req_detach(req) != 0)
        http_conn_end(conn, "out of memory");
}

static struct http_req *
begin(struct http_conn *conn)
{
    conn->req = http_req_new(conn);
    if (conn->req)
        http_conn_move(conn, CONN_HEAD);
    else
        http_conn_end(conn, "out of memory");
    return conn->req;
}

/* Some clients end a body with a line that nobody asked for. */
static size_t
blank_lines(const char *data, size_t len)
{
    size_t n = 0;
    while (n < len && (data[n] == '\r' || data[n] == '\n'))
        n++;
    return n;
}

/* One request, or the part of it that is there.  Returns how many bytes are
 * done with; *len: how many are left, some of a part may have been dropped. */
static size_t
serve_one(struct http_conn *conn, char *data, size_t *len)
{
    const size_t blank = conn->req ? 0 : blank_lines(data, *len);
    if (blank > 0) {
        *len -= blank;
        return blank;
    }
    struct http_req *req = conn->req ? conn->req : begin(conn);
    size_t kept = 0;
    if (!req)
        return *len;
    switch (http_parse(req, data, *len, &kept)) {
    case PARSED_ALL:
        kept = req->parsed; /* `req` does not outlive its answer */
        answer(conn, req);
        *len -= kept;
        return kept;
    case PARSED_PART:
        go_on_reading(conn, req);
        *len = kept;
        return 0;
    case PARSED_BAD:
        break;
    }
    count_refusal(conn->server, req->refusal);
    http_read_refuse(conn, req->refusal);
    *len = 0;
    return 0;
}

static void
serve(struct http_conn *conn, char *data, size_t len)
{
    conn->serving = true;
    bool part = false;
    while (len > 0 && !part && is_reading(conn)) {
        const size_t done = serve_one(conn, data, &len);
        part = done == 0;
        data += done;
    }
    conn->serving = false;
    if (conn->state == CONN_ENDING)
        return;
    keep(conn, data, len);
    if (conn->req && is_reading(conn))
        conn->req->data = conn->in.data;
    if (conn->state == CONN_STREAM) {
        (void)http_out_flush(conn); /* head and first events in one write */
        http_stream_check(conn);
    }
}

void
http_read_serve_kept(struct http_conn *conn)
{
    if (conn->in.len > 0)
        serve(conn, conn->in.data, conn->in.len);
}

/* ---- reading ---- */

/* Behind an unanswered request, or on a stream. */
static void
keep_for_later(struct http_conn *conn, const char *data, size_t len)
{
    const struct http_server *server = conn->server;
    if (conn->state != CONN_ANSWER &&
        conn->in.len + len > HTTP_STREAM_IN_BYTES) {
        http_conn_end(conn, "the peer sends more than a stream takes");
        return;
    }
    if (append(conn, data, len) && conn->state == CONN_ANSWER &&
        conn->in.len >= server->limits.header_max_bytes)
        http_conn_want(conn, 0); /* until it is answered */
}

static void
take(struct http_conn *conn, char *data, size_t len)
{
    if (conn->state == CONN_LINGER) {
        conn->drained += len;
        if (conn->drained > HTTP_LINGER_BYTES)
            http_conn_end(conn, "sends on after a refusal");
    } else if (!is_reading(conn)) {
        keep_for_later(conn, data, len);
    } else if (conn->in.len == 0) {
        serve(conn, data, len);
    } else if (append(conn, data, len)) {
        serve(conn, conn->in.data, conn->in.len);
    }
}

void
http_read_ready(struct http_conn *conn)
{
    char *to = conn->server->in;
    const ssize_t n = recv(conn->fd, to, HTTP_READ_BYTES, 0);
    if (n > 0)
        take(conn, to, (size_t)n);
    else if (n == 0 || errno == ECONNRESET || errno == EPIPE)
        http_conn_end(conn, "peer closed the connection");
    else if (errno == ETIMEDOUT)
        http_conn_end(conn, "peer does not answer any more");
    else if (errno != EAGAIN && errno != EINTR)
        http_conn_end(conn, "the connection is broken");
}
