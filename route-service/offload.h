/*
 * One thread for what takes too long for a loop: encoding whole tables,
 * reading the history.  Work is done in order; a loop never waits for it.
 */
#ifndef SHUNT_ROUTE_OFFLOAD_H
#define SHUNT_ROUTE_OFFLOAD_H

#include "common/base/err.h"
#include "common/net/loop.h"

struct offload;

MUST_CHECK int offload_start(struct offload **out, struct err *err);
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
