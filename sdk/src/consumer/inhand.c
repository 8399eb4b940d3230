/*
 * Owns a list of hands, one for each thread that has polled of late.  Threads are
 * told apart by numbers that are never used again: a pthread_t is, and a new
 * thread must not finish what a dead one had.
 */
#include "sdk/src/consumer/inhand.h"

#include <stdatomic.h>
#include <stdlib.h>

#define ROOM_MIN 8
/* Beyond these an empty hand is given to another thread before it is old. */
#define HANDS_MANY 256

static _Thread_local uint64_t my_number;

static uint64_t
this_thread(void)
{
    static atomic_uint_fast64_t threads;
    if (my_number == 0)
        my_number = atomic_fetch_add(&threads, 1) + 1;
    return my_number;
}

static atomic_uint_fast64_t lives;

uint64_t
inhand_life(void)
{
    return atomic_fetch_add(&lives, 1) + 1;
}

uint64_t
inhand_newest_life(void)
{
    return atomic_load(&lives);
}

void
inhand_init(struct inhand *t, int64_t max_age_ms)
{
    *t = (struct inhand){.max_age_ms = max_age_ms};
}

void
inhand_fini(struct inhand *t)
{
    while (t->hands) {
        struct hand *h = t->hands;
        t->hands = h->next;
        free(h->v);
        free(h);
    }
}

static struct hand *
mine(struct inhand *t)
{
    const uint64_t me = this_thread();
    struct hand *h = t->recent;
    if (h && h->thread == me)
        return h;
    for (h = t->hands; h && h->thread != me;)
        h = h->next;
    return h;
}

static bool
aged(const struct inhand *t, const struct hand *h, int64_t now_ms)
{
    return now_ms - h->since_ms > t->max_age_ms;
}

static bool
is_vacant(const struct inhand *t, const struct hand *h, int64_t now_ms)
{
    return h->polls == 0 &&
           (aged(t, h, now_ms) || (h->n == 0 && t->n >= HANDS_MANY));
}

static struct hand *
vacant(struct inhand *t, int64_t now_ms)
{
    struct hand *h = t->hands;
    while (h && !is_vacant(t, h, now_ms))
        h = h->next;
    if (h)
        return h;
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->next = t->hands;
    t->hands = h;
    t->n++;
    return h;
}

static bool
make_room(struct hand *h, size_t n)
{
    const size_t room = h->room + n;
    const size_t cap = room + ROOM_MIN;
    if (h->cap >= room) {
        h->room = room;
        return true;
    }
    struct hold *v = reallocarray(h->v, cap, sizeof(*v));
    if (!v)
        return false;
    h->v = v;
    h->cap = cap;
    h->room = room;
    return true;
}

struct hand *
inhand_begin(struct inhand *t, size_t n, int64_t now_ms)
{
    struct hand *h = mine(t);
    if (!h)
        h = vacant(t, now_ms);
    if (!h)
        return NULL;
    if (h->polls == 0)
        h->n = h->room = 0;
    h->thread = this_thread();
    h->since_ms = now_ms;
    t->recent = h;
    if (!make_room(h, n))
        return NULL;
    h->polls++;
    return h;
}

void
inhand_end(struct hand *h)
{
    if (h)
        h->polls--;
}

static size_t
place_of(const struct hand *h, uint64_t life)
{
    size_t i = 0;
    while (i < h->n && h->v[i].life != life)
        i++;
    return i;
}

void
inhand_take(struct hand *h, uint64_t life, int64_t offset, size_t *hint)
{
    size_t i = *hint;
    if (i >= h->n || h->v[i].life != life)
        i = *hint = place_of(h, life);
    if (i == h->cap)
        abort();
    if (i == h->n)
        h->v[h->n++] = (struct hold){life, offset};
    else if (offset < h->v[i].first)
        h->v[i].first = offset;
}

bool
inhand_finish(struct inhand *t)
{
    struct hand *h = mine(t);
    if (h && h->polls == 0)
        h->n = 0;
    return h != NULL;
}

void
inhand_finish_all(struct inhand *t)
{
    for (struct hand *h = t->hands; h; h = h->next)
        h->n = 0;
}

static int64_t
lowest_of(const struct hand *h, uint64_t life)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].life == life)
            return h->v[i].first;
    return -1;
}

int64_t
inhand_lowest(const struct inhand *t, uint64_t life, int64_t now_ms)
{
    int64_t lowest = -1;
    for (const struct hand *h = t->hands; h; h = h->next) {
        if (aged(t, h, now_ms))
            continue;
        const int64_t first = lowest_of(h, life);
        if (first >= 0 && (lowest < 0 || first < lowest))
            lowest = first;
    }
    return lowest;
}
