/*
 * Collects what is not the same, then puts it in order.  Objects are the same
 * when their text is.
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

static void
sort(struct differences *d)
{
    if (d->n)
        qsort(d->v, d->n, sizeof(*d->v), by_kind_and_key);
}

static void
add_to(struct item *before, struct item *after, void *arg)
{
    add(arg, before, after);
}

void
diff_tables(const struct table *before, const struct table *after,
            struct differences *out)
{
    *out = (struct differences){0};
    table_diff(before, after, add_to, out);
    sort(out);
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
    sort(out);
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
