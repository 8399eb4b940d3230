/*
 * What leaves: sent at once where nothing waits, queued only for what the
 * peer's socket does not take.
 *
 * Thread: the loop's.  The queue holds pieces of shared events (a reference
 * and a range), so an event that waits for ten thousand slow streams is there
 * once; the rest of an answer is made an event of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/net/http_impl.h"

/* Bytes that left; -1: the connection ends. */
static ssize_t
sent(struct http_conn *conn, ssize_t n)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    http_conn_end(conn, errno == ETIMEDOUT ? "peer does not answer any more"
                                           : "peer closed the connection");
    return -1;
}

static ssize_t
send_parts(struct http_conn *conn, struct iovec *parts, size_t n)
{
    const struct msghdr msg = {.msg_iov = parts, .msg_iovlen = n};
    return sent(conn, n == 1 ? send(conn->fd, parts->iov_base, parts->iov_len,
                                    MSG_NOSIGNAL)
                             : sendmsg(conn->fd, &msg, MSG_NOSIGNAL));
}

static void
enqueue(struct http_conn *conn, struct http_event *e, size_t from, size_t end)
{
    struct out *piece = malloc(sizeof(*piece));
    if (!piece) {
        http_conn_end(conn, "out of memory");
        return;
    }
    *piece = (struct out){.event = http_event_ref(e), .from = from, .end = end};
    *conn->out_end = piece;
    conn->out_end = &piece->next;
    conn->out_bytes += end - from;
}

/* What is left of an answer, as an event that nobody shares. */
static struct http_event *
rest_of(const struct iovec parts[2], size_t skip)
{
    const size_t all = parts[0].iov_len + parts[1].iov_len;
    struct http_event *e = malloc(sizeof(*e) + all - skip);
    if (!e)
        return NULL;
    *e = (struct http_event){.refs = 1};
    for (size_t i = 0; i < 2; i++) {
        const size_t len = parts[i].iov_len;
        const size_t n = skip < len ? skip : len;
        if (len > n)
            memcpy(e->bytes + e->len, (const char *)parts[i].iov_base + n,
                   len - n);
        e->len += len - n;
        skip -= n;
    }
    return e;
}

void
http_out_bytes(struct http_conn *conn, const void *bytes, size_t len,
               const void *more, size_t more_len)
{
    struct iovec parts[2] = {
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len},
        {.iov_base = (void *)(uintptr_t)more, .iov_len = more_len}};
    if (conn->state == CONN_ENDING)
        return;
    const ssize_t n =
        conn->out ? 0 : send_parts(conn, parts, more_len > 0 ? 2 : 1);
    if (n < 0 || (size_t)n == len + more_len)
        return;
    struct http_event *e = rest_of(parts, (size_t)n);
    if (e)
        enqueue(conn, e, 0, e->len);
    else
        http_conn_end(conn, "out of memory");
    http_event_unref(e);
}

void
http_out_event(struct http_conn *conn, struct http_event *e, size_t from,
               size_t end)
{
    if (conn->state == CONN_ENDING)
        return;
    if (!conn->out && !conn->serving) {
        const ssize_t n = sent(
            conn, send(conn->fd, e->bytes + from, end - from, MSG_NOSIGNAL));
        if (n < 0)
            return;
        from += (size_t)n;
    }
    if (from < end)
        enqueue(conn, e, from, end);
}

static void
dequeue(struct http_conn *conn)
{
    struct out *piece = conn->out;
    conn->out = piece->next;
    if (!conn->out)
        conn->out_end = &conn->out;
    http_event_unref(piece->event);
    free(piece);
}

static void
took(struct http_conn *conn, size_t n)
{
    conn->out_bytes -= n;
    while (conn->out && n >= conn->out->end - conn->out->from) {
        n -= conn->out->end - conn->out->from;
        dequeue(conn);
    }
    if (conn->out)
        conn->out->from += n;
}

bool
http_out_flush(struct http_conn *conn)
{
    bool moved = false;
    while (conn->out && conn->state != CONN_ENDING) {
        struct iovec parts[HTTP_IOV_MAX];
        size_t n = 0, all = 0;
        for (const struct out *o = conn->out; o && n < HTTP_IOV_MAX;
             o = o->next, n++) {
            parts[n].iov_base = o->event->bytes + o->from;
            parts[n].iov_len = o->end - o->from;
            all += parts[n].iov_len;
        }
        const ssize_t gone = send_parts(conn, parts, n);
        if (gone > 0)
            took(conn, (size_t)gone);
        moved = moved || gone > 0;
        if (gone < (ssize_t)all)
            break;
    }
    return moved;
}

void
http_out_drop(struct http_conn *conn)
{
    while (conn->out)
        dequeue(conn);
    conn->out_bytes = 0;
}
