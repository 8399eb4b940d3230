/*
 * Owns the filing of rules.
 *
 * A group stands for one cluster code, or for all that rules don't name by
 * literals.  In it, a rule is filed under one of its dimensions whose patterns
 * all begin with a literal: under every value in that list, or what the value
 * begins with where it has a wildcard.  Of several such dimensions the one is
 * taken whose buckets are emptiest at that moment, so that a thousand rules for
 * one group but different topics don't end in one bucket.  A rule without any is
 * filed as `plain`.
 *
 * Where a rule is filed is a matter of speed alone: no answer depends on it, so
 * two servers may file differently.
 *
 * Everything is shared between tables and changed in place only when nobody
 * else has it; see map.c.
 */
#include "route-service/index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/shelf.h"

struct name {
    atomic_int refs;
    char text[];
};

/* ---- names --------------------------------------------------------------- */

static const void *
name_key(const void *value)
{
    return ((const struct name *)value)->text;
}

static void
name_ref(void *value)
{
    atomic_fetch_add(&((struct name *)value)->refs, 1);
}

static void
name_unref(void *value)
{
    struct name *name = value;
    if (atomic_fetch_sub(&name->refs, 1) == 1)
        free(name);
}

static const struct map_type of_names = {name_key, map_same_text, name_ref,
                                         name_unref};

/* ---- the whole ----------------------------------------------------------- */

struct index
index_empty(void)
{
    return (struct index){
        .codes = MAP_INIT(&shelf_groups),
        .names = MAP_INIT(&of_names),
    };
}

struct index
index_copy(const struct index *x)
{
    if (x->open)
        group_ref(x->open);
    return (struct index){
        .codes = map_copy(&x->codes),
        .open = x->open,
        .names = map_copy(&x->names),
    };
}

void
index_fini(struct index *x)
{
    map_fini(&x->codes);
    group_unref(x->open);
    map_fini(&x->names);
}

/* The one copy of the text in this table and those after it. */
static const char *
name_of(struct index *x, const char *text)
{
    const uint64_t hash = map_hash(text);
    struct name *name = map_find(&x->names, hash, text);
    if (name)
        return name->text;
    const size_t size = strlen(text) + 1;
    name = xmalloc(sizeof(*name) + size);
    atomic_init(&name->refs, 1);
    memcpy(name->text, text, size);
    map_put_take(&x->names, hash, name);
    return name->text;
}

/* ---- filings ------------------------------------------------------------- */

/* One of the ways in which a rule can be filed. */
struct filing {
    const struct strlist *codes; /* NULL: as open */
    enum dim dim;                /* DIM_COUNT: plain */
    const char *attribute;
    const struct strlist *values; /* NULL: plain */
};

static size_t
spots_of(const struct filing *f)
{
    return (f->codes ? f->codes->n : 1) * (f->values ? f->values->n : 1);
}

/* *code: its group, NULL: the open one. */
static struct spot
spot_at(const struct filing *f, size_t i, const char **code)
{
    const size_t n = f->values ? f->values->n : 1;
    *code = f->codes ? f->codes->v[i / n] : NULL;
    const char *value = f->values ? f->values->v[i % n] : "";
    size_t len = strcspn(value, "*?");
    const bool prefix = value[len] != '\0';
    if (prefix && len > PREFIX_MAX)
        len = PREFIX_MAX;
    return (struct spot){
        .dim = f->dim,
        .prefix = prefix,
        .len = (unsigned)len,
        .value = value,
        .attribute = f->attribute,
    };
}

static bool
can_be_filed(const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (strcspn(patterns->v[i], "*?") == 0)
            return false;
    return patterns->n > 0;
}

/* The i-th dimension that the rule may be filed under; the last one, plain, is
 * always possible. */
