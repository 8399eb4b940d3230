/*
 * The public functions of a producer: each only checks the kind of handle and
 * hands on to the engine.  See shunt.h.
 */
#include <errno.h>
#include <stdarg.h>

#include "common/base/clock.h"
#include "sdk/src/handle.h"
#include "sdk/src/queue_int.h"

/* What programs give with each record, straight into its place; false: another
 * kind. */
static bool
read_plain(struct record_args *a, int type, va_list *ap)
{
    switch (type) {
    case RD_KAFKA_VTYPE_TOPIC:
        a->topic = va_arg(*ap, const char *);
        return true;
    case RD_KAFKA_VTYPE_RKT:
        a->rkt = va_arg(*ap, rd_kafka_topic_t *);
        return true;
    case RD_KAFKA_VTYPE_PARTITION:
        a->partition = va_arg(*ap, int32_t);
        return true;
    case RD_KAFKA_VTYPE_VALUE:
        a->value = va_arg(*ap, void *);
        a->value_len = va_arg(*ap, size_t);
        return true;
    case RD_KAFKA_VTYPE_KEY:
        a->key = va_arg(*ap, const void *);
        a->key_len = va_arg(*ap, size_t);
        return true;
    case RD_KAFKA_VTYPE_OPAQUE:
        a->opaque = va_arg(*ap, void *);
        return true;
    case RD_KAFKA_VTYPE_MSGFLAGS:
        a->flags = va_arg(*ap, int);
        return true;
    case RD_KAFKA_VTYPE_TIMESTAMP:
        a->timestamp = va_arg(*ap, int64_t);
        return true;
    default:
        return false;
    }
}

static rd_kafka_resp_err_t
read_headers(struct record_args *a, int type, va_list *ap)
{
    rd_kafka_vu_t vu = {.vtype = (rd_kafka_vtype_t)type};
    switch (type) {
    case RD_KAFKA_VTYPE_HEADER:
        vu.u.header.name = va_arg(*ap, const char *);
        vu.u.header.val = va_arg(*ap, const void *);
        vu.u.header.size = va_arg(*ap, ssize_t);
        return record_args_add(a, &vu);
    case RD_KAFKA_VTYPE_HEADERS:
        vu.u.headers = va_arg(*ap, rd_kafka_headers_t *);
        return record_args_add(a, &vu);
    default: /* its size is unknown too */
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
}

static rd_kafka_resp_err_t
read_args(struct record_args *a, va_list *ap)
{
    int type;
    while ((type = va_arg(*ap, int)) != RD_KAFKA_VTYPE_END) {
        const rd_kafka_resp_err_t rc = read_plain(a, type, ap)
                                           ? RD_KAFKA_RESP_ERR_NO_ERROR
                                           : read_headers(a, type, ap);
        if (rc)
            return rc;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
shunt_producev(shunt_t *rk, ...)
{
    struct record_args a;
    va_list ap;
    if (!rk->producer)
        return RD_KAFKA_RESP_ERR__STATE;
    record_args_init(&a);
    va_start(ap, rk);
    rd_kafka_resp_err_t rc = read_args(&a, &ap);
    va_end(ap);
    if (!rc)
        rc = producer_produce(rk->producer, &a);
    record_args_fini(&a, !rc);
    return rc;
}

static const char *
words_of(rd_kafka_resp_err_t rc)
{
    switch ((int)rc) {
    case RD_KAFKA_RESP_ERR__CONFLICT:
        return "RD_KAFKA_V_HEADER and RD_KAFKA_V_HEADERS are mutually exclusive";
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return "a topic (name, or object of shunt_topic_new()) is needed, and "
               "no argument of an unknown kind";
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return "queue.buffering.max.messages or .kbytes reached: poll, then "
               "try again";
    case RD_KAFKA_RESP_ERR__FAIL:
        return "out of memory";
    default:
        return rd_kafka_err2str(rc);
    }
}

static rd_kafka_error_t *
error_of(shunt_t *rk, rd_kafka_resp_err_t rc)
{
    rd_kafka_error_t *error = NULL;
    if (rc == RD_KAFKA_RESP_ERR__FATAL || rc == RD_KAFKA_RESP_ERR__STATE)
        error = producer_refusal(rk->producer);
    return error ? error
                 : rd_kafka_error_new(rc, "Failed to produce message: %s",
                                      words_of(rc));
}

rd_kafka_error_t *
shunt_produceva(shunt_t *rk, const rd_kafka_vu_t *vus, size_t cnt)
{
    struct record_args a;
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!rk->producer)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "not a producer");
    record_args_init(&a);
    for (size_t i = 0; i < cnt && !rc; i++)
        rc = record_args_add(&a, &vus[i]);
    if (!rc)
        rc = producer_produce(rk->producer, &a);
    record_args_fini(&a, !rc);
    return rc ? error_of(rk, rc) : NULL;
}

/* ---- topic objects ------------------------------------------------------ */

static _Thread_local rd_kafka_resp_err_t last_error;
static _Thread_local bool last_is_ours;

rd_kafka_resp_err_t
shunt_last_error(void)
{
    return last_is_ours ? last_error : rd_kafka_last_error();
}

static void
set_last_error(rd_kafka_resp_err_t rc)
{
    last_error = rc;
    last_is_ours = true;
    switch ((int)rc) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        errno = 0;
        break;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        errno = ENOBUFS;
        break;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        errno = EMSGSIZE;
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        errno = ESRCH;
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        errno = ENOENT;
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        errno = ECANCELED;
        break;
    case RD_KAFKA_RESP_ERR__STATE:
        errno = ENOEXEC;
        break;
    case RD_KAFKA_RESP_ERR__FAIL:
        errno = ENOMEM;
        break;
    default:
        errno = EINVAL;
    }
}

