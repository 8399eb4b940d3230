/*
 * Queues of events, as the application sees them.
 *
 * A handle has roots, which are fed: MAIN, CONSUMER (records, rebalances,
 * commits), SASL, BACKGROUND, LOG; the application makes more (shunt_queue_new()),
 * which are fed by forwarding.  A node that forwards keeps nothing: events are
 * put where the forwarding ends.  Records and delivery reports are not kept
 * here at all: whoever polls the end of their root takes them from the engine.
 * So a queue outlives every generation.
 *
 * `mutex` guards all nodes of a handle.  It is taken with locks of an engine or
 * of librdkafka held (wakes), so nothing is called below it but the
 * application's wake (fd, callback).
 */
#ifndef SHUNT_SDK_QUEUE_H
#define SHUNT_SDK_QUEUE_H

#include <pthread.h>
#include <shunt/shunt.h>

#include "sdk/src/event.h"

enum queue_root {
    QUEUE_MAIN,
    QUEUE_CONSUMER,
    QUEUE_SASL,
    QUEUE_BACKGROUND,
    QUEUE_LOG,
    QUEUE_ROOTS
};

struct queue_node {
    struct queue_node *forward; /* a reference; NULL: ends here */
    struct event_queue events;
    bool yield;    /* the poll under way, or the next, returns */
    bool signaled; /* since it was polled last */
    int fd;        /* -1: none */
    void *payload;
    size_t payload_size;
    void (*wake_cb)(shunt_t *rk, void *opaque);
    void *wake_opaque;
    int refs;
};

struct queues {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* for polls of what no engine feeds */
    struct queue_node *roots[QUEUE_ROOTS];
    unsigned forwards; /* how often what feeds what has changed */
    int64_t tick_ms;   /* when the worker will wake the consumer's; 0: not */
};

MUST_CHECK int queues_init(struct queues *q);
void queues_fini(struct queues *q);
/* Whatever polls it returns it; takes `e`.  Any thread. */
void queue_put_take(shunt_t *rk, enum queue_root root, struct shunt_event_s *e);
void queue_put_at_take(shunt_queue_t *q, struct shunt_event_s *e);
/* rk->events is not empty.  Any thread. */
void queue_calls_due(shunt_t *rk);
/* Until nothing of shunt_commit_queue() is under way; the gate is shut. */
void queue_wait_for_jobs(shunt_t *rk);
/* An engine may have something; `arg` is the handle.  Any thread, any lock. */
void queue_engine_woke(void *arg);
/* Forwards a root to a queue of the application's; NULL: ends that. */
void queue_forward_root(shunt_t *rk, enum queue_root root, shunt_queue_t *to);

#endif
