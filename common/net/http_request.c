/*
 * Requests: finding the route, reading the request, answering it.
 *
 * Thread: the loop's.  A request belongs to its connection until it is
 * answered; evhttp owns its own half (`ev`) all the time, except when the peer
 * has gone: then evhttp leaves it to us (http_req_free()).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/js.h"
#include "common/base/log.h"
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

static struct json_t *
error_json(const char *code, const struct err *err)
{
    struct json_t *detail = js_object(), *v = js_object();
    int rc = js_put_str(detail, "code", code);
    if (*err->field) {
        rc |= js_put_words(detail, "field", err->field);
        rc |= js_put_words(detail, "value", err->value);
    }
    rc |= js_put_words(detail, "message", err->text);
    rc |= js_put_take(v, "error", detail);
    if (rc) {
        js_free(v);
        return NULL;
    }
    return v;
}

char *
http_error_body(const struct err *err)
{
    struct json_t *v = error_json(err_name(err->code), err);
    char *body = v ? js_dump(v) : NULL;
    js_free(v);
    return body;
}

/* ---- life ---- */

void
http_req_free(struct http_req *req)
{
    if (!req)
        return;
    /* evhttp parts with a request whose peer has gone. */
    if (req->ev && !evhttp_request_get_connection(req->ev))
        evhttp_request_free(req->ev);
    if (req->conn && req->conn->req == req)
        req->conn->req = NULL;
    props_fini(&req->params);
    evhttp_clear_headers(&req->query);
    free(req->body);
    free(req);
}

static int
copy_body(struct http_req *req)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(req->ev);
    req->len = evbuffer_get_length(input);
    req->body = malloc(req->len + 1);
    if (!req->body)
        return ERR_NOMEM;
    (void)evbuffer_remove(input, req->body, req->len);
    req->body[req->len] = '\0';
    return 0;
}

static struct http_req *
new_request(struct http_conn *conn, struct evhttp_request *ev)
{
    struct http_req *req = calloc(1, sizeof(*req));
    if (!req)
        return NULL;
    req->conn = conn;
    req->ev = ev;
    TAILQ_INIT(&req->query);
    conn->req = req;
    conn->received = evbuffer_get_length(bufferevent_get_input(conn->bev));
    return req;
}

/* ---- routes ---- */

static int
take_param(struct http_req *req, const char *name, size_t name_len,
           const char *value, size_t value_len)
{
    char *raw = strndup(value, value_len);
    char *key = strndup(name, name_len);
    char *text = raw ? evhttp_uridecode(raw, 0, NULL) : NULL;
    const int rc = key && text ? props_set(&req->params, key, text) : ERR_NOMEM;
    free(raw);
    free(key);
    free(text);
    return rc;
}

/* "/v1/clients/{id}" against "/v1/clients/x"; fills the parameters. */
static bool
path_matches(struct http_req *req, const char *pattern, const char *path)
{
    while (*pattern && *pattern != '?' && *path) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        const size_t name_len = strcspn(pattern + 1, "}");
        const size_t value_len = strcspn(path, "/");
        if (value_len == 0 ||
            take_param(req, pattern + 1, name_len, path, value_len) != 0)
            return false;
        pattern += name_len + 1;
        pattern += *pattern == '}';
        path += value_len;
    }
    return (!*pattern || *pattern == '?') && !*path;
}

/* Is `name` among the words behind the pattern's "?", with "&" between? */
static bool
names_query(const char *pattern, const char *name)
{
    const size_t len = strlen(name);
    const char *at = strchr(pattern, '?');
    while (at) {
        at++;
        if (strncmp(at, name, len) == 0 && (!at[len] || at[len] == '&'))
            return true;
        at = strchr(at, '&');
    }
    return false;
}

static int
check_query(const struct http_req *req, const char *pattern, struct err *err)
{
    for (const struct evkeyval *q = req->query.tqh_first; q;
         q = q->next.tqe_next)
        if (!names_query(pattern, q->key))
            return err_field(err, ERR_INVALID, q->key, q->value,
                             "there is no query parameter \"%.60s\" here",
                             q->key);
    return 0;
}

static const char *
method_of(const struct evhttp_request *ev)
{
    switch ((int)evhttp_request_get_command(ev)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    default:
        return "OTHER";
    }
}

static void
reply_status(struct http_req *req, int status, const struct err *err)
{
    http_reply_json_take(req, status, error_json(err_name(err->code), err));
}

static void
reply_no_route(struct http_req *req, const char *path, bool known)
{
    struct err err;
    const char *method = method_of(req->ev);
    if (known) {
        (void)err_field(&err, ERR_UNSUPPORTED, "method", method,
                        "%s does not answer to %s", path, method);
        reply_status(req, 405, &err);
        return;
    }
    (void)err_field(&err, ERR_NOTFOUND, "path", path, "there is nothing at %s",
                    path);
    http_reply_err(req, &err);
}

