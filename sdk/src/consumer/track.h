/*
 * A track: those topics of a consumer that are on one cluster and move
 * together to another one.  track.c (life, poll), track_switch.c (route,
 * states), track_handover.c (positions from the old cluster to the new one),
 * track_start.c (other start positions), track_commit.c (positions, commits),
 * track_tell.c (events, reports).
 *
 * Every function runs with the consumer's lock held; the life, the poll and the
 * steps of a track below the thread that has the wheel (consumer_impl.h).
 * Those that let go of the lock meanwhile say so.
 */
#ifndef SHUNT_SDK_TRACK_H
#define SHUNT_SDK_TRACK_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/backoff.h"
#include "common/base/err.h"
#include "sdk/src/consumer/generation.h"
#include "sdk/src/consumer/query.h"
#include "sdk/src/consumer/reaper.h"
#include "sdk/src/consumer/wake.h"
#include "sdk/src/engine.h"

enum track_state {
    TRACK_IDLE,    /* no subscription; until subscribe */
    TRACK_ROUTING, /* no generation; until a route that can be followed */
    TRACK_RUNNING, /* `cur` delivers; until the route names another cluster */
    TRACK_JOINING, /* `cur` delivers, `next` joins its group; until it has,
                         or the route leads elsewhere */
    TRACK_MAPPING, /* nothing delivers, `cur` has stopped; until its final
                         positions are translated, or cannot be */
    TRACK_CLOSED,  /* for good */
};

#define RETIRED_MAX   4
#define POSITIONS_MAX 10000 /* of one question; offset-mapper/PROTOCOL.md */
#define PHASES_MAX    12

/* One final position of the old generation on its way to the new one. */
struct carry {
    const struct part *from; /* of `cur` */
    int64_t offset;
    int64_t again;  /* delivered from there on: read again for sure */
    char *to_topic; /* owned */
    int64_t commit, commit_since; /* found on the new cluster; -1: none */
    struct mapped mapped;
    bool printed; /* its last record was described to the mapper */
    bool waited;  /* for replication */
    bool strange; /* nothing was ever copied of its partition, as far as the
                     mapper has heard */
    bool early;   /* likewise, what it knows of begins behind this position */
};

struct handover {
    struct carry *v;
    size_t n;
    struct asking *asking; /* NULL: answered or given up, or not yet again */
    int64_t again_ms;      /* ask then of what is strange */
    int64_t answered_ms;   /* the first answer; 0: none yet */
    struct po_question question;
    struct query *query; /* commits on the new cluster */
    bool begun;          /* cur has stopped; else it only delivers nothing */
    int64_t drain_ms;    /* until then for what other threads have in hand */
    unsigned rounds;     /* of questions that are over */
    int64_t asked_ms;    /* when the one under way began */
    bool mapped;         /* nothing more will come from the mappers */
    int64_t deadline_ms; /* of the commits */
};

/* Whether the new cluster has the topics. */
struct preparation {
    struct query *query;
    int64_t again_ms;
    bool missing; /* one of them, when it was asked last */
    bool done;
};

/* A commit that others of the group wait for: repeated until it stands. */
struct landing {
    char *topic;
    int32_t partition;
    int64_t offset;
    bool sent;
};

/* Looking for the start of the partitions that wait. */
struct starter {
    struct query *commits;
    struct query *topics;  /* which streams the previous cluster has */
    int64_t again_ms;      /* ask for commits then */
    struct query *source;  /* commits on the previous cluster */
    struct asking *asking; /* their translation */
    struct po_question question;
    int64_t ask_ms, until_ms; /* it is asked again then; no longer than until */
    struct query *ends;    /* log ends, for a new group that wants only news */
    int64_t ends_again_ms; /* ask for those that failed then */
    size_t unmapped;       /* started without one, not yet told */
    size_t unread;         /* likewise, and nobody ever committed one */
};

