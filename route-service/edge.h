/*
 * The moments at which rules begin and end to be in force, in order.  Immutable,
 * counted by reference, shared by the tables between two changes of rules that
 * have a window.  Pure; out of memory aborts.
 */
#ifndef SHUNT_ROUTE_EDGE_H
#define SHUNT_ROUTE_EDGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "route-service/item.h"

struct edge {
    int64_t at_ms;
    struct item *rule; /* one reference */
};

struct edges {
    atomic_int refs;
    size_t n;
    struct edge v[]; /* by time */
};

struct edges *edges_ref(struct edges *e); /* NULL allowed: there are none */
void edges_unref(struct edges *e);        /* NULL allowed */

/* What is left of `old` after `time_ms`, without the `n` rules of `gone`, and
 * with the moments after `time_ms` of the `m` rules of `come`.  NULL: none. */
struct edges *edges_change(const struct edges *old, int64_t time_ms,
                           struct item *const *gone, size_t n,
                           struct item *const *come, size_t m);

#endif
