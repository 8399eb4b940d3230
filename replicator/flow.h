/*
 * One flow: everything that copies from one cluster to another.  It has a
 * thread that moves records, positions, syncs and heartbeats, and one that
 * writes checkpoints; these functions may be called from any other.
 */
#ifndef SHUNT_REPLICATOR_FLOW_H
#define SHUNT_REPLICATOR_FLOW_H

#include <stdbool.h>

#include "common/base/err.h"
#include "replicator/settings.h"

struct flow;

/* `settings` is borrowed for the life of the flow. `beat_back`: nobody else
 * writes the heartbeats of the opposite direction. A cluster that cannot be
 * reached is no error: the flow keeps trying, and says so once. */
MUST_CHECK int flow_start(const struct flow_settings *settings, bool beat_back,
                          struct flow **out, struct err *err);
const char *flow_name(const struct flow *flow); /* "a->b" */
/* What it could not do last, though it still tries; NULL: nothing.  The caller
 * frees it. */
char *flow_error(struct flow *flow);
/* The settings that it follows from its next turn on; they, and those before
 * them, are borrowed for the life of the flow. Only what
 * settings_is_reloadable() may differ. Any thread. */
void flow_reconf(struct flow *flow, const struct flow_settings *settings);
/* All partitions that were found first are being copied. */
bool flow_ready(const struct flow *flow);
/* It cannot go on (said in the log); the process must be started anew. */
bool flow_broken(const struct flow *flow);
/* Asks it to stop; returns at once. */
void flow_stop(struct flow *flow);
/* Waits until acknowledgements have come and positions are written, at most
 * FLOW_STOP_MS, and frees it. NULL allowed. */
void flow_free(struct flow *flow);
/* Holds a topic of the source, or with NULL the whole flow: what is on its way
 * arrives, nothing more is read.  It lasts until it is resumed or the process
 * ends; of several processes each does it for itself.  ERR_NOTFOUND: the flow
 * copies no such topic.  Any thread; the flow follows at its next turn. */
MUST_CHECK int flow_pause(struct flow *flow, const char *topic,
                          struct err *err);
/* The opposite, and partitions that stopped by an option go on.  NULL: all of
 * the flow, also topics that were paused one by one.  ERR_CONFLICT: the whole
 * flow is paused, and only a topic was named. */
MUST_CHECK int flow_resume(struct flow *flow, const char *topic,
                           struct err *err);

#define FLOW_STOP_MS 15000

#endif
