/*
 * Questions to the offset mappers: each is tried at one mapper after another,
 * round after round with backoff, until one answers or its time is up.
 * Control thread, except where control.h says otherwise.
 */
#ifndef SHUNT_SDK_ASK_H
#define SHUNT_SDK_ASK_H

#include "common/net/http_client.h"
#include "sdk/src/control/control.h"

/* A question that the control thread will find in the list. Any thread. */
MUST_CHECK int asking_new(const struct po_question *q,
                          const struct pt_answer *route, int64_t deadline_ms,
                          int64_t request_ms, struct asking **out,
                          struct err *err);
/* Does what is due now.  True: it is finished or given up; forget it. */
bool asking_step(struct asking *a, struct http_client *client);
/* When asking_step() has something to do again. */
int64_t asking_due_ms(const struct asking *a);
/* Ends it with ERR_CLOSED unless it is finished; drops the control thread's
 * reference. */
void asking_drop(struct asking *a);

#endif
