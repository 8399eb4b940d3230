/*
 * The difference between two tables: as operations that make one of the other,
 * and as people and programs read it.  Pure; out of memory aborts.
 */
#ifndef SHUNT_ROUTE_DIFF_H
#define SHUNT_ROUTE_DIFF_H

#include <stddef.h>

#include "route-service/change.h"
#include "route-service/table.h"

/* An object that is not the same in both; one reference each. */
struct difference {
    struct item *before; /* NULL: it is new */
    struct item *after;  /* NULL: it is gone */
};

/* Clusters, then flows, then rules; each by key. */
struct differences {
    struct difference *v;
    size_t n;
};

void diff_tables(const struct table *before, const struct table *after,
                 struct differences *out);
/* The same where `c` made `after` of `before`: costs no more than the
 * operations of c. */
void diff_change(const struct change *c, const struct table *before,
                 const struct table *after, struct differences *out);
/* [{"op":"put"|"delete","kind":"rule","key":"..","before":{..}|null,
 * "after":{..}|null}], put together from the texts of the items; owned by the
 * caller. */
char *diff_text(const struct differences *d);
void differences_fini(struct differences *d);

#endif
