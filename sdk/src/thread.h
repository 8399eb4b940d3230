/*
 * Threads of the SDK.  They take no signals: those are the application's, and
 * its threads' to handle.
 */
#ifndef SHUNT_SDK_THREAD_H
#define SHUNT_SDK_THREAD_H

#include <pthread.h>

#include "common/base/err.h"

/* As pthread_create(); `name`, at most 15 bytes, is what `ps -L` shows. */
MUST_CHECK int thread_start(pthread_t *thread, const char *name,
                            void *(*run)(void *arg), void *arg);

#endif
