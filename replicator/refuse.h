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
/* True: the part goes carefully, the record is taken, and sent in its turn. */
bool refuse_keep_take(struct part *p, rd_kafka_message_t *m);
/* Sends what is kept, if nothing is on its way. */
void refuse_go_on(struct part *p);
/* It will be read again. */
void refuse_forget_kept(struct part *p);

#endif
