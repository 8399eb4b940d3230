/*
 * Sockets that listen, and who comes in by them.
 *
 * Thread: the loop's.  Accepted sockets inherit the options of the one that
 * listens, so they cost nothing per connection.  When the process has no
 * descriptor left, accepting pauses: those who wait are in the kernel's queue,
 * those who are in go on, and it resumes when a connection has ended or after
 * HTTP_ACCEPT_RETRY_MS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strs.h"
#include "common/net/http_impl.h"

/* ---- accepting ---- */

/* A peer may try as often as it likes; the log is not its to fill. */
static bool
is_due(const struct http_server *server, struct seldom *line)
{
    line->n++;
    if (line->logged_ms && server->now_ms - line->logged_ms < HTTP_LOG_EVERY_MS)
        return false;
    line->logged_ms = server->now_ms;
    return true;
}

/* The answer is a courtesy: it is not waited for. */
static void
turn_away(struct http_server *server, int fd, enum http_gate_verdict verdict)
{
    const bool full = verdict == GATE_FULL;
    const char *text = full ? server->door_full : server->door_address;
    if (full)
        http_count(server, refused_total);
    else
        http_count(server, refused_address);
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)!recv(fd, server->in, HTTP_READ_BYTES, 0); /* or the close resets */
    (void)close(fd);
    if (!is_due(server, &server->refused))
        return;
    log_warn("%zu connections refused: %s; %zu are open", server->refused.n,
             full ? "connections.max is reached"
                  : "their address has too many already",
             http_gate_connections(server->gate));
    server->refused.n = 0;
}

static struct in6_addr
peer_of(const struct sockaddr_storage *sa)
{
    struct in6_addr peer = {0};
    if (sa->ss_family == AF_INET6) {
        peer = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    } else {
        const struct sockaddr_in *in = (const void *)sa;
        memset(peer.s6_addr + 10, 0xff, 2);
        memcpy(peer.s6_addr + 12, &in->sin_addr, 4);
    }
    return peer;
}

static void
pause_accepting(struct http_server *server, int errno_value)
{
    static const struct timeval retry = {.tv_usec =
                                             HTTP_ACCEPT_RETRY_MS * 1000};
    struct http_listener *l;
    server->paused = true;
    http_count(server, accept_pauses);
    LL_FOREACH(server->listeners, l)
    (void)event_del(l->event);
    (void)event_add(server->unpause, &retry);
    if (!is_due(server, &server->starved))
        return;
    log_warn("cannot accept connections (%s): new ones wait until a "
             "descriptor is free, the %zu that are open go on; allow the "
             "process more (ulimit -n, LimitNOFILE)",
             strerror(errno_value), http_server_connections(server));
    server->starved.n = 0;
}

static bool
is_starved(int errno_value)
{
    return errno_value == EMFILE || errno_value == ENFILE ||
           errno_value == ENOMEM || errno_value == ENOBUFS;
}

/* False: that was the last one for now. */
static bool
accept_one(struct http_server *server, int listener)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);
    const int fd = accept4(listener, (struct sockaddr *)&sa, &len,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (is_starved(errno))
            pause_accepting(server, errno);
        return errno == ECONNABORTED || errno == EINTR;
    }
    const struct in6_addr peer = peer_of(&sa);
    const enum http_gate_verdict verdict = http_gate_enter(server->gate, &peer);
    if (verdict == GATE_OPEN)
        http_conn_start_take(server, fd, &peer);
    else
        turn_away(server, fd, verdict);
    return true;
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    const struct http_listener *l = arg;
    l->server->now_ms = clock_mono_ms();
    for (int i = 0; i < HTTP_ACCEPTS_MAX; i++)
        if (!accept_one(l->server, (int)fd))
            return;
}

void
http_listen_resume(struct http_server *server)
{
    struct http_listener *l;
    if (!server->paused)
        return;
    server->paused = false;
    (void)event_del(server->unpause);
    LL_FOREACH(server->listeners, l)
    (void)event_add(l->event, NULL);
}

void
http_listen_on_unpause(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    http_listen_resume(arg);
}

