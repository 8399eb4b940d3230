/*
 * Requests: finding the route, and what a handler asks about one.
 *
 * Thread: the loop's.  A request belongs to its connection until it is
 * answered.  Its texts stand in its data, which is the connection's buffer
 * while the handler runs, and its own copy from then on if it was not answered
 * (http_req_detach()): so they are noted as places, not pointers.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/net/http_impl.h"
#include "common/net/http_url.h"

/* ---- life ---- */

struct http_req *
http_req_new(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_req *req = server->spare ? server->spare : malloc(sizeof(*req));
    server->spare = NULL;
    if (!req)
        return NULL;
    /* The arrays begin empty by their counts. */
    req->conn = conn;
    req->data = req->own = NULL;
    req->own_bytes = req->parsed = req->n_headers = req->n_params = 0;
    req->url = req->body = (struct slice){0};
    req->in_value = req->head_done = req->complete = req->keep_alive = false;
    req->refusal = REFUSED_NOT;
    req->on_close = NULL;
    http_parser_init(&req->parser, HTTP_REQUEST);
    req->parser.data = req;
    return req;
}

void
http_req_free(struct http_req *req)
{
    if (!req)
        return;
    struct http_server *server = req->conn->server;
    req->conn->req = NULL;
    if (req->own)
        http_gate_give_bytes(server->gate, req->own_bytes);
    free(req->own);
    if (server->spare)
        free(req);
    else
        server->spare = req;
}

int
http_req_detach(struct http_req *req)
{
    struct bytes *in = &req->conn->in;
    const size_t body_end = req->body.at + req->body.len;
    const size_t len = req->body.len > 0 ? body_end : req->parsed;
    if (req->data == in->data && req->parsed == in->len) {
        req->own = in->data; /* nothing stands behind; there is room for NUL */
        req->own[len] = '\0';
        req->own_bytes = in->cap;
        *in = (struct bytes){0};
        return 0;
    }
    if (!http_gate_take_bytes(req->conn->server->gate, len + 1))
        return ERR_NOMEM;
    req->own = malloc(len + 1);
    req->own_bytes = len + 1;
    if (!req->own) {
        http_gate_give_bytes(req->conn->server->gate, len + 1);
        return ERR_NOMEM;
    }
    memcpy(req->own, req->data, len);
    req->own[len] = '\0';
    req->data = req->own;
    return 0;
}

/* ---- routes ---- */

static struct param *
add_param(struct http_req *req, const char *name, size_t name_len,
          const char *value)
{
    if (req->n_params == HTTP_PARAMS_MAX)
        return NULL;
    struct param *p = &req->params[req->n_params++];
    *p = (struct param){.name = name,
                        .name_len = name_len,
                        .value = (size_t)(value - req->data)};
    return p;
}

/* Does "/v1/clients/x" match "/v1/clients/{id}"? */
static bool
path_matches(const char *pattern, const char *path, const char *end)
{
    while (*pattern && *pattern != '?' && path < end) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *value_end = slash ? slash : end;
        if (value_end == path)
            return false;
        pattern += strcspn(pattern, "}");
        pattern += *pattern == '}';
        path = value_end;
    }
    return (!*pattern || *pattern == '?') && path == end;
}

static int
not_decodable(const char *where, const char *text, struct err *err)
{
    return err_field(err, ERR_INVALID, where, text,
                     "the %s has a %% that does not begin the escape of a "
                     "byte",
                     where);
}

/* Takes the {names} out of a path that matches; the path is not whole any
 * more afterwards. */
static int
take_path(struct http_req *req, const char *pattern, char *path, char *end,
          struct err *err)
{
    const char *brace;
    while ((brace = strchr(pattern, '{'))) {
        path += brace - pattern;
        const size_t name_len = strcspn(brace + 1, "}");
        char *slash = memchr(path, '/', (size_t)(end - path));
        char *value_end = slash ? slash : end;
        (void)add_param(req, brace + 1, name_len, path);
        if (!http_url_decode(path, (size_t)(value_end - path), false))
            return not_decodable("path", path, err);
        pattern = brace + 1 + name_len + 1;
        path = value_end; /* its first byte may be a NUL now */
    }
    return 0;
}

/* The word behind the pattern's "?", with "&" between, that is `name`. */
static const char *
query_name(const char *pattern, const char *name)
{
    const size_t len = strlen(name);
    const char *at = strchr(pattern, '?');
    while (at) {
        at++;
        if (strncmp(at, name, len) == 0 && (!at[len] || at[len] == '&'))
            return at;
        at = strchr(at, '&');
    }
    return NULL;
}

static int
take_pair(struct http_req *req, const char *pattern, char *pair, char *end,
          struct err *err)
{
    *end = '\0';
    char *equals = memchr(pair, '=', (size_t)(end - pair));
    if (!equals)
        return err_field(err, ERR_INVALID, "query", pair,
                         "the query is not KEY=VALUE&...");
    char *value = equals + 1;
    if (!http_url_decode(pair, (size_t)(equals - pair), true) ||
        !http_url_decode(value, (size_t)(end - value), true))
        return not_decodable("query", pair, err);
    const char *name = query_name(pattern, pair);
    if (!name)
        return err_field(err, ERR_INVALID, pair, value,
                         "there is no query parameter \"%.60s\" here", pair);
    struct param *p = add_param(req, name, strlen(pair), value);
    if (!p)
        return err_field(err, ERR_LIMIT, pair, value,
                         "there are more than %d parameters", HTTP_PARAMS_MAX);
    p->in_query = true;
    return 0;
}

