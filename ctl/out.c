#include "ctl/out.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"

#define CELL_MAX_BYTES 4096
#define CELLS_KEPT     32

const char *
out_color(enum out_color c)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[32m",
                                        "\033[33m", "\033[31m"};
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) ? codes[c] : "";
}

void
out_json(const struct json_t *v)
{
    char *text = js_dump_pretty(v);
    if (!text)
        abort(); /* out of memory */
    (void)puts(text);
    free(text);
}

static void
add_cell(struct out_table *t, const char *text)
{
    t->cells = xreallocarray(t->cells, t->n + 1, sizeof(*t->cells));
    t->cells[t->n++] = xstrdup(text);
}

void
out_table_init(struct out_table *t, ...)
{
    *t = (struct out_table){0};
    va_list ap;
    va_start(ap, t);
    for (const char *s; (s = va_arg(ap, const char *));)
        add_cell(t, s);
    va_end(ap);
    t->columns = t->n;
}

void
out_table_row(struct out_table *t, ...)
{
    va_list ap;
    va_start(ap, t);
    for (const char *s; (s = va_arg(ap, const char *));)
        add_cell(t, s);
    va_end(ap);
}

static void
print_row(const struct out_table *t, size_t first, const int *width)
{
    const size_t last = t->columns - 1;
    for (size_t c = 0; c < last; c++) {
        const char *cell = t->cells[first + c];
        const bool colored = first > 0 && c + 1 == t->colored;
        (void)printf("%s%-*s%s  ", colored ? out_color(t->color(cell)) : "",
                     width[c], cell, colored ? out_color(OUT_PLAIN) : "");
    }
    (void)puts(t->cells[first + last]);
}

void
out_table_color(struct out_table *t, size_t column,
                enum out_color (*fn)(const char *cell))
{
    t->colored = column + 1;
    t->color = fn;
}

void
out_table_print_fini(struct out_table *t)
{
    int width[OUT_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->n; i++) {
        const int len = (int)strlen(t->cells[i]);
        if (len > width[i % t->columns])
            width[i % t->columns] = len;
    }
    for (size_t i = 0; i + t->columns <= t->n; i += t->columns) {
        (void)fputs(out_color(i == 0 ? OUT_BOLD : OUT_PLAIN), stdout);
        print_row(t, i, width);
    }
    (void)fputs(out_color(OUT_PLAIN), stdout);
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct out_table){0};
}

/* What is under way of a value's text: members of members are named in full,
 * "not.topic=t". */
struct cell {
    struct buf text;
    const char *prefix;
};

static void put_value(struct cell *c, struct json_t *v);

static int
put_member(const char *key, struct json_t *value, void *arg)
{
    struct cell *c = arg;
    if (js_expect_object(value, "", NULL) == 0) {
        char *prefix = xasprintf("%s%s.", c->prefix, key);
        struct cell inner = {c->text, prefix};
        js_each(value, put_member, &inner);
        c->text = inner.text;
        free(prefix);
        return 0;
    }
    buf_printf(&c->text, "%s%s%s=", c->text.len ? " " : "", c->prefix, key);
    put_value(c, value);
    return 0;
}

static void
put_value(struct cell *c, struct json_t *v)
{
    if (js_str(v)) {
        buf_puts(&c->text, js_str(v));
    } else if (js_at(v, 0)) {
        for (size_t i = 0; i < js_len(v); i++) {
            buf_puts(&c->text, i ? "," : "");
            put_value(c, js_at(v, i));
        }
    } else if (js_expect_object(v, "", NULL) == 0) {
        js_each(v, put_member, c);
    } else {
        char *text = js_dump(v);
        buf_puts(&c->text, text && strcmp(text, "[]") != 0 ? text : "-");
        free(text);
    }
}

/* `text` is taken; the last CELLS_KEPT stay valid. */
static const char *
keep_take(char *text)
{
    static char *kept[CELLS_KEPT];
    static size_t next;
    free(kept[next]);
    kept[next] = text;
    const char *result = kept[next];
    next = (next + 1) % CELLS_KEPT;
    return result;
}

const char *
out_str(const struct json_t *obj, const char *key)
{
    struct json_t *v = js_any(obj, key);
    struct cell c = {.prefix = ""};
    buf_init(&c.text, CELL_MAX_BYTES);
    if (v)
        put_value(&c, v);
    if (c.text.len == 0 || strcmp(c.text.data, "null") == 0) {
        buf_reset(&c.text);
        buf_puts(&c.text, "-");
    }
    char *text = buf_take(&c.text);
    return keep_take(text ? text : xstrdup("(too long)"));
}

int64_t
out_int(const struct json_t *obj, const char *key, int64_t absent)
{
    int64_t n = absent;
    if (js_get_int(obj, "", key, JS_OPTIONAL, INT64_MIN, INT64_MAX, &n, NULL))
        return absent;
    return n;
}

const char *
out_time(int64_t time_ms)
{
    char text[32];
    struct tm tm;
    const time_t seconds = (time_t)(time_ms / 1000);
    if (time_ms <= 0 || !localtime_r(&seconds, &tm) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return keep_take(xstrdup(text));
}
