/*
 * Owns the thread and its queue.  `lock` guards the queue and `stopping`, and
 * is held across nothing else.
 */
#include "route-service/offload.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/must.h"

struct task {
    struct loop *home;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    struct task *prev, *next;
};

struct offload {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct task *waiting; /* in order */
    size_t n_waiting;
    bool stopping;
    bool running;
};

static struct task *
next_task(struct offload *o)
{
    must(pthread_mutex_lock(&o->lock));
    while (!o->waiting && !o->stopping)
        must(pthread_cond_wait(&o->wake, &o->lock));
    struct task *task = o->waiting;
    if (task) {
        DL_DELETE(o->waiting, task);
        o->n_waiting--;
    }
    must(pthread_mutex_unlock(&o->lock));
    return task;
}

static void *
offload_main(void *arg)
{
    struct task *task;
    while ((task = next_task(arg))) {
        task->work(task->arg);
        must(loop_post(task->home, task->done, task->arg));
        free(task);
    }
    return NULL;
}

int
offload_start(struct offload **out, struct err *err)
{
    struct offload *o = xcalloc(1, sizeof(*o));
    must(pthread_mutex_init(&o->lock, NULL));
    must(pthread_cond_init(&o->wake, NULL));
    const int rc = pthread_create(&o->thread, NULL, offload_main, o);
    o->running = rc == 0;
    *out = o;
    if (rc == 0)
        return 0;
    offload_free(o);
    *out = NULL;
    return err_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread");
}

static int
enqueue(struct offload *o, struct task *task, struct err *err)
{
    int rc = 0;
    must(pthread_mutex_lock(&o->lock));
    if (o->stopping)
        rc = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    else if (o->n_waiting >= LIMIT_OFFLOAD)
        rc = err_set(err, ERR_BUSY,
                     "%d such requests are waiting already: try again later",
                     LIMIT_OFFLOAD);
    else
        DL_APPEND(o->waiting, task);
    o->n_waiting += rc == 0;
    must(pthread_cond_signal(&o->wake));
    must(pthread_mutex_unlock(&o->lock));
    return rc;
}

int
offload_submit(struct offload *o, struct loop *home, void (*work)(void *arg),
               void (*done)(void *arg), void *arg, struct err *err)
{
    struct task *task = xcalloc(1, sizeof(*task));
    *task = (struct task){.home = home, .work = work, .done = done, .arg = arg};
    const int rc = enqueue(o, task, err);
    if (rc)
        free(task);
    return rc;
}

void
offload_stop(struct offload *o)
{
    if (!o || !o->running)
        return;
    must(pthread_mutex_lock(&o->lock));
    o->stopping = true;
    must(pthread_cond_signal(&o->wake));
    must(pthread_mutex_unlock(&o->lock));
    must(pthread_join(o->thread, NULL));
    o->running = false;
}

void
offload_free(struct offload *o)
{
    if (!o)
        return;
    offload_stop(o);
    (void)pthread_cond_destroy(&o->wake); /* nobody is left to use it */
    (void)pthread_mutex_destroy(&o->lock);
    free(o);
}
