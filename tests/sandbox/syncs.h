/*
 * Group joins that end well.  librdkafka's mock takes a group for synced as
 * soon as its leader's SyncGroup is there: a follower whose own comes later is
 * refused (INVALID_REQUEST), joins again, and the whole group waits for
 * another session timeout, again and again on a busy machine.  This program
 * defines recvmsg() itself and keeps a leader's SyncGroup back for a moment,
 * so that the followers' come first.  Real brokers don't care for the order.
 */
#ifndef SHUNT_SANDBOX_SYNCS_H
#define SHUNT_SANDBOX_SYNCS_H

#include <stdbool.h>
#include <stddef.h>

enum { SYNCS_HOLD_MS = 50 };

/* Do these bytes, the begin of a request, belong to a SyncGroup with
 * assignments, which only a leader sends?  Pure. */
bool syncs_from_leader(const void *bytes, size_t len);

#endif
