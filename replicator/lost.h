/* What the source has no more.  The flow's thread. */
#ifndef SHUNT_REPLICATOR_LOST_H
#define SHUNT_REPLICATOR_LOST_H

#include "replicator/parts.h"

/* What the part wants to read is not there. */
void part_lost(struct part *p);
/* Where it goes on; false: nobody knows yet. */
bool lost_find(struct part *p);

#endif
