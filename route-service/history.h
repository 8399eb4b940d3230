/*
 * Tables out of the store: the newest one at the start, past ones when they are
 * asked for.
 */
#ifndef SHUNT_ROUTE_HISTORY_H
#define SHUNT_ROUTE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "route-service/change.h"
#include "route-service/store.h"
#include "route-service/table.h"

/* Applies the stored change set `revision` to *t, which becomes the table after
 * it.  *touched is filled on success, unless NULL. */
MUST_CHECK int history_replay(struct table **t, int64_t revision,
                              const char *text, size_t len,
                              struct touched *touched, struct err *err);
/* The newest table of the store. */
MUST_CHECK int history_load(struct store *store, struct table **out,
                            struct err *err);

struct history;

struct history *history_new(struct store *store); /* borrowed */
void history_free(struct history *h);             /* NULL allowed */
/* Any thread that may wait; takes as long as it takes to replay the change sets
 * from the base, or from a table that was asked for lately.  *out is a new
 * reference.  ERR_NOTFOUND: not there yet, or not kept any more. */
MUST_CHECK int history_table(struct history *h, int64_t revision,
                             struct table **out, struct err *err);

#endif
