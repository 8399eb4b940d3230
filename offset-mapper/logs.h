/*
 * Where the logs of topic partitions begin and end, on every cluster of the
 * configuration: one thread and one handle for each cluster, so that a dead
 * cluster delays no answer about another.
 *
 * Threads: everything from any thread.
 */
#ifndef SHUNT_OFFSET_LOGS_H
#define SHUNT_OFFSET_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/loop.h"
#include "offset-mapper/config.h"

struct logs;

struct log_range {
    bool known;
    int64_t start;  /* first offset that is there */
    int64_t end;    /* high watermark: the next record's offset */
    int64_t age_ms; /* since before the asking began */
};

/* How long a logs_ask() may take at most. */
#define LOGS_DEADLINE_MS 2000

/* `config` is borrowed until logs_free().  ERR_INVALID: a cluster property that
 * librdkafka refuses. */
MUST_CHECK int logs_start(const struct config *config, struct logs **out,
                          struct err *err);
/* Answers what is asked still, and what is asked from now on, with ERR_CLOSED.
 * After it, loop_drain() of the loops that asked; then logs_free().  NULL
 * allowed. */
void logs_stop(struct logs *l);
void logs_free(struct logs *l);

/* What is known without asking.  True (and out->known) when it is known; the
 * partition's log is looked at about every second from now on, for as long as
 * somebody calls this at least every LOGS_INTEREST_MS. */
#define LOGS_INTEREST_MS 60000
bool logs_known(struct logs *l, const char *cluster, const char *topic,
                int32_t partition, struct log_range *out);

/* The same, but it is looked at only once more: for those who come by now and
 * then. */
bool logs_look(struct logs *l, const char *cluster, const char *topic,
               int32_t partition, struct log_range *out);

/* Asks the cluster, in a request that begins after this call; questions at the
 * same time share it.  `fn` is called once on `home`, `r` and `err` are
 * borrowed until it returns: `err` is NULL when r->known.  ERR_NOTFOUND: no such
 * cluster, topic or partition; ERR_DENIED; ERR_UNAVAILABLE: the cluster does not
 * answer. */
void logs_ask(struct logs *l, const char *cluster, const char *topic,
              int32_t partition, struct loop *home,
              void (*fn)(void *arg, const struct log_range *r,
                         const struct err *err),
              void *arg);

/* The offset of the first record at or after `timestamp_ms`; -1 when there is
 * none.  Otherwise as logs_ask(). */
void logs_ask_time(struct logs *l, const char *cluster, const char *topic,
                   int32_t partition, int64_t timestamp_ms, struct loop *home,
                   void (*fn)(void *arg, int64_t offset, const struct err *err),
                   void *arg);

#endif
