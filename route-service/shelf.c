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

/* ---- spots --------------------------------------------------------------- */

uint64_t
spot_seed(enum dim dim, bool prefix, const char *attribute)
{
    const uint64_t base = attribute ? map_hash(attribute) : 0;
    return base + (uint64_t)dim * 2 + prefix;
}

uint64_t
spot_hash(const struct spot *s)
{
    return map_hash_bytes(s->value, s->len,
                          spot_seed(s->dim, s->prefix, s->attribute));
}

static bool
same_spot(const void *key, const void *other_key)
{
    const struct spot *a = key;
    const struct spot *b = other_key;
    return a->dim == b->dim && a->prefix == b->prefix && a->len == b->len &&
           memcmp(a->value, b->value, a->len) == 0 &&
           (!a->attribute || strcmp(a->attribute, b->attribute) == 0);
}

/* ---- buckets ------------------------------------------------------------- */

struct bucket *
bucket_new(const struct spot *spot, unsigned room)
{
    const size_t size = sizeof(struct bucket) + room * sizeof(struct live);
    struct bucket *b = xmalloc(size + spot->len + 1);
    *b = (struct bucket){.room = room, .spot = *spot};
    atomic_init(&b->refs, 1);
    char *value = (char *)b + size;
    memcpy(value, spot->value, spot->len);
    value[spot->len] = '\0';
    b->spot.value = value;
    return b;
}

void
bucket_ref(struct bucket *b)
{
    atomic_fetch_add(&b->refs, 1);
}

void
bucket_unref(struct bucket *b)
{
    if (!b || atomic_fetch_sub(&b->refs, 1) > 1)
        return;
    for (unsigned i = 0; i < b->n; i++)
        live_fini(&b->v[i]);
    past_unref(b->dead);
    free(b);
}

static struct bucket *
bucket_copy(const struct bucket *b, unsigned room)
{
    struct bucket *copy = bucket_new(&b->spot, room);
    copy->dead = past_ref(b->dead);
    copy->n = b->n;
    for (unsigned i = 0; i < b->n; i++) {
        copy->v[i] = b->v[i];
        (void)item_ref(copy->v[i].item); /* it is in the copy */
    }
    return copy;
}

struct bucket *
bucket_own(struct bucket *b)
{
    if (atomic_load(&b->refs) == 1)
        return b;
    struct bucket *copy = bucket_copy(b, b->n);
    bucket_unref(b);
    return copy;
}

struct bucket *
bucket_grown(struct bucket *b)
{
    if (b->n < b->room && atomic_load(&b->refs) == 1)
        return b;
    struct bucket *copy = bucket_copy(b, b->n + b->n / 4 + 1);
    bucket_unref(b);
    return copy;
}

static const void *
key_of_bucket(const void *value)
{
    return &((const struct bucket *)value)->spot;
}

static void
ref_bucket(void *value)
{
    bucket_ref(value);
}

static void
unref_bucket(void *value)
{
    bucket_unref(value);
}

static const struct map_type of_buckets = {key_of_bucket, same_spot, ref_bucket,
                                           unref_bucket};

/* ---- groups -------------------------------------------------------------- */

struct group *
group_new(const char *code)
{
    const size_t size = strlen(code) + 1;
    struct group *g = xcalloc(1, sizeof(*g) + size);
    atomic_init(&g->refs, 1);
    memcpy(g->code, code, size);
    g->buckets = (struct map)MAP_INIT(&of_buckets);
    g->idle = (struct map)MAP_INIT(&item_map_type);
    return g;
}

void
group_ref(struct group *g)
{
    atomic_fetch_add(&g->refs, 1);
}

void
group_unref(struct group *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
        return;
    bucket_unref(g->plain);
    map_fini(&g->buckets);
    map_fini(&g->idle);
    free(g);
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
    copy->prefixed = g->prefixed;
    copy->dims = g->dims;
    copy->attribute = g->attribute;
    copy->attributes = g->attributes;
    memcpy(copy->prefixes, g->prefixes, sizeof(g->prefixes));
    copy->buckets = map_copy(&g->buckets);
    copy->idle = map_copy(&g->idle);
    group_unref(g);
    return copy;
}

static const void *
key_of_group(const void *value)
{
    return ((const struct group *)value)->code;
}

static void
ref_group(void *value)
{
    group_ref(value);
}

static void
unref_group(void *value)
{
    group_unref(value);
}

const struct map_type shelf_groups = {key_of_group, map_same_text, ref_group,
                                      unref_group};

/* ---- finding ------------------------------------------------------------- */

const struct strlist *
shelf_codes(const struct pt_match *m)
{
    const bool named =
        match_all_literal(&m->cluster_code) && m->cluster_code.n <= LIMIT_SPOTS;
    return named ? &m->cluster_code : NULL;
}

const struct group *
group_find(const struct index *x, const char *code)
{
    return code ? map_find(&x->codes, map_hash(code), code) : x->open;
}

const struct bucket *
bucket_find(const struct group *g, const struct spot *s)
{
    return s->dim == DIM_COUNT ? g->plain
                               : map_find(&g->buckets, spot_hash(s), s);
}
