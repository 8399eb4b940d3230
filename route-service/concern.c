/*
 * Owns the buckets: one for each value that a member has, cluster code, topic,
 * group, client id or attribute.  A bucket without members is freed.
 */
#include "route-service/concern.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"
#include "route-service/match.h"

struct concern_bucket {
    struct concern_place **v; /* borrowed from the members */
    size_t n, cap;
    size_t key_len;
    UT_hash_handle hh;
    char key[]; /* dimension, name of the attribute, NUL, value */
};

struct concern {
    struct concern_bucket *buckets;
};

enum dimension {
    DIM_CODE = 'c',
    DIM_TOPIC = 't',
    DIM_GROUP = 'g',
    DIM_CLIENT = 'i',
    DIM_ATTRIBUTE = 'a',
};

struct concern *
concern_new(void)
{
    return xcalloc(1, sizeof(struct concern));
}

void
concern_free(struct concern *r)
{
    free(r);
}

/* ---- buckets ------------------------------------------------------------- */

static size_t
key_length(const char *name, const char *value)
{
    return 1 + strlen(name) + 1 + strlen(value);
}

static void
put_key(char *key, enum dimension dim, const char *name, const char *value)
{
    const size_t len = strlen(name) + 1;
    key[0] = (char)dim;
    memcpy(key + 1, name, len);
    memcpy(key + 1 + len, value, strlen(value));
}

static struct concern_bucket *
find(const struct concern *r, enum dimension dim, const char *name,
     const char *value)
{
    char small[256];
    const size_t len = key_length(name, value);
    char *key = len <= sizeof(small) ? small : xmalloc(len);
    struct concern_bucket *bucket;
    put_key(key, dim, name, value);
    HASH_FIND(hh, r->buckets, key, len, bucket);
    if (key != small)
        free(key);
    return bucket;
}

static struct concern_bucket *
find_or_make(struct concern *r, enum dimension dim, const char *name,
             const char *value)
{
    struct concern_bucket *bucket = find(r, dim, name, value);
    if (bucket)
        return bucket;
    const size_t len = key_length(name, value);
    bucket = xcalloc(1, sizeof(*bucket) + len);
    bucket->key_len = len;
    put_key(bucket->key, dim, name, value);
    HASH_ADD(hh, r->buckets, key, len, bucket);
    return bucket;
}

static void
file_under(struct concern *r, struct concern_place *place, void *member,
           enum dimension dim, const char *name, const char *value)
{
    struct concern_bucket *bucket = find_or_make(r, dim, name, value);
    if (bucket->n == bucket->cap) {
        bucket->cap = bucket->cap ? bucket->cap * 2 : 1;
        bucket->v = xreallocarray(bucket->v, bucket->cap, sizeof(*bucket->v));
    }
    *place = (struct concern_place){bucket, member, bucket->n};
    bucket->v[bucket->n++] = place;
}

static void
take_out(struct concern *r, const struct concern_place *place)
{
    struct concern_bucket *bucket = place->bucket;
    struct concern_place *last = bucket->v[--bucket->n];
    bucket->v[place->at] = last;
    last->at = place->at;
    if (bucket->n > 0)
        return;
    HASH_DEL(r->buckets, bucket);
    free(bucket->v);
    free(bucket);
}

void
concern_add(struct concern *r, void *member, const struct pt_identity *id,
            struct concern_place **places, size_t *n)
{
    *n = 1 + id->topics.n + (id->group != NULL) + (id->client_id != NULL) +
         id->attrs.n;
    *places = xcalloc(*n, sizeof(**places));
    struct concern_place *p = *places;
    file_under(r, p++, member, DIM_CODE, "", id->cluster_code);
    for (size_t i = 0; i < id->topics.n; i++)
        file_under(r, p++, member, DIM_TOPIC, "", id->topics.v[i]);
    if (id->group)
        file_under(r, p++, member, DIM_GROUP, "", id->group);
    if (id->client_id)
        file_under(r, p++, member, DIM_CLIENT, "", id->client_id);
    for (size_t i = 0; i < id->attrs.n; i++)
        file_under(r, p++, member, DIM_ATTRIBUTE, id->attrs.v[i].key,
                   id->attrs.v[i].value);
}

void
concern_remove(struct concern *r, struct concern_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++)
        take_out(r, &places[i]);
    free(places);
}

/* ---- asking -------------------------------------------------------------- */

/* The narrowest dimension found so far. */
struct narrowest {
    const struct concern *r;
    enum dimension dim;
    const char *name;
    const struct strlist *values; /* NULL: none yet */
    size_t n;
};

static void
consider(struct narrowest *best, enum dimension dim, const char *name,
         const struct strlist *values)
{
    size_t n = 0;
    if (!match_all_literal(values))
        return;
    for (size_t i = 0; i < values->n; i++) {
        const struct concern_bucket *b = find(best->r, dim, name, values->v[i]);
        n += b ? b->n : 0;
    }
    if (best->values && n >= best->n)
        return;
    *best = (struct narrowest){best->r, dim, name, values, n};
}

long
concern_each(const struct concern *r, const struct pt_rule *rule,
             void (*fn)(void *member, void *arg), void *arg)
{
    const struct pt_match *m = &rule->match;
    struct narrowest best = {.r = r};
    consider(&best, DIM_CLIENT, "", &m->client_id);
    consider(&best, DIM_GROUP, "", &m->group);
    consider(&best, DIM_TOPIC, "", &m->topic);
    for (size_t i = 0; i < m->n_attrs; i++)
        consider(&best, DIM_ATTRIBUTE, m->attrs[i].key, &m->attrs[i].patterns);
    consider(&best, DIM_CODE, "", &m->cluster_code);
    if (!best.values)
        return -1;
    for (size_t i = 0; i < best.values->n; i++) {
        const struct concern_bucket *b =
            find(r, best.dim, best.name, best.values->v[i]);
        for (size_t k = 0; b && k < b->n; k++)
            fn(b->v[k]->member, arg);
    }
    return (long)best.n;
}
