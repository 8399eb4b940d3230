/*
 * How much history a store keeps.  What is older becomes the base: a snapshot of
 * the table, from which `since` and `previous` follow as before.
 */
#ifndef SHUNT_ROUTE_RETAIN_H
#define SHUNT_ROUTE_RETAIN_H

#include <stdint.h>

#include "common/base/err.h"
#include "route-service/history.h"
#include "route-service/store.h"

struct retention {
    int64_t revisions; /* change sets; 0: no limit */
    int64_t ms;        /* age; 0: no limit */
};

/* Change sets up to this revision are beyond every limit that is set; 0: none
 * is. */
MUST_CHECK int retain_until(struct store *store, const struct retention *r,
                            int64_t now_ms, int64_t *revision, struct err *err);
/* Deletes them, when they are enough to be worth it.  Any thread that may
 * wait. */
MUST_CHECK int retain(struct store *store, struct history *history,
                      const struct retention *r, int64_t now_ms,
                      struct err *err);

#endif
