/*
 * What a change does to live clients: who goes from where to where, of all
 * loops.  Loop thread.
 */
#ifndef SHUNT_ROUTE_MOVES_H
#define SHUNT_ROUTE_MOVES_H

#include <stddef.h>

#include "route-service/change.h"
#include "route-service/table.h"

struct json_t;
struct worker;

/* `list`: the moves, at most LIMIT_MOVES of them, to be taken with js_ref;
 * `total`: how many there are. */
typedef void (*moves_fn)(struct json_t *list, size_t total, void *arg);

/* From `before` to `after`, which `touched` lies between. */
void moves_gather(struct worker *home, struct table *before,
                  struct table *after, const struct touched *touched,
                  moves_fn done, void *arg);

#endif