rd_kafka_topic_t *
shunt_topic_new(shunt_t *rk, const char *topic, rd_kafka_topic_conf_t *conf)
{
    rd_kafka_topic_t *rkt =
        rk->producer ? producer_topic(rk->producer, topic, conf) : NULL;
    set_last_error(rkt ? RD_KAFKA_RESP_ERR_NO_ERROR
                       : RD_KAFKA_RESP_ERR__INVALID_ARG);
    return rkt;
}

int
shunt_produce(rd_kafka_topic_t *rkt, int32_t partition, int msgflags,
              void *payload, size_t len, const void *key, size_t keylen,
              void *msg_opaque)
{
    const struct record_args a = {
        .rkt = rkt,
        .partition = partition,
        .flags = msgflags,
        .value = payload,
        .value_len = len,
        .key = key,
        .key_len = keylen,
        .opaque = msg_opaque,
    };
    struct producer *p = producer_of_topic(rkt);
    const rd_kafka_resp_err_t rc =
        p ? producer_produce(p, &a) : RD_KAFKA_RESP_ERR__INVALID_ARG;
    set_last_error(rc);
    return rc ? -1 : 0;
}

int
shunt_produce_batch(rd_kafka_topic_t *rkt, int32_t partition, int msgflags,
                    rd_kafka_message_t *rkmessages, int message_cnt)
{
    struct producer *p = producer_of_topic(rkt);
    if (p)
        return producer_batch(p, rkt, partition, msgflags, rkmessages,
                              message_cnt);
    for (int i = 0; i < message_cnt; i++)
        rkmessages[i].err = RD_KAFKA_RESP_ERR__INVALID_ARG;
    return 0;
}

/* ---- reports ------------------------------------------------------------ */

/* As a queue is polled; without an event loop or delivery reports by event
 * straight, because programs poll once for each record. */
int
shunt_poll(shunt_t *rk, int timeout_ms)
{
    shunt_queue_t main = {.rk = rk, .node = rk->queues.roots[QUEUE_MAIN]};
    if (!rk->producer || atomic_load(&rk->watched) ||
        rk->conf->events & RD_KAFKA_EVENT_DR)
        return shunt_queue_poll_callback(&main, timeout_ms);
    const int64_t start_ms = timeout_ms > 0 ? clock_mono_ms() : 0;
    engine_yield(false);
    int n = handle_tell(rk);
    n += producer_poll(rk->producer, n > 0 ? 0 : timeout_ms);
    n += handle_tell(rk);
    if (n > 0 || timeout_ms == 0)
        return n;
    const int64_t left_ms = start_ms + timeout_ms - clock_mono_ms();
    if (timeout_ms > 0 && left_ms <= 0)
        return 0;
    return shunt_queue_poll_callback(&main, timeout_ms < 0 ? -1 : (int)left_ms);
}

rd_kafka_resp_err_t
shunt_flush(shunt_t *rk, int timeout_ms)
{
    if (!rk->producer)
        return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
    engine_yield(false);
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
