/*
 * Heartbeats of the pairs of clusters that no flow joins, as MirrorMaker 2
 * writes them; those of the others are their flow's.
 */
#ifndef SHUNT_REPLICATOR_BEATS_H
#define SHUNT_REPLICATOR_BEATS_H

#include "common/base/err.h"
#include "replicator/settings.h"

/* That are not answered, of a producer: those of a cluster that is down are not
 * to be written late. */
#define BEATS_MAX 10

struct beats;

/* *out is NULL where there are no such pairs. Nothing of `s` is kept. A cluster
 * that cannot be reached is said once and tried again. */
MUST_CHECK int beats_start(const struct settings *s, struct beats **out,
                           struct err *err);
/* NULL allowed. */
void beats_stop(struct beats *b);

#endif
