/*
 * Which records of an offset-syncs topic count.  Pure.
 *
 * Offsets that are missing (compacted, deleted) may have been syncs of any
 * partition: `gaps` counts such places, and no run is extended over one.
 *
 * When the topic was cut or made anew, it is read again from its start.  What was
 * read before would be taken for news (the oldest sync looks like a target made
 * anew), so it is passed over: by its time, up to the end that the topic has.
 */
#ifndef SHUNT_OFFSET_READING_H
#define SHUNT_OFFSET_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "offset-mapper/store.h"

/* The next record. False: pass over it. */
bool reading_step(struct store_progress *p, int64_t offset, int64_t time_ms);
/* The log's end is reached.  What stands behind the last record (transaction
 * markers) is no gap: that part of a log is never compacted. */
void reading_end(struct store_progress *p, int64_t end);
/* The position is not in the log any more. */
void reading_reset(struct store_progress *p);

#endif
