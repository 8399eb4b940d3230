/*
 * Reads the index: what an identity reaches, what can match with a rule, and
 * everything.  Any thread that holds the table; no atomic operation.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/shelf.h"

/* ---- what an identity reaches -------------------------------------------- */

static void
reach_add(struct reach *r, const struct bucket *b)
{
    if (!b)
        return;
    if (r->n == r->cap) {
        r->cap *= 2;
        const struct bucket **more =
            xreallocarray(NULL, r->cap, sizeof(struct bucket *));
        memcpy(more, r->v, r->n * sizeof(*more));
        reach_fini(r);
        r->v = more;
    }
    r->v[r->n++] = b;
}

void
reach_fini(struct reach *r)
{
    if (r->v != r->fixed)
        free(r->v);
}

/* A value of the identity: the bucket of it, and those of what it begins
 * with. */
static void
reach_value(const struct group *g, struct spot s, uint64_t hash,
            struct reach *r)
{
    reach_add(r, map_find(&g->buckets, hash, &s));
    if (!g->prefixed)
        return;
    uint64_t lengths = g->prefixes[shelf_prefixes(s.dim)];
    if (s.len < PREFIX_MAX)
        lengths &= ((uint64_t)2 << s.len) - 1;
    s.prefix = true;
    for (; lengths; lengths &= lengths - 1) {
        s.len = (unsigned)__builtin_ctzll(lengths);
        reach_add(r, map_find(&g->buckets, spot_hash(&s), &s));
    }
}

/* What every identity has a value of. */
struct asked {
    struct spot spots[FIXED_DIMS];
    uint64_t hashes[FIXED_DIMS];
    const struct props *attrs;
};

static void
ask(struct asked *asked, enum dim dim, const char *value)
{
    struct spot *s = &asked->spots[dim - DIM_CLIENT_ID];
    *s = (struct spot){.dim = dim, .value = value ? value : ""};
    s->len = (unsigned)strlen(s->value);
    asked->hashes[dim - DIM_CLIENT_ID] = spot_hash(s);
}

static void
reach_group(const struct group *g, const struct asked *asked, struct reach *r)
{
    if (!g)
        return;
    reach_add(r, g->plain);
    if (!g->buckets.root)
        return;
    for (int i = 0; i < FIXED_DIMS; i++)
        reach_value(g, asked->spots[i], asked->hashes[i], r);
    for (size_t i = 0; i < asked->attrs->n; i++) {
        const struct prop *p = &asked->attrs->v[i];
        const struct spot s = {.dim = DIM_ATTRIBUTE,
                               .value = p->value,
                               .len = (unsigned)strlen(p->value),
                               .attribute = p->key};
        reach_value(g, s, spot_hash(&s), r);
    }
}

void
index_reach(const struct index *x, const struct pt_identity *id,
            const char *topic, struct reach *out)
{
    struct asked asked = {.attrs = &id->attrs};
    ask(&asked, DIM_CLIENT_ID, id->client_id);
    ask(&asked, DIM_GROUP, id->group);
    ask(&asked, DIM_TOPIC, topic);
    out->v = out->fixed;
    out->n = 0;
    out->cap = REACH_FIXED;
    reach_group(group_find(x, id->cluster_code), &asked, out);
    reach_group(x->open, &asked, out);
}

/* ---- walking over many --------------------------------------------------- */

struct walk {
    const struct pt_match *only; /* NULL: all */
    size_t *budget;              /* buckets that may be looked at for it */
    index_fn fn;
    void *arg;
};

static bool
walk_bucket(const struct bucket *b, const struct walk *w)
{
    for (unsigned i = 0; b && i < b->n; i++)
        if (!w->fn(b->v[i].item, w->arg))
            return false;
    return true;
}

/* The values of a dimension of which a rule must have one; NULL: any will do. */
static const struct strlist *
demanded(const struct pt_match *m, enum dim dim, const char *attribute)
{
    const struct strlist *v = literal_patterns(m, dim, attribute);
    return v && match_all_literal(v) ? v : NULL;
}

static bool
walk_spot(void *value, void *arg)
{
    struct walk *w = arg;
    const struct bucket *b = value;
    if (!w->only)
        return walk_bucket(b, w);
    if (*w->budget == 0)
        return false;
    --*w->budget;
    return demanded(w->only, b->spot.dim, b->spot.attribute) ||
           walk_bucket(b, w); /* those demanded were walked before */
}

static bool
walk_idle(void *value, void *arg)
{
    const struct walk *w = arg;
    return w->fn(value, w->arg);
}

static bool
walk_group(void *value, void *arg)
{
    const struct group *g = value;
    return !g || (walk_bucket(g->plain, arg) &&
                  map_each(&g->buckets, walk_spot, arg) &&
                  map_each(&g->idle, walk_idle, arg));
}

