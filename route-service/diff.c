/*
 * Collects what is not the same, then puts it in order.  Objects are the same
 * when their text is.
 */
#include "route-service/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"

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

static void
write_item(struct buf *b, const char *name, const struct item *item)
{
    buf_printf(b, ",\"%s\":", name);
    buf_puts(b, item ? item->json : "null");
}

static void
write_one(struct buf *b, const struct difference *d)
{
    const struct item *item = d->after ? d->after : d->before;
    buf_printf(b, "{\"op\":\"%s\",\"kind\":\"%s\",\"key\":",
               d->after ? "put" : "delete", kind_name(item->kind));
    js_write_str(b, item->key);
    write_item(b, "before", d->before);
    write_item(b, "after", d->after);
    buf_puts(b, "}");
}

char *
diff_text(const struct differences *d)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_puts(&b, "[");
    for (size_t i = 0; i < d->n; i++) {
        buf_puts(&b, i > 0 ? "," : "");
        write_one(&b, &d->v[i]);
    }
    buf_puts(&b, "]");
    return must_have(buf_take(&b));
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
