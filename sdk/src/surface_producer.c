/*
 * The public functions of a producer: each only checks the kind of handle and
 * hands on to the engine.  See shunt.h.
 */
#include <stdarg.h>

#include "common/base/clock.h"
#include "sdk/src/handle.h"

#define VUS_MAX 256

static rd_kafka_resp_err_t
produce(shunt_t *rk, const rd_kafka_vu_t *vus, size_t n, const char **text)
{
    if (!rk->producer) {
        *text = "not a producer";
        return RD_KAFKA_RESP_ERR__STATE;
    }
    return producer_produce(rk->producer, vus, n, text);
}

/* False: an unknown kind of argument, whose size is unknown too. */
static bool
read_vu(rd_kafka_vu_t *vu, va_list *ap)
{
    switch ((int)vu->vtype) {
    case RD_KAFKA_VTYPE_TOPIC:
        vu->u.cstr = va_arg(*ap, const char *);
        return true;
    case RD_KAFKA_VTYPE_RKT:
        vu->u.rkt = va_arg(*ap, rd_kafka_topic_t *);
        return true;
    case RD_KAFKA_VTYPE_PARTITION:
        vu->u.i32 = va_arg(*ap, int32_t);
        return true;
    case RD_KAFKA_VTYPE_VALUE:
    case RD_KAFKA_VTYPE_KEY:
        vu->u.mem.ptr = va_arg(*ap, void *);
        vu->u.mem.size = va_arg(*ap, size_t);
        return true;
    case RD_KAFKA_VTYPE_OPAQUE:
        vu->u.ptr = va_arg(*ap, void *);
        return true;
    case RD_KAFKA_VTYPE_MSGFLAGS:
        vu->u.i = va_arg(*ap, int);
        return true;
    case RD_KAFKA_VTYPE_TIMESTAMP:
        vu->u.i64 = va_arg(*ap, int64_t);
        return true;
    case RD_KAFKA_VTYPE_HEADER:
        vu->u.header.name = va_arg(*ap, const char *);
        vu->u.header.val = va_arg(*ap, const void *);
        vu->u.header.size = va_arg(*ap, ssize_t);
        return true;
    case RD_KAFKA_VTYPE_HEADERS:
        vu->u.headers = va_arg(*ap, rd_kafka_headers_t *);
        return true;
    default:
        return false;
    }
}

static rd_kafka_resp_err_t
read_vus(rd_kafka_vu_t vus[VUS_MAX], size_t *n, va_list *ap)
{
    for (*n = 0;; ++*n) {
        const rd_kafka_vtype_t type = (rd_kafka_vtype_t)va_arg(*ap, int);
        if (type == RD_KAFKA_VTYPE_END)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        if (*n == VUS_MAX)
            return RD_KAFKA_RESP_ERR__INVALID_ARG;
        vus[*n].vtype = type;
        if (!read_vu(&vus[*n], ap))
            return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
}

rd_kafka_resp_err_t
shunt_producev(shunt_t *rk, ...)
{
    rd_kafka_vu_t vus[VUS_MAX];
    size_t n;
    const char *text;
    va_list ap;
    va_start(ap, rk);
    const rd_kafka_resp_err_t rc = read_vus(vus, &n, &ap);
    va_end(ap);
    return rc ? rc : produce(rk, vus, n, &text);
}

rd_kafka_error_t *
shunt_produceva(shunt_t *rk, const rd_kafka_vu_t *vus, size_t cnt)
{
    const char *text = "";
    const rd_kafka_resp_err_t rc = produce(rk, vus, cnt, &text);
    return rc ? rd_kafka_error_new(rc, "%s", text) : NULL;
}

/* A consumer's records come from shunt_consumer_poll(); here only what is
 * queued is told. */
int
shunt_poll(shunt_t *rk, int timeout_ms)
{
    const int64_t until_ms = clock_mono_ms() + timeout_ms;
    int n = handle_tell(rk);
    if (!rk->producer)
        return n;
    n += producer_poll(rk->producer, n > 0 ? 0 : timeout_ms);
    n += handle_tell(rk);
    while (n == 0 && (timeout_ms < 0 || clock_mono_ms() < until_ms)) {
        const int64_t left_ms = until_ms - clock_mono_ms();
        n += producer_poll(rk->producer, timeout_ms < 0 ? -1
                                         : left_ms > 0  ? (int)left_ms
                                                        : 0);
        n += handle_tell(rk);
    }
    return n;
}

rd_kafka_resp_err_t
shunt_flush(shunt_t *rk, int timeout_ms)
{
    if (!rk->producer)
        return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
    const rd_kafka_resp_err_t rc = producer_flush(rk->producer, timeout_ms);
    (void)handle_tell(rk);
    return rc;
}

rd_kafka_resp_err_t
shunt_purge(shunt_t *rk, int purge_flags)
{
    if (!rk->producer)
        return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
    return producer_purge(rk->producer, purge_flags);
}

int
shunt_outq_len(shunt_t *rk)
{
    return rk->producer ? producer_outq_len(rk->producer) : 0;
}
