/*
 * Fingerprints of the records of one partition that were delivered last: with
 * them a mapper finds the record before a position on another cluster, also
 * when the cluster it was read from is dead.
 *
 * Records far from the end of the log are not hashed: there the mapper's runs
 * know the place without.
 */
#ifndef SHUNT_SDK_PRINTS_H
#define SHUNT_SDK_PRINTS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/fingerprint.h"

#define PRINTS_KEPT 3

/* Zeroed: none. */
struct prints {
    struct po_print v[PRINTS_KEPT]; /* the oldest first */
    unsigned n;
    unsigned noted; /* since the log's end was looked at */
    int64_t from;   /* records below are far from the log's end: not noted */
};

/* For each record delivered, in order; those below ps->from may be left out.
 * `rk` is the handle that it came from. */
void prints_note(struct prints *ps, rd_kafka_t *rk,
                 const rd_kafka_message_t *m);
/* The last one is the record right before `position`. */
bool prints_reach(const struct prints *ps, int64_t position);
/* `m` is a copy of the last one. */
bool prints_last_is(const struct prints *ps, const rd_kafka_message_t *m);
/* Those of the last records before `position`; *n 0: the one right before it
 * was not noted.  *out is the caller's. */
MUST_CHECK int prints_before(const struct prints *ps, int64_t position,
                             struct po_print **out, size_t *n);
/* What stood before `was` there stands before `is` here. */
void prints_carry(struct prints *to, const struct prints *from, int64_t was,
                  int64_t is);

#endif
