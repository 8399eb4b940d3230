/*
 * How records come in.  In the steady state a call only passes the gate on its
 * way into librdkafka.  Everything else (no route yet, a move, the first of a
 * kind) goes round by the lane, with the gate shut for others.
 *
 * Kinds of values: a record that a move gets back does not say whether its
 * value was copied, given (F_FREE) or borrowed.  A copy stands right behind its
 * message; from the first borrowed one on nothing is given to librdkafka any
 * more (it copies, we free), so the number tells the other two apart.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer_int.h"

#define ROOM_MS           2
#define ANNOUNCE_AGAIN_MS 100
#define TOPIC_MAX         249 /* Kafka's limit; librdkafka's own is larger */

/* ---- numbers ------------------------------------------------------------ */

void
numbers_give(struct gen *g, rd_kafka_message_t *m)
{
    struct producer *p = g->p;
    m->offset = NUMBER_BASE + (int64_t)atomic_fetch_add_explicit(
                                  &p->in, m->len + 1, memory_order_relaxed);
    if (p->learning)
        p->copy_at = (const char *)m->payload - (const char *)m;
    if (p->e.reports == REPORTS_EVENT)
        atomic_fetch_add(&g->unseen, 1);
}

void
numbers_take(struct gen *g, rd_kafka_message_t *m)
{
    atomic_fetch_add(&g->p->out, m->len + 1);
    if (!m->err && g->p->only_errors)
        metrics_add(g->p->e.metrics, METRIC_RECORDS_ACKED, 1);
    /* The mover still needs the number. */
    if (numbered(m) && !(atomic_load(&g->leaving) && reports_is_purge(m->err)))
        m->offset = RD_KAFKA_OFFSET_INVALID;
    if (!m->err && g->p->only_errors && g->p->e.reports == REPORTS_EVENT)
        atomic_fetch_sub(&g->unseen, 1);
}

void
numbers_back(struct gen *g, rd_kafka_resp_err_t err, const void *value,
             size_t len)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__FATAL:
        return;
    default: /* a partition or topic that is not there */
        if (!numbers_early(g->p))
            atomic_fetch_add(&g->p->out, value ? len + 1 : 1);
        if (g->p->e.reports == REPORTS_EVENT)
            atomic_fetch_sub(&g->unseen, 1);
    }
}

enum value_kind
numbers_kind(const struct producer *p, const rd_kafka_message_t *m)
{
    if (!m->payload || (const char *)m->payload - (const char *)m == p->copy_at)
        return VALUE_COPIED;
    return p->borrows && m->offset >= p->borrows_from ? VALUE_BORROWED
                                                      : VALUE_GIVEN;
}

/* ---- one record --------------------------------------------------------- */

/* gate entered or shut */
static struct lane *
look_up(const struct producer *p, const struct record_args *a)
{
    struct topic_ref *ref;
    if (!a->rkt)
        return lane_find(p, a->topic);
    HASH_FIND_PTR(p->refs, &a->rkt, ref);
    return ref ? ref->lane : NULL;
}

/* The last one of this thread: lanes and topic objects live as long as their
 * producer, and no other gets its id. */
static struct lane *
lane_of(const struct producer *p, const struct record_args *a)
{
    static _Thread_local struct {
        uint64_t id;
        const rd_kafka_topic_t *rkt;
        struct lane *lane;
    } last __attribute__((tls_model("initial-exec")));
    if (last.id == p->id &&
        (a->rkt ? last.rkt == a->rkt : strcmp(last.lane->topic, a->topic) == 0))
        return last.lane;
    struct lane *l = look_up(p, a);
    if (l) {
        last.id = p->id;
        last.rkt = a->rkt;
        last.lane = l;
    }
    return l;
}

static enum value_kind
kind_of(int flags)
{
    if (flags & RD_KAFKA_MSG_F_COPY)
        return VALUE_COPIED;
    return flags & RD_KAFKA_MSG_F_FREE ? VALUE_GIVEN : VALUE_BORROWED;
}

/* gate entered or shut: has a record of this kind been seen? */
static bool
knows_kind(const struct producer *p, const void *value, int flags)
{
    if (!value)
        return true;
    switch (kind_of(flags)) {
    case VALUE_COPIED:
        return p->copy_at != 0;
    case VALUE_BORROWED:
        return p->borrows;
    case VALUE_GIVEN:
        break;
    }
    return !p->borrows || p->copy_at != 0;
}

/* What librdkafka is told; *free_it: we free a value that it copies. */
static int
flags_for(const struct producer *p, int flags, bool *free_it)
{
    *free_it = p->borrows && kind_of(flags) == VALUE_GIVEN;
    if (*free_it)
        return RD_KAFKA_MSG_F_COPY;
    return flags & (RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_FREE);
}

