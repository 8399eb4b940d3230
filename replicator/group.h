/*
 * The records of a part go in groups: the next one once the one before is
 * answered.  The flow's thread.
 */
#ifndef SHUNT_REPLICATOR_GROUP_H
#define SHUNT_REPLICATOR_GROUP_H

#include "replicator/parts.h"

/* Once, when the producer is there. */
void groups_init(struct flow *f);
/* A record was read: it is sent in its turn. */
void group_take(struct part *p, rd_kafka_message_t *m);
/* All that was read has been given. */
void groups_start(struct flow *f);
/* Sends the next one, if nothing is on its way. */
void group_go_on(struct part *p);
/* What waits will be read again. */
void group_forget(struct part *p);

#endif
