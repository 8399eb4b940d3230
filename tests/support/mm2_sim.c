#include "tests/support/mm2_sim.h"

#include <string.h>

#define BATCH_MAX 6
#define CUT_MAX   20

int64_t
sim_dice(struct sim *s, int64_t sides)
{
    s->random ^= s->random << 13; /* xorshift64 */
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (int64_t)(s->random >> 11) % sides;
}

static bool
one_in(struct sim *s, int64_t n)
{
    return sim_dice(s, n) == 0;
}

bool
sim_has_extras(const struct sim_mode *m)
{
    return m->markers || m->retries || m->foreign || m->crashes ||
           m->target_cuts || m->source_cuts;
}

bool
sim_over(const struct sim *s)
{
    return s->next >= SIM_SOURCE - 2 * BATCH_MAX ||
           s->end >= SIM_TARGET - 4 * BATCH_MAX;
}

/* ---- syncs --------------------------------------------------------------- */

static void
deliver(struct sim *s, int n)
{
    for (int i = 0; i < n; i++) {
        if (s->mode->compacted && s->map.state.any && one_in(s, 2))
            s->map.state.gap = true;
        else
            (void)runs_map_sync(&s->map, s->flight[i].up, s->flight[i].down);
    }
    s->n_flight -= n;
    memmove(s->flight, s->flight + n,
            (size_t)s->n_flight * sizeof(s->flight[0]));
}

static void
send_pending(struct sim *s)
{
    if (!s->has_pending || s->n_flight == SIM_FLIGHT)
        return;
    s->has_pending = false;
    const bool first = !s->map.state.any && s->n_flight == 0;
    if (first || !s->mode->losses || !one_in(s, 3))
        s->flight[s->n_flight++] = s->pending;
}

static bool
must_sync(const struct sim *s, int64_t up, int64_t down)
{
    return s->last_sync_down < 0 || down - (s->last_sync_down + 1) >= s->lag ||
           up - s->prev_up != 1 || down < s->prev_down;
}

/* A record was acknowledged. */
static void
acknowledged(struct sim *s, int64_t up, int64_t down)
{
    const struct sim_sync sync = {up, down};
    if (must_sync(s, up, down)) {
        s->last_sync_down = down;
        s->pending = sync;
        s->has_pending = true;
        s->has_delayed = false;
    } else {
        s->delayed = sync;
        s->has_delayed = true;
    }
    s->prev_up = up;
    s->prev_down = down;
    /* The very first is never overtaken by a crash: limit (5) of runs.h. */
    const bool first = !s->map.state.any && s->n_flight == 0;
    if (!s->mode->slow || (first && s->mode->crashes) || one_in(s, 4))
        send_pending(s);
}

static void
commit(struct sim *s)
{
    s->committed = s->next;
    if (s->has_delayed) {
        s->pending = s->delayed;
        s->has_pending = true;
        s->has_delayed = false;
    }
    send_pending(s);
}

/* ---- copying ------------------------------------------------------------- */

static void
extras(struct sim *s, int64_t n)
{
    while (n-- > 0)
        s->target[s->end++] = -1;
}

static void
copy_batch(struct sim *s, int64_t n)
{
    int64_t batch[BATCH_MAX];
    int64_t got = 0;
    while (got < n && s->next < s->source_end) {
        if (s->exists[s->next])
            batch[got++] = s->next;
        s->next++;
    }
    const int copies = s->mode->retries && one_in(s, 15) ? 2 : 1;
    for (int c = 0; c < copies; c++)
        for (int64_t i = 0; i < got; i++)
            s->target[s->end++] = batch[i];
    for (int64_t i = 0; i < got; i++)
        acknowledged(s, batch[i], s->end - got + i);
}

static void
restart(struct sim *s, int64_t at)
{
    s->next = at;
    s->prev_up = s->prev_down = s->last_sync_down = -1;
    s->has_pending = s->has_delayed = false;
}

static void
produce(struct sim *s, int64_t n)
{
    for (; n > 0 && s->source_end < SIM_SOURCE; n--)
        s->exists[s->source_end++] = !s->mode->holes || !one_in(s, 10);
}

/* ---- what befalls logs --------------------------------------------------- */

/* The follower asks for the log ends after it has read all syncs. */
static void
look_at_ends(struct sim *s)
{
    const struct run *newest = &s->map.state.newest;
    if (!s->map.state.any || (s->end > newest->down + newest->length - 1 &&
                              s->source_end > newest->up + newest->length - 1))
        return;
    runs_map_anew(&s->map);
}