bool
index_each_for(const struct index *x, const char *code, index_fn fn, void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};
    return walk_group(map_find(&x->codes, map_hash(code), code), &w) &&
           walk_group(x->open, &w);
}

bool
index_each_reached(const struct index *x, const struct pt_identity *id,
                   const char *topic, index_fn fn, void *arg)
{
    struct reach reach;
    bool on = true;
    index_reach(x, id, topic, &reach);
    for (size_t i = 0; i < reach.n && on; i++)
        for (unsigned k = 0; k < reach.v[i]->n && on; k++)
            on = fn(reach.v[i]->v[k].item, arg);
    reach_fini(&reach);
    return on;
}

bool
index_each_idle(const struct index *x, const char *code, index_fn fn, void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};
    const struct group *named = group_find(x, code);
    return (!named || map_each(&named->idle, walk_idle, &w)) &&
           (!x->open || map_each(&x->open->idle, walk_idle, &w));
}

/* The buckets of the values that the rule demands in a dimension. */
static void
reach_demanded(const struct group *g, const struct pt_match *m, enum dim dim,
               const char *attribute, struct reach *r)
{
    const struct strlist *values = demanded(m, dim, attribute);
    for (size_t i = 0; values && i < values->n; i++) {
        const struct spot s = {.dim = dim,
                               .value = values->v[i],
                               .len = (unsigned)strlen(values->v[i]),
                               .attribute = attribute};
        reach_value(g, s, spot_hash(&s), r);
    }
}

static bool
walk_nearest(const struct group *g, struct walk *w)
{
    struct reach r = {.cap = REACH_FIXED};
    bool on = true;
    r.v = r.fixed;
    reach_add(&r, g->plain);
    for (int i = 0; i < FIXED_DIMS; i++)
        reach_demanded(g, w->only, (enum dim)(DIM_CLIENT_ID + i), NULL, &r);
    for (size_t i = 0; i < w->only->n_attrs; i++)
        reach_demanded(g, w->only, DIM_ATTRIBUTE, w->only->attrs[i].key, &r);
    for (size_t i = 0; i < r.n && on; i++)
        on = walk_bucket(r.v[i], w);
    reach_fini(&r);
    return on;
}

/* In every dimension that anything is filed under, the rule demands values. */
static bool
is_narrow(const struct group *g, const struct pt_match *m)
{
    for (int i = 0; i < FIXED_DIMS; i++) {
        const enum dim dim = (enum dim)(DIM_CLIENT_ID + i);
        if ((g->dims & 1u << dim) && !demanded(m, dim, NULL))
            return false;
    }
    return !g->attribute ||
           (!g->attributes && demanded(m, DIM_ATTRIBUTE, g->attribute));
}

static bool
walk_rivals(void *value, void *arg)
{
    const struct group *g = value;
    struct walk *w = arg;
    if (!g)
        return true;
    if (*w->budget == 0)
        return false;
    --*w->budget;
    return walk_nearest(g, w) && map_each(&g->idle, walk_idle, w) &&
           (is_narrow(g, w->only) || map_each(&g->buckets, walk_spot, w));
}

bool
index_each_rival(const struct index *x, const struct item *rule, size_t *budget,
                 index_fn fn, void *arg)
{
    struct walk w = {
        .only = &rule->u.rule.match, .budget = budget, .fn = fn, .arg = arg};
    const struct strlist *codes = shelf_codes(w.only);
    bool on = walk_rivals(x->open, &w);
    for (size_t i = 0; codes && i < codes->n && on; i++)
        on = walk_rivals(
            map_find(&x->codes, map_hash(codes->v[i]), codes->v[i]), &w);
    return on && (codes || map_each(&x->codes, walk_rivals, &w));
}

static void
visit_past(const struct past *p, const struct index_visit *visit)
{
    if (!p)
        return;
    visit_past(p->left, visit);
    visit->dead(p, visit->arg);
    visit_past(p->right, visit);
}

static bool
visit_bucket(void *value, void *arg)
{
    const struct bucket *b = value;
    const struct index_visit *visit = arg;
    for (unsigned i = 0; b && i < b->n; i++)
        visit->live(&b->v[i], visit->arg);
    if (b)
        visit_past(b->dead, visit);
    return true;
}

static bool
visit_group(void *value, void *arg)
{
    const struct group *g = value;
    if (g)
        (void)map_each(&g->buckets, visit_bucket, arg); /* never stops */
    return !g || visit_bucket(g->plain, arg);
}

void
index_visit(const struct index *x, const struct index_visit *visit)
{
    struct index_visit v = *visit;
    (void)map_each(&x->codes, visit_group, &v); /* never stops */
    (void)visit_group(x->open, &v);
}
