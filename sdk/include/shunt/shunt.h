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
 * Threads: a producer may be used by any thread.  A consumer is used by one
 * thread at a time, commits included; where it says "any thread" it means
 * that.  Callbacks are called from shunt_poll(),
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

/* ---- configuration ------------------------------------------------------ */

/*
 * A new configuration with the defaults.  Owned by the caller until
 * shunt_new() takes it; else freed with shunt_conf_destroy().  NULL: out of
 * memory.  A configuration is used by one thread at a time.
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_new(void);

/*
 * A copy of `conf`, callbacks and opaque included.  Owned by the caller.
 * NULL: out of memory.
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_dup(const shunt_conf_t *conf);

/*
 * The same without the properties whose name begins with one of `filter`
 * (librdkafka's names of callbacks, "error_cb", count too).
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_dup_filter(const shunt_conf_t *conf,
                                                 size_t filter_cnt,
                                                 const char **filter);

/* Frees `conf`; NULL is allowed.  Not for one that shunt_new() has taken. */
SHUNT_EXPORT void shunt_conf_destroy(shunt_conf_t *conf);

/*
 * Sets one property.  Shunt's own are `cluster.code`, `route.*`, `switch.*`,
 * `client.name` and `attr.NAME`; every other name is librdkafka's.
 * conf:   the configuration.
 * name, value: copied.  value NULL: back to the default.
 * errstr, errstr_size: receives the reason, NUL-terminated, unless NULL or 0.
 * Returns RD_KAFKA_CONF_OK; RD_KAFKA_CONF_UNKNOWN: no such property;
 * RD_KAFKA_CONF_INVALID: the value cannot be used, or the property is one
 * that a routed client must not set (bootstrap.servers,
 * metadata.broker.list) or cannot have yet (transactional.id, ...).
 */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_set(shunt_conf_t *conf,
                                                const char *name,
                                                const char *value, char *errstr,
                                                size_t errstr_size);

/*
 * Reads one property.  `dest` NULL asks only for *dest_size, the bytes that
 * the value needs, its NUL included.  A value that does not fit is cut.
 * Returns RD_KAFKA_CONF_OK, or RD_KAFKA_CONF_UNKNOWN also for a property of
 * Shunt that has no value.
 */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_get(const shunt_conf_t *conf,
                                                const char *name, char *dest,
                                                size_t *dest_size);

/*
 * Every property that has a value, as name, value, name, value, ...; Shunt's
 * own first.  Secrets included.  *cntp receives the number of strings.  Owned
 * by the caller: shunt_conf_dump_free().  NULL: out of memory.
 */
SHUNT_EXPORT const char **shunt_conf_dump(shunt_conf_t *conf, size_t *cntp);
SHUNT_EXPORT void shunt_conf_dump_free(const char **arr, size_t cnt);

/* Prints Shunt's properties and librdkafka's with ranges and defaults. */
SHUNT_EXPORT void shunt_conf_properties_show(FILE *fp);

/*
 * The defaults of topics, as rd_kafka_conf_set_default_topic_conf().  tconf is
 * taken.  Topic properties may as well be set with shunt_conf_set().
 */
SHUNT_EXPORT void
shunt_conf_set_default_topic_conf(shunt_conf_t *conf,
                                  rd_kafka_topic_conf_t *tconf);
/* Borrowed from `conf`; NULL: none was set yet. */
SHUNT_EXPORT rd_kafka_topic_conf_t *
shunt_conf_get_default_topic_conf(shunt_conf_t *conf);

/* The pointer that every callback gets and shunt_opaque() returns. */
SHUNT_EXPORT void shunt_conf_set_opaque(shunt_conf_t *conf, void *opaque);

/*
 * Delivery reports: exactly one for each record that a produce call accepted,
 * from shunt_poll() or shunt_flush().  `rkmessage` is valid during the call;
 * its _private is the record's opaque.  May produce; must not destroy.
 */
SHUNT_EXPORT void shunt_conf_set_dr_msg_cb(
    shunt_conf_t *conf,
    void (*dr_msg_cb)(shunt_t *rk, const rd_kafka_message_t *rkmessage,
                      void *opaque));