/* The application's callback that is running. */
struct rebalance {
    rd_kafka_resp_err_t code; /* 0: none */
    bool answered;            /* it has assigned */
    bool blamed;              /* it did not, once, and was told */
    bool owed;     /* it will, by an event of a move, which nothing waits for */
    uint64_t told; /* consumer_txn_moment() of the last one */
};

/* Translating what partitions of cur were given. */
struct giving {
    struct asking *asking;
    struct po_question question;
    int64_t again_ms; /* the next question */
};

struct consumer;
/* Of the standby. */
struct readiness {
    struct query *query; /* of its topics, under way; NULL: none */
    int64_t again_ms;
    bool answered; /* since it was opened, or its brokers were down */
    bool told;     /* it is ready */
};

struct hand;

struct track {
    struct track *more; /* the consumer's next one */
    struct consumer *c;
    unsigned number; /* 1: the first */
    bool shared;     /* cur is another track's, which lends us our topics */
    bool news;       /* the route is to be looked at */
    rd_kafka_conf_t *template; /* e.template, where it is ours; owned */
    struct engine e, plain;    /* `plain` as it was given */
    enum track_state state;
    struct wake *wake;     /* the consumer's */
    struct reaper *reaper; /* the consumer's */
    struct strlist topics; /* logical */
    struct route *route;   /* the last one looked at */
    char *complaint;       /* about it, told once */
    bool complaining;      /* as of the route looked at last */
    char *stale;           /* what of it takes effect at a restart only */
    bool unopened;         /* the cluster it names cannot be opened */
    struct backoff retry;  /* of that */
    int64_t retry_ms;      /* when; 0: nothing to retry */
    struct generation *cur, *next;
    struct generation *retired[RETIRED_MAX];
    struct generation *standby;
    bool standby_due;   /* there should be one */
    int64_t standby_ms; /* look after it, or try to open it, then */
    struct readiness ready;
    bool by_hand; /* assigned by the application, without a group */
    rd_kafka_topic_partition_list_t *asked; /* by hand, not taken up yet */
    struct query *topics_of; /* by hand: whether `prepared` knows its topics */
    const struct generation *prepared;
    struct rebalance rebalance;
    struct giving giving;
    struct preparation preparation;
    struct handover hand;
    struct starter starter;
    struct landing *landings;
    size_t n_landings;
    int64_t landing_again_ms, landing_end_ms;

    int64_t commit_at_ms, report_at_ms;

    int64_t join_ms;    /* when the switch began */
    int64_t joined_ms;  /* when `next` was seen to have joined; 0: not yet */
    int64_t stop_ms;    /* when cur stopped; 0: no switch to be told of */
    char *from;         /* cluster left, for the event */
    int64_t bound;      /* of this switch */
    int64_t catchup_ms; /* likewise: waited for replication */
    int64_t switch_ms, last_bound;      /* of the last one, for reports */
    struct pt_phase phases[PHASES_MAX]; /* likewise; names are static */
    size_t n_phases;
    bool told_first; /* its first record was delivered */
    bool printing;   /* a mapper may want fingerprints */
    bool stuck;
    bool fenced; /* cur has to stop, whether `next` can be reached or not */
};

/* track.c */
/* `number` 1: the first of the consumer. */
MUST_CHECK int track_new(const struct engine *e, struct consumer *c,
                         unsigned number, struct track **out, struct err *err);
/* Tells the application that everything goes; lets go of the lock. */
void track_leave_tell(struct track *tr);
/* Commits, tells the application, ends every handle in the background.  Lets go
 * of the lock. */
void track_leave(struct track *tr);
/* This track is responsible for the partition of its cur. */
bool track_owns(const struct track *tr, const struct part *p);
/* Everything that is due, without waiting; lets go of the lock. */
void track_step(struct track *tr);
/* When the next step is due. */
int64_t track_due_ms(const struct track *tr, int64_t now_ms);
/* What librdkafka has at hand, at most `n`: how many.  Lets go of the lock if
 * there are callbacks to be made. */
size_t track_take(struct track *tr, struct hand *hand, rd_kafka_message_t **v,
                  size_t n);
