/*
 * Events and queues of libshunt: librdkafka's event API with shunt_ in place of
 * rd_kafka_, for event loops and for programs that want no callbacks.  Included
 * by shunt.h.
 *
 * An event is Shunt's own handle, not librdkafka's: the accessors are renamed
 * too (shunt_event_error(), not rd_kafka_event_error()).  What is in it, a
 * message or a list, is librdkafka's.
 *
 * A queue belongs to its handle and outlives every move: what was enabled on it
 * before the first route, or five clusters ago, still holds.  Which events
 * exist, shunt_conf_set_events() says; all others go to callbacks, which are
 * made by whichever call polls.
 *
 * Threads: any, for all functions here.  A queue and an event are destroyed
 * once; queues before shunt_destroy(), which they do not keep from its work.
 */
#ifndef SHUNT_EVENT_H
#define SHUNT_EVENT_H

#include <shunt/shunt.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is told by event ---------------------------------------------- */

/*
 * The kinds of events that the application takes from queues, instead of
 * callbacks: RD_KAFKA_EVENT_DR, _ERROR, _REBALANCE, _OFFSET_COMMIT, _STATS, _LOG
 * (with log.queue=true), _OAUTHBEARER_TOKEN_REFRESH, and SHUNT_EVENT_ROUTE;
 * _FETCH needs not be named: shunt_queue_poll() returns records always.
 * With _REBALANCE the event has to be answered like a rebalance callback, by
 * shunt_assign() or shunt_incremental_assign() and _unassign(): until then the
 * consumer reads nothing.  With _DR, shunt_poll() and shunt_flush() make no
 * delivery reports: another thread takes them, or the same before it flushes.
 * Of one kind at most 1,000 events wait; then the oldest gives way (never a
 * rebalance, a record or a delivery report).
 */
SHUNT_EXPORT void shunt_conf_set_events(shunt_conf_t *conf, int events);

/*
 * librdkafka's statistics, one JSON text for each generation every
 * statistics.interval.ms: during a move two clusters tell.  Return 1 to keep
 * `json` (free() it), else 0.
 */
SHUNT_EXPORT void shunt_conf_set_stats_cb(
    shunt_conf_t *conf,
    int (*stats_cb)(shunt_t *rk, char *json, size_t json_len, void *opaque));

/* A broker throttles this client. */
SHUNT_EXPORT void shunt_conf_set_throttle_cb(
    shunt_conf_t *conf,
    void (*throttle_cb)(shunt_t *rk, const char *broker_name, int32_t broker_id,
                        int throttle_time_ms, void *opaque));

/*
 * A token for SASL/OAUTHBEARER is wanted: the callback gets one and calls
 * shunt_oauthbearer_set_token(), at once or later, or
 * shunt_oauthbearer_set_token_failure().  It is kept for the clusters to come:
 * a move does not ask for another as long as it lives (four fifths of its
 * time).
 */
SHUNT_EXPORT void shunt_conf_set_oauthbearer_token_refresh_cb(
    shunt_conf_t *conf,
    void (*oauthbearer_token_refresh_cb)(shunt_t *rk,
                                         const char *oauthbearer_config,
                                         void *opaque));

/*
 * Gives every generation, now and to come, a token.
 * token_value, md_principal_name, extensions: copied; md_lifetime_ms: when it
 * ends, milliseconds since the epoch; extension_size: strings in `extensions`,
 * names and values in turn.
 * Returns RD_KAFKA_RESP_ERR_NO_ERROR; __INVALID_ARG: it cannot be, `errstr`
 * says why; __STATE: the cluster in use wants another mechanism.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_oauthbearer_set_token(
    shunt_t *rk, const char *token_value, int64_t md_lifetime_ms,
    const char *md_principal_name, const char **extensions,
    size_t extension_size, char *errstr, size_t errstr_size);

/*
 * There is no token: an ERROR (__AUTHENTICATION) with `errstr` is told, and
 * another is asked for in ten seconds.  Returns as the function before.
 */
SHUNT_EXPORT rd_kafka_resp_err_t
shunt_oauthbearer_set_token_failure(shunt_t *rk, const char *errstr);

/* Tokens are asked for by the queue of shunt_queue_get_sasl(). */
SHUNT_EXPORT void shunt_conf_enable_sasl_queue(shunt_conf_t *conf, int enable);

/*
 * Tokens are asked for on a thread of the handle's own, whether the application
 * polls or not.  NULL: done; else the caller's error (no thread).
 */
SHUNT_EXPORT rd_kafka_error_t *
shunt_sasl_background_callbacks_enable(shunt_t *rk);

