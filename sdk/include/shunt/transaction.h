/*
 * Transactions of libshunt.  Included by shunt.h.
 *
 * As librdkafka's functions of the same names (transactional.id is set): NULL
 * is success, else the error is the caller's (rd_kafka_error_destroy()), and
 * rd_kafka_error_txn_requires_abort(), _is_retriable() and _is_fatal() say what
 * to do.  One thread at a time, except for producing.  docs/sdk.md has the
 * loop, and what is promised.
 *
 * A transaction is of one cluster, for all topics: that of the first topic, or
 * before there is one, of a rule without a topic.  When the route leaves that
 * cluster while a transaction is open, every call of it, producing too, fails
 * with an error that wants an abort and says why; after
 * shunt_abort_transaction() the next one begins on the new cluster, where the
 * handle has been prepared meanwhile.
 */
#ifndef SHUNT_TRANSACTION_H
#define SHUNT_TRANSACTION_H

#include <shunt/shunt.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Waits up to timeout_ms (-1: two minutes) for a route and its cluster, and
 * fences other producers of this transactional.id there (on a cluster that is
 * moved to later: before the first transaction on it).  Errors: __TIMED_OUT or
 * the cluster's, retriable; __NOT_CONFIGURED: no transactional.id; __STATE: in
 * a transaction; __INVALID_ARG: not a producer (of all functions here).
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_init_transactions(shunt_t *rk,
                                                       int timeout_ms);

/* Waits while a move is under way, some milliseconds; __TIMED_OUT, retriable,
 * after a minute.  __STATE: not initialised, or open already. */
SHUNT_EXPORT rd_kafka_error_t *shunt_begin_transaction(shunt_t *rk);

/*
 * `offsets` (the next ones to read, physical names) are committed with the
 * transaction.  With `cgmetadata` of shunt_consumer_group_metadata() the
 * consumer is known: if it is not on the transaction's cluster any more, the
 * transaction has to be aborted; until the end of the transaction it does not
 * move; what was committed is its position when it does.  If it moved, or lost
 * partitions, since the transaction before ended, with records delivered that
 * were not committed, those are delivered again: an abort, too.  Offsets that
 * say that they are of another cluster, or that are past what was delivered
 * after a move, want one as well.  Metadata as with shunt_commit().
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_send_offsets_to_transaction(
    shunt_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *cgmetadata, int timeout_ms);

/*
 * Delivers what is left and commits; makes delivery reports unless they come by
 * event (then another thread has to take them).  __TIMED_OUT: call it again.
 * An error that wants an abort and speaks of doubt: the cluster died before it
 * answered and the route has left it; the transaction may stand there.
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_commit_transaction(shunt_t *rk,
                                                        int timeout_ms);

/*
 * Gives the transaction up: reports of its records come with errors where they
 * were not delivered.  __TIMED_OUT: call it again.  A cluster that is gone, and
 * left, is not waited for: its coordinator aborts after
 * transaction.timeout.ms.
 */
SHUNT_EXPORT rd_kafka_error_t *shunt_abort_transaction(shunt_t *rk,
                                                       int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
