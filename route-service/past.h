/*
 * Versions of rules that were in force once: what they demanded, where they
 * sent, from which revision to which.  A persistent tree, in the order in which
 * the rules are tried; copies share what they have in common.  Pure; out of
 * memory aborts.
 */
#ifndef SHUNT_ROUTE_PAST_H
#define SHUNT_ROUTE_PAST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "route-service/item.h"

struct past {
    atomic_int refs;
    uint32_t level; /* heap order of the tree */
    struct past *left, *right;
    struct item *pattern; /* a version with the same demands; one reference */
    const char *cluster;  /* a text that every table after it has */
    int64_t from, to;     /* revisions */
    /* Of the node and all below it. */
    int64_t min_from, min_to, max_to;
};

/* Takes the reference on `root` (NULL: none yet) and gives one on the result.
 * `pattern` is referenced. */
struct past *past_add(struct past *root, struct item *pattern,
                      const char *cluster, int64_t from, int64_t to);
struct past *past_ref(struct past *root); /* NULL allowed */
void past_unref(struct past *root);       /* NULL allowed */
/* Any node of a rule with this rank and id; NULL: there is none. */
const struct past *past_of(const struct past *root, const struct item *rule);

#endif
