/*
 * Owns where each partition stands.  A source written in transactions of 1 to
 * 100 records looks like this: the marker at the end of each is a hole, so
 * MirrorMaker 2 emits a sync for the record behind it.
 */
#include <stdlib.h>

#include "common/base/xmem.h"
#include "tests/tools/sync_log/sync_log.h"

struct makings {
    uint64_t random;
    size_t parts;
    struct sync *last; /* of each partition */
};

uint32_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

struct makings *
makings_new(size_t parts)
{
    struct makings *m = xcalloc(1, sizeof(*m));
    m->random = 88172645463325252u;
    m->parts = parts;
    m->last = xcalloc(parts, sizeof(*m->last));
    for (size_t i = 0; i < parts; i++)
        m->last[i].part = (uint32_t)i;
    return m;
}

void
makings_free(struct makings *m)
{
    free(m->last);
    free(m);
}

struct sync
makings_next(struct makings *m)
{
    struct sync *s = &m->last[next_random(&m->random) % m->parts];
    const int64_t records = 1 + next_random(&m->random) % 100;
    s->up += records + 1;
    s->down += records;
    return *s;
}
