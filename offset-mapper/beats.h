/*
 * Is a flow alive?  What heartbeats and syncs tell.  Pure.
 *
 * MirrorMaker 2 writes heartbeats of a -> b into `heartbeats` on b: the worker of
 * the flow runs (mm2.md section 2).  Heartbeats on a, which the worker of b -> a
 * writes, are copied like any topic: they come out as `a.heartbeats` on b, and
 * show that records are copied, and how long that takes.
 */
#ifndef SHUNT_OFFSET_BEATS_H
#define SHUNT_OFFSET_BEATS_H

#include <stdbool.h>
#include <stdint.h>

enum beats_alive {
    BEATS_UNKNOWN, /* no sign was ever seen, or the target cannot be read */
    BEATS_YES,
    BEATS_NO
};

const char *beats_text(enum beats_alive alive);

/* When signs were last seen, on the monotonic clock; 0: never. */
struct beats_signs {
    int64_t copied_ms, worker_ms, sync_ms;
    bool blind; /* the topics on the target cannot be read */
};

enum beats_alive beats_judge(const struct beats_signs *s, int64_t now_ms,
                             int64_t dead_after_ms);

/* When a heartbeat that has just been read was alive: now if it was read as it
 * came, otherwise as long ago as it says; a clock that is ahead counts as now. */
int64_t beats_seen_ms(bool live, int64_t written_wall_ms, int64_t wall_ms,
                      int64_t now_ms);

#endif
