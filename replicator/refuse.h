/*
 * What the target refuses.  A part that was refused something is `broken`:
 * what is behind does not count, and copying begins again at the refused
 * record once all is answered.  The flow's thread.
 */
#ifndef SHUNT_REPLICATOR_REFUSE_H
#define SHUNT_REPLICATOR_REFUSE_H

#include "replicator/parts.h"

/* A record, or the letter about it, was refused. */
void part_refused(struct part *p, int64_t offset, rd_kafka_resp_err_t code);
/* All is answered: decides what to do, and when to go on (`retry_at_ms`). */
void refuse_settle(struct part *p);
/* A record passed. */
void refuse_acked(struct part *p, int64_t n);
/* In the place of a record that is guilty, which stays the caller's. */
void refuse_send_letter(struct part *p, const rd_kafka_message_t *m);

#endif
