/*
 * The route table at one revision: clusters, flows, rules, and what the
 * revisions before it leave behind (residency.h).  Immutable once built,
 * counted by reference, read by any thread; tables of neighbouring revisions
 * share what they have in common.  Only one thread builds tables on a table.
 * Out of memory aborts.
 */
#ifndef SHUNT_ROUTE_TABLE_H
#define SHUNT_ROUTE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route-service/edge.h"
#include "route-service/index.h"
#include "route-service/item.h"
#include "route-service/map.h"

struct json_t;
struct list;

struct items {
    struct item **v;
    size_t n;
};

struct table {
    atomic_int refs;
    int64_t revision;
    int64_t time_ms;     /* of the change set that made it; never lower than the
                            one before */
    int64_t infra_since; /* revision that last touched a cluster or a flow */
    /* What follows is for table.c and its neighbours: use the functions. */
    struct list *lists[2]; /* clusters, flows */
    struct map rules;      /* items */
    struct index index;
    struct edges *edges; /* NULL: none */
    int64_t before_ms;   /* time_ms of the table before */
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
/* Calls fn until it returns false for the rules that may match an identity that
 * `rule` matches too, as far as their literals say; for some more than once;
 * the nearest first.  *budget: how many places may be looked at, and what is
 * left then.  False: it did not get to the end. */
bool table_rivals(const struct table *t, const struct item *rule,
                  size_t *budget, bool (*fn)(struct item *other, void *arg),
                  void *arg);
/* The first moment after t->time_ms at which a rule begins or ends to be in
 * force; INT64_MAX: there is none. */
int64_t table_next_edge(const struct table *t);
/* Calls fn for everything that is not the same in both, in no order: what it was
 * in `a` and what it is in `b`, NULL where it is not.  Costs what they don't
 * share. */
typedef void (*table_diff_fn)(struct item *before, struct item *after,
                              void *arg);
void table_diff(const struct table *a, const struct table *b, table_diff_fn fn,
                void *arg);
/* The same clusters, flows and rules. */
bool table_equal(const struct table *a, const struct table *b);
struct json_t *table_encode(const struct table *t);
/* Its text, put together from those of the items; owned by the caller. */
char *table_text(const struct table *t, size_t *len);

/* Building (apply.c): a table like `from` at the next revision and at `time_ms`
 * (`from`'s, if that is later); then its changes, each object once; then the
 * rules whose window begins or ends by itself; then `touched`, all rules, old and
 * new, that any of this was about. */
struct table *table_new(const struct table *from, int64_t time_ms);
void table_put_take(struct table *t, struct item *item);
bool table_delete(struct table *t, enum kind kind, const char *key);
void table_turn(struct table *t, void (*fn)(struct item *rule, void *arg),
                void *arg);
void table_seal(struct table *t, struct item *const *touched, size_t n);
/* Out of a snapshot (snapshot.c): an item, when it is in force since when. */
void table_restore_take(struct table *t, struct item *item, int64_t since,
                        int64_t item_since);

#endif
