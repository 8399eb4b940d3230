/*
 * What the files of the producer engine share.  Who does what:
 *   produce.c  takes records, straight to librdkafka or into a lane
 *   lanes.c    records that wait in their lane, hands them over, gives them up
 *   reports.c  takes librdkafka's events, calls the application
 *   carry.c    gets back from a generation what it has not delivered
 *   mover.c    worker: looks at the route, opens, moves and closes generations
 *
 * Locks, in this order:
 *   moving  held while records are carried: purging waits for its end
 *   gate    entered by calls that produce straight to librdkafka; shut by whoever
 *           changes lanes, what waits in them, or which generations there are.
 *           Held across rd_kafka_produce*() without F_BLOCK, which does not
 *           wait; never across what may, nor a callback (but a partitioner)
 *   drain   held while events are taken: the list of generations (with gate),
 *           their users, `ready`, `purged`
 *   wake    librdkafka calls on_wake with its queue's lock held
 */
#ifndef SHUNT_SDK_PRODUCER_INT_H
#define SHUNT_SDK_PRODUCER_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/backoff.h"
#include "sdk/src/consumer/reaper.h"
#include "sdk/src/hash.h"
#include "sdk/src/producer/gate.h"
#include "sdk/src/producer/producer.h"
#include "sdk/src/producer/producer_generation.h"
#include "sdk/src/producer/record.h"
#include "sdk/src/producer/txn.h"

/* The records of one topic. */
struct lane {
    const char *topic;     /* interned */
    struct gen *gen;       /* where they go; NULL: nowhere yet, they wait */
    rd_kafka_topic_t *rkt; /* of gen */
    bool open;             /* nothing waits, nothing moves */
    bool still;            /* the mover keeps it shut */
    bool no_topic;         /* of transactions: nothing is produced to it */
    struct record *held;   /* in the order of acceptance */
    struct record *back;   /* carry.c */
    rd_kafka_topic_conf_t *conf; /* NULL: the default */
    /* Worker: what the route says. */
    const struct pt_cluster *wanted; /* borrowed from the answer looked at */
    struct gen *target;              /* ready for it; NULL: none */
    int64_t since;
    bool fence;
    bool orphan; /* no rule matches */
    bool complained;
    const char *left; /* interned: the cluster that it is coming from */
    int64_t left_ms;
    struct lane *next;
    UT_hash_handle hh;
};

/* What the application's objects for a topic lead to. */
struct topic_ref {
    rd_kafka_topic_t *rkt; /* of the hub; ours */
    struct lane *lane;
    UT_hash_handle hh;
};

/* An event that was taken and waits: for the application, or to be carried. */
struct taken {
    struct taken *prev, *next;
    struct gen *gen;
    rd_kafka_event_t *event;
};

#define MOVER_PHASES_MAX 4

struct producer {
    struct engine e;
    uint64_t id;                /* of all producers that ever were */
    int64_t message_timeout_ms; /* 0: none */
    size_t max_count, max_bytes, max_record_bytes;
    bool only_errors; /* delivery.report.only.error */
    pthread_mutex_t moving;

    struct gate gate;
    struct txn txn;
    struct lane *by_topic;          /* hash */
    struct lane *lanes, *last_lane; /* in the order of their first record */
    struct topic_ref *refs;         /* hash */
    size_t held_bytes;
    size_t n_bound;              /* generations with lanes */
    struct record *failed;       /* to be reported */
    rd_kafka_resp_err_t verdict; /* of the record that the hub is given */
    struct gen *hub;             /* opened when first needed */
    const char *cluster;         /* interned: of the first lane */
    int looks;                   /* posted */
    atomic_bool unannounced;     /* there was no memory to ask for routes */
    bool pumping, expiring;      /* posted */
    bool borrows;                /* values have been borrowed ... */
    int64_t borrows_from;        /* ... by records from this number on */
    ptrdiff_t copy_at; /* a copied value stands so far behind its message;
                                0: not known yet */
    bool learning;

    pthread_mutex_t drain;
    struct gen *gens;
    struct taken *ready, *purged;
    size_t n_ready;

    /* Numbers: every record adds its bytes and 1. */
    _Atomic uint64_t in;
    _Atomic uint64_t out;
    atomic_size_t held; /* records in lanes and in `failed`; writers: gate */
    atomic_bool stopping;
    atomic_bool draining; /* posted */
    atomic_int blocked;   /* threads that wait for room */
    atomic_int news;      /* of the route, not looked at yet */

