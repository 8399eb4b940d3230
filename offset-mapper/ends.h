/*
 * Asks one cluster for offsets of many partitions.  No state; blocks.
 */
#ifndef SHUNT_OFFSET_ENDS_H
#define SHUNT_OFFSET_ENDS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* In: each partition's `offset` is a time in ms, or RD_KAFKA_OFFSET_END or
 * _BEGINNING.  Out: the offset, or `err`.  A partition stands in it once.
 * `sure`: what is said not to exist does not; otherwise it may just not be known
 * to the handle yet. */
void ends_ask(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, bool sure,
              int64_t deadline_ms);
/* Is it one of the codes for what does not exist? */
bool ends_unknown(rd_kafka_resp_err_t code);
/* Says what `code` of a partition on cluster `on` means: ERR_NOTFOUND,
 * ERR_DENIED or ERR_UNAVAILABLE. */
int ends_err(struct err *err, const char *on, const char *topic,
             int32_t partition, rd_kafka_resp_err_t code);

#endif
