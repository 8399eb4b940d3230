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

#include "common/base/err.h"
#include "common/net/loop.h"
#include "offset-mapper/config.h"
#include "offset-mapper/content.h"
#include "offset-mapper/follow.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"
#include "offset-mapper/tally.h"

#define VERIFY_SAMPLES_MAX 100000
#define VERIFY_RUNS_MAX    8 /* at once */

struct verify;

struct verify_parts { /* borrowed until verify_free() */
    const struct config *config;
    struct store *store;
    struct content *content;
    struct logs *logs;
    struct loop *loop;
    struct follow *follow; /* NULL: what the store has is complete */
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
/* Begins no more; then content_stop(), logs_stop() and loop_drain() bring the
 * runs to their end, and verify_free() frees. */
void verify_stop(struct verify *v);
void verify_free(struct verify *v); /* NULL allowed */

#endif
