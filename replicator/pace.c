/* Owns nothing; see pace.h. */
#include "replicator/pace.h"

void
pace_add(struct pace *p, const struct pace_sample *s)
{
    p->v[p->n++ % PACE_SAMPLES] = *s;
}

static int64_t
per_second(int64_t n, int64_t ms)
{
    return (n * 1000 + ms / 2) / ms;
}

/* When it is all gone that was `before`, and is `now` after `ms`. */
static int64_t
time_left(int64_t before, int64_t now, int64_t ms)
{
    if (now <= 0)
        return now;
    if (before <= now)
        return -1;
    return (int64_t)((double)now * (double)ms / (double)(before - now));
}

struct pace_rate
pace_of(const struct pace *p)
{
    struct pace_rate r = {
        .records_s = -1, .bytes_s = -1, .left_ms = -1, .first_left_ms = -1};
    if (p->n < 2)
        return r;
    const struct pace_sample *last = &p->v[(p->n - 1) % PACE_SAMPLES];
    const struct pace_sample *first =
        p->n > PACE_SAMPLES ? &p->v[p->n % PACE_SAMPLES] : &p->v[0];
    const int64_t ms = last->at_ms - first->at_ms;
    if (ms <= 0)
        return r;
    r.records_s = per_second((int64_t)(last->records - first->records), ms);
    r.bytes_s = per_second((int64_t)(last->bytes - first->bytes), ms);
    r.left_ms = time_left(first->lag, last->lag, ms);
    r.first_left_ms = time_left(first->first, last->first, ms);
    return r;
}
