/*
 * The thread that reads windows of one cluster's partitions (content.h).
 */
#ifndef SHUNT_OFFSET_READER_H
#define SHUNT_OFFSET_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"
#include "offset-mapper/content.h"

struct reader;

/* One window to read: owned by whoever submits it, lent to the reader until
 * done(). */
struct reader_job {
    char *topic;
    int32_t partition;
    int64_t low, high;
    bool cut_ok;         /* where `low` is deleted: from the log's start on */
    int64_t deadline_ms; /* on the monotonic clock */
    /* Called once, on the reader's thread or, when the job is refused, inside
     * reader_submit(); the window is borrowed.  May submit again. */
    void (*done)(struct reader_job *job, const struct content_window *w);
    struct reader_job *prev, *next; /* the reader's */
    bool alone;
};

/* Starts the thread; it connects with the first job.  `cluster` is borrowed
 * until reader_free(). */
MUST_CHECK int reader_start(const struct pt_cluster *cluster,
                            struct reader **out, struct err *err);
/* Any thread. */
void reader_submit(struct reader *r, struct reader_job *job);
/* Ends the thread; what waits is done with ERR_CLOSED, and so is whatever is
 * submitted later.  Several are stopped faster together. */
void reader_stop(struct reader *const *v, size_t n);
void reader_free(struct reader *r);

#endif
