/* A commit that is answered on a queue: the worker makes it. */
#include <stdlib.h>

#include "sdk/src/consumer/consumer_ops.h"
#include "sdk/src/queue_int.h"
#include "sdk/src/tell.h"

struct commit {
    shunt_queue_t q;                          /* with a reference to its node */
    rd_kafka_topic_partition_list_t *offsets; /* NULL: what is finished */
    struct shunt_event_s *event; /* made before: the answer is not lost */
};

static void
commit_free(struct commit *c)
{
    if (!c)
        return;
    event_free(c->event);
    if (c->offsets)
        rd_kafka_topic_partition_list_destroy(c->offsets);
    free(c);
}

/* False: the handle is being destroyed. */
static bool
enter(shunt_t *rk)
{
    pthread_mutex_lock(&rk->gate);
    const bool open = rk->gate_open;
    if (open)
        atomic_fetch_add(&rk->jobs, 1);
    pthread_mutex_unlock(&rk->gate);
    return open;
}

static void
leave(shunt_t *rk, struct queue_node *n)
{
    pthread_mutex_lock(&rk->queues.mutex);
    queue_unref(n);
    atomic_fetch_sub(&rk->jobs, 1);
    pthread_cond_broadcast(&rk->queues.changed);
    pthread_mutex_unlock(&rk->queues.mutex);
}

void
queue_wait_for_jobs(shunt_t *rk)
{
    pthread_mutex_lock(&rk->queues.mutex);
    while (atomic_load(&rk->jobs) > 0)
        pthread_cond_wait(&rk->queues.changed, &rk->queues.mutex);
    pthread_mutex_unlock(&rk->queues.mutex);
}

/* Worker. */
static void
run(void *arg)
{
    struct commit *c = arg;
    shunt_t *rk = c->q.rk;
    if (!enter(rk)) {
        pthread_mutex_lock(&rk->queues.mutex);
        queue_unref(c->q.node);
        pthread_mutex_unlock(&rk->queues.mutex);
        commit_free(c);
        return;
    }
    c->event->code =
        consumer_commit_told(rk->consumer, c->offsets, c->event->partitions);
    queue_put_at_take(&c->q, c->event);
    c->event = NULL;
    leave(rk, c->q.node);
    commit_free(c);
}

static struct commit *
commit_new(const rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    struct commit *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->event = event_new(RD_KAFKA_EVENT_OFFSET_COMMIT);
    if (!c->event) {
        free(c);
        return NULL;
    }
    c->event->partitions = rd_kafka_topic_partition_list_new(1);
    c->event->opaque = opaque;
    if (offsets)
        c->offsets = rd_kafka_topic_partition_list_copy(offsets);
    return c;
}

static rd_kafka_resp_err_t
commit_now(shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
           queue_commit_cb *cb, void *opaque)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    const rd_kafka_resp_err_t code =
        consumer_commit_told(rk->consumer, offsets, l);
    if (cb)
        cb(rk, code, l, opaque);
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

rd_kafka_resp_err_t
shunt_commit_queue(shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
                   shunt_queue_t *rkqu,
                   void (*cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                              rd_kafka_topic_partition_list_t *offsets,
                              void *commit_opaque),
                   void *commit_opaque)
{
    if (!rk->consumer)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    if (!rkqu)
        return commit_now(rk, offsets, cb, commit_opaque);
    struct commit *c = commit_new(offsets, commit_opaque);
    if (!c)
        return RD_KAFKA_RESP_ERR__FAIL;
    c->event->commit_cb = cb;
    c->q = *rkqu;
    pthread_mutex_lock(&rk->queues.mutex);
    c->q.node->refs++;
    pthread_mutex_unlock(&rk->queues.mutex);
    if (worker_post(rk->engine.worker, 0, run, c) == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    pthread_mutex_lock(&rk->queues.mutex);
    queue_unref(c->q.node);
    pthread_mutex_unlock(&rk->queues.mutex);
    commit_free(c);
    return RD_KAFKA_RESP_ERR__FAIL;
}