/* ---- addresses ---- */

static int
bad_address(const char *addr, struct err *err)
{
    return err_field(err, ERR_INVALID, "listen", addr,
                     "cannot listen on \"%s\": expected ADDRESS:PORT such as "
                     "127.0.0.1:7070 or [::1]:0",
                     addr);
}

/* A name is looked up here, before anything runs. */
static int
parse_address(const char *addr, struct sockaddr_storage *sa, socklen_t *len,
              struct err *err)
{
    static const struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[256];
    struct addrinfo *found;
    int64_t port;
    const char *colon = strrchr(addr, ':');
    if (!colon || colon == addr || !str_to_i64(colon + 1, 0, 65535, &port))
        return bad_address(addr, err);
    const bool v6 = *addr == '[';
    if (v6 ? colon[-1] != ']' : strchr(addr, ':') != colon)
        return bad_address(addr, err);
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - addr) - 2 * v6,
                   addr + v6);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return bad_address(addr, err);
    memcpy(sa, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int
cannot_listen(const char *addr, int errno_value, struct err *err)
{
    if (errno_value == EADDRINUSE)
        return err_field(err, ERR_BUSY, "listen", addr,
                         "cannot listen on %s: the port is in use; stop the "
                         "program that holds it or choose another port",
                         addr);
    return err_errno(err, errno_value == EACCES ? ERR_DENIED : ERR_IO,
                     errno_value, "cannot listen on %s", addr);
}

static void
note_url(struct http_server *server, int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);
    char host[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        return;
    if (sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)&sa;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        (void)snprintf(server->url, sizeof(server->url), "http://[%s]:%d", host,
                       ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const void *)&sa;
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        (void)snprintf(server->url, sizeof(server->url), "http://%s:%d", host,
                       ntohs(in->sin_port));
    }
}

/* ---- listening ---- */

/* What connections inherit: answers leave at once, and a peer that has gone
 * without a word is noticed.  A kernel without one of them works too. */
static void
set_inherited(int fd, int64_t idle_ms)
{
    const int unacked_ms =
        idle_ms > 0 && idle_ms < INT_MAX ? (int)idle_ms : HTTP_UNACKED_MS;
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, HTTP_KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, HTTP_KEEPALIVE_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, HTTP_KEEPALIVE_TRIES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, unacked_ms},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name,
                         &options[i].value, sizeof(options[i].value));
}

static int
open_socket(const char *addr, bool reuse_port, int *out, struct err *err)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = 0;
    const int one = 1;
    const int rc = parse_address(addr, &sa, &len, err);
    if (rc)
        return rc;
    const int fd =
        socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cannot_listen(addr, errno, err);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (reuse_port &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        bind(fd, (struct sockaddr *)&sa, len) != 0 ||
        listen(fd, HTTP_BACKLOG) != 0) {
        const int why = errno;
        (void)close(fd);
        return cannot_listen(addr, why, err);
    }
    *out = fd;
    return 0;
}

int
http_server_listen(struct http_server *server, const char *addr,
                   bool reuse_port, struct err *err)
{
    int fd;
    const int rc = open_socket(addr, reuse_port, &fd, err);
    if (rc)
        return rc;
    set_inherited(fd, server->limits.idle_timeout_ms);
    struct http_listener *l = calloc(1, sizeof(*l));
    if (l)
        l->event = event_new(loop_base(server->loop), fd, EV_READ | EV_PERSIST,
                             on_acceptable, l);
    if (!l || !l->event || event_add(l->event, NULL) != 0) {
        if (l && l->event)
            event_free(l->event);
        free(l);
        (void)close(fd);
        return err_nomem(err);
    }
    l->server = server;
    l->fd = fd;
    LL_PREPEND(server->listeners, l);
    note_url(server, fd);
    return 0;
}

void
http_listen_close_all(struct http_server *server)
{
    struct http_listener *l, *next;
    LL_FOREACH_SAFE(server->listeners, l, next)
    {
        event_free(l->event);
        (void)close(l->fd);
        free(l);
    }
    server->listeners = NULL;
}
