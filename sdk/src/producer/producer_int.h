/*
 * What the files of the producer engine share: producer.c (the application's
 * side), lanes.c (records and their reports), mover.c (the worker's side).
 *
 * `lock` guards all of struct producer but what is marked otherwise, and the
 * counters of its generations.  It is held across rd_kafka_producev() without
 * F_BLOCK (which does not block), never across anything that may, nor a
 * callback.  Order: bury, drain, lock, the locks of control and worker.  `wake` is
 * its own: librdkafka calls on_wake with its queue's lock held.
 */
#ifndef SHUNT_SDK_PRODUCER_INT_H
#define SHUNT_SDK_PRODUCER_INT_H

#include <pthread.h>
#include <uthash.h>

#include "common/base/backoff.h"
#include "sdk/src/producer/producer.h"
#include "sdk/src/producer/producer_generation.h"
#include "sdk/src/producer/record.h"

enum lane_state {
    LANE_WAITING,   /* until its route is known and its handle is warm */
    LANE_OPEN,      /* records go to the current generation */
    LANE_ELSEWHERE, /* routed to another cluster than the first topic: refused,
                       until a later route brings them together */
};

/* The records of one topic in the order of acceptance.  Those before `waiting`
 * have been handed over (or, during a move, come back). */
struct lane {
    const char *topic; /* interned */
    enum lane_state state;
    struct record *records;
    struct record *waiting; /* first that was not handed over; NULL: none */
    const char *wanted;     /* mover: cluster of its route; NULL: no route */
    bool orphan;            /* mover: no rule matches */
    bool complained;        /* mover */
    struct lane *next;
    UT_hash_handle hh;
};

/* Final reports that wait for the application: one event of librdkafka. */
struct batch {
    struct batch *next;
    struct gen *gen;
    rd_kafka_event_t *event;
    size_t n;
    const rd_kafka_message_t *m[];
};

struct producer {
    struct engine_tag tag; /* first: rd_kafka_opaque() */
    struct engine e;
    int64_t message_timeout_ms; /* 0: none */
    size_t max_count, max_bytes, max_record_bytes;

    pthread_mutex_t bury;  /* guards `grave`; before drain */
    pthread_mutex_t drain; /* events are taken by one thread at a time */
    pthread_mutex_t lock;
    struct lane *by_topic;          /* hash */
    struct lane *lanes, *last_lane; /* in the order of their first record */
    size_t n_lanes;
    size_t count, bytes; /* accepted, not reported */
    struct gen *current; /* takes records; NULL: none, or during a move */
    struct gen *old;     /* is being left */
    struct gen *target;  /* is being prepared */
    struct gen *grave;   /* opened when first needed */
    struct gen *dead;    /* to be closed by the worker */
    struct batch *batches, *last_batch;
    struct record *failed; /* to be buried */
    bool holding;          /* a move: nothing is handed over */
    bool stopping;
    bool pump_posted;
    int looks;           /* posted */
    const char *cluster; /* interned: in use, or last in use */

    pthread_mutex_t wake_mutex;
    pthread_cond_t wake;
    uint64_t wakes; /* counts; under wake_mutex */
    uint64_t told;  /* events for the surface; under wake_mutex */

    /* Worker. */
    struct backoff retry;
    bool stuck;
};

/* ---- producer.c ---- */
void producer_wake(struct producer *p);
void producer_tell(struct producer *p, const struct engine_event *e);
void producer_log(struct producer *p, int level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
struct gen_conf producer_gen_conf(struct producer *p);

/* ---- lanes.c ---- */
/* lock held. */
struct lane *lane_find(struct producer *p, const char *topic);
struct lane *lane_add(struct producer *p, const char *topic); /* NULL: memory */
void lane_append(struct producer *p, struct lane *l, struct record *r);
void lane_remove(struct producer *p, struct record *r); /* r stays alive */
rd_kafka_resp_err_t lane_hand_over(struct producer *p, struct record *r);
/* The record will be reported with this code. */
void lane_fail(struct producer *p, struct record *r, rd_kafka_resp_err_t err);
void lanes_expire(struct producer *p);
/* Hands over what waits, some hundred records at most. */
enum lanes_left {
    LANES_EMPTY,
    LANES_MORE, /* call again */
    LANES_FULL, /* the handle has no room now */
};
enum lanes_left lanes_pump(struct producer *p);
/* All that came back from a left generation waits again, ahead of the rest. */
void lanes_rewind(struct producer *p);
void gen_release(struct producer *p, struct gen *g);
/* lock not held. */
void lanes_drain(struct producer *p, struct gen *g);
void lanes_bury(struct producer *p); /* application's thread */
int lanes_dispatch(struct producer *p);

/* ---- mover.c ---- */
/* lock held: looks at the route soon, on the worker. */
void mover_post_look(struct producer *p, int64_t not_before_ms);
void mover_post_pump(struct producer *p, int64_t not_before_ms);

#endif