/* Waits at most `left_ms`, without the lock, for a record, or for anything that
 * makes another step worth while. */
rd_kafka_message_t *track_turn(struct track *tr, struct hand *hand,
                               int64_t left_ms);
/* Waits for news, at most `left_ms`; lets go of the lock. */
void track_wait(struct track *tr, int64_t left_ms);
/* Calls fn for each generation. */
void track_each(struct track *tr, void (*fn)(struct generation *g, void *arg),
                void *arg);
/* Serves callbacks of `g`, drops records; lets go of the lock. */
void track_serve(struct track *tr, struct generation *g);
/* Only what the application put there stays in .metadata. */
void track_leave_app_metadata(rd_kafka_topic_partition_list_t *l);
/* Calls the application, without the lock. */
void track_call_commit(struct track *tr, rd_kafka_resp_err_t code,
                       rd_kafka_topic_partition_list_t *l);
void track_cluster(struct track *tr, char *buf, size_t size);
const char *track_logical_name(struct track *tr, const char *physical);
const char *track_origin(struct track *tr, const char *physical);
/* With a reference for the caller; NULL: none. */
struct generation *track_hold(struct track *tr);
bool track_closed(const struct track *tr);
void track_free(struct track *tr); /* it has left; NULL allowed */

/* track_ops.c */
/* After a query of commits: the application's own words as metadata, where it
 * gave some; else the place. */
void track_tell_words(const struct generation *g,
                      rd_kafka_topic_partition_list_t *l);
/* A copy of the element. */
void track_list_add(rd_kafka_topic_partition_list_t *l,
                    const rd_kafka_topic_partition_t *t);
rd_kafka_resp_err_t track_position(struct track *tr,
                                   rd_kafka_topic_partition_list_t *partitions);
rd_kafka_resp_err_t track_assignment(struct track *tr,
                                     rd_kafka_topic_partition_list_t **out);

/* What was paused on `from` is on cur. */
void track_keep_paused(struct track *tr, const struct generation *from);
void track_pause(struct track *tr, rd_kafka_topic_partition_list_t *partitions,
                 bool pause);
/* Lets go of the lock, keeps the wheel. */
rd_kafka_error_t *track_seek(struct track *tr,
                             rd_kafka_topic_partition_list_t *partitions,
                             int timeout_ms);
/* Gives each a place on g as its metadata. */
void track_set_places(const struct generation *g,
                      rd_kafka_topic_partition_list_t *l);
rd_kafka_resp_err_t track_store(struct track *tr,
                                rd_kafka_topic_partition_list_t *offsets);

/* track_assign.c: below the wheel. */
/* `l` is granted on cur: asks the application, without the lock, or takes it. */
void track_offer(struct track *tr, const rd_kafka_topic_partition_list_t *l);
/* `l` is being taken away. Without the lock.  False: the application will say
 * when it may go. */
bool track_call_revoke(struct track *tr,
                       const rd_kafka_topic_partition_list_t *l);
/* Tells the application of all partitions of cur, which it may assign anew.
 * Without the lock. */
void track_tell_rebalance(struct track *tr, rd_kafka_resp_err_t code);
/* `l` goes now: what is finished of it is committed, or carried over. */
void track_revoked(struct track *tr, struct generation *g,
                   const rd_kafka_topic_partition_list_t *l, bool lost);
/* The application has been told of a revocation by an event, and has not
 * answered yet. */
bool track_owed(const struct track *tr);
/* NULL: nothing. */
rd_kafka_error_t *track_assign(struct track *tr,
                               const rd_kafka_topic_partition_list_t *l);
rd_kafka_error_t *
track_incremental_assign(struct track *tr,
                         const rd_kafka_topic_partition_list_t *l);
rd_kafka_error_t *
track_incremental_unassign(struct track *tr,
                           const rd_kafka_topic_partition_list_t *l);

/* _INVALID_ARG: no partition, or an offset that is none. */
rd_kafka_error_t *track_assign_check(const rd_kafka_topic_partition_list_t *l);

