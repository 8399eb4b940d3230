/*
 * HTTP/1.1 server on a loop (evhttp): a table of routes, JSON in and out,
 * deferred answers, server-sent event streams.  All calls on the loop thread.
 */
#ifndef SHUNT_NET_HTTP_SERVER_H
#define SHUNT_NET_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/loop.h"

struct json_t;
struct http_server;
struct http_req;
struct http_stream;

struct http_limits {
    size_t body_max_bytes;
    size_t header_max_bytes;
    size_t connections_max;
    size_t stream_backlog_max_bytes; /* unsent bytes of one stream */
    int64_t idle_timeout_ms;         /* between requests, not for streams */
};

struct http_route {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *path;   /* "/v1/clients/{id}?limit&before": a parameter of the
                           path; query parameters, others are refused */
    void (*handler)(struct http_req *req, void *ctx);
};

/* `routes` ends with {0} and is borrowed for the life of the server.  Unknown
 * paths get 404, known ones with another method 405, a body over the limit
 * 413, all as JSON errors.  What is not HTTP (or a method that HTTP does not
 * know, or a head over the limit) is refused by libevent itself: a line of
 * HTML with 400 or 501, and the connection is closed. */
MUST_CHECK int http_server_new(struct loop *loop,
                               const struct http_limits *limits,
                               const struct http_route *routes, void *ctx,
                               struct http_server **out, struct err *err);
/* "127.0.0.1:7070", "[::1]:0"; port 0 takes a free one.  ERR_BUSY when the
 * port is taken; the text says what to do. */
MUST_CHECK int http_server_listen(struct http_server *server, const char *addr,
                                  struct err *err);
/* "http://127.0.0.1:43211" of the last listen; borrowed. */
const char *http_server_url(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
void http_server_free(struct http_server *server); /* closes everything */

/* A request stays valid until it is answered or its connection is gone (then
 * the on_close callback, if set, is called first; nothing may be sent). */
const char *http_req_body(const struct http_req *req, size_t *len);
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
void http_reply_text(struct http_req *req, int status, const char *type,
                     const char *text);
/* {"error":{"code":"INVALID","field":..,"value":..,"message":..}} with
 * INVALID, PARSE 400; DENIED 403; NOTFOUND 404; CONFLICT 409; LIMIT 413;
 * UNSUPPORTED 501; BUSY, UNAVAILABLE 503; TIMEOUT 504; others 500. */
void http_reply_err(struct http_req *req, const struct err *err);
int http_status_of(int err_code);

/* Turns the request into a text/event-stream.  on_close runs once, when the
 * peer is gone, the backlog cap is exceeded, or the server is freed; not after
 * http_stream_close(). */
struct http_stream *
http_stream_open(struct http_req *req,
                 void (*on_close)(void *arg, const char *why), void *arg);
/* One event; `event` and `id` may be NULL; `data` is one line. */
void http_stream_send(struct http_stream *stream, const char *event,
                      const char *id, const char *data);
void http_stream_close(struct http_stream *stream);

#endif
