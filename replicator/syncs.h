/*
 * When to tell where a record went: MirrorMaker 2's rules (mm2.md 4.1), and
 * besides them both sides of every break of a run, so that a reader of the
 * syncs knows all runs exactly.  Pure.
 */
#ifndef SHUNT_REPLICATOR_SYNCS_H
#define SHUNT_REPLICATOR_SYNCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_point {
    int64_t up, down; /* offsets of one record on source and target */
};

struct sync_state {
    struct sync_point prev; /* newest copied record */
    struct sync_point sent; /* newest one told */
    int64_t last_down;      /* MirrorMaker's lastSyncDownstreamOffset */
    bool due;               /* MirrorMaker's sticky flag */
};

void sync_init(struct sync_state *s);
/* MirrorMaker's rule alone: is a sync due? Stays true until sync_reset(). */
bool sync_rule(struct sync_state *s, int64_t lag_max, struct sync_point at);
void sync_reset(struct sync_state *s);

/* A record was acknowledged: the syncs (0 to 2) to write now, in order. */
size_t sync_acked(struct sync_state *s, int64_t lag_max, struct sync_point at,
                  struct sync_point out[2]);
/* Then more right behind it, up to `last`.  Called until it is false: the next
 * sync to write. */
bool sync_goes_on(struct sync_state *s, int64_t lag_max, struct sync_point last,
                  struct sync_point *out);
/* At a flush: the newest record, unless it was told already. */
bool sync_trailing(struct sync_state *s, struct sync_point *out);

#endif