/* `query` ends where the target does. */
static int
take_query(struct http_req *req, const char *pattern, char *query, char *end,
           struct err *err)
{
    int rc = 0;
    while (rc == 0 && query < end) {
        char *and = memchr(query, '&', (size_t)(end - query));
        char *pair_end = and? and : end;
        rc = take_pair(req, pattern, query, pair_end, err);
        query = pair_end + 1;
    }
    return rc;
}

static const char *
method_of(const struct http_req *req)
{
    return http_method_str((enum http_method)req->parser.method);
}

/* "Allow: GET, POST\r\n" */
static void
list_methods(const struct http_req *req, const char *path, const char *end,
             char *to, size_t size)
{
    const char *before = "Allow: ";
    size_t len = 0;
    for (const struct http_route *r = req->conn->server->routes; r->path; r++) {
        const size_t need = strlen(before) + strlen(r->method) + 3;
        if (!path_matches(r->path, path, end) || len + need > size)
            continue;
        len = (size_t)(stpcpy(stpcpy(to + len, before), r->method) - to);
        before = ", ";
    }
    (void)stpcpy(to + len, "\r\n");
}

static void
reply_no_route(struct http_req *req, const char *path, size_t len, bool known)
{
    struct err err;
    char allow[128] = "";
    char shown[100];
    const size_t n = len < sizeof(shown) ? len : sizeof(shown) - 1;
    memcpy(shown, path, n);
    shown[n] = '\0';
    if (!known) {
        (void)err_field(&err, ERR_NOTFOUND, "path", shown,
                        "there is nothing at %s", shown);
        http_reply_err(req, &err);
        return;
    }
    list_methods(req, path, path + len, allow, sizeof(allow));
    (void)err_field(&err, ERR_UNSUPPORTED, "method", method_of(req),
                    "%s does not answer to %s", shown, method_of(req));
    http_reply_status(req, 405, allow, &err);
}

static void
run(struct http_req *req, const struct http_route *r, char *path, size_t len)
{
    struct err err;
    char *target = req->data + req->url.at;
    char *end = target + req->url.len;
    char *query = memchr(target, '?', req->url.len);
    int rc = take_query(req, r->path, query ? query + 1 : end, end, &err);
    if (rc == 0)
        rc = take_path(req, r->path, path, path + len, &err);
    if (rc)
        http_reply_err(req, &err);
    else
        r->handler(req, req->conn->server->ctx);
}

/* Without the fragment, which is for the client alone. */
static void
cut_fragment(struct http_req *req)
{
    const char *target = req->data + req->url.at;
    const char *fragment = memchr(target, '#', req->url.len);
    if (fragment)
        req->url.len = (size_t)(fragment - target);
}

void
http_req_dispatch(struct http_req *req)
{
    static char root[] = "/";
    cut_fragment(req);
    char *target = req->data + req->url.at;
    size_t at;
    size_t len = http_url_path(target, req->url.len, &at);
    char *path = len > 0 ? target + at : root;
    const char *method = method_of(req);
    bool known = false;
    len = len > 0 ? len : 1;
    for (const struct http_route *r = req->conn->server->routes; r->path; r++) {
        if (!path_matches(r->path, path, path + len))
            continue;
        known = true;
        if (strcmp(r->method, method) == 0) {
            run(req, r, path, len);
            return;
        }
    }
    reply_no_route(req, path, len, known);
}

/* ---- reading ---- */

const char *
http_req_body(const struct http_req *req, size_t *len)
{
    if (len)
        *len = req->body.len;
    return req->body.len > 0 ? req->data + req->body.at : "";
}

char *
http_req_body_dup(const struct http_req *req, size_t *len)
{
    const char *body = http_req_body(req, len);
    char *copy = malloc(*len + 1);
    if (copy)
        memcpy(copy, body, *len + 1);
    return copy;
}

static const char *
find_param(const struct http_req *req, const char *name, bool in_query)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < req->n_params; i++) {
        const struct param *p = &req->params[i];
        if (p->in_query == in_query && p->name_len == len &&
            memcmp(p->name, name, len) == 0)
            return req->data + p->value;
    }
    return NULL;
}

const char *
http_req_param(const struct http_req *req, const char *name)
{
    const char *value = find_param(req, name, false);
    return value ? value : http_req_query(req, name);
}

const char *
http_req_query(const struct http_req *req, const char *name)
{
    return find_param(req, name, true);
}

/* Ends the value where it stands: behind it was its blank or its CR. */
const char *
http_req_header(const struct http_req *req, const char *name)
{
    const struct header *h = http_parse_find(req, name);
    if (!h)
        return NULL;
    size_t len = h->value.len;
    char *value = req->data + h->value.at;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (len == 0)
        return "";
    value[len] = '\0';
    return value;
}

const char *
http_req_peer(const struct http_req *req)
{
    char *to = ((struct http_req *)(uintptr_t)req)->peer;
    const struct in6_addr *peer = &req->conn->peer;
    const bool v4 = IN6_IS_ADDR_V4MAPPED(peer);
    const char *text =
        inet_ntop(v4 ? AF_INET : AF_INET6, peer->s6_addr + (v4 ? 12 : 0), to,
                  sizeof(req->peer));
    return text ? text : "";
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
    size_t len;
    const char *body = http_req_body(req, &len);
    *out = NULL;
    int rc = js_parse(body, len, out, &err);
    if (!rc)
        rc = js_expect_object(*out, "", &err);
    if (rc) {
        js_free(*out);
        *out = NULL;
        http_reply_err(req, &err);
    }
    return rc;
}
