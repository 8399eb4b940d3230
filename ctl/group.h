/* Groups at a mapper: what the commands about them share. */
#ifndef SHUNT_CTL_GROUP_H
#define SHUNT_CTL_GROUP_H

#include "ctl/ctl.h"

struct json_t;

/* Lands the group (`positions`: an import, taken; NULL: what the mapper knows;
 * `partitions` likewise: only these): a dry run first, then the question
 * whether to, unless --yes.  Returns an exit code, says everything. */
MUST_CHECK int group_land_take(const struct ctl *ctl, const char *group,
                               struct json_t *positions,
                               struct json_t *partitions);

#endif
