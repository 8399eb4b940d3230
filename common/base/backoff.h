/*
 * Exponential backoff with full jitter: each wait is drawn evenly from
 * 0..limit, and the limit doubles up to max_ms.  Reset on success.
 */
#ifndef SHUNT_BASE_BACKOFF_H
#define SHUNT_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t min_ms, max_ms;
    int64_t limit_ms;
    uint64_t seed;
};

void backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms,
                  uint64_t seed);
/* How long to wait before the next attempt; at least 1 ms. */
int64_t backoff_next_ms(struct backoff *b);
void backoff_reset(struct backoff *b);
/* Evenly from 0..limit_ms; the backoff stays where it is. */
int64_t backoff_spread_ms(struct backoff *b, int64_t limit_ms);

#endif
