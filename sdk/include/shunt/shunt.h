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
 * type: RD_KAFKA_PRODUCER or RD_KAFKA_CONSUMER.
 * conf: taken on success, untouched on failure; NULL is a failure, because
 *       cluster.code has no default.
 * errstr, errstr_size: receives the reason of a failure.
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
 * Takes partitions, and nothing else, as librdkafka does: in the rebalance
 * callback those of its list; NULL gives everything back.  An element's offset
 * is where it starts: RD_KAFKA_OFFSET_INVALID or _STORED lets Shunt decide (the
 * group's commit, or the position that a move carries over; a partition that is
 * read already goes on); BEGINNING, END, TAIL or an offset are the
 * application's, and override what a move has carried over.
 *
 * Without a subscription this is a manual assignment: no group is joined.  It
 * takes effect when the route of the topics is known; a move translates each
 * position and assigns there, together with the streams of the same logical
 * partition that only the new cluster has, from their log start.
 *
 * An element whose metadata names another cluster (shunt_position() gives such
 * metadata) is a place there: it is translated while the partition waits, for
 * at most switch.mapping.timeout.ms; without a translation it starts at the log
 * start, with a WARNING event.  Does not wait, except to commit what is given
 * up when offsets are committed automatically.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR; __INVALID_ARG: not a consumer, no such
 * partition number or offset; __STATE: closed, or subscribed and nothing
 * assigned by the group yet; __FAIL: out of memory.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_assign(shunt_t *rk, const rd_kafka_topic_partition_list_t *partitions);

/*
 * The same for some partitions more, or less: what the rebalance callback of a
 * cooperative group calls.  NULL, or an error for the caller to destroy
 * (rd_kafka_error_destroy()): as shunt_assign(), and __CONFLICT: assigned
 * already; __INVALID_ARG: not assigned.
 */
SHUNT_EXPORT rd_kafka_error_t *
shunt_incremental_assign(shunt_t *rk,
                         const rd_kafka_topic_partition_list_t *partitions);
SHUNT_EXPORT rd_kafka_error_t *
shunt_incremental_unassign(shunt_t *rk,
                           const rd_kafka_topic_partition_list_t *partitions);

/*
 * The partitions assigned now, physical names.  *partitions is the caller's.
 * Any thread.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions);

/*
 * 1: the partitions were lost, not revoked (others may own them by now).  In a
 * rebalance callback.
 */
SHUNT_EXPORT int shunt_assignment_lost(shunt_t *rk);

/* "NONE", "EAGER" or "COOPERATIVE"; NULL: not a consumer.  Static. */
SHUNT_EXPORT const char *shunt_rebalance_protocol(shunt_t *rk);

/*
 * Continues each partition at its .offset: an offset, BEGINNING, END or TAIL;
 * one whose metadata names another cluster is translated first, as part of
 * timeout_ms.  .err of each: __UNKNOWN_PARTITION: no translation, or not a
 * partition; __STATE: not assigned; __INVALID_ARG: another logical offset; what
 * the cluster says.  timeout_ms 0 does not wait, and nothing is translated.
 * What was finished before the seek and not committed is not committed any more.
 * NULL, or an error for the caller to destroy: __TIMED_OUT, __INVALID_ARG,
 * __STATE: no cluster yet.
 */
SHUNT_EXPORT rd_kafka_error_t *
shunt_seek_partitions(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions,
                      int timeout_ms);

