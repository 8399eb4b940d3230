/* What queue.c, queue_poll.c and queue_background.c share. */
#ifndef SHUNT_SDK_QUEUE_INT_H
#define SHUNT_SDK_QUEUE_INT_H

#include "sdk/src/handle.h"
#include "sdk/src/queue.h"

struct shunt_queue_s {
    shunt_t *rk;
    struct queue_node *node; /* a reference */
};

/* The application's; NULL: out of memory. */
shunt_queue_t *queue_get_root(shunt_t *rk, enum queue_root root);
typedef void queue_commit_cb(shunt_t *rk, rd_kafka_resp_err_t err,
                             rd_kafka_topic_partition_list_t *offsets,
                             void *opaque);
/* mutex held. */
struct queue_node *queue_end(struct queue_node *n);
void queue_signal(shunt_t *rk, struct queue_node *n);
void queue_unref(struct queue_node *n);
/* Somebody waits by fd or callback: engines say from now on when they have
 * something, and the worker when time is what makes them so. */
void queue_watch(shunt_t *rk);
void queue_watch_time(shunt_t *rk);
/* Until an event, a yield, or another forwarding. */
void queue_rest(shunt_queue_t *q);

#endif
