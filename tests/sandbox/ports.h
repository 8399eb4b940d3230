/*
 * Fixed ports for librdkafka's embedded brokers, which always bind port 0.
 * This program defines bind() itself; while armed, it puts the next port in
 * place of the 0.  Only the thread that armed it is affected.
 */
#ifndef SHUNT_SANDBOX_PORTS_H
#define SHUNT_SANDBOX_PORTS_H

#include "common/base/err.h"

/* ERR_BUSY when one of first..first+count-1 can't be listened on at
 * 127.0.0.1.  The embedded cluster would end the process instead. */
MUST_CHECK int ports_check(int first, int count, struct err *err);
/* The next binds of this thread to port 0 get first, first+1, ... */
void ports_arm(int first);
void ports_disarm(void);

#endif
