/*
 * The public functions: each only checks the kind of handle and hands on to
 * its engine.  See shunt.h.
 */
#include <stdarg.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/handle.h"
#include "sdk/src/name.h"

#define VUS_MAX 256

const char *
shunt_version(void)
{
    return SHUNT_VERSION;
}

void *
shunt_opaque(const shunt_t *rk)
{
    return rk->conf->opaque;
}

const char *
shunt_name(const shunt_t *rk)
{
    return rk->name;
}

const char *
shunt_cluster(const shunt_t *rk)
{
    return atomic_load(&rk->cluster);
}

const char *
shunt_topic_name(const rd_kafka_topic_t *rkt)
{
    return name_logical(rkt);
}

const char *
shunt_message_origin(const rd_kafka_message_t *rkmessage)
{
    return rkmessage->rkt ? name_origin(rkmessage->rkt) : NULL;
}

/* ---- consumer ----------------------------------------------------------- */

#define NEED_CONSUMER(rk)                                                      \
    do {                                                                       \
        if (!(rk)->consumer)                                                   \
            return RD_KAFKA_RESP_ERR__INVALID_ARG;                             \
    } while (0)

rd_kafka_resp_err_t
shunt_subscribe(shunt_t *rk, const rd_kafka_topic_partition_list_t *topics)
{
    NEED_CONSUMER(rk);
    return consumer_subscribe(rk->consumer, topics);
}

rd_kafka_resp_err_t
shunt_unsubscribe(shunt_t *rk)
{
    NEED_CONSUMER(rk);
    return consumer_unsubscribe(rk->consumer);
}

rd_kafka_resp_err_t
shunt_subscription(shunt_t *rk, rd_kafka_topic_partition_list_t **topics)
{
    NEED_CONSUMER(rk);
    return consumer_subscription(rk->consumer, topics);
}

static void
note_names(shunt_t *rk, const rd_kafka_message_t *m)
{
    if (!m->rkt)
        return;
    const char *physical = rd_kafka_topic_name(m->rkt);
    const char *logical = consumer_logical_name(rk->consumer, physical);
    const char *origin = consumer_origin(rk->consumer, physical);
    /* Out of memory: the message answers with its physical name. */
    (void)!name_note(rk, m->rkt, consumer_handle(rk->consumer), logical,
                     origin);
}

rd_kafka_message_t *
shunt_consumer_poll(shunt_t *rk, int timeout_ms)
{
    if (!rk->consumer)
        return NULL;
    (void)handle_tell(rk);
    rd_kafka_message_t *m = consumer_poll(rk->consumer, timeout_ms);
    if (m)
        note_names(rk, m);
    (void)handle_tell(rk);
    return m;
}

rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions)
{
    NEED_CONSUMER(rk);
    return consumer_assignment(rk->consumer, partitions);
}

rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions)
{
    NEED_CONSUMER(rk);
    return consumer_position(rk->consumer, partitions);
}

rd_kafka_resp_err_t
shunt_commit(shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
             int async)
{
    NEED_CONSUMER(rk);
    return consumer_commit(rk->consumer, offsets, async != 0);
}

rd_kafka_resp_err_t
shunt_commit_message(shunt_t *rk, const rd_kafka_message_t *rkmessage,
                     int async)
{
    NEED_CONSUMER(rk);
    if (!rkmessage || !rkmessage->rkt || rkmessage->err)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    /* The same topic name may stand on both clusters: an offset of the one
     * must not be committed on the other. */
    if (name_handle(rkmessage->rkt) != consumer_handle(rk->consumer))
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, rd_kafka_topic_name(rkmessage->rkt),
                                      rkmessage->partition)
        ->offset = rkmessage->offset + 1;
    const rd_kafka_resp_err_t rc = consumer_commit(rk->consumer, l, async != 0);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}

rd_kafka_resp_err_t
shunt_committed(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions,
                int timeout_ms)
{
    NEED_CONSUMER(rk);
    return consumer_committed(rk->consumer, partitions, timeout_ms);
}

rd_kafka_resp_err_t
shunt_consumer_close(shunt_t *rk)
{
    NEED_CONSUMER(rk);
    const rd_kafka_resp_err_t rc = consumer_close(rk->consumer);
    (void)handle_tell(rk);
    return rc;
}

/* ---- producer ----------------------------------------------------------- */

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
