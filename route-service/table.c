/*
 * Owns tables.  Built by the writer thread, then only read; reference counts
 * are atomic, because the loops and the writer hold the same tables.
 */
#include "route-service/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/must.h"

/* ---- lists of items ------------------------------------------------------ */

/* Where `key` stands, or would have to. */
static size_t
place_of(const struct items *l, const char *key, bool *found)
{
    size_t low = 0;
    size_t high = l->n;
    *found = false;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(l->v[mid]->key, key);
        if (order < 0) {
            low = mid + 1;
            continue;
        }
        *found |= order == 0;
        high = mid;
    }
    return low;
}

static void
items_put_take(struct items *l, struct item *item)
{
    bool found;
    const size_t i = place_of(l, item->key, &found);
    if (found) {
        item_unref(l->v[i]);
        l->v[i] = item;
        return;
    }
    l->v = xreallocarray(l->v, l->n + 1, sizeof(struct item *));
    memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(struct item *));
    l->v[i] = item;
    l->n++;
}

static bool
items_delete(struct items *l, const char *key)
{
    bool found;
    const size_t i = place_of(l, key, &found);
    if (!found)
        return false;
    item_unref(l->v[i]);
    l->n--;
    memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(struct item *));
    return true;
}

static void
items_copy(struct items *to, const struct items *from)
{
    to->v =
        from->n ? xreallocarray(NULL, from->n, sizeof(struct item *)) : NULL;
    for (to->n = 0; to->n < from->n; to->n++)
        to->v[to->n] = item_ref(from->v[to->n]);
}

static bool
items_equal(const struct items *a, const struct items *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i] != b->v[i] && strcmp(a->v[i]->json, b->v[i]->json) != 0)
            return false;
    return true;
}

static struct json_t *
items_encode(const struct items *l)
{
    struct json_t *array = js_array();
    for (size_t i = 0; i < l->n; i++)
        must(js_add_take(array, item_encode(l->v[i])));
    return array;
}

/* ---- tables -------------------------------------------------------------- */

struct table *
table_empty(void)
{
    struct table *t = xcalloc(1, sizeof(*t));
    atomic_init(&t->refs, 1);
    return t;
}

struct table *
table_new(struct table *from, int64_t time_ms)
{
    struct table *t = table_empty();
    t->revision = from->revision + 1;
    t->time_ms = time_ms > from->time_ms ? time_ms : from->time_ms;
    t->infra_since = from->infra_since;
    t->before = table_ref(from);
    for (size_t k = 0; k < KIND_COUNT; k++)
        items_copy(&t->of[k], &from->of[k]);
    return t;
}

void
table_put_take(struct table *t, struct item *item)
{
    if (item->kind != KIND_RULE)
        t->infra_since = t->revision;
    items_put_take(&t->of[item->kind], item);
}

bool
table_delete(struct table *t, enum kind kind, const char *key)
{
    if (!items_delete(&t->of[kind], key))
        return false;
    if (kind != KIND_RULE)
        t->infra_since = t->revision;
    return true;
}

/* ---- rules by cluster code ----------------------------------------------- */

