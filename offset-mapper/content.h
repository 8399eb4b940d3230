/*
 * Records by content: reads a bounded window of a partition, on any cluster,
 * and finds in it the copy of a record that was fingerprinted elsewhere.
 *
 * One thread for each cluster, with one consumer handle that stays connected;
 * it is made when the cluster is first asked about.  Windows of different
 * partitions are read side by side; those of one partition one after another,
 * and a window that lies within the one before is answered from the same
 * reading.
 *
 * Read with isolation.level=read_committed: transaction markers and aborted
 * records (a copy that was begun and taken back) are not seen, and nothing
 * beyond the last stable offset, because it may still be taken back.
 *
 * Every function that takes `fn` calls it exactly once, on `home`, also when
 * the cluster is dead (at the deadline), the window too large, too much is
 * waiting, or content_stop() comes first.  The result is borrowed until fn
 * returns.  `deadline_ms` is a point on the monotonic clock (clock.h).
 */
#ifndef SHUNT_OFFSET_CONTENT_H
#define SHUNT_OFFSET_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/loop.h"
#include "common/proto/fingerprint.h"
#include "offset-mapper/config.h"
#include "offset-mapper/match.h"

#define CONTENT_WINDOW_MAX  100000             /* offsets of one window */
#define CONTENT_BYTES_MAX   ((size_t)64 << 20) /* read for one window */
#define CONTENT_WAITING_MAX 4096 /* windows asked for, a cluster */
#define CONTENT_PRINTS_MAX  4096 /* of content_find(), content_prints() */

struct content;

struct content_place { /* borrowed strings */
    const char *cluster, *topic;
    int32_t partition;
};

/* What was read; records in the order of the log. */
struct content_window {
    int64_t low;              /* from here ... */
    int64_t end;              /* ... up to here, without it, all was seen */
    bool at_end;              /* `end` is the end of what is committed */
    bool cut;                 /* the log begins after `low` */
    const struct po_print *v; /* offsets are those of this log */
    size_t n;
    const struct err *err; /* not NULL: the window was not read whole; what was
                              tried, on what, what came back */
};
typedef void content_window_fn(void *arg, const struct content_window *w);

/* Reads [low, high), from the log's start on where that is later (`cut`).
 * ERR_NOTFOUND: `low` is beyond the log's end; ERR_LIMIT: over a cap;
 * ERR_TIMEOUT: the cluster does not answer. */
void content_read(struct content *c, const struct content_place *at,
                  int64_t low, int64_t high, int64_t deadline_ms,
                  struct loop *home, content_window_fn *fn, void *arg);

/* The last `n` records before the position `q` (fewer at the log's start), for
 * questions with "verify":true: their prints, oldest first. */
void content_prints(struct content *c, const struct content_place *at,
                    int64_t q, size_t n, int64_t deadline_ms, struct loop *home,
                    content_window_fn *fn, void *arg);

/* Looks in [low, high) for the copy of the last of `prints` (oldest first,
 * copied).  For a position that lies in [a, b] by its runs, that copy stands
 * in [a - 1, b - 1]: low = max(a - 1, 0), high = b.  If `low` is not in the log
 * any more (deleted), the answer is CONTENT_UNREAD.  See match.h. */
typedef void content_found_fn(void *arg, const struct content_found *r);
void content_find(struct content *c, const struct content_place *at,
                  int64_t low, int64_t high, const struct po_print *prints,
                  size_t n, int64_t deadline_ms, struct loop *home,
                  content_found_fn *fn, void *arg);

/* `config` is borrowed until content_free(). */
struct content *content_new(const struct config *config);
/* Ends all threads; what waits is called back (posted) with ERR_CLOSED, so run
 * or drain the loop afterwards.  Nothing may be asked any more. */
void content_stop(struct content *c);
void content_free(struct content *c); /* NULL allowed; stops it first */

#endif
