/*
 * Polling queues: what lies in the node where a queue ends, then what an engine
 * has, if its root ends there too.  Callbacks that are due are made on the way.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "common/base/clock.h"
#include "sdk/src/queue_int.h"
#include "sdk/src/tell.h"

#define PRODUCER_TICK_MS 1000 /* a held record may expire */
#define LOOKS_MAX        100

/* ---- waking by time ----------------------------------------------------- */

/* Worker. */
static void
tick(void *arg)
{
    shunt_t *rk = arg;
    struct queues *q = &rk->queues;
    pthread_mutex_lock(&q->mutex);
    q->tick_ms = 0;
    queue_signal(
        rk, queue_end(q->roots[rk->producer ? QUEUE_MAIN : QUEUE_CONSUMER]));
    pthread_mutex_unlock(&q->mutex);
}

static bool
is_watched(shunt_t *rk)
{
    struct queues *q = &rk->queues;
    const struct queue_node *n =
        queue_end(q->roots[rk->producer ? QUEUE_MAIN : QUEUE_CONSUMER]);
    return n->fd >= 0 || n->wake_cb;
}

void
queue_watch_time(shunt_t *rk)
{
    struct queues *q = &rk->queues;
    if (!atomic_load(&rk->watched))
        return;
    pthread_mutex_lock(&q->mutex);
    const bool watched = is_watched(rk);
    pthread_mutex_unlock(&q->mutex);
    if (!watched)
        return;
    const int64_t due_ms = rk->consumer ? consumer_due_ms(rk->consumer)
                                        : clock_mono_ms() + PRODUCER_TICK_MS;
    pthread_mutex_lock(&q->mutex);
    const bool post = q->tick_ms == 0 || due_ms < q->tick_ms;
    if (post)
        q->tick_ms = due_ms;
    pthread_mutex_unlock(&q->mutex);
    /* Without memory for it the next poll tries again. */
    if (!post || worker_post(rk->engine.worker, due_ms, tick, rk) == 0)
        return;
    pthread_mutex_lock(&q->mutex);
    q->tick_ms = 0;
    pthread_mutex_unlock(&q->mutex);
}

void
queue_watch(shunt_t *rk)
{
    atomic_store(&rk->watched, true);
    if (rk->producer)
        producer_on_wake(rk->producer, queue_engine_woke, rk);
    else
        consumer_on_wake(rk->consumer, queue_engine_woke, rk);
    queue_watch_time(rk);
}

/* ---- one look ----------------------------------------------------------- */

struct polling {
    shunt_t *rk;
    struct queue_node *end; /* a reference */
    bool main, consumer;    /* which roots end here */
    bool yield;
    unsigned forwards;
};

static void
begin(struct polling *p, const shunt_queue_t *q)
{
    struct queues *all = &q->rk->queues;
    engine_yield(false);
    atomic_fetch_add(&q->rk->event_polls, 1);
    atomic_store(&q->rk->interrupt, false); /* before the look */
    pthread_mutex_lock(&all->mutex);
    *p = (struct polling){.rk = q->rk, .end = queue_end(q->node)};
    p->end->refs++;
    p->main = queue_end(all->roots[QUEUE_MAIN]) == p->end;
    p->consumer =
        q->rk->consumer && queue_end(all->roots[QUEUE_CONSUMER]) == p->end;
    p->yield = p->end->yield;
    p->forwards = all->forwards;
    p->end->yield = false;
    p->end->signaled = false;
    pthread_mutex_unlock(&all->mutex);
}

static void
finish(struct polling *p)
{
    pthread_mutex_lock(&p->rk->queues.mutex);
    atomic_fetch_sub(&p->rk->event_polls, 1);
    queue_unref(p->end);
    pthread_mutex_unlock(&p->rk->queues.mutex);
}

static bool
is_idle(const struct polling *p)
{
    return event_queue_length(&p->end->events) == 0 && !p->end->yield &&
           p->forwards == p->rk->queues.forwards &&
           !(p->main && atomic_load(&p->rk->calls_due));
}

/* For a queue that no engine feeds. */
static void
wait_for_change(struct polling *p, int64_t until_ms)
{
    struct queues *q = &p->rk->queues;
    const struct timespec ts = {.tv_sec = until_ms / 1000,
                                .tv_nsec = until_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&q->mutex);
    while (is_idle(p) && rc == 0)
        rc = pthread_cond_timedwait(&q->changed, &q->mutex, &ts);
    pthread_mutex_unlock(&q->mutex);
}

static int64_t
until(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX / 2 : clock_mono_ms() + timeout_ms;
}

