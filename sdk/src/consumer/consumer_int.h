/*
 * What the files of the consumer engine share: consumer.c (calls of the
 * application, the poll), consumer_switch.c (route, states),
 * consumer_handover.c (positions from the old cluster to the new
 * one), consumer_start.c (other start positions), consumer_commit.c (positions, commits),
 * consumer_tell.c (events, reports).  Everything runs on the application's
 * thread.
 */
#ifndef SHUNT_SDK_CONSUMER_INT_H
#define SHUNT_SDK_CONSUMER_INT_H

#include "common/base/backoff.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/consumer_query.h"
#include "sdk/src/consumer/consumer_wake.h"
#include "sdk/src/consumer/generation.h"
#include "sdk/src/consumer/reaper.h"

enum consumer_state {
    CONSUMER_IDLE,    /* no subscription; until subscribe */
    CONSUMER_ROUTING, /* no generation; until a route that can be followed */
    CONSUMER_RUNNING, /* `cur` delivers; until the route names another cluster */
    CONSUMER_JOINING, /* `cur` delivers, `next` joins its group; until it has,
                         or the route leads elsewhere */
    CONSUMER_MAPPING, /* nothing delivers, `cur` has stopped; until its final
                         positions are translated, or cannot be */
    CONSUMER_CLOSED,  /* for good */
};

#define RETIRED_MAX   4
#define POSITIONS_MAX 10000 /* of one question; offset-mapper/PROTOCOL.md */

/* One final position of the old generation on its way to the new one. */
struct carry {
    const struct part *from; /* of `cur` */
    int64_t offset;
    int64_t again;  /* delivered from there on: read again for sure */
    char *to_topic; /* owned */
    int64_t commit, commit_since; /* found on the new cluster; -1: none */
    struct mapped mapped;
};

struct handover {
    struct carry *v;
    size_t n;
    struct asking *asking; /* NULL: answered or given up */
    struct po_question question;
    struct query *query; /* commits on the new cluster */
    bool mapped;         /* nothing more will come from the mappers */
    int64_t deadline_ms;
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
    struct query *ends;    /* log ends, for a new group that wants only news */
    int64_t ends_again_ms; /* ask for those that failed then */
    size_t unmapped;       /* started without one, not yet told */
};

struct consumer {
    struct engine e;
    enum consumer_state state;
    struct wake *wake;
    struct reaper *reaper;
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
    struct handover hand;
    struct starter starter;
    struct landing *landings;
    size_t n_landings;
    int64_t landing_again_ms, landing_end_ms;

    struct part *last; /* of cur: the record returned last, not finished yet */
    int64_t last_next; /* its offset + 1 */
    int64_t commit_at_ms, report_at_ms;

    int64_t join_ms; /* when the switch began */
    int64_t stop_ms; /* when cur stopped; 0: no switch to be told of */
    char *from;      /* cluster left, for the event */
    int64_t bound;   /* of this switch */
    int64_t switch_ms, last_bound; /* of the last one, for reports */
    bool stuck;
};

/* consumer_switch.c */
/* Looks at the newest route and acts on it. */
void consumer_follow(struct consumer *c);
void consumer_move(struct consumer *c, enum consumer_state to);
/* Everything of routes and switches that can be done without waiting. */
void consumer_switch_step(struct consumer *c);
/* Closes every handle in the background and forgets what is under way. */
void consumer_drop_generations(struct consumer *c);

/* consumer_handover.c */
/* Stops cur and asks where its positions are on the cluster of `next`. */
void consumer_handover_begin(struct consumer *c);
/* True: every position is decided, cur has been replaced by next. */
bool consumer_handover_step(struct consumer *c);
void consumer_handover_reset(struct consumer *c);
/* Tells the application of all partitions of cur. */
void consumer_tell_rebalance(struct consumer *c, rd_kafka_resp_err_t code);

/* consumer_start.c */
void consumer_start_step(struct consumer *c);
/* `old` is asked, if it answers, which streams it has: nobody waits for a
 * position of the others. */
void consumer_start_ask_topics(struct consumer *c, struct generation *old);
/* Forgets what is under way; before cur changes. */
void consumer_start_reset(struct consumer *c);
/* `p` of `g` is ours and starts as decided; generation_fetch() is the caller's. */
void consumer_start_part(struct consumer *c, struct generation *g,
                         struct part *p, const struct start *s);
bool consumer_start_pending(const struct consumer *c);

/* consumer_commit.c */
void consumer_finish_last(struct consumer *c);
/* What a switch carries over of this partition; -1: nothing known. */
int64_t consumer_carry(const struct consumer *c, const struct part *p);
void consumer_commit_step(struct consumer *c);
/* False also with an interval of 0: then only what is given up is committed. */
bool consumer_commits_by_time(const struct consumer *c);
/* What is finished and not committed, if the engine commits by itself; the
 * outcome comes later. */
void consumer_commit_finished(struct consumer *c);
/* Everything finished and not committed, of partitions in `only` (NULL: all);
 * bounded. */
void consumer_commit_wait(struct consumer *c, struct generation *g,
                          const rd_kafka_topic_partition_list_t *only);
void consumer_land(struct consumer *c, const char *topic, int32_t partition,
                   int64_t offset);
void consumer_land_reset(struct consumer *c);
void consumer_on_commit(struct consumer *c, struct generation *g,
                        rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *l);

/* consumer_tell.c */
void consumer_log(struct consumer *c, int level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void consumer_event(struct consumer *c, enum engine_event_type type,
                    const char *from, const char *text);
/* It cannot go to `to` now. */
void consumer_stuck(struct consumer *c, const struct target *to,
                    const char *text);
void consumer_warn(struct consumer *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Tells the first start on the new cluster once, if a switch is under way. */
void consumer_switched(struct consumer *c);
void consumer_report(struct consumer *c);
void consumer_report_step(struct consumer *c);

#endif
