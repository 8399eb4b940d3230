/*
 * Decoding change sets and writing them down: values in, values out; any thread.
 * Errors name the operation that is to blame.
 */
#include "route-service/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/must.h"

struct place
change_place(size_t operation, const char *rest)
{
    struct place p;
    (void)snprintf(p.s, sizeof(p.s), "operations[%zu]%s%s", operation,
                   *rest ? "." : "", rest);
    return p;
}

/* ---- decoding ------------------------------------------------------------ */

/* Exactly one of cluster, flow and rule. */
static int
decode_kind(const struct json_t *j, size_t i, enum kind *out, struct err *err)
{
    const struct place at = change_place(i, "");
    size_t n = 0;
    for (int k = 0; k < KIND_COUNT; k++) {
        if (!js_any(j, kind_name((enum kind)k)))
            continue;
        *out = (enum kind)k;
        n++;
    }
    if (n == 1)
        return 0;
    return err_field(err, ERR_INVALID, at.s, NULL,
                     "%s must have one of \"cluster\", \"flow\", \"rule\"",
                     at.s);
}

static int
decode_put(const struct json_t *j, size_t i, struct operation *op,
           struct err *err)
{
    const char *name = kind_name(op->kind);
    const struct place at = change_place(i, name);
    const int rc = item_decode(op->kind, js_any(j, name), at.s, &op->item, err);
    if (rc == 0)
        op->key = xstrdup(op->item->key);
    return rc;
}

static int
decode_operation(const struct json_t *j, size_t i, struct operation *op,
                 struct err *err)
{
    static const char *const keys[] = {"op", "cluster", "flow", "rule", NULL};
    const struct place at = change_place(i, "");
    const char *verb = NULL;
    int rc;
    if ((rc = js_only_keys(j, at.s, keys, err)) ||
        (rc = js_get_str(j, at.s, "op", JS_REQUIRED, &verb, err)) ||
        (rc = decode_kind(j, i, &op->kind, err)))
        return rc;
    if (strcmp(verb, "put") == 0)
        return decode_put(j, i, op, err);
    if (strcmp(verb, "delete") == 0)
        return js_get_str_dup(j, at.s, kind_name(op->kind), JS_REQUIRED,
                              &op->key, err);
    const struct place field = change_place(i, "op");
    return err_field(err, ERR_INVALID, field.s, verb,
                     "%s must be \"put\" or \"delete\", not \"%.60s\"", field.s,
                     verb);
}

static int
decode_operations(const struct json_t *j, struct change *c, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "operations", JS_REQUIRED, &list, err);
    if (rc)
        return rc;
    if (js_len(list) > LIMIT_OPERATIONS)
        return err_field(err, ERR_LIMIT, "operations", NULL,
                         "operations has %zu entries; %d are allowed",
                         js_len(list), LIMIT_OPERATIONS);
    c->operations = xcalloc(js_len(list) + 1, sizeof(*c->operations));
    for (size_t i = 0; i < js_len(list) && rc == 0; i++)
        rc = decode_operation(js_at(list, i), i, &c->operations[c->n++], err);
    return rc;
}

struct named {
    const struct operation *op;
    size_t i;
};

static int
by_name(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    if (x->op->kind != y->op->kind)
        return x->op->kind < y->op->kind ? -1 : 1;
    const int order = strcmp(x->op->key, y->op->key);
    if (order)
        return order;
    return x->i < y->i ? -1 : 1;
}

static bool
same_name(const struct operation *a, const struct operation *b)
{
    return a->kind == b->kind && strcmp(a->key, b->key) == 0;
}

/* An object named twice would make the order of operations matter. */
static int
refuse_duplicates(const struct change *c, struct err *err)
{
    struct named *v = xcalloc(c->n + 1, sizeof(*v));
    for (size_t i = 0; i < c->n; i++)
        v[i] = (struct named){&c->operations[i], i};
    qsort(v, c->n, sizeof(*v), by_name);
    int rc = 0;
    for (size_t i = 1; i < c->n && rc == 0; i++) {
        if (!same_name(v[i - 1].op, v[i].op))
            continue;
        const char *kind = kind_name(v[i].op->kind);
        const struct place at = change_place(v[i].i, kind);
        rc = err_field(err, ERR_INVALID, at.s, v[i].op->key,
                       "%s: %s \"%.100s\" is in operations[%zu] already", at.s,
                       kind, v[i].op->key, v[i - 1].i);
    }
    free(v);
    return rc;
}

static int
decode_rest(const struct json_t *j, struct change *c, struct err *err)
{
    int rc;
    if ((rc = js_get_str_dup(j, "", "author", JS_OPTIONAL, &c->author, err)) ||
        (rc =
             js_get_str_dup(j, "", "comment", JS_OPTIONAL, &c->comment, err)) ||
        (rc = decode_operations(j, c, err)))
        return rc;
    if (!c->author)
        c->author = xstrdup("");
    if (!c->comment)
        c->comment = xstrdup("");
    return refuse_duplicates(c, err);
}

int
change_decode(const struct json_t *j, struct change *out, struct err *err)
{
    static const char *const keys[] = {
        "author", "comment", "expect_revision", "dry_run", "operations", NULL};
    struct change c = {.expect_revision = -1};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_int(j, "", "expect_revision", JS_OPTIONAL, 0, INT64_MAX,
                         &c.expect_revision, err)) ||
        (rc = js_get_bool(j, "", "dry_run", JS_OPTIONAL, &c.dry_run, err)) ||
        (rc = decode_rest(j, &c, err))) {
        change_fini(&c);
        return rc;
    }
    *out = c;
    return 0;
}

int
change_decode_stored(const struct json_t *j, struct change *out,
                     struct err *err)
{
    static const char *const keys[] = {"revision", "time",       "author",
                                       "comment",  "operations", NULL};
    struct change c = {.expect_revision = -1};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_int(j, "", "revision", JS_REQUIRED, 1, INT64_MAX,
                         &c.revision, err)) ||
        (rc = js_get_int(j, "", "time", JS_REQUIRED, 0, INT64_MAX, &c.time_ms,
                         err)) ||
        (rc = decode_rest(j, &c, err))) {
        change_fini(&c);
        return rc;
    }
    *out = c;
    return 0;
}

/* ---- encoding ------------------------------------------------------------ */

static struct json_t *
encode_operation(const struct operation *op)
{
    struct json_t *j = js_object();
    const char *name = kind_name(op->kind);
    must(js_put_str(j, "op", op->item ? "put" : "delete"));
    if (op->item)
        must(js_put_take(j, name, item_encode(op->item)));
    else
        must(js_put_str(j, name, op->key));
    return j;
}

struct json_t *
change_encode(const struct change *c)
{
    struct json_t *j = js_object();
    struct json_t *list = js_array();
    must(js_put_int(j, "revision", c->revision));
    must(js_put_int(j, "time", c->time_ms));
    must(js_put_str(j, "author", c->author));
    must(js_put_str(j, "comment", c->comment));
    for (size_t i = 0; i < c->n; i++)
        must(js_add_take(list, encode_operation(&c->operations[i])));
    must(js_put_take(j, "operations", list));
    return j;
}

void
change_fini(struct change *c)
{
    free(c->author);
    free(c->comment);
    for (size_t i = 0; i < c->n; i++) {
        free(c->operations[i].key);
        item_unref(c->operations[i].item);
    }
    free(c->operations);
    *c = (struct change){0};
}
