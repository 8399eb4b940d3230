/*
 * The messages of route-service/PROTOCOL.md: structs and their JSON.  Pure.
 * Zeroed structs are empty; *_fini frees what a struct owns; decoders leave
 * nothing to free when they fail.
 */
#ifndef SHUNT_PROTO_ROUTE_H
#define SHUNT_PROTO_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct buf;
struct json_t;

struct pt_cluster {
    char *name;
    char *bootstrap_servers;
    struct props properties; /* librdkafka's, for clients of this cluster */
};

struct pt_flow {
    char *source, *target;
    char *policy;           /* "default" or "identity" */
    char *separator;        /* "." */
    char *syncs_location;   /* "source" or "target": where the offset-syncs
                                topic is */
    struct strlist mappers; /* base URLs of offset mappers that follow it */
};

struct pt_attr {
    char *key;
    struct strlist patterns;
};

/* Empty lists match everything. Every string is a pattern (base/glob.h). */
struct pt_match {
    struct strlist cluster_code, role, topic, group, client_id;
    struct pt_attr *attrs;
    size_t n_attrs;
};

struct pt_rule {
    char *id;
    int64_t priority;
    bool enabled;
    struct pt_match match;
    struct pt_match not_match; /* "not": no value may match any pattern here */
    char *share_by;      /* "client.id", "group", "topic", "cluster.code" or
                       "attributes.NAME"; NULL: no share, all of them */
    int64_t share;       /* whole percent of the values of share_by, 0..100 */
    int64_t valid_from;  /* ms since 1970, 0: always was */
    int64_t valid_until; /* first ms at which it is over; PT_NO_END: never */
    struct props properties; /* librdkafka's, over those of the cluster */
    char *cluster;
    bool fence;    /* clients stop on any other cluster at once */
    char *standby; /* cluster that clients keep ready; NULL: none */
    char *comment; /* "" when absent */
};

#define PT_NO_END INT64_MAX

struct pt_identity {
    char *cluster_code;
    char *role; /* "producer" or "consumer" */
    struct strlist topics;
    char *group;     /* NULL: none */
    char *client_id; /* NULL: none */
    struct props attrs;
};

/* One physical topic that holds a part of a logical one. */
struct pt_view {
    char *topic;
    char *origin; /* cluster on which its records were first written */
};

struct pt_route {
    char *topic;    /* logical; "" for an identity without topics */
    char *cluster;  /* NULL: no rule matches */
    char *rule;     /* NULL with it */
    int64_t since;  /* revision at which the residency began; 0 without one */
    char *previous; /* cluster before it, NULL: none */
    struct props properties; /* the rule's, over those of the cluster */
    struct pt_view *view;    /* local topic first */
    size_t n_view;
    bool fence;    /* stop on any other cluster at once, whether this one can be
                      reached or not */
    char *standby; /* cluster to keep ready; NULL: none.  Neither it nor fence
                      begins a residency */
    struct pt_view *standby_view; /* the topic there, local topic first */
    size_t n_standby_view;
};

struct pt_answer {
    int64_t revision;
    struct pt_route *routes; /* one for each topic of the identity, in order */
    size_t n_routes;
    struct pt_cluster *clusters; /* those named in routes, standby too */
    size_t n_clusters;
    struct pt_flow *flows; /* those between any of these clusters */
    size_t n_flows;
};

/* How a client describes itself in watches and reports. */
struct pt_client {
    char *instance; /* unique for the life of a handle */
    char *name;     /* application's name, or the program's */
    char *version;  /* of the SDK */
    char *host;
    int64_t pid;
};

/* Where a client stands in a physical topic of the cluster that it uses: what it
 * would carry over to another one, so never past what it has finished. */
struct pt_position {
    char *topic;
    int32_t partition;
    int64_t offset; /* the next one */
};

#define PT_POSITIONS_MAX 1000 /* in one report */

/* One step of the last switch. */
struct pt_phase {
    char *name; /* letters, digits, - and _: "prepared", "caught-up", ... */
    int64_t ms; /* after the switch began */
};

#define PT_PHASES_MAX     32 /* in one report */
#define PT_PHASE_NAME_MAX 40 /* bytes */

struct pt_report {
    char *instance;
    int64_t revision;
    char *cluster; /* in use; NULL: none yet */
    char *state;   /* "starting" | "running" | "switching" | "stuck" */
    char *detail;  /* words for people; NULL: none */
    int64_t since;
    int64_t switch_ms;    /* stall of the last switch; -1: none yet */
    int64_t reread_bound; /* records it may read again; -1: unknown */
    int64_t lag;          /* records not read yet, of all its partitions; -1:
                             unknown */
    struct pt_position *positions; /* none: unknown, or not told */
    size_t n_positions;
    struct pt_phase *phases; /* of the last switch, in the order in which they
                                were reached; none: no switch yet */
    size_t n_phases;
};

MUST_CHECK int pt_cluster_decode(const struct json_t *j, const char *path,
                                 struct pt_cluster *out, struct err *err);
struct json_t *pt_cluster_encode(const struct pt_cluster *c);
void pt_cluster_fini(struct pt_cluster *c);

MUST_CHECK int pt_flow_decode(const struct json_t *j, const char *path,
                              struct pt_flow *out, struct err *err);
struct json_t *pt_flow_encode(const struct pt_flow *f);
void pt_flow_fini(struct pt_flow *f);

MUST_CHECK int pt_rule_decode(const struct json_t *j, const char *path,
                              struct pt_rule *out, struct err *err);
struct json_t *pt_rule_encode(const struct pt_rule *r);
void pt_rule_fini(struct pt_rule *r);
bool pt_match_is_empty(const struct pt_match *m);

MUST_CHECK int pt_identity_decode(const struct json_t *j, const char *path,
                                  struct pt_identity *out, struct err *err);
struct json_t *pt_identity_encode(const struct pt_identity *i);
void pt_identity_fini(struct pt_identity *i);

MUST_CHECK int pt_answer_decode(const struct json_t *j, struct pt_answer *out,
                                struct err *err);
struct json_t *pt_answer_encode(const struct pt_answer *a);
void pt_answer_fini(struct pt_answer *a);
/* Borrowed; NULL when not in the answer. */
const struct pt_cluster *pt_answer_cluster(const struct pt_answer *a,
                                           const char *name);

MUST_CHECK int pt_client_decode(const struct json_t *j, const char *path,
                                struct pt_client *out, struct err *err);
struct json_t *pt_client_encode(const struct pt_client *c);
void pt_client_fini(struct pt_client *c);

MUST_CHECK int pt_report_decode(const struct json_t *j, struct pt_report *out,
                                struct err *err);
struct json_t *pt_report_encode(const struct pt_report *r);
void pt_report_fini(struct pt_report *r);

/* The same texts, appended to a buffer: for lists of very many. */
void pt_client_write(struct buf *b, const struct pt_client *c);
void pt_identity_write(struct buf *b, const struct pt_identity *i);
void pt_report_write(struct buf *b, const struct pt_report *r);

#endif
