/*
 * A generation: one librdkafka consumer handle bound to one cluster in one
 * residency, with what is known of each of its partitions.
 *
 * Everything of it is the consumer's, below its lock, until
 * generation_close_take(); when the last reference is gone it is closed and
 * destroyed by a thread of its own, because destroying blocks for as long as
 * the application holds one of its messages.  Whoever calls librdkafka without
 * the lock, queries on the worker too, holds a reference meanwhile.
 */
#ifndef SHUNT_SDK_GENERATION_H
#define SHUNT_SDK_GENERATION_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "sdk/src/consumer/handover.h"
#include "sdk/src/consumer/place.h"
#include "sdk/src/consumer/prints.h"
#include "sdk/src/consumer/reaper.h"
#include "sdk/src/engine.h"
#include "sdk/src/hash.h"

#define TOPIC_MAX 249 /* Kafka's limit for topic names */

enum part_state {
    PART_NONE,    /* not ours; until an ASSIGN names it */
    PART_WAITING, /* ours, its start is not known; until it is, or REVOKE */
    PART_RUNNING, /* ours and fetched; until REVOKE */
};

struct part_key {
    int32_t partition;
    char topic[TOPIC_MAX + 1];
};

struct part {
    struct part_key key;
    enum part_state state;
    uint64_t life;     /* inhand.h; another one with each change of the owner */
    bool lost;         /* taken away before its position was committed */
    bool granted;      /* the group's to us; the application may take it */
    bool paused;       /* by the application */
    bool sought;       /* commits from before that may still be on their way */
    bool by_hand;      /* starts where the application says: nobody else needs
                          to know of it */
    bool fetching;     /* part of librdkafka's assignment */
    bool again;        /* fetched, but from elsewhere now */
    bool pilot;        /* fetched from one record before its start on */
    bool end_wanted;   /* starts at the log end, which must be asked for */
    bool map_wanted;   /* a translation must be asked for */
    bool map_asked;    /* it is among those asked for now */
    bool map_done;     /* it has been answered, or cannot be */
    bool none_before;  /* and the previous cluster has no commit of the group */
    int64_t start;     /* an offset or one of librdkafka's logical ones */
    int64_t next;      /* to be delivered next; -1: not known yet */
    int64_t end;       /* told as its end, past what is no record; -1: none */
    int64_t finished;  /* next after the last one finished; -1: none */
    int64_t committed; /* last commit by us that did not fail; -1: none */
    int64_t acked;     /* last one that is known to stand; -1: none */
    int64_t commit;    /* found on the cluster; -1: none */
    int64_t commit_since;
    int64_t assigned_ms; /* clock_mono_ms of the ASSIGN */
    int64_t tail;        /* with end_wanted: so many records before it */
    struct given *given; /* a position on another cluster, to be translated
                            first; NULL: none */
    struct mapped mapped;
    struct prints prints; /* of what was delivered last */
    size_t hold;          /* inhand.h: hint */
    UT_hash_handle hh;
};

/* A physical topic of the view. */
struct view {
    char *topic;
    const char *origin, *logical; /* interned: valid for ever */
    bool parted;                  /* another track reads it now, elsewhere */
    bool fresh; /* the previous cluster has no such stream: nobody of the group
                   can know a position of it */
};

struct generation;

/* A position that the application gave, on another cluster than this one. */
struct given {
    struct place at;
    char *topic;
    int64_t offset;
    bool asked;
    int64_t until_ms; /* word of its partition is waited for; 0: not asked */
};

