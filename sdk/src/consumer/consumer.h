/*
 * The consumer engine: one stable handle that reads the logical topics of an
 * application from whichever cluster the route names, and moves to another one
 * at its own position.
 *
 * Threads: any thread may call any function at any time until consumer_free();
 * several may poll at once (each record goes to one of them).  The callbacks
 * of `struct engine` are called by a thread that calls consumer_poll(),
 * consumer_unsubscribe() or consumer_close(), one at a time and without a
 * lock; on_log by any thread.
 *
 * Nothing moves unless consumer_poll() is called: it serves librdkafka's
 * callbacks, the automatic commits and every step of a switch.
 *
 * Partition lists carry physical names on the current cluster; a logical name
 * in a list that the application gives means the local topic (which is called
 * the same).
 */
#ifndef SHUNT_SDK_CONSUMER_H
#define SHUNT_SDK_CONSUMER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "sdk/src/engine.h"

struct consumer;
struct generation;

/* Copies *e shallowly: what it points to outlives the consumer.  Connects to
 * nothing yet. ERR_NOMEM. */
MUST_CHECK int consumer_new(const struct engine *e, struct consumer **out,
                            struct err *err);

/* Logical names; copied.  Takes effect in later polls, once a route for them
 * is there.  _INVALID_ARG: an empty list or name, or a regex ("^...") that is
 * none; _STATE: closed. Tells control. */
rd_kafka_resp_err_t
consumer_subscribe(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *topics);
/* Commits what is finished and leaves the group; bounded (see close). */
rd_kafka_resp_err_t consumer_unsubscribe(struct consumer *c);
/* Logical names, in a new list that the caller destroys. */
rd_kafka_resp_err_t
consumer_subscription(struct consumer *c,
                      rd_kafka_topic_partition_list_t **out);

/* librdkafka's semantics: a record, an error in m->err, or NULL.  The caller
 * destroys it with rd_kafka_message_destroy().  The call also says that the
 * record returned to this thread before is finished. -1: waits for ever. */
rd_kafka_message_t *consumer_poll(struct consumer *c, int timeout_ms);
/* As rd_kafka_consume_batch_queue(): how many messages are in `v`, each the
 * caller's; waits for `n` of them, unless something is due that they might be
 * taken away by (then those that are there are returned early). */
size_t consumer_poll_batch(struct consumer *c, int timeout_ms,
                           rd_kafka_message_t **v, size_t n);

/*
 * A transaction is going to commit `offsets`, of the cluster in use: *out is a
 * copy (the caller's) with what a commit of ours says of itself, *cluster is
 * interned.  Until consumer_txn_end(), at most `hold_ms`, the consumer does not
 * hand its positions over to another cluster.  `since`: when the transaction
 * before it ended; whatever was delivered after that may be in this one.
 */
enum consumer_txn {
    CONSUMER_TXN_HELD,
    CONSUMER_TXN_MOVING,  /* to another cluster now, or it has none, or an
                             offset is not of this one */
    CONSUMER_TXN_REWOUND, /* records were delivered after `since` that are or
                             were delivered once more */
    CONSUMER_TXN_INVALID  /* metadata that Kafka does not allow, or no memory */
};
enum consumer_txn
consumer_txn_begin(struct consumer *c,
                   const rd_kafka_topic_partition_list_t *offsets,
                   uint64_t since, int64_t hold_ms,
                   rd_kafka_topic_partition_list_t **out, const char **cluster);
/* A moment, in the order of all calls. */
uint64_t consumer_txn_moment(void);
/* `committed`: they stand now, on `cluster`; NULL: aborted. */
void consumer_txn_end(struct consumer *c,
                      const rd_kafka_topic_partition_list_t *committed,
                      const char *cluster);

/* From now on fn(arg) is called whenever a poll may have something to do: any
 * thread, with locks held, must not block.  Once. */
void consumer_on_wake(struct consumer *c, void (*fn)(void *arg), void *arg);
/* When (clock_mono_ms) a poll will have something to do because time has
 * passed, at the latest. */
int64_t consumer_due_ms(struct consumer *c);
/* Records and events that librdkafka has ready. */
size_t consumer_length(struct consumer *c);
/* With the lock held, for each generation that lives.  Not in callbacks of
 * librdkafka. */
void consumer_each(struct consumer *c,
                   void (*fn)(struct generation *g, void *arg), void *arg);

/* Any thread: wakes the poll, which then looks at control_route() and at the
 * translation it asked for. Never blocks. */
void consumer_news(struct consumer *c);

/* The cluster in use as a string, "" before the first one. */
void consumer_cluster(struct consumer *c, char *buf, size_t size);
/* What a physical topic on the current cluster (or on the one before it) is
 * called logically, and where its records were first written; `physical`
 * itself and "" when it is not in the view.  Valid for ever. */
const char *consumer_logical_name(struct consumer *c, const char *physical);
const char *consumer_origin(struct consumer *c, const char *physical);
/* It is a handle in use now. */
bool consumer_reads_by(struct consumer *c, const rd_kafka_t *rk);
/* The generation now in use for a physical topic (NULL: for the first one), for what the surface passes through to its `rk`
 * (memberid, watermarks, metadata): the caller's until generation_unref(),
 * which must come soon. NULL: none yet. */
struct generation *consumer_hold(struct consumer *c, const char *topic);

/* Commits what is returned, leaves the groups.  _IN_PROGRESS: called inside a
 * callback.  Takes at most a few seconds,
 * also with dead clusters or with messages that the application still holds
 * (their handle is then left behind, with a log line). */
rd_kafka_resp_err_t consumer_close(struct consumer *c);
/* The same without callbacks and commits. */
void consumer_abandon(struct consumer *c);
/* The same without waiting: whoever polls then takes the steps, until
 * consumer_closed(); callbacks and events come meanwhile.  _DESTROY: closed or
 * closing.  Any thread. */
rd_kafka_error_t *consumer_close_begin(struct consumer *c);
bool consumer_closed(struct consumer *c);
/* Closes if need be. NULL allowed. */
void consumer_free(struct consumer *c);

#endif
