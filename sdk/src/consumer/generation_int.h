/* What generation.c and generation_assign.c share. */
#ifndef SHUNT_SDK_GENERATION_INT_H
#define SHUNT_SDK_GENERATION_INT_H

#include "sdk/src/consumer/generation.h"

/* Warnings, unless the generation is muted. */
void generation_log_code(const struct generation *g, const char *what,
                         rd_kafka_resp_err_t code);
/* Takes `error`; NULL: nothing to say. */
void generation_log_error(const struct generation *g, const char *what,
                          rd_kafka_error_t *error);
/* In callbacks of librdkafka.  False: nobody is to hear of it any more, and the
 * lock may be gone. */
bool generation_lock(struct generation *g, bool *entered);
void generation_unlock(struct generation *g, bool entered);
void generation_free_views(struct generation *g);
/* librdkafka's; `opaque` is the generation. */
void generation_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t *l, void *opaque);

/* On the closing thread, before the handle is closed: nothing is assigned, and
 * no rebalance waits to be served. */
void generation_end_assignment(struct generation *g);

void generation_forget_leaving(struct generation *g);

#endif
