/*
 * A token bucket as one number: the time at which the next one would be due
 * if they came at exactly the rate.  It may run ahead of the clock by the
 * burst.  The queue of the refused is a second such number.
 */
#include "route-service/admission.h"

#define SECOND_US   1000000
#define RETRY_MAX_S 30

void
admission_init(struct admission *a, int64_t per_second)
{
    a->step_us = per_second > 0 ? SECOND_US / per_second : 0;
    if (per_second > 0 && a->step_us == 0)
        a->step_us = 1;
    atomic_init(&a->next, 0);
    atomic_init(&a->queue, 0);
}

/* Moves `due` on by one step; returns where it stands then.  It never stands
 * before `least` + one step; -1: it would be later than `most`. */
static int64_t
advance(atomic_int_least64_t *due, int64_t least, int64_t most, int64_t step)
{
    int64_t was = atomic_load(due);
    int64_t to;
    do {
        to = (was > least ? was : least) + step;
        if (to > most)
            return -1;
    } while (!atomic_compare_exchange_weak(due, &was, to));
    return to;
}

bool
admission_take(struct admission *a, int64_t now_us, int *retry_s)
{
    if (a->step_us == 0 ||
        advance(&a->next, now_us, now_us + SECOND_US, a->step_us) >= 0)
        return true;
    const int64_t at =
        advance(&a->queue, now_us, now_us + (int64_t)RETRY_MAX_S * SECOND_US,
                a->step_us);
    *retry_s = at < 0 ? RETRY_MAX_S : (int)((at - now_us) / SECOND_US) + 1;
    return false;
}