/*
 * The same for one partition of a message's topic (`rkmessage->rkt`).
 * __UNKNOWN_PARTITION also for a topic of a cluster that was left.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_seek(rd_kafka_topic_t *rkt,
                                            int32_t partition, int64_t offset,
                                            int timeout_ms);

/*
 * Stops and continues delivery of partitions; .err of each:
 * __UNKNOWN_PARTITION: not assigned.  Poll on, or the group takes the member
 * for dead.  A pause ends when the partition is taken away, but outlasts a
 * move: the partition of the logical topic stays paused, whatever its topics
 * are called there, and a consumer that had paused everything it had is given
 * nothing there before shunt_resume_partitions().
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_pause_partitions(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);
SHUNT_EXPORT rd_kafka_resp_err_t shunt_resume_partitions(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);

/*
 * Fills in, for each partition, the offset after the last record that was
 * delivered (RD_KAFKA_OFFSET_INVALID: none since its start or a seek), `err`,
 * and as metadata where that is: {"shunt":1,"cluster":"a","logical":"orders",
 * "origin":"a"}.  Topic, partition, offset and metadata together can be kept
 * anywhere and be given back to shunt_assign(), shunt_seek_partitions(),
 * shunt_commit() and shunt_offsets_store() on any cluster.  Does not wait.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);

/*
 * With enable.auto.offset.store=false: what is stored is what is finished, and
 * what automatic commits and shunt_commit(rk, NULL, ...) commit and a move
 * carries over (switch.position=stored).  Offsets are those of the next record
 * to read, .err of each: __UNKNOWN_PARTITION: not a partition here, one of a
 * cluster that was left, no translation; __STATE: not assigned.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR when any was stored, else the last of
 * these; __INVALID_ARG: enable.auto.offset.store=true.  Does not wait unless
 * something has to be translated.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_offsets_store(shunt_t *rk, rd_kafka_topic_partition_list_t *offsets);

/*
 * Stores the offset after `offset`, of a message's topic (`rkmessage->rkt`).  A
 * message that was delivered before a move: __UNKNOWN_PARTITION.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_offset_store(rd_kafka_topic_t *rkt,
                                                    int32_t partition,
                                                    int64_t offset);

/*
 * Commits `offsets`, or with NULL the current (stored) ones.  async 0 waits
 * for the answer.  Physical names of the cluster in use; an element whose
 * metadata names another cluster is translated first.  Other metadata is the
 * application's: UTF-8 without zero bytes (else __INVALID_ARG, and nothing is
 * committed); it stands in Kafka as "app" of Shunt's own
 * ({"shunt":1,"since":7,"app":"..."}), and shunt_committed() gives it back.
 * After a move, an offset past what was delivered on this cluster and without a
 * place is one of the old cluster's: __UNKNOWN_PARTITION, and nothing is
 * committed.  __NO_OFFSET: nothing to commit; __STATE: not connected, or moving
 * just now: what is finished is carried over.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_commit(
    shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets, int async);

/*
 * Commits the offset after `rkmessage`, which the caller keeps.  A message
 * that was delivered before a move is committed as part of that move, not
 * again: __UNKNOWN_PARTITION.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_commit_message(
    shunt_t *rk, const rd_kafka_message_t *rkmessage, int async);

/*
 * Reads the group's commits for the listed partitions of the cluster in use
 * into `partitions`, before there is an assignment too.  The metadata is the
 * application's where it committed some, else the place, as of
 * shunt_position().  Waits up to timeout_ms: __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_committed(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions, int timeout_ms);

/*
 * For each partition the first offset whose timestamp is at least .offset
 * (milliseconds since 1970), with its place as metadata; RD_KAFKA_OFFSET_END:
 * none.  Waits up to timeout_ms, before there is an assignment for the route
 * too: __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_offsets_for_times(
    shunt_t *rk, rd_kafka_topic_partition_list_t *offsets, int timeout_ms);

/*
 * The first offset of a partition and the next one to be written, asked of its
 * broker; waits up to timeout_ms.  Its errors, and __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_query_watermark_offsets(shunt_t *rk, const char *topic, int32_t partition,
                              int64_t *low, int64_t *high, int timeout_ms);

/*
 * The same as last heard of with fetched records; does not wait.  __STATE: no
 * cluster yet; RD_KAFKA_OFFSET_INVALID: not known.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_get_watermark_offsets(shunt_t *rk,
                                                             const char *topic,
                                                             int32_t partition,
                                                             int64_t *low,
                                                             int64_t *high);

/*
 * This member's id in its group on the cluster in use; freed by the caller with
 * rd_kafka_mem_free(NULL, ...).  NULL: none yet.
 */
SHUNT_EXPORT char *shunt_memberid(const shunt_t *rk);

/*
 * The group metadata of this member on the cluster in use, for a transactional
 * producer; the caller's, of librdkafka's own type and for its functions
 * (rd_kafka_consumer_group_metadata_destroy()).  NULL: no cluster yet.  Take a
 * new one for each transaction: after a move the old one is none any more.
 */
SHUNT_EXPORT rd_kafka_consumer_group_metadata_t *
shunt_consumer_group_metadata(shunt_t *rk);

/*
 * Calls back with REVOKE, commits (when offsets are committed automatically),
 * leaves the group.  Waits at most close.timeout.ms for the cluster and for
 * messages that the application has not destroyed; then __TIMED_OUT: the
 * consumer is closed all the same, and what is left of it ends by itself when
 * the last message is destroyed or the cluster has answered.  Then only
 * shunt_destroy() may follow.  __IN_PROGRESS: called inside a callback.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_consumer_close(shunt_t *rk);

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
    SHUNT_EVENT_PHASE = SHUNT_EVENT_ROUTE | 6     /* a move has come so far:
                                                 shunt_event_phase() */
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
#include <shunt/transaction.h>

#endif
