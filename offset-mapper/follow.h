/*
 * Follows all flows at once: offset syncs and checkpoints into the store,
 * heartbeats to know whether a flow lives.  One feed (thread) for each cluster
 * that has such topics, and one thread that looks for topics made anew and
 * prunes.
 *
 * It never gives up: missing topics, denied ones, dead clusters and bad records
 * are said, counted and outlived.
 */
#ifndef SHUNT_OFFSET_FOLLOW_H
#define SHUNT_OFFSET_FOLLOW_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/net/loop.h"
#include "offset-mapper/beats.h"
#include "offset-mapper/config.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"

struct follow;

/* How one topic is read. */
struct follow_topic {
    int64_t position; /* next offset to read */
    int64_t end;      /* log end as last seen; -1 before it was */
    int64_t undecodable, tombstones;
    char error[256]; /* what it waits for, or "" */
};

/* A copy of how a flow stands. */
struct follow_status {
    struct store_progress progress; /* of the offset syncs */
    struct follow_topic syncs, checkpoints, heartbeats;
    bool ready;  /* may answer, see PROTOCOL.md, GET /readyz */
    int percent; /* of the offset syncs */
    int64_t checkpoints_kept;
    int64_t begun[STORE_BEGUN_REASONS]; /* incarnations, since the start */
    int64_t pruned;                     /* runs, since the start */
    enum beats_alive alive;
    int64_t
        last_heartbeat_ms; /* wall clock of the newest copied one; 0: none */
    int64_t latency_ms;    /* from its writing to our reading; -1: not known */
};

struct follow_options {
    int64_t fetch_wait_max_ms;
    int64_t dead_after_ms; /* without a sign of life */
    int64_t watch_ms;      /* between two looks at the logs; 0: none */
};

/* No thread yet.  Everything is borrowed until follow_free(). ERR_INVALID: a
 * cluster property that librdkafka refuses. */
MUST_CHECK int follow_new(const struct config *config, struct store *store,
                          struct logs *logs, const struct follow_options *o,
                          struct follow **out, struct err *err);
/* Before follow_start(): `fn` is called on `loop` after what is known of any
 * partition has changed; changes that come quickly share a call. */
void follow_on_change(struct follow *f, struct loop *loop,
                      void (*fn)(void *arg), void *arg);
MUST_CHECK int follow_start(struct follow *f, struct err *err);
/* After it, loop_drain() of the loop of follow_on_change(). NULL allowed. */
void follow_stop(struct follow *f);
void follow_free(struct follow *f);

/* Any thread. `flow` is one of the configuration's. */
void follow_status(struct follow *f, const struct flow *flow,
                   struct follow_status *out);
/* Nobody has ever read its syncs to their end with this store: what it has is
 * perhaps of a life that is over. */
bool follow_unread(struct follow *f, const struct flow *flow);

#endif