/* Called on the thread that polls, with the lock held. */
struct generation_hooks {
    /* `l` has been granted: generation_take() what is to be read. */
    void (*on_assign)(struct generation *g,
                      const rd_kafka_topic_partition_list_t *l, void *arg);
    /* Before the partitions are given back.  False: they stay for now, until
     * generation_revoke(). */
    bool (*on_revoke)(struct generation *g,
                      const rd_kafka_topic_partition_list_t *l, bool lost,
                      void *arg);
    void (*on_commit)(struct generation *g, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *l, void *arg);
    void (*on_error)(struct generation *g, rd_kafka_resp_err_t code,
                     const char *text, void *arg);
    /* Any thread. */
    void (*on_log)(int level, const char *fac, const char *text, void *arg);
    /* The first message of a topic is about to be delivered. */
    void (*on_topic)(struct generation *g, const rd_kafka_topic_t *rkt,
                     void *arg);
    /* Around the others; `entered` is what enter() said. */
    bool (*enter)(void *arg);
    void (*leave)(void *arg, bool entered);
    void *arg;     /* of all but on_log */
    void *log_arg; /* of on_log */
};

/* Where the partitions of records are found without looking for their names. */
struct known_part {
    const rd_kafka_topic_t *rkt;
    int32_t partition;
    struct part *part;
};

#define KNOWN_PARTS 256

struct generation {
    struct engine_tag tag; /* first: rd_kafka_opaque() */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* the consumer queue, for waking a poll */
    char *cluster;
    char *servers; /* its bootstrap.servers when the handle was made */
    struct props properties; /* and its properties */
    char *previous;          /* cluster of the residency before; NULL: none */
    int64_t since;
    struct view *views;
    size_t n_views;
    struct strlist lent;     /* logical: stay subscribed for another track */
    int64_t parted_until_ms; /* those of them that are parted; 0: none are */
    struct part *parts;
    struct known_part known[KNOWN_PARTS];
    rd_kafka_topic_t **topics; /* of them; held, so that none comes again */
    size_t n_topics;
    size_t n_waiting; /* parts that wait for their start */
    size_t n_given;   /* parts with `given` */
    /* What the group gave us and there was no memory for; NULL: nothing. */
    rd_kafka_topic_partition_list_t *short_of;
    bool by_hand; /* assigned by the application, no member of its group */
    rd_kafka_topic_partition_list_t *leaving; /* revoked, but kept for now */
    bool leaving_lost;
    bool subscribed;
    bool joined;      /* had its first ASSIGN */
    bool revoked;     /* of everything, by a rebalance that is not over */
    bool again;       /* parts are to be fetched anew: generation_fetch() */
    bool stopped;     /* delivers nothing; keeps count of what the group gives
                         it */
    bool standby;     /* kept ready where the route says so */
    bool never_skips; /* an offset out of range never means the end of a log */
    bool down;        /* no broker answers, and nothing was delivered since */
    int64_t close_at_ms; /* when stopped */
    struct generation_hooks hooks;
    bool assigned;         /* all at once, something */
    bool stopping;         /* fetchers of what was assigned before, perhaps */
    struct reaper *reaper; /* once closing */
    bool ending;           /* librdkafka closes */
    atomic_bool muted;     /* abandoned or closing: hooks are not called */
    atomic_int refs;
};

/* The configuration of a handle on `cluster`; the caller's. */
MUST_CHECK int generation_conf(const struct engine *e,
                               const struct pt_cluster *cluster,
                               bool has_previous, rd_kafka_conf_t **out,
                               struct err *err);
MUST_CHECK int generation_new(const struct engine *e, const struct target *to,
                              const struct generation_hooks *hooks,
                              struct generation **out, struct err *err);
/* False: the cluster has other addresses or properties by now. */
bool generation_is_at(const struct generation *g,
                      const struct pt_cluster *cluster);
/* Another residency on the same cluster: commits are made anew in it.
 * `previous` NULL: as before.  ERR_NOMEM, nothing has changed. */
MUST_CHECK int generation_enter(struct generation *g, int64_t since,
                                const char *previous);
/* generation_view.c */
/* Takes over the view of `topics` in the answer when it is another one;
 * with `join` it subscribes to every physical topic of it. */
MUST_CHECK int generation_subscribe(struct generation *g,
                                    const struct pt_answer *a,
                                    const struct strlist *topics, bool join,
                                    struct err *err);
