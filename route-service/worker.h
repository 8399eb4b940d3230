/*
 * One event loop with all that it needs to serve by itself: its listener, the
 * table that is in force, the clients that have come to it.  The loop's thread
 * owns it; other threads only post to its loop.
 */
#ifndef SHUNT_ROUTE_WORKER_H
#define SHUNT_ROUTE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "route-service/metrics.h"
#include "route-service/table.h"

struct service;

struct worker {
    struct service *service;
    size_t number;
    struct loop *loop; /* owned, but for the first: there it is the main one */
    pthread_t thread;  /* but for the first */
    bool running;
    struct http_server *server;
    struct table *table; /* in force; a reference */
    struct answers *answers;
    struct bodies *bodies;
    struct audiences *audiences;
    struct clients *clients;
    struct watches *watches;
    struct metrics metrics;
    struct loop_timer *expiry, *ending;
    int64_t end_by_ms; /* monotonic */
    bool stopping;
};

/* Everything but listening; `loop` NULL: one of its own. */
MUST_CHECK int worker_open(struct worker *w, struct service *s, size_t number,
                           struct loop *loop, struct err *err);
/* Runs its loop on a thread of its own. */
MUST_CHECK int worker_start(struct worker *w, struct err *err);
/* Loop thread: tells the watchers why, refuses what is new, and reports to the
 * service when all is sent, or soon after. */
void worker_end(struct worker *w);
void worker_join(struct worker *w);
/* Joined; work that is still posted is run before. */
void worker_close(struct worker *w);

#endif