static int
left(int64_t until_ms)
{
    const int64_t ms = until_ms - clock_mono_ms();
    return ms <= 0 ? 0 : ms > INT32_MAX ? -1 : (int)ms;
}

/* ---- events ------------------------------------------------------------- */

/* The event is there before the record: none is lost for want of memory. */
static struct shunt_event_s *
take_record(shunt_t *rk, int timeout_ms)
{
    struct shunt_event_s *e = event_new(RD_KAFKA_EVENT_FETCH);
    rd_kafka_message_t *m = e ? consumer_poll(rk->consumer, timeout_ms) : NULL;
    if (!m) {
        event_free(e);
        return NULL;
    }
    e->message = m;
    e->code = m->err;
    if (m->err)
        e->type = RD_KAFKA_EVENT_ERROR;
    return e;
}

/* The same for delivery reports. */
static struct shunt_event_s *
take_report(shunt_t *rk, int timeout_ms)
{
    struct shunt_event_s *e = event_new(RD_KAFKA_EVENT_DR);
    rd_kafka_event_t *k = e ? producer_event(rk->producer, timeout_ms) : NULL;
    if (k && rd_kafka_event_type(k) == RD_KAFKA_EVENT_DR) {
        e->genuine = k;
        e->code = rd_kafka_event_error(k);
        return e;
    }
    if (k) {
        tell_kafka_event(k, rk);
        rd_kafka_event_destroy(k);
    }
    event_free(e);
    return NULL;
}

/* What is there; a commit's own callback is made instead of it. */
static struct shunt_event_s *
take_event(struct polling *p)
{
    struct shunt_event_s *e;
    while ((e = event_queue_take(&p->end->events)) && e->commit_cb) {
        e->commit_cb(p->rk, e->code, e->partitions, e->opaque);
        event_free(e);
    }
    return e;
}

/* Waits in the engine that feeds the queue, if one does. */
static struct shunt_event_s *
look(struct polling *p, int64_t until_ms)
{
    shunt_t *rk = p->rk;
    if (p->main || p->consumer)
        (void)handle_tell(rk);
    struct shunt_event_s *e = take_event(p);
    if (e)
        return e;
    if (p->consumer)
        e = take_record(rk, left(until_ms));
    else if (p->main && rk->producer && tell_by_event(rk, RD_KAFKA_EVENT_DR))
        e = take_report(rk, left(until_ms));
    else if (p->main && rk->producer)
        (void)producer_poll(rk->producer, left(until_ms));
    else
        wait_for_change(p, until_ms);
    return e ? e : take_event(p);
}

/* An event loop hears of a queue that was empty, so it is told of nothing only
 * when it is: what a move passes over is not for it. */
static bool
has_more(const struct polling *p, int *tries)
{
    return atomic_load(&p->rk->watched) && p->consumer && --*tries > 0 &&
           consumer_length(p->rk->consumer) > 0;
}

/* Nothing will come: its consumer is closed. */
static bool
ended(const struct polling *p)
{
    return p->consumer && consumer_closed(p->rk->consumer);
}

void
queue_rest(shunt_queue_t *q)
{
    struct polling p;
    begin(&p, q);
    if (!p.yield)
        wait_for_change(&p, until(-1));
    finish(&p);
}

/* As in librdkafka an event has the code and the words of the error itself. */
static shunt_event_t *
say_fatal(shunt_t *rk, shunt_event_t *e)
{
    char text[512];
    const bool is = shunt_event_type(e) == RD_KAFKA_EVENT_ERROR &&
                    e->code == RD_KAFKA_RESP_ERR__FATAL;
    const rd_kafka_resp_err_t code =
        is ? shunt_fatal_error(rk, text, sizeof(text))
           : RD_KAFKA_RESP_ERR_NO_ERROR;
    char *words = code ? strdup(text) : NULL;
    if (!words)
        return e;
    free(e->text);
    e->text = words;
    e->code = code;
    e->fatal = true;
    return e;
}

shunt_event_t *
shunt_queue_poll(shunt_queue_t *rkqu, int timeout_ms)
{
    const int64_t until_ms = until(timeout_ms);
    struct polling p;
    shunt_event_t *e;
    int tries = LOOKS_MAX;
    do {
        begin(&p, rkqu);
        e = p.yield ? NULL : look(&p, until_ms);
        finish(&p);
    } while (!e && !p.yield && !ended(&p) &&
             (clock_mono_ms() < until_ms || has_more(&p, &tries)));
    queue_watch_time(rkqu->rk);
    return say_fatal(rkqu->rk, e);
}

