/*
 * libshunt: a Kafka client that follows its route.
 *
 * librdkafka's API with shunt_ in place of rd_kafka_: the same arguments,
 * results and ownership.  Messages, partition lists, headers and error codes
 * are librdkafka's own types and are used with librdkafka's own functions
 * (rd_kafka_message_destroy(), rd_kafka_err2str(), ...).  A handle names a
 * logical cluster (`cluster.code`); which Kafka cluster that is, the route
 * service says, and may say otherwise at any time: the handle then moves.
 *
 * Names: shunt_subscribe() and producing take logical topic names.  Partition
 * lists (assignment, commit, position) name places on the cluster in use and
 * carry physical names.  shunt_topic_name() gives a message's logical name.
 *
 * Threads: a producer and a consumer may be used by any thread; several may
 * poll a consumer, and what a thread got is finished when it polls again
 * (docs/sdk.md, Threads).  Callbacks are called from shunt_poll(),
 * shunt_flush(), shunt_consumer_poll(), shunt_consumer_close() and
 * shunt_destroy(), on their thread; only log_cb may be called from any thread.
 * NULL where an argument does not say that it may be NULL is a mistake which, as
 * in librdkafka, not every function survives; freeing and destroying NULL is
 * harmless.
 * Every function of this version: since 0.1.0.
 */
#ifndef SHUNT_SHUNT_H
#define SHUNT_SHUNT_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SHUNT_EXPORT __attribute__((visibility("default")))
#else
#define SHUNT_EXPORT
#endif

typedef struct shunt_s shunt_t;
typedef struct shunt_conf_s shunt_conf_t;
typedef struct shunt_queue_s shunt_queue_t;
typedef struct shunt_event_s shunt_event_t;

/* ---- handle ------------------------------------------------------------- */

/*
 * A new producer or consumer.
 * type: RD_KAFKA_PRODUCER or RD_KAFKA_CONSUMER; any other is a failure.
 * conf: taken on success, untouched on failure; NULL is a failure, because
 *       cluster.code has no default.
 * errstr, errstr_size: receives the reason of a failure.  What rd_kafka_new()
 *       would refuse is refused with its words, whatever a cluster's properties
 *       may say; but what concerns connections (security.protocol, ssl.*,
 *       sasl.*) is looked at with the cluster's, when there is one.
 * Does not wait: neither the route service nor Kafka need to be there.
 * Returns NULL on failure.
 */
SHUNT_EXPORT shunt_t *shunt_new(rd_kafka_type_t type, shunt_conf_t *conf,
                                char *errstr, size_t errstr_size);

/*
 * Closes and frees the handle.  A consumer that was not closed is closed
 * first.  A producer's records that are not acknowledged yet are given up,
 * without reports: shunt_flush() first.  Waits for the handle's threads.
 * Every message and topic of the handle must have been released.  NULL is
 * allowed.  Not from inside a callback.
 */
SHUNT_EXPORT void shunt_destroy(shunt_t *rk);

/*
 * The same; with RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE a consumer that was not
 * closed makes no callbacks and commits nothing.  It leaves its group.
 */
SHUNT_EXPORT void shunt_destroy_flags(shunt_t *rk, int flags);

/* The handle's configuration, as long as it lives.  Any thread. */
SHUNT_EXPORT const shunt_conf_t *shunt_conf(shunt_t *rk);

/*
 * A copy of the defaults for topics that the handle uses, for
 * shunt_topic_new().  Owned by the caller.  Any thread.
 */
SHUNT_EXPORT rd_kafka_topic_conf_t *shunt_default_topic_conf_dup(shunt_t *rk);

/* RD_KAFKA_PRODUCER or RD_KAFKA_CONSUMER. Any thread. */
SHUNT_EXPORT rd_kafka_type_t shunt_type(const shunt_t *rk);

/* The opaque of the configuration.  Any thread. */
SHUNT_EXPORT void *shunt_opaque(const shunt_t *rk);

/* For shunt_conf_set_log_cb(): to standard error, to syslog(3).  Any thread. */
SHUNT_EXPORT void shunt_log_print(const shunt_t *rk, int level, const char *fac,
                                  const char *buf);
SHUNT_EXPORT void shunt_log_syslog(const shunt_t *rk, int level,
                                   const char *fac, const char *buf);

/*
 * Log lines with a level (syslog's) above `level` are dropped from now on.
 * Before: the property log_level, or SHUNT_LOG.  Any thread.
 */
SHUNT_EXPORT void shunt_set_log_level(shunt_t *rk, int level);

