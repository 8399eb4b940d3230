/*
 * Offset runs: what MirrorMaker 2's offset syncs tell about one partition, and
 * the answers that follow from it.  Pure; the store keeps the runs and finds
 * those around an offset.
 *
 * A run says: source records up..up+length-1 stand at target offsets
 * down..down+length-1.  The runs of a partition never overlap and grow in both
 * offsets.  A sync (u, d) says that record u stands at d.
 *
 * THE RULE: starting at the position answered, a reader meets every record from
 * the one asked for on that is on the target, whatever dies next.
 *
 * What a sync does to the newest run, whose last record is (lu, ld):
 *   d > ld, u > lu   same u - d: the run is extended to u, all records between
 *                    included.  Otherwise a new run.
 *   d > ld, u <= lu  MirrorMaker 2 resumed below what it had copied: runs are
 *                    cut off at u, and a new one starts there.
 *   d <= ld          in the newest run: it is cut off after u (a repeated sync,
 *                    or everything made anew alike).  Else the target was made
 *                    anew: all runs are dropped.
 *
 * Doubt.  Where d gains k > 0 on u, the k target offsets may be records that
 * are about to be copied a second time: after a crash MirrorMaker 2 goes back
 * to its last commit.  If it dies before it has passed the old end, records
 * u+1..u+k-1 stand only *before* d.  So from u on the answer stays at what the
 * runs said of u before, until a sync at or beyond u+k-1 shows that the copy
 * has caught up.  Gaps of one (k = 1: a transaction marker) bring no doubt.
 *
 * Limits.  (1) MirrorMaker 2 emits a sync at every hole in the source's
 * offsets, but may lose one.  If that happens and as many foreign offsets
 * (duplicates, markers) follow before the next sync that arrives, u - d is the
 * same again and the records between are answered too high by at most the size
 * of the hole; in reverse, the same without any loss where the foreign offsets
 * come first.  Once a partition has shown both kinds of break, runs are no
 * longer extended over records that were not synced, which ends this.  (2) The
 * same loss right before a crash makes the doubt end too early by the size of
 * the hole.  (3) Two MirrorMaker 2 tasks copying the same partition at once
 * (zombies) are not thought of.  (4) A source topic made anew looks like (u <=
 * lu): safe, but answered low until it has outgrown the old one; so are the
 * records after many that others wrote into the target.  (5) The first sync
 * known is believed: if it is one of a second copy (older ones lost or
 * compacted away), there is no doubt about it.
 */
#ifndef SHUNT_MM2_RUNS_H
#define SHUNT_MM2_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* Syncs with greater offsets are refused, so that sums never overflow. */
#define RUNS_OFFSET_MAX ((int64_t)1 << 60)

struct run {
    int64_t up, down, length;
};

/* What is kept of a partition beside its runs. Zeroed: nothing known. */
struct runs_state {
    bool any;          /* `newest` is set */
    bool holes;        /* u has gained on d: the source has holes */
    bool extras;       /* d has gained on u: the target has other records */
    bool doubt;        /* the next three are set */
    struct run newest; /* the one with the greatest offsets */
    int64_t doubt_from, doubt_low, doubt_until;
};

enum runs_change {
    RUNS_SAME,    /* known already */
    RUNS_PUT,     /* store `put`: the newest run, grown or shorter */
    RUNS_NEW,     /* store `put`, a new run */
    RUNS_BACK,    /* drop the runs with up >= put.up, store `kept` when its
                     length is not 0, then store `put` */
    RUNS_RESTART, /* drop all runs of the partition, then store `put` */
};

struct runs_step {
    enum runs_change change;
    struct run put;
    struct run kept;
    struct runs_state next;
};

/* What the sync (up, down) does. `before` is the run with the greatest up that
 * is <= `up`, or NULL.  ERR_INVALID: an offset out of range. */
MUST_CHECK int runs_apply(const struct runs_state *s, const struct run *before,
                          int64_t up, int64_t down, struct runs_step *out);

enum runs_quality { RUNS_EXACT, RUNS_BOUNDED, RUNS_BEFORE, RUNS_NONE };

struct runs_answer {
    enum runs_quality quality;
    int64_t position, low, high; /* -1 each with RUNS_NONE */
    char reason[160];
};

/* Where a reader goes on that would read source record `q` next. `at` is the
 * run with the greatest up <= q, `after` the one that follows it (the first of
 * all when `at` is NULL); NULL where there is none. */
void runs_forward(const struct runs_state *s, const struct run *at,
                  const struct run *after, int64_t q, struct runs_answer *out);

/* The same from target to source: `at` is the run with the greatest down <= q.
 * Everything below `up` of the answer has been read, whichever copy it was, so
 * doubt plays no part. */
void runs_reverse(const struct run *at, const struct run *after, int64_t q,
                  struct runs_answer *out);

#endif
