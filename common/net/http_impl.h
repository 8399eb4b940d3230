/*
 * What the files of the HTTP server share.  Only http_*.c of this folder
 * include it.
 *
 *   http_server.c   the server's life            http_url.c      %41, a=b&c=d
 *   http_listen.c   sockets, accepting           http_reply.c    heads, errors
 *   http_gate.c     how many may come in         http_out.c      what leaves
 *   http_conn.c     states, timeouts, ends       http_stream.c   event streams
 *   http_read.c     bytes in, one request after another
 *   http_parse.c    bytes to request (http_parser)
 *   http_request.c  routes, and what handlers ask
 *
 * A connection has at most one request, and a request becomes at most one
 * stream: what a peer sends behind an unanswered request waits.  An idle
 * connection or stream is a struct http_conn and a struct http_stream, no
 * buffer: bytes are read into the server's own, and kept only where a request
 * is not complete.
 */
#ifndef SHUNT_NET_HTTP_IMPL_H
#define SHUNT_NET_HTTP_IMPL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "common/net/http_gate.h"
#include "common/net/http_server.h"

/* ---- the caps that are not options: all of them ---- */

#define HTTP_HEADERS_MAX       64                 /* of a request: 431 */
#define HTTP_PARAMS_MAX        24                 /* {id} and ?a=b together */
#define HTTP_READ_BYTES        ((size_t)64 << 10) /* of one read */
#define HTTP_SCRATCH_BYTES     ((size_t)16 << 10) /* head and body in one send */
#define HTTP_DOOR_BYTES        512                /* of a refusal to come in */
#define HTTP_IOV_MAX           16                 /* pieces of one write */
#define HTTP_ACCEPTS_MAX       64                 /* in one turn of the loop */
#define HTTP_BACKLOG           4096               /* connections not accepted */
#define HTTP_KEPT_BODIES       4 /* largest ones, of all incomplete requests */
#define HTTP_KEPT_MIN_BYTES    ((size_t)16 << 20) /* but not less */
#define HTTP_STREAM_IN_BYTES   ((size_t)64 << 10) /* sent by a stream's peer */
#define HTTP_LINGER_BYTES      ((size_t)64 << 20) /* read after a refusal */
#define HTTP_LINGER_MS         5000               /* and how long */
#define HTTP_WRITE_STALL_MS    30000 /* write_timeout_ms where it is 0 */
#define HTTP_ACCEPT_RETRY_MS   100   /* no descriptor was free */
#define HTTP_LOG_EVERY_MS      10000 /* lines about what peers do */
#define HTTP_TICK_MAX_MS       1000
#define HTTP_KEEPALIVE_IDLE_S  60 /* a silent peer is asked whether it lives */
#define HTTP_KEEPALIVE_EVERY_S 15
#define HTTP_KEEPALIVE_TRIES   4
#define HTTP_UNACKED_MS                                                        \
    60000 /* sent, and the peer's kernel is silent,
                                    where there is no idle_timeout_ms */

/* ---- connections ---- */

/* Only http_conn_move() changes it. */
enum conn_state {
    CONN_IDLE,    /* nothing of a request is here; until a byte comes or
                     idle_timeout_ms */
    CONN_HEAD,    /* until the head is complete or head_timeout_ms */
    CONN_BODY,    /* until the body is complete or body_timeout_ms */
    CONN_ANSWER,  /* the request is with its handler, until it answers */
    CONN_FLUSH,   /* a part of the answer waits, until the peer takes it or
                     takes nothing for write_timeout_ms */
    CONN_STREAM,  /* until the stream is closed */
    CONN_BLOCKED, /* a stream with events that wait, as CONN_FLUSH */
    CONN_LINGER,  /* refused and told so, until the peer has closed,
                     HTTP_LINGER_BYTES or HTTP_LINGER_MS */
    CONN_ENDING,  /* until the reaper frees it in this turn of the loop.  In
                     every state the peer's end leads here */
    CONN_STATES
};

struct bytes {
    char *data; /* owned */
    size_t len, cap;
};

