/*
 * See record.h.  Pure but for librdkafka's header lists.
 */
#include "sdk/src/producer/record.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

/* ---- arguments ---------------------------------------------------------- */

static rd_kafka_resp_err_t
add_header(struct record_args *a, const rd_kafka_vu_t *vu)
{
    if (a->headers && !a->headers_made)
        return RD_KAFKA_RESP_ERR__CONFLICT;
    if (!a->headers)
        a->headers = rd_kafka_headers_new(8);
    a->headers_made = true;
    return rd_kafka_header_add(a->headers, vu->u.header.name, -1,
                               vu->u.header.val, vu->u.header.size);
}

static rd_kafka_resp_err_t
set_headers(struct record_args *a, const rd_kafka_vu_t *vu)
{
    if (a->headers_made)
        return RD_KAFKA_RESP_ERR__CONFLICT;
    a->headers = vu->u.headers;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
record_args_add(struct record_args *a, const rd_kafka_vu_t *vu)
{
    switch ((int)vu->vtype) {
    case RD_KAFKA_VTYPE_TOPIC:
        a->topic = vu->u.cstr;
        break;
    case RD_KAFKA_VTYPE_RKT:
        a->rkt = vu->u.rkt;
        break;
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
        return add_header(a, vu);
    case RD_KAFKA_VTYPE_HEADERS:
        return set_headers(a, vu);
    default:
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- records ------------------------------------------------------------ */

static struct record *
with_key(const void *key, size_t key_len)
{
    const size_t len = key ? key_len : 0;
    struct record *r = calloc(1, sizeof(*r) + len);
    if (!r)
        return NULL;
    r->has_key = key != NULL;
    r->key_len = len;
    if (len > 0)
        memcpy(r->key, key, len);
    return r;
}

/* False: out of memory. */
static bool
set_value(struct record *r, void *value, size_t len, bool copy)
{
    r->value = value;
    r->value_len = value ? len : 0;
    if (!value || !copy)
        return true;
    r->value = malloc(len > 0 ? len : 1);
    if (r->value && len > 0)
        memcpy(r->value, value, len);
    return r->value != NULL;
}

struct record *
record_new(const struct record_args *a, enum value_kind kind)
{
    struct record *r = with_key(a->key, a->key_len);
    if (!r)
        return NULL;
    if (!set_value(r, a->value, a->value_len, kind == VALUE_COPIED)) {
        free(r);
        return NULL;
    }
    r->kind = kind == VALUE_BORROWED ? VALUE_BORROWED : VALUE_GIVEN;
    r->partition = a->partition;
    r->opaque = a->opaque;
    r->headers = a->headers;
    /* Of its acceptance, not of the day a cluster is found. */
    r->timestamp = a->timestamp ? a->timestamp : clock_wall_ms();
    return r;
}

struct record *
record_of_message(const rd_kafka_message_t *m, enum value_kind kind)
{
    rd_kafka_timestamp_type_t type;
    struct record *r = with_key(m->key, m->key_len);
    if (!r)
        return NULL;
    if (!set_value(r, m->payload, m->len, kind != VALUE_BORROWED)) {
        free(r);
        return NULL;
    }
    r->kind = kind == VALUE_BORROWED ? VALUE_BORROWED : VALUE_GIVEN;
    r->carried = true;
    r->seq = m->offset;
    r->partition = m->partition;
    r->opaque = m->_private;
    r->timestamp = rd_kafka_message_timestamp(m, &type);
    return r;
}

void
record_free(struct record *r)
{
    if (!r)
        return;
    if (r->headers)
        rd_kafka_headers_destroy(r->headers);
    if (r->kind == VALUE_GIVEN)
        free(r->value);
    free(r);
}
