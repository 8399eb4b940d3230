/*
 * What a client connects to a cluster with: the cluster's properties, and over
 * them those of the rule that routes it there.  Pure.
 */
#ifndef SHUNT_SDK_EFFECTIVE_H
#define SHUNT_SDK_EFFECTIVE_H

#include "common/proto/route.h"

/* Two rules say different things of one property of one cluster. */
struct effective_conflict {
    const struct pt_route *first, *other; /* borrowed; `first` was followed */
    const char *key;
};

/* Lays the properties of each route over those of its cluster, in the answer
 * itself; doing it again changes nothing.  A handle has one configuration for
 * all topics: where the rules of two topics contradict each other, the first
 * topic's holds and `conflict` names one such case (zeroed: none).  ERR_NOMEM:
 * the answer is incomplete. */
MUST_CHECK int effective_apply(struct pt_answer *a,
                               struct effective_conflict *conflict);

#endif