    pthread_mutex_t wake_mutex;
    pthread_cond_t wake;
    uint64_t wakes; /* counts; under wake_mutex */
    uint64_t told;  /* events for the surface; under wake_mutex */
    void (*wake_fn)(void *arg);
    void *wake_arg;

    /* Worker. */
    struct backoff retry;
    struct reaper *reaper;
    bool stuck, switching; /* said so */
    bool away;             /* the last report's state is not "running" */
    size_t carried;        /* records, since the last that was said of it */
    int64_t switch_ms;     /* when that began */
    const char *switch_to; /* interned: the first cluster that is moved to */
    struct pt_phase phases[MOVER_PHASES_MAX];
    size_t n_phases;
};

/* ---- producer.c ---- */
struct seen {
    uint64_t wakes, told;
};
struct seen producer_see(struct producer *p);
/* Until something has happened since `seen`, or the time has come. */
void producer_wait(struct producer *p, struct seen seen, int64_t until_ms);
void producer_wake(struct producer *p);
void producer_tell(struct producer *p, const struct engine_event *e);
void producer_log(struct producer *p, int level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* ---- numbers: produce.c ---- */
#define NUMBER_BASE (INT64_C(1) << 62) /* beyond every offset of a cluster */

/* Not every record's report comes by reports.c: they lose their number in
 * on_acknowledgement. */
static inline bool
numbers_early(const struct producer *p)
{
    return p->only_errors || p->e.reports != REPORTS_CALLBACK;
}
void numbers_give(struct gen *g, rd_kafka_message_t *m);
void numbers_take(struct gen *g, rd_kafka_message_t *m);
/* After librdkafka has refused a record: it may have got its number before. */
void numbers_back(struct gen *g, rd_kafka_resp_err_t err, const void *value,
                  size_t len);
static inline bool
numbered(const rd_kafka_message_t *m)
{
    return m->offset >= NUMBER_BASE;
}
/* What a message that came back has to do with its value. */
enum value_kind numbers_kind(const struct producer *p,
                             const rd_kafka_message_t *m);

/* ---- produce.c ---- */
bool topic_is_named(const char *topic); /* as Kafka allows */
/* A lane is new: asks for its route. gate not held. */
void produce_announce(struct producer *p);

/* ---- topics.c ---- */
void topics_free(struct producer *p);

/* ---- lanes.c: gate shut ---- */
struct lane *lane_find(const struct producer *p, const char *topic);
struct lane *lane_add(struct producer *p, const char *topic); /* NULL: memory */
void lane_hold(struct producer *p, struct lane *l, struct record *r); /* last */
/* A list (utlist), ahead of all. */
void lane_hold_first(struct producer *p, struct lane *l, struct record *list);
/* Records in handles, unreported ones too. Any thread. */
size_t lanes_queued(struct producer *p);
/* librdkafka's limits over all that is accepted and not reported. */
bool lanes_full(struct producer *p, size_t bytes);
/* Hands over up to `most` records; opens the lane when none is left.  False:
 * its handle has no room. */
bool lane_pump(struct producer *p, struct lane *l, size_t most);
void lane_fail(struct producer *p, struct record *r, rd_kafka_resp_err_t err);
void lanes_fail_all(struct producer *p, rd_kafka_resp_err_t err);
/* Makes reports of what has failed. */
void lanes_bury(struct producer *p);
/* The handle without a cluster; NULL: it cannot be made. */
rd_kafka_t *lanes_hub(struct producer *p);

/* ---- reports.c ---- */
/* What lingers is sent at once. */
void producer_hurry(struct producer *p);
bool reports_is_purge(rd_kafka_resp_err_t err);
/* drain held: every event is put where it belongs. */
void reports_drain(struct producer *p, struct gen *g);
void reports_drop(struct taken *list);

/* ---- carry.c ---- */
/* Worker, gate not held: cuts g's line and brings what it has not delivered
 * back into the lanes, in order.  Returns how many. */
size_t carry(struct producer *p, struct gen *g);

/* ---- mover.c: gate shut ---- */
void mover_post_look(struct producer *p, int64_t not_before_ms);
void mover_post_pump(struct producer *p, int64_t not_before_ms);
void mover_post_expire(struct producer *p);

/* ---- mover_tell.c: worker ---- */
void mover_say_stuck(struct producer *p, const char *cluster, int64_t since,
                     const char *why);
void mover_say_switching(struct producer *p, const struct gen *from);
/* A step of the move from `from` to wherever is done. */
void mover_say_phase(struct producer *p, const char *from, const char *name);
/* What has been entered, with which stall. */
void mover_say_arrived(struct producer *p);
void mover_complain(struct producer *p);

#endif
