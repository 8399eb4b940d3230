/* See queue.h: nodes, forwarding, waking.  Polling is in queue_poll.c. */
#include "sdk/src/queue.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/src/queue_int.h"
#include "sdk/src/tell.h"

/* ---- nodes -------------------------------------------------------------- */

static struct queue_node *
node_new(void)
{
    struct queue_node *n = calloc(1, sizeof(*n));
    if (!n || event_queue_init(&n->events) != 0) {
        free(n);
        return NULL;
    }
    n->fd = -1;
    n->refs = 1;
    return n;
}

void
queue_unref(struct queue_node *n)
{
    while (n && --n->refs == 0) {
        struct queue_node *next = n->forward;
        event_queue_fini(&n->events);
        free(n->payload);
        free(n);
        n = next;
    }
}

struct queue_node *
queue_end(struct queue_node *n)
{
    while (n->forward)
        n = n->forward;
    return n;
}

int
queues_init(struct queues *q)
{
    pthread_condattr_t attr; /* none of these can fail on Linux */
    *q = (struct queues){0};
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&q->mutex, NULL);
    for (int i = 0; i < QUEUE_ROOTS; i++)
        if (!(q->roots[i] = node_new())) {
            queues_fini(q);
            return ERR_NOMEM;
        }
    q->roots[QUEUE_SASL]->forward = q->roots[QUEUE_MAIN];
    q->roots[QUEUE_MAIN]->refs++;
    return 0;
}

void
queues_fini(struct queues *q)
{
    for (int i = 0; i < QUEUE_ROOTS; i++)
        queue_unref(q->roots[i]);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->mutex);
}

/* ---- waking ------------------------------------------------------------- */

void
queue_signal(shunt_t *rk, struct queue_node *n)
{
    pthread_cond_broadcast(&rk->queues.changed);
    if (n->signaled)
        return;
    n->signaled = true;
    if (n->fd >= 0) /* full: it is readable already */
        (void)!write(n->fd, n->payload, n->payload_size);
    if (n->wake_cb)
        n->wake_cb(rk, n->wake_opaque);
}

/* Ends the wait of an engine, so that whoever polls looks at the nodes. */
static void
interrupt(shunt_t *rk)
{
    atomic_store(&rk->interrupt, true);
    handle_interrupt(rk);
}

static void
put_take(shunt_t *rk, struct queue_node *n, struct shunt_event_s *e)
{
    /* Lines are written with any lock held. */
    const bool is_line = e->type == RD_KAFKA_EVENT_LOG;
    pthread_mutex_lock(&rk->queues.mutex);
    n = queue_end(n);
    if (event_queue_put_take(&n->events, e))
        metrics_add(&rk->metrics, METRIC_EVENTS_LOST, 1);
    queue_signal(rk, n);
    pthread_mutex_unlock(&rk->queues.mutex);
    if (!is_line)
        interrupt(rk);
}

void
queue_put_take(shunt_t *rk, enum queue_root root, struct shunt_event_s *e)
{
    put_take(rk, rk->queues.roots[root], e);
}

void
queue_put_at_take(shunt_queue_t *q, struct shunt_event_s *e)
{
    put_take(q->rk, q->node, e);
}

static void
signal_root(shunt_t *rk, enum queue_root root)
{
    pthread_mutex_lock(&rk->queues.mutex);
    queue_signal(rk, queue_end(rk->queues.roots[root]));
    pthread_mutex_unlock(&rk->queues.mutex);
}

void
queue_calls_due(shunt_t *rk)
{
    atomic_store(&rk->calls_due, true);
    signal_root(rk, QUEUE_MAIN);
    interrupt(rk);
}

void
queue_engine_woke(void *arg)
{
    shunt_t *rk = arg;
    signal_root(rk, rk->producer ? QUEUE_MAIN : QUEUE_CONSUMER);
}

/* ---- the application's -------------------------------------------------- */

static shunt_queue_t *
queue_of(shunt_t *rk, struct queue_node *n)
{
    shunt_queue_t *q = n ? calloc(1, sizeof(*q)) : NULL;
    if (!q)
        return NULL;
    q->rk = rk;
    q->node = n;
    return q;
}

shunt_queue_t *
queue_get_root(shunt_t *rk, enum queue_root root)
{
    shunt_queue_t *q = queue_of(rk, rk->queues.roots[root]);
    if (!q)
        return NULL;
    pthread_mutex_lock(&rk->queues.mutex);
    q->node->refs++;
    pthread_mutex_unlock(&rk->queues.mutex);
    return q;
}

shunt_queue_t *
shunt_queue_new(shunt_t *rk)
{
    struct queue_node *n = node_new();
    shunt_queue_t *q = queue_of(rk, n);
    if (!q && n)
        queue_unref(n);
    return q;
}

void
shunt_queue_destroy(shunt_queue_t *rkqu)
{
    if (!rkqu)
        return;
    pthread_mutex_lock(&rkqu->rk->queues.mutex);
    queue_unref(rkqu->node);
    pthread_mutex_unlock(&rkqu->rk->queues.mutex);
    free(rkqu);
}

