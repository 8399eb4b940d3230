/*
 * For SAN=thread only: C11 threads as pthreads.
 *
 * Debian's librdkafka makes its threads with thrd_create(), which gcc 12's
 * ThreadSanitizer does not know: the first malloc() in such a thread crashes.
 * These take the place of glibc's, so that the sanitizer sees librdkafka's
 * threads, locks and conditions.  glibc's mtx_t and cnd_t are its pthread
 * types by another name.  Link with -Wl,-u,thrd_create.
 */
#ifdef __SANITIZE_THREAD__
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define EXPORTED __attribute__((visibility("default")))

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t");
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t");

struct start {
    thrd_start_t fn;
    void *arg;
};

static int
result_of(int rc)
{
    switch (rc) {
    case 0:
        return thrd_success;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

static void *
run(void *arg)
{
    const struct start start = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)start.fn(start.arg);
}

EXPORTED int
thrd_create(thrd_t *thread, thrd_start_t fn, void *arg)
{
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return thrd_nomem;
    *start = (struct start){.fn = fn, .arg = arg};
    const int rc = pthread_create(thread, NULL, run, start);
    if (rc)
        free(start);
    return result_of(rc);
}

EXPORTED int
thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    const int rc = pthread_join(thread, &value);
    if (result)
        *result = (int)(intptr_t)value;
    return result_of(rc);
}

EXPORTED int
mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    (void)pthread_mutexattr_init(&attr);
    if (type & mtx_recursive)
        (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    const int rc = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return result_of(rc);
}

EXPORTED int
mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

EXPORTED int
mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

EXPORTED void
mtx_destroy(mtx_t *mutex)
{
    (void)pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

EXPORTED int
cnd_init(cnd_t *cond)
{
    return result_of(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

EXPORTED int
cnd_signal(cnd_t *cond)
{
    return result_of(pthread_cond_signal((pthread_cond_t *)cond));
}

EXPORTED int
cnd_broadcast(cnd_t *cond)
{
    return result_of(pthread_cond_broadcast((pthread_cond_t *)cond));
}

EXPORTED int
cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return result_of(
        pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

EXPORTED int
cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
              const struct timespec *restrict until)
{
    return result_of(pthread_cond_timedwait((pthread_cond_t *)cond,
                                            (pthread_mutex_t *)mutex, until));
}

EXPORTED void
cnd_destroy(cnd_t *cond)
{
    (void)pthread_cond_destroy((pthread_cond_t *)cond);
}
#else
typedef int tsan_threads_unused; /* ISO C wants a declaration */
#endif