/* track_by_hand.c */
/* Assigns without a subscription, now or when a route is there. */
rd_kafka_error_t *track_by_hand(struct track *tr,
                                const rd_kafka_topic_partition_list_t *l);
/* Nothing is assigned, but a cluster is to be bound to, that has the topics. */
MUST_CHECK int track_by_hand_bind(struct track *tr,
                                  const rd_kafka_topic_partition_list_t *l);
/* Takes up what was asked for, if cur has it. */
void track_by_hand_take(struct track *tr);
/* next is `joined` when it knows its topics: only then the old one stops. */
void track_by_hand_prepare(struct track *tr);
/* All that was read on `from` is to be read on cur; starts are decided later. */
void track_by_hand_move(struct track *tr, const struct generation *from);
void track_by_hand_end(struct track *tr);

/* track_given.c */
struct place;
/* True: the element says where it holds; *at is the caller's, its stream made
 * out by the names of flows when it is not said. */
bool track_place(const struct track *tr, const rd_kafka_topic_partition_t *t,
                 struct place *at);
/* True: the element is a position on another cluster than the one in use;
 * *at is the caller's. */
bool track_elsewhere(const struct track *tr,
                     const rd_kafka_topic_partition_t *t, struct place *at);
/* True: it is one, its partition is taken and waits for the translation. */
bool track_given_take(struct track *tr, const rd_kafka_topic_partition_t *t);
/* By hand: who keeps positions has none of a stream that had no record yet.  Of
 * partitions given with their place, what was born here and is not assigned
 * begins at its log start.  ERR_NOMEM. */
MUST_CHECK int track_given_born_here(struct track *tr,
                                     const rd_kafka_topic_partition_list_t *l);
void track_given_step(struct track *tr);
void track_given_reset(struct track *tr);
/* Replaces positions on other clusters by theirs on the one in use; .err of
 * each: _UNKNOWN_PARTITION: no translation.  Lets go of the lock. */
void track_translate(struct track *tr, rd_kafka_topic_partition_list_t *l,
                     int64_t deadline_ms);

/* track_switch.c */
/* Looks at the newest route and acts on it. */
void track_follow(struct track *tr);
void track_move(struct track *tr, enum track_state to);
/* Everything of routes and switches that can be done without waiting; lets go of
 * the lock. */
void track_switch_step(struct track *tr);
/* Closes every handle in the background and forgets what is under way. */
void track_drop_generations(struct track *tr);

/* The generation of a target, neither joining nor delivering yet. */
MUST_CHECK int track_open(struct track *tr, const struct target *t,
                          struct generation **out, struct err *err);

/* track_ready.c */
/* One that is there already, for a new residency; NULL: none. */
struct generation *track_ready_take(struct track *tr, const struct target *t);
/* Keeps it, stopped, for so long. */
void track_ready_retire_take(struct track *tr, struct generation *g,
                             int64_t ms);
/* Opens, changes, closes the standby as the route says. */
void track_ready_follow(struct track *tr);
void track_ready_step(struct track *tr);
void track_ready_drop(struct track *tr);

/* track_handover.c */
/* Stops cur and asks where its positions are on the cluster of `next`.  Lets go
 * of the lock, as do the next two, for the application's callback. */
void track_handover_begin(struct track *tr);
/* The new cluster has all that is needed to go on there; asks it. */
bool track_handover_prepared(struct track *tr);
void track_handover_forget(struct track *tr);
/* True: every position is decided, cur has been replaced by next. */
bool track_handover_step(struct track *tr);
void track_handover_reset(struct track *tr);
/* Nothing was handed over yet: cur goes on where it stopped. */
void track_handover_undo(struct track *tr);

/* track_translate.c */
/* Asks the mappers where everything in tr->hand is on the cluster of `next`. */
void track_translate_begin(struct track *tr);
/* Until tr->hand.mapped. */
void track_translate_step(struct track *tr);
bool track_unread(const struct carry *v);