/*
 * In a callback: the poll that makes it (shunt_poll(), shunt_flush(),
 * shunt_consumer_poll(), ...) makes no other one and returns; of a batch of
 * delivery reports the rest still comes.  shunt_flush() then says __TIMED_OUT.
 */
SHUNT_EXPORT void shunt_yield(shunt_t *rk);

/*
 * The fatal error that ended a generation of this handle, if there is one, with
 * librdkafka's words in `errstr`; RD_KAFKA_RESP_ERR_NO_ERROR: none.  Any thread.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_fatal_error(shunt_t *rk, char *errstr,
                                                   size_t errstr_size);

/* For tests of applications: makes one on the cluster in use, as
 * rd_kafka_test_fatal_error().  __STATE: no cluster yet. */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_test_fatal_error(shunt_t *rk,
                                                        rd_kafka_resp_err_t err,
                                                        const char *reason);

/*
 * New credentials for SASL PLAIN and SCRAM, copied: for clusters whose route
 * does not name sasl.username, those in use (at their next connection) and those
 * to come.  NULL, or an error that the caller destroys
 * (rd_kafka_error_destroy()): __INVALID_ARG, __FAIL.  Any thread.
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_sasl_set_credentials(shunt_t *rk,
                                                          const char *username,
                                                          const char *password);

/* State for people who look for faults: the handle, then rd_kafka_dump() of each
 * of its generations.  Any thread; not in a callback. */
SHUNT_EXPORT void shunt_dump(FILE *fp, shunt_t *rk);

/*
 * Threads of librdkafka in this process, as rd_kafka_thread_cnt().  Shunt has two
 * more for each handle ("shunt:control", "shunt:worker").
 */
SHUNT_EXPORT int shunt_thread_cnt(void);

/*
 * Waits until every handle of librdkafka in this process is gone, those of
 * generations that were left included.  0, or -1 after timeout_ms.
 */
SHUNT_EXPORT int shunt_wait_destroyed(int timeout_ms);

/* A name for logs ("orders#producer-1"), as long as the handle lives. */
SHUNT_EXPORT const char *shunt_name(const shunt_t *rk);

/* ---- consumer ----------------------------------------------------------- */

/*
 * Subscribes to logical topics; replaces an earlier subscription.  Does not
 * wait.  Returns RD_KAFKA_RESP_ERR_NO_ERROR; __INVALID_ARG: not a consumer,
 * an empty list or name, a bad regular expression;
 * __STATE: closed.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_subscribe(shunt_t *rk, const rd_kafka_topic_partition_list_t *topics);

/* Ends the subscription.  Errors: __INVALID_ARG: not a consumer. */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_unsubscribe(shunt_t *rk);

/*
 * The logical topics subscribed to.  *topics is owned by the caller
 * (rd_kafka_topic_partition_list_destroy()).
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_subscription(shunt_t *rk, rd_kafka_topic_partition_list_t **topics);

/*
 * Waits up to timeout_ms (-1: for ever) for a record or an error, runs
 * callbacks, moves the consumer when its route has changed.  The message is
 * owned by the caller (rd_kafka_message_destroy()); NULL: nothing came.  Must
 * be called at least every max.poll.interval.ms.
 */
SHUNT_EXPORT rd_kafka_message_t *shunt_consumer_poll(shunt_t *rk,
                                                     int timeout_ms);

/*
 * Calls back with REVOKE, commits (when offsets are committed automatically),
 * leaves the group.  Waits at most close.timeout.ms for the cluster and for
 * messages that the application has not destroyed; then __TIMED_OUT: the
 * consumer is closed all the same, and what is left of it ends by itself when
 * the last message is destroyed or the cluster has answered.  Then only
 * shunt_destroy() may follow.  __IN_PROGRESS: called inside a callback.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_consumer_close(shunt_t *rk);

/*
 * Closes without waiting: what the consumer's queue would get comes to `rkqu`,
 * and polling it (shunt_queue_poll()) closes, until shunt_consumer_closed().
 * With RD_KAFKA_EVENT_REBALANCE the revocation comes as an event; the group is
 * left when it has been answered (shunt_assign(rk, NULL) or
 * shunt_incremental_unassign()), or after close.timeout.ms.
 * NULL, or an error for the caller to destroy: __INVALID_ARG: not a consumer, no
 * queue; __DESTROY: closed or closing.  Any thread.
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_consumer_close_queue(shunt_t *rk,
                                                          shunt_queue_t *rkqu);

/* 1: closed.  Any thread. */
SHUNT_EXPORT int shunt_consumer_closed(shunt_t *rk);

/* ---- producer ----------------------------------------------------------- */