shunt_queue_t *
shunt_queue_get_main(shunt_t *rk)
{
    return queue_get_root(rk, QUEUE_MAIN);
}

shunt_queue_t *
shunt_queue_get_consumer(shunt_t *rk)
{
    return rk->consumer ? queue_get_root(rk, QUEUE_CONSUMER) : NULL;
}

shunt_queue_t *
shunt_queue_get_sasl(shunt_t *rk)
{
    return rk->conf->sasl_queue ? queue_get_root(rk, QUEUE_SASL) : NULL;
}

/* ---- forwarding --------------------------------------------------------- */

/* mutex held: `to` does not end at `n`. */
static bool
leads_to(const struct queue_node *to, const struct queue_node *n)
{
    while (to && to != n)
        to = to->forward;
    return to != NULL;
}

/* mutex held. */
static void
forward(shunt_t *rk, struct queue_node *n, struct queue_node *to)
{
    struct shunt_event_s *e;
    struct queue_node *was = n->forward;
    n->forward = to;
    queue_unref(was);
    rk->queues.forwards++;
    pthread_cond_broadcast(&rk->queues.changed);
    if (!to)
        return;
    to->refs++;
    struct queue_node *end = queue_end(to);
    while ((e = event_queue_take(&n->events)))
        if (event_queue_put_take(&end->events, e))
            metrics_add(&rk->metrics, METRIC_EVENTS_LOST, 1);
    queue_signal(rk, end); /* what an engine has for `n` is there now */
}

void
shunt_queue_forward(shunt_queue_t *src, shunt_queue_t *dst)
{
    shunt_t *rk = src->rk;
    if (dst && dst->rk != rk)
        return; /* as documented */
    pthread_mutex_lock(&rk->queues.mutex);
    if (!dst || !leads_to(dst->node, src->node))
        forward(rk, src->node, dst ? dst->node : NULL);
    pthread_mutex_unlock(&rk->queues.mutex);
    interrupt(rk);
}

void
queue_forward_root(shunt_t *rk, enum queue_root root, shunt_queue_t *to)
{
    shunt_queue_t src = {.rk = rk, .node = rk->queues.roots[root]};
    shunt_queue_forward(&src, to);
}

rd_kafka_resp_err_t
shunt_poll_set_consumer(shunt_t *rk)
{
    if (!rk->consumer)
        return RD_KAFKA_RESP_ERR__UNKNOWN_GROUP;
    shunt_queue_t to = {.rk = rk, .node = rk->queues.roots[QUEUE_CONSUMER]};
    queue_forward_root(rk, QUEUE_MAIN, &to);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
shunt_set_log_queue(shunt_t *rk, shunt_queue_t *rkqu)
{
    shunt_queue_t to = {.rk = rk, .node = rk->queues.roots[QUEUE_MAIN]};
    if (!rk->log_queue)
        return RD_KAFKA_RESP_ERR__NOT_CONFIGURED;
    queue_forward_root(rk, QUEUE_LOG, rkqu ? rkqu : &to);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- an event loop's ---------------------------------------------------- */

/* mutex held.  What came before counts too. */
static void
begin_waking(shunt_queue_t *q)
{
    struct queue_node *n = q->node;
    n->signaled = false;
    if (n->fd >= 0 || n->wake_cb)
        queue_signal(q->rk, n);
}

void
shunt_queue_io_event_enable(shunt_queue_t *rkqu, int fd, const void *payload,
                            size_t size)
{
    void *copy = fd >= 0 && size > 0 ? malloc(size) : NULL;
    struct queue_node *n = rkqu->node;
    if (copy)
        memcpy(copy, payload, size);
    pthread_mutex_lock(&rkqu->rk->queues.mutex);
    free(n->payload);
    n->payload = copy;
    n->payload_size = copy ? size : 0;
    n->fd = copy ? fd : -1;
    begin_waking(rkqu);
    pthread_mutex_unlock(&rkqu->rk->queues.mutex);
    queue_watch(rkqu->rk);
}

void
shunt_queue_cb_event_enable(shunt_queue_t *rkqu,
                            void (*event_cb)(shunt_t *rk, void *opaque),
                            void *opaque)
{
    struct queue_node *n = rkqu->node;
    pthread_mutex_lock(&rkqu->rk->queues.mutex);
    n->wake_cb = event_cb;
    n->wake_opaque = opaque;
    begin_waking(rkqu);
    pthread_mutex_unlock(&rkqu->rk->queues.mutex);
    queue_watch(rkqu->rk);
}

void
shunt_queue_yield(shunt_queue_t *rkqu)
{
    shunt_t *rk = rkqu->rk;
    pthread_mutex_lock(&rk->queues.mutex);
    queue_end(rkqu->node)->yield = true;
    pthread_cond_broadcast(&rk->queues.changed);
    pthread_mutex_unlock(&rk->queues.mutex);
    interrupt(rk);
}