/*
 * What comes to the queue of shunt_queue_get_background(), on a thread of the
 * handle's own.  The callback destroys `rkev` (shunt_event_destroy()); it must
 * not call shunt_destroy().
 */
SHUNT_EXPORT void shunt_conf_set_background_event_cb(
    shunt_conf_t *conf,
    void (*event_cb)(shunt_t *rk, shunt_event_t *rkev, void *opaque));

/* ---- queues ------------------------------------------------------------- */

/* A queue that nothing feeds but shunt_queue_forward().  The caller's
 * (shunt_queue_destroy()), as of every function here that returns one; NULL:
 * out of memory. */
SHUNT_EXPORT shunt_queue_t *shunt_queue_new(shunt_t *rk);
/* NULL is allowed. */
SHUNT_EXPORT void shunt_queue_destroy(shunt_queue_t *rkqu);

/* Delivery reports, errors, statistics, the route, log lines; tokens too,
 * unless shunt_conf_enable_sasl_queue(). */
SHUNT_EXPORT shunt_queue_t *shunt_queue_get_main(shunt_t *rk);
/* Records, a consumer's errors, rebalances, results of commits.  NULL also for
 * a producer. */
SHUNT_EXPORT shunt_queue_t *shunt_queue_get_consumer(shunt_t *rk);
/* NULL also without shunt_conf_enable_sasl_queue(). */
SHUNT_EXPORT shunt_queue_t *shunt_queue_get_sasl(shunt_t *rk);
/* Served by a thread: see shunt_conf_set_background_event_cb(). */
SHUNT_EXPORT shunt_queue_t *shunt_queue_get_background(shunt_t *rk);

/*
 * What comes to `src` goes to `dst` instead, what is there already included;
 * `dst` NULL: no more.  Both are of one handle, and `dst` does not lead to
 * `src`: else nothing happens.
 */
SHUNT_EXPORT void shunt_queue_forward(shunt_queue_t *src, shunt_queue_t *dst);

/* The main queue goes to the consumer's: one poll for all.
 * __UNKNOWN_GROUP: not a consumer. */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_poll_set_consumer(shunt_t *rk);

/* Log lines (log.queue=true, RD_KAFKA_EVENT_LOG) go to `rkqu`; NULL: to the main
 * queue.  __NOT_CONFIGURED: without log.queue. */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_set_log_queue(shunt_t *rk,
                                                     shunt_queue_t *rkqu);

/* Events and records that wait; delivery reports are not counted. */
SHUNT_EXPORT size_t shunt_queue_length(shunt_queue_t *rkqu);

/*
 * Writes `payload` (copied) to `fd` when there is something to poll for, once
 * until the next poll; fd -1: no more.  There is something, too, when only time
 * makes it so (automatic commits, steps of a move): a poll may return nothing.
 * `fd` stays the caller's and should not block; poll until NULL is returned.
 */
SHUNT_EXPORT void shunt_queue_io_event_enable(shunt_queue_t *rkqu, int fd,
                                              const void *payload, size_t size);

/*
 * The same by a call, from any thread, with locks held: it must not block and
 * must not call any shunt_ or rd_kafka_ function.  NULL: no more.
 */
SHUNT_EXPORT void shunt_queue_cb_event_enable(shunt_queue_t *rkqu,
                                              void (*event_cb)(shunt_t *rk,
                                                               void *opaque),
                                              void *opaque);

/* The poll of this queue that is under way, or the next, returns at once. */
SHUNT_EXPORT void shunt_queue_yield(shunt_queue_t *rkqu);

/*
 * The next event, waiting up to timeout_ms (-1: for ever); makes callbacks, and
 * moves the consumer if the queue is the consumer's.  The caller's
 * (shunt_event_destroy()); NULL: none came.
 */
SHUNT_EXPORT shunt_event_t *shunt_queue_poll(shunt_queue_t *rkqu,
                                             int timeout_ms);

/*
 * Makes the callbacks of the configuration, records too if there is a
 * consume_cb.  How many; waits up to timeout_ms for the first.
 */
SHUNT_EXPORT int shunt_queue_poll_callback(shunt_queue_t *rkqu, int timeout_ms);

/* shunt_consumer_poll() for whoever has a queue: its records, if the consumer's
 * queue ends here. */
SHUNT_EXPORT rd_kafka_message_t *shunt_consume_queue(shunt_queue_t *rkqu,
                                                     int timeout_ms);
/* Up to rkmessages_size messages into rkmessages, each the caller's
 * (rd_kafka_message_destroy()); how many.  Waits for all of them up to
 * timeout_ms, less when there is something to do that they might be taken away
 * by: a move, a rebalance.  All count as finished when this thread asks for
 * more. */