/* track_start.c */
void track_start_step(struct track *tr);
/* `old` is asked, if it answers, which streams it has: nobody waits for a
 * position of the others. */
void track_start_ask_topics(struct track *tr, struct generation *old);
/* Forgets what is under way; before cur changes. */
void track_start_reset(struct track *tr);
/* `p` of `g` is ours and starts as decided; generation_fetch() is the caller's. */
void track_start_part(struct track *tr, struct generation *g, struct part *p,
                      const struct start *s);
bool track_start_pending(const struct track *tr);

/* track_commit.c */
/* Lets go of the lock unless `async`.  `committed` (may be NULL) gets what was
 * asked of the cluster, by its names, .err of each where it answered. */
rd_kafka_resp_err_t track_commit(struct track *tr,
                                 const rd_kafka_topic_partition_list_t *offsets,
                                 bool async,
                                 rd_kafka_topic_partition_list_t *committed);
/* Next after the last record that is finished; -1: none. */
int64_t track_finished(const struct track *tr, const struct part *p);
/* `p` is about to be given up: what is finished by now stays so. */
void track_freeze(const struct track *tr, struct part *p);
/* What a switch carries over of this partition; -1: nothing known. */
int64_t track_carry(const struct track *tr, const struct part *p);
/* What was delivered past the position that is carried over. */
int64_t track_delivered_past(const struct part *p, int64_t offset);
/* After a move a topic of the same name may be another one: an offset that was
 * never delivered here is the old cluster's, and would skip records. */
bool track_is_strange(const struct track *tr, const struct part *p,
                      int64_t offset);
/* `l` (NULL: all), of which the application has been told, is about to go on
 * elsewhere, at what is carried over: a transaction that has records past that,
 * and that did not end when it was told, must not stand. */
void track_note_rewind(struct track *tr,
                       const rd_kafka_topic_partition_list_t *l);
/* After a query of commits on g: what is about to be committed there counts. */
void track_tell_landings(const struct track *tr, const struct generation *g,
                         rd_kafka_topic_partition_list_t *l);
void track_commit_step(struct track *tr);
/* False also with an interval of 0: then only what is given up is committed. */
bool track_commits_by_time(const struct track *tr);
/* What is finished and not committed, if the engine commits by itself; the
 * outcome comes later. */
void track_commit_finished(struct track *tr);
/* Everything finished and not committed, of partitions in `only` (NULL: all);
 * bounded.  Lets go of the lock. */
void track_commit_wait(struct track *tr, struct generation *g,
                       const rd_kafka_topic_partition_list_t *only);
void track_land(struct track *tr, const char *topic, int32_t partition,
                int64_t offset);
void track_land_reset(struct track *tr);
/* Lets go of the lock. */
void track_on_commit(struct track *tr, struct generation *g,
                     rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *l);

/* track_tell.c */
void track_log(struct track *tr, int level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void track_event(struct track *tr, enum engine_event_type type,
                 const char *from, const char *text);
/* It cannot go to `to` now. */
void track_stuck(struct track *tr, const struct target *to, const char *text);
/* What is kept on the standby cluster is ready. */
void track_standby_ready(struct track *tr);
void track_warn(struct track *tr, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A step of the switch under way is done; `name` is static. */
void track_phase(struct track *tr, const char *name);
void track_phases_begin(struct track *tr);
/* Below track_delivered(), while a switch is told of. */
void track_first_delivered(struct track *tr);
/* Tells the first start on the new cluster once, if a switch is under way. */
void track_switched(struct track *tr);
void track_report(struct track *tr);
void track_report_step(struct track *tr);

/* What every record costs that is delivered, in the order of delivery: its
 * fingerprint, for the position after it. */
static inline void
track_delivered(struct track *tr, struct part *p, const rd_kafka_message_t *m)
{
    if (tr->printing && m->offset >= p->prints.from)
        prints_note(&p->prints, tr->cur->rk, m);
    if (tr->n_phases > 0 && !tr->told_first)
        track_first_delivered(tr);
}

#endif