/*
 * Accepts one record, given as rd_kafka_producev() takes it (RD_KAFKA_V_TOPIC
 * or _RKT, _PARTITION, _KEY, _VALUE, _HEADER, _HEADERS, _TIMESTAMP, _MSGFLAGS,
 * _OPAQUE, then RD_KAFKA_V_END).  The topic is logical; _RKT takes an object of
 * shunt_topic_new().  The key is copied.  The value is copied with
 * RD_KAFKA_MSG_F_COPY, given away on success with _F_FREE (malloc()); with
 * neither it stays the caller's, unchanged until the report, which has the same
 * pointer.  RD_KAFKA_V_HEADERS are taken on success.  Waits only with
 * RD_KAFKA_MSG_F_BLOCK, while the queue is full.  Any thread.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR: one delivery report will follow, after
 * any number of moves (message.timeout.ms counts anew on each cluster);
 * __QUEUE_FULL: queue.buffering.max.* reached, counted over all clusters and
 * what waits: poll and try again; MSG_SIZE_TOO_LARGE; __UNKNOWN_PARTITION,
 * __UNKNOWN_TOPIC: not on the cluster in use; __CONFLICT: _HEADER and _HEADERS;
 * __INVALID_ARG: no topic, one that Kafka does not allow, a topic object of
 * somebody else, an unknown kind of argument; __FATAL: shunt_fatal_error();
 * __STATE: not a producer, or the transaction's state; __FAIL: out of memory.
 * Order and partitions across moves: docs/sdk.md.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_producev(shunt_t *rk, ...);

/* The same from an array, with an error object (NULL: accepted), which the
 * caller frees (rd_kafka_error_destroy()). */
SHUNT_EXPORT rd_kafka_error_t *
shunt_produceva(shunt_t *rk, const rd_kafka_vu_t *vus, size_t cnt);

/*
 * An object for a logical topic, to produce with and to give it a configuration
 * (partitioner, acks, ...) of its own; as in librdkafka the first one holds.
 * conf: taken on success; NULL: the default.
 * The object stands for the topic on whichever cluster: the `rkt` of reports
 * and of partitioners are others (compare names, not pointers).  Released with
 * rd_kafka_topic_destroy(), before shunt_destroy().  Any thread.
 * NULL, with errno and shunt_last_error() __INVALID_ARG: not a producer, or no
 * such name.
 */
SHUNT_EXPORT rd_kafka_topic_t *shunt_topic_new(shunt_t *rk, const char *topic,
                                               rd_kafka_topic_conf_t *conf);

/*
 * As rd_kafka_produce(); rkt is of shunt_topic_new().  0, or -1 with errno
 * and shunt_last_error(): the errors of shunt_producev().
 */
SHUNT_EXPORT int shunt_produce(rd_kafka_topic_t *rkt, int32_t partition,
                               int msgflags, void *payload, size_t len,
                               const void *key, size_t keylen,
                               void *msg_opaque);

/*
 * As rd_kafka_produce_batch(), RD_KAFKA_MSG_F_PARTITION included: returns how
 * many were accepted, and sets `err` of each.
 */
SHUNT_EXPORT int shunt_produce_batch(rd_kafka_topic_t *rkt, int32_t partition,
                                     int msgflags,
                                     rd_kafka_message_t *rkmessages,
                                     int message_cnt);

/* Of the calling thread's last shunt_topic_new() or shunt_produce(). */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_last_error(void);

/*
 * Waits up to timeout_ms (-1: for ever) for something to report and calls the
 * callbacks.  Returns how many were served.  A producer must poll regularly.
 */
SHUNT_EXPORT int shunt_poll(shunt_t *rk, int timeout_ms);

/*
 * Waits until every accepted record has had its report, calling the
 * callbacks (with RD_KAFKA_EVENT_DR enabled another thread must take the events
 * meanwhile).  RD_KAFKA_RESP_ERR__TIMED_OUT after timeout_ms.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_flush(shunt_t *rk, int timeout_ms);

/*
 * Gives records up (RD_KAFKA_PURGE_F_QUEUE, _INFLIGHT, _NON_BLOCKING): their
 * reports, with __PURGE_QUEUE or __PURGE_INFLIGHT, come from shunt_poll().
 * Records that wait for a route or a move count as queued.  During the carrying
 * of a move it waits for its end (milliseconds; seconds while a broker's name
 * is looked up).  __INVALID_ARG: other flags.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_purge(shunt_t *rk, int purge_flags);

/* Records accepted that have not had their report yet.  Any thread. */
SHUNT_EXPORT int shunt_outq_len(shunt_t *rk);

