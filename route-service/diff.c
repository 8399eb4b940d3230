/*
 * Walks two lists in the order of their keys.  Objects are the same when their
 * text is; tables share what did not change, so most are the same pointer.
 */
#include "route-service/diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/must.h"

static void
add(struct differences *d, struct item *before, struct item *after)
{
    if (before == after ||
        (before && after && strcmp(before->json, after->json) == 0))
        return;
    if ((d->n & (d->n - 1)) == 0) /* full at every power of two */
        d->v = xreallocarray(d->v, d->n ? 2 * d->n : 1, sizeof(*d->v));
    d->v[d->n++] = (struct difference){
        .before = before ? item_ref(before) : NULL,
        .after = after ? item_ref(after) : NULL,
    };
}

static void
diff_kind(const struct table *before, const struct table *after, enum kind kind,
          struct differences *out)
{
    struct items a = table_items(before, kind);
    struct items b = table_items(after, kind);
    size_t i = 0;
    size_t k = 0;
    while (i < a.n || k < b.n) {
        int order = i == a.n ? 1 : -1;
        if (i < a.n && k < b.n)
            order = strcmp(a.v[i]->key, b.v[k]->key);
        add(out, order <= 0 ? a.v[i] : NULL, order >= 0 ? b.v[k] : NULL);
        i += order <= 0;
        k += order >= 0;
    }
    free(a.v);
    free(b.v);
}

void
diff_tables(const struct table *before, const struct table *after,
            struct differences *out)
{
    *out = (struct differences){0};
    for (int kind = 0; kind < KIND_COUNT; kind++)
        diff_kind(before, after, (enum kind)kind, out);
}

static int
by_kind_and_key(const void *a, const void *b)
{
    const struct difference *x = a;
    const struct difference *y = b;
    const struct item *i = x->after ? x->after : x->before;
    const struct item *k = y->after ? y->after : y->before;
    if (i->kind != k->kind)
        return i->kind < k->kind ? -1 : 1;
    return strcmp(i->key, k->key);
}

void
diff_change(const struct change *c, const struct table *before,
            const struct table *after, struct differences *out)
{
    *out = (struct differences){0};
    for (size_t i = 0; i < c->n; i++) {
        const struct operation *op = &c->operations[i];
        add(out, table_find(before, op->kind, op->key),
            table_find(after, op->kind, op->key));
    }
    if (out->n)
        qsort(out->v, out->n, sizeof(*out->v), by_kind_and_key);
}

static struct json_t *
encode_one(const struct difference *d)
{
    const struct item *item = d->after ? d->after : d->before;
    struct json_t *j = js_object();
    must(js_put_str(j, "op", d->after ? "put" : "delete"));
    must(js_put_str(j, "kind", kind_name(item->kind)));
    must(js_put_str(j, "key", item->key));
    if (d->before)
        must(js_put_take(j, "before", item_encode(d->before)));
    else
        must(js_put_null(j, "before"));
    if (d->after)
        must(js_put_take(j, "after", item_encode(d->after)));
    else
        must(js_put_null(j, "after"));
    return j;
}

struct json_t *
diff_encode(const struct differences *d)
{
    struct json_t *list = js_array();
    for (size_t i = 0; i < d->n; i++)
        must(js_add_take(list, encode_one(&d->v[i])));
    return list;
}

void
differences_fini(struct differences *d)
{
    for (size_t i = 0; i < d->n; i++) {
        item_unref(d->v[i].before);
        item_unref(d->v[i].after);
    }
    free(d->v);
    *d = (struct differences){0};
}
