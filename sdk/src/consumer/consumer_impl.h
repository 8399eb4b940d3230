/*
 * What a consumer is: its lock, its wheel, its tracks.
 *
 * `lock` guards everything of the consumer, its tracks, generations and parts.
 * Every function of this folder that is given one of them runs with the lock
 * held, unless its comment says otherwise.  It is not held in calls of
 * librdkafka that wait or that run callbacks, nor in callbacks of the
 * application (log lines excepted, which must not call back): whoever takes
 * it again looks again.
 *
 * The wheel: one thread at a time polls librdkafka and takes the steps of
 * switches, whatever the number of threads that poll; it has the wheel also
 * while it does not hold the lock.  So what a track is made of (cur, next,
 * retired, state) changes below a thread that has the wheel and nowhere else,
 * and records are delivered in the order of the log.  Callbacks are run by the
 * thread that has the wheel; it may call everything but close.
 *
 * One exception: what librdkafka has at hand is taken with the lock held
 * (`inside`), because two rounds of a mutex cost what a record may cost.  Its
 * callbacks, which may run then, find it held (consumer_enter()).
 *
 * Order: lock, then the mutexes of control, worker, reaper, wake and
 * librdkafka.
 */
#ifndef SHUNT_SDK_CONSUMER_IMPL_H
#define SHUNT_SDK_CONSUMER_IMPL_H

#include <pthread.h>

#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/inhand.h"
#include "sdk/src/consumer/pattern.h"
#include "sdk/src/consumer/track.h"

/* What is known of the topics of one pattern. */
struct finder {
    struct query *query;  /* of the topics of `cluster`; NULL: none under way */
    char *cluster;        /* asked last */
    int64_t again_ms;     /* when it is asked again */
    struct strlist found; /* logical names, sorted */
};

/* Of all patterns of the subscription. */
struct finders {
    struct patterns patterns;
    struct finder *v; /* one for each */
    size_t n;
    struct patterns black; /* topic.blacklist */
    int64_t refresh_ms;    /* -1: never */
};

struct consumer {
    pthread_mutex_t lock;
    pthread_cond_t parked; /* the wheel is free */
    int depth;             /* 0: nobody has the wheel; > 1: in a callback */
    pthread_t driver;      /* who has it */
    int urgent;            /* threads that want it for more than a poll */
    int waiting;           /* threads that wait for it, those included */
    bool silent;           /* it ends without a callback or a commit */
    bool leaving;          /* unsubscribe was called in a callback */
    bool closing;          /* consumer_close_begin() was called */
    bool close_told, close_left; /* how far that is */
    int64_t close_end_ms;        /* no longer than until then */
    int inside;     /* the depth at which librdkafka is polled with the
                              lock held; 0: it is not */
    int64_t due_ms; /* when there is something else to do than polling */
    struct inhand hands;
    struct wake *wake;
    struct reaper *reaper;
    int txns;                     /* consumer_txn_begin() ... */
    int64_t txns_end_ms;          /* ... which hold until then */
    uint64_t rewound;             /* consumer_txn_moment() of the last rewind */
    const atomic_bool *interrupt; /* of struct engine, with the next two */
    bool (*pending)(void *arg);
    void *arg;
    struct strlist asked; /* subscribed to, as the application said it */
    struct finders finders;
    struct track *track; /* the first; the others are its `more` */
    struct track *spare; /* gone, but perhaps in use by `calls` */
    int calls;           /* that have let go of the lock, without the wheel */
    struct track *turn;  /* the one that was taken from last */
    bool several;        /* more than one generation is polled */
};

void consumer_lock(struct consumer *c);
void consumer_unlock(struct consumer *c);
/* A transaction is about to commit positions. */
bool consumer_in_txn(const struct consumer *c);
/* Nobody else has the wheel. */
void consumer_take_wheel(struct consumer *c);
/* Waits for the wheel; whoever polls lets go of it. */
void consumer_drive(struct consumer *c);
/* The same for a poll, until `end_ms` (clock_mono_ms): false. */
bool consumer_drive_until(struct consumer *c, int64_t end_ms);
void consumer_park(struct consumer *c);
/* consumer_close.c; below the wheel.  True: it goes on. */
bool consumer_close_step(struct consumer *c);
/* In a callback of librdkafka: takes the lock.  False: it is held already. */
bool consumer_enter(struct consumer *c);
/* `entered` as consumer_enter() said. */
void consumer_leave(struct consumer *c, bool entered);
/* The track that reads a physical topic, else the first one. */
struct track *consumer_track_of(struct consumer *c, const char *topic);

/* consumer_tracks.c; below the wheel. */
/* Tracks that are gone and that nobody uses. */
void consumer_free_spare(struct consumer *c);
/* There is news: gives each topic to the track of its cluster. */
void consumer_follow(struct consumer *c);
/* A track is about to join on `cluster`: nothing is kept there any more of what
 * was parted with. */
void consumer_end_parting(struct consumer *c, const char *cluster);
/* Leaves what is read; the tracks but the first are gone. */
void consumer_leave_tracks(struct consumer *c);
/* Leaves everything; lets go of the lock.  False: something is left behind. */
bool consumer_go(struct consumer *c, enum track_state to);

/* Where the answer says that a topic is; NULL: nowhere. */
const char *consumer_cluster_of(const struct pt_answer *a, const char *topic);
/* Patterns have found others. */
void consumer_topics_changed(struct consumer *c);

/* consumer_patterns.c; below the wheel */
MUST_CHECK int finders_init(struct finders *f, const struct engine *e,
                            const struct strlist *names, struct err *err);
/* What patterns that stay have found stays. */
void finders_inherit(struct finders *f, struct finders *from);
/* Adds all that was found. ERR_NOMEM. */
MUST_CHECK int finders_list(const struct finders *f, struct strlist *out);
void finders_fini(struct finders *f);
void consumer_find(struct consumer *c);
int64_t consumer_find_due_ms(const struct consumer *c);

/* consumer_poll.c */
/* What is polled has changed. */
void consumer_aim(struct consumer *c);
/* Below the wheel: everything that is due, without waiting. */
void consumer_step(struct consumer *c);
/* The thread that has the wheel is in a callback of its own. */
bool consumer_nested(const struct consumer *c);

#endif
