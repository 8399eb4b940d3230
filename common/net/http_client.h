/*
 * HTTP client (libcurl): any number of requests and event streams at once on
 * one thread.  Every object is used by the thread that calls
 * http_client_poll(); only http_client_wakeup() may be called by others.
 */
#ifndef SHUNT_NET_HTTP_CLIENT_H
#define SHUNT_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/sse.h"

struct http_client;
struct http_call;

struct http_answer {
    int error;              /* 0, or why there is no answer: ERR_UNAVAILABLE,
                          ERR_TIMEOUT, ERR_LIMIT, ERR_NOMEM */
    bool unsent;            /* with an error: nothing of the request has left */
    int status;             /* HTTP status when error is 0 */
    int64_t retry_after_ms; /* of a Retry-After header; -1: none */
    const char *body;       /* NUL-terminated, "" when empty; borrowed */
    size_t len;
    const char *text; /* what went wrong, with method and URL; or "" */
};

struct http_call_conf {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *body;           /* JSON, or NULL; copied */
    const char *const *headers; /* "Name: value"..., NULL ends them; copied;
                                   may be NULL */
    int64_t timeout_ms;         /* whole request; for a stream: to connect and
                               get its head */
    int64_t silence_ms;         /* stream: drop after so long without a byte */
    size_t answer_max_bytes;
    /* Once, at the end (also of a stream).  May start and cancel other calls,
     * as may on_event. */
    void (*on_done)(const struct http_answer *a, void *arg);
    /* Not NULL: the answer is an event stream (when its status is 200). */
    void (*on_event)(const struct sse_event *e, void *arg);
    void *arg;
};

MUST_CHECK int http_client_new(struct http_client **out, struct err *err);
/* Cancels what is under way. */
void http_client_free(struct http_client *client);
/* Waits up to timeout_ms for something to do, does it, calls back. */
void http_client_poll(struct http_client *client, int timeout_ms);
/* Any thread, async-signal-safe not required: ends a waiting poll. */
void http_client_wakeup(struct http_client *client);

MUST_CHECK int http_call_start(struct http_client *client,
                               const struct http_call_conf *conf,
                               struct http_call **out, struct err *err);
/* Calls on_done with ERR_CLOSED before it returns; nothing of this call is
 * called afterwards.  Not for a call that is done: it is freed. */
void http_call_cancel(struct http_call *call);

/* One request, waited for: for command line tools. *body is owned by the
 * caller. A status >= 400 is no error here. */
MUST_CHECK int http_fetch(const char *method, const char *url, const char *body,
                          int64_t timeout_ms, int *status, char **answer,
                          struct err *err);

#endif
