/*
 * Change sets that name a table instead of operations: what makes it of the
 * head.  Pure; any thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/change.h"
#include "route-service/diff.h"

static struct operation
operation_of(const struct difference *d)
{
    struct item *item = d->after ? d->after : d->before;
    return (struct operation){
        .kind = item->kind,
        .key = xstrdup(item->key),
        .item = d->after ? item_ref(d->after) : NULL,
    };
}

static void
resolve_restore(struct change *c, const struct table *head,
                const struct table *past)
{
    struct differences d;
    diff_tables(head, past, &d);
    c->operations = xcalloc(d.n + 1, sizeof(*c->operations));
    for (c->n = 0; c->n < d.n; c->n++)
        c->operations[c->n] = operation_of(&d.v[c->n]);
    differences_fini(&d);
    if (*c->comment)
        return;
    free(c->comment);
    c->comment = xasprintf("restore of revision %lld", (long long)c->restore);
}

static int
by_key(const void *a, const void *b)
{
    const struct operation *const *x = a;
    const struct operation *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* The wanted objects of a kind in the order of their keys; the caller frees. */
static const struct operation **
wanted_of(const struct change *c, enum kind kind, size_t *n)
{
    const struct operation **v = xcalloc(c->n_wanted + 1, sizeof(*v));
    *n = 0;
    for (size_t i = 0; i < c->n_wanted; i++)
        if (c->wanted[i].kind == kind)
            v[(*n)++] = &c->wanted[i];
    qsort(v, *n, sizeof(*v), by_key);
    return v;
}

static void
delete_unwanted(struct change *c, const struct table *head, enum kind kind)
{
    size_t n;
    size_t k = 0;
    const struct operation **wanted = wanted_of(c, kind, &n);
    struct items have = table_items(head, kind);
    for (size_t i = 0; i < have.n; i++) {
        const char *key = have.v[i]->key;
        while (k < n && strcmp(wanted[k]->key, key) < 0)
            k++;
        if (k < n && strcmp(wanted[k]->key, key) == 0)
            continue;
        c->operations[c->n++] =
            (struct operation){.kind = kind, .key = xstrdup(key)};
    }
    free(have.v);
    free(wanted);
}

static void
put_wanted(struct change *c, const struct table *head)
{
    for (size_t i = 0; i < c->n_wanted; i++) {
        const struct operation *w = &c->wanted[i];
        const struct item *have = table_find(head, w->kind, w->key);
        if (have && strcmp(have->json, w->item->json) == 0)
            continue;
        struct operation *op = &c->operations[c->n++];
        *op = *w;
        op->key = xstrdup(w->key);
        op->item = item_ref(w->item);
    }
}

static void
resolve_table(struct change *c, const struct table *head)
{
    size_t n = c->n_wanted + 1;
    for (int k = 0; k < KIND_COUNT; k++)
        n += table_count(head, (enum kind)k);
    c->operations = xcalloc(n, sizeof(*c->operations));
    for (int k = 0; k < KIND_COUNT; k++)
        delete_unwanted(c, head, (enum kind)k);
    put_wanted(c, head);
}

int
change_resolve(struct change *c, const struct table *head,
               const struct table *past, struct err *err)
{
    if (c->form == CHANGE_OPERATIONS)
        return 0;
    if (c->form == CHANGE_RESTORE && !past) {
        char value[32];
        (void)snprintf(value, sizeof(value), "%lld", (long long)c->restore);
        return err_field(err, ERR_NOTFOUND, "restore", value,
                         "restore: revision %s is not in the history", value);
    }
    change_operations_fini(c->operations, c->n);
    c->operations = NULL;
    c->n = 0;
    if (c->form == CHANGE_RESTORE)
        resolve_restore(c, head, past);
    else
        resolve_table(c, head);
    return 0;
}