/* ---- records and callbacks ---------------------------------------------- */

rd_kafka_message_t *
shunt_consume_queue(shunt_queue_t *rkqu, int timeout_ms)
{
    const int64_t until_ms = until(timeout_ms);
    struct polling p;
    rd_kafka_message_t *m = NULL;
    int tries = LOOKS_MAX;
    do {
        begin(&p, rkqu);
        if (p.main || p.consumer)
            (void)handle_tell(p.rk);
        if (p.consumer && !p.yield)
            m = consumer_poll(p.rk->consumer, left(until_ms));
        else if (!p.yield)
            wait_for_change(&p, until_ms);
        finish(&p);
    } while (!m && !p.yield && !ended(&p) &&
             (clock_mono_ms() < until_ms || has_more(&p, &tries)));
    queue_watch_time(rkqu->rk);
    return m;
}

/* True: `n` records are there, or none will be in time. */
static bool
fill(struct polling *p, int64_t until_ms, rd_kafka_message_t **v, size_t n,
     size_t *got)
{
    if (p->main || p->consumer)
        (void)handle_tell(p->rk);
    if (p->yield)
        return true;
    if (p->consumer)
        *got = consumer_poll_batch(p->rk->consumer, left(until_ms), v, n);
    else
        wait_for_change(p, until_ms);
    return *got > 0 || ended(p) || clock_mono_ms() >= until_ms;
}

ssize_t
shunt_consume_batch_queue(shunt_queue_t *rkqu, int timeout_ms,
                          rd_kafka_message_t **rkmessages,
                          size_t rkmessages_size)
{
    const int64_t until_ms = until(timeout_ms);
    struct polling p;
    size_t got = 0;
    bool done;
    do {
        begin(&p, rkqu);
        done = fill(&p, until_ms, rkmessages, rkmessages_size, &got);
        finish(&p);
    } while (!done);
    queue_watch_time(rkqu->rk);
    return (ssize_t)got;
}

/* As librdkafka's: waits for the first, then takes what was there with it. */
int
shunt_consume_callback_queue(shunt_queue_t *rkqu, int timeout_ms,
                             void (*consume_cb)(rd_kafka_message_t *rkmessage,
                                                void *opaque),
                             void *opaque)
{
    int n = 0;
    size_t most = 0;
    rd_kafka_message_t *m = shunt_consume_queue(rkqu, timeout_ms);
    if (m)
        most = 1 + shunt_queue_length(rkqu);
    engine_yield(false);
    while (m) {
        consume_cb(m, opaque);
        rd_kafka_message_destroy(m);
        const bool more = (size_t)++n < most && !engine_yielded();
        m = more ? shunt_consume_queue(rkqu, 0) : NULL;
    }
    return n;
}

static int
consume_one(shunt_t *rk, int timeout_ms)
{
    rd_kafka_message_t *m = consumer_poll(rk->consumer, timeout_ms);
    if (!m)
        return 0;
    rk->conf->consume_cb(m, rk->conf->opaque);
    rd_kafka_message_destroy(m);
    return 1;
}

/* What the callbacks of the configuration make of one event; the application's
 * own are left where they are. */
static int
serve(struct polling *p, int timeout_ms)
{
    shunt_t *rk = p->rk;
    int n = p->main || p->consumer ? handle_tell(rk) : 0;
    if (n > 0)
        timeout_ms = 0;
    if (p->main && rk->producer && !tell_by_event(rk, RD_KAFKA_EVENT_DR))
        n += producer_poll(rk->producer, timeout_ms);
    else if (p->consumer && rk->conf->consume_cb)
        n += consume_one(rk, timeout_ms);
    else
        wait_for_change(p, clock_mono_ms() + timeout_ms);
    return n + (p->main || p->consumer ? handle_tell(rk) : 0);
}

int
shunt_queue_poll_callback(shunt_queue_t *rkqu, int timeout_ms)
{
    const int64_t until_ms = until(timeout_ms);
    struct polling p;
    int n = 0;
    do {
        begin(&p, rkqu);
        if (!p.yield)
            n += serve(&p, left(until_ms));
        finish(&p);
    } while (n == 0 && !p.yield && !ended(&p) && clock_mono_ms() < until_ms);
    queue_watch_time(rkqu->rk);
    return n;
}

size_t
shunt_queue_length(shunt_queue_t *rkqu)
{
    struct polling p;
    begin(&p, rkqu);
    size_t n = event_queue_length(&p.end->events);
    if (p.consumer)
        n += consumer_length(p.rk->consumer);
    finish(&p);
    return n;
}
