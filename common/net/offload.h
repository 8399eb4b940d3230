/*
 * One thread for what takes too long for a loop: encoding whole tables,
 * reading the history, asking brokers.  Work is done in order; a loop never
 * waits for it.  For programs: out of memory ends the process (must.h).
 */
#ifndef SHUNT_NET_OFFLOAD_H
#define SHUNT_NET_OFFLOAD_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/net/loop.h"

struct offload;

/* At most `waiting_max` wait; more are refused. */
MUST_CHECK int offload_start(size_t waiting_max, struct offload **out,
                             struct err *err);
/* Any thread.  work(arg) on the offload's thread, then done(arg) on `home`.
 * ERR_BUSY: too much is waiting; ERR_UNAVAILABLE: stopped; neither is called
 * then. */
MUST_CHECK int offload_submit(struct offload *o, struct loop *home,
                              void (*work)(void *arg), void (*done)(void *arg),
                              void *arg, struct err *err);
/* Finishes what was submitted, posts it, ends the thread. */
void offload_stop(struct offload *o);
void offload_free(struct offload *o); /* stops it; NULL allowed */

#endif
