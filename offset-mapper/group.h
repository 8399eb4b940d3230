/*
 * A consumer group's positions on the cluster that it comes from: what each
 * source knows, and which of them counts.  Pure.
 */
#ifndef SHUNT_OFFSET_GROUP_H
#define SHUNT_OFFSET_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/err.h"
#include "offset-mapper/group_kafka.h"

struct json_t;

#define GROUP_SOURCE_MAP(X)                                                    \
    X(NONE, "none")                                                            \
    X(LIVE, "live")             /* reported by a member */                     \
    X(COMMIT, "commit")         /* on the source cluster */                    \
    X(CHECKPOINT, "checkpoint") /* the newest one of MirrorMaker 2 */          \
    X(GIVEN, "given")           /* with the request */

enum group_source {
#define X(name, text) GROUP_##name,
    GROUP_SOURCE_MAP(X)
#undef X
};

const char *group_source_text(enum group_source s);

struct group_live {
    bool known;
    bool connected; /* to a route service: its member is there */
    int64_t offset;
    int64_t age_ms; /* of the report */
    char *member;   /* its instance */
};

struct group_checkpoint {
    bool known;
    int64_t offset;    /* on the source */
    char *to_topic;    /* MirrorMaker's translation to the cluster where the
                          group goes; NULL: none */
    int64_t to_offset; /* -1 with it */
    int64_t time_ms;   /* wall clock, of its record */
    const char *flow;  /* that it is of; borrowed from the configuration */
};

struct group_stream {
    char *key;   /* of the hash */
    char *topic; /* physical, on the source */
    int32_t partition;
    struct group_live live;
    bool has_commit;
    int64_t commit;
    char *metadata; /* of the commit; NULL without one */
    struct group_checkpoint checkpoint;
    enum group_source used;
    int64_t position; /* next offset to process; -1 with GROUP_NONE */
    const char *why;  /* static: why this source */
    UT_hash_handle hh;
};

/* Streams in the order of their first mention, until group_choose(). */
struct group {
    struct group_stream *streams; /* uthash, by topic and partition */
};

void group_fini(struct group *g);
/* Found, or made. */
struct group_stream *group_stream(struct group *g, const char *topic,
                                  int32_t partition);
void group_take_commits(struct group *g, const struct group_commits *commits);
/* What members report, as GET /v1/clients of a route service has it: those of
 * `group` that use `cluster`.  A connected member beats one that has left, then
 * the younger report counts.  *n_members counts connected ones, *next is the
 * instance to go on after, owned by the caller, or NULL. */
MUST_CHECK int group_take_clients(struct group *g, const struct json_t *answer,
                                  const char *group, const char *cluster,
                                  size_t *n_members, char **next,
                                  struct err *err);
/* Decides `used`, `position` and `why` of each, and orders them by name.
 * `reachable`: the source cluster has answered. */
void group_choose(struct group *g, bool reachable);

#endif
