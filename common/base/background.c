/* `lock` guards the queue and `stopping`, and is held across nothing else. */
#include "common/base/background.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/must.h"
#include "common/base/xmem.h"

struct task {
    void (*fn)(void *arg);
    void *arg;
    struct task *next, *prev;
};

struct background {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct task *tasks;
    bool stopping, running;
};

static struct task *
next_task(struct background *b)
{
    must(pthread_mutex_lock(&b->lock));
    while (!b->tasks && !b->stopping)
        must(pthread_cond_wait(&b->wake, &b->lock));
    struct task *t = b->tasks;
    if (t)
        DL_DELETE(b->tasks, t);
    must(pthread_mutex_unlock(&b->lock));
    return t;
}

static void *
background_main(void *arg)
{
    struct background *b = arg;
    struct task *t;
    while ((t = next_task(b))) {
        t->fn(t->arg);
        free(t);
    }
    return NULL;
}

int
background_start(struct background **out, struct err *err)
{
    struct background *b = xcalloc(1, sizeof(*b));
    must(pthread_mutex_init(&b->lock, NULL));
    must(pthread_cond_init(&b->wake, NULL));
    const int rc = pthread_create(&b->thread, NULL, background_main, b);
    if (rc) {
        background_free(b);
        return err_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread");
    }
    b->running = true;
    *out = b;
    return 0;
}

void
background_post(struct background *b, void (*fn)(void *arg), void *arg)
{
    struct task *t = xcalloc(1, sizeof(*t));
    t->fn = fn;
    t->arg = arg;
    must(pthread_mutex_lock(&b->lock));
    DL_APPEND(b->tasks, t);
    must(pthread_cond_signal(&b->wake));
    must(pthread_mutex_unlock(&b->lock));
}

void
background_stop(struct background *b)
{
    if (!b->running)
        return;
    must(pthread_mutex_lock(&b->lock));
    b->stopping = true;
    must(pthread_cond_signal(&b->wake));
    must(pthread_mutex_unlock(&b->lock));
    must(pthread_join(b->thread, NULL));
    b->running = false;
}

void
background_free(struct background *b)
{
    if (!b)
        return;
    (void)pthread_cond_destroy(&b->wake); /* nobody is left to use them */
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}