/*
 * Delivery reports in librdkafka's old form, for programs that still use it.
 * With a dr_msg_cb too, only that is called.
 */
SHUNT_EXPORT void shunt_conf_set_dr_cb(
    shunt_conf_t *conf,
    void (*dr_cb)(shunt_t *rk, void *payload, size_t len,
                  rd_kafka_resp_err_t err, void *opaque, void *msg_opaque));

/*
 * Consumer: records and errors go to `consume_cb`, and shunt_consumer_poll()
 * returns NULL.  `rkmessage` is valid during the call.
 */
SHUNT_EXPORT void shunt_conf_set_consume_cb(
    shunt_conf_t *conf,
    void (*consume_cb)(rd_kafka_message_t *rkmessage, void *opaque));

/*
 * Sockets, name resolution, files and certificates of every connection to
 * Kafka, as the functions of librdkafka of the same names; `opaque` is the
 * configuration's.  Called by librdkafka's threads, of several clusters at
 * once during a move: they must be thread-safe and must not call any shunt_
 * function except shunt_opaque() and shunt_name().  Connections to route
 * services and mappers are not concerned.
 */
SHUNT_EXPORT void shunt_conf_set_socket_cb(
    shunt_conf_t *conf,
    int (*socket_cb)(int domain, int type, int protocol, void *opaque));
SHUNT_EXPORT void shunt_conf_set_connect_cb(
    shunt_conf_t *conf,
    int (*connect_cb)(int sockfd, const struct sockaddr *addr, int addrlen,
                      const char *id, void *opaque));
SHUNT_EXPORT void
shunt_conf_set_closesocket_cb(shunt_conf_t *conf,
                              int (*closesocket_cb)(int sockfd, void *opaque));
SHUNT_EXPORT void shunt_conf_set_open_cb(shunt_conf_t *conf,
                                         int (*open_cb)(const char *pathname,
                                                        int flags, mode_t mode,
                                                        void *opaque));
SHUNT_EXPORT void shunt_conf_set_resolve_cb(
    shunt_conf_t *conf, int (*resolve_cb)(const char *node, const char *service,
                                          const struct addrinfo *hints,
                                          struct addrinfo **res, void *opaque));
/* RD_KAFKA_CONF_INVALID: librdkafka was built without SSL. */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_set_ssl_cert_verify_cb(
    shunt_conf_t *conf,
    int (*ssl_cert_verify_cb)(shunt_t *rk, const char *broker_name,
                              int32_t broker_id, int *x509_error, int depth,
                              const char *buf, size_t size, char *errstr,
                              size_t errstr_size, void *opaque));

/*
 * A certificate or key for every cluster, as rd_kafka_conf_set_ssl_cert();
 * `buffer` is copied.  What the route table says of a cluster's certificates
 * is laid over it.
 */
SHUNT_EXPORT rd_kafka_conf_res_t
shunt_conf_set_ssl_cert(shunt_conf_t *conf, rd_kafka_cert_type_t cert_type,
                        rd_kafka_cert_enc_t cert_enc, const void *buffer,
                        size_t size, char *errstr, size_t errstr_size);

/* What the engine of ssl.engine.location gets. Borrowed as long as handles of
 * this configuration live. */
SHUNT_EXPORT void shunt_conf_set_engine_callback_data(shunt_conf_t *conf,
                                                      void *callback_data);

/* Errors that no other call reports, as rd_kafka_conf_set_error_cb(). */
SHUNT_EXPORT void shunt_conf_set_error_cb(shunt_conf_t *conf,
                                          void (*error_cb)(shunt_t *rk, int err,
                                                           const char *reason,
                                                           void *opaque));

/*
 * Log lines, of librdkafka and of Shunt ("SHUNT..." in `fac`); `level` is
 * syslog's.  Called from any thread; must not call any shunt_ function except
 * shunt_opaque() and shunt_name().  NULL silences.  Default: stderr.  The
 * environment variable SHUNT_LOG turns a running program's log up and into a
 * file, whatever the program set: "debug,file=/tmp/shunt-%p.log,
 * kafka=cgrp+broker" (a level: error, warn, info, debug; %p is the process id;
 * kafka: librdkafka's debug contexts).
 */
