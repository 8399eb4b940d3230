/*
 * The mapper's memory: runs of every partition, and how far each offset-syncs
 * topic has been read, in one LMDB environment.  A batch of syncs and the
 * position it came from are one durable transaction.
 *
 * Incarnations.  What is known of a partition holds for one pair of topics
 * that only grow.  When one of them is made anew or cut, a new incarnation
 * begins: what was known before is not found any more, and is deleted bit by
 * bit with later batches.
 *
 * Threads: batches, prunes and backups from any thread, one writer at a time (a
 * mutex: a thread with an open batch must not prune); views from any thread,
 * short, closed by the thread that opened them.
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
    int64_t gaps;     /* times that offsets of the topic were missing */
    int64_t tombstones;
    int64_t stale;    /* read a second time after a reset, and passed over */
    int64_t last_ms;  /* greatest time that a record bore */
    int64_t stale_ms; /* what is older was read before the last reset */
    int64_t complete; /* 1: the end was reached once */
};

/* Why an incarnation of a partition began. */
enum store_begun {
    STORE_FIRST,        /* the first sync of the partition */
    STORE_TARGET_ANEW,  /* the target's topic was made anew */
    STORE_SOURCE_ANEW,  /* the source's topic was made anew */
    STORE_SOURCE_CUT,   /* the source lost records at its end */
    STORE_TARGET_CUT,   /* the target lost records at its end */
    STORE_BEGUN_REASONS /* how many there are */
};

struct store_info {
    bool known;           /* this incarnation has had a sync: `newest` is set */
    bool extras;          /* the target has other records between (runs.h) */
    uint32_t incarnation; /* from 1 on; 0: never heard of */
    enum store_begun why;
    int64_t begun_ms;  /* when this incarnation began; 0: never heard of */
    int64_t newest_ms; /* the time that its newest sync bears */
    struct run newest;
    bool doubt;          /* a second copy is under way, ... */
    int64_t doubt_until; /* ... of the source's records up to this */
};

/* What a test, or a small machine, wants otherwise. 0: as usual. */
struct store_limits {
    size_t map_bytes;     /* what the file may grow to */
    unsigned readers_max; /* views open at once */
    size_t tails_max;     /* blocks of 4 KB that a batch holds in memory */
};

/* Makes the folder.  `limits` may be NULL.  ERR_IO, ERR_BUSY (another process
 * has it), ERR_CORRUPT (not a file of this program, or of another format); the
 * text is one sentence for people. */
MUST_CHECK int store_open(const char *dir, struct store **out, struct err *err);
MUST_CHECK int store_open_limits(const char *dir,
                                 const struct store_limits *limits,
                                 struct store **out, struct err *err);
/* For store_backup() and store_verify() alone; a mapper may be using the store
 * (if so, from another process). Nothing is made or written. ERR_NOTFOUND. */
MUST_CHECK int store_open_read(const char *dir, struct store **out,
                               struct err *err);
void store_close(struct store *s);

/* A copy of everything that is committed, without holes, while the store goes
 * on.  `dir` is made; it must not hold a store.  It can be opened as it is, or
 * its file be put in the place of the other.  ERR_IO, ERR_CONFLICT (there is a
 * store in `dir`). */
MUST_CHECK int store_backup(struct store *s, const char *dir, struct err *err);

/* All zero when nothing is known. */
MUST_CHECK int store_progress_load(struct store *s, const char *flow,
                                   const char *source,
                                   struct store_progress *out, struct err *err);

/* ---- writing ---------------------------------------------------------- */

/* After an error of a step other than ERR_INVALID the batch must be aborted. */
MUST_CHECK int store_batch_begin(struct store *s, struct store_batch **out,
                                 struct err *err);
/* `time_ms` is the time that the sync's record bears.  Adds to syncs, runs,
 * restarts and backs of *p.  RUNS_RESTART has begun a new incarnation
 * (STORE_TARGET_ANEW).  ERR_INVALID: the sync cannot be kept (offsets or name
 * out of range). */
MUST_CHECK int store_batch_sync(struct store_batch *b,
                                const struct store_part *part, int64_t up,
                                int64_t down, int64_t time_ms,
                                struct store_progress *p,
                                enum runs_change *change, struct err *err);
/* Begins a new incarnation: nothing is known until the next sync.  Adds to runs
 * of *p.  Nothing happens to a partition never heard of. */
MUST_CHECK int store_batch_incarnation(struct store_batch *b,
                                       const struct store_part *part,
                                       enum store_begun why, int64_t now_ms,
                                       struct store_progress *p,
                                       struct err *err);
/* The source's log ends at `up_end`, see runs_cut_doubt(); nothing when the
 * doubt is not the one until `doubt_until` any more. */
MUST_CHECK int store_batch_cut_doubt(struct store_batch *b,
                                     const struct store_part *part,
                                     int64_t doubt_until, int64_t up_end,
                                     struct err *err);
/* Ends the batch whatever happens. */
MUST_CHECK int store_batch_commit_take(struct store_batch *b, const char *flow,
                                       const char *source,
                                       const struct store_progress *p,
                                       struct err *err);
void store_batch_abort(struct store_batch *b); /* NULL allowed */

/* Drops runs of records below `up_start`, the source's log start, oldest first
 * and by whole blocks: some may stay, the newest run always does.  A transaction
 * of its own.  At most `limit` blocks; *dropped counts runs. */
MUST_CHECK int store_prune(struct store *s, const struct store_part *part,
                           int64_t up_start, size_t limit, int64_t *dropped,
                           struct err *err);

/* ---- reading ---------------------------------------------------------- */

/* ERR_BUSY: too many are open. */
MUST_CHECK int store_view_open(struct store *s, struct store_view **out,
                               struct err *err);
void store_view_close(struct store_view *v); /* NULL allowed */
/* *info says whether the partition is known; when it is not, *out is RUNS_NONE.
 * `down_end`, `up_end`: log end of the other side, -1 when unknown. */
MUST_CHECK int store_view_forward(struct store_view *v,
                                  const struct store_part *part, int64_t q,
                                  int64_t down_end, struct store_info *info,
                                  struct runs_answer *out, struct err *err);
MUST_CHECK int store_view_reverse(struct store_view *v,
                                  const struct store_part *part, int64_t q,
                                  int64_t up_end, struct store_info *info,
                                  struct runs_answer *out, struct err *err);
MUST_CHECK int store_view_info(struct store_view *v,
                               const struct store_part *part,
                               struct store_info *info, struct err *err);
/* Every partition of the flow that was ever heard of; in no order. `part` and
 * `info` are borrowed until `fn` returns, which must not use the store. */
MUST_CHECK int store_view_parts(struct store_view *v, const char *flow,
                                void (*fn)(const struct store_part *part,
                                           const struct store_info *info,
                                           void *arg),
                                void *arg, struct err *err);
/* Up to `limit` runs, oldest first. */
MUST_CHECK int store_view_runs(struct store_view *v,
                               const struct store_part *part, size_t limit,
                               void (*fn)(const struct run *r, void *arg),
                               void *arg, struct err *err);

#endif
