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

static void
reach_value(const struct map *values, uint64_t hash, const char *value,
            struct reach *r)
{
    if (values->root)
        reach_add(r, map_find(values, hash, value));
}

static void
reach_attributes(const struct group *g, const struct props *attrs,
                 struct reach *r)
{
    for (size_t i = 0; i < attrs->n; i++) {
        const struct prop *p = &attrs->v[i];
        const struct attribute *a =
            map_find(&g->attributes, map_hash(p->key), p->key);
        if (a)
            reach_value(&a->values, map_hash(p->value), p->value, r);
    }
}

struct asked {
    const char *v[FIXED_DIMS];
    uint64_t hash[FIXED_DIMS];
    const struct props *attrs;
};

static void
reach_group(const struct group *g, const struct asked *asked, struct reach *r)
{
    if (!g)
        return;
    for (int i = 0; i < FIXED_DIMS; i++)
        reach_value(&g->by[i], asked->hash[i], asked->v[i], r);
    if (g->attributes.root)
        reach_attributes(g, asked->attrs, r);
    reach_add(r, g->plain);
}

void
index_reach(const struct index *x, const struct pt_identity *id,
            const char *topic, struct reach *out)
{
    struct asked asked = {
        .v = {id->client_id ? id->client_id : "", id->group ? id->group : "",
              topic},
        .attrs = &id->attrs,
    };
    for (int i = 0; i < FIXED_DIMS; i++)
        asked.hash[i] = map_hash(asked.v[i]);
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
walk_bucket(void *value, void *arg)
{
    const struct walk *w = arg;
    const struct bucket *b = value;
    for (unsigned i = 0; b && i < b->n; i++)
        if (!w->fn(b->v[i].item, w->arg))
            return false;
    return true;
}

/* Of a dimension that the rule demands, only what stands under its values can
 * match the same identity. */
static bool
walk_values(struct walk *w, const struct map *values, enum dim dim,
            const char *attribute)
{
    const struct strlist *only =
        w->only ? literal_patterns(w->only, dim, attribute) : NULL;
    if (!only || !match_all_literal(only))
        return map_each(values, walk_bucket, w);
    bool on = true;
    for (size_t i = 0; i < only->n && on; i++)
        on = walk_bucket(map_find(values, map_hash(only->v[i]), only->v[i]), w);
    return on;
}

static bool
walk_attribute(void *value, void *arg)
{
    const struct attribute *a = value;
    return walk_values(arg, &a->values, DIM_ATTRIBUTE, a->name);
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
    struct walk *w = arg;
    bool on = !g || walk_bucket(g->plain, w);
    for (int i = 0; g && i < FIXED_DIMS && on; i++)
        on = walk_values(w, &g->by[i], (enum dim)(DIM_CLIENT_ID + i), NULL);
    return on && (!g || (map_each(&g->attributes, walk_attribute, w) &&
                         map_each(&g->idle, walk_idle, w)));
}

bool
index_each_for(const struct index *x, const char *code, index_fn fn, void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};
    return walk_group(map_find(&x->codes, map_hash(code), code), &w) &&
           walk_group(x->open, &w);
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
visit_attribute(void *value, void *arg)
{
    const struct attribute *a = value;
    return map_each(&a->values, visit_bucket, arg);
}

static bool
visit_group(void *value, void *arg)
{
    const struct group *g = value;
    if (!g)
        return true;
    for (int i = 0; i < FIXED_DIMS; i++)
        (void)map_each(&g->by[i], visit_bucket, arg); /* never stops */
    (void)map_each(&g->attributes, visit_attribute, arg);
    return visit_bucket(g->plain, arg);
}

void
index_visit(const struct index *x, const struct index_visit *visit)
{
    struct index_visit v = *visit;
    (void)map_each(&x->codes, visit_group, &v); /* never stops */
    (void)visit_group(x->open, &v);
}
