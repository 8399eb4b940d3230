/*
 * How far a position may go by the syncs alone; another way to it than runs.h,
 * with nothing in common but the rule that syncs at the same distance enclose
 * records at that distance.
 */
#ifndef SHUNT_TESTS_MM2_ORACLE_H
#define SHUNT_TESTS_MM2_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync {
    int64_t up, down;
    bool enclosed; /* was none, but stood between two of them */
};

struct syncs {
    struct sync *v; /* owned */
    size_t n, cap;
};

/* Zeroed: no sync yet. */
struct oracle {
    struct syncs live; /* grow in both offsets */
    struct syncs gone; /* the target went back to or below them */
};

void oracle_sync(struct oracle *o, int64_t up, int64_t down);
/* The greatest position that skips no record from `q` on; *from is the sync
 * that it follows from.  0 and *from at -1 below the first. */
int64_t oracle_allows(const struct oracle *o, int64_t q, struct sync *from);
/* Is `r` what MirrorMaker 2 answers from a sync that is gone?  It keeps those
 * as long as the source does not go back, and they mean nothing any more. */
bool oracle_is_gone(const struct oracle *o, int64_t q, int64_t r);
void oracle_fini(struct oracle *o);

#endif