SHUNT_EXPORT void
shunt_conf_set_log_cb(shunt_conf_t *conf,
                      void (*log_cb)(const shunt_t *rk, int level,
                                     const char *fac, const char *buf));

/*
 * Consumer: informs of assignments (RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
 * RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS), those of a move included.  Unlike
 * with librdkafka the callback does not assign: Shunt does, at the positions
 * that it carried over.  May commit; `partitions` is valid during the call.
 */
SHUNT_EXPORT void shunt_conf_set_rebalance_cb(
    shunt_conf_t *conf,
    void (*rebalance_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions,
                         void *opaque));

/* Consumer: results of commits, as rd_kafka_conf_set_offset_commit_cb(). */
SHUNT_EXPORT void shunt_conf_set_offset_commit_cb(
    shunt_conf_t *conf,
    void (*offset_commit_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                             rd_kafka_topic_partition_list_t *offsets,
                             void *opaque));

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

/*
 * Log lines with a level (syslog's) above `level` are dropped from now on.
 * Before: the property log_level, or SHUNT_LOG.  Any thread.
 */
SHUNT_EXPORT void shunt_set_log_level(shunt_t *rk, int level);

/* A name for logs ("orders#producer-1"), as long as the handle lives. */
SHUNT_EXPORT const char *shunt_name(const shunt_t *rk);

/* ---- consumer ----------------------------------------------------------- */

/*
 * Subscribes to logical topics; replaces an earlier subscription.  Does not
 * wait.  Returns RD_KAFKA_RESP_ERR_NO_ERROR; __INVALID_ARG: not a consumer,
 * an empty list or name; __NOT_IMPLEMENTED: a regular expression ("^...");
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

/* The partitions assigned now, physical names.  *partitions is the caller's. */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_assignment(shunt_t *rk, rd_kafka_topic_partition_list_t **partitions);

/*
 * Fills in, for each partition, the offset after the last record that was
 * delivered (RD_KAFKA_OFFSET_INVALID: none yet) and `err`.  Does not wait.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_position(shunt_t *rk, rd_kafka_topic_partition_list_t *partitions);

/*
 * Commits `offsets`, or with NULL the current (stored) ones.  async 0 waits
 * for the answer.  Physical names of the cluster in use.  After a move, an
 * offset past what was delivered on this cluster is one of the old cluster's:
 * __UNKNOWN_PARTITION, and nothing is committed.
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
 * into `partitions`.  Waits up to timeout_ms: __TIMED_OUT.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_committed(
    shunt_t *rk, rd_kafka_topic_partition_list_t *partitions, int timeout_ms);

/*
 * Commits (when offsets are committed automatically), leaves the group.
 * Waits; callbacks are called.  Then only shunt_destroy() may follow.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_consumer_close(shunt_t *rk);

/* ---- producer ----------------------------------------------------------- */

/*
 * Accepts one record, given as rd_kafka_producev() takes it
 * (RD_KAFKA_V_TOPIC, _PARTITION, _KEY, _VALUE, _HEADER, _HEADERS, _TIMESTAMP,
 * _MSGFLAGS, _OPAQUE, then RD_KAFKA_V_END).  The topic is logical;
 * RD_KAFKA_V_RKT is not supported.  Key and value are copied whatever the
 * flags say; with RD_KAFKA_MSG_F_FREE the value is taken on success;
 * RD_KAFKA_V_HEADERS are taken on success.  Does not wait, except with
 * RD_KAFKA_MSG_F_BLOCK on a full queue.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR: one delivery report will follow, after
 * any number of moves (message.timeout.ms counts anew on each cluster).
 * __QUEUE_FULL: queue.buffering.max.* reached, poll and try again;
 * __NOT_IMPLEMENTED: the topic is routed to another cluster than the handle's
 * other topics; __CONFLICT, __INVALID_ARG: as librdkafka; __STATE: not a
 * producer.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_producev(shunt_t *rk, ...);

/* The same from an array, with an error object (NULL: accepted), which the
 * caller frees (rd_kafka_error_destroy()). */
SHUNT_EXPORT rd_kafka_error_t *
shunt_produceva(shunt_t *rk, const rd_kafka_vu_t *vus, size_t cnt);

