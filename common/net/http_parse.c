/*
 * Bytes to request: http_parser's callbacks, and the limits of what they find.
 *
 * Thread: the loop's; no socket is touched here.  The request notes where in
 * its data things stand, not pointers, because incomplete data moves.  Each
 * request has a parser of its own, which stops behind its last byte.
 *
 * A chunked body is put together in place: each chunk moves down to the end of
 * the one before, over the frame between them.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/net/http_impl.h"

static const struct http_limits *
limits_of(const struct http_req *req)
{
    return &req->conn->server->limits;
}

static size_t
line_max(const struct http_req *req)
{
    const struct http_limits *max = limits_of(req);
    return max->line_max_bytes ? max->line_max_bytes : max->header_max_bytes;
}

static int
refuse(struct http_req *req, enum http_refusal why)
{
    req->refusal = why;
    return -1;
}

/* ---- callbacks: non-zero stops the parser ---- */

static void
extend(struct http_req *req, struct slice *s, const char *at, size_t len)
{
    if (s->len == 0)
        s->at = (size_t)(at - req->data);
    s->len += len;
}

static int
on_url(http_parser *p, const char *at, size_t len)
{
    struct http_req *req = p->data;
    extend(req, &req->url, at, len);
    /* with the method, two blanks and the version */
    if (req->url.len + strlen(http_method_str(p->method)) + 10 > line_max(req))
        return refuse(req, REFUSED_URL_LONG);
    return 0;
}

static int
check_header(struct http_req *req, const struct header *h)
{
    if (h->name.len + h->value.len > line_max(req))
        return refuse(req, REFUSED_HEADER_LONG);
    return 0;
}

static int
on_header_field(http_parser *p, const char *at, size_t len)
{
    struct http_req *req = p->data;
    if (req->head_done)
        return 0; /* a trailer: nobody asks for one */
    if (req->in_value || req->n_headers == 0) {
        if (req->n_headers == HTTP_HEADERS_MAX)
            return refuse(req, REFUSED_HEADERS_MANY);
        req->headers[req->n_headers++] = (struct header){0};
        req->in_value = false;
    }
    struct header *h = &req->headers[req->n_headers - 1];
    extend(req, &h->name, at, len);
    return check_header(req, h);
}

static int
on_header_value(http_parser *p, const char *at, size_t len)
{
    struct http_req *req = p->data;
    if (req->head_done)
        return 0;
    struct header *h = &req->headers[req->n_headers - 1];
    const size_t begin = (size_t)(at - req->data);
    if (h->value.len > 0 && len > 0 && begin != h->value.at + h->value.len)
        return refuse(req, REFUSED_GARBAGE); /* folded over lines */
    req->in_value = true;
    extend(req, &h->value, at, len);
    return check_header(req, h);
}

const struct header *
http_parse_find(const struct http_req *req, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < req->n_headers; i++) {
        const struct header *h = &req->headers[i];
        if (h->name.len == len &&
            strncasecmp(req->data + h->name.at, name, len) == 0)
            return h;
    }
    return NULL;
}

static bool
value_is(const struct http_req *req, const struct header *h, const char *text)
{
    return h->value.len == strlen(text) &&
           strncasecmp(req->data + h->value.at, text, h->value.len) == 0;
}

static size_t
head_end(const struct http_req *req)
{
    const struct header *last =
        req->n_headers > 0 ? &req->headers[req->n_headers - 1] : NULL;
    return last ? last->value.at + last->value.len + 4
                : req->url.at + req->url.len;
}

static int
on_headers_complete(http_parser *p)
{
    struct http_req *req = p->data;
    req->head_done = true;
    if (p->http_major != 1)
        return refuse(req, REFUSED_VERSION);
    if (!(p->flags & F_CHUNKED) && p->content_length != UINT64_MAX &&
        p->content_length > limits_of(req)->body_max_bytes)
        return refuse(req, REFUSED_BODY_LARGE);
    if (head_end(req) > limits_of(req)->header_max_bytes)
        return refuse(req, REFUSED_HEAD_LARGE);
    const struct header *expect = http_parse_find(req, "Expect");
    if (expect && !value_is(req, expect, "100-continue"))
        return refuse(req, REFUSED_EXPECT);
    return 0;
}

static int
on_body(http_parser *p, const char *at, size_t len)
{
    struct http_req *req = p->data;
    struct slice *body = &req->body;
    if (body->len == 0)
        body->at = (size_t)(at - req->data);
    if (body->len + len > limits_of(req)->body_max_bytes)
        return refuse(req, REFUSED_BODY_LARGE);
    char *to = req->data + body->at + body->len;
    if (to != at)
        memmove(to, at, len);
    body->len += len;
    return 0;
}

static int
on_message_complete(http_parser *p)
{
    struct http_req *req = p->data;
    req->complete = true;
    /* Behind CONNECT comes another protocol. */
    req->keep_alive = http_should_keep_alive(p) && p->method != HTTP_CONNECT;
    http_parser_pause(p, 1);
    return 0;
}

/* ---- parsing ---- */

/* A word that could be a method, and a blank. */
static bool
begins_with_word(const char *data, size_t len)
{
    size_t n = 0;
    while (n < len && ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '-'))
        n++;
    return n > 0 && n < len && data[n] == ' ';
}