/* A piece of a shared event that has to leave. */
struct out {
    struct out *next;
    struct http_event *event; /* a reference */
    size_t from, end;
};

struct http_conn {
    struct http_server *server;
    TAILQ_ENTRY(http_conn) link; /* in the list of its state */
    int64_t since_ms;            /* in this state, or since it got on */
    struct in6_addr peer;        /* IPv4 mapped */
    struct event event;
    int fd;
    enum conn_state state;
    short wants;      /* of `event` */
    bool serving;     /* below http_read_serve() */
    bool close_after; /* the answer */
    bool linger;      /* then, because the peer may be sending still */
    struct bytes in;  /* incomplete request, or what came behind one */
    struct out *out, **out_end;
    size_t out_bytes;
    size_t drained;             /* input that nobody wanted */
    struct http_req *req;       /* not answered; or NULL */
    struct http_stream *stream; /* or NULL */
    const char *why;            /* of CONN_ENDING; static */
};
TAILQ_HEAD(conn_list, http_conn);

/* ---- requests ---- */

/* Why a request is not read any further. */
enum http_refusal {
    REFUSED_NOT,
    REFUSED_GARBAGE,
    REFUSED_METHOD,
    REFUSED_VERSION,
    REFUSED_URL_LONG,
    REFUSED_HEADER_LONG,
    REFUSED_HEADERS_MANY,
    REFUSED_HEAD_LARGE,
    REFUSED_BODY_LARGE,
    REFUSED_EXPECT,
    REFUSED_MEMORY,
    REFUSED_HEAD_SLOW,
    REFUSED_BODY_SLOW,
};

struct slice {
    size_t at, len; /* in the request's data */
};

struct header {
    struct slice name, value;
};

struct param {
    const char *name; /* in the route's pattern */
    size_t name_len;
    size_t value; /* where in the request's data; NUL-terminated */
    bool in_query;
};

struct http_req {
    struct http_conn *conn;
    http_parser parser;
    char *data; /* begins with the head; borrowed while the handler runs */
    char *own;  /* the same for one that answers later; or NULL */
    size_t own_bytes;
    size_t len;    /* bytes of `data` that were there last time */
    size_t parsed; /* bytes of `data` that the parser has had */
    struct slice url, body;
    struct header headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    struct param params[HTTP_PARAMS_MAX];
    size_t n_params;
    bool in_value; /* the parser is inside a header's value */
    bool head_done, complete;
    bool keep_alive;
    enum http_refusal refusal;
    void (*on_close)(void *arg);
    void *arg;
    char peer[INET6_ADDRSTRLEN];
};

/* ---- streams and events ---- */

struct http_event {
    atomic_size_t refs;
    size_t len;  /* of bytes: a chunk with its frame */
    size_t lead; /* bytes of the frame in front; behind stand two */
    char bytes[];
};

struct http_stream {
    struct http_conn *conn;
    void (*on_close)(void *arg, const char *why);
    void *arg;
    bool framed; /* in chunks; not for HTTP/1.0 */
};

/* ---- the server ---- */

struct http_tally {
#define X(name, text) _Atomic uint64_t name;
    HTTP_COUNT_MAP(X)
#undef X
};

/* Written by the loop thread alone: no locked instruction is needed. */
#define http_count(server, name) http_count_by((server), name, 1)
#define http_count_by(server, name, by)                                        \
    atomic_store_explicit(                                                     \
        &(server)->tally.name,                                                 \
        atomic_load_explicit(&(server)->tally.name, memory_order_relaxed) +    \
            (uint64_t)(by),                                                    \
        memory_order_relaxed)

/* A log line that peers can cause: one in HTTP_LOG_EVERY_MS. */
struct seldom {
    size_t n; /* since the last line */
    int64_t logged_ms;
};

