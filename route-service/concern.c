/*
 * Owns the buckets: one for each value that a member has, cluster code, topic,
 * group, client id or attribute.  A bucket without members is freed.
 */
#include "route-service/concern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"
#include "route-service/literal.h"

#define AHEAD 4

/* Both are borrowed. */
struct filed {
    void *member;
    struct concern_place *place;
};

struct concern_bucket {
    struct filed *v;
    size_t n, cap;
    UT_hash_handle hh;
    char key[]; /* dimension, name of the attribute, NUL, value */
};

struct concern {
    struct concern_bucket *buckets;
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
key_length(const struct literal *l)
{
    return 1 + (l->attribute ? strlen(l->attribute) : 0) + 1 + strlen(l->value);
}

static void
put_key(char *key, const struct literal *l)
{
    const char *name = l->attribute ? l->attribute : "";
    const size_t len = strlen(name) + 1;
    key[0] = (char)l->dim;
    memcpy(key + 1, name, len);
    memcpy(key + 1 + len, l->value, strlen(l->value));
}

static struct concern_bucket *
find(const struct concern *r, const struct literal *l)
{
    char small[256];
    const size_t len = key_length(l);
    char *key = len <= sizeof(small) ? small : xmalloc(len);
    struct concern_bucket *bucket;
    put_key(key, l);
    HASH_FIND(hh, r->buckets, key, len, bucket);
    if (key != small)
        free(key);
    return bucket;
}

static struct concern_bucket *
find_or_make(struct concern *r, const struct literal *l)
{
    struct concern_bucket *bucket = find(r, l);
    if (bucket)
        return bucket;
    const size_t len = key_length(l);
    bucket = xcalloc(1, sizeof(*bucket) + len);
    put_key(bucket->key, l);
    HASH_ADD(hh, r->buckets, key, len, bucket);
    return bucket;
}

/* One member on its way into the buckets. */
struct filing {
    struct concern *r;
    void *member;
    struct concern_place *places; /* NULL: only counts */
    size_t n;
};

/* There are but two roles: nobody looks for all of one.  And no rule names the
 * empty text. */
static bool
is_filed(const struct literal *l)
{
    return l->dim != DIM_ROLE && *l->value;
}

static void
file_under(const struct literal *l, void *arg)
{
    struct filing *f = arg;
    if (!is_filed(l))
        return;
    const size_t i = f->n++;
    if (!f->places)
        return;
    struct concern_bucket *bucket = find_or_make(f->r, l);
    if (bucket->n == bucket->cap) {
        bucket->cap = bucket->cap ? bucket->cap * 2 : 1;
        bucket->v = xreallocarray(bucket->v, bucket->cap, sizeof(*bucket->v));
    }
    f->places[i] = (struct concern_place){bucket, bucket->n};
    bucket->v[bucket->n++] = (struct filed){f->member, &f->places[i]};
}

static void
take_out(struct concern *r, const struct concern_place *place)
{
    struct concern_bucket *bucket = place->bucket;
    const struct filed last = bucket->v[--bucket->n];
    bucket->v[place->at] = last;
    last.place->at = place->at;
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
    struct filing f = {.r = r, .member = member};
    literals_offered(id, file_under, &f);
    f.places = xcalloc(f.n, sizeof(*f.places));
    f.n = 0;
    literals_offered(id, file_under, &f);
    *places = f.places;
    *n = f.n;
}

void
concern_remove(struct concern *r, struct concern_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++)
        take_out(r, &places[i]);
    free(places);
}

/* ---- asking -------------------------------------------------------------- */

/* How many have one of the rule's values, dimension by dimension: those that
 * one dimension demands come one after the other. */
struct narrowest {
    const struct concern *r;
    struct literal now, best; /* only the dimension counts */
    size_t n_now, n_best;
    bool any, any_best;
};

static bool
same_dimension(const struct literal *a, const struct literal *b)
{
    return a->dim == b->dim && str_equal(a->attribute, b->attribute);
}

static void
end_dimension(struct narrowest *s)
{
    if (s->any && (!s->any_best || s->n_now < s->n_best)) {
        s->best = s->now;
        s->n_best = s->n_now;
        s->any_best = true;
    }
    s->any = false;
    s->n_now = 0;
}

static void
count_literal(const struct literal *l, void *arg)
{
    struct narrowest *s = arg;
    if (!is_filed(l))
        return;
    if (s->any && !same_dimension(l, &s->now))
        end_dimension(s);
    const struct concern_bucket *b = find(s->r, l);
    s->now = *l;
    s->any = true;
    s->n_now += b ? b->n : 0;
}

/* Members stand all over the memory: the next ones are fetched meanwhile. */
static void
each(const struct concern_bucket *b, void (*fn)(void *member, void *arg),
     void *arg)
{
    for (size_t i = 0; i < b->n; i++) {
        if (i + AHEAD < b->n)
            __builtin_prefetch(b->v[i + AHEAD].member);
        fn(b->v[i].member, arg);
    }
}

long
concern_each(const struct concern *r, const struct pt_rule *rule,
             void (*fn)(void *member, void *arg), void *arg)
{
    struct narrowest s = {.r = r};
    literals_demanded(&rule->match, count_literal, &s);
    end_dimension(&s);
    if (!s.any_best)
        return -1;
    struct literal l = s.best;
    const struct strlist *values =
        literal_patterns(&rule->match, l.dim, l.attribute);
    for (size_t i = 0; i < values->n; i++) {
        l.value = values->v[i];
        const struct concern_bucket *b = find(r, &l);
        if (b)
            each(b, fn, arg);
    }
    return (long)s.n_best;
}
