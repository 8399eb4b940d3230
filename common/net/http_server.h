/*
 * HTTP/1.1 server on a loop: a table of routes, JSON in and out, deferred
 * answers, server-sent event streams.  All calls on the loop thread, except
 * where another thread is named.
 *
 * One server per loop.  Several servers of a process may share an address
 * (`reuse_port`: the kernel spreads connections over them) and their caps
 * (struct http_gate).
 */
#ifndef SHUNT_NET_HTTP_SERVER_H
#define SHUNT_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/loop.h"

struct json_t;
struct http_server;
struct http_req;
struct http_stream;
struct http_event;
struct http_gate;

/* Each is answered with a JSON error where the peer can still read one, and
 * counted (struct http_counts). */
struct http_limits {
    size_t body_max_bytes;   /* 413; what is read of all requests that are not
                                complete may be four times that: 503 */
    size_t header_max_bytes; /* request line and headers together: 431 */
    size_t line_max_bytes;   /* request line 414, one header 431; 0: no limit
                                but the one before */
    size_t connections_max;  /* of the server, or of all that share its gate */
    size_t connections_per_address_max; /* 0: no limit */
    size_t stream_backlog_max_bytes;    /* unsent bytes of one stream */
    int64_t idle_timeout_ms;  /* between requests, not for streams; 0: never.
                                 Anywhere: what was sent is not acknowledged */
    int64_t head_timeout_ms;  /* for the whole head: 408; 0: as idle */
    int64_t body_timeout_ms;  /* for the whole body: 408; 0: as idle */
    int64_t write_timeout_ms; /* nothing of what waits is taken: the connection
                                 is closed; 0: 30 s */
};

/* What a server has seen since it was made; the last two are as of now. */
#define HTTP_COUNT_MAP(X)                                                      \
    X(accepted, "connections accepted")                                        \
    X(requests, "requests that were complete")                                 \
    X(events, "events handed to streams")                                      \
    X(refused_total, "connections over the cap of all")                        \
    X(refused_address, "connections over the cap of their address")            \
    X(refused_head, "requests with a head or line over its limit")             \
    X(refused_body, "requests with a body over its limit")                     \
    X(refused_memory, "requests over the memory that all may hold together")   \
    X(refused_garbage, "requests that are not HTTP/1")                         \
    X(timeouts_head, "heads that did not arrive in time")                      \
    X(timeouts_body, "bodies that did not arrive in time")                     \
    X(timeouts_idle, "connections closed because nothing came")                \
    X(timeouts_write, "connections closed because answers were not read")      \
    X(slow_readers, "streams dropped because events were not read")            \
    X(accept_pauses, "times that no descriptor was free for a connection")     \
    X(connections, "connections open")                                         \
    X(streams, "streams open")

struct http_counts {
#define X(name, text) uint64_t name;
    HTTP_COUNT_MAP(X)
#undef X
};

struct http_route {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *path;   /* "/v1/clients/{id}?limit&before": a parameter of the
                           path; query parameters, others are refused */
    void (*handler)(struct http_req *req, void *ctx);
};

/* `routes` ends with {0} and is borrowed for the life of the server.  Unknown
 * paths get 404, known ones with another method 405, limits the status above,
 * what is not HTTP/1 at all 400: all as JSON errors. */
MUST_CHECK int http_server_new(struct loop *loop,
                               const struct http_limits *limits,
                               const struct http_route *routes, void *ctx,
                               struct http_server **out, struct err *err);
/* Before listening: counts connections together with the other servers of the
 * gate, under the gate's caps.  Borrowed for the life of the server. */
void http_server_share_gate(struct http_server *server, struct http_gate *gate);
/* "127.0.0.1:7070", "[::1]:0"; port 0 takes a free one.  ERR_BUSY when the
 * port is taken; the text says what to do.  `reuse_port`: other servers of
 * this user may listen there too, if they say so as well. */
MUST_CHECK int http_server_listen(struct http_server *server, const char *addr,
                                  bool reuse_port, struct err *err);
