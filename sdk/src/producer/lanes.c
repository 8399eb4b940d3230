/*
 * Records on their way: from acceptance over a handle, or several, to the one
 * report.  See producer_int.h for threads and locks.
 *
 * Invariant: every accepted record stands in its lane until its verdict; then
 * in `failed` or as a message of a batch, until the application has seen it.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/name.h"
#include "sdk/src/producer/producer_int.h"

#define PUMP_MAX 500

struct lane *
lane_find(struct producer *p, const char *topic)
{
    struct lane *l;
    HASH_FIND_STR(p->by_topic, topic, l);
    return l;
}

struct lane *
lane_add(struct producer *p, const char *topic)
{
    struct lane *l = calloc(1, sizeof(*l));
    const char *name = name_intern(topic);
    if (!l || !name) {
        free(l);
        return NULL;
    }
    l->topic = name;
    HASH_ADD_KEYPTR(hh, p->by_topic, l->topic, strlen(l->topic), l);
    if (p->last_lane)
        p->last_lane->next = l;
    else
        p->lanes = l;
    p->last_lane = l;
    p->n_lanes++;
    return l;
}

void
lane_append(struct producer *p, struct lane *l, struct record *r)
{
    r->lane = l;
    DL_APPEND(l->records, r);
    if (!l->waiting)
        l->waiting = r;
    p->count++;
    p->bytes += r->bytes;
}

/* Off its lane, still counted: it has its verdict and waits to be reported. */
static void
unlink_record(struct record *r)
{
    struct lane *l = r->lane;
    if (l->waiting == r)
        l->waiting = r->next;
    DL_DELETE(l->records, r);
}

void
lane_remove(struct producer *p, struct record *r)
{
    unlink_record(r);
    p->count--;
    p->bytes -= r->bytes;
}

rd_kafka_resp_err_t
lane_hand_over(struct producer *p, struct record *r)
{
    const rd_kafka_resp_err_t rc =
        record_hand_over(r, p->current->rk, r->lane->topic);
    if (rc)
        return rc;
    r->gen = p->current;
    p->current->inflight++;
    if (r->lane->waiting == r)
        r->lane->waiting = r->next;
    return rc;
}

void
lane_fail(struct producer *p, struct record *r, rd_kafka_resp_err_t err)
{
    unlink_record(r);
    r->err = err;
    DL_APPEND(p->failed, r);
}

void
lanes_expire(struct producer *p)
{
    const int64_t now_ms = clock_mono_ms();
    if (p->message_timeout_ms == 0)
        return;
    for (struct lane *l = p->lanes; l; l = l->next)
        while (l->waiting && l->waiting->deadline_ms <= now_ms)
            lane_fail(p, l->waiting, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
}

static void
refuse_lane(struct producer *p, struct lane *l)
{
    while (l->waiting)
        lane_fail(p, l->waiting, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED);
}

/* False: the handle is full, its lane has to wait. */
static bool
pump_one(struct producer *p, struct record *r)
{
    const rd_kafka_resp_err_t rc = lane_hand_over(p, r);
    if (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    if (rc)
        lane_fail(p, r, rc);
    return true;
}

static enum lanes_left
pump_lane(struct producer *p, struct lane *l, int *left)
{
    while (l->waiting) {
        if ((*left)-- <= 0)
            return LANES_MORE;
        if (!pump_one(p, l->waiting))
            return LANES_FULL;
    }
    return LANES_EMPTY;
}

enum lanes_left
lanes_pump(struct producer *p)
{
    int left = PUMP_MAX;
    enum lanes_left rc = LANES_EMPTY;
    for (struct lane *l = p->lanes; l && rc == LANES_EMPTY; l = l->next) {
        if (l->state == LANE_ELSEWHERE)
            refuse_lane(p, l);
        if (p->current && l->state == LANE_OPEN)
            rc = pump_lane(p, l, &left);
    }
    return rc;
}

void
lanes_rewind(struct producer *p)
{
    for (struct lane *l = p->lanes; l; l = l->next)
        l->waiting = l->records;
}

void
gen_release(struct producer *p, struct gen *g)
{
    if (!g || --g->refs > 0)
        return;
    g->next_dead = p->dead;
    p->dead = g;
    mover_post_pump(p, 0); /* the worker closes it */
}

/* lock held.  True: the record has its verdict. */
static bool
settle(struct gen *g, const rd_kafka_message_t *m)
{
    struct record *r = m->_private;
    g->inflight--;
    if (!m->err)
        g->all_down = false;
    const bool purged = m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                        m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    r->gen = NULL;
    if (purged && g->leaving)
        return false;
    if (!r->err)
        unlink_record(r);
    return true;
}

static void
free_batch(struct batch *b)
{
    rd_kafka_event_destroy(b->event);
    free(b);
}

static void
take_reports(struct producer *p, struct gen *g, rd_kafka_event_t *event)
{
    const size_t max = rd_kafka_event_message_count(event);
    struct batch *b = calloc(1, sizeof(*b) + max * sizeof(b->m[0]));
    const rd_kafka_message_t *m;
    if (!b) { /* a report must not be lost: the event is all that has it */
        producer_log(p, LOG_CRIT,
                     "out of memory: %zu delivery reports are "
                     "lost",
                     max);
        rd_kafka_event_destroy(event);
        return;
    }
    b->event = event;
    b->gen = g;
    pthread_mutex_lock(&p->lock);
    while ((m = rd_kafka_event_message_next(event)))
        if (settle(g, m))
            b->m[b->n++] = m;
    if (b->n > 0) {
        g->refs++;
        if (p->last_batch)
            p->last_batch->next = b;
        else
            p->batches = b;
        p->last_batch = b;
        b = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    if (b)
        free_batch(b);
    producer_wake(p);
}

/* An error, or nothing that matters here. */
static void
take_other(struct producer *p, struct gen *g, rd_kafka_event_t *event)
{
    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR) {
        rd_kafka_event_destroy(event);
        return;
    }
    const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    pthread_mutex_lock(&p->lock);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        g->all_down = true;
    /* Of a cluster that is being left or tried the application has not
     * heard: it would look for the fault where there is none. */
    const bool tell = g == p->current || (!p->current && g == p->target);
    pthread_mutex_unlock(&p->lock);
    if (tell && p->e.on_error)
        p->e.on_error(code, rd_kafka_event_error_string(event), p->e.arg);
    if (tell)
        producer_tell(p, NULL);
    rd_kafka_event_destroy(event);
}

/* Takes reports until there is something else, which is returned: callbacks
 * are not called under a lock. */
static rd_kafka_event_t *
drain_reports(struct producer *p, struct gen *g)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(g->queue, 0))) {
        if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR)
            return event;
        take_reports(p, g, event);
    }
    return NULL;
}

