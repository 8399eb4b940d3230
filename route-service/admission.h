/*
 * How fast streams may be opened: so many a second, in all loops together,
 * with a burst of one second.  Who is refused is told when to come back, each
 * a little later than the one before, so that a crowd comes back as a queue.
 * Any thread.
 */
#ifndef SHUNT_ROUTE_ADMISSION_H
#define SHUNT_ROUTE_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct admission {
    int64_t step_us;            /* between two; 0: no limit */
    atomic_int_least64_t next;  /* when the next one is due */
    atomic_int_least64_t queue; /* when the next refused one is to come */
};

void admission_init(struct admission *a, int64_t per_second);
/* At `now_us` of the monotonic clock.  False: come back in *retry_s seconds. */
bool admission_take(struct admission *a, int64_t now_us, int *retry_s);

#endif
