#include "ctl/table_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "ctl/input.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)

/* A list of the table: where it stands, and which members come first. */
struct list {
    const char *name;
    const char *first[12];
};

static const struct list lists[] = {
    {"clusters", {"name", "bootstrap.servers", "properties"}},
    {"flows",
     {"source", "target", "policy", "separator", "offset-syncs.topic.location",
      "mappers"}},
    {"rules",
     {"id", "priority", "enabled", "match", "cluster", "fence", "standby",
      "properties", "valid_from", "valid_until", "comment"}},
};
#define N_LISTS (sizeof(lists) / sizeof(*lists))

/* ---- one order ----------------------------------------------------------- */

static int
add_key(const char *key, struct json_t *value, void *arg)
{
    (void)value;
    must(strlist_add(arg, key));
    return 0;
}

static struct json_t *ordered(const struct json_t *obj,
                              const char *const *first);

/* Lists stay as they are: their order may mean something. */
static struct json_t *
ordered_value(struct json_t *value)
{
    static const char *const none[] = {NULL};
    return js_expect_object(value, "", NULL) == 0 ? ordered(value, none)
                                                  : js_ref(value);
}

/* Members of `first` first, in that order, the others by name, at all depths. */
static struct json_t *
ordered(const struct json_t *obj, const char *const *first)
{
    struct json_t *to = js_object();
    struct strlist keys = {0};
    js_each(obj, add_key, &keys);
    strlist_sort(&keys);
    for (; *first; first++)
        if (js_any(obj, *first))
            must(js_put_take(to, *first, ordered_value(js_any(obj, *first))));
    for (size_t i = 0; i < keys.n; i++)
        if (!js_any(to, keys.v[i]))
            must(js_put_take(to, keys.v[i],
                             ordered_value(js_any(obj, keys.v[i]))));
    strlist_fini(&keys);
    return to;
}

static int
compare(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* The lines of a list, sorted: each begins with what names the object. */
static char **
lines_of(const struct list *l, const struct json_t *items)
{
    const size_t n = js_len(items);
    char **lines = xcalloc(n + 1, sizeof(*lines));
    for (size_t i = 0; i < n; i++) {
        struct json_t *object = ordered(js_at(items, i), l->first);
        lines[i] = js_dump(object);
        js_free(object);
        must(lines[i] ? 0 : ERR_NOMEM);
    }
    qsort(lines, n, sizeof(*lines), compare);
    return lines;
}

static void
put_list(struct buf *to, const struct list *l, const struct json_t *items)
{
    const size_t n = js_len(items);
    char **lines = lines_of(l, items);
    buf_printf(to, "\"%s\": [%s", l->name, n ? "\n" : "");
    for (size_t i = 0; i < n; i++) {
        buf_puts(to, lines[i]);
        buf_puts(to, i + 1 < n ? ",\n" : "\n");
        free(lines[i]);
    }
    buf_puts(to, "]");
    free(lines);
}

char *
table_file_text(const struct json_t *table)
{
    struct buf b;
    buf_init(&b, FILE_MAX_BYTES);
    buf_puts(&b, "{\n");
    for (size_t i = 0; i < N_LISTS; i++) {
        put_list(&b, &lists[i], js_any(table, lists[i].name));
        buf_puts(&b, i + 1 < N_LISTS ? ",\n" : "\n}\n");
    }
    char *text = buf_take(&b);
    must(text ? 0 : ERR_NOMEM);
    return text;
}

/* ---- reading ------------------------------------------------------------- */

static int
check(const struct json_t *file, struct err *err)
{
    static const char *const known[] = {"revision", "clusters", "flows",
                                        "rules", NULL};
    int rc = js_expect_object(file, "", err);
    if (!rc)
        rc = js_only_keys(file, "", known, err);
    for (size_t i = 0; i < N_LISTS && !rc; i++) {
        struct json_t *list = NULL;
        rc = js_get_array(file, "", lists[i].name, JS_OPTIONAL, &list, err);
        if (!rc && !list)
            rc = err_field(err, ERR_INVALID, lists[i].name, NULL,
                           "\"%s\" is missing: the file is the whole table, "
                           "and what it leaves out is deleted; write \"%s\": "
                           "[] when there are none",
                           lists[i].name, lists[i].name);
    }
    return rc;
}

int
table_file_parse(const char *text, size_t len, struct json_t **out,
                 struct err *err)
{
    struct json_t *file = NULL;
    int rc = js_parse(text, len, &file, err);
    if (!rc)
        rc = check(file, err);
    if (!rc) {
        *out = js_object();
        for (size_t i = 0; i < N_LISTS; i++)
            must(js_put_take(*out, lists[i].name,
                             js_ref(js_any(file, lists[i].name))));
    }
    js_free(file);
    return rc;
}

int
table_file_read(const char *path, struct json_t **out, struct err *err)
{
    return input_read(path, FILE_MAX_BYTES, table_file_parse, out, err);
}
