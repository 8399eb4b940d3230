/*
 * The sampler: takes random positions over the retained logs of a flow, asks
 * the mapper, reads the records around the position on both clusters, and
 * compares (judge.h).  What does not agree is looked at again after a moment,
 * and if it still does not, it is logged, counted and kept.
 *
 * Loop thread.
 */
#ifndef SHUNT_OFFSET_VERIFY_H
#define SHUNT_OFFSET_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/net/loop.h"
#include "offset-mapper/config.h"
#include "offset-mapper/content.h"
#include "offset-mapper/judge.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"

#define VERIFY_SAMPLES_MAX 100000
#define VERIFY_RUNS_MAX    8  /* at once */
#define VERIFY_KEPT        20 /* disagreements of a tally, the newest */

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

struct verify_tally {
    int64_t samples; /* all of them */
    int64_t empty;   /* partitions without a record, or without a sync */
    int64_t unread;  /* a cluster did not answer */
    int64_t by_quality[PO_NONE + 1]; /* of the rest, what was answered */
    int64_t by_verdict[JUDGE_VERDICTS]; /* of those with a position */
    int64_t reread; /* records that positions so far would read again */
    struct verify_wrong wrong[VERIFY_KEPT];
    size_t n_wrong;
    char error[256]; /* of the last one that was not read, or "" */
};
/* How many were not right. */
int64_t verify_disagreements(const struct verify_tally *t);

struct verify;

struct verify_parts { /* borrowed until verify_free() */
    const struct config *config;
    struct store *store;
    struct content *content;
    struct logs *logs;
    struct loop *loop;
};

/* `interval_ms`: how often a position of each flow is looked at; 0: never by
 * itself. */
struct verify *verify_new(const struct verify_parts *parts,
                          int64_t interval_ms);
/* Looks at `samples` positions of the flow and calls back, once; `t` is
 * borrowed until fn returns.  It ends early, with fewer, after timeout_ms.
 * ERR_NOTFOUND: no such flow; ERR_BUSY: too many run already. */
typedef void verify_fn(void *arg, const struct verify_tally *t);
MUST_CHECK int verify_run(struct verify *v, const char *flow, int64_t samples,
                          int64_t timeout_ms, verify_fn *fn, void *arg,
                          struct err *err);
/* What was seen of a flow since the start, by runs too; NULL: no such flow. */
const struct verify_tally *verify_tally(const struct verify *v,
                                        const char *flow);
int64_t verify_interval_ms(const struct verify *v);
/* Appends shunt_offset_verify_*, in Prometheus' text format. */
void verify_metrics(const struct verify *v, struct buf *out);

/* Begins no more; then content_stop(), logs_stop() and loop_drain() bring the
 * runs to their end, and verify_free() frees. */
void verify_stop(struct verify *v);
void verify_free(struct verify *v); /* NULL allowed */

#endif
