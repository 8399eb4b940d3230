/*
 * Which physical topics hold a logical topic on a cluster (DESIGN section 2,
 * "view").  Pure.
 */
#ifndef SHUNT_ROUTE_VIEW_H
#define SHUNT_ROUTE_VIEW_H

#include "route-service/table.h"

/* The local topic first, then what the flows bring in, at most LIMIT_VIEW
 * topics that have come through at most LIMIT_HOPS flows.  *out is owned by
 * the caller, as are its strings. */
void view_of(const struct table *t, const char *cluster, const char *topic,
             struct pt_view **out, size_t *n);

#endif
