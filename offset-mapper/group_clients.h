/*
 * Where the members of a group stand, as they have told the route services.
 */
#ifndef SHUNT_OFFSET_GROUP_CLIENTS_H
#define SHUNT_OFFSET_GROUP_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "offset-mapper/group.h"

/* Asks all services at once, because each knows the clients that are connected
 * to it; blocks until the deadline (clock_mono_ms) at most.  What they say is
 * added to *g.  An error is the first one of a service that did not answer; what
 * the others said is there anyway.  `group` is the group's id, `cluster` the one
 * whose positions are asked for. */
MUST_CHECK int group_clients_read(const struct strlist *services,
                                  const char *group, const char *cluster,
                                  int64_t deadline_ms, struct group *g,
                                  size_t *n_members, struct err *err);

#endif
