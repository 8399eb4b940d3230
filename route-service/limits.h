/*
 * Every cap of the route service that is not an option.  Options (main.c) cap
 * bodies, connections and the backlog of a stream.
 */
#ifndef SHUNT_ROUTE_LIMITS_H
#define SHUNT_ROUTE_LIMITS_H

#define LIMIT_OPERATIONS     100000 /* in one change set */
#define LIMIT_OBJECTS        250000 /* of each kind, in a table */
#define LIMIT_PENDING        64     /* change sets waiting for the writer */
#define LIMIT_OFFLOAD        64   /* requests waiting for the offload thread */
#define LIMIT_TOPICS         1000 /* of one identity */
#define LIMIT_VIEW           64   /* physical topics of one logical topic */
#define LIMIT_HOPS           4    /* flows that a copy has come through */
#define LIMIT_VIEW_STEPS     2000 /* paths looked at for them */
#define LIMIT_HISTORY        1000 /* change sets in one answer */
#define LIMIT_HISTORY_BYTES  ((size_t)16 << 20) /* of one answer */
#define LIMIT_ANSWERS_BYTES  ((size_t)16 << 20) /* kept ready by a loop */
#define LIMIT_AWAY_BYTES     ((size_t)16 << 20) /* clients that are away, a loop */
#define LIMIT_BODIES         4096 /* answers found by body, a loop */
#define LIMIT_BODY_KEPT      ((size_t)4 << 10) /* body and answer of one */
#define LIMIT_MOVES          1000    /* listed in the answer to a change */
#define LIMIT_CLIENTS        10000   /* in one answer */
#define LIMIT_CANDIDATES     200     /* rules that explain lists, per topic */
#define LIMIT_EXPLAINED      5000    /* rules looked at to find others for it */
#define LIMIT_WARNINGS       100     /* in one answer */
#define LIMIT_RULE_WARNINGS  10      /* about one rule and others */
#define LIMIT_COMPARISONS    1000000 /* pairs of rules looked at for warnings */
#define LIMIT_RIVALS         10000   /* of them for one rule: some ms */
#define LIMIT_CLIENT_BYTES   ((size_t)512 << 10) /* a watch or a report */
#define LIMIT_CHANGE_BYTES   ((size_t)64 << 20)  /* one change set, stored */
#define LIMIT_SNAPSHOT_BYTES ((size_t)1 << 30)   /* a whole table, stored */
#define LIMIT_MAP_BYTES      ((size_t)16 << 30)  /* of the store's file */
#define LIMIT_SPOTS          1024 /* at which one rule is filed in the index */

#endif
