/*
 * What the files of the HTTP server share: server, connection, request and
 * stream.  Only http_*.c of this folder include it.
 *
 * A connection (struct http_conn) lives as long as evhttp's connection.  It
 * has at most one request, and a request becomes at most one stream.
 */
#ifndef SHUNT_NET_HTTP_IMPL_H
#define SHUNT_NET_HTTP_IMPL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "common/base/strs.h"
#include "common/net/http_server.h"

struct http_conn {
    struct http_server *server;
    struct bufferevent *bev;         /* borrowed from evhttp */
    struct evhttp_connection *evcon; /* NULL until adopted */
    struct http_req *req;            /* unanswered; or NULL */
    struct http_stream *stream;      /* or NULL */
    size_t received;                 /* bytes since the last request */
    bool refused;                    /* its request was too large */
    struct http_conn *prev, *next;
};

struct http_req {
    struct http_conn *conn;
    struct evhttp_request *ev;
    char *body; /* NUL-terminated */
    size_t len;
    struct props params;
    struct evkeyvalq query;
    void (*on_close)(void *arg);
    void *arg;
};

struct http_stream {
    struct http_conn *conn;
    struct evhttp_request *ev;
    void (*on_close)(void *arg, const char *why);
    void *arg;
    bool doomed; /* dropped; on_close was called or is not wanted */
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    const struct http_route *routes;
    void *ctx;
    struct http_gate *gate;
    struct evhttp *http;
    struct event *adopt; /* runs after evhttp has made its connection */
    struct event *reap;  /* ends doomed streams outside of their callers */
    struct http_conn *conns;
    size_t n_conns;
    size_t refused; /* connections, since the last line about them */
    int64_t refusal_logged_ms;
    struct http_conn **by_fd; /* adopted ones */
    size_t n_fds;
    char url[128];
};

/* http_conn.c */
/* evhttp asks for a bufferevent: the start of a connection. */
struct bufferevent *http_conn_new(struct event_base *base, void *server);
void http_conn_adopt_all(evutil_socket_t fd, short what, void *server);
struct http_conn *http_conn_of(const struct http_server *server,
                               struct evhttp_request *ev);
/* Closes it; its request and stream are told. */
void http_conn_drop(struct http_conn *conn, const char *why);
/* While a request is unanswered: no idle timeout, but notice the peer's end. */
void http_conn_wait(struct http_conn *conn);
void http_conn_resume(struct http_conn *conn);

/* http_request.c */
void http_req_dispatch(struct evhttp_request *ev, void *server);
void http_req_free(struct http_req *req);
/* {"error":{..}} as text, owned by the caller; NULL when out of memory. */
char *http_error_body(const struct err *err);

/* http_stream.c */
void http_stream_gone(struct http_stream *stream, const char *why);
void http_stream_reap_all(evutil_socket_t fd, short what, void *server);

#endif
