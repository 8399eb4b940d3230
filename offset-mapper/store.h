/*
 * The mapper's memory: runs of every partition, and how far each offset-syncs
 * topic has been read, in one LMDB environment.  A batch of syncs and the
 * position it came from are one durable transaction.
 *
 * Threads: batches from any thread, one at a time (a mutex); views from any
 * thread, short, closed by the thread that opened them.
 */
#ifndef SHUNT_OFFSET_STORE_H
#define SHUNT_OFFSET_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/mm2/runs.h"

struct store;
struct store_batch;
struct store_view;

/* Names one partition; strings are borrowed. */
struct store_part {
    const char *flow;  /* "a->b" */
    const char *topic; /* its name on the source */
    int32_t partition;
};

/* How far a flow has been read, and what was seen on the way.  `source` is
 * where from: another topic or cluster starts at 0. */
struct store_progress {
    int64_t position; /* next offset to read */
    int64_t syncs;
    int64_t undecodable;
    int64_t runs;     /* kept now */
    int64_t restarts; /* partitions begun anew: the target's offsets fell */
    int64_t backs;    /* partitions where the copy went back */
    int64_t resets;   /* times the topic itself was made anew or cut */
};

/* Makes the folder.  ERR_IO, ERR_BUSY (another process has it), ERR_CORRUPT
 * (not a file of this program); the text is one sentence for people. */
MUST_CHECK int store_open(const char *dir, struct store **out, struct err *err);
void store_close(struct store *s);

/* All zero when nothing is known. */
MUST_CHECK int store_progress_load(struct store *s, const char *flow,
                                   const char *source,
                                   struct store_progress *out, struct err *err);

MUST_CHECK int store_batch_begin(struct store *s, struct store_batch **out,
                                 struct err *err);
/* Adds to syncs, runs, restarts and backs of *p.  ERR_INVALID: the sync cannot
 * be kept (offsets or name out of range); the batch may go on.  After any
 * other error it must be aborted. */
MUST_CHECK int store_batch_sync(struct store_batch *b,
                                const struct store_part *part, int64_t up,
                                int64_t down, struct store_progress *p,
                                enum runs_change *change, struct err *err);
/* Ends the batch whatever happens. */
MUST_CHECK int store_batch_commit_take(struct store_batch *b, const char *flow,
                                       const char *source,
                                       const struct store_progress *p,
                                       struct err *err);
void store_batch_abort(struct store_batch *b); /* NULL allowed */

MUST_CHECK int store_view_open(struct store *s, struct store_view **out,
                               struct err *err);
void store_view_close(struct store_view *v); /* NULL allowed */
/* `known` is false when the partition never had a sync. */
MUST_CHECK int store_view_forward(struct store_view *v,
                                  const struct store_part *part, int64_t q,
                                  bool *known, struct runs_answer *out,
                                  struct err *err);
MUST_CHECK int store_view_reverse(struct store_view *v,
                                  const struct store_part *part, int64_t q,
                                  bool *known, struct runs_answer *out,
                                  struct err *err);
/* Up to `limit` runs, oldest first. */
MUST_CHECK int store_view_runs(struct store_view *v,
                               const struct store_part *part, size_t limit,
                               void (*fn)(const struct run *r, void *arg),
                               void *arg, struct err *err);

#endif
