/*
 * The way of a position from one cluster to another over the flows that copy
 * its stream, and what their runs say of it.
 *
 * A stream and its copies are a tree: so a way goes first against flows, to
 * where the stream came from, then along flows.  The shortest one on which
 * every flow has syncs of the partition counts; among equally short ones, the
 * surest.  Where a flow each way keeps names, both have records in one
 * partition: the record asked for tells which flow it came by (mixed.h).
 *
 * Reads one view of the store; no state, no thread of its own.
 */
#ifndef SHUNT_OFFSET_PATH_H
#define SHUNT_OFFSET_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/mm2/runs.h"
#include "offset-mapper/config.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"

#define PATH_HOPS_MAX 8
#define PATH_NAME_MAX 512

/* What is known of logs without asking; `known` NULL: nothing. */
struct path_logs {
    bool (*known)(void *arg, const char *cluster, const char *topic,
                  int32_t partition, struct log_range *out);
    void *arg;
};

/* Which flows' syncs have never been read to their end: what is known of those
 * may be of a life that is over.  `unread` NULL: none. */
struct path_flows {
    bool (*unread)(void *arg, const struct flow *f);
    void *arg;
};

struct path_env {
    const struct config *config;
    struct store_view *view;
    struct path_logs logs;
    struct path_flows flows;
    int64_t now_ms; /* since 1970 */
};

struct hop {
    const struct flow *flow;
    bool reverse;
    char topic[PATH_NAME_MAX];    /* where it leads to */
    char up_topic[PATH_NAME_MAX]; /* on the flow's source */
    struct store_info info;
    struct log_range up_log, down_log; /* of its source, of its target */
    bool broken;           /* one of the logs was made anew or cut */
    bool old_end;          /* the log end is older than the newest sync */
    struct runs_answer at; /* of the lowest position that it starts from */
    int64_t high;          /* of the highest one; -1: nothing bounds it */
};

struct path {
    struct hop hops[PATH_HOPS_MAX];
    size_t n; /* 0: there is no way */
};

/* ERR_INVALID: no such cluster, the same twice, no flows that join them. */
MUST_CHECK int path_check(const struct config *c, const char *from,
                          const char *to, struct err *err);

/* Where a reader of `topic` on `from` goes on on `to` that would read `offset`
 * next.  ERR_UNAVAILABLE: a flow on the way is still unread. */
MUST_CHECK int path_find(const struct path_env *env, const char *from,
                         const char *to, const char *topic, int32_t partition,
                         int64_t offset, struct path *out, struct err *err);

/* The cluster that a hop leads to. */
const char *hop_cluster(const struct hop *h);
/* The worst of its hops: the last in the order of enum runs_quality. */
enum runs_quality path_quality(const struct path *p);

#endif
