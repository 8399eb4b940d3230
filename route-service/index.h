/*
 * The rules of a table by the literals that they demand: who is in force, who
 * was once (past.h), who is not.  Copying one is O(1), a change costs
 * O(log rules), and an identity reaches only what its own values lead to.
 * Pure; out of memory aborts.
 */
#ifndef SHUNT_ROUTE_INDEX_H
#define SHUNT_ROUTE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route-service/item.h"
#include "route-service/map.h"
#include "route-service/past.h"

/* A version of a rule in force. */
struct live {
    struct item *item;   /* one reference */
    const char *cluster; /* equal text is the same pointer, in all of a table */
    uint64_t order;      /* the item's rank: the higher is tried first */
    int64_t since;       /* the rule's demands and cluster are in force */
    int64_t item_since;  /* so is this version of it */
    bool sure;           /* who reaches it by its bucket matches it */
};

struct bucket; /* shelf.h */
struct group;

struct index {
    struct map codes;   /* groups of rules, by cluster code */
    struct group *open; /* of those for any; NULL: none yet */
    struct map names;   /* of clusters and attributes that rules ever named */
};

struct index index_empty(void);
struct index index_copy(const struct index *x);
void index_fini(struct index *x);

/* Building.  The rule is in force from the table of `revision` on. */
void index_begin(struct index *x, struct item *rule, int64_t revision);
/* ... not any more. */
void index_end(struct index *x, struct item *rule, int64_t revision);
/* `by` comes in place of `rule`: the same rule, both in force. */
void index_replace(struct index *x, struct item *rule, struct item *by,
                   int64_t revision);
/* A rule that is in the table without being in force comes and goes. */
void index_park(struct index *x, struct item *rule);
void index_unpark(struct index *x, struct item *rule);
/* Out of a snapshot: as index_begin() and index_end() would have left it. */
void index_restore_live(struct index *x, struct item *rule, int64_t since,
                        int64_t item_since);
void index_restore_dead(struct index *x, struct item *pattern,
                        const char *cluster, int64_t from, int64_t to);

/* Every bucket in which a rule can stand that matches an identity. */
#define REACH_FIXED 32
struct reach {
    const struct bucket **v;
    size_t n, cap;
    const struct bucket *fixed[REACH_FIXED];
};
void index_reach(const struct index *x, const struct pt_identity *id,
                 const char *topic, struct reach *out);
void reach_fini(struct reach *r);

/* Calls fn until it returns false; then returns false.  For some rules more than
 * once. */
typedef bool (*index_fn)(struct item *rule, void *arg);
/* The rules that may match this cluster code, in force or not. */
bool index_each_for(const struct index *x, const char *code, index_fn fn,
                    void *arg);
/* Those in force that stand in a bucket which the identity reaches. */
bool index_each_reached(const struct index *x, const struct pt_identity *id,
                        const char *topic, index_fn fn, void *arg);
/* Only those that are not in force. */
bool index_each_idle(const struct index *x, const char *code, index_fn fn,
                     void *arg);
/* Those that may match an identity that `rule` matches, the nearest first.
 * *budget: how many buckets may be looked at; what is left of it. */
bool index_each_rival(const struct index *x, const struct item *rule,
                      size_t *budget, index_fn fn, void *arg);

/* Everything, for snapshots: some more than once, in no order. */
struct index_visit {
    void (*live)(const struct live *live, void *arg);
    void (*dead)(const struct past *dead, void *arg);
    void *arg;
};
void index_visit(const struct index *x, const struct index_visit *visit);

/* Is it the same rule, for the same clients, tried at the same point? */
bool index_same_demands(const struct item *a, const struct item *b);

#endif
