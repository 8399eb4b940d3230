/*
 * Decoding change sets and writing them down: values in, values out; any thread.
 * Errors name the operation that is to blame.
 */
#include "route-service/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"

/* In a list of the table the kind is said by the list. */
static struct place
place_in_table(const struct operation *op, const char *rest)
{
    struct place p;
    const char *name = kind_name(op->kind);
    if (str_starts_with(rest, name))
        rest += strlen(name);
    if (op->item)
        (void)snprintf(p.s, sizeof(p.s), "table.%ss[%zu]%s", name, op->listed,
                       rest);
    else
        (void)snprintf(p.s, sizeof(p.s), "table.%ss", name);
    return p;
}

static struct place
place_of(enum change_form form, const struct operation *op, size_t i,
         const char *rest)
{
    struct place p;
    if (form == CHANGE_TABLE)
        return place_in_table(op, rest);
    (void)snprintf(p.s, sizeof(p.s), "operations[%zu]%s%s", i, *rest ? "." : "",
                   rest);
    return p;
}

struct place
change_place(const struct change *c, size_t operation, const char *rest)
{
    return place_of(c->form, &c->operations[operation], operation, rest);
}

/* ---- operations ---------------------------------------------------------- */

/* Exactly one of cluster, flow and rule. */
static int
decode_kind(const struct json_t *j, const char *path, enum kind *out,
            struct err *err)
{
    size_t n = 0;
    for (int k = 0; k < KIND_COUNT; k++) {
        if (!js_any(j, kind_name((enum kind)k)))
            continue;
        *out = (enum kind)k;
        n++;
    }
    if (n == 1)
        return 0;
    return err_field(err, ERR_INVALID, path, NULL,
                     "%s must have one of \"cluster\", \"flow\", \"rule\"",
                     path);
}

static int
decode_item(const struct json_t *j, const char *path, struct operation *op,
            struct err *err)
{
    const int rc = item_decode(op->kind, j, path, &op->item, err);
    if (rc == 0)
        op->key = xstrdup(op->item->key);
    return rc;
}

static int
decode_operation(const struct json_t *j, const struct change *c, size_t i,
                 struct operation *op, struct err *err)
{
    static const char *const keys[] = {"op", "cluster", "flow", "rule", NULL};
    const struct place at = change_place(c, i, "");
    const char *verb = NULL;
    int rc;
    if ((rc = js_only_keys(j, at.s, keys, err)) ||
        (rc = js_get_str(j, at.s, "op", JS_REQUIRED, &verb, err)) ||
        (rc = decode_kind(j, at.s, &op->kind, err)))
        return rc;
    const char *name = kind_name(op->kind);
    const struct place in = change_place(c, i, name);
    if (strcmp(verb, "put") == 0)
        return decode_item(js_any(j, name), in.s, op, err);
    if (strcmp(verb, "delete") == 0)
        return js_get_str_dup(j, at.s, name, JS_REQUIRED, &op->key, err);
    const struct place field = change_place(c, i, "op");
    return err_field(err, ERR_INVALID, field.s, verb,
                     "%s must be \"put\" or \"delete\", not \"%.60s\"", field.s,
                     verb);
}

static int
check_count(size_t n, size_t max, const char *path, struct err *err)
{
    if (n <= max)
        return 0;
    return err_field(err, ERR_LIMIT, path, NULL,
                     "%s has %zu entries; %zu are allowed", path, n, max);
}

/* As many as there are: what stands in the store was allowed once. */
static int
decode_operations(const struct json_t *list, struct change *c, struct err *err)
{
    int rc = 0;
    c->operations = xcalloc(js_len(list) + 1, sizeof(*c->operations));
    for (size_t i = 0; i < js_len(list) && rc == 0; i++)
        rc =
            decode_operation(js_at(list, i), c, i, &c->operations[c->n++], err);
    return rc;
}

/* ---- a whole table ------------------------------------------------------- */

static int
decode_listed(const struct json_t *list, enum kind kind, struct change *c,
              struct err *err)
{
    const size_t n = js_len(list);
    int rc = 0;
    c->wanted =
        xreallocarray(c->wanted, c->n_wanted + n + 1, sizeof(*c->wanted));
    for (size_t i = 0; i < n && rc == 0; i++) {
        char at[64];
        struct operation *op = &c->wanted[c->n_wanted++];
        *op = (struct operation){.kind = kind, .listed = i};
        (void)snprintf(at, sizeof(at), "table.%ss[%zu]", kind_name(kind), i);
        rc = decode_item(js_at(list, i), at, op, err);
    }
    return rc;
}

/* All three lists must be there: a misspelt file must not delete anything.  The
 * revision of an export is not looked at (expect_revision is there for that). */
static int
decode_table(const struct json_t *j, struct change *c, struct err *err)
{
    static const char *const keys[] = {"revision", "clusters", "flows", "rules",
                                       NULL};
    struct json_t *table = NULL;
    int64_t ignored;
    int rc;
    if ((rc = js_get_object(j, "", "table", JS_REQUIRED, &table, err)) ||
        (rc = js_only_keys(table, "table", keys, err)) ||
        (rc = js_get_int(table, "table", "revision", JS_OPTIONAL, 0, INT64_MAX,
                         &ignored, err)))
        return rc;
    for (int k = 0; k < KIND_COUNT && rc == 0; k++) {
        char name[16];
        char path[32];
        struct json_t *list = NULL;
        (void)snprintf(name, sizeof(name), "%ss", kind_name((enum kind)k));
        (void)snprintf(path, sizeof(path), "table.%s", name);
        if ((rc = js_get_array(table, "table", name, JS_REQUIRED, &list,
                               err)) == 0 &&
            (rc = check_count(js_len(list), LIMIT_OBJECTS, path, err)) == 0)
            rc = decode_listed(list, (enum kind)k, c, err);
    }
    return rc;
}

