/*
 * The event loop: a libevent base, the queue of posted work, and everything
 * that lives as long as the loop.
 *
 * Thread: the loop thread, except loop_post() and loop_stop().  They share the
 * queue under `lock` and wake the loop by an eventfd, so that posted work runs
 * in order and nothing of libevent is touched from outside.
 */
#include "common/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

struct post {
    void (*fn)(void *arg);
    void *arg;
    struct post *next, *prev;
};

struct watch {
    void (*fn)(void *arg);
    void *arg;
    struct event *event;
    struct watch *next;
};

struct loop_timer {
    void (*fn)(void *arg);
    void *arg;
    struct event *event;
};

struct loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    pthread_mutex_t lock;
    struct post *posts; /* under lock */
    bool stopping;      /* under lock */
    struct watch *watches;
};

struct event_base *
loop_base(struct loop *loop)
{
    return loop->base;
}

static bool
is_stopping(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    const bool stopping = loop->stopping;
    pthread_mutex_unlock(&loop->lock);
    return stopping;
}

/* Only what was posted before this turn: work that posts itself again does
 * not starve the rest of the loop (its own wake-up is pending already). */
static bool
run_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post *batch = loop->posts;
    loop->posts = NULL;
    pthread_mutex_unlock(&loop->lock);
    struct post *p, *next;
    DL_FOREACH_SAFE(batch, p, next)
    {
        void (*fn)(void *) = p->fn;
        void *arg = p->arg;
        free(p);
        fn(arg);
    }
    return batch != NULL;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct loop *loop = arg;
    uint64_t count;
    (void)!read((int)fd, &count, sizeof(count)); /* nonblocking; only a bell */
    (void)run_posts(loop); /* none: another bell has run them */
    if (is_stopping(loop))
        (void)event_base_loopbreak(loop->base);
}

static void
wake(struct loop *loop)
{
    const uint64_t one = 1;
    (void)!write(loop->wake_fd, &one, sizeof(one)); /* full: already ringing */
}

int
loop_new(struct loop **out, struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return err_nomem(err);
    (void)signal(SIGPIPE, SIG_IGN); /* writes say EPIPE instead */
    (void)pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        const int rc = err_errno(err, ERR_IO, errno, "cannot make an eventfd");
        loop_free(loop);
        return rc;
    }
    loop->base = event_base_new();
    if (loop->base)
        loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST,
                               on_wake, loop);
    if (!loop->wake || event_add(loop->wake, NULL) != 0) {
        loop_free(loop);
        return err_set(err, ERR_IO, "cannot make an event loop");
    }
    *out = loop;
    return 0;
}

static void
free_watches(struct loop *loop)
{
    struct watch *w, *next;
    LL_FOREACH_SAFE(loop->watches, w, next)
    {
        event_free(w->event);
        free(w);
    }
}

void
loop_free(struct loop *loop)
{
    if (!loop)
        return;
    free_watches(loop);
    struct post *p, *next;
    DL_FOREACH_SAFE(loop->posts, p, next)
    free(p);
    if (loop->wake)
        event_free(loop->wake);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop);
}

void
loop_run(struct loop *loop)
{
    if (!is_stopping(loop))
        (void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void
loop_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    wake(loop); /* inside the lock: afterwards the loop may be freed */
    pthread_mutex_unlock(&loop->lock);
}

int
loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct post *p = malloc(sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    *p = (struct post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    const bool ringing = loop->posts != NULL;
    DL_APPEND(loop->posts, p);
    if (!ringing)
        wake(loop); /* inside the lock, as in loop_stop() */
    pthread_mutex_unlock(&loop->lock);
    return 0;
}

bool
loop_drain(struct loop *loop)
{
    return run_posts(loop);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct loop_timer *timer = arg;
    timer->fn(timer->arg); /* may free the timer */
}

struct loop_timer *
loop_timer_new(struct loop *loop, int64_t interval_ms, void (*fn)(void *arg),
               void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    timer->fn = fn;
    timer->arg = arg;
    timer->event = event_new(loop->base, -1, EV_PERSIST, on_timer, timer);
    const struct timeval tv = {.tv_sec = interval_ms / 1000,
                               .tv_usec = interval_ms % 1000 * 1000};
    if (!timer->event || event_add(timer->event, &tv) != 0) {
        loop_timer_free(timer);
        return NULL;
    }
    return timer;
}

void
loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    if (timer->event)
        event_free(timer->event);
    free(timer);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct watch *w = arg;
    w->fn(w->arg);
}

static int
watch(struct loop *loop, int fd, short what, void (*fn)(void *arg), void *arg)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (!w)
        return ERR_NOMEM;
    w->fn = fn;
    w->arg = arg;
    w->event = event_new(loop->base, fd, what | EV_PERSIST, on_watch, w);
    if (!w->event || event_add(w->event, NULL) != 0) {
        if (w->event)
            event_free(w->event);
        free(w);
        return ERR_IO;
    }
    LL_PREPEND(loop->watches, w);
    return 0;
}

int
loop_on_signal(struct loop *loop, int signo, void (*fn)(void *arg), void *arg)
{
    return watch(loop, signo, EV_SIGNAL, fn, arg);
}

int
loop_on_readable(struct loop *loop, int fd, void (*fn)(void *arg), void *arg)
{
    return watch(loop, fd, EV_READ, fn, arg);
}
