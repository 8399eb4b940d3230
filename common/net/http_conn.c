/*
 * Connections: their states, how long each may last, how they end.
 *
 * Thread: the loop's.  Every connection stands in the list of its state, the
 * one that entered it first in front: so a timeout costs a look at the front of
 * a list, not a timer per connection, and a request costs no system call but
 * its read and its write.
 *
 * Invariants: http_conn_move() alone changes a state, and aborts on a move that
 * is none.  Nothing is freed below its own callback: http_conn_end() unhooks
 * the connection, http_conn_reap_all() tells its request and stream and frees
 * it later in the same turn of the loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/http_impl.h"

#define TO(state) (1U << (state))

static const unsigned may_go[CONN_STATES] = {
    [CONN_IDLE] = TO(CONN_HEAD) | TO(CONN_ENDING),
    [CONN_HEAD] = TO(CONN_BODY) | TO(CONN_ANSWER) | TO(CONN_ENDING),
    [CONN_BODY] = TO(CONN_ANSWER) | TO(CONN_ENDING),
    [CONN_ANSWER] = TO(CONN_IDLE) | TO(CONN_FLUSH) | TO(CONN_STREAM) |
                    TO(CONN_LINGER) | TO(CONN_ENDING),
    [CONN_FLUSH] =
        TO(CONN_IDLE) | TO(CONN_FLUSH) | TO(CONN_LINGER) | TO(CONN_ENDING),
    [CONN_STREAM] =
        TO(CONN_IDLE) | TO(CONN_BLOCKED) | TO(CONN_FLUSH) | TO(CONN_ENDING),
    [CONN_BLOCKED] = TO(CONN_IDLE) | TO(CONN_STREAM) | TO(CONN_BLOCKED) |
                     TO(CONN_FLUSH) | TO(CONN_ENDING),
    [CONN_LINGER] = TO(CONN_ENDING),
    [CONN_ENDING] = 0,
};

void
http_conn_move(struct http_conn *conn, enum conn_state to)
{
    struct http_server *server = conn->server;
    if (!(may_go[conn->state] & TO(to)))
        abort();
    TAILQ_REMOVE(&server->in_state[conn->state], conn, link);
    TAILQ_INSERT_TAIL(&server->in_state[to], conn, link);
    conn->state = to;
    conn->since_ms = server->now_ms;
}

/* ---- events ---- */

static void
on_writable(struct http_conn *conn)
{
    const bool moved = http_out_flush(conn);
    if (conn->state == CONN_FLUSH && (moved || !conn->out))
        http_conn_settle(conn);
    else if (conn->state == CONN_BLOCKED && moved)
        http_stream_check(conn);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct http_conn *conn = arg;
    conn->server->now_ms = clock_mono_ms();
    if (what & EV_WRITE)
        on_writable(conn);
    if (what & EV_READ && conn->state != CONN_ENDING)
        http_read_ready(conn);
    if (what & EV_TIMEOUT && conn->state == CONN_IDLE)
        http_read_serve_kept(conn);
}

void
http_conn_want(struct http_conn *conn, short what)
{
    if (conn->wants == what || conn->state == CONN_ENDING)
        return;
    (void)event_del(&conn->event);
    conn->wants = what;
    (void)event_assign(&conn->event, loop_base(conn->server->loop), conn->fd,
                       (short)(what | EV_PERSIST), on_event, conn);
    if (event_add(&conn->event, NULL) != 0)
        http_conn_end(conn, "out of memory");
}

void
http_conn_start_take(struct http_server *server, int fd,
                     const struct in6_addr *peer)
{
    struct http_conn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        http_gate_leave(server->gate, peer);
        (void)close(fd);
        return;
    }
    conn->server = server;
    conn->fd = fd;
    conn->peer = *peer;
    conn->out_end = &conn->out;
    conn->since_ms = server->now_ms;
    TAILQ_INSERT_TAIL(&server->in_state[CONN_IDLE], conn, link);
    http_count(server, accepted);
    http_count(server, connections);
    (void)event_assign(&conn->event, loop_base(server->loop), fd, 0, on_event,
                       conn);
    http_conn_want(conn, EV_READ);
}

