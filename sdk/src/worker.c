/*
 * Owns one thread and a list of jobs sorted by the time they may run; jobs of
 * the same time keep the order of posting.  `mutex` guards everything in the
 * struct; it is never held while a job runs, so a job may post others.
 *
 * A job that could not be posted would be forgotten (a move, a close): so some
 * are kept for when memory runs out.
 */
#include "sdk/src/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/thread.h"

#define SPARE 16

struct job {
    int64_t at_ms;
    void (*fn)(void *arg);
    void *arg;
    struct job *prev, *next;
};

struct worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct job *jobs;
    struct job *spare; /* those of `kept` that are free; singly linked */
    struct job kept[SPARE];
    bool stopping;
};

static struct job *
job_new(struct worker *w)
{
    struct job *j = calloc(1, sizeof(*j));
    if (j)
        return j;
    pthread_mutex_lock(&w->mutex);
    j = w->spare;
    if (j)
        w->spare = j->next;
    pthread_mutex_unlock(&w->mutex);
    return j;
}

static void
job_free(struct worker *w, struct job *j)
{
    if (j < w->kept || j >= w->kept + SPARE) {
        free(j);
        return;
    }
    pthread_mutex_lock(&w->mutex);
    j->next = w->spare;
    w->spare = j;
    pthread_mutex_unlock(&w->mutex);
}

static void
wait_until(struct worker *w, int64_t at_ms)
{
    const struct timespec ts = {.tv_sec = at_ms / 1000,
                                .tv_nsec = at_ms % 1000 * 1000000};
    (void)pthread_cond_timedwait(&w->changed, &w->mutex, &ts);
}

/* The next job, taken off the list; NULL: stopping and nothing left.  Once
 * stopping, what is queued for later runs at once. */
static struct job *
take(struct worker *w)
{
    pthread_mutex_lock(&w->mutex);
    for (;;) {
        struct job *j = w->jobs;
        if (j && (w->stopping || j->at_ms <= clock_mono_ms())) {
            DL_DELETE(w->jobs, j);
            pthread_mutex_unlock(&w->mutex);
            return j;
        }
        if (j)
            wait_until(w, j->at_ms);
        else if (w->stopping)
            break;
        else
            pthread_cond_wait(&w->changed, &w->mutex);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static void *
run(void *arg)
{
    struct worker *w = arg;
    for (struct job *j = take(w); j; j = take(w)) {
        j->fn(j->arg);
        job_free(w, j);
    }
    return NULL;
}

static int
init_sync(struct worker *w)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return ERR_NOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    const int rc = pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (rc != 0)
        return ERR_NOMEM;
    if (pthread_mutex_init(&w->mutex, NULL) == 0)
        return 0;
    pthread_cond_destroy(&w->changed);
    return ERR_NOMEM;
}

static void
fini_sync(struct worker *w)
{
    pthread_mutex_destroy(&w->mutex);
    pthread_cond_destroy(&w->changed);
}

int
worker_start(struct worker **out, struct err *err)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return err_nomem(err);
    if (init_sync(w) != 0) {
        free(w);
        return err_nomem(err);
    }
    for (size_t i = 0; i < SPARE; i++) {
        w->kept[i].next = w->spare;
        w->spare = &w->kept[i];
    }
    const int rc = thread_start(&w->thread, "shunt:worker", run, w);
    if (rc != 0) {
        fini_sync(w);
        free(w);
        return err_errno(err, ERR_IO, rc, "cannot start the worker thread");
    }
    *out = w;
    return 0;
}

void
worker_stop(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    fini_sync(w);
    free(w);
}

/* The last job that may run no later than `at_ms`; NULL: none. */
static struct job *
place_of(struct worker *w, int64_t at_ms)
{
    struct job *place = NULL;
    struct job *j;
    DL_FOREACH(w->jobs, j)
    {
        if (j->at_ms > at_ms)
            break;
        place = j;
    }
    return place;
}

int
worker_post(struct worker *w, int64_t not_before_ms, void (*fn)(void *arg),
            void *arg)
{
    struct job *j = job_new(w);
    if (!j)
        return ERR_NOMEM;
    *j = (struct job){.at_ms = not_before_ms, .fn = fn, .arg = arg};
    pthread_mutex_lock(&w->mutex);
    struct job *place = place_of(w, not_before_ms);
    if (place)
        DL_APPEND_ELEM(w->jobs, place, j);
    else
        DL_PREPEND(w->jobs, j);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    return 0;
}
