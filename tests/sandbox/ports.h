/*
 * Fixed ports for librdkafka's embedded brokers, which always bind port 0.
 * This program defines getsockname() itself; while armed, it names the next
 * port in place of the one that was bound, and the broker binds that one when
 * it is taken down.  Only the thread that armed it is affected.
 */
#ifndef SHUNT_SANDBOX_PORTS_H
#define SHUNT_SANDBOX_PORTS_H

#include "common/base/err.h"

/* ERR_BUSY when one of first..first+count-1 can't be listened on at
 * 127.0.0.1.  The embedded cluster would end the process instead. */
MUST_CHECK int ports_check(int first, int count, struct err *err);
/* The next sockets that this thread asks for have first, first+1, ... */
void ports_arm(int first);
void ports_disarm(void);

#endif
