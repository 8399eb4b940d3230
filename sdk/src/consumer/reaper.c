/*
 * Owns a count of what is being ended; `mutex` guards it.  The struct lives
 * until the consumer and every thread have dropped their reference, so a
 * thread that is stuck for ever harms nobody.
 */
#include "sdk/src/consumer/reaper.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "sdk/src/thread.h"

/* Leaving a group of a dead cluster is given up after this. */
#define LEAVE_MS 3000

struct reaper {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int refs;
    int running;
    int held; /* of them: they have left, and are being destroyed */
};

struct ending {
    struct reaper *reaper;
    void (*fn)(void *arg);
    void *arg;
};

int
reaper_new(struct reaper **out, struct err *err)
{
    struct reaper *r = calloc(1, sizeof(*r));
    pthread_condattr_t attr;
    if (!r || pthread_condattr_init(&attr) != 0) {
        free(r);
        return err_nomem(err);
    }
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->changed, &attr); /* cannot fail on Linux */
    (void)pthread_mutex_init(&r->mutex, NULL);   /* likewise */
    pthread_condattr_destroy(&attr);
    r->refs = 1;
    *out = r;
    return 0;
}

void
reaper_unref(struct reaper *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->mutex);
    const bool last = --r->refs == 0;
    pthread_mutex_unlock(&r->mutex);
    if (!last)
        return;
    pthread_mutex_destroy(&r->mutex);
    pthread_cond_destroy(&r->changed);
    free(r);
}

void
reaper_expect(struct reaper *r)
{
    pthread_mutex_lock(&r->mutex);
    r->refs++;
    r->running++;
    pthread_mutex_unlock(&r->mutex);
}

static void
ended(struct reaper *r)
{
    pthread_mutex_lock(&r->mutex);
    r->running--;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    reaper_unref(r);
}

static void *
run(void *arg)
{
    struct ending *e = arg;
    e->fn(e->arg);
    ended(e->reaper);
    free(e);
    return NULL;
}

void
reaper_run(struct reaper *r, void (*fn)(void *arg), void *arg)
{
    struct ending *e = malloc(sizeof(*e));
    pthread_t thread;
    if (e) {
        *e = (struct ending){.reaper = r, .fn = fn, .arg = arg};
        if (thread_start(&thread, "shunt:reaper", run, e) == 0) {
            pthread_detach(thread);
            return;
        }
        free(e);
    }
    fn(arg);
    ended(r);
}

bool
reaper_wait(struct reaper *r, int64_t deadline_ms)
{
    const struct timespec ts = {.tv_sec = deadline_ms / 1000,
                                .tv_nsec = deadline_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&r->mutex);
    while (r->running > 0 && rc == 0)
        rc = pthread_cond_timedwait(&r->changed, &r->mutex, &ts);
    const bool all = r->running == 0;
    pthread_mutex_unlock(&r->mutex);
    return all;
}

static void
count_held(struct reaper *r, int by)
{
    pthread_mutex_lock(&r->mutex);
    r->held += by;
    pthread_mutex_unlock(&r->mutex);
}

int
reaper_held(struct reaper *r)
{
    pthread_mutex_lock(&r->mutex);
    const int held = r->held;
    pthread_mutex_unlock(&r->mutex);
    return held;
}

void
reaper_close_handle(struct reaper *r, rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_t *closing = rd_kafka_queue_new(rk);
    const int64_t end = clock_mono_ms() + LEAVE_MS;
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(rk, closing);
    while (!error && !rd_kafka_consumer_closed(rk) && clock_mono_ms() < end) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(closing, 50);
        if (m)
            rd_kafka_message_destroy(m);
    }
    const int left = rd_kafka_consumer_closed(rk) ? 1 : 0;
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(closing);
    rd_kafka_queue_destroy(queue);
    count_held(r, left);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    count_held(r, -left);
}
