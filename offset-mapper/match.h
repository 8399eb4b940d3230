/*
 * Which record of a window is the copy of a fingerprinted one.  Pure.
 *
 * Copies of a partition's records stand on the target in their order, but not
 * necessarily next to each other: others may write between them (identity
 * policy), old ones may have been compacted away, and after a crash
 * MirrorMaker 2 may have copied some twice.  Never past the right one: where
 * several records look alike, the first is the one to trust, and neighbours
 * only rule it out when they prove that it is another record.
 */
#ifndef SHUNT_OFFSET_MATCH_H
#define SHUNT_OFFSET_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/fingerprint.h"

enum content_kind {
    CONTENT_UNIQUE, /* it stands at `first`, = last: position first + 1, exact */
    CONTENT_MANY,   /* it stands in first..last: the position lies in
                       [first + 1, last + 1]; first is -1 where only that it is
                       not behind `last` is certain */
    CONTENT_AHEAD,  /* what was read ends, at `end`, with a record before it: it
                       stands nowhere before `end`; where the log ends there,
                       it has not arrived, and position `end` is proven */
    CONTENT_NONE,   /* the whole window was read and it is not there.  That is
                       no proof that it has not arrived: it may have been
                       compacted away, or changed on its way */
    CONTENT_UNREAD, /* see err */
};

struct content_found {
    enum content_kind kind;
    int64_t first, last; /* offsets of records that can be it; -1 */
    int64_t end;         /* all before was seen */
    bool at_end;         /* there is nothing committed from `end` on */
    struct err err;      /* with CONTENT_UNREAD */
};

/* What was read of a log; `v` may begin before `low`, so that the neighbours
 * of the first candidates are there too. */
struct match_window {
    const struct po_print *v; /* offsets rise */
    size_t n;
    int64_t low, high; /* candidates stand in [low, high) */
    int64_t end;
    bool at_end;
};

/* `prints`: the record looked for is the last, its predecessors are before it,
 * oldest first; n > 0. */
void match_find(const struct match_window *w, const struct po_print *prints,
                size_t n, struct content_found *out);

#endif