/* gate entered or shut, the lane open. */
static rd_kafka_resp_err_t
full_call(const struct lane *l, const struct record_args *a, int flags)
{
    return rd_kafka_producev(
        l->gen->rk, RD_KAFKA_V_RKT(l->rkt), RD_KAFKA_V_PARTITION(a->partition),
        RD_KAFKA_V_VALUE(a->value, a->value_len),
        RD_KAFKA_V_KEY(a->key, a->key_len), RD_KAFKA_V_OPAQUE(a->opaque),
        RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_TIMESTAMP(a->timestamp),
        a->headers ? RD_KAFKA_VTYPE_HEADERS : RD_KAFKA_VTYPE_END, a->headers,
        RD_KAFKA_V_END);
}

/* The same in less time. */
static rd_kafka_resp_err_t
short_call(const struct lane *l, const struct record_args *a, int flags)
{
    return rd_kafka_produce(l->rkt, a->partition, flags, a->value, a->value_len,
                            a->key, a->key_len, a->opaque) == 0
               ? RD_KAFKA_RESP_ERR_NO_ERROR
               : rd_kafka_last_error();
}

/* gate entered or shut, the lane open. */
static rd_kafka_resp_err_t
straight(struct producer *p, const struct lane *l, const struct record_args *a)
{
    bool free_it;
    const int flags = flags_for(p, a->flags, &free_it);
    const rd_kafka_resp_err_t rc = a->headers || a->timestamp
                                       ? full_call(l, a, flags)
                                       : short_call(l, a, flags);
    if (!rc && free_it)
        free(a->value);
    numbers_back(l->gen, rc, a->value, a->value_len);
    return rc;
}

static void
learn(struct producer *p, const struct lane *l, const struct record_args *a)
{
    if (!p->borrows && a->value && kind_of(a->flags) == VALUE_BORROWED) {
        p->borrows_from = NUMBER_BASE + (int64_t)atomic_load(&p->in);
        p->borrows = true;
    }
    p->learning = a->value && l->open && p->copy_at == 0 &&
                  kind_of(a->flags) != VALUE_BORROWED &&
                  (kind_of(a->flags) == VALUE_COPIED || p->borrows);
}

