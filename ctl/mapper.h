/* Where the mappers of a flow are. */
#ifndef SHUNT_CTL_MAPPER_H
#define SHUNT_CTL_MAPPER_H

#include "common/base/err.h"
#include "ctl/ctl.h"

/* "URL,URL", for call_any(): --mapper, or the mappers of the flows that join the
 * two clusters, either way, as the route table names them; when there are none,
 * those of flows of one of the clusters: they may know a way over others.
 * CTL_OK and *urls (free), or an exit code, said on stderr. */
MUST_CHECK int mapper_url(const struct ctl *ctl, const char *one,
                          const char *other, char **urls);

#endif
