/*
 * Owns items and tables.  Built by one thread, then only read; reference
 * counts are atomic, because the loop and the writer hold the same tables.
 *
 * Items are shared between revisions, so that keeping every past table in
 * memory costs a few pointers per item and revision, and a change set never
 * copies what it does not touch.
 */
#include "route-service/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/must.h"

const char *
kind_name(enum kind kind)
{
    static const char *const names[] = {"cluster", "flow", "rule"};
    return names[kind];
}

/* ---- items --------------------------------------------------------------- */

static int
decode_value(struct item *item, const struct json_t *j, const char *path,
             struct err *err)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return pt_cluster_decode(j, path, &item->u.cluster, err);
    case KIND_FLOW:
        return pt_flow_decode(j, path, &item->u.flow, err);
    case KIND_RULE:
        return pt_rule_decode(j, path, &item->u.rule, err);
    case KIND_COUNT:
    default:
        return err_set(err, ERR_UNSUPPORTED, "no such kind of object");
    }
}

static char *
key_of(const struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return xstrdup(item->u.cluster.name);
    case KIND_FLOW:
        return xasprintf("%s->%s", item->u.flow.source, item->u.flow.target);
    case KIND_RULE:
    case KIND_COUNT:
    default:
        return xstrdup(item->u.rule.id);
    }
}

struct json_t *
item_encode(const struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        return must_have(pt_cluster_encode(&item->u.cluster));
    case KIND_FLOW:
        return must_have(pt_flow_encode(&item->u.flow));
    case KIND_RULE:
    case KIND_COUNT:
    default:
        return must_have(pt_rule_encode(&item->u.rule));
    }
}

static char *
text_of(const struct item *item)
{
    struct json_t *j = item_encode(item);
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

int
item_decode(enum kind kind, const struct json_t *j, const char *path,
            struct item **out, struct err *err)
{
    struct item *item = xcalloc(1, sizeof(*item));
    item->kind = kind;
    const int rc = decode_value(item, j, path, err);
    if (rc) {
        free(item);
        return rc;
    }
    atomic_init(&item->refs, 1);
    item->key = key_of(item);
    item->json = text_of(item);
    if (kind == KIND_RULE)
        item->rank = match_rank(&item->u.rule);
    *out = item;
    return 0;
}

struct item *
item_ref(struct item *item)
{
    atomic_fetch_add(&item->refs, 1);
    return item;
}

static void
value_fini(struct item *item)
{
    switch (item->kind) {
    case KIND_CLUSTER:
        pt_cluster_fini(&item->u.cluster);
        break;
    case KIND_FLOW:
        pt_flow_fini(&item->u.flow);
        break;
    case KIND_RULE:
    case KIND_COUNT:
    default:
        pt_rule_fini(&item->u.rule);
        break;
    }
}

void
item_unref(struct item *item)
{
    if (!item || atomic_fetch_sub(&item->refs, 1) > 1)
        return;
    value_fini(item);
    free(item->key);
    free(item->json);
    free(item);
}

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
table_new(const struct table *from, int64_t revision)
{
    struct table *t = xcalloc(1, sizeof(*t));
    atomic_init(&t->refs, 1);
    t->revision = revision;
    t->rules_since = from ? from->rules_since : revision;
    for (size_t k = 0; from && k < KIND_COUNT; k++)
        items_copy(&t->of[k], &from->of[k]);
    return t;
}

void
table_put_take(struct table *t, struct item *item)
{
    if (item->kind == KIND_RULE)
        t->rules_since = t->revision;
    items_put_take(&t->of[item->kind], item);
}

bool
table_delete(struct table *t, enum kind kind, const char *key)
{
    if (kind == KIND_RULE)
        t->rules_since = t->revision;
    return items_delete(&t->of[kind], key);
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

struct rules
table_rules_for(const struct table *t, const char *code)
{
    return rules_with(t, code);
}

struct rules
table_rules_open(const struct table *t)
{
    return rules_with(t, NULL);
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
