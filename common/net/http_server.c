/*
 * The server itself: its listener, its limits, its end.
 *
 * Thread: the loop's.  Invariant: every connection stands in server->conns
 * from accept until evhttp closes it.
 */
#include "common/net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/net/http_impl.h"

static void
set_limits(struct http_server *server)
{
    struct evhttp *http = server->http;
    const int64_t idle_ms = server->limits.idle_timeout_ms;
    const struct timeval idle = {.tv_sec = idle_ms / 1000,
                                 .tv_usec = idle_ms % 1000 * 1000};
    if (idle_ms > 0)
        evhttp_set_timeout_tv(http, &idle);
    evhttp_set_max_headers_size(http,
                                (ev_ssize_t)server->limits.header_max_bytes);
    /* Bodies are limited by http_conn.c: evhttp would answer in HTML. */
    evhttp_set_allowed_methods(
        http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                  EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                  EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(http, http_conn_new, server);
    evhttp_set_gencb(http, http_req_dispatch, server);
}

int
http_server_new(struct loop *loop, const struct http_limits *limits,
                const struct http_route *routes, void *ctx,
                struct http_server **out, struct err *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return err_nomem(err);
    struct event_base *base = loop_base(loop);
    server->loop = loop;
    server->limits = *limits;
    server->routes = routes;
    server->ctx = ctx;
    server->http = evhttp_new(base);
    server->adopt = event_new(base, -1, 0, http_conn_adopt_all, server);
    server->reap = event_new(base, -1, 0, http_stream_reap_all, server);
    if (!server->http || !server->adopt || !server->reap) {
        http_server_free(server);
        return err_nomem(err);
    }
    set_limits(server);
    *out = server;
    return 0;
}

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
parse_address(const char *addr, struct sockaddr_storage *sa, int *len,
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
    *len = (int)found->ai_addrlen;
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
    struct sockaddr_storage sa;
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

int
http_server_listen(struct http_server *server, const char *addr,
                   bool reuse_port, struct err *err)
{
    struct sockaddr_storage sa = {0};
    int len = 0;
    const int rc = parse_address(addr, &sa, &len, err);
    if (rc)
        return rc;
    errno = 0;
    struct evconnlistener *listener = evconnlistener_new_bind(
        loop_base(server->loop), NULL, NULL,
        LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
            (reuse_port ? LEV_OPT_REUSEABLE_PORT : 0),
        1024, (struct sockaddr *)&sa, len);
    if (!listener)
        return cannot_listen(addr, errno, err);
    if (!evhttp_bind_listener(server->http, listener)) {
        evconnlistener_free(listener);
        return err_nomem(err);
    }
    note_url(server, (int)evconnlistener_get_fd(listener));
    return 0;
}

const char *
http_server_url(const struct http_server *server)
{
    return server->url;
}

size_t
http_server_connections(const struct http_server *server)
{
    return server->n_conns;
}

void
http_server_counts(const struct http_server *server, struct http_counts *out)
{
    *out = (struct http_counts){.connections = server->n_conns};
}

void
http_server_share_gate(struct http_server *server, struct http_gate *gate)
{
    server->gate = gate;
}

void
http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_conn_adopt_all(-1, 0, server);
    while (server->conns)
        http_conn_drop(server->conns, "server stops");
    if (server->http)
        evhttp_free(server->http);
    if (server->adopt)
        event_free(server->adopt);
    if (server->reap)
        event_free(server->reap);
    free(server->by_fd);
    free(server);
}
