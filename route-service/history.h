/*
 * The tables of all revisions, and what follows from them: since when an
 * identity has been routed to its cluster, and where it was before.  Pure;
 * the loop thread owns the one that is served.
 */
#ifndef SHUNT_ROUTE_HISTORY_H
#define SHUNT_ROUTE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "route-service/table.h"

struct history {
    struct table **v; /* v[r] is the table at revision r; v[0] is empty */
    size_t n;
};

/* Begins with the empty table of revision 0. */
void history_init(struct history *h);
void history_fini(struct history *h);
/* `t` must be the next revision. */
void history_push_take(struct history *h, struct table *t);
/* The newest table; borrowed. */
struct table *history_head(const struct history *h);

/* An unbroken stay on one cluster.  Borrowed from the tables. */
struct residency {
    const struct item *rule; /* NULL: no rule matches; nothing else is set */
    const char *cluster;
    int64_t since;
    const char *previous; /* the last other cluster before; NULL: none, or the
                             same one came before a time without route */
};

struct residency history_residency(const struct history *h,
                                   const struct pt_identity *id,
                                   const char *topic);

#endif