/* ---- the cluster in use -------------------------------------------------- */

/*
 * These ask the Kafka cluster that the handle is on, as librdkafka's functions of
 * the same names; names are physical ones.  With several clusters: the one of
 * `only_rkt`, else that of the first topic.  They wait up to timeout_ms, on any
 * thread, also while the handle moves; not in callbacks of a consumer.
 * __STATE, NULL or -1 before there is a cluster: subscribe and poll, or produce,
 * first.
 */

/* *metadatap is the caller's (rd_kafka_metadata_destroy()). */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_metadata(shunt_t *rk, int all_topics, rd_kafka_topic_t *only_rkt,
               const struct rd_kafka_metadata **metadatap, int timeout_ms);

/* *grplistp is the caller's (rd_kafka_group_list_destroy()).  group NULL: all. */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_list_groups(shunt_t *rk, const char *group,
                  const struct rd_kafka_group_list **grplistp, int timeout_ms);

/* Kafka's own id of the cluster, freed with rd_kafka_mem_free(NULL, ...). */
SHUNT_EXPORT char *shunt_clusterid(shunt_t *rk, int timeout_ms);

/* Its controller's broker id. */
SHUNT_EXPORT int32_t shunt_controllerid(shunt_t *rk, int timeout_ms);

/* ---- only Shunt --------------------------------------------------------- */

/*
 * The logical name of a message's topic (`rkmessage->rkt`): "orders" where
 * rd_kafka_topic_name() says "a.orders".  For a topic that no route knows, the
 * physical name.  Borrowed; never NULL; any thread.
 */
SHUNT_EXPORT const char *shunt_topic_name(const rd_kafka_topic_t *rkt);

/*
 * The cluster on which a consumed record was first written; of a delivery
 * report, the cluster that gave it.  Valid until the process ends; NULL when
 * it is not known.  Any thread.
 */
SHUNT_EXPORT const char *
shunt_message_origin(const rd_kafka_message_t *rkmessage);

/*
 * The Kafka cluster in use; NULL: none yet.  Valid until the process ends.
 * Any thread.
 */
SHUNT_EXPORT const char *shunt_cluster(const shunt_t *rk);

/* RD_KAFKA_EVENT_..., or one of those below. */
typedef int shunt_event_type_t;

/* What happens to a handle's route. */
enum {
    SHUNT_EVENT_ROUTE = 0x10000000, /* all of them: shunt_conf_set_events() */
    SHUNT_EVENT_ROUTED = SHUNT_EVENT_ROUTE | 1,   /* bound to a cluster for the
                                                   first time */
    SHUNT_EVENT_SWITCH = SHUNT_EVENT_ROUTE | 2,   /* a move has begun */
    SHUNT_EVENT_SWITCHED = SHUNT_EVENT_ROUTE | 3, /* it is done */
    SHUNT_EVENT_STUCK = SHUNT_EVENT_ROUTE | 4,    /* it cannot be done now: the
                                 handle stays where it is and keeps trying */
    SHUNT_EVENT_WARNING = SHUNT_EVENT_ROUTE | 5,  /* see shunt_event_text() */
    SHUNT_EVENT_PHASE = SHUNT_EVENT_ROUTE | 6,    /* a move has come so far:
                                                 shunt_event_phase() */
    SHUNT_EVENT_STANDBY = SHUNT_EVENT_ROUTE | 7 /* switch.standby: what is kept
                                 on cluster shunt_event_to() is ready */
};

/*
 * Events of the route, from shunt_poll(), shunt_flush() and
 * shunt_consumer_poll() and polls of queues (event.h).  `event` is valid during
 * the call.
 */
SHUNT_EXPORT void shunt_conf_set_event_cb(
    shunt_conf_t *conf,
    void (*event_cb)(shunt_t *rk, const shunt_event_t *event, void *opaque));

/*
 * What a handle counts, in Prometheus' text format: counters that go on over
 * moves, the cluster in use, route revision, the phases of the last move in
 * ms.  Every sample has the label `handle` (shunt_name()).
 * rk: a handle; NULL: all handles of the process in one text.
 * Does not wait for the network.  Any thread, callbacks included.
 * Returns the text, which the caller frees with free(); NULL: out of memory.
 */
SHUNT_EXPORT char *shunt_metrics_text(shunt_t *rk);

/* "0.1.0". Static. */
SHUNT_EXPORT const char *shunt_version(void);

#ifdef __cplusplus
}
#endif

#include <shunt/conf.h>
#include <shunt/event.h>
#include <shunt/partitions.h>
#include <shunt/transaction.h>

#endif
