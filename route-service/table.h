/*
 * The route table at one revision: clusters, flows, rules.  Immutable once
 * sealed, counted by reference, shared by the loop and the writer thread.
 * Tables of neighbouring revisions share their items.  Out of memory aborts.
 */
#ifndef SHUNT_ROUTE_TABLE_H
#define SHUNT_ROUTE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"

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

struct items {
    struct item **v; /* one reference each */
    size_t n;
};

/* A rule under one of the cluster codes that it names. */
struct rule_entry {
    const char *code;  /* NULL: any, or by a wildcard; borrowed */
    struct item *item; /* borrowed from the table */
};

struct rules {
    struct rule_entry *v;
    size_t n;
};

struct table {
    atomic_int refs;
    int64_t revision;
    int64_t rules_since;         /* revision that last touched a rule */
    struct items of[KIND_COUNT]; /* each ordered by key */
    struct rules rules; /* by code, those without one first; among the same
                           code in the order in which they win */
};

/* A table to be filled and sealed: empty, or with the items of `from`. */
struct table *table_new(const struct table *from, int64_t revision);
void table_put_take(struct table *t, struct item *item);
bool table_delete(struct table *t, enum kind kind, const char *key);
/* Puts the rules in order; nothing is changed afterwards. */
void table_seal(struct table *t);

struct table *table_ref(struct table *t);
void table_unref(struct table *t); /* NULL allowed */
/* Borrowed; NULL: not there. */
struct item *table_find(const struct table *t, enum kind kind, const char *key);
/* The rules that name this cluster code without a wildcard; and those that
 * name none or one with a wildcard.  Each in the order in which they win;
 * borrowed.  No other rule can match the code. */
struct rules table_rules_for(const struct table *t, const char *code);
struct rules table_rules_open(const struct table *t);
bool table_equal(const struct table *a, const struct table *b);
struct json_t *table_encode(const struct table *t);

#endif
