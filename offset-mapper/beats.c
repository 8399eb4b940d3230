/*
 * See beats.h.
 */
#include "offset-mapper/beats.h"

const char *
beats_text(enum beats_alive alive)
{
    static const char *const text[] = {"unknown", "yes", "no"};
    return text[alive];
}

static bool
recent(int64_t seen_ms, int64_t now_ms, int64_t dead_after_ms)
{
    return seen_ms != 0 && now_ms - seen_ms <= dead_after_ms;
}

enum beats_alive
beats_judge(const struct beats_signs *s, int64_t now_ms, int64_t dead_after_ms)
{
    if (recent(s->copied_ms, now_ms, dead_after_ms) ||
        recent(s->sync_ms, now_ms, dead_after_ms))
        return BEATS_YES;
    if (s->blind)
        return BEATS_UNKNOWN;
    if (s->copied_ms != 0) /* it did copy them, and does not any more */
        return BEATS_NO;
    if (s->worker_ms == 0)
        return BEATS_UNKNOWN;
    return recent(s->worker_ms, now_ms, dead_after_ms) ? BEATS_YES : BEATS_NO;
}

int64_t
beats_seen_ms(bool live, int64_t written_wall_ms, int64_t wall_ms,
              int64_t now_ms)
{
    if (live || written_wall_ms >= wall_ms)
        return now_ms;
    const int64_t seen_ms = now_ms - (wall_ms - written_wall_ms);
    return seen_ms > 0 ? seen_ms : 1;
}