struct http_listener {
    struct http_server *server;
    int fd;
    struct event *event;
    struct http_listener *next;
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    const struct http_route *routes;
    void *ctx;
    struct http_gate *gate, *own_gate;
    struct http_listener *listeners;
    bool paused;           /* accepting is */
    bool draining;         /* every answer is the last of its connection */
    struct event *unpause; /* when a descriptor may be free again */
    struct event *tick;    /* timeouts, and the date */
    struct event *reap;    /* frees what is CONN_ENDING */
    struct conn_list in_state[CONN_STATES];
    int64_t timeout_ms[CONN_STATES]; /* 0: none */
    int64_t now_ms;                  /* when the running callback began */
    struct http_req *spare;          /* saves an allocation per request */
    struct http_tally tally;
    struct seldom refused, starved;
    char date[32];
    char url[128];
    char door_full[HTTP_DOOR_BYTES]; /* whole answers to who may not come in */
    char door_address[HTTP_DOOR_BYTES];
    char scratch[HTTP_SCRATCH_BYTES];
    char in[HTTP_READ_BYTES + 1]; /* a NUL behind the body */
};

/* http_server.c */
void http_server_note_date(struct http_server *server);

/* http_listen.c */
void http_listen_resume(struct http_server *server);
void http_listen_on_unpause(evutil_socket_t fd, short what, void *server);
void http_listen_close_all(struct http_server *server);

/* http_conn.c */
/* Takes the descriptor, and the place that it has in the gate. */
void http_conn_start_take(struct http_server *server, int fd,
                          const struct in6_addr *peer);
void http_conn_move(struct http_conn *conn, enum conn_state to);
void http_conn_want(struct http_conn *conn, short what);
/* The answer is complete, and has left or is queued: what comes next? */
void http_conn_settle(struct http_conn *conn);
/* Ends it at the end of this turn; its request and stream are told then.  Safe
 * anywhere; only the first reason counts. */
void http_conn_end(struct http_conn *conn, const char *why);
void http_conn_on_tick(evutil_socket_t fd, short what, void *server);
void http_conn_reap_all(evutil_socket_t fd, short what, void *server);

/* http_read.c */
void http_read_ready(struct http_conn *conn);
/* Goes on with what is kept in conn->in. */
void http_read_serve_kept(struct http_conn *conn);
/* Frees what is kept. */
void http_read_forget(struct http_conn *conn);
/* Answers a request that is not read to its end, and lingers. */
void http_read_refuse(struct http_conn *conn, enum http_refusal why);

/* http_parse.c */
enum http_parsed { PARSED_PART, PARSED_ALL, PARSED_BAD };
/* `data` holds `len` bytes from the beginning of the request; what has been
 * parsed before is not looked at again.  PARSED_PART: *keep bytes at the
 * front of `data` are needed again. */
enum http_parsed http_parse(struct http_req *req, char *data, size_t len,
                            size_t *keep);
/* By name, in any case; NULL: there is none. */
const struct header *http_parse_find(const struct http_req *req,
                                     const char *name);
bool http_parse_expects_continue(const struct http_req *req);
/* The words; returns the HTTP status. */
int http_parse_explain(const struct http_req *req, struct err *err);

/* http_request.c */
struct http_req *http_req_new(struct http_conn *conn);
void http_req_free(struct http_req *req);
void http_req_dispatch(struct http_req *req);
/* Its data becomes its own. */
MUST_CHECK int http_req_detach(struct http_req *req);

/* http_reply.c */
/* `extra`: header lines, each with CRLF; or "". */
void http_reply_status(struct http_req *req, int status, const char *extra,
                       const struct err *err);
/* {"error":{..}} as text, owned by the caller; NULL when out of memory. */
char *http_error_body(const struct err *err);
/* A whole answer for who may not come in. */
void http_reply_at_the_door(char to[HTTP_DOOR_BYTES], const char *message);

/* http_out.c */
/* Both send what they can and queue the rest.  A dead peer ends the
 * connection. */
void http_out_bytes(struct http_conn *conn, const void *bytes, size_t len,
                    const void *more, size_t more_len);
void http_out_event(struct http_conn *conn, struct http_event *e, size_t from,
                    size_t end);
/* Sends what is queued, as far as it goes; true: something has left. */
bool http_out_flush(struct http_conn *conn);
void http_out_drop(struct http_conn *conn);

/* http_stream.c */
/* After output: is it blocked, is it too slow? */
void http_stream_check(struct http_conn *conn);

#endif