static int
compare_codes(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int
by_code(const void *a, const void *b)
{
    const struct rule_entry *x = a;
    const struct rule_entry *y = b;
    const int order = compare_codes(x->code, y->code);
    return order ? order : match_compare(x->item, y->item);
}

static size_t
entries_of(const struct item *item)
{
    const struct strlist *codes = &item->u.rule.match.cluster_code;
    return match_all_literal(codes) ? codes->n : 1;
}

static void
add_entries(struct rules *to, struct item *item)
{
    const struct strlist *codes = &item->u.rule.match.cluster_code;
    if (!match_all_literal(codes)) {
        to->v[to->n++] = (struct rule_entry){NULL, item};
        return;
    }
    for (size_t i = 0; i < codes->n; i++)
        to->v[to->n++] = (struct rule_entry){codes->v[i], item};
}

void
table_seal(struct table *t)
{
    const struct items *all = &t->of[KIND_RULE];
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        n += entries_of(all->v[i]);
    if (n == 0)
        return;
    t->rules.v = xreallocarray(NULL, n, sizeof(*t->rules.v));
    for (size_t i = 0; i < all->n; i++)
        add_entries(&t->rules, all->v[i]);
    qsort(t->rules.v, n, sizeof(*t->rules.v), by_code);
}

/* The first entry whose code is not before `code`; `after`: is
 * after it. */
static size_t
bound(const struct rules *rules, const char *code, bool after)
{
    size_t low = 0;
    size_t high = rules->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (compare_codes(rules->v[mid].code, code) < (after ? 1 : 0))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct rules
rules_with(const struct table *t, const char *code)
{
    const size_t from = bound(&t->rules, code, false);
    const size_t to = bound(&t->rules, code, true);
    if (from == to)
        return (struct rules){0};
    return (struct rules){&t->rules.v[from], to - from};
}

struct items
table_rules_for(const struct table *t, const char *code)
{
    struct rules a = rules_with(t, code);
    struct rules b = rules_with(t, NULL);
    struct items out = {
        .v = xreallocarray(NULL, a.n + b.n + 1, sizeof(struct item *))};
    while (a.n + b.n > 0) {
        const bool from_a =
            b.n == 0 ||
            (a.n > 0 && match_compare(a.v[0].item, b.v[0].item) < 0);
        struct rules *from = from_a ? &a : &b;
        struct item *item = from->v++->item;
        from->n--;
        if (out.n == 0 || out.v[out.n - 1] != item)
            out.v[out.n++] = item;
    }
    return out;
}

static bool
each(const struct rules rules, bool (*fn)(struct item *other, void *arg),
     void *arg)
{
    for (size_t i = 0; i < rules.n; i++)
        if (!fn(rules.v[i].item, arg))
            return false;
    return true;
}

void
table_rivals(const struct table *t, const struct item *rule,
             bool (*fn)(struct item *other, void *arg), void *arg)
{
    const struct strlist *codes = &rule->u.rule.match.cluster_code;
    if (!match_all_literal(codes)) {
        (void)each(t->rules, fn, arg); /* whoever stopped it knows */
        return;
    }
    bool on = each(rules_with(t, NULL), fn, arg);
    for (size_t i = 0; i < codes->n && on; i++)
        on = each(rules_with(t, codes->v[i]), fn, arg);
}

int64_t
table_next_edge(const struct table *t)
{
    (void)t; /* no rule has a window yet */
    return INT64_MAX;
}

/* ---- winners ------------------------------------------------------------- */

static const struct item *
first_match(const struct rules rules, int64_t now_ms,
            const struct pt_identity *id, const char *topic)
{
    for (size_t i = 0; i < rules.n; i++) {
        const struct item *item = rules.v[i].item;
        if (match_in_force(&item->u.rule, now_ms) &&
            match_rule(&item->u.rule, id, topic, NULL))
            return item;
    }
    return NULL;
}

const struct item *
match_winner(const struct table *t, const struct pt_identity *id,
             const char *topic)
{
    const struct item *a =
        first_match(rules_with(t, id->cluster_code), t->time_ms, id, topic);
    const struct item *b =
        first_match(rules_with(t, NULL), t->time_ms, id, topic);
    if (!a || !b)
        return a ? a : b;
    return match_compare(a, b) < 0 ? a : b;
}

/* ---- asking -------------------------------------------------------------- */

size_t
table_count(const struct table *t, enum kind kind)
{
    return t->of[kind].n;
}

struct items
table_items(const struct table *t, enum kind kind)
{
    const struct items *all = &t->of[kind];
    struct items copy = {
        .v = xreallocarray(NULL, all->n + 1, sizeof(struct item *)),
        .n = all->n,
    };
    for (size_t i = 0; i < all->n; i++)
        copy.v[i] = all->v[i];
    return copy;
}

const struct items *
table_flows(const struct table *t)
{
    return &t->of[KIND_FLOW];
}

struct table *
table_ref(struct table *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void
table_unref(struct table *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        for (size_t i = 0; i < t->of[k].n; i++)
            item_unref(t->of[k].v[i]);
        free(t->of[k].v);
    }
    free(t->rules.v);
    table_unref(t->before);
    free(t);
}

struct item *
table_find(const struct table *t, enum kind kind, const char *key)
{
    bool found;
    const size_t i = place_of(&t->of[kind], key, &found);
    return found ? t->of[kind].v[i] : NULL;
}

bool
table_equal(const struct table *a, const struct table *b)
{
    for (size_t k = 0; k < KIND_COUNT; k++)
        if (!items_equal(&a->of[k], &b->of[k]))
            return false;
    return true;
}

struct json_t *
table_encode(const struct table *t)
{
    struct json_t *j = js_object();
    must(js_put_int(j, "revision", t->revision));
    must(js_put_take(j, "clusters", items_encode(&t->of[KIND_CLUSTER])));
    must(js_put_take(j, "flows", items_encode(&t->of[KIND_FLOW])));
    must(js_put_take(j, "rules", items_encode(&t->of[KIND_RULE])));
    return j;
}
