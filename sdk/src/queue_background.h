/* The thread that serves a handle's background queue; made when it is needed. */
#ifndef SHUNT_SDK_QUEUE_BACKGROUND_H
#define SHUNT_SDK_QUEUE_BACKGROUND_H

#include <pthread.h>
#include <shunt/shunt.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/err.h"

struct background {
    pthread_t thread;
    bool started;      /* under the gate */
    atomic_bool oauth; /* tokens are asked for here */
    atomic_bool stop;
};

/* With a background_event_cb; else it waits for somebody to want the queue. */
MUST_CHECK int background_start(shunt_t *rk, struct err *err);
/* Waits for the thread. */
void background_stop(shunt_t *rk);

#endif
