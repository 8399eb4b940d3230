/*
 * The route table at one revision: clusters, flows, rules, and what the
 * revisions before it leave behind (residency.h).  Immutable once built,
 * counted by reference, read by any thread; tables of neighbouring revisions
 * share what they have in common.  Only the writer thread builds tables.
 * Out of memory aborts.
 */
#ifndef SHUNT_ROUTE_TABLE_H
#define SHUNT_ROUTE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route-service/item.h"

struct json_t;

struct items {
    struct item **v;
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
    int64_t time_ms;     /* of the change set that made it; never lower than the
                            one before */
    int64_t infra_since; /* revision that last touched a cluster or a flow */
    /* What follows is for table.c and its neighbours: use the functions. */
    struct table *before; /* NULL: this is revision 0 */
    struct items of[KIND_COUNT];
    struct rules rules;
};

/* The empty table of revision 0. */
struct table *table_empty(void);
struct table *table_ref(struct table *t);
void table_unref(struct table *t); /* NULL allowed */

size_t table_count(const struct table *t, enum kind kind);
/* Borrowed; NULL: not there. */
struct item *table_find(const struct table *t, enum kind kind, const char *key);
/* All of a kind, ordered by key.  The caller frees v; the items are
 * borrowed. */
struct items table_items(const struct table *t, enum kind kind);
/* The same of the flows, borrowed: costs nothing. */
const struct items *table_flows(const struct table *t);
/* All rules that may match this cluster code, in force or not, in the order in
 * which they are tried.  The caller frees v; the items are borrowed. */
struct items table_rules_for(const struct table *t, const char *code);
/* Calls fn until it returns false for the rules that may match an identity that
 * `rule` matches too, as far as their literals say; for some more than once;
 * in any order. */
void table_rivals(const struct table *t, const struct item *rule,
                  bool (*fn)(struct item *other, void *arg), void *arg);
/* The first moment after t->time_ms at which a rule begins or ends to be in
 * force; INT64_MAX: there is none. */
int64_t table_next_edge(const struct table *t);

bool table_equal(const struct table *a, const struct table *b);
struct json_t *table_encode(const struct table *t);

/* Building (apply.c): a table like `from` at the next revision, to be changed
 * and then sealed. */
struct table *table_new(struct table *from, int64_t time_ms);
void table_put_take(struct table *t, struct item *item);
bool table_delete(struct table *t, enum kind kind, const char *key);
void table_seal(struct table *t);

#endif
