/*
 * See reading.h.
 */
#include "offset-mapper/reading.h"

bool
reading_step(struct store_progress *p, int64_t offset, int64_t time_ms)
{
    if (offset != p->position)
        p->gaps++;
    p->position = offset + 1;
    if (time_ms < p->stale_ms) {
        p->stale++;
        return false;
    }
    p->stale_ms = 0;
    if (time_ms > p->last_ms)
        p->last_ms = time_ms;
    return true;
}

void
reading_end(struct store_progress *p, int64_t end)
{
    if (p->position < end)
        p->position = end;
    p->stale_ms = 0;
    p->complete = 1;
}

void
reading_reset(struct store_progress *p)
{
    p->position = 0;
    p->stale_ms = p->last_ms;
    p->gaps++;
    p->resets++;
}
