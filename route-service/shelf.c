/*
 * Owns the shelves that rules stand on: made, copied when somebody else has
 * them too, freed.  See map.c for what "own" means.
 */
#include "route-service/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/match.h"

void
live_fini(struct live *l)
{
    item_unref(l->item);
}

static const char *
bucket_key(const void *value)
{
    return ((const struct bucket *)value)->key;
}

void
bucket_ref(void *value)
{
    atomic_fetch_add(&((struct bucket *)value)->refs, 1);
}

void
bucket_unref(void *value)
{
    struct bucket *b = value;
    if (!b || atomic_fetch_sub(&b->refs, 1) > 1)
        return;
    for (unsigned i = 0; i < b->n; i++)
        live_fini(&b->v[i]);
    past_unref(b->dead);
    free(b->key);
    free(b);
}

const struct map_type shelf_buckets = {bucket_key, bucket_ref, bucket_unref};

static const char *
attribute_key(const void *value)
{
    return ((const struct attribute *)value)->name;
}

static void
attribute_ref(void *value)
{
    atomic_fetch_add(&((struct attribute *)value)->refs, 1);
}

static void
attribute_unref(void *value)
{
    struct attribute *a = value;
    if (atomic_fetch_sub(&a->refs, 1) > 1)
        return;
    map_fini(&a->values);
    free(a->name);
    free(a);
}

const struct map_type shelf_attributes = {attribute_key, attribute_ref,
                                          attribute_unref};

static const char *
group_key(const void *value)
{
    return ((const struct group *)value)->code;
}

void
group_ref(void *value)
{
    atomic_fetch_add(&((struct group *)value)->refs, 1);
}

void
group_unref(void *value)
{
    struct group *g = value;
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
        return;
    bucket_unref(g->plain);
    for (int i = 0; i < FIXED_DIMS; i++)
        map_fini(&g->by[i]);
    map_fini(&g->attributes);
    map_fini(&g->idle);
    free(g->code);
    free(g);
}

const struct map_type shelf_groups = {group_key, group_ref, group_unref};

struct bucket *
bucket_new(const char *key, unsigned n)
{
    struct bucket *b = xmalloc(sizeof(*b) + n * sizeof(b->v[0]));
    *b = (struct bucket){.key = xstrdup(key)};
    atomic_init(&b->refs, 1);
    return b;
}

/* Takes a reference, gives one that nobody else has. */
struct bucket *
bucket_own(struct bucket *b)
{
    if (atomic_load(&b->refs) == 1)
        return b;
    struct bucket *copy = bucket_new(b->key, b->n);
    copy->dead = past_ref(b->dead);
    copy->n = b->n;
    for (unsigned i = 0; i < b->n; i++) {
        copy->v[i] = b->v[i];
        (void)item_ref(copy->v[i].item); /* it is in the copy */
    }
    bucket_unref(b);
    return copy;
}

struct group *
group_new(const char *code)
{
    struct group *g = xcalloc(1, sizeof(*g));
    atomic_init(&g->refs, 1);
    g->code = code ? xstrdup(code) : NULL;
    for (int i = 0; i < FIXED_DIMS; i++)
        g->by[i] = (struct map)MAP_INIT(&shelf_buckets);
    g->attributes = (struct map)MAP_INIT(&shelf_attributes);
    g->idle = (struct map)MAP_INIT(&item_map_type);
    return g;
}

struct group *
group_own(struct group *g)
{
    if (atomic_load(&g->refs) == 1)
        return g;
    struct group *copy = group_new(g->code);
    if (g->plain)
        bucket_ref(g->plain);
    copy->plain = g->plain;
    for (int i = 0; i < FIXED_DIMS; i++)
        copy->by[i] = map_copy(&g->by[i]);
    copy->attributes = map_copy(&g->attributes);
    copy->idle = map_copy(&g->idle);
    group_unref(g);
    return copy;
}

struct attribute *
attribute_new(const char *name)
{
    struct attribute *a = xcalloc(1, sizeof(*a));
    atomic_init(&a->refs, 1);
    a->name = xstrdup(name);
    a->values = (struct map)MAP_INIT(&shelf_buckets);
    return a;
}

struct attribute *
attribute_own(struct attribute *a)
{
    if (atomic_load(&a->refs) == 1)
        return a;
    struct attribute *copy = attribute_new(a->name);
    copy->values = map_copy(&a->values);
    attribute_unref(a);
    return copy;
}

const struct map *
group_values(const struct group *g, enum dim dim, const char *attribute)
{
    if (dim == DIM_CLIENT_ID || dim == DIM_GROUP || dim == DIM_TOPIC)
        return &g->by[dim - DIM_CLIENT_ID];
    const struct attribute *a =
        map_find(&g->attributes, map_hash(attribute), attribute);
    return a ? &a->values : NULL;
}

const struct group *
group_find(const struct index *x, const char *code)
{
    return code ? map_find(&x->codes, map_hash(code), code) : x->open;
}

const struct strlist *
shelf_codes(const struct pt_match *m)
{
    const bool named =
        match_all_literal(&m->cluster_code) && m->cluster_code.n <= LIMIT_SPOTS;
    return named ? &m->cluster_code : NULL;
}