/*
 * Waits up to timeout_ms (-1: for ever) for something to report and calls the
 * callbacks.  Returns how many were served.  A producer must poll regularly.
 */
SHUNT_EXPORT int shunt_poll(shunt_t *rk, int timeout_ms);

/*
 * Waits until every accepted record has had its report, calling the
 * callbacks.  RD_KAFKA_RESP_ERR__TIMED_OUT after timeout_ms.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_flush(shunt_t *rk, int timeout_ms);

/*
 * Gives records up (RD_KAFKA_PURGE_F_QUEUE, _INFLIGHT): their reports, with
 * __PURGE_QUEUE or __PURGE_INFLIGHT, come from shunt_poll().  Records that
 * wait for a route or a move count as queued.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_purge(shunt_t *rk, int purge_flags);

/* Records accepted that have not had their report yet.  Any thread. */
SHUNT_EXPORT int shunt_outq_len(shunt_t *rk);

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

/* What happens to a handle's route. */
typedef enum shunt_event_type_t {
    SHUNT_EVENT_ROUTED = 1,   /* bound to a cluster for the first time */
    SHUNT_EVENT_SWITCH = 2,   /* a move has begun */
    SHUNT_EVENT_SWITCHED = 3, /* it is done */
    SHUNT_EVENT_STUCK = 4,    /* it cannot be done now: the handle stays where
                                 it is and keeps trying */
    SHUNT_EVENT_WARNING = 5,  /* see shunt_event_text() */
    SHUNT_EVENT_PHASE = 6     /* a move has come so far: shunt_event_phase() */
} shunt_event_type_t;

typedef struct shunt_event_s shunt_event_t;

/*
 * Events of the route, from shunt_poll(), shunt_flush() and
 * shunt_consumer_poll().  `event` is valid during the call.
 */
SHUNT_EXPORT void shunt_conf_set_event_cb(
    shunt_conf_t *conf,
    void (*event_cb)(shunt_t *rk, const shunt_event_t *event, void *opaque));

SHUNT_EXPORT shunt_event_type_t shunt_event_type(const shunt_event_t *event);
/* "SWITCHED". Static. */
SHUNT_EXPORT const char *shunt_event_name(const shunt_event_t *event);
/* Clusters left and entered; NULL: none.  Borrowed from the event. */
SHUNT_EXPORT const char *shunt_event_from(const shunt_event_t *event);
SHUNT_EXPORT const char *shunt_event_to(const shunt_event_t *event);
/* Revision of the route table that began the stay on shunt_event_to(). */
SHUNT_EXPORT int64_t shunt_event_since(const shunt_event_t *event);
/* SWITCHED: milliseconds without delivery; else -1. */
SHUNT_EXPORT int64_t shunt_event_stall_ms(const shunt_event_t *event);
/* SWITCHED, consumer: records that may be read again; -1: unknown. */
SHUNT_EXPORT int64_t shunt_event_reread_bound(const shunt_event_t *event);
/*
 * SWITCHED, consumer: how much of shunt_event_stall_ms() was spent waiting for
 * records that replication had not brought to the new cluster yet (at most
 * switch.catchup.timeout.ms); else -1.
 */
SHUNT_EXPORT int64_t shunt_event_catchup_ms(const shunt_event_t *event);
/*
 * PHASE: how far a move has come; else NULL.  Static.  Of a consumer, in this
 * order, those that do not apply left out:
 * "joined"     the new cluster is connected, and there is an assignment in the
 *              group there
 * "stopped"    nothing is delivered from the old cluster any more
 * "mapped"     the mapper has answered where the positions are there
 * "caught-up"  what replication had not brought yet has arrived, or
 *              switch.catchup.timeout.ms is over
 * "committed"  other members have been told where to start, by commits
 * "delivering" the first record of the new cluster is delivered
 */
SHUNT_EXPORT const char *shunt_event_phase(const shunt_event_t *event);
/* PHASE: milliseconds since the move began (SWITCH); else -1. */
SHUNT_EXPORT int64_t shunt_event_ms(const shunt_event_t *event);
/* Words for people; never NULL.  Borrowed from the event. */
SHUNT_EXPORT const char *shunt_event_text(const shunt_event_t *event);

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

#endif