static void
part(struct http_conn *conn)
{
    if (!conn->linger) {
        http_conn_end(conn, "closed after the answer");
        return;
    }
    /* Closing with input unread would take the answer away from the peer. */
    (void)shutdown(conn->fd, SHUT_WR);
    http_conn_move(conn, CONN_LINGER);
    http_conn_want(conn, EV_READ);
}

void
http_conn_settle(struct http_conn *conn)
{
    if (conn->state == CONN_ENDING)
        return;
    if (conn->out) {
        http_conn_move(conn, CONN_FLUSH);
        http_conn_want(conn, EV_WRITE);
        return;
    }
    if (conn->close_after || conn->server->draining) {
        part(conn);
        return;
    }
    http_conn_move(conn, CONN_IDLE);
    http_conn_want(conn, EV_READ);
    if (conn->in.len > 0 && !conn->serving)
        event_active(&conn->event, EV_TIMEOUT, 0);
}

/* ---- timeouts ---- */

static void
expire(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    switch (conn->state) {
    case CONN_HEAD:
        http_count(server, timeouts_head);
        http_read_refuse(conn, REFUSED_HEAD_SLOW);
        break;
    case CONN_BODY:
        http_count(server, timeouts_body);
        http_read_refuse(conn, REFUSED_BODY_SLOW);
        break;
    case CONN_BLOCKED:
        http_count(server, slow_readers);
        http_conn_end(conn, "slow reader");
        break;
    case CONN_FLUSH:
        http_count(server, timeouts_write);
        http_conn_end(conn, "the answer is not read");
        break;
    case CONN_IDLE:
        http_count(server, timeouts_idle);
        http_conn_end(conn, "idle");
        break;
    case CONN_LINGER:
    case CONN_ANSWER:
    case CONN_STREAM:
    case CONN_ENDING:
    case CONN_STATES:
        http_conn_end(conn, "timed out");
        break;
    }
}

static void
expire_all(struct http_server *server, enum conn_state state)
{
    const int64_t max_ms = server->timeout_ms[state];
    struct http_conn *conn;
    while (max_ms > 0 && (conn = TAILQ_FIRST(&server->in_state[state])) &&
           server->now_ms - conn->since_ms >= max_ms)
        expire(conn); /* leaves this list */
}

void
http_conn_on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct http_server *server = arg;
    server->now_ms = clock_mono_ms();
    http_server_note_date(server);
    for (enum conn_state s = 0; s < CONN_ENDING; s++)
        expire_all(server, s);
}

/* ---- the end ---- */

void
http_conn_end(struct http_conn *conn, const char *why)
{
    if (conn->state == CONN_ENDING)
        return;
    conn->why = why;
    (void)event_del(&conn->event);
    http_conn_move(conn, CONN_ENDING);
    event_active(conn->server->reap, EV_TIMEOUT, 0);
}

static void
tell(struct http_conn *conn)
{
    struct http_req *req = conn->req;
    struct http_stream *stream = conn->stream;
    if (req && req->on_close)
        req->on_close(req->arg);
    http_req_free(req);
    conn->stream = NULL;
    if (!stream)
        return;
    http_count_by(conn->server, streams, -1);
    if (stream->on_close)
        stream->on_close(stream->arg, conn->why);
    free(stream);
}

static void
bury(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    tell(conn);
    TAILQ_REMOVE(&server->in_state[CONN_ENDING], conn, link);
    (void)close(conn->fd);
    http_out_drop(conn);
    http_gate_leave(server->gate, &conn->peer);
    http_count_by(server, connections, -1);
    http_read_forget(conn);
    free(conn);
}

void
http_conn_reap_all(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct http_server *server = arg;
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&server->in_state[CONN_ENDING])))
        bury(conn);
    http_listen_resume(server);
}
