/*
 * Records that wait, one list a topic, and those that ended while waiting.
 * The gate is shut throughout.
 *
 * A record that no cluster had gets its report from the hub: it is produced
 * there and purged at once, and an interceptor replaces librdkafka's verdict
 * by ours; so the report is an event like any other.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

struct lane *
lane_find(const struct producer *p, const char *topic)
{
    struct lane *l;
    HASH_FIND_STR(p->by_topic, topic, l);
    return l;
}

struct lane *
lane_add(struct producer *p, const char *topic)
{
    struct lane *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->topic = name_intern(topic);
    if (!l->topic) {
        free(l);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, p->by_topic, l->topic, strlen(l->topic), l);
    if (!hash_has(l)) {
        free(l);
        return NULL;
    }
    if (p->last_lane)
        p->last_lane->next = l;
    else
        p->lanes = l;
    p->last_lane = l;
    return l;
}

/* ---- waiting ------------------------------------------------------------ */

static void
count(struct producer *p, struct lane *l, struct record *r)
{
    r->lane = l;
    r->deadline_ms = p->message_timeout_ms > 0
                         ? clock_mono_ms() + p->message_timeout_ms
                         : INT64_MAX;
    atomic_fetch_add(&p->held, 1);
    p->held_bytes += r->value_len;
}

static void
uncount(struct producer *p, const struct record *r)
{
    atomic_fetch_sub(&p->held, 1);
    p->held_bytes -= r->value_len;
}

void
lane_hold(struct producer *p, struct lane *l, struct record *r)
{
    count(p, l, r);
    DL_APPEND(l->held, r);
    metrics_add(p->e.metrics, METRIC_RECORDS_HELD, 1);
    l->open = false;
    mover_post_expire(p);
    if (l->gen && !l->still)
        mover_post_pump(p, 0);
}

void
lane_hold_first(struct producer *p, struct lane *l, struct record *list)
{
    struct record *r;
    if (!list)
        return;
    DL_FOREACH(list, r)
    {
        count(p, l, r);
    }
    DL_CONCAT(list, l->held);
    l->held = list;
    l->open = false;
    mover_post_expire(p);
}

/* drain held, so events only come: what they hold is not missed. */
static size_t
records_of(struct gen *g)
{
    size_t events = rd_kafka_queue_length(g->queue);
    for (;;) {
        const size_t all = gen_records(g);
        const size_t now = rd_kafka_queue_length(g->queue);
        if (now == events)
            return all > events ? all - events : 0;
        events = now;
    }
}

size_t
lanes_queued(struct producer *p)
{
    size_t n = 0;
    pthread_mutex_lock(&p->drain);
    for (struct gen *g = p->gens; g; g = g->next)
        n += records_of(g);
    pthread_mutex_unlock(&p->drain);
    return n;
}

bool
lanes_full(struct producer *p, size_t bytes)
{
    const size_t held = atomic_load(&p->held);
    const size_t there = lanes_queued(p);
    if (p->max_count > 0 && held + there + 1 > p->max_count)
        return true;
    const uint64_t out = atomic_load(&p->out);
    const uint64_t in = atomic_load(&p->in);
    const uint64_t open = in > out ? in - out : 0;
    const uint64_t open_bytes = open > there ? open - there : 0;
    return open_bytes + p->held_bytes + bytes > p->max_bytes;
}

/* ---- handing over ------------------------------------------------------- */

static rd_kafka_resp_err_t
produce_to(struct producer *p, rd_kafka_t *rk, rd_kafka_topic_t *rkt,
           const struct record *r, int32_t partition)
{
    const bool give = r->value && r->kind == VALUE_GIVEN;
    int flags = give ? RD_KAFKA_MSG_F_FREE : 0;
    if (give && p->borrows) { /* see produce.c */
        flags = RD_KAFKA_MSG_F_COPY;
        p->learning = p->copy_at == 0;
    }
    const rd_kafka_resp_err_t rc = rd_kafka_producev(
        rk, RD_KAFKA_V_RKT(rkt), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(r->value, r->value_len),
        RD_KAFKA_V_KEY(r->has_key ? r->key : NULL, r->key_len),
        RD_KAFKA_V_OPAQUE(r->opaque), RD_KAFKA_V_MSGFLAGS(flags),
        RD_KAFKA_V_TIMESTAMP(r->timestamp),
        r->headers ? RD_KAFKA_VTYPE_HEADERS : RD_KAFKA_VTYPE_END, r->headers,
        RD_KAFKA_V_END);
    p->learning = false;
    if (!rc && flags == RD_KAFKA_MSG_F_COPY)
        free(r->value);
    return rc;
}

