/*
 * Owns nothing.  A break is any step that is not one record further on both
 * sides.  MirrorMaker tells only the side behind it, and only if the source
 * made the step; between two syncs of equal distance a reader could then take
 * for a run what is none.
 */
#include "replicator/syncs.h"

void
sync_init(struct sync_state *s)
{
    *s = (struct sync_state){
        .prev = {-1, -1}, .sent = {-1, -1}, .last_down = -1};
}

bool
sync_rule(struct sync_state *s, int64_t lag_max, struct sync_point at)
{
    const bool first = s->last_down == -1;
    const bool lags = at.down - (s->last_down + 1) >= lag_max;
    const bool hole = at.up - s->prev.up != 1;
    const bool back = at.down < s->prev.down;
    if (first || lags || hole || back) {
        s->last_down = at.down;
        s->due = true;
    }
    s->prev = at;
    return s->due;
}

void
sync_reset(struct sync_state *s)
{
    s->due = false;
}

static void
told(struct sync_state *s, struct sync_point at)
{
    s->sent = at;
    s->last_down = at.down;
    sync_reset(s);
}

size_t
sync_acked(struct sync_state *s, int64_t lag_max, struct sync_point at,
           struct sync_point out[2])
{
    const struct sync_point prev = s->prev;
    const bool breaks =
        prev.up >= 0 && (at.up - prev.up != 1 || at.down - prev.down != 1);
    size_t n = 0;
    if (breaks && (s->sent.up != prev.up || s->sent.down != prev.down))
        out[n++] = prev;
    if (sync_rule(s, lag_max, at) || breaks) {
        out[n++] = at;
        told(s, at);
    }
    return n;
}

bool
sync_goes_on(struct sync_state *s, int64_t lag_max, struct sync_point last,
             struct sync_point *out)
{
    if (last.down - (s->last_down + 1) < lag_max) {
        s->prev = last;
        return false;
    }
    const int64_t down = s->last_down + 1 + lag_max;
    *out = s->prev = (struct sync_point){last.up - (last.down - down), down};
    told(s, *out);
    return true;
}

bool
sync_trailing(struct sync_state *s, struct sync_point *out)
{
    if (s->prev.up < 0 ||
        (s->sent.up == s->prev.up && s->sent.down == s->prev.down))
        return false;
    *out = s->prev;
    told(s, s->prev);
    return true;
}
