/*
 * Applying change sets: values in, values out; any thread.
 *
 * A new table is built beside the old one and shares what does not change, so a
 * change set that is refused has touched nothing.  Errors name the operation
 * that is to blame, also where only the whole table shows the fault.
 */
#include "route-service/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

/* ---- what is touched ----------------------------------------------------- */

static void
touch(struct touched *touched, struct item *rule)
{
    if (!rule)
        return;
    if ((touched->n & (touched->n + 1)) == 0) /* room for 2^k - 1 of them */
        touched->rules = xreallocarray(touched->rules, 2 * touched->n + 1,
                                       sizeof(struct item *));
    touched->rules[touched->n++] = item_ref(rule);
}

struct touched
touched_copy(const struct touched *touched)
{
    if (!touched)
        return (struct touched){.infra = true};
    struct touched copy = {.infra = touched->infra, .n = touched->n};
    copy.rules = copy.n ? xcalloc(copy.n, sizeof(struct item *)) : NULL;
    for (size_t i = 0; i < copy.n; i++)
        copy.rules[i] = item_ref(touched->rules[i]);
    return copy;
}

void
touched_fini(struct touched *touched)
{
    for (size_t i = 0; i < touched->n; i++)
        item_unref(touched->rules[i]);
    free(touched->rules);
    *touched = (struct touched){0};
}

/* ---- operations ---------------------------------------------------------- */

static int
check_expected(const struct change *c, const struct table *head,
               struct err *err)
{
    if (c->expect_revision < 0 || c->expect_revision == head->revision)
        return 0;
    char value[32];
    (void)snprintf(value, sizeof(value), "%lld", (long long)c->expect_revision);
    return err_field(err, ERR_CONFLICT, "expect_revision", value,
                     "made against revision %lld, but %lld is in force: look "
                     "at the table again",
                     (long long)c->expect_revision, (long long)head->revision);
}

static bool
changes_nothing(const struct operation *op, const struct item *old)
{
    return op->item && old && strcmp(op->item->json, old->json) == 0;
}

static int
apply_operation(const struct change *c, size_t i, struct table *t,
                struct touched *touched, struct err *err)
{
    const struct operation *op = &c->operations[i];
    struct item *old = table_find(t, op->kind, op->key);
    if (changes_nothing(op, old))
        return 0;
    if (!op->item && !old) {
        const char *name = kind_name(op->kind);
        const struct place at = change_place(c, i, name);
        return err_field(err, ERR_NOTFOUND, at.s, op->key,
                         "%s: there is no %s \"%.100s\"", at.s, name, op->key);
    }
    if (op->kind == KIND_RULE) {
        touch(touched, old);
        touch(touched, op->item);
    }
    touched->infra |= op->kind != KIND_RULE;
    if (op->item)
        table_put_take(t, item_ref(op->item));
    else
        (void)table_delete(t, op->kind, op->key); /* it is there */
    return 0;
}

/* ---- references ---------------------------------------------------------- */

/* The operation that put or deleted this object; c->n: none did. */
static size_t
operation_on(const struct change *c, enum kind kind, const char *key)
{
    size_t i = 0;
    while (i < c->n && (c->operations[i].kind != kind ||
                        strcmp(c->operations[i].key, key) != 0))
        i++;
    return i;
}

/* `item` names a cluster that is not in the table: either the change set put
 * the item, or it deleted the cluster from below it. */
static int
unknown_cluster(const struct change *c, const struct item *item,
                const char *property, const char *cluster, struct err *err)
{
    const char *kind = kind_name(item->kind);
    size_t i = operation_on(c, item->kind, item->key);
    if (i < c->n) {
        char rest[64];
        (void)snprintf(rest, sizeof(rest), "%s.%s", kind, property);
        const struct place at = change_place(c, i, rest);
        return err_field(err, ERR_INVALID, at.s, cluster,
                         "%s: there is no cluster \"%.100s\"", at.s, cluster);
    }
    i = operation_on(c, KIND_CLUSTER, cluster);
    const struct place at = change_place(c, i, "cluster");
    return err_field(err, ERR_INVALID, at.s, cluster,
                     "%s: cluster \"%.100s\" is in use by %s \"%.100s\"", at.s,
                     cluster, kind, item->key);
}

static int
check_cluster(const struct change *c, const struct table *t,
              const struct item *item, const char *property,
              const char *cluster, struct err *err)
{
    if (table_find(t, KIND_CLUSTER, cluster))
        return 0;
    return unknown_cluster(c, item, property, cluster, err);
}

/* What an item that was put names. */
static int
check_item(const struct change *c, const struct table *t,
           const struct item *item, struct err *err)
{
    int rc = 0;
    if (item->kind == KIND_RULE) {
        const struct pt_rule *r = &item->u.rule;
        rc = check_cluster(c, t, item, "cluster", r->cluster, err);
        if (rc == 0 && r->standby)
            rc = check_cluster(c, t, item, "standby", r->standby, err);
    }
    if (item->kind != KIND_FLOW)
        return rc;
    const struct pt_flow *f = &item->u.flow;
    rc = check_cluster(c, t, item, "source", f->source, err);
    return rc ? rc : check_cluster(c, t, item, "target", f->target, err);
}

/* Looks at everything: only where a cluster was deleted. */
static int
check_all(const struct change *c, const struct table *t, enum kind kind,
          struct err *err)
{
    struct items all = table_items(t, kind);
    int rc = 0;
    for (size_t i = 0; i < all.n && rc == 0; i++)
        rc = check_item(c, t, all.v[i], err);
    free(all.v);
    return rc;
}

static int
check_references(const struct change *c, const struct table *t, struct err *err)
{
    bool deleted = false;
    int rc = 0;
    for (size_t i = 0; i < c->n && rc == 0; i++) {
        const struct operation *op = &c->operations[i];
        deleted |= !op->item && op->kind == KIND_CLUSTER;
        if (op->item)
            rc = check_item(c, t, op->item, err);
    }
    if (rc == 0 && deleted)
        rc = check_all(c, t, KIND_RULE, err);
    if (rc == 0 && deleted)
        rc = check_all(c, t, KIND_FLOW, err);
    return rc;
}

/* ---- all of it ----------------------------------------------------------- */

static int
apply_operations(const struct change *c, struct table *t,
                 struct touched *touched, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < c->n && rc == 0; i++)
        rc = apply_operation(c, i, t, touched, err);
    return rc ? rc : check_references(c, t, err);
}

static void
on_turn(struct item *rule, void *touched)
{
    touch(touched, rule);
}

int
change_apply(const struct change *c, struct table *head, struct table **out,
             struct touched *touched, struct err *err)
{
    *touched = (struct touched){0};
    int rc = check_expected(c, head, err);
    if (rc)
        return rc;
    struct table *t = table_new(head, c->time_ms);
    rc = apply_operations(c, t, touched, err);
    if (rc) {
        touched_fini(touched);
        table_unref(t);
        return rc;
    }
    table_turn(t, on_turn, touched);
    if (touched->n == 0 && !touched->infra &&
        table_next_edge(head) > t->time_ms) {
        table_unref(t);
        *out = table_ref(head);
        return 0;
    }
    table_seal(t, touched->rules, touched->n);
    *out = t;
    return 0;
}
