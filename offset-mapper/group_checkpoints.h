/*
 * What MirrorMaker 2's checkpoints, as the store keeps them, tell of a group.
 */
#ifndef SHUNT_OFFSET_GROUP_CHECKPOINTS_H
#define SHUNT_OFFSET_GROUP_CHECKPOINTS_H

#include "common/base/err.h"
#include "offset-mapper/config.h"
#include "offset-mapper/group.h"
#include "offset-mapper/store.h"

/* Adds the newest checkpoint of each stream to *g: those of the flow to `to`
 * (NULL: of no flow in particular), and, where it has none, of other flows from
 * `from`.  *asked is false where there is no such flow. */
MUST_CHECK int group_checkpoints_take(const struct config *config,
                                      struct store *store, const char *from,
                                      const char *to, const char *group,
                                      struct group *g, bool *asked,
                                      struct err *err);

#endif
