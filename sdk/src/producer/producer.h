/*
 * The producer engine: accepts records for logical topics, keeps each until it
 * has had its one delivery report, and carries those that are not
 * acknowledged from cluster to cluster in the order they were accepted.
 */
#ifndef SHUNT_SDK_PRODUCER_H
#define SHUNT_SDK_PRODUCER_H

#include "sdk/src/engine.h"

struct producer;

/* Copies *e (what it points to stays borrowed until producer_free). */
MUST_CHECK int producer_new(const struct engine *e, struct producer **out,
                            struct err *err);
/* What the worker is doing for it ends soon; producer_news() does nothing
 * from now on.  Then stop the worker, then free. NULL allowed. */
void producer_stop(struct producer *p);
/* The worker has been stopped.  Records left are dropped without reports.
 * NULL allowed. */
void producer_free(struct producer *p);

/* Application's threads. */

/* Copies key and value.  RD_KAFKA_V_HEADERS are taken and a value with
 * RD_KAFKA_MSG_F_FREE freed on success only.  `text` (NULL allowed) receives
 * words that live for ever. */
rd_kafka_resp_err_t producer_produce(struct producer *p,
                                     const rd_kafka_vu_t *vus, size_t n,
                                     const char **text);
/* Calls on_delivery, on_error, on_event; returns how many reports. */
int producer_poll(struct producer *p, int timeout_ms);
rd_kafka_resp_err_t producer_flush(struct producer *p, int timeout_ms);
rd_kafka_resp_err_t producer_purge(struct producer *p, int flags);

/* Any thread. */

int producer_outq_len(struct producer *p);
/* Control thread: control_route() has something new. */
void producer_news(struct producer *p);
/* Interned (name.h); NULL: none yet. */
const char *producer_cluster(struct producer *p);

#endif
