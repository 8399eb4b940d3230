/* See thread.h.  A new thread inherits the mask of the one that makes it. */
#include "sdk/src/thread.h"

#include <signal.h>

int
thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg),
             void *arg)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        (void)pthread_setname_np(*thread, name);
    return rc;
}
