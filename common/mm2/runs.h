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
 *   d = ld, u > lu   the target lost its last record: the run is cut off before
 *                    lu, and a new one starts at u.
 *   d <= ld else     in the newest run: it is cut off after u (a repeated sync,
 *                    or everything made anew alike).  Else the target was made
 *                    anew: all runs are dropped.
 *
 * Doubt.  Where d gains k > 0 on u, the k target offsets may be records that
 * are about to be copied a second time: after a crash MirrorMaker 2 goes back
 * to its last commit.  If it dies before it has passed the old end, records
 * u+1..u+k-1 stand only *before* d.  So from u on the answer stays at `low`,
 * what the runs said of u before, until the copy has passed the old end: that
 * is at most k-1 source offsets and at most d - low target offsets after
 * (u, d), and a sync beyond both shows it.  (Two measures, because holes in the
 * source that were not synced falsify the first, and other records on the
 * target the second.)  The target's log end does not show it: what came after d
 * may be the beginning of yet another copy, as when MirrorMaker 2 dies again
 * and again.  Gaps of one (k = 1: a transaction marker) bring no doubt.
 *
 * After the newest sync E, the other side's log end, tells how far the answer
 * can be: m records are needed to be where the reader is, and n offsets have
 * come.  n < m: `ahead`, the record before q has not arrived.  The position
 * stays at ld+1 all the same, not at E: should the sync of a hole still be on
 * its way, E could be past the right position.  n = 0: both are the same.
 *
 * Limits.  (1) MirrorMaker 2 emits a sync at every hole in the source's
 * offsets, but may lose one.  If that happens and as many foreign offsets
 * (duplicates, markers) follow before the next sync that arrives, u - d is the
 * same again and the records between are answered too high by at most the size
 * of the hole; in reverse, the same without any loss where the foreign offsets
 * come first.  Once a partition has shown both kinds of break, runs are no
 * longer extended over records that were not synced, which ends this; nor are
 * they where the caller knows that syncs are missing (`gap`: compaction of the
 * syncs topic; it holds for the next sync only).  (2) The
 * same loss right before a crash makes k too small by the size of the hole:
 * there may be no doubt where there should be.  (3) Two MirrorMaker 2 tasks
 * copying the same partition at once (zombies) are not thought of.  (4) A
 * source topic made anew looks like (u <= lu), and one side cut or made anew
 * that has outgrown its old end looks like nothing at all: whoever follows the
 * log ends has to see it (a new incarnation).  (5) The first
 * sync known is believed: if it is one of a second copy (older ones lost or
 * compacted away), there is no doubt about it.
 */
#ifndef SHUNT_MM2_RUNS_H
#define SHUNT_MM2_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* Syncs with greater offsets are refused: room for "the one after". */
#define RUNS_OFFSET_MAX ((int64_t)3 << 61)

struct run {
    int64_t up, down, length;
};

/* What is kept of a partition beside its runs. Zeroed: nothing known. */
struct runs_state {
    bool any;          /* `newest` is set */
    bool holes;        /* u has gained on d: the source has holes */
    bool extras;       /* d has gained on u: the target has other records */
    bool gap;          /* syncs are missing before the next one */
    bool doubt;        /* the doubt_ are set */
    struct run newest; /* the one with the greatest offsets */
    int64_t doubt_from, doubt_low;
    int64_t doubt_until; /* the old end: a sync beyond it in source offsets */
    int64_t doubt_end;   /* and in target offsets (down + 1) ends the doubt */
};

/* A new incarnation: nothing is known but the kinds of break, which are the
 * partition's habits. */
struct runs_state runs_anew(const struct runs_state *s);

enum runs_change {
    RUNS_SAME,    /* known already */
    RUNS_PUT,     /* store `put`: the newest run, grown or shorter */
    RUNS_NEW,     /* store `put`, a new run */
    RUNS_BACK,    /* drop the runs with up >= `from`, store `kept` when its
                     length is not 0, then store `put` */
    RUNS_RESTART, /* drop all runs of the partition, then store `put` */
};

struct runs_step {
    enum runs_change change;
    struct run put;
    struct run kept;
    int64_t from;
    struct runs_state next;
};

/* What the sync (up, down) does. `before` is the run with the greatest up that
 * is <= `up`, or NULL.  ERR_INVALID: an offset out of range. */
MUST_CHECK int runs_apply(const struct runs_state *s, const struct run *before,
                          int64_t up, int64_t down, struct runs_step *out);

/* AHEAD: the record before the one asked for has not arrived on the target (as
 * of the log end given). */
/* The source's log ends at `up_end`, asked for after the doubt had begun.  If
 * that is within what is in doubt, the source was made anew or cut: records
 * from there on have no first copy, and the doubt ends with the last record
 * before it.  True: the state has changed. */
bool runs_cut_doubt(struct runs_state *s, int64_t up_end);

enum runs_quality {
    RUNS_EXACT,
    RUNS_BOUNDED,
    RUNS_AHEAD,
    RUNS_BEFORE,
    RUNS_NONE
};

#define RUNS_END_UNKNOWN (-1)
/* Log end of the target: "the copy went on", for those who know that it did. */
#define RUNS_END_PASSED INT64_MAX

struct runs_answer {
    enum runs_quality quality;
    int64_t position, low, high; /* -1 each with RUNS_NONE */
    int64_t coming; /* of the records before q, those that have not arrived */
    /* The log end given does not reach beyond the newest sync. Either it is
     * older than the sync: ask for it anew. Or it is not, and the log was cut
     * or made anew: nothing known holds, answer none. */
    bool end_behind;
    bool has_at, has_after;
    struct run at, after; /* the runs around q, as they were given */
    char reason[160];
};

/* Where a reader goes on that would read source record `q` next. `at` is the
 * run with the greatest up <= q, `after` the one that follows it (the first of
 * all when `at` is NULL); NULL where there is none. `down_end` is the target's
 * log end, as old as it may be, or RUNS_END_UNKNOWN.
 *
 * `position` is `low`, and never beyond the log end. `high` holds for the log
 * as it was when it ended there; without a log end, or with records of others
 * that no sync has told of yet, it is an estimate. */
void runs_forward(const struct runs_state *s, const struct run *at,
                  const struct run *after, int64_t q, int64_t down_end,
                  struct runs_answer *out);

/* The same from target to source: `at` is the run with the greatest down <= q,
 * `up_end` the source's log end.  Everything below `up` of the answer has been
 * read, whichever copy it was, so doubt plays no part, and nothing is ever
 * ahead. */
void runs_reverse(const struct runs_state *s, const struct run *at,
                  const struct run *after, int64_t q, int64_t up_end,
                  struct runs_answer *out);

#endif