/* The next generation_subscribe() subscribes whatever was before. */
void generation_forget_view(struct generation *g);
struct view *generation_view(const struct generation *g, const char *physical);
/* It delivers this logical topic, or will. */
bool generation_reads(const struct generation *g, const char *logical);
/* Stays subscribed to it, until it is taken back. ERR_NOMEM. */
MUST_CHECK int generation_lend(struct generation *g, const char *logical);
void generation_take_back(struct generation *g, const char *logical);
/* Reads them no more, but keeps their partitions until `until_ms`; where they
 * stand is to be asked before. */
void generation_part_with(struct generation *g, const struct strlist *topics,
                          int64_t until_ms);
/* The next generation_subscribe() leaves them out. */
void generation_forget_parted(struct generation *g);

/* generation_poll.c */
/* The partition of a record that is to be delivered; NULL: it is not. */
struct part *generation_deliverable(struct generation *g,
                                    const rd_kafka_message_t *m);
/* Tells of the topic, the first time.  False: it is not held. */
bool generation_know_topic(struct generation *g, const rd_kafka_topic_t *rkt);
/* Before the handle is destroyed. */
void generation_forget_topics(struct generation *g);
/* Serves callbacks; drops records.  Without the lock. */
void generation_serve(struct generation *g);

struct part *generation_find(struct generation *g, const char *topic,
                             int32_t partition);
/* Makes it when it is not there; NULL: no memory. */
struct part *generation_part(struct generation *g, const char *topic,
                             int32_t partition);
void generation_set_state(struct generation *g, struct part *p,
                          enum part_state to);
/* The partition is ours and waits for its start. */
void generation_take(struct generation *g, struct part *p);
/* All that is granted. */
void generation_take_granted(struct generation *g);
/* What there was no memory for when it was granted, if there is now. */
void generation_take_rest(struct generation *g);
/* It is not ours any more; generation_fetch() tells librdkafka. */
void generation_drop(struct generation *g, struct part *p);
/* Takes it, or goes on with it, from `offset`: absolute or BEGINNING. */
void generation_start_at(struct generation *g, struct part *p, int64_t offset);
void generation_given_free(struct given *given); /* NULL allowed */
/* Replaces what is there; frees it when `given` is NULL. */
void generation_set_given_take(struct generation *g, struct part *p,
                               struct given *given);
/* False: librdkafka does not fetch it, it is only noted. */
void generation_pause(struct generation *g, struct part *p, bool paused);
/* Records that a partition, or all of them, hold behind the position, as far as librdkafka
 * knows their ends from what it fetched; -1: unknown. */
int64_t generation_part_lag(const struct generation *g, const struct part *p);
int64_t generation_lag(const struct generation *g);
/* Fetches every RUNNING partition at its `next`, or `start`, and no other. */
void generation_fetch(struct generation *g);
/* What is `leaving` goes now. */
void generation_revoke(struct generation *g);
/* Fetches nothing any more, but stays a member. */
void generation_stop(struct generation *g);
/* Goes on where it stopped; generation_fetch() is the caller's. */
void generation_resume(struct generation *g);
/* A stopped one begins a new residency: what the group has given it waits for
 * a start. ERR_NOMEM. */
MUST_CHECK int generation_revive(struct generation *g, int64_t since,
                                 const char *previous);

/* Appends with this residency's metadata; false: no memory. */
bool generation_add_commit(const struct generation *g,
                           rd_kafka_topic_partition_list_t *l,
                           const char *topic, int32_t partition,
                           int64_t offset);
/* The outcome comes to on_commit. */
rd_kafka_resp_err_t generation_commit(struct generation *g,
                                      const rd_kafka_topic_partition_list_t *l);
/* Without the lock.  Sets .err of each that the cluster answered. */
rd_kafka_resp_err_t generation_commit_wait(struct generation *g,
                                           rd_kafka_topic_partition_list_t *l,
                                           int timeout_ms);

void generation_ref(struct generation *g);
/* The last reference of a generation that was handed to generation_close_take()
 * starts its end. NULL allowed. */
void generation_unref(struct generation *g);
/* Leaves the group and destroys the handle in the background. NULL allowed. */
void generation_close_take(struct generation *g, struct reaper *r);

#endif
