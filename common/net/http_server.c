/*
 * The server itself: its limits, its clock, its end.
 *
 * Thread: the loop's, but for http_server_counts().  Invariant: every
 * connection stands in one list of server->in_state, and has a place in the
 * gate, from http_conn_start_take() until it is buried.
 */
#include "common/net/http_server.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/net/http_impl.h"

void
http_server_note_date(struct http_server *server)
{
    struct tm tm;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &tm))
        (void)strftime(server->date, sizeof(server->date),
                       "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void
set_timeouts(struct http_server *server)
{
    const struct http_limits *max = &server->limits;
    int64_t *of = server->timeout_ms;
    of[CONN_IDLE] = max->idle_timeout_ms;
    of[CONN_HEAD] =
        max->head_timeout_ms ? max->head_timeout_ms : max->idle_timeout_ms;
    of[CONN_BODY] =
        max->body_timeout_ms ? max->body_timeout_ms : max->idle_timeout_ms;
    of[CONN_FLUSH] =
        max->write_timeout_ms ? max->write_timeout_ms : HTTP_WRITE_STALL_MS;
    of[CONN_BLOCKED] = of[CONN_FLUSH];
    of[CONN_LINGER] = HTTP_LINGER_MS;
}

/* No timeout is later than by an eighth of it. */
static struct timeval
tick_of(const struct http_server *server)
{
    int64_t ms = HTTP_TICK_MAX_MS;
    for (size_t i = 0; i < CONN_STATES; i++)
        if (server->timeout_ms[i] > 0 && server->timeout_ms[i] / 8 < ms)
            ms = server->timeout_ms[i] / 8;
    ms = ms > 0 ? ms : 1;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static int
make_events(struct http_server *server)
{
    struct event_base *base = loop_base(server->loop);
    const struct timeval tick = tick_of(server);
    server->tick = event_new(base, -1, EV_PERSIST, http_conn_on_tick, server);
    server->reap = event_new(base, -1, 0, http_conn_reap_all, server);
    server->unpause = event_new(base, -1, 0, http_listen_on_unpause, server);
    if (!server->tick || !server->reap || !server->unpause)
        return ERR_NOMEM;
    return event_add(server->tick, &tick) == 0 ? 0 : ERR_NOMEM;
}

int
http_server_new(struct loop *loop, const struct http_limits *limits,
                const struct http_route *routes, void *ctx,
                struct http_server **out, struct err *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return err_nomem(err);
    server->loop = loop;
    server->limits = *limits;
    server->routes = routes;
    server->ctx = ctx;
    server->now_ms = clock_mono_ms();
    for (size_t i = 0; i < CONN_STATES; i++)
        TAILQ_INIT(&server->in_state[i]);
    set_timeouts(server);
    http_server_note_date(server);
    http_reply_at_the_door(server->door_full,
                           "this server has all the connections it takes; try "
                           "again, or another server");
    http_reply_at_the_door(server->door_address,
                           "your address has all the connections that one "
                           "address gets");
    int rc = http_gate_new(limits, &server->own_gate, err);
    server->gate = server->own_gate;
    if (rc == 0 && make_events(server) != 0)
        rc = err_nomem(err);
    if (rc)
        http_server_free(server);
    else
        *out = server;
    return rc;
}

void
http_server_share_gate(struct http_server *server, struct http_gate *gate)
{
    server->gate = gate;
}

const char *
http_server_url(const struct http_server *server)
{
    return server->url;
}

size_t
http_server_connections(const struct http_server *server)
{
    return atomic_load_explicit(&server->tally.connections,
                                memory_order_relaxed);
}

void
http_server_counts(const struct http_server *server, struct http_counts *out)
{
#define X(name, text)                                                          \
    out->name = atomic_load_explicit(&server->tally.name, memory_order_relaxed);
    HTTP_COUNT_MAP(X)
#undef X
}

static void
end_all(struct http_server *server)
{
    for (enum conn_state s = 0; s < CONN_ENDING; s++) {
        struct http_conn *conn;
        while ((conn = TAILQ_FIRST(&server->in_state[s])))
            http_conn_end(conn, "server stops");
    }
    http_conn_reap_all(-1, 0, server);
}

static void
free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void
http_server_drain(struct http_server *server)
{
    struct http_conn *conn, *next;
    server->draining = true;
    http_listen_close_all(server);
    for (conn = TAILQ_FIRST(&server->in_state[CONN_IDLE]); conn; conn = next) {
        next = TAILQ_NEXT(conn, link);
        http_conn_end(conn, "server stops");
    }
}

void
http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_listen_close_all(server);
    if (server->reap)
        end_all(server);
    free_event(server->tick);
    free_event(server->reap);
    free_event(server->unpause);
    http_gate_free(server->own_gate);
    free(server->spare);
    free(server);
}
