/*
 * Groups of a cluster: which there are, what they have committed, committing
 * for them.  Committed offsets are asked by a handle that has the group's id
 * and never subscribes: librdkafka's admin calls for groups can abort the
 * process (2.0.2).  Blocks; the checkpointer's thread.
 */
#ifndef SHUNT_REPLICATOR_GROUPS_H
#define SHUNT_REPLICATOR_GROUPS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/err.h"
#include "common/base/strs.h"

/* A handle is a few threads and connections: more groups than that are asked
 * one batch after another, with handles that end with it. */
#define GROUPS_HANDLES 16

struct flow;

struct group {
    char *name;
    struct strlist topics; /* where it has commits, when last asked for all */
    rd_kafka_t *rk;        /* NULL: not open */
    bool seen;             /* in the list that is being made */
    UT_hash_handle hh;
};

struct groups {
    struct flow *flow;
    struct group *all;
    bool unlisted;       /* the last refresh failed */
    bool unsupported;    /* said */
    char complaint[512]; /* said once */
};

/* The groups of the source that the flow follows, as of now. */
void groups_refresh(struct groups *g);
/* Opens handles for up to GROUPS_HANDLES groups from `first` on (they connect
 * side by side); how many. Groups without one could not be opened. */
size_t groups_open(struct groups *g, struct group *first);
/* Closes what groups_open() did, unless all groups together are few. */
void groups_close(struct groups *g, struct group *first, size_t n);
void groups_complain(struct groups *g, const char *why);
void groups_fini(struct groups *g);

/* Fills the offsets of `parts`. Many are asked in several requests: librdkafka
 * takes the square of their number to sort an answer out. */
MUST_CHECK int groups_committed(rd_kafka_t *rk, const char *group,
                                rd_kafka_topic_partition_list_t *parts,
                                struct err *err);

/* States of all groups of a cluster; free with rd_kafka_group_list_destroy().
 * NULL: it cannot tell. */
const struct rd_kafka_group_list *groups_list(rd_kafka_t *rk,
                                              rd_kafka_resp_err_t *code);
/* Nobody is in it: it is empty, or there is no such group. */
bool groups_is_idle(const struct rd_kafka_group_list *list, const char *name);

#endif
