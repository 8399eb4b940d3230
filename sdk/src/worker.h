/*
 * The worker thread of one handle: librdkafka calls that may block (committed,
 * synchronous commits, closing a generation) run here, one after another, so
 * that neither the application's thread nor the control thread waits.
 */
#ifndef SHUNT_SDK_WORKER_H
#define SHUNT_SDK_WORKER_H

#include <stdint.h>

#include "common/base/err.h"

struct worker;

MUST_CHECK int worker_start(struct worker **out, struct err *err);
/* Runs what is queued, waits for the thread. NULL allowed. */
void worker_stop(struct worker *w);
/* Any thread. Runs fn(arg) on the worker thread, in order of posting, not
 * before `not_before_ms` (clock_mono_ms; 0: at once).  ERR_NOMEM only when
 * memory has run out for some time: a few jobs are kept for that. */
MUST_CHECK int worker_post(struct worker *w, int64_t not_before_ms,
                           void (*fn)(void *arg), void *arg);

#endif
