/*
 * A thread that looks at the flows every second: how fast they go, and where
 * the logs begin and end of which their consumers cannot know it.
 */
#ifndef SHUNT_REPLICATOR_OBSERVE_H
#define SHUNT_REPLICATOR_OBSERVE_H

#include <stddef.h>

#include "common/base/err.h"

struct flow;
struct observer;

/* The flows are borrowed until observer_stop(). */
MUST_CHECK int observer_start(struct flow *const *flows, size_t n,
                              struct observer **out, struct err *err);
/* Waits for a question that is on its way, some seconds at most. NULL allowed.
 */
void observer_stop(struct observer *o);

#endif
