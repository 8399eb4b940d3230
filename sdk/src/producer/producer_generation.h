/*
 * A producer's generation: one handle of librdkafka, bound to one cluster.
 * Counters and flags are guarded by the producer's lock.
 */
#ifndef SHUNT_SDK_PRODUCER_GENERATION_H
#define SHUNT_SDK_PRODUCER_GENERATION_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/proto/route.h"

struct gen {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* delivery reports and errors, as events */
    const char *cluster;     /* interned */
    int64_t since;
    char *bootstrap;
    struct props properties;
    size_t inflight; /* records handed over, without a report yet */
    size_t refs;     /* its owner, and every event that is kept */
    bool all_down;   /* librdkafka says so, and nothing came through since */
    bool leaving;    /* what is purged now goes to the next generation */
    struct gen *next_dead;
    rd_kafka_topic_t **topics; /* kept warm; worker */
    size_t n_topics;
};

struct gen_conf {
    const rd_kafka_conf_t *template;
    void (*on_wake)(rd_kafka_t *rk, void *arg); /* librdkafka's threads */
    void (*on_log)(const rd_kafka_t *rk, int level, const char *fac,
                   const char *text);
    void *arg; /* rd_kafka_opaque() too */
};

/* Connects to nothing by itself. */
MUST_CHECK int gen_open(const struct gen_conf *conf,
                        const struct pt_cluster *cluster, int64_t since,
                        struct gen **out, struct err *err);
/* A handle that reaches nobody: it turns records that never got to a cluster
 * into genuine delivery reports. */
MUST_CHECK int gen_open_grave(const struct gen_conf *conf, struct gen **out,
                              struct err *err);
bool gen_is_for(const struct gen *g, const struct pt_cluster *cluster);
/* Blocks up to timeout_ms: connects and learns about `topic`, which spares the
 * first record up to a second. ERR_UNAVAILABLE: nobody answers; ERR_KAFKA: the
 * cluster says no to the topic. */
MUST_CHECK int gen_warm(struct gen *g, const char *topic, int timeout_ms,
                        struct err *err);
/* May block. NULL allowed. */
void gen_close(struct gen *g);

#endif
