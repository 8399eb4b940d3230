/*
 * The thread by which a transactional producer does what blocks: it commits,
 * and at last ends the producer.  Functions are for one thread, the caller's.
 */
#ifndef SHUNT_REPLICATOR_COMMIT_H
#define SHUNT_REPLICATOR_COMMIT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "common/base/err.h"

struct committer;

/* An eventfd, borrowed until committer_free(), is rung when a commit has ended.
 */
MUST_CHECK int committer_new_take(rd_kafka_t *rk, int fd,
                                  struct committer **out, struct err *err);
rd_kafka_t *committer_producer(const struct committer *c);
/* Asks for the topics that have been opened. Before the first commit. */
void committer_warm(struct committer *c);
/* Commits. Until it is done nothing is produced, and all that was is answered:
 * no delivery is reported on the other thread. */
void committer_begin(struct committer *c);
/* Has it ended? *code: 0, or why it has failed. True once. */
bool committer_done(struct committer *c, rd_kafka_resp_err_t *code);
/* Ends the producer, which nobody uses any more; returns at once. */
void committer_end(struct committer *c);
/* Frees it once it has ended. False: it has not, and `wait` is not set. */
bool committer_free(struct committer *c, bool wait);

#endif
