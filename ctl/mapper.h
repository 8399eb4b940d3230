/* Where the mapper of a flow is. */
#ifndef SHUNT_CTL_MAPPER_H
#define SHUNT_CTL_MAPPER_H

#include "common/base/err.h"
#include "ctl/ctl.h"

/* --mapper, or the first mapper of a flow that joins the two clusters, either
 * way, as the route table names it.  CTL_OK and *url (free), or an exit code,
 * said on stderr. */
MUST_CHECK int mapper_url(const struct ctl *ctl, const char *one,
                          const char *other, char **url);

#endif