static void
settle(struct sim *s)
{
    if (s->has_delayed) {
        s->pending = s->delayed;
        s->has_pending = true;
        s->has_delayed = false;
    }
    send_pending(s);
    s->has_pending = false;
    deliver(s, s->n_flight);
}

static bool
on_target(const struct sim *s, int64_t up)
{
    for (int64_t d = 0; d < s->end; d++)
        if (s->target[d] == up)
            return true;
    return false;
}

static void
cut_target(struct sim *s)
{
    settle(s);
    const int64_t by = 1 + sim_dice(s, CUT_MAX);
    if (by >= s->end)
        return;
    const int64_t old_end = s->end;
    s->end -= by;
    for (int64_t d = s->end; d < old_end; d++)
        if (s->target[d] >= 0 &&
            (s->mode->lives || !on_target(s, s->target[d])))
            s->lost[s->target[d]] = true;
    s->cuts++;
    look_at_ends(s);
}

/* Other records stand at the old offsets; copies of the old ones are nobody's.
 * MirrorMaker 2 goes on at the end, or begins again at the log's start. */
static void
cut_source(struct sim *s)
{
    settle(s);
    const int64_t by = 1 + sim_dice(s, CUT_MAX);
    if (by >= s->source_end)
        return;
    s->source_end -= by;
    for (int64_t d = 0; d < s->end; d++)
        if (s->target[d] >= s->source_end)
            s->target[d] = -1;
    for (int64_t u = s->source_end; u < SIM_SOURCE; u++)
        s->lost[u] = false;
    if (s->next > s->source_end)
        restart(s, s->mode->lives && one_in(s, 4) ? 0 : s->source_end);
    s->committed = s->committed < s->next ? s->committed : s->next;
    s->cuts++;
    look_at_ends(s);
}

static void
compact(struct sim *s)
{
    const int64_t u = sim_dice(s, s->next + 1);
    if (u + BATCH_MAX < s->next)
        s->exists[u] = false;
}

static void
befall(struct sim *s)
{
    const struct sim_mode *m = s->mode;
    if (m->markers && one_in(s, 8))
        extras(s, 1);
    if (m->foreign && one_in(s, 12))
        extras(s, 1 + sim_dice(s, 4));
    if (m->holes && one_in(s, 10))
        compact(s);
    if (m->crashes && one_in(s, 25)) {
        restart(s, s->committed);
        s->crashes++;
    }
    if (m->target_cuts && one_in(s, 60))
        cut_target(s);
    if (m->source_cuts && one_in(s, 60))
        cut_source(s);
}

void
sim_step(struct sim *s)
{
    produce(s, sim_dice(s, 2 * BATCH_MAX));
    copy_batch(s, one_in(s, 3) ? 1 : 1 + sim_dice(s, BATCH_MAX));
    if (one_in(s, 10))
        commit(s);
    befall(s);
    deliver(s, (int)sim_dice(s, s->n_flight + 1));
}

/* Records 0, 2 and 3: a hole, and an extra. */
static void
show_both(struct sim *s)
{
    for (int64_t u = 0; u < 4; u++)
        s->exists[u] = u != 1;
    s->next = s->source_end = s->committed = 4;
    s->target[s->end++] = 0;
    (void)runs_map_sync(&s->map, 0, s->end - 1);
    s->target[s->end++] = 2;
    (void)runs_map_sync(&s->map, 2, s->end - 1);
    extras(s, 1);
    s->target[s->end++] = 3;
    (void)runs_map_sync(&s->map, 3, s->end - 1);
    s->prev_up = 3;
    s->prev_down = s->last_sync_down = s->end - 1;
}

void
sim_init(struct sim *s, const struct sim_mode *mode, uint64_t seed)
{
    memset(s, 0, sizeof(*s));
    s->mode = mode;
    s->random = seed * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 8; i++)
        (void)sim_dice(s, 2);
    s->lag = one_in(s, 3) ? 0 : sim_dice(s, 30);
    extras(s, sim_dice(s, 30)); /* the logs do not begin alike */
    s->prev_up = s->prev_down = s->last_sync_down = -1;
    if (mode->shown)
        show_both(s);
}

void
sim_fini(struct sim *s)
{
    runs_map_fini(&s->map);
}
