/*
 * How fast a flow goes, over the last seconds.  Pure.
 */
#ifndef SHUNT_REPLICATOR_PACE_H
#define SHUNT_REPLICATOR_PACE_H

#include <stddef.h>
#include <stdint.h>

#define PACE_SAMPLES 10

struct pace_sample {
    int64_t at_ms; /* monotonic */
    uint64_t records, bytes;
    /* Offsets that are to be copied, in all and for the first copy; or -1. */
    int64_t lag, first;
};

struct pace {
    struct pace_sample v[PACE_SAMPLES]; /* a ring */
    size_t n;                           /* ever */
};

struct pace_rate {
    int64_t records_s, bytes_s; /* -1: not known yet */
    /* Until they are copied at this pace; -1: never, or not known. */
    int64_t left_ms, first_left_ms;
};

void pace_add(struct pace *p, const struct pace_sample *s);
struct pace_rate pace_of(const struct pace *p);

#endif