void
lanes_drain(struct producer *p, struct gen *g)
{
    rd_kafka_event_t *event = NULL;
    if (!g)
        return;
    do {
        if (pthread_mutex_trylock(&p->drain) != 0)
            return; /* whoever drains now will wake us */
        event = drain_reports(p, g);
        pthread_mutex_unlock(&p->drain);
        if (event)
            take_other(p, g, event);
    } while (event);
}

static struct record *
take_failed(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    struct record *failed = p->failed;
    p->failed = NULL;
    pthread_mutex_unlock(&p->lock);
    return failed;
}

static bool
open_grave(struct producer *p)
{
    struct err err = {0};
    struct gen_conf conf = producer_gen_conf(p);
    if (p->grave || gen_open_grave(&conf, &p->grave, &err) == 0)
        return true;
    producer_log(p, LOG_ERR, "failed records cannot be reported yet: %s",
                 err.text);
    return false;
}

static void
bury_all(struct producer *p, struct record *failed)
{
    struct record *r, *tmp;
    const bool open = open_grave(p);
    DL_FOREACH_SAFE(failed, r, tmp)
    {
        DL_DELETE(failed, r);
        pthread_mutex_lock(&p->lock);
        if (open && record_hand_over(r, p->grave->rk, r->lane->topic) == 0)
            p->grave->inflight++;
        else
            DL_APPEND(p->failed, r); /* the next poll tries again */
        pthread_mutex_unlock(&p->lock);
    }
    if (!open)
        return;
    (void)rd_kafka_purge(p->grave->rk, RD_KAFKA_PURGE_F_QUEUE);
    lanes_drain(p, p->grave);
}

/* Their reports are made by a handle that reaches nobody, because only
 * librdkafka can make a message that all of its accessors understand. */
void
lanes_bury(struct producer *p)
{
    pthread_mutex_lock(&p->bury);
    struct record *failed = take_failed(p);
    if (failed)
        bury_all(p, failed);
    else
        lanes_drain(p, p->grave);
    pthread_mutex_unlock(&p->bury);
}

/* The message is ours until its event is destroyed; librdkafka only calls it
 * const. */
static rd_kafka_message_t *
writable(const rd_kafka_message_t *m)
{
    rd_kafka_message_t *w;
    memcpy(&w, &m, sizeof(w));
    return w;
}

static void
report(struct producer *p, const rd_kafka_message_t *cm)
{
    rd_kafka_message_t *m = writable(cm);
    struct record *r = m->_private;
    if (r->err)
        m->err = r->err;
    m->_private = r->opaque;
    /* Counted down first: the callback may produce into the room. */
    pthread_mutex_lock(&p->lock);
    p->count--;
    p->bytes -= r->bytes;
    pthread_mutex_unlock(&p->lock);
    if (p->e.on_delivery)
        p->e.on_delivery(m, r->opaque, p->e.arg);
    record_free(r);
}

static struct batch *
take_batch(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    struct batch *b = p->batches;
    if (b) {
        p->batches = b->next;
        if (!p->batches)
            p->last_batch = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    return b;
}

int
lanes_dispatch(struct producer *p)
{
    int n = 0;
    struct batch *b;
    while ((b = take_batch(p))) {
        struct gen *g = b->gen;
        for (size_t i = 0; i < b->n; i++)
            report(p, b->m[i]);
        n += (int)b->n;
        free_batch(b);
        pthread_mutex_lock(&p->lock);
        gen_release(p, g);
        pthread_mutex_unlock(&p->lock);
    }
    if (n > 0)
        producer_wake(p); /* who waits for room */
    return n;
}