static rd_kafka_resp_err_t
hold(struct producer *p, struct lane *l, const struct record_args *a)
{
    const size_t bytes = a->value ? a->value_len : 0;
    if (bytes + a->key_len > p->max_record_bytes)
        return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    if (lanes_full(p, bytes))
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    struct record *r = record_new(a, kind_of(a->flags));
    if (!r)
        return RD_KAFKA_RESP_ERR__FAIL;
    lane_hold(p, l, r);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void
produce_announce(struct producer *p)
{
    struct strlist topics = {0};
    int rc = 0;
    gate_enter(&p->gate);
    for (struct lane *l = p->lanes; l && !rc; l = l->next)
        rc = strlist_add(&topics, l->topic);
    gate_leave(&p->gate);
    if (!rc)
        rc = control_set_topics(p->e.control, &topics);
    strlist_fini(&topics);
    if (!rc) {
        producer_news(p); /* the route that is known may cover it */
        return;
    }
    producer_log(p, LOG_ERR, "out of memory: a topic gets no route yet");
    atomic_store(&p->unannounced, true); /* the next look tries again */
    gate_shut(&p->gate);
    mover_post_look(p, clock_mono_ms() + ANNOUNCE_AGAIN_MS);
    gate_open(&p->gate);
}

/* The way round, the gate shut. */
static rd_kafka_resp_err_t
round_by_lane(struct producer *p, const struct record_args *a)
{
    bool is_new = false;
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR__FAIL;
    gate_shut(&p->gate);
    if (!txn_takes_records(p)) {
        gate_open(&p->gate);
        return RD_KAFKA_RESP_ERR__STATE;
    }
    struct lane *l = lane_of(p, a);
    if (!l && (a->rkt || !topic_is_named(a->topic))) {
        rc = RD_KAFKA_RESP_ERR__INVALID_ARG;
    } else if (!l) {
        l = lane_add(p, a->topic);
        is_new = l != NULL;
    }
    if (l && l->open) {
        learn(p, l, a);
        rc = straight(p, l, a);
        p->learning = false;
    } else if (l) {
        rc = hold(p, l, a);
    }
    gate_open(&p->gate);
    if (is_new)
        produce_announce(p);
    return rc;
}

static rd_kafka_resp_err_t
try_once(struct producer *p, const struct record_args *a)
{
    gate_enter(&p->gate);
    if (!txn_takes_records(p)) {
        gate_leave(&p->gate);
        return RD_KAFKA_RESP_ERR__STATE;
    }
    const struct lane *l = lane_of(p, a);
    /* Each handle has the limits, the application has them once. */
    const bool alone = p->n_bound == 1 && atomic_load(&p->held) == 0;
    if (l && l->open && knows_kind(p, a->value, a->flags)) {
        const rd_kafka_resp_err_t rc = !alone && lanes_full(p, a->value_len)
                                           ? RD_KAFKA_RESP_ERR__QUEUE_FULL
                                           : straight(p, l, a);
        gate_leave(&p->gate);
        return rc;
    }
    gate_leave(&p->gate);
    return round_by_lane(p, a);
}

static void
wait_for_room(struct producer *p, struct seen seen)
{
    /* Not every way in which room is made can tell: hence so short. */
    atomic_fetch_add(&p->blocked, 1);
    producer_wait(p, seen, clock_mono_ms() + ROOM_MS);
    atomic_fetch_sub(&p->blocked, 1);
}

bool
topic_is_named(const char *topic)
{
    return topic && *topic && strnlen(topic, TOPIC_MAX + 1) <= TOPIC_MAX;
}

/* A call that found the queue full, again and again where it may wait. */
static rd_kafka_resp_err_t
try_when_full(struct producer *p, const struct record_args *a)
{
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    while (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           a->flags & RD_KAFKA_MSG_F_BLOCK && !atomic_load(&p->stopping)) {
        const struct seen seen = producer_see(p);
        wait_for_room(p, seen);
        rc = try_once(p, a);
    }
    if (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        metrics_add(p->e.metrics, METRIC_QUEUE_FULL, 1);
    return rc;
}

rd_kafka_resp_err_t
producer_produce(struct producer *p, const struct record_args *a)
{
    if (!a->rkt && !a->topic)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    const rd_kafka_resp_err_t rc = try_once(p, a);
    return rc == RD_KAFKA_RESP_ERR__QUEUE_FULL ? try_when_full(p, a) : rc;
}

rd_kafka_error_t *
producer_refusal(struct producer *p)
{
    gate_enter(&p->gate);
    rd_kafka_error_t *error = txn_refusal(p);
    const struct lane *l = p->lanes;
    /* It looks at its own state before it sees that there is no topic. */
    if (!error && l && l->gen)
        error = rd_kafka_produceva(l->gen->rk, NULL, 0);
    gate_leave(&p->gate);
    if (error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__INVALID_ARG) {
        rd_kafka_error_destroy(error);
        return NULL;
    }
    return error;
}

/* ---- many --------------------------------------------------------------- */

static rd_kafka_resp_err_t
one_of(struct producer *p, rd_kafka_topic_t *rkt, int32_t partition, int flags,
       const rd_kafka_message_t *m)
{
    const struct record_args a = {
        .rkt = rkt,
        .partition =
            flags & RD_KAFKA_MSG_F_PARTITION ? m->partition : partition,
        .flags = flags,
        .key = m->key,
        .key_len = m->key_len,
        .value = m->payload,
        .value_len = m->len,
        .opaque = m->_private,
    };
    return producer_produce(p, &a);
}

/* -1: they cannot all go straight. */
static int
straight_batch(struct producer *p, rd_kafka_topic_t *rkt, int32_t partition,
               int flags, rd_kafka_message_t *v, int n)
{
    const struct record_args a = {.rkt = rkt};
    int good = -1;
    bool free_it;
    gate_enter(&p->gate);
    const struct lane *l = lane_of(p, &a);
    const int clean = flags_for(p, flags, &free_it);
    if (l && l->open && !free_it && knows_kind(p, "", flags) &&
        txn_takes_records(p) && p->n_bound == 1 && atomic_load(&p->held) == 0)
        good = rd_kafka_produce_batch(
            l->rkt, partition, clean | (flags & RD_KAFKA_MSG_F_PARTITION), v,
            n);
    for (int i = 0; good >= 0 && good < n && i < n; i++)
        numbers_back(l->gen, v[i].err, v[i].payload, v[i].len);
    gate_leave(&p->gate);
    return good;
}

int
producer_batch(struct producer *p, rd_kafka_topic_t *rkt, int32_t partition,
               int flags, rd_kafka_message_t *v, int n)
{
    /* One that waits for room keeps those behind it waiting. */
    int good = flags & RD_KAFKA_MSG_F_BLOCK
                   ? -1
                   : straight_batch(p, rkt, partition, flags, v, n);
    if (good >= 0)
        return good;
    good = 0;
    for (int i = 0; i < n; i++) {
        v[i].err = one_of(p, rkt, partition, flags, &v[i]);
        good += v[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return good;
}