/* "http://127.0.0.1:43211" of the last listen; borrowed. */
const char *http_server_url(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
/* Any thread, while the server lives. */
void http_server_counts(const struct http_server *server,
                        struct http_counts *out);
/* Before the end: closes the listeners and what is idle, and every other
 * connection after the answer that it waits for.  Streams are the caller's to
 * close. */
void http_server_drain(struct http_server *server);
void http_server_free(struct http_server *server); /* closes everything */

/* Any thread.  The caps are connections_max and connections_per_address_max of
 * `limits` (of an IPv6 address the first 64 bits count), and the memory that
 * incomplete requests hold together, by body_max_bytes. */
MUST_CHECK int http_gate_new(const struct http_limits *limits,
                             struct http_gate **out, struct err *err);
size_t http_gate_connections(const struct http_gate *gate);
void http_gate_free(struct http_gate *gate); /* after its servers */

/* A request stays valid until it is answered or its connection is gone (then
 * the on_close callback, if set, is called first; nothing may be sent).  What
 * its functions return is borrowed until it is answered or the handler
 * returns; a handler that answers later asks again or copies. */
const char *http_req_body(const struct http_req *req, size_t *len);
/* A copy that the caller owns, NUL-terminated; NULL when out of memory. */
char *http_req_body_dup(const struct http_req *req, size_t *len);
/* {name} of the route's path, or a query parameter, URL-decoded; or NULL. */
const char *http_req_param(const struct http_req *req, const char *name);
const char *http_req_query(const struct http_req *req, const char *name);
const char *http_req_header(const struct http_req *req, const char *name);
const char *http_req_peer(const struct http_req *req);
void http_req_on_close(struct http_req *req, void (*fn)(void *arg), void *arg);
/* Parses the body as a JSON object; answers 400 by itself on failure and
 * returns non-zero. Free with js_free. */
MUST_CHECK int http_req_json(struct http_req *req, struct json_t **out);

/* Answering ends the request; `req` is gone afterwards. */
void http_reply_json_take(struct http_req *req, int status, struct json_t *v);
/* The same; `rc` is what building it came to: not 0 is out of memory. */
void http_reply_built_take(struct http_req *req, int status, struct json_t *v,
                           int rc);
/* A route's handler: the process answers, and that is all it says. */
void http_get_healthz(struct http_req *req, void *ctx);
void http_reply_text(struct http_req *req, int status, const char *type,
                     const char *text);
/* `bytes` are copied or sent before it returns. */
void http_reply_bytes(struct http_req *req, int status, const char *type,
                      const void *bytes, size_t len);
/* {"error":{"code":"INVALID","field":..,"value":..,"message":..}} with
 * INVALID, PARSE 400; DENIED 403; NOTFOUND 404; CONFLICT 409; LIMIT 413;
 * UNSUPPORTED 501; BUSY, UNAVAILABLE 503; TIMEOUT 504; others 500. */
void http_reply_err(struct http_req *req, const struct err *err);
/* The same with Retry-After: how long the client should stay away. */
void http_reply_err_after(struct http_req *req, const struct err *err,
                          int64_t seconds);
int http_status_of(int err_code);

/* Turns the request into a text/event-stream.  on_close runs once, when the
 * peer is gone, the backlog cap is exceeded, or the server is freed; not after
 * http_stream_close(). */
struct http_stream *
http_stream_open(struct http_req *req,
                 void (*on_close)(void *arg, const char *why), void *arg);
/* An event that any number of streams share, ready for the wire.  `event` and
 * `id` may be NULL; `data` is one line.  NULL: out of memory.  Any thread. */
struct http_event *http_event_new(const char *event, const char *id,
                                  const char *data);
struct http_event *http_event_ref(struct http_event *e);
void http_event_unref(struct http_event *e); /* NULL allowed */
/* Sends it now, or keeps a reference until the stream can take it. */
void http_stream_send_event(struct http_stream *stream, struct http_event *e);
/* The same for an event of one stream alone. */
void http_stream_send(struct http_stream *stream, const char *event,
                      const char *id, const char *data);
void http_stream_close(struct http_stream *stream);

#endif
