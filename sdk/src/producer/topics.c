/*
 * The application's topic objects: topics of the hub, which stand for the topic
 * on whichever cluster.  A table for the whole process leads from one to its
 * producer, because rd_kafka_produce() names no handle; who has asked for one
 * before finds it without a lock.
 */
#include <stdlib.h>

#include "sdk/src/producer/producer_int.h"

struct owner {
    const rd_kafka_topic_t *rkt;
    struct producer *p;
    UT_hash_handle hh;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct owner *owners;
static atomic_uint version = 1; /* changes when an owner goes */

static _Thread_local struct {
    const rd_kafka_topic_t *rkt;
    struct producer *p;
    unsigned version;
} last;

struct producer *
producer_of_topic(const rd_kafka_topic_t *rkt)
{
    const unsigned now = atomic_load_explicit(&version, memory_order_acquire);
    struct owner *o;
    if (last.rkt == rkt && last.version == now)
        return last.p;
    pthread_rwlock_rdlock(&lock);
    HASH_FIND_PTR(owners, &rkt, o);
    struct producer *p = o ? o->p : NULL;
    pthread_rwlock_unlock(&lock);
    if (p) {
        last.rkt = rkt;
        last.p = p;
        last.version = now;
    }
    return p;
}

static bool
own(struct producer *p, const rd_kafka_topic_t *rkt)
{
    struct owner *o = calloc(1, sizeof(*o));
    if (!o)
        return false;
    o->rkt = rkt;
    o->p = p;
    pthread_rwlock_wrlock(&lock);
    HASH_ADD_PTR(owners, rkt, o);
    const bool ok = hash_has(o);
    pthread_rwlock_unlock(&lock);
    if (!ok)
        free(o);
    return ok;
}

void
topics_free(struct producer *p)
{
    struct topic_ref *ref, *next;
    struct owner *o, *tmp;
    pthread_rwlock_wrlock(&lock);
    HASH_ITER(hh, owners, o, tmp)
    {
        if (o->p != p)
            continue;
        HASH_DEL(owners, o);
        free(o);
    }
    atomic_fetch_add(&version, 1);
    pthread_rwlock_unlock(&lock);
    HASH_ITER(hh, p->refs, ref, next)
    {
        HASH_DEL(p->refs, ref);
        rd_kafka_topic_destroy(ref->rkt);
        free(ref);
    }
}

/* ---- topic objects ------------------------------------------------------ */

static rd_kafka_topic_t *
hub_topic(rd_kafka_t *hub, const char *topic, const rd_kafka_topic_conf_t *conf)
{
    return rd_kafka_topic_new(hub, topic,
                              conf ? rd_kafka_topic_conf_dup(conf) : NULL);
}

/* gate shut. One object of ours keeps the address from being used anew. */
static struct topic_ref *
ref_of(struct producer *p, rd_kafka_topic_t *rkt, struct lane *l)
{
    struct topic_ref *ref;
    HASH_FIND_PTR(p->refs, &rkt, ref);
    if (ref)
        return ref;
    ref = calloc(1, sizeof(*ref));
    if (!ref || !own(p, rkt)) {
        free(ref);
        return NULL;
    }
    ref->rkt = hub_topic(p->hub->rk, l->topic, NULL); /* it is there */
    ref->lane = l;
    HASH_ADD_PTR(p->refs, rkt, ref);
    if (hash_has(ref))
        return ref;
    rd_kafka_topic_destroy(ref->rkt);
    free(ref);
    return NULL;
}

/* gate shut. */
static rd_kafka_topic_t *
new_topic(struct producer *p, const char *topic,
          const rd_kafka_topic_conf_t *conf, bool *is_new)
{
    rd_kafka_t *hub = lanes_hub(p);
    struct lane *l = lane_find(p, topic);
    if (hub && !l) {
        l = lane_add(p, topic);
        *is_new = l != NULL;
    }
    rd_kafka_topic_t *rkt = hub && l ? hub_topic(hub, topic, conf) : NULL;
    if (rkt && !ref_of(p, rkt, l)) {
        rd_kafka_topic_destroy(rkt);
        return NULL;
    }
    /* As in librdkafka the first configuration of a topic holds. */
    if (rkt && conf && !l->conf && !l->gen)
        l->conf = rd_kafka_topic_conf_dup(conf);
    return rkt;
}

rd_kafka_topic_t *
producer_topic(struct producer *p, const char *topic,
               rd_kafka_topic_conf_t *conf)
{
    bool is_new = false;
    if (!topic_is_named(topic))
        return NULL;
    gate_shut(&p->gate);
    rd_kafka_topic_t *rkt = new_topic(p, topic, conf, &is_new);
    gate_open(&p->gate);
    if (is_new)
        produce_announce(p);
    if (rkt && conf)
        rd_kafka_topic_conf_destroy(conf);
    return rkt;
}