static bool
filing_at(const struct pt_match *m, size_t i, struct filing *out)
{
    static const enum dim dims[FIXED_DIMS] = {DIM_CLIENT_ID, DIM_GROUP,
                                              DIM_TOPIC};
    *out = (struct filing){.codes = shelf_codes(m), .dim = DIM_COUNT};
    if (i < FIXED_DIMS) {
        out->dim = dims[i];
    } else if (i < FIXED_DIMS + m->n_attrs) {
        out->dim = DIM_ATTRIBUTE;
        out->attribute = m->attrs[i - FIXED_DIMS].key;
    } else {
        return true;
    }
    out->values = literal_patterns(m, out->dim, out->attribute);
    return can_be_filed(out->values) && spots_of(out) <= LIMIT_SPOTS;
}

static size_t
filings_of(const struct pt_match *m)
{
    return FIXED_DIMS + m->n_attrs + 1;
}

/* ---- looking ------------------------------------------------------------- */

static const struct bucket *
bucket_of(const struct index *x, const struct filing *f, size_t i)
{
    const char *code;
    const struct spot s = spot_at(f, i, &code);
    const struct group *g = group_find(x, code);
    return g ? bucket_find(g, &s) : NULL;
}

/* Where the rule stands, or would have to. */
static unsigned
place_in(const struct bucket *b, const struct item *rule)
{
    unsigned low = 0;
    unsigned high = b->n;
    while (low < high) {
        const unsigned mid = low + (high - low) / 2;
        if (match_compare(b->v[mid].item, rule) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool
stands_in(const struct bucket *b, const struct item *rule)
{
    const unsigned i = b ? place_in(b, rule) : 0;
    return b && i < b->n && b->v[i].item == rule;
}

/* Where the rule is filed. */
static struct filing
filing_of(const struct index *x, const struct item *rule)
{
    const struct pt_match *m = &rule->u.rule.match;
    struct filing f = {0};
    for (size_t i = 0; i < filings_of(m); i++) {
        if (!filing_at(m, i, &f))
            continue;
        if (stands_in(bucket_of(x, &f, 0), rule))
            break;
    }
    return f;
}

static size_t
crowd(const struct index *x, const struct filing *f)
{
    size_t n = 0;
    for (size_t i = 0; i < spots_of(f); i++) {
        const struct bucket *b = bucket_of(x, f, i);
        n += b ? b->n : 0;
    }
    return n;
}

/* Where to file it: plain only when nothing else is possible. */
static struct filing
choose(const struct index *x, const struct item *rule)
{
    const struct pt_match *m = &rule->u.rule.match;
    struct filing best = {0};
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < filings_of(m); i++) {
        struct filing f;
        if (!filing_at(m, i, &f) || (!f.values && least < SIZE_MAX))
            continue;
        const bool literal = f.values && match_all_literal(f.values);
        const size_t n = 2 * crowd(x, &f) + !literal;
        if (n >= least)
            continue;
        least = n;
        best = f;
    }
    return best;
}

/* ---- to be changed ------------------------------------------------------- */

/* Made when it is missing. */
static struct group *
group_at(struct index *x, const char *code)
{
    if (!code) {
        x->open = x->open ? group_own(x->open) : group_new("");
        return x->open;
    }
    const uint64_t hash = map_hash(code);
    void **slot = map_slot(&x->codes, hash, code);
    if (!slot) {
        struct group *g = group_new(code);
        map_put_take(&x->codes, hash, g);
        return g;
    }
    struct group *g = group_own(*slot);
    *slot = g;
    return g;
}

static void
remember_dim(struct group *g, const struct spot *s)
{
    g->dims |= 1u << s->dim;
    if (s->dim != DIM_ATTRIBUTE)
        return;
    g->attributes |= g->attribute && g->attribute != s->attribute;
    if (!g->attribute)
        g->attribute = s->attribute;
}

/* Where the i-th bucket of a filing stands, made when it is missing, owned. */
static void **
bucket_at(struct index *x, const struct filing *f, size_t i)
{
    const char *code;
    struct spot s = spot_at(f, i, &code);
    struct group *g = group_at(x, code);
    if (s.dim == DIM_COUNT) {
        g->plain = g->plain ? bucket_own(g->plain) : bucket_new(&s, 0);
        return (void **)&g->plain;
    }
    if (s.prefix) {
        g->prefixed = true;
        g->prefixes[shelf_prefixes(s.dim)] |= (uint64_t)1 << s.len;
    }
    const uint64_t hash = spot_hash(&s);
    void **slot = map_slot(&g->buckets, hash, &s);
    if (!slot) {
        s.attribute = s.attribute ? name_of(x, s.attribute) : NULL;
        remember_dim(g, &s);
        map_put_take(&g->buckets, hash, bucket_new(&s, 1));
        slot = map_slot(&g->buckets, hash, &s);
    }
    *slot = bucket_own(*slot);
    return slot;
}

/* ---- coming and going ---------------------------------------------------- */

/* Nothing that the rule asks for is left open by where it stands. */
static bool
is_sure(const struct filing *f, const struct spot *s, const struct item *rule)
{
    const struct pt_rule *r = &rule->u.rule;
    const int proven = (f->codes != NULL) + (f->values != NULL);
    return rule->rank.dimensions == proven && !r->share_by &&
           pt_match_is_empty(&r->not_match) &&
           (!s->prefix || strcmp(s->value + s->len, "*") == 0);
}

/* Of the rank: what comes first has the higher number. */
static uint64_t
order_of(const struct rank *rank)
{
    const uint64_t priority = (uint64_t)(rank->priority - INT32_MIN);
    return priority << 32 | (uint64_t)rank->literal << 16 |
           (uint64_t)rank->dimensions;
}

/* A list may lead to one bucket twice: then the rule is there already. */
static void
add_live(struct index *x, const struct filing *f, size_t i,
         const struct live *like)
{
    const char *code;
    const struct spot s = spot_at(f, i, &code);
    void **at = bucket_at(x, f, i);
    struct bucket *b = *at;
    const unsigned place = place_in(b, like->item);
    if (stands_in(b, like->item)) {
        b->v[place].sure |= is_sure(f, &s, like->item);
        return;
    }
    *at = b = bucket_grown(b);
    memmove(&b->v[place + 1], &b->v[place], (b->n - place) * sizeof(b->v[0]));
    b->v[place] = *like;
    b->v[place].sure = is_sure(f, &s, like->item);
    (void)item_ref(like->item); /* it is in the bucket */
    b->n++;
}

void
index_restore_live(struct index *x, struct item *rule, int64_t since,
                   int64_t item_since)
{
    const struct filing f = choose(x, rule);
    const struct live like = {
        .item = rule,
        .cluster = name_of(x, rule->u.rule.cluster),
        .order = order_of(&rule->rank),
        .since = since,
        .item_since = item_since,
    };
    for (size_t i = 0; i < spots_of(&f); i++)
        add_live(x, &f, i, &like);
}

void
index_begin(struct index *x, struct item *rule, int64_t revision)
{
    index_restore_live(x, rule, revision, revision);
}

/* Leaves a dead version behind.  A pattern that is there already is used again,
 * so that the versions of a rule that is flipped don't keep their items. */
static void
bury(struct bucket *b, const struct live *l, int64_t revision)
{
    const struct past *other = past_of(b->dead, l->item);
    struct item *pattern = other && index_same_demands(other->pattern, l->item)
                               ? other->pattern
                               : l->item;
    b->dead = past_add(b->dead, pattern, l->cluster, l->since, revision - 1);
}

static void
end_live(struct bucket *b, struct item *rule, int64_t revision)
{
    if (!stands_in(b, rule))
        return; /* the list leads here twice */
    const unsigned i = place_in(b, rule);
    bury(b, &b->v[i], revision);
    live_fini(&b->v[i]);
    b->n--;
    memmove(&b->v[i], &b->v[i + 1], (b->n - i) * sizeof(b->v[0]));
}

void
index_end(struct index *x, struct item *rule, int64_t revision)
{
    const struct filing f = filing_of(x, rule);
    for (size_t i = 0; i < spots_of(&f); i++)
        end_live(*bucket_at(x, &f, i), rule, revision);
}

static void
replace_live(struct bucket *b, unsigned i, struct item *by, const char *cluster,
             int64_t revision)
{
    struct live *l = &b->v[i];
    if (l->cluster != cluster) {
        bury(b, l, revision);
        l->cluster = cluster;
        l->since = revision;
    }
    item_unref(l->item);
    l->item = item_ref(by);
    l->item_since = revision;
}

void
index_replace(struct index *x, struct item *rule, struct item *by,
              int64_t revision)
{
    if (!index_same_demands(rule, by)) {
        index_end(x, rule, revision);
        index_begin(x, by, revision);
        return;
    }
    const char *cluster = name_of(x, by->u.rule.cluster);
    const struct filing f = filing_of(x, rule);
    for (size_t i = 0; i < spots_of(&f); i++) {
        struct bucket *b = *bucket_at(x, &f, i);
        if (stands_in(b, rule))
            replace_live(b, place_in(b, rule), by, cluster, revision);
    }
}

void
index_restore_dead(struct index *x, struct item *pattern, const char *cluster,
                   int64_t from, int64_t to)
{
    const char *name = name_of(x, cluster);
    const struct filing f = choose(x, pattern);
    for (size_t i = 0; i < spots_of(&f); i++) {
        struct bucket *b = *bucket_at(x, &f, i);
        b->dead = past_add(b->dead, pattern, name, from, to);
    }
}

/* ---- rules that are not in force ----------------------------------------- */

void
index_park(struct index *x, struct item *rule)
{
    const struct strlist *codes = shelf_codes(&rule->u.rule.match);
    for (size_t i = 0; i < (codes ? codes->n : 1); i++) {
        struct group *g = group_at(x, codes ? codes->v[i] : NULL);
        map_put_take(&g->idle, map_hash(rule->key), item_ref(rule));
    }
}

static bool
is_empty(const struct group *g)
{
    return !g->plain && g->buckets.n == 0 && g->idle.n == 0;
}

void
index_unpark(struct index *x, struct item *rule)
{
    const struct strlist *codes = shelf_codes(&rule->u.rule.match);
    for (size_t i = 0; i < (codes ? codes->n : 1); i++) {
        const char *code = codes ? codes->v[i] : NULL;
        struct group *g = group_at(x, code);
        (void)map_delete(&g->idle, map_hash(rule->key), rule->key);
        if (code && is_empty(g))
            (void)map_delete(&x->codes, map_hash(code), code);
    }
}

/* ---- equal demands ------------------------------------------------------- */

static bool
same_match(const struct pt_match *a, const struct pt_match *b)
{
    if (a->n_attrs != b->n_attrs ||
        !strlist_equal(&a->cluster_code, &b->cluster_code) ||
        !strlist_equal(&a->role, &b->role) ||
        !strlist_equal(&a->topic, &b->topic) ||
        !strlist_equal(&a->group, &b->group) ||
        !strlist_equal(&a->client_id, &b->client_id))
        return false;
    for (size_t i = 0; i < a->n_attrs; i++)
        if (strcmp(a->attrs[i].key, b->attrs[i].key) != 0 ||
            !strlist_equal(&a->attrs[i].patterns, &b->attrs[i].patterns))
            return false;
    return true;
}

bool
index_same_demands(const struct item *a, const struct item *b)
{
    const struct pt_rule *x = &a->u.rule;
    const struct pt_rule *y = &b->u.rule;
    return strcmp(a->key, b->key) == 0 && x->priority == y->priority &&
           x->share == y->share && str_equal(x->share_by, y->share_by) &&
           same_match(&x->match, &y->match) &&
           same_match(&x->not_match, &y->not_match);
}
