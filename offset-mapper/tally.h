/*
 * What the sampler (verify.h) has seen, in numbers, and what was wrong.
 */
#ifndef SHUNT_OFFSET_TALLY_H
#define SHUNT_OFFSET_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "offset-mapper/judge.h"

struct json_t;

#define VERIFY_KEPT 20 /* wrong answers of a tally, the newest */

/* One position that was not answered right. */
struct verify_wrong {
    char *topic; /* on the source */
    int32_t partition;
    int64_t offset;
    char *to_topic;
    enum po_quality quality;
    int64_t position, low, high;
    struct judge_result judged;
    int64_t found_ms; /* wall clock */
};

/* What was seen of one flow. */
struct verify_tally {
    int64_t samples; /* all of them: */
    int64_t empty;   /* partitions without a record */
    int64_t unread;  /* a cluster did not answer in time; `error` */
    int64_t by_quality[PO_NONE + 1];    /* the rest, by what was answered */
    int64_t by_verdict[JUDGE_VERDICTS]; /* of those with a position */
    int64_t exact_right;                /* said to be exact, and so it is */
    int64_t reread; /* records that the right answers would read again */
    struct verify_wrong wrong[VERIFY_KEPT];
    size_t n_wrong;
    char error[sizeof(((struct err *)0)->text)]; /* of the last one that was
                                                    not read, or "" */
};

/* How many were not right. */
int64_t tally_disagreements(const struct verify_tally *t);
/* Of the positions that were looked at, how many were exact and right: 0 to 1;
 * -1: none was. */
double tally_exact_share(const struct verify_tally *t);
/* `w` is copied. */
void tally_keep_wrong(struct verify_tally *t, const struct verify_wrong *w);
/* The alert: one line, without the flow's name. The caller frees. */
char *tally_wrong_words(const struct verify_wrong *w);
struct json_t *tally_encode(const struct verify_tally *t, const char *flow);
void tally_fini(struct verify_tally *t);

#endif
