/*
 * Owns tables.  Built by the writer thread, then only read.
 *
 * Clusters and flows are few: ordered lists, copied when one of them changes.
 * Rules may be many: a map by id, an index of those in force (and of what was),
 * and the moments at which windows begin and end.  A change of one rule costs
 * O(log rules), whatever else the table holds.
 *
 * Time moves only from table to table: a rule with a window is in force when its
 * window holds the table's time, so that every server that applies the same
 * change sets has the same rules in force at the same revision.
 */
#include "route-service/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/match.h"

/* ---- clusters and flows -------------------------------------------------- */

struct list {
    atomic_int refs;
    struct items items; /* one reference each */
};

static struct list *
list_new(size_t room)
{
    struct list *l = xcalloc(1, sizeof(*l));
    atomic_init(&l->refs, 1);
    l->items.v = xreallocarray(NULL, room + 1, sizeof(struct item *));
    return l;
}

static struct list *
list_ref(struct list *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

static void
list_unref(struct list *l)
{
    if (atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    for (size_t i = 0; i < l->items.n; i++)
        item_unref(l->items.v[i]);
    free(l->items.v);
    free(l);
}

/* Takes a reference, gives one that nobody else has. */
static struct list *
list_own(struct list *l)
{
    if (atomic_load(&l->refs) == 1)
        return l;
    struct list *copy = list_new(l->items.n);
    for (size_t i = 0; i < l->items.n; i++)
        copy->items.v[copy->items.n++] = item_ref(l->items.v[i]);
    list_unref(l);
    return copy;
}

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

/* Of clusters or flows, to be changed. */
static struct items *
infra(struct table *t, enum kind kind)
{
    t->infra_since = t->revision;
    t->lists[kind] = list_own(t->lists[kind]);
    return &t->lists[kind]->items;
}

/* ---- life ---------------------------------------------------------------- */

struct table *
table_empty(void)
{
    struct table *t = xcalloc(1, sizeof(*t));
    atomic_init(&t->refs, 1);
    t->lists[KIND_CLUSTER] = list_new(0);
    t->lists[KIND_FLOW] = list_new(0);
    t->rules = (struct map)MAP_INIT(&item_map_type);
    t->index = index_empty();
    return t;
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
    list_unref(t->lists[KIND_CLUSTER]);
    list_unref(t->lists[KIND_FLOW]);
    map_fini(&t->rules);
    index_fini(&t->index);
    edges_unref(t->edges);
    free(t);
}

/* ---- building ------------------------------------------------------------ */

struct table *
table_new(const struct table *from, int64_t time_ms)
{
    struct table *t = xcalloc(1, sizeof(*t));
    atomic_init(&t->refs, 1);
    t->revision = from->revision + 1;
    t->time_ms = time_ms > from->time_ms ? time_ms : from->time_ms;
    t->before_ms = from->time_ms;
    t->infra_since = from->infra_since;
    t->lists[KIND_CLUSTER] = list_ref(from->lists[KIND_CLUSTER]);
    t->lists[KIND_FLOW] = list_ref(from->lists[KIND_FLOW]);
    t->rules = map_copy(&from->rules);
    t->index = index_copy(&from->index);
    t->edges = edges_ref(from->edges);
    return t;
}

static bool
in_force(const struct item *rule, int64_t time_ms)
{
    return match_in_force(&rule->u.rule, time_ms);
}

/* `old` (NULL: none) goes and `item` (the same) comes in the index. */
static void
reindex(struct table *t, struct item *old, struct item *item)
{
    const bool was = old && in_force(old, t->before_ms);
    const bool is = item && in_force(item, t->time_ms);
    if (was && is) {
        index_replace(&t->index, old, item, t->revision);
        return;
    }
    if (was)
        index_end(&t->index, old, t->revision);
    else if (old)
        index_unpark(&t->index, old);
    if (is)
        index_begin(&t->index, item, t->revision);
    else if (item)
        index_park(&t->index, item);
}

void
table_put_take(struct table *t, struct item *item)
{
    if (item->kind != KIND_RULE) {
        items_put_take(infra(t, item->kind), item);
        return;
    }
    reindex(t, table_find(t, KIND_RULE, item->key), item);
    map_put_take(&t->rules, map_hash(item->key), item);
}

bool
table_delete(struct table *t, enum kind kind, const char *key)
{
    struct item *old = table_find(t, kind, key);
    if (!old)
        return false;
    if (kind != KIND_RULE)
        return items_delete(infra(t, kind), key);
    reindex(t, old, NULL);
    return map_delete(&t->rules, map_hash(key), key);
}

/* A rule that a change touched has been seen to already. */
void
table_turn(struct table *t, void (*fn)(struct item *rule, void *arg), void *arg)
{
    for (size_t i = 0; t->edges && i < t->edges->n; i++) {
        const struct edge *edge = &t->edges->v[i];
        if (edge->at_ms > t->time_ms)
            return;
        if (table_find(t, KIND_RULE, edge->rule->key) != edge->rule ||
            in_force(edge->rule, t->before_ms) ==
                in_force(edge->rule, t->time_ms))
            continue;
        reindex(t, edge->rule, edge->rule);
        fn(edge->rule, arg);
    }
}

static bool
has_window(const struct item *rule)
{
    return rule->u.rule.valid_from > 0 || rule->u.rule.valid_until != PT_NO_END;
}

void
table_seal(struct table *t, struct item *const *touched, size_t n)
{
    bool any = t->edges && t->edges->v[0].at_ms <= t->time_ms;
    for (size_t i = 0; i < n && !any; i++)
        any = has_window(touched[i]);
    if (!any)
        return;
    struct item **come = xcalloc(n + 1, sizeof(struct item *));
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (has_window(touched[i]) &&
            table_find(t, KIND_RULE, touched[i]->key) == touched[i])
            come[m++] = touched[i];
    struct edges *old = t->edges;
    t->edges = edges_change(old, t->time_ms, touched, n, come, m);
    edges_unref(old);
    free(come);
}

void
table_restore_take(struct table *t, struct item *item, int64_t since,
                   int64_t item_since)
{
    if (item->kind != KIND_RULE) {
        items_put_take(&t->lists[item->kind]->items, item);
        return;
    }
    if (in_force(item, t->time_ms))
        index_restore_live(&t->index, item, since, item_since);
    else
        index_park(&t->index, item);
    map_put_take(&t->rules, map_hash(item->key), item);
}

/* ---- asking -------------------------------------------------------------- */

size_t
table_count(const struct table *t, enum kind kind)
{
    return kind == KIND_RULE ? t->rules.n : t->lists[kind]->items.n;
}

struct item *
table_find(const struct table *t, enum kind kind, const char *key)
{
    if (kind == KIND_RULE)
        return map_find(&t->rules, map_hash(key), key);
    bool found;
    const struct items *all = &t->lists[kind]->items;
    const size_t i = place_of(all, key, &found);
    return found ? all->v[i] : NULL;
}

const struct items *
table_flows(const struct table *t)
{
    return &t->lists[KIND_FLOW]->items;
}

static bool
collect(void *value, void *arg)
{
    struct items *out = arg;
    out->v[out->n++] = value;
    return true;
}

static int
by_key(const void *a, const void *b)
{
    const struct item *const *x = a;
    const struct item *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

struct items
table_items(const struct table *t, enum kind kind)
{
    const size_t n = table_count(t, kind);
    struct items out = {.v = xreallocarray(NULL, n + 1, sizeof(struct item *))};
    if (kind == KIND_RULE) {
        (void)map_each(&t->rules, collect, &out); /* never stops */
        qsort(out.v, out.n, sizeof(struct item *), by_key);
        return out;
    }
    for (size_t i = 0; i < n; i++)
        out.v[out.n++] = t->lists[kind]->items.v[i];
    return out;
}

bool
table_rivals(const struct table *t, const struct item *rule, size_t *budget,
             bool (*fn)(struct item *other, void *arg), void *arg)
{
    return index_each_rival(&t->index, rule, budget, fn, arg);
}

int64_t
table_next_edge(const struct table *t)
{
    return t->edges ? t->edges->v[0].at_ms : INT64_MAX;
}

/* ---- comparing ----------------------------------------------------------- */

struct diff {
    table_diff_fn fn;
    void *arg;
};

static void
diff_pair(void *before, void *after, void *arg)
{
    const struct diff *d = arg;
    const struct item *x = before;
    const struct item *y = after;
    if (!x || !y || strcmp(x->json, y->json) != 0)
        d->fn(before, after, d->arg);
}

static void
diff_lists(const struct items *a, const struct items *b, struct diff *d)
{
    size_t i = 0;
    size_t k = 0;
    while (i < a->n || k < b->n) {
        int order = (i == a->n) - (k == b->n);
        if (i < a->n && k < b->n)
            order = strcmp(a->v[i]->key, b->v[k]->key);
        diff_pair(order <= 0 ? a->v[i] : NULL, order >= 0 ? b->v[k] : NULL, d);
        i += order <= 0;
        k += order >= 0;
    }
}

void
table_diff(const struct table *a, const struct table *b, table_diff_fn fn,
           void *arg)
{
    struct diff d = {fn, arg};
    for (int k = KIND_CLUSTER; k <= KIND_FLOW; k++)
        if (a->lists[k] != b->lists[k])
            diff_lists(&a->lists[k]->items, &b->lists[k]->items, &d);
    map_diff(&a->rules, &b->rules, diff_pair, &d);
}

static void
on_difference(struct item *before, struct item *after, void *arg)
{
    (void)before;
    (void)after;
    *(bool *)arg = false;
}

bool
table_equal(const struct table *a, const struct table *b)
{
    bool equal = true;
    table_diff(a, b, on_difference, &equal);
    return equal;
}

/* ---- as JSON ------------------------------------------------------------- */

static struct json_t *
encode_all(const struct table *t, enum kind kind)
{
    struct json_t *array = js_array();
    struct items all = table_items(t, kind);
    for (size_t i = 0; i < all.n; i++)
        must(js_add_take(array, item_encode(all.v[i])));
    free(all.v);
    return array;
}

struct json_t *
table_encode(const struct table *t)
{
    struct json_t *j = js_object();
    must(js_put_int(j, "revision", t->revision));
    must(js_put_take(j, "clusters", encode_all(t, KIND_CLUSTER)));
    must(js_put_take(j, "flows", encode_all(t, KIND_FLOW)));
    must(js_put_take(j, "rules", encode_all(t, KIND_RULE)));
    return j;
}

static void
put_all(struct buf *b, const struct table *t, enum kind kind, const char *name)
{
    const struct items items = table_items(t, kind);
    buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < items.n; i++) {
        buf_puts(b, i ? "," : "");
        buf_puts(b, items.v[i]->json);
    }
    buf_puts(b, "]");
    free(items.v);
}

char *
table_text(const struct table *t, size_t *len)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_printf(&b, "{\"revision\":%" PRId64, t->revision);
    put_all(&b, t, KIND_CLUSTER, "clusters");
    put_all(&b, t, KIND_FLOW, "flows");
    put_all(&b, t, KIND_RULE, "rules");
    buf_puts(&b, "}");
    *len = b.len;
    return must_have(buf_take(&b));
}
