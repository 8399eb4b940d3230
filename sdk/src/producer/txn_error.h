/*
 * Errors with the flags that programs of transactions look at.
 */
#ifndef SHUNT_SDK_TXN_ERROR_H
#define SHUNT_SDK_TXN_ERROR_H

#include <librdkafka/rdkafka.h>

/* rd_kafka_error_txn_requires_abort() and rd_kafka_error_is_retriable() say
 * yes.  The caller's. */
rd_kafka_error_t *txn_error_abort(rd_kafka_resp_err_t code, const char *text);
rd_kafka_error_t *txn_error_retry(rd_kafka_resp_err_t code, const char *text);

#endif
