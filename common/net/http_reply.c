/*
 * Answers: statuses, heads, bodies, errors as JSON.
 *
 * Thread: the loop's.  Head and body are put together in the server's scratch
 * and leave in one send(); a body that is too large for it leaves with the
 * head by one writev.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/net/http_impl.h"

/* ---- errors ---- */

int
http_status_of(int err_code)
{
    switch (err_code) {
    case ERR_INVALID:
    case ERR_PARSE:
        return 400;
    case ERR_DENIED:
        return 403;
    case ERR_NOTFOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_LIMIT:
        return 413;
    case ERR_UNSUPPORTED:
        return 501;
    case ERR_BUSY:
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

char *
http_error_body(const struct err *err)
{
    struct json_t *detail = js_object(), *v = js_object();
    int rc = js_put_str(detail, "code", err_name(err->code));
    if (*err->field) {
        rc |= js_put_words(detail, "field", err->field);
        rc |= js_put_words(detail, "value", err->value);
    }
    rc |= js_put_words(detail, "message", err->text);
    rc |= js_put_take(v, "error", detail);
    char *body = rc ? NULL : js_dump(v);
    js_free(v);
    return body;
}

/* ---- heads ---- */

static char *
put(char *to, const char *end, const char *text)
{
    while (*text && to < end)
        *to++ = *text++;
    return to;
}

static char *
put_number(char *to, const char *end, size_t n)
{
    char digits[24];
    char *at = digits + sizeof(digits) - 1;
    *at = '\0';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    return put(to, end, at);
}

static char *
put_status(char *to, const char *end, int status, const char *date)
{
    to = put(to, end, "HTTP/1.1 ");
    to = put_number(to, end, (size_t)status);
    to = put(to, end, " ");
    to = put(to, end, http_status_str((enum http_status)status));
    to = put(to, end, "\r\nDate: ");
    return put(to, end, date);
}

static const char *
connection_line(const struct http_req *req)
{
    if (!req->keep_alive || req->conn->server->draining)
        return "\r\nConnection: close";
    return req->parser.http_minor == 0 ? "\r\nConnection: keep-alive" : "";
}

/* ---- answering ---- */

/* Everything of an answer, except that its request is gone afterwards. */
static void
send_answer(struct http_req *req, int status, const char *extra,
            const char *type, const void *bytes, size_t len)
{
    struct http_conn *conn = req->conn;
    char *to = conn->server->scratch;
    const char *end = to + HTTP_SCRATCH_BYTES;
    char *at = put_status(to, end, status, conn->server->date);
    at = put(at, end, connection_line(req));
    at = put(at, end, "\r\nContent-Type: ");
    at = put(at, end, type);
    at = put(at, end, "\r\nContent-Length: ");
    at = put_number(at, end, len);
    at = put(at, end, "\r\n");
    at = put(at, end, extra);
    at = put(at, end, "\r\n");
    if (req->complete && req->parser.method == HTTP_HEAD)
        len = 0; /* the length is told, the body is not */
    if (len <= (size_t)(end - at)) {
        if (len > 0)
            memcpy(at, bytes, len);
        at += len;
        len = 0;
    }
    http_out_bytes(conn, to, (size_t)(at - to), bytes, len);
}

static void
reply(struct http_req *req, int status, const char *extra, const char *type,
      const void *bytes, size_t len)
{
    struct http_conn *conn = req->conn;
    if (conn->state == CONN_ANSWER)
        send_answer(req, status, extra, type, bytes, len);
    http_req_free(req);
    http_conn_settle(conn);
}

void
http_reply_bytes(struct http_req *req, int status, const char *type,
                 const void *bytes, size_t len)
{
    reply(req, status, "", type, bytes, len);
}

void
http_reply_text(struct http_req *req, int status, const char *type,
                const char *text)
{
    reply(req, status, "", type, text, strlen(text));
}

static const char nomem_body[] = "{\"error\":{\"code\":\"NOMEM\","
                                 "\"message\":\"out of memory\"}}";

void
http_reply_json_take(struct http_req *req, int status, struct json_t *v)
{
    char *text = v ? js_dump(v) : NULL;
    js_free(v);
    if (text)
        http_reply_text(req, status, "application/json", text);
    else
        http_reply_text(req, 500, "application/json", nomem_body);
    free(text);
}

void
http_reply_built_take(struct http_req *req, int status, struct json_t *v,
                      int rc)
{
    struct err err;
    if (rc == 0) {
        http_reply_json_take(req, status, v);
        return;
    }
    js_free(v);
    (void)err_nomem(&err); /* returns its code */
    http_reply_err(req, &err);
}

void
http_get_healthz(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct json_t *v = js_object();
    http_reply_built_take(req, 200, v, js_put_str(v, "status", "ok"));
}

void
http_reply_status(struct http_req *req, int status, const char *extra,
                  const struct err *err)
{
    char *body = http_error_body(err);
    const char *text = body ? body : nomem_body;
    reply(req, body ? status : 500, extra, "application/json", text,
          strlen(text));
    free(body);
}

void
http_reply_err(struct http_req *req, const struct err *err)
{
    http_reply_status(req, http_status_of(err->code), "", err);
}

void
http_reply_err_after(struct http_req *req, const struct err *err,
                     int64_t seconds)
{
    char extra[48];
    (void)snprintf(extra, sizeof(extra), "Retry-After: %" PRId64 "\r\n",
                   seconds);
    http_reply_status(req, http_status_of(err->code), extra, err);
}

void
http_reply_at_the_door(char to[HTTP_DOOR_BYTES], const char *message)
{
    struct err err;
    (void)err_set(&err, ERR_BUSY, "%s", message);
    char *body = http_error_body(&err);
    (void)snprintf(to, HTTP_DOOR_BYTES,
                   "HTTP/1.1 503 Service Unavailable\r\n"
                   "Connection: close\r\nRetry-After: 1\r\n"
                   "Content-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   body ? strlen(body) : 0, body ? body : "");
    free(body);
}
