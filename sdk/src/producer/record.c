/*
 * See record.h.  Pure but for librdkafka's header lists.
 */
#include "sdk/src/producer/record.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

#define TOPIC_MAX 249 /* Kafka's limit; librdkafka's own is larger */

static rd_kafka_resp_err_t
wrong(const char **text, rd_kafka_resp_err_t code, const char *words)
{
    *text = words;
    return code;
}

static rd_kafka_resp_err_t
add_header(struct record_args *a, const rd_kafka_vu_t *vu, const char **text)
{
    if (a->headers && !a->headers_made)
        return wrong(text, RD_KAFKA_RESP_ERR__CONFLICT,
                     "header and headers cannot be given together");
    if (!a->headers)
        a->headers = rd_kafka_headers_new(4);
    a->headers_made = true;
    return rd_kafka_header_add(a->headers, vu->u.header.name, -1,
                               vu->u.header.val, vu->u.header.size);
}

static rd_kafka_resp_err_t
set_headers(struct record_args *a, const rd_kafka_vu_t *vu, const char **text)
{
    if (a->headers)
        return wrong(text, RD_KAFKA_RESP_ERR__CONFLICT,
                     "headers can be given once");
    a->headers = vu->u.headers;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
parse_one(struct record_args *a, const rd_kafka_vu_t *vu, const char **text)
{
    switch ((int)vu->vtype) {
    case RD_KAFKA_VTYPE_TOPIC:
        a->topic = vu->u.cstr;
        break;
    case RD_KAFKA_VTYPE_RKT:
        return wrong(text, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
                     "a topic handle belongs to one cluster: not supported, "
                     "give the topic's name");
    case RD_KAFKA_VTYPE_PARTITION:
        a->partition = vu->u.i32;
        break;
    case RD_KAFKA_VTYPE_VALUE:
        a->value = vu->u.mem.ptr;
        a->value_len = vu->u.mem.size;
        break;
    case RD_KAFKA_VTYPE_KEY:
        a->key = vu->u.mem.ptr;
        a->key_len = vu->u.mem.size;
        break;
    case RD_KAFKA_VTYPE_OPAQUE:
        a->opaque = vu->u.ptr;
        break;
    case RD_KAFKA_VTYPE_MSGFLAGS:
        a->flags = vu->u.i;
        break;
    case RD_KAFKA_VTYPE_TIMESTAMP:
        a->timestamp = vu->u.i64;
        break;
    case RD_KAFKA_VTYPE_HEADER:
        return add_header(a, vu, text);
    case RD_KAFKA_VTYPE_HEADERS:
        return set_headers(a, vu, text);
    default:
        return wrong(text, RD_KAFKA_RESP_ERR__INVALID_ARG,
                     "unknown kind of argument");
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
record_args_parse(const rd_kafka_vu_t *vus, size_t n, struct record_args *out,
                  const char **text)
{
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR_NO_ERROR;
    *out = (struct record_args){.partition = RD_KAFKA_PARTITION_UA};
    for (size_t i = 0; i < n && !rc; i++)
        rc = parse_one(out, &vus[i], text);
    if (!rc && (!out->topic || !*out->topic))
        rc = wrong(text, RD_KAFKA_RESP_ERR__INVALID_ARG,
                   "no topic: RD_KAFKA_V_TOPIC is needed");
    if (!rc && strlen(out->topic) > TOPIC_MAX)
        rc = wrong(text, RD_KAFKA_RESP_ERR__INVALID_ARG,
                   "the topic's name is longer than Kafka allows");
    if (rc)
        record_args_fini(out);
    return rc;
}

void
record_args_fini(struct record_args *a)
{
    if (a->headers_made && a->headers)
        rd_kafka_headers_destroy(a->headers);
    a->headers = NULL;
}

static char *
put(char **at, const void *from, size_t len)
{
    char *to = *at;
    if (!from)
        return NULL;
    if (len > 0)
        memcpy(to, from, len);
    *at = to + len;
    return to;
}

struct record *
record_new(struct record_args *a)
{
    const size_t key_len = a->key ? a->key_len : 0;
    const size_t value_len = a->value ? a->value_len : 0;
    /* One byte more: an empty value must not point past the end. */
    struct record *r = calloc(1, sizeof(*r) + key_len + value_len + 1);
    if (!r)
        return NULL;
    char *at = r->data;
    r->key = put(&at, a->key, key_len);
    r->value = put(&at, a->value, value_len);
    r->key_len = key_len;
    r->value_len = value_len;
    r->bytes = key_len + value_len;
    r->partition = a->partition;
    r->opaque = a->opaque;
    /* Its own time survives a move; else it would get a later one there. */
    r->timestamp = a->timestamp ? a->timestamp : clock_wall_ms();
    r->headers = a->headers;
    a->headers = NULL;
    return r;
}

void
record_give_back_headers(struct record *r, struct record_args *a)
{
    a->headers = r->headers;
    r->headers = NULL;
}

void
record_free(struct record *r)
{
    if (!r)
        return;
    if (r->headers)
        rd_kafka_headers_destroy(r->headers);
    free(r);
}

rd_kafka_resp_err_t
record_hand_over(const struct record *r, rd_kafka_t *rk, const char *topic)
{
    rd_kafka_headers_t *copy =
        r->headers ? rd_kafka_headers_copy(r->headers) : NULL;
    const rd_kafka_resp_err_t rc = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(r->partition),
        RD_KAFKA_V_KEY(r->key, r->key_len),
        RD_KAFKA_V_VALUE(r->value, r->value_len),
        RD_KAFKA_V_TIMESTAMP(r->timestamp),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)r), RD_KAFKA_V_MSGFLAGS(0),
        copy ? RD_KAFKA_VTYPE_HEADERS : RD_KAFKA_VTYPE_END, copy,
        RD_KAFKA_V_END);
    if (rc && copy)
        rd_kafka_headers_destroy(copy);
    return rc;
}
