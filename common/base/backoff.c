#include "common/base/backoff.h"

void
backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms, uint64_t seed)
{
    *b = (struct backoff){.min_ms = min_ms,
                          .max_ms = max_ms,
                          .limit_ms = min_ms,
                          .seed = seed | 1};
}

/* xorshift64*: spreads clients apart, nothing more. */
static uint64_t
draw(struct backoff *b)
{
    b->seed ^= b->seed >> 12;
    b->seed ^= b->seed << 25;
    b->seed ^= b->seed >> 27;
    return b->seed * 0x2545f4914f6cdd1dULL;
}

int64_t
backoff_next_ms(struct backoff *b)
{
    const int64_t wait_ms =
        1 + (int64_t)(draw(b) % (uint64_t)(b->limit_ms > 0 ? b->limit_ms : 1));
    b->limit_ms = b->limit_ms > b->max_ms / 2 ? b->max_ms : b->limit_ms * 2;
    return wait_ms;
}

int64_t
backoff_spread_ms(struct backoff *b, int64_t limit_ms)
{
    return limit_ms > 0 ? (int64_t)(draw(b) % (uint64_t)(limit_ms + 1)) : 0;
}

void
backoff_reset(struct backoff *b)
{
    b->limit_ms = b->min_ms;
}
