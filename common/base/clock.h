/*
 * Time.  Timers and deadlines use the monotonic clock; the wall clock is only
 * for what people and records see.
 */
#ifndef SHUNT_BASE_CLOCK_H
#define SHUNT_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);
/* The same, some milliseconds old at most, for a tenth of the price. */
int64_t clock_coarse_ms(void);
int64_t clock_wall_ms(void);

#endif
