/*
 * A feed: one thread and one librdkafka handle that read topics (partition 0 of
 * each) of one cluster.  It never gives up: a missing topic, one that is
 * denied, a dead cluster and an owner who could not keep what was read are
 * said, and tried again; one topic's trouble does not stop another's.
 */
#ifndef SHUNT_OFFSET_FEED_H
#define SHUNT_OFFSET_FEED_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"

struct feed;

/* How a topic is doing. */
enum feed_news {
    FEED_READING, /* it is being read; the text is empty */
    FEED_MISSING, /* the cluster says that it does not exist */
    FEED_TROUBLE  /* anything else, in the text */
};

/* What the owner of a topic does with it; all of it on the feed's thread. */
struct feed_calls {
    /* The offset to read from, whenever reading (re)starts: absolute, or one of
     * librdkafka's logical ones. */
    int64_t (*from)(void *arg);
    /* Records in their order, borrowed; `end` is the log's end as last seen, -1
     * when it was not.  What was taken may be kept together, by keep(), which
     * follows in the same turn and before any other topic's take(); NULL
     * allowed.  Anything but 0, from either: nothing since the last keep() was
     * kept, reading restarts. */
    int (*take)(void *arg, rd_kafka_message_t *const *m, size_t n, int64_t end,
                struct err *err);
    int (*keep)(void *arg, int64_t end, struct err *err);
    /* Everything below `end` has been taken: it is the log's end. */
    void (*at_end)(void *arg, int64_t end);
    /* from() lies outside of the log; it is asked again. */
    void (*out_of_log)(void *arg);
    /* Whenever it changes. */
    void (*news)(void *arg, enum feed_news what, const char *text);
    /* Many times a second; NULL allowed. */
    void (*turn)(void *arg);
};

/* No thread yet.  ERR_INVALID: a cluster property that librdkafka refuses. */
MUST_CHECK int feed_new(const struct pt_cluster *cluster,
                        int64_t fetch_wait_max_ms, struct feed **out,
                        struct err *err);
/* Before feed_start().  `calls`, `name` and `arg` are borrowed until
 * feed_free(); a name may be added once. */
MUST_CHECK int feed_add(struct feed *f, const char *name,
                        const struct feed_calls *calls, void *arg,
                        struct err *err);
MUST_CHECK int feed_start(struct feed *f, struct err *err);
/* To several at once first, because one that asks a dead cluster takes seconds;
 * does not wait.  Any thread. */
void feed_ask_to_stop(struct feed *f);
void feed_free(struct feed *f); /* stops it; NULL allowed */

#endif
