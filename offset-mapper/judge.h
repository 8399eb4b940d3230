/*
 * Was an answer right?  What stands around the position on the source, and
 * around the answered one on the target, decides.  Pure.
 */
#ifndef SHUNT_OFFSET_JUDGE_H
#define SHUNT_OFFSET_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/proto/fingerprint.h"
#include "common/proto/offset.h"
#include "offset-mapper/content.h"

#define JUDGE_VERDICT_MAP(X)                                                   \
    X(RIGHT, "right")                                                          \
    X(UNDECIDED, "undecided") /* content does not tell */                      \
    X(PAST, "past")           /* records would be skipped */                   \
    X(LOW, "low")         /* said to be exact, but records are read again */   \
    X(OUTSIDE, "outside") /* the bounds do not hold the right position */      \
    X(MISSING, "missing") /* said to be exact, but nothing of what stands  \
                                 around the position is there */

enum judge_verdict {
#define X(name, text) JUDGE_##name,
    JUDGE_VERDICT_MAP(X)
#undef X
        JUDGE_VERDICTS /* how many there are */
};

const char *judge_verdict_text(enum judge_verdict v);

struct judge_case {
    int64_t q;                   /* on the source */
    const struct po_print *here; /* records there, around q */
    size_t n_here;
    const struct content_window *there; /* the target, around the answer */
    enum po_quality quality;
    int64_t position, low, high; /* as answered */
};

struct judge_result {
    enum judge_verdict verdict;
    int64_t right_low, right_high; /* right are the positions in here: behind
                                      the copy of the record before q, and not
                                      behind the last one of any from q on; -1:
                                      not known */
    int64_t reread; /* records from the position up to the right one */
};

void judge(const struct judge_case *c, struct judge_result *out);

#endif
