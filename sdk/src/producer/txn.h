/*
 * Transactions over generations.  A transaction is of one cluster; when the
 * route leaves it while one is open, it is doomed: every call of it fails with
 * an error that says why and wants an abort, and after that the next one begins
 * on the new cluster.
 *
 * `struct txn` is guarded by the gate.
 */
#ifndef SHUNT_SDK_TXN_H
#define SHUNT_SDK_TXN_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct producer;
struct lane;
struct gen;
struct worker;

enum txn_state {
    TXN_OFF,    /* no transactional.id */
    TXN_NONE,   /* until init_transactions() is done */
    TXN_READY,  /* until a transaction begins */
    TXN_OPEN,   /* until it is committed, aborted or doomed */
    TXN_ENDING, /* until the cluster has answered */
    TXN_DOOMED, /* until it is aborted */
};

enum txn_ask_state {
    ASK_RUNS, /* until librdkafka has an answer, or nobody wants it */
    ASK_DONE, /* whoever asked takes it */
    ASK_LEFT, /* whoever runs it frees it */
};

/* A commit or an abort under way. */
struct txn_ask {
    struct producer *p;
    struct gen *g; /* held */
    rd_kafka_error_t *(*fn)(rd_kafka_t *rk, int timeout_ms);
    rd_kafka_error_t *error;
    atomic_int state; /* enum txn_ask_state */
};

struct txn {
    bool on; /* with a transactional.id; never changes */
    enum txn_state state;
    struct lane *lane;     /* stands for all topics while there is none */
    struct gen *gen;       /* of the open one; held */
    struct txn_ask *ask;   /* the application's thread */
    struct worker *worker; /* runs it; NULL: before init */
    bool committing;       /* ENDING by a commit, which can be resumed */
    bool moving;           /* the mover is taking the lanes elsewhere */
    bool wanted;           /* the route has left its cluster */
    rd_kafka_resp_err_t code;
    char why[256];     /* DOOMED */
    char trouble[256]; /* of the last init that failed; "": none */
    rd_kafka_resp_err_t trouble_code;
};

/* ---- the application's calls; NULL: done, else the caller's error -------- */

rd_kafka_error_t *producer_txn_init(struct producer *p, int timeout_ms);
rd_kafka_error_t *producer_txn_begin(struct producer *p);
/* `cluster`: where the offsets hold; NULL: not known. */
rd_kafka_error_t *
producer_txn_send_offsets(struct producer *p, const char *cluster,
                          const rd_kafka_topic_partition_list_t *offsets,
                          const rd_kafka_consumer_group_metadata_t *metadata,
                          int timeout_ms);
/* The cluster of the open transaction, interned; NULL: there is none. */
const char *producer_txn_cluster(struct producer *p);
/* It cannot be committed any more. */
rd_kafka_error_t *producer_txn_doom(struct producer *p, const char *why);
rd_kafka_error_t *producer_txn_commit(struct producer *p, int timeout_ms);
rd_kafka_error_t *producer_txn_abort(struct producer *p, int timeout_ms);

/* ---- inside the engine --------------------------------------------------- */

/* Reads transactional.id. */
void txn_init(struct producer *p);
/* p->stopping; before its generations go. */
void txn_stop(struct producer *p);
/* gate held: records are taken now. */
bool txn_takes_records(const struct producer *p);
/* gate held: why not; NULL: librdkafka knows. */
rd_kafka_error_t *txn_refusal(const struct producer *p);
/* gate shut: a record of the open one will not be delivered. */
void txn_lost(struct producer *p, const char *topic, rd_kafka_resp_err_t err);

/* Worker. */
/* gate shut: all lanes go where the first one goes. */
void txn_plan(struct producer *p);
/* Initialises the handle for transactions. */
MUST_CHECK int txn_prepare(struct producer *p, struct gen *g, int timeout_ms,
                           struct err *err);
/* The lanes may leave; false: not while a transaction is open, which is doomed
 * now.  `fence`: they leave in any case. */
bool txn_move(struct producer *p, bool fence);
void txn_moved(struct producer *p);
/* The records of what is left belong to a transaction that will not be. */
void txn_drop_records(struct producer *p, const struct gen *g);

#endif
