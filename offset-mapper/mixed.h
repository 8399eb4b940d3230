/*
 * Two flows that keep names, a->b and b->a, so that records of both origins
 * share a partition on both clusters.
 *
 * A position stands on b and is asked for on a.  `back` is a->b in reverse,
 * `on` is b->a along.  A record within a run of a->b came from a, one within a
 * run of b->a was born on b; between runs, the nearest sync before tells.
 *
 * Where `back` answers, all is well: whatever stands on b behind a record of a
 * was written to a, or copied there, later than that record.  Not so for `on`:
 * records of a may stand on a before the copy of a record of b, and on b behind
 * it (or nowhere yet).  So `on` answers no further than up to the first record
 * of a that is not known to be read.
 */
#ifndef SHUNT_OFFSET_MIXED_H
#define SHUNT_OFFSET_MIXED_H

#include "offset-mapper/path.h"

/* Both have been looked up for position `q` and are known.  *out becomes one of
 * them. */
MUST_CHECK int mixed_answer(struct store_view *view, int32_t partition,
                            const struct hop *back, const struct hop *on,
                            int64_t q, struct hop *out, struct err *err);

#endif
