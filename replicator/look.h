/*
 * What can be seen of a flow from outside.  Its own thread tells of troubles,
 * answers and ends that it has reached; any other takes a copy of it all.
 */
#ifndef SHUNT_REPLICATOR_LOOK_H
#define SHUNT_REPLICATOR_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "replicator/pace.h"

struct flow;
struct part;

/* Of one partition, in its struct part; behind the flow's lock. */
struct sight {
    char *problem; /* NULL: it is well */
    int64_t problem_since_ms;
    int64_t last_timestamp; /* of the last record acknowledged, or -1 */
    int64_t latency_ms;     /* of all records together: age when acknowledged */
    int64_t
        end_met; /* the flow's thread only: where the log ended last; or -1 */
    int64_t passed;       /* all before it is copied, or is no record; or -1 */
    int64_t passed_at_ms; /* when it was last seen at its end, or -1 */
    int64_t first_low, first_end; /* its log when copying began, or -1 */
    int64_t asked_end;            /* what the observer was last told; or -1 */
};

void sight_init(struct sight *s);
/* What another process has done meanwhile is not known. */
void sight_anew(struct sight *s);
void sight_fini(struct sight *s);

/* How old records were when they were acknowledged: how many up to each of
 * LOOK_BUCKETS_MS, those beyond at the end.  The flow's thread counts. */
#define LOOK_BUCKETS 12
extern const int64_t look_buckets_ms[LOOK_BUCKETS];

struct latencies {
    _Atomic uint64_t n[LOOK_BUCKETS + 1];
};

/* ---- the flow's thread --------------------------------------------------- */

/* Without the lock: says what is wrong with the part; since when stays while
 * there is anything.  The same words again cost little. */
void part_problem(struct part *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void part_well(struct part *p);
/* Without the lock: the consumer has met the end of the log, at `offset`. */
void part_at_end(struct part *p, int64_t offset);
/* Without the lock: it is read again from elsewhere. */
void part_seen_rewound(struct part *p);
/* Counts the age of `n` records of this time (-1: not known), at `now_ms`;
 * returns all their ages together. */
int64_t look_count_age(struct latencies *l, int64_t timestamp_ms,
                       int64_t now_ms, uint64_t n);
/* Under the lock: records are acknowledged, or passed over (NULL). */
struct copied;
void part_seen_acked(struct part *p, const struct copied *c);

/* ---- any thread ---------------------------------------------------------- */

/* A copy of a part.  Numbers that are not known are -1. */
struct part_look {
    const char *topic, *remote; /* borrowed from the flow */
    int32_t partition, unit;
    unsigned holds;    /* of enum hold */
    int64_t position;  /* the source offset to copy next */
    int64_t saved;     /* the position that stands in Kafka */
    int64_t end;       /* of the source's log */
    int64_t lag;       /* offsets from position to end */
    int64_t lag_ms;    /* how long it has not been at the end */
    int64_t first, of; /* first copy: offsets done, and to do */
    uint64_t records, bytes, refused, missed, looped, dead;
    int64_t latency_ms; /* sum over all records */
    int64_t last_timestamp;
    char *problem; /* owned; NULL: it is well */
    int64_t problem_since_ms;
};

/* What parts come to together. */
struct look_sum {
    int64_t parts, mine, held, ill; /* held and ill ones are mine */
    int64_t lag, lag_ms;            /* all together; the most */
    int64_t unknown;                /* parts whose lag is not known */
    int64_t first, of,
        of_unknown; /* the last: parts of which it is not known */
    int64_t latency_ms;
    uint64_t records, bytes, refused, missed, looped, dead;
};

struct look_notes {
    uint64_t written, waiting, refused;
    int64_t age_ms; /* since they were last written, or -1 */
};

struct flow_look {
    const char *name, *source, *target; /* borrowed from the flow */
    bool ready, broken, paused;
    char *error; /* owned; NULL: none */
    int32_t units, units_mine;
    struct pace_rate rate;
    struct look_notes syncs, positions, checkpoints, heartbeats;
    uint64_t latency[LOOK_BUCKETS + 1];
    struct part_look *parts; /* owned; by topic and partition */
    size_t n;
};

/* `topic`: only its parts, NULL: all. */
void flow_look(struct flow *f, const char *topic, struct flow_look *out);
void flow_look_fini(struct flow_look *l);
/* Is it this process that copies the part? */
bool part_look_mine(const struct part_look *p);
void look_sum_add(struct look_sum *sum, const struct part_look *p);
/* "paused", "stopped", "retrying", ...: why it is not read, the weightiest
 * reason; "copying".  Static storage. */
const char *part_look_state(const struct part_look *p);

/* What flow_look() concludes (pure): `high` is the end that the consumer knows,
 * `passed_at_ms` and `now_ms` are of one clock, `wall_ms` of records'. */
struct look_clock {
    int64_t now_ms, wall_ms;
};
void look_judge(struct part_look *p, const struct sight *s, int64_t high,
                struct look_clock clock);

#endif