static void
run_route(struct http_server *server, struct http_req *req, const char *path)
{
    bool known = false;
    for (const struct http_route *r = server->routes; r->path; r++) {
        props_fini(&req->params);
        if (!path_matches(req, r->path, path))
            continue;
        known = true;
        if (strcmp(r->method, method_of(req->ev)) != 0)
            continue;
        struct err err;
        if (check_query(req, r->path, &err) != 0)
            http_reply_err(req, &err);
        else
            r->handler(req, server->ctx);
        return;
    }
    reply_no_route(req, path, known);
}

static const char *
path_of(const struct evhttp_request *ev)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    return path && *path ? path : "/";
}

static int
parse_query(struct http_req *req, struct err *err)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req->ev);
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    if (!query || evhttp_parse_query_str(query, &req->query) == 0)
        return 0;
    return err_field(err, ERR_INVALID, "query", query,
                     "the query is not KEY=VALUE&...");
}

void
http_req_dispatch(struct evhttp_request *ev, void *arg)
{
    struct http_server *server = arg;
    struct http_conn *conn = http_conn_of(server, ev);
    struct http_req *req = conn ? new_request(conn, ev) : NULL;
    if (!req || copy_body(req) != 0) {
        http_req_free(req);
        evhttp_send_error(ev, 503, NULL);
        return;
    }
    struct err err;
    if (parse_query(req, &err) != 0) {
        http_reply_err(req, &err);
        return;
    }
    if (req->len > server->limits.body_max_bytes) {
        (void)err_set(&err, ERR_LIMIT, "the body is larger than %zu bytes",
                      server->limits.body_max_bytes);
        http_reply_err(req, &err);
        return;
    }
    http_conn_wait(conn); /* the answer may come later */
    run_route(server, req, path_of(ev));
}

/* ---- reading ---- */

const char *
http_req_body(const struct http_req *req, size_t *len)
{
    if (len)
        *len = req->len;
    return req->body;
}

char *
http_req_body_dup(const struct http_req *req, size_t *len)
{
    char *copy = malloc(req->len + 1);
    if (copy)
        memcpy(copy, req->body, req->len + 1);
    *len = req->len;
    return copy;
}

const char *
http_req_param(const struct http_req *req, const char *name)
{
    const char *value = props_get(&req->params, name);
    return value ? value : http_req_query(req, name);
}

const char *
http_req_query(const struct http_req *req, const char *name)
{
    return evhttp_find_header(&req->query, name);
}

const char *
http_req_header(const struct http_req *req, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(req->ev), name);
}

const char *
http_req_peer(const struct http_req *req)
{
    char *address = NULL;
    ev_uint16_t port;
    evhttp_connection_get_peer(req->conn->evcon, &address, &port);
    return address ? address : "";
}

void
http_req_on_close(struct http_req *req, void (*fn)(void *arg), void *arg)
{
    req->on_close = fn;
    req->arg = arg;
}

int
http_req_json(struct http_req *req, struct json_t **out)
{
    struct err err;
    *out = NULL;
    int rc = js_parse(req->body, req->len, out, &err);
    if (!rc)
        rc = js_expect_object(*out, "", &err);
    if (rc) {
        js_free(*out);
        *out = NULL;
        http_reply_err(req, &err);
    }
    return rc;
}

/* ---- answering ---- */

void
http_reply_bytes(struct http_req *req, int status, const char *type,
                 const void *bytes, size_t len)
{
    struct evhttp_request *ev = req->ev;
    struct evbuffer *body = evbuffer_new();
    (void)evhttp_add_header(evhttp_request_get_output_headers(ev),
                            "Content-Type", type);
    if (body)
        (void)evbuffer_add(body, bytes, len);
    http_conn_resume(req->conn);
    req->ev = NULL; /* evhttp's from here on */
    http_req_free(req);
    evhttp_send_reply(ev, status, NULL, body);
    if (body)
        evbuffer_free(body);
}

void
http_reply_text(struct http_req *req, int status, const char *type,
                const char *text)
{
    http_reply_bytes(req, status, type, text, strlen(text));
}

void
http_reply_err_after(struct http_req *req, const struct err *err,
                     int64_t seconds)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, seconds);
    (void)evhttp_add_header(evhttp_request_get_output_headers(req->ev),
                            "Retry-After", text);
    http_reply_err(req, err);
}

void
http_reply_json_take(struct http_req *req, int status, struct json_t *v)
{
    char *text = v ? js_dump(v) : NULL;
    js_free(v);
    if (text)
        http_reply_text(req, status, "application/json", text);
    else
        http_reply_text(req, 500, "application/json",
                        "{\"error\":{\"code\":\"NOMEM\","
                        "\"message\":\"out of memory\"}}");
    free(text);
}

void
http_reply_err(struct http_req *req, const struct err *err)
{
    reply_status(req, http_status_of(err->code), err);
}
