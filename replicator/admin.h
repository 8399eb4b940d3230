/*
 * One request to the admin API of a cluster and its answer.  Blocks until the
 * answer is there, the time is over or the flow stops; any thread.
 */
#ifndef SHUNT_REPLICATOR_ADMIN_H
#define SHUNT_REPLICATOR_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* Who asks, and how long he waits. */
struct admin {
    rd_kafka_t *rk;
    const atomic_bool *stop;
    int64_t timeout_ms;
};

struct admin_call {
    const struct admin *admin;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
};

/* Is there somebody to ask?  librdkafka's mock cluster names a controller that
 * is none of its brokers, and never answers. */
bool admin_has_controller(const struct admin *a);

/* Between the two, the request is made with the call's options and queue. */
void admin_begin(struct admin_call *c, const struct admin *a,
                 rd_kafka_admin_op_t op);
/* 0 and the event, which the caller destroys; or what the whole request failed
 * of, "cannot WHAT: ...".  At a stop RD_KAFKA_RESP_ERR__DESTROY (ERR_CLOSED). */
MUST_CHECK rd_kafka_resp_err_t admin_end(struct admin_call *c, const char *what,
                                         rd_kafka_event_t **out,
                                         struct err *err);

#endif