/* ---- change sets --------------------------------------------------------- */

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

/* An object named twice would make the order matter. */
static int
refuse_duplicates(enum change_form form, const struct operation *ops, size_t n,
                  struct err *err)
{
    struct named *v = xcalloc(n + 1, sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = (struct named){&ops[i], i};
    qsort(v, n, sizeof(*v), by_name);
    int rc = 0;
    for (size_t i = 1; i < n && rc == 0; i++) {
        const struct operation *op = v[i].op;
        if (!same_name(v[i - 1].op, op))
            continue;
        const char *kind = kind_name(op->kind);
        const struct place at = place_of(form, op, v[i].i, kind);
        const struct place first = place_of(form, v[i - 1].op, v[i - 1].i, "");
        rc = err_field(err, ERR_INVALID, at.s, op->key,
                       "%s: %s \"%.100s\" is in %s already", at.s, kind,
                       op->key, first.s);
    }
    free(v);
    return rc;
}

static int
decode_words(const struct json_t *j, struct change *c, struct err *err)
{
    int rc;
    if ((rc = js_get_str_dup(j, "", "author", JS_OPTIONAL, &c->author, err)) ||
        (rc = js_get_str_dup(j, "", "comment", JS_OPTIONAL, &c->comment, err)))
        return rc;
    if (!c->author)
        c->author = xstrdup("");
    if (!c->comment)
        c->comment = xstrdup("");
    return 0;
}

/* Exactly one of the three forms. */
static int
decode_form(const struct json_t *j, struct change *c, struct err *err)
{
    static const char *const forms[] = {
        [CHANGE_OPERATIONS] = "operations",
        [CHANGE_RESTORE] = "restore",
        [CHANGE_TABLE] = "table",
    };
    const char *found = NULL;
    for (int i = 0; i <= CHANGE_TABLE; i++) {
        if (!js_any(j, forms[i]))
            continue;
        if (found)
            return err_field(err, ERR_INVALID, forms[i], NULL,
                             "%s: there is \"%s\" already: a change set has "
                             "one of \"operations\", \"restore\", \"table\"",
                             forms[i], found);
        found = forms[i];
        c->form = (enum change_form)i;
    }
    if (found)
        return 0;
    return err_field(err, ERR_INVALID, "operations", NULL,
                     "operations is missing: a change set has one of "
                     "\"operations\", \"restore\", \"table\"");
}

static int
decode_asked(const struct json_t *j, struct change *c, struct err *err)
{
    struct json_t *list = NULL;
    int rc = decode_form(j, c, err);
    if (rc)
        return rc;
    if (c->form == CHANGE_RESTORE)
        return js_get_int(j, "", "restore", JS_REQUIRED, 0, INT64_MAX,
                          &c->restore, err);
    if (c->form == CHANGE_TABLE) {
        rc = decode_table(j, c, err);
        return rc ? rc
                  : refuse_duplicates(c->form, c->wanted, c->n_wanted, err);
    }
    if ((rc = js_get_array(j, "", "operations", JS_REQUIRED, &list, err)) ==
            0 &&
        (rc = check_count(js_len(list), LIMIT_OPERATIONS, "operations", err)) ==
            0)
        rc = decode_operations(list, c, err);
    return rc ? rc : refuse_duplicates(c->form, c->operations, c->n, err);
}

int
change_decode(const struct json_t *j, struct change *out, struct err *err)
{
    static const char *const keys[] = {
        "author",  "comment", "expect_revision", "dry_run",
        "restore", "table",   "operations",      NULL};
    struct change c = {.expect_revision = -1};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_int(j, "", "expect_revision", JS_OPTIONAL, 0, INT64_MAX,
                         &c.expect_revision, err)) ||
        (rc = js_get_bool(j, "", "dry_run", JS_OPTIONAL, &c.dry_run, err)) ||
        (rc = decode_words(j, &c, err)) || (rc = decode_asked(j, &c, err))) {
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
    struct json_t *list = NULL;
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_int(j, "", "revision", JS_REQUIRED, 1, INT64_MAX,
                         &c.revision, err)) ||
        (rc = js_get_int(j, "", "time", JS_REQUIRED, 0, INT64_MAX, &c.time_ms,
                         err)) ||
        (rc = decode_words(j, &c, err)) ||
        (rc = js_get_array(j, "", "operations", JS_REQUIRED, &list, err)) ||
        (rc = decode_operations(list, &c, err)) ||
        (rc = refuse_duplicates(c.form, c.operations, c.n, err))) {
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
change_operations_fini(struct operation *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].key);
        item_unref(v[i].item);
    }
    free(v);
}

void
change_fini(struct change *c)
{
    free(c->author);
    free(c->comment);
    change_operations_fini(c->wanted, c->n_wanted);
    change_operations_fini(c->operations, c->n);
    *c = (struct change){0};
}
