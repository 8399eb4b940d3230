/*
 * What a route table is made of: a cluster, a flow or a rule, decoded and as
 * text.  Immutable, counted by reference, shared by all tables that have it.
 * Out of memory aborts.
 */
#ifndef SHUNT_ROUTE_ITEM_H
#define SHUNT_ROUTE_ITEM_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"
#include "route-service/map.h"

struct json_t;

enum kind { KIND_CLUSTER, KIND_FLOW, KIND_RULE, KIND_COUNT };

/* "cluster", "flow", "rule": also the property's name in change sets. */
const char *kind_name(enum kind kind);

/* What decides between rules that match, besides the id (DESIGN section 3). */
struct rank {
    int64_t priority;
    int literal;    /* dimensions named without a wildcard */
    int dimensions; /* dimensions named at all */
};

struct item {
    atomic_int refs;
    enum kind kind;
    char *key;  /* cluster's name, "a->b", rule's id */
    char *json; /* as the protocol writes it; equal text is equal meaning */
    struct rank rank; /* of a rule */
    union {
        struct pt_cluster cluster;
        struct pt_flow flow;
        struct pt_rule rule;
    } u;
};

MUST_CHECK int item_decode(enum kind kind, const struct json_t *j,
                           const char *path, struct item **out,
                           struct err *err);
struct item *item_ref(struct item *item);
void item_unref(struct item *item); /* NULL allowed */
struct json_t *item_encode(const struct item *item);

/* Maps of items by key. */
extern const struct map_type item_map_type;

#endif
