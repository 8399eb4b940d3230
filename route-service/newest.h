/*
 * The newest table of this server: durable in the store, then published.
 * Writer thread.
 */
#ifndef SHUNT_ROUTE_NEWEST_H
#define SHUNT_ROUTE_NEWEST_H

#include <stddef.h>

#include "route-service/change.h"
#include "route-service/store.h"
#include "route-service/table.h"

struct newest {
    struct store *store; /* borrowed */
    struct table *table; /* one reference */
    void (*publish)(struct table *t, const struct touched *touched, void *arg);
    void *arg;
};

/* One revision further. */
struct newest_step {
    const char *text; /* the change set as it is stored */
    size_t len;
    struct table *table;
    struct touched touched;
};

/* The next revisions, in order; none of them when it fails. */
MUST_CHECK int newest_append(struct newest *n, const struct newest_step *v,
                             size_t count, struct err *err);
/* To the table of a snapshot, over change sets that are not there any more. */
MUST_CHECK int newest_jump(struct newest *n, struct table *t,
                           const char *snapshot, size_t len, struct err *err);

#endif