SHUNT_EXPORT ssize_t shunt_consume_batch_queue(shunt_queue_t *rkqu,
                                               int timeout_ms,
                                               rd_kafka_message_t **rkmessages,
                                               size_t rkmessages_size);
/* Waits up to timeout_ms (-1: for ever) for a message, then calls consume_cb for
 * it and for those that were there with it, or until shunt_yield(); how many.
 * The messages are destroyed after the call. */
SHUNT_EXPORT int shunt_consume_callback_queue(
    shunt_queue_t *rkqu, int timeout_ms,
    void (*consume_cb)(rd_kafka_message_t *rkmessage, void *opaque),
    void *opaque);

/*
 * Commits `offsets` (NULL: what is finished) and answers on `rkqu`: by an
 * OFFSET_COMMIT event with `commit_opaque` and what was committed, or, with `cb`,
 * by its call from whoever polls the queue.  The list has an .err of each, and
 * names of the cluster that it was committed on; it is empty where nothing was
 * asked of a cluster.  rkqu NULL: waits, calls `cb`.
 * Returns as shunt_commit() for what can be said at once.
 */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_commit_queue(
    shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    shunt_queue_t *rkqu,
    void (*cb)(shunt_t *rk, rd_kafka_resp_err_t err,
               rd_kafka_topic_partition_list_t *offsets, void *commit_opaque),
    void *commit_opaque);

/* ---- events ------------------------------------------------------------- */

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
 * "prepared"   the new cluster has the topics, and no rebalance is in the way
 * "stopped"    nothing is delivered from the old cluster any more
 * "mapped"     the mapper has answered where the positions are there
 * "caught-up"  what replication had not brought yet has arrived, or
 *              switch.catchup.timeout.ms is over
 * "committed"  other members have been told where to start, by commits
 * "delivering" the first record of the new cluster is delivered
 * Of a producer: "flushed"  the old cluster has acknowledged all, or its time is
 * over; "carried"  what it has not is taken back; "delivering"  it goes to the
 * new one.
 */
SHUNT_EXPORT const char *shunt_event_phase(const shunt_event_t *event);
/* PHASE: milliseconds since the move began (SWITCH); else -1. */
SHUNT_EXPORT int64_t shunt_event_ms(const shunt_event_t *event);
/* Words for people, of every kind of the route's events; never NULL.  Borrowed
 * from the event. */
SHUNT_EXPORT const char *shunt_event_text(const shunt_event_t *event);

/* Frees the event and what is in it.  NULL is allowed.  Not for one that a
 * callback got (background_event_cb excepted). */
SHUNT_EXPORT void shunt_event_destroy(shunt_event_t *event);

/* FETCH, DR: the next message, NULL: no more; shunt_event_destroy() frees it. */
SHUNT_EXPORT const rd_kafka_message_t *
shunt_event_message_next(shunt_event_t *event);
SHUNT_EXPORT size_t shunt_event_message_array(
    shunt_event_t *event, const rd_kafka_message_t **rkmessages, size_t size);
SHUNT_EXPORT size_t shunt_event_message_count(shunt_event_t *event);

/* ERROR, REBALANCE, OFFSET_COMMIT: its code; in words; whether it is the end of
 * the handle's work (fatal). */
SHUNT_EXPORT rd_kafka_resp_err_t shunt_event_error(shunt_event_t *event);
SHUNT_EXPORT const char *shunt_event_error_string(shunt_event_t *event);
SHUNT_EXPORT int shunt_event_error_is_fatal(shunt_event_t *event);
/* OFFSET_COMMIT: the opaque of shunt_commit_queue(). */
SHUNT_EXPORT void *shunt_event_opaque(shunt_event_t *event);
/* LOG: its parts, where not NULL.  -1: not a LOG event. */
SHUNT_EXPORT int shunt_event_log(shunt_event_t *event, const char **fac,
                                 const char **str, int *level);
/* STATS: the JSON text. */
SHUNT_EXPORT const char *shunt_event_stats(shunt_event_t *event);
/* OAUTHBEARER_TOKEN_REFRESH: sasl.oauthbearer.config. */
SHUNT_EXPORT const char *shunt_event_config_string(shunt_event_t *event);
/* REBALANCE, OFFSET_COMMIT: the partitions, physical names; the event's. */
SHUNT_EXPORT rd_kafka_topic_partition_list_t *
shunt_event_topic_partition_list(shunt_event_t *event);
/* FETCH, a consumer's ERROR: which partition, or NULL.  The caller's
 * (rd_kafka_topic_partition_destroy()). */
SHUNT_EXPORT rd_kafka_topic_partition_t *
shunt_event_topic_partition(shunt_event_t *event);

#ifdef __cplusplus
}
#endif

#endif
