/*
 * What a shunt_t is: an engine, its two threads, and the application's
 * callbacks.
 */
#ifndef SHUNT_SDK_HANDLE_H
#define SHUNT_SDK_HANDLE_H

#include <pthread.h>
#include <shunt/shunt.h>
#include <stdatomic.h>

#include "sdk/src/conf.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/engine.h"
#include "sdk/src/event.h"
#include "sdk/src/logger.h"
#include "sdk/src/metrics.h"
#include "sdk/src/oauth.h"
#include "sdk/src/producer/producer.h"
#include "sdk/src/queue.h"
#include "sdk/src/queue_background.h"

#define METADATA_KEPT 4

/* Group metadata that the application was given, to know it by. */
struct metadata_given {
    void *bytes;
    size_t size;
};

/* Whose offsets a transaction commits. */
struct txn_link {
    shunt_t *consumer; /* compared first: it may be gone */
    rd_kafka_topic_partition_list_t *offsets; /* NULL: none */
    const char *cluster;                      /* theirs; interned */
    uint64_t since; /* consumer_txn_moment() of the end of the one before */
};

struct shunt_s {
    rd_kafka_type_t type;
    char *name;
    shunt_conf_t *conf; /* taken */
    struct engine engine;
    struct producer *producer; /* one of these */
    struct consumer *consumer;
    struct event_queue events; /* to be told by callback */
    struct queues queues;      /* to be polled for by the application */
    struct background background;
    struct oauth oauth;
    atomic_bool calls_due;  /* `events` is not empty */
    atomic_bool interrupt;  /* a poll looks at both before it waits */
    atomic_int jobs;        /* shunt_commit_queue() */
    atomic_bool watched;    /* a queue has an fd or a callback */
    atomic_int event_polls; /* polls of `queues` under way */
    pthread_mutex_t gate;   /* held while an engine hears news; recursive */
    bool gate_open;
    _Atomic(const char *) cluster; /* interned; NULL: none yet */
    struct metrics metrics;
    struct credentials credentials;
    struct txn_link txn; /* producer: of the open transaction */
    struct metadata_given metadata[METADATA_KEPT]; /* consumer: list's mutex */
    unsigned n_metadata;
    struct logger logger;
    bool log_queue;              /* lines are events */
    struct shunt_s *prev, *next; /* list of metrics_text.c */
};

/* Makes the callbacks that are due (tell.c); how many.  The application's
 * thread. */
int handle_tell(shunt_t *rk);
/* The poll of an engine that is under way comes back.  Any thread. */
void handle_interrupt(shunt_t *rk);

/* surface_txn.c */
void txn_link_fini(shunt_t *rk);

/* handle_log.c */
/* Reads SHUNT_LOG; the template of the engine is there.  ERR_NOMEM. */
MUST_CHECK int handle_log_start(shunt_t *rk, struct err *err);
/* A line to the file, log_cb or stderr; `arg` is the handle.  Any thread. */
void handle_log(int level, const char *fac, const char *text, void *arg);
void handle_log_event(shunt_t *rk, const struct engine_event *e);

#endif
