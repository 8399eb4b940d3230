/*
 * Since when an identity has been routed to its cluster, and where it was
 * before.  Pure; any thread that holds a reference on the table.
 */
#ifndef SHUNT_ROUTE_RESIDENCY_H
#define SHUNT_ROUTE_RESIDENCY_H

#include <stdint.h>

#include "route-service/table.h"

/* An unbroken stay on one cluster.  Borrowed from the table. */
struct residency {
    const struct item *rule; /* NULL: no rule matches; nothing else is set */
    int64_t rule_since; /* when this version of the rule became the winner */
    const char *cluster;
    int64_t since;
    const char *previous; /* the last other cluster before; NULL: none, or the
                             same one came before a time without route */
};

struct residency table_residency(const struct table *t,
                                 const struct pt_identity *id,
                                 const char *topic);

#endif
