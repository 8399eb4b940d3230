/*
 * A producer's generation: one handle of librdkafka, bound to one cluster (or
 * to none: the hub, which makes reports of records that no cluster had).
 */
#ifndef SHUNT_SDK_PRODUCER_GENERATION_H
#define SHUNT_SDK_PRODUCER_GENERATION_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/proto/route.h"
#include "sdk/src/engine.h"
#include "sdk/src/producer/line.h"

struct producer;
struct gen_topic;

struct gen {
    struct engine_tag tag; /* first: rd_kafka_opaque() */
    struct producer *p;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* its events */
    const char *cluster;     /* interned; NULL: the hub */
    char *bootstrap;
    struct props properties;
    struct line line;
    atomic_size_t kept;     /* records of events that were taken, not freed */
    atomic_size_t unseen;   /* REPORTS_EVENT: records whose report was not taken
                               (the application frees events, kept is useless) */
    atomic_bool all_down;   /* librdkafka says so, nothing came through since */
    atomic_bool leaving;    /* what is purged now is carried on */
    struct gen *next;       /* the producer's list: gate and drain */
    int users;              /* drain: it is not closed meanwhile */
    size_t n_lanes;         /* gate */
    int64_t flush_start_ms; /* worker; 0: not being left */
    bool failed;            /* worker: in this look */
    bool txn_ready;         /* worker: initialised for transactions */
    atomic_bool spent;      /* left in the middle of a transaction */
    bool routed;            /* worker: said so */
    struct gen_topic *topics; /* hash; worker, or with the gate shut */
};

/* Connects to nothing by itself. */
MUST_CHECK int gen_open(struct producer *p, const struct pt_cluster *cluster,
                        struct gen **out, struct err *err);
MUST_CHECK int gen_open_hub(struct producer *p, struct gen **out,
                            struct err *err);
bool gen_is_for(const struct gen *g, const struct pt_cluster *cluster);
/* Its object for the topic, made when it is asked for first, with a copy of
 * `conf` (NULL: the default). NULL: librdkafka refuses. */
rd_kafka_topic_t *gen_topic(struct gen *g, const char *name,
                            const rd_kafka_topic_conf_t *conf);
/* Blocks up to timeout_ms: connects and learns about the topic, which spares
 * the first record up to a second. ERR_UNAVAILABLE: nobody answers;
 * ERR_KAFKA: the cluster says no to the topic. */
MUST_CHECK int gen_warm(struct gen *g, const char *name,
                        const rd_kafka_topic_conf_t *conf, int timeout_ms,
                        struct err *err);
/* Records in its queue or in flight: at least those, and a report that nobody
 * has taken yet counts. */
size_t gen_inflight(struct gen *g);
/* Records in it, reports that nobody has freed included. */
size_t gen_records(struct gen *g);
/* May block. NULL allowed. */
void gen_close(struct gen *g);

#endif
