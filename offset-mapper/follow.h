/*
 * A follower: the thread that reads one flow's offset-syncs topic into the
 * store.  It never gives up: a missing topic, a dead broker and bad records
 * are said, counted and outlived.
 */
#ifndef SHUNT_OFFSET_FOLLOW_H
#define SHUNT_OFFSET_FOLLOW_H

#include <stdbool.h>

#include "common/base/err.h"
#include "offset-mapper/config.h"
#include "offset-mapper/store.h"

struct follower;

/* A copy of how things stand. */
struct follow_status {
    struct store_progress progress;
    int64_t end;     /* log end as last seen; -1 before it was */
    bool ready;      /* has read up to the end that the topic had at start */
    char error[256]; /* what it waits for, or "" */
};

/* Starts the thread; `flow` and `store` are borrowed until follow_stop().
 * ERR_INVALID: a cluster property that librdkafka refuses. */
MUST_CHECK int follow_start(const struct flow *flow, struct store *store,
                            int64_t fetch_wait_max_ms, struct follower **out,
                            struct err *err);
/* Stops them together, because one that asks a dead broker takes seconds. */
void follow_stop(struct follower *const *v, size_t n);
const struct flow *follow_flow(const struct follower *f);
/* Any thread. */
void follow_status(struct follower *f, struct follow_status *out);

#endif