static enum http_refusal
refusal_of(enum http_errno e, const char *data, size_t len)
{
    if (e == HPE_INVALID_METHOD && begins_with_word(data, len))
        return REFUSED_METHOD;
    if (e == HPE_HEADER_OVERFLOW)
        return REFUSED_HEAD_LARGE;
    return REFUSED_GARBAGE;
}

enum http_parsed
http_parse(struct http_req *req, char *data, size_t len, size_t *keep)
{
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    http_parser *p = &req->parser;
    req->data = data;
    req->len = len;
    req->parsed += http_parser_execute(p, &settings, data + req->parsed,
                                       len - req->parsed);
    const enum http_errno e = HTTP_PARSER_ERRNO(p);
    if (req->complete)
        return PARSED_ALL;
    if (!req->refusal && e != HPE_OK)
        req->refusal = refusal_of(e, data, len);
    if (!req->refusal && !req->head_done &&
        len > limits_of(req)->header_max_bytes)
        req->refusal = REFUSED_HEAD_LARGE;
    if (req->refusal)
        return PARSED_BAD;
    /* Behind the body only frames stand, which have been parsed. */
    *keep = req->body.len > 0 ? req->body.at + req->body.len : len;
    req->parsed = *keep;
    return PARSED_PART;
}

bool
http_parse_expects_continue(const struct http_req *req)
{
    return req->body.len == 0 && req->parser.http_minor > 0 &&
           http_parse_find(req, "Expect") != NULL;
}

/* ---- words ---- */

static int
explain_garbage(const struct http_req *req, struct err *err)
{
    if (*req->data == '\x16')
        (void)err_set(err, ERR_PARSE,
                      "this is TLS, and here only plain HTTP is spoken: use "
                      "http:// instead of https://");
    else
        (void)err_set(
            err, ERR_PARSE, "this is not HTTP/1.1: %s",
            req->parser.http_errno > HPE_CB_chunk_complete
                ? http_errno_description(HTTP_PARSER_ERRNO(&req->parser))
                : "a header is folded over several lines");
    return 400;
}

static int
explain_method(const struct http_req *req, struct err *err)
{
    char name[40];
    size_t len = 0; /* no NUL stands behind the data */
    while (len < req->len && len + 1 < sizeof(name) && req->data[len] != ' ')
        len++;
    memcpy(name, req->data, len);
    name[len] = '\0';
    (void)err_field(err, ERR_UNSUPPORTED, "method", name,
                    "HTTP knows no method \"%s\"", name);
    return 405;
}

/* "the body is larger than" 4096 " bytes" */
struct explanation {
    int status, code;
    const char *words, *unit;
};

static const struct explanation explanations[] = {
    [REFUSED_URL_LONG] = {414, ERR_LIMIT, "the request line is longer than",
                          " bytes"},
    [REFUSED_HEADER_LONG] = {431, ERR_LIMIT, "a header is longer than",
                             " bytes"},
    [REFUSED_HEADERS_MANY] = {431, ERR_LIMIT, "there are more than",
                              " headers"},
    [REFUSED_HEAD_LARGE] = {431, ERR_LIMIT, "the head is larger than",
                            " bytes"},
    [REFUSED_BODY_LARGE] = {413, ERR_LIMIT, "the body is larger than",
                            " bytes"},
    [REFUSED_HEAD_SLOW] = {408, ERR_TIMEOUT, "the head did not arrive within",
                           " ms"},
    [REFUSED_BODY_SLOW] = {408, ERR_TIMEOUT, "the body did not arrive within",
                           " ms"},
    [REFUSED_VERSION] = {505, ERR_UNSUPPORTED,
                         "what is spoken here is HTTP version", ""},
    [REFUSED_MEMORY] = {503, ERR_BUSY,
                        "requests that are being read hold all "
                        "the memory they may, that of",
                        " bodies"},
    [REFUSED_EXPECT] = {417, ERR_UNSUPPORTED, "nothing can be expected but",
                        "-continue"},
};

static long long
limit_of(const struct http_req *req)
{
    const struct http_limits *max = limits_of(req);
    const int64_t *timeout_ms = req->conn->server->timeout_ms;
    switch (req->refusal) {
    case REFUSED_URL_LONG:
    case REFUSED_HEADER_LONG:
        return (long long)line_max(req);
    case REFUSED_HEADERS_MANY:
        return HTTP_HEADERS_MAX;
    case REFUSED_HEAD_LARGE:
        return (long long)max->header_max_bytes;
    case REFUSED_BODY_LARGE:
        return (long long)max->body_max_bytes;
    case REFUSED_HEAD_SLOW:
        return timeout_ms[CONN_HEAD];
    case REFUSED_BODY_SLOW:
        return timeout_ms[CONN_BODY];
    case REFUSED_EXPECT:
        return 100;
    case REFUSED_MEMORY:
        return HTTP_KEPT_BODIES;
    case REFUSED_VERSION:
    case REFUSED_NOT:
    case REFUSED_GARBAGE:
    case REFUSED_METHOD:
        break;
    }
    return 1;
}

int
http_parse_explain(const struct http_req *req, struct err *err)
{
    if (req->refusal == REFUSED_METHOD)
        return explain_method(req, err);
    if (req->refusal == REFUSED_GARBAGE)
        return explain_garbage(req, err);
    const struct explanation *e = &explanations[req->refusal];
    (void)err_set(err, e->code, "%s %lld%s", e->words, limit_of(req), e->unit);
    return e->status;
}
