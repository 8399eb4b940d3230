/*
 * The producer engine: accepts records for logical topics and sees to it that
 * each has one delivery report, whatever clusters it is carried to meanwhile.
 * In the steady state librdkafka's own queue is the queue, and its delivery
 * reports are the application's.
 */
#ifndef SHUNT_SDK_PRODUCER_H
#define SHUNT_SDK_PRODUCER_H

#include "sdk/src/engine.h"
#include "sdk/src/producer/record.h"
#include "sdk/src/producer/txn.h"

struct producer;
struct gen;

/* Copies *e (what it points to stays borrowed until producer_free). */
MUST_CHECK int producer_new(const struct engine *e, struct producer **out,
                            struct err *err);
/* What the worker is doing for it ends soon; producer_news() does nothing
 * from now on.  Then stop the worker, then free. NULL allowed. */
void producer_stop(struct producer *p);
/* The worker has been stopped.  Records left are dropped without reports.
 * NULL allowed. */
void producer_free(struct producer *p);

/* ---- accepting: any thread ---------------------------------------------- */

/* As rd_kafka_producev(): a value with RD_KAFKA_MSG_F_FREE, and a->headers,
 * are taken on success only.  Waits only with RD_KAFKA_MSG_F_BLOCK. */
rd_kafka_resp_err_t producer_produce(struct producer *p,
                                     const struct record_args *a);
/* As rd_kafka_produce_batch(). */
int producer_batch(struct producer *p, rd_kafka_topic_t *rkt, int32_t partition,
                   int flags, rd_kafka_message_t *v, int n);
/* Why librdkafka refuses records now (fatal error, state of a transaction), in
 * its own words; NULL: it does not.  The caller's. */
rd_kafka_error_t *producer_refusal(struct producer *p);

/* As rd_kafka_topic_new(): takes `conf` (NULL: the default) on success.  The
 * object stands for the topic on whichever cluster; those in reports are
 * others.  NULL: no such name, or out of memory. */
rd_kafka_topic_t *producer_topic(struct producer *p, const char *topic,
                                 rd_kafka_topic_conf_t *conf);
/* Whose producer_topic() has made it; NULL: nobody's. */
struct producer *producer_of_topic(const rd_kafka_topic_t *rkt);

/* ---- reports: any thread ------------------------------------------------ */

/* Calls on_delivery, on_error, on_kafka_event; returns how many reports. */
int producer_poll(struct producer *p, int timeout_ms);
/* Instead: the next event itself (a delivery report, an error, ...), the
 * caller's (rd_kafka_event_destroy()). NULL: none came. */
rd_kafka_event_t *producer_event(struct producer *p, int timeout_ms);
/* fn(arg) is called whenever one may have come: any thread, with locks of
 * librdkafka held, must not block. NULL ends it. */
void producer_on_wake(struct producer *p, void (*fn)(void *arg), void *arg);
/* A poll that waits comes back. */
void producer_interrupt(struct producer *p);
/* Serves callbacks, except with REPORTS_EVENT: then another thread has to. */
rd_kafka_resp_err_t producer_flush(struct producer *p, int timeout_ms);
rd_kafka_resp_err_t producer_purge(struct producer *p, int flags);
int producer_outq_len(struct producer *p);

/* ---- where it is: any thread -------------------------------------------- */

/* Control thread: control_route() has something new. */
void producer_news(struct producer *p);
/* For each generation that lives; fn may wait. */
void producer_each(struct producer *p, void (*fn)(struct gen *g, void *arg),
                   void *arg);
/* Brings METRIC_RECORDS_ACCEPTED up to date: counting each record would cost
 * too much. */
void producer_count(struct producer *p);
/* Interned (name.h); NULL: none yet.  With several: that of its first topic. */
const char *producer_cluster(struct producer *p);
/* That of a logical topic; NULL: none yet. */
const char *producer_cluster_of(struct producer *p, const char *topic);

#endif
