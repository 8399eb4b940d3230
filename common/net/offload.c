/*
 * A background thread with a cap, whose work ends on a loop.  `lock` guards the
 * count and `stopping`: nothing is handed to the thread once it is to end.
 */
#include "common/net/offload.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/background.h"
#include "common/base/must.h"
#include "common/base/xmem.h"

struct offload {
    struct background *thread;
    pthread_mutex_t lock;
    size_t n_waiting, waiting_max;
    bool stopping;
};

struct task {
    struct offload *offload;
    struct loop *home;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void
run(void *arg)
{
    struct task *task = arg;
    struct offload *o = task->offload;
    must(pthread_mutex_lock(&o->lock));
    o->n_waiting--;
    must(pthread_mutex_unlock(&o->lock));
    task->work(task->arg);
    must(loop_post(task->home, task->done, task->arg));
    free(task);
}

int
offload_start(size_t waiting_max, struct offload **out, struct err *err)
{
    struct offload *o = xcalloc(1, sizeof(*o));
    o->waiting_max = waiting_max;
    must(pthread_mutex_init(&o->lock, NULL));
    const int rc = background_start(&o->thread, err);
    if (rc == 0)
        *out = o;
    else
        offload_free(o);
    return rc;
}

static int
hand_over(struct offload *o, struct task *task, struct err *err)
{
    int rc = 0;
    must(pthread_mutex_lock(&o->lock));
    if (o->stopping)
        rc = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    else if (o->n_waiting >= o->waiting_max)
        rc = err_set(err, ERR_BUSY,
                     "%zu such requests are waiting already: try again later",
                     o->waiting_max);
    else
        background_post(o->thread, run, task);
    o->n_waiting += rc == 0;
    must(pthread_mutex_unlock(&o->lock));
    return rc;
}

int
offload_submit(struct offload *o, struct loop *home, void (*work)(void *arg),
               void (*done)(void *arg), void *arg, struct err *err)
{
    struct task *task = xcalloc(1, sizeof(*task));
    *task = (struct task){o, home, work, done, arg};
    const int rc = hand_over(o, task, err);
    if (rc)
        free(task);
    return rc;
}

void
offload_stop(struct offload *o)
{
    if (!o || !o->thread)
        return;
    must(pthread_mutex_lock(&o->lock));
    o->stopping = true;
    must(pthread_mutex_unlock(&o->lock));
    background_stop(o->thread);
}

void
offload_free(struct offload *o)
{
    if (!o)
        return;
    offload_stop(o);
    background_free(o->thread);
    (void)pthread_mutex_destroy(&o->lock); /* nobody is left to use it */
    free(o);
}
