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

/* Can what stands here match an identity with one of the values? */
static bool
is_for(const struct spot *s, const struct strlist *values)
{
    for (size_t i = 0; i < values->n; i++) {
        const char *value = values->v[i];
        if (strncmp(value, s->value, s->len) == 0 &&
            (s->prefix || value[s->len] == '\0'))
            return true;
    }
    return false;
}

static bool
walk_spot(void *value, void *arg)
{
    const struct walk *w = arg;
    const struct bucket *b = value;
    const struct strlist *only =
        w->only ? literal_patterns(w->only, b->spot.dim, b->spot.attribute)
                : NULL;
    if (only && match_all_literal(only) && !is_for(&b->spot, only))
        return true;
    return walk_bucket(b, w);
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

bool
index_each_rival(const struct index *x, const struct item *rule, index_fn fn,
                 void *arg)
{
    struct walk w = {.only = &rule->u.rule.match, .fn = fn, .arg = arg};
    const struct strlist *codes = shelf_codes(w.only);
    bool on = walk_group(x->open, &w);
    for (size_t i = 0; codes && i < codes->n && on; i++)
        on = walk_group(map_find(&x->codes, map_hash(codes->v[i]), codes->v[i]),
                        &w);
    return on && (codes || map_each(&x->codes, walk_group, &w));
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
