#include "common/base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t (*mono_for_test)(void);

static int64_t
read_us(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* cannot fail for these two clocks */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_us(void)
{
    return mono_for_test ? mono_for_test() : read_us(CLOCK_MONOTONIC);
}

int64_t
clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void
clock_set_mono_for_test(int64_t (*mono_us)(void))
{
    mono_for_test = mono_us;
}
