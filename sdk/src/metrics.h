/*
 * What a handle counts.  The counters belong to the handle, not to a
 * generation: a switch does not reset them.  Any thread; no lock but the one
 * around the phases.  A NULL `m` is allowed everywhere and counts nothing
 * (engines in unit tests).
 *
 * A counter is one line of METRICS: name, whose (CONSUMER, PRODUCER, BOTH),
 * its name for Prometheus ("shunt_sdk_" before, "_total" behind), help.
 */
#ifndef SHUNT_SDK_METRICS_H
#define SHUNT_SDK_METRICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum metric_of {
    METRIC_OF_CONSUMER = 1,
    METRIC_OF_PRODUCER = 2,
    METRIC_OF_BOTH = 3,
};

/* clang-format off */
#define METRICS(X)                                                             \
    /* consumer */                                                             \
    X(RECORDS_DELIVERED, CONSUMER, "records_delivered",                        \
      "Records returned to the application.")                                  \
    X(COMMITS, CONSUMER, "commits",                                            \
      "Commit requests that a cluster acknowledged.")                          \
    X(COMMITS_FAILED, CONSUMER, "commits_failed",                              \
      "Commit requests that failed.")                                          \
    X(REBALANCES, CONSUMER, "rebalances",                                      \
      "Assignments and revocations told to the application.")                  \
    X(PARTITIONS_MOVED, CONSUMER, "partitions_moved",                          \
      "Partitions started on another cluster at a carried position.")          \
    X(MAPPINGS_EXACT, CONSUMER, "mappings_exact",                              \
      "Positions translated exactly.")                                         \
    X(MAPPINGS_BOUND, CONSUMER, "mappings_bound",                              \
      "Positions translated to a range; reading began at its low end.")        \
    X(MAPPINGS_FAILED, CONSUMER, "mappings_failed",                            \
      "Positions without a translation in time.")                              \
    X(REREAD_BOUND, CONSUMER, "reread_bound_records",                          \
      "Records that moves may have read again, at most.")                      \
    X(SETTLE_TIMEOUTS, CONSUMER, "settle_timeouts",                            \
      "Partitions started without the commit of another member in time.")      \
    X(CATCHUP_TIMEOUTS, CONSUMER, "catchup_timeouts",                          \
      "Partitions started before replication had brought their position.")     \
    X(CATCHUP_MS, CONSUMER, "catchup_ms",                                      \
      "Milliseconds of moves spent waiting for replication.")                  \
    /* producer */                                                             \
    X(RECORDS_ACCEPTED, PRODUCER, "records_accepted",                          \
      "Records accepted by a produce call.")                                   \
    X(RECORDS_ACKED, PRODUCER, "records_acknowledged",                         \
      "Delivery reports of success.")                                          \
    X(RECORDS_FAILED, PRODUCER, "records_failed",                              \
      "Delivery reports of failure.")                                          \
    X(RECORDS_HELD, PRODUCER, "records_held",                                  \
      "Records accepted while their topic had no route or was moving.")        \
    X(RECORDS_MOVED, PRODUCER, "records_moved",                                \
      "Records produced again on another cluster, not acknowledged before.")   \
    X(QUEUE_FULL, PRODUCER, "queue_full",                                      \
      "Produce calls refused because the queue was full.")                     \
    X(TXNS_COMMITTED, PRODUCER, "transactions_committed",                      \
      "Transactions committed.")                                               \
    X(TXNS_ABORTED, PRODUCER, "transactions_aborted",                          \
      "Transactions aborted.")                                                 \
    X(TXNS_MOVED, PRODUCER, "transactions_cut",                                \
      "Transactions that had to be aborted because of a move.")                \
    /* both */                                                                 \
    X(SWITCHES, BOTH, "switches",                                              \
      "Moves to another cluster that are done.")                               \
    X(SWITCH_STALL_MS, BOTH, "switch_stall_ms",                                \
      "Milliseconds of moves without delivery, or with records held back.")    \
    X(STUCK, BOTH, "stuck",                                                    \
      "Times that a move could not be done and was put off.")                  \
    X(FENCED, BOTH, "fenced",                                                  \
      "Times that a route said to stop at once.")                              \
    X(WARNINGS, BOTH, "warnings", "Warning events.")                           \
    X(ERRORS, BOTH, "errors", "Errors told to error_cb.")                      \
    X(EVENTS_LOST, BOTH, "events_lost",                                        \
      "Events dropped, nobody having polled.")
/* clang-format on */

enum metric {
#define METRIC_ENUM(name, of, prometheus, help) METRIC_##name,
    METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRICS_N
};

#define METRIC_PHASES_MAX 64

/* How long after the beginning of the last move to `to` a phase was reached. */
struct metric_phase {
    const char *to, *phase; /* `to` interned (name.h), `phase` static */
    int64_t ms;
};

struct metrics {
    _Atomic int64_t counters[METRICS_N];
    pthread_mutex_t mutex; /* of what follows */
    struct metric_phase phases[METRIC_PHASES_MAX];
    size_t n_phases;
    int64_t since;    /* of the residency; 0: none yet */
    int64_t stall_ms; /* of the last move; -1: none yet */
};

MUST_CHECK int metrics_init(struct metrics *m);
void metrics_fini(struct metrics *m);

static inline void
metrics_add(struct metrics *m, enum metric which, int64_t n)
{
    if (m)
        atomic_fetch_add_explicit(&m->counters[which], n, memory_order_relaxed);
}

/* For a counter that is only ever added to below one and the same lock: no
 * locked instruction, hence good for each record. */
static inline void
metrics_add_locked(struct metrics *m, enum metric which, int64_t n)
{
    if (!m)
        return;
    const int64_t was =
        atomic_load_explicit(&m->counters[which], memory_order_relaxed);
    atomic_store_explicit(&m->counters[which], was + n, memory_order_relaxed);
}

static inline int64_t
metrics_get(const struct metrics *m, enum metric which)
{
    return m ? atomic_load_explicit(&m->counters[which], memory_order_relaxed)
             : 0;
}

/* The phases of an earlier move to this cluster are forgotten. */
void metrics_switch_begins(struct metrics *m, const char *to);
/* `phase` is static. */
void metrics_phase(struct metrics *m, const char *to, const char *phase,
                   int64_t ms);
/* `stall_ms` -1: the first cluster, nothing was left. */
void metrics_switched(struct metrics *m, int64_t since, int64_t stall_ms);

#endif
