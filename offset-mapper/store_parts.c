/* See store_parts.h. */
#include "offset-mapper/store_parts.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/xmem.h"

#define SLOTS_AT_FIRST 256

void
parts_init(struct parts *p)
{
    *p = (struct parts){.n_slots = SLOTS_AT_FIRST};
    p->slots = xcalloc(p->n_slots, sizeof(struct part *));
    (void)pthread_rwlock_init(&p->lock, NULL); /* cannot fail: defaults */
}

static void
part_free(struct part *p)
{
    if (!p)
        return;
    free(p->flow);
    free(p->topic);
    free(p);
}

void
parts_fini(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        part_free(p->v[i]);
    free(p->v);
    free(p->slots);
    (void)pthread_rwlock_destroy(&p->lock);
}

static uint64_t
hash_of(const struct store_part *name)
{
    const uint64_t h = XXH3_64bits_withSeed(name->flow, strlen(name->flow),
                                            (uint64_t)name->partition);
    return XXH3_64bits_withSeed(name->topic, strlen(name->topic), h);
}

static struct part **
slot_of(const struct parts *p, uint64_t hash)
{
    return &p->slots[hash & (p->n_slots - 1)];
}

static bool
is_named(const struct part *part, const struct store_part *name)
{
    return part->partition == name->partition &&
           strcmp(part->topic, name->topic) == 0 &&
           strcmp(part->flow, name->flow) == 0;
}

struct part *
parts_find(const struct parts *p, const struct store_part *name)
{
    const uint64_t hash = hash_of(name);
    for (struct part *part = *slot_of(p, hash); part; part = part->next)
        if (part->hash == hash && is_named(part, name))
            return part;
    return NULL;
}

static void
into_slot(struct parts *p, struct part *part)
{
    struct part **slot = slot_of(p, part->hash);
    part->next = *slot;
    *slot = part;
}

static void
more_slots(struct parts *p)
{
    free(p->slots);
    while (p->n_slots < p->n)
        p->n_slots *= 2;
    p->slots = xcalloc(p->n_slots, sizeof(struct part *));
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i])
            into_slot(p, p->v[i]);
}

static struct part *
part_new(const struct store_part *name, uint32_t pid)
{
    struct part *part = xcalloc(1, sizeof(*part));
    *part = (struct part){.pid = pid,
                          .partition = name->partition,
                          .flow = xstrdup(name->flow),
                          .topic = xstrdup(name->topic),
                          .hash = hash_of(name),
                          .since = PARTS_MOVING};
    return part;
}

/* Pids up to `pid` get their place, empty ones. */
static void
make_place(struct parts *p, uint32_t pid)
{
    size_t cap = p->cap ? p->cap : SLOTS_AT_FIRST;
    while (cap <= pid)
        cap *= 2;
    if (cap > p->cap)
        p->v = xreallocarray(p->v, cap, sizeof(struct part *));
    p->cap = cap;
    while (p->n <= pid)
        p->v[p->n++] = NULL;
    if (p->n > p->n_slots)
        more_slots(p);
}

static void
put_part(struct parts *p, struct part *part)
{
    make_place(p, part->pid);
    p->v[part->pid] = part;
    into_slot(p, part);
}

struct part *
parts_add(struct parts *p, const struct store_part *name)
{
    struct part *part = part_new(name, (uint32_t)p->n);
    (void)pthread_rwlock_wrlock(&p->lock); /* cannot fail: never recursive */
    put_part(p, part);
    (void)pthread_rwlock_unlock(&p->lock);
    return part;
}

bool
parts_load(struct parts *p, const struct store_part *name, uint32_t pid)
{
    if ((pid < p->n && p->v[pid]) || parts_find(p, name))
        return false;
    struct part *part = part_new(name, pid);
    part->stored = true;
    put_part(p, part);
    return true;
}

bool
parts_whole(const struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->v[i])
            return false;
    return true;
}

static void
out_of_slot(struct parts *p, const struct part *part)
{
    struct part **at = slot_of(p, part->hash);
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
}

void
parts_drop_unstored(struct parts *p)
{
    (void)pthread_rwlock_wrlock(&p->lock);
    while (p->n > 0 && !p->v[p->n - 1]->stored) {
        struct part *part = p->v[--p->n];
        out_of_slot(p, part);
        part_free(part);
    }
    (void)pthread_rwlock_unlock(&p->lock);
}

bool
parts_look(struct parts *p, const struct store_part *name, uint32_t *pid,
           struct part_state *state, size_t *since)
{
    (void)pthread_rwlock_rdlock(&p->lock);
    const struct part *part = parts_find(p, name);
    if (part) {
        *pid = part->pid;
        *state = part->state;
        *since = part->since;
    }
    (void)pthread_rwlock_unlock(&p->lock);
    return part != NULL;
}

int64_t
parts_runs(struct parts *p, const char *flow)
{
    int64_t sum = 0;
    (void)pthread_rwlock_rdlock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i]->flow, flow) == 0)
            sum += p->v[i]->state.count;
    (void)pthread_rwlock_unlock(&p->lock);
    return sum;
}
