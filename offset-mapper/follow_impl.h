/*
 * What the parts of following share: follow.c (life, status), follow_syncs.c,
 * follow_checkpoints.c, follow_beats.c (what is done with each kind of topic, on
 * the thread of its feed) and oversee.c (a thread of its own).
 */
#ifndef SHUNT_OFFSET_FOLLOW_IMPL_H
#define SHUNT_OFFSET_FOLLOW_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "offset-mapper/feed.h"
#include "offset-mapper/follow.h"
#include "offset-mapper/incarnation.h"

/* A new incarnation that is proven, on its way from the overseer to the thread
 * that writes the flow's partitions. */
struct verdict {
    char *topic;
    int32_t partition;
    enum store_begun why;
    struct run newest; /* what it was proven of */
    uint32_t incarnation;
    int64_t up_end; /* not -1: no incarnation begins, a doubt ends with ... */
    int64_t doubt_until; /* ... the source's log */
    struct verdict *next;
};

/* Lines of one kind that a flood must not fill the log with. */
struct quota {
    int64_t second;
    int64_t said, withheld; /* in this second */
};

/* What a feed has handed over and is not kept yet. */
struct taking {
    struct store_batch *batch;    /* NULL: nothing */
    struct store_progress before; /* to go back to */
};

struct flow_follow {
    struct follow *home;
    const struct flow *flow;
    char *syncs_source; /* "topic@cluster": names the stored position */
    char *checkpoints_source;
    char *copied; /* the topic of copied heartbeats */
    /* Of the threads of the feeds: */
    struct store_progress progress; /* of the syncs */
    struct store_progress checkpoints_progress;
    struct taking syncs_taken, checkpoints_taken;
    int64_t sync_ms;  /* timestamp of the last one taken */
    bool copied_live; /* heartbeats are read as they come */
    struct quota bad, changes;
    /* Of the overseer: */
    struct eye *eyes, *eye_next;
    pthread_mutex_t lock; /* for the rest */
    struct follow_status status;
    struct beats_signs signs;
    struct verdict *verdicts;
    int64_t pruned_lately; /* not taken off progress.runs yet */
};

/* `heartbeats` of one cluster tells of all flows to it. */
struct cluster_follow {
    struct follow *home;
    const struct pt_cluster *cluster;
    struct feed *feed; /* NULL: nothing of it is followed */
    bool live;
};

struct follow {
    const struct config *config;
    struct store *store;
    struct logs *logs;
    struct follow_options options;
    struct flow_follow *flows;       /* as in config */
    struct cluster_follow *clusters; /* as in config */
    pthread_t overseer;
    bool overseen; /* it runs */
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping; /* under lock */
    /* on_change */
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    atomic_bool posted;
};

extern const struct feed_calls follow_syncs, follow_checkpoints, follow_copied,
    follow_heartbeats;

/* Begins a batch, unless one is under way. */
MUST_CHECK int taking_begin(struct taking *t, struct store *store,
                            const struct store_progress *p, struct err *err);
/* Nothing was taken. */
void taking_abort(struct taking *t, struct store_progress *p);
/* What was taken is kept, with `p`, or nothing was taken. */
MUST_CHECK int taking_keep(struct taking *t, const struct flow *flow,
                           const char *source, struct store_progress *p,
                           struct err *err);

/* Any thread: somebody wants to know that something has changed. */
void follow_changed(struct follow *f);
/* Logs `text` unless this second has had enough lines of this kind. */
void follow_say(struct quota *q, bool bad, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Under f->lock. */
void follow_topic_news(struct follow_topic *t, enum feed_news what,
                       const char *text);

/* Waits; true when the overseer has to stop. */
bool follow_rest(struct follow *f, int64_t wait_ms);
/* The overseer's thread; `arg` is the struct follow. */
void *oversee(void *arg);
/* What it remembers of a flow. */
void oversee_forget(struct flow_follow *f);

#endif