/* librdkafka has all of it now but the record itself. */
static void
forget(struct producer *p, struct record *r)
{
    uncount(p, r);
    r->headers = NULL;
    r->value = NULL;
    record_free(r);
}

static rd_kafka_resp_err_t
hand_over(struct producer *p, const struct lane *l, const struct record *r)
{
    rd_kafka_resp_err_t rc = produce_to(p, l->gen->rk, l->rkt, r, r->partition);
    numbers_back(l->gen, rc, r->value, r->value_len);
    /* The partition may have been chosen where there were more. */
    if (rc == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && r->carried) {
        rc = produce_to(p, l->gen->rk, l->rkt, r, RD_KAFKA_PARTITION_UA);
        numbers_back(l->gen, rc, r->value, r->value_len);
    }
    return rc;
}

bool
lane_pump(struct producer *p, struct lane *l, size_t most)
{
    if (!l->gen || l->still)
        return true;
    while (l->held && most-- > 0) {
        struct record *r = l->held;
        const rd_kafka_resp_err_t rc = hand_over(p, l, r);
        if (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return false;
        if (rc) {
            lane_fail(p, r, rc);
            continue;
        }
        DL_DELETE(l->held, r);
        forget(p, r);
    }
    if (!l->held)
        l->open = true;
    return true;
}

/* ---- giving up ---------------------------------------------------------- */

void
lane_fail(struct producer *p, struct record *r, rd_kafka_resp_err_t err)
{
    DL_DELETE(r->lane->held, r);
    r->err = err;
    DL_APPEND(p->failed, r);
    txn_lost(p, r->lane->topic, err);
}

void
lanes_fail_all(struct producer *p, rd_kafka_resp_err_t err)
{
    for (struct lane *l = p->lanes; l; l = l->next)
        while (l->held)
            lane_fail(p, l->held, err);
}

rd_kafka_t *
lanes_hub(struct producer *p)
{
    struct err err = {0};
    if (p->hub)
        return p->hub->rk;
    if (gen_open_hub(p, &p->hub, &err) != 0) {
        producer_log(p, LOG_ERR, "%s", err.text);
        return NULL;
    }
    pthread_mutex_lock(&p->drain);
    p->hub->next = p->gens;
    p->gens = p->hub;
    pthread_mutex_unlock(&p->drain);
    return p->hub->rk;
}

static rd_kafka_resp_err_t
bury(struct producer *p, const struct record *r)
{
    rd_kafka_topic_t *rkt = gen_topic(p->hub, r->lane->topic, NULL);
    p->verdict = r->err;
    return rkt ? produce_to(p, p->hub->rk, rkt, r, r->partition)
               : RD_KAFKA_RESP_ERR__FAIL;
}

static void
drop_failed(struct producer *p)
{
    while (p->failed) {
        struct record *r = p->failed;
        DL_DELETE(p->failed, r);
        uncount(p, r);
        record_free(r);
    }
}

void
lanes_bury(struct producer *p)
{
    if (!p->failed)
        return;
    if (p->e.reports == REPORTS_NONE) {
        drop_failed(p);
        return;
    }
    if (!lanes_hub(p))
        return; /* again when the next one fails, or at the next look */
    while (p->failed) {
        struct record *r = p->failed;
        if (bury(p, r) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        DL_DELETE(p->failed, r);
        forget(p, r);
    }
    (void)rd_kafka_purge(p->hub->rk, RD_KAFKA_PURGE_F_QUEUE |
                                         RD_KAFKA_PURGE_F_NON_BLOCKING);
}
