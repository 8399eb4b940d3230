/*
 * Owns a flag; `mutex` guards the struct and is held while the queue is
 * interrupted, so that a queue is not used after wake_aim() took it back.
 * `waiting` goes with `changed` alone: it is taken below locks of librdkafka's,
 * which are taken below `mutex`.
 */
#include "sdk/src/consumer/wake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/clock.h"

struct wake {
    pthread_mutex_t mutex;
    pthread_mutex_t waiting;
    pthread_cond_t changed;
    rd_kafka_queue_t *queue; /* borrowed */
    atomic_bool woken;
    void (*watch)(void *arg); /* set once, before `watched` */
    void *watch_arg;
    atomic_bool watched;
    atomic_bool poked;
    atomic_int refs;
};

struct wake *
wake_new(void)
{
    struct wake *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    if (!w || pthread_condattr_init(&attr) != 0) {
        free(w);
        return NULL;
    }
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr); /* cannot fail on Linux */
    (void)pthread_mutex_init(&w->mutex, NULL);   /* likewise */
    (void)pthread_mutex_init(&w->waiting, NULL); /* likewise */
    pthread_condattr_destroy(&attr);
    atomic_init(&w->refs, 1);
    return w;
}

struct wake *
wake_ref(struct wake *w)
{
    atomic_fetch_add(&w->refs, 1);
    return w;
}

void
wake_unref(struct wake *w)
{
    if (!w || atomic_fetch_sub(&w->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&w->mutex);
    pthread_mutex_destroy(&w->waiting);
    pthread_cond_destroy(&w->changed);
    free(w);
}

static void
tell_watcher(struct wake *w)
{
    if (atomic_load(&w->watched))
        w->watch(w->watch_arg);
}

static void
end_wait(struct wake *w)
{
    pthread_mutex_lock(&w->waiting);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->waiting);
}

/* librdkafka's threads, with the queue's lock held. */
static void
on_queued(rd_kafka_t *rk, void *opaque)
{
    struct wake *w = opaque;
    (void)rk;
    atomic_store(&w->poked, true);
    end_wait(w);
    tell_watcher(w);
}

void
wake_listen(struct wake *w, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_cb_event_enable(queue, on_queued, w);
}

void
wake_watch(struct wake *w, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&w->mutex);
    if (!atomic_load(&w->watched)) {
        w->watch = fn;
        w->watch_arg = arg;
        atomic_store(&w->watched, true);
    }
    pthread_mutex_unlock(&w->mutex);
}

void
wake_up(struct wake *w)
{
    pthread_mutex_lock(&w->mutex);
    atomic_store(&w->woken, true);
    if (w->queue)
        rd_kafka_queue_yield(w->queue);
    pthread_mutex_unlock(&w->mutex);
    end_wait(w);
    tell_watcher(w);
}

void
wake_aim(struct wake *w, rd_kafka_queue_t *queue)
{
    pthread_mutex_lock(&w->mutex);
    if (w->queue != queue) {
        if (w->queue)
            rd_kafka_queue_cb_event_enable(w->queue, NULL, NULL);
        if (queue)
            wake_listen(w, queue);
        w->queue = queue;
    }
    pthread_mutex_unlock(&w->mutex);
}

bool
wake_pending(const struct wake *w)
{
    return atomic_load_explicit(&w->woken, memory_order_relaxed);
}

bool
wake_take(struct wake *w)
{
    return atomic_load(&w->woken) && atomic_exchange(&w->woken, false);
}

void
wake_calm(struct wake *w)
{
    atomic_store(&w->poked, false);
}

void
wake_wait(struct wake *w, int64_t ms)
{
    const int64_t end_ms = clock_mono_ms() + ms;
    const struct timespec ts = {.tv_sec = end_ms / 1000,
                                .tv_nsec = end_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&w->waiting);
    while (!atomic_load(&w->woken) && !atomic_load(&w->poked) && rc == 0)
        rc = pthread_cond_timedwait(&w->changed, &w->waiting, &ts);
    pthread_mutex_unlock(&w->waiting);
}
