/*
 * Ends handles in the background, one detached thread each: destroying a
 * librdkafka handle blocks for as long as the application holds one of its
 * messages, so neither the worker nor a closing application may wait for it.
 */
#ifndef SHUNT_SDK_REAPER_H
#define SHUNT_SDK_REAPER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct reaper;

MUST_CHECK int reaper_new(struct reaper **out, struct err *err);
void reaper_unref(struct reaper *r); /* NULL allowed; any thread */
/* Counts one more thing that will end, and holds `r` for it. */
void reaper_expect(struct reaper *r);
/* That one ends now: runs fn(arg) on a thread of its own (on this one when none
 * can be made). Any thread. */
void reaper_run(struct reaper *r, void (*fn)(void *arg), void *arg);
/* True: everything expected has ended. False: `deadline_ms`
 * (clock_mono_ms) has passed first. */
bool reaper_wait(struct reaper *r, int64_t deadline_ms);

/* Leaves the group within a few seconds, then destroys the handle, which may
 * take for ever. `queue` is its consumer queue; `r` is told of it. */
void reaper_close_handle(struct reaper *r, rd_kafka_t *rk,
                         rd_kafka_queue_t *queue);
/* Handles that have left their group and cannot be destroyed: only messages or
 * topics that the application holds are in the way.  Any thread. */
int reaper_held(struct reaper *r);

#endif
