/*
 * A whole table as one JSON document: what it holds, and what it knows of the
 * revisions before it, so that answers, `since` included, are the same.  Pure.
 */
#ifndef SHUNT_ROUTE_SNAPSHOT_H
#define SHUNT_ROUTE_SNAPSHOT_H

#include <stddef.h>

#include "common/base/err.h"
#include "route-service/table.h"

/* Owned by the caller.  Of tables that came about by the same change sets the
 * text is the same, on every server.  Out of memory aborts. */
char *table_snapshot(const struct table *t, size_t *len);
/* ERR_PARSE, ERR_CORRUPT: it is not what table_snapshot() wrote. */
MUST_CHECK int table_from_snapshot(const char *text, size_t len,
                                   struct table **out, struct err *err);

#endif
