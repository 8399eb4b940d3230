#include "ctl/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"

#define CELL_MAX_BYTES 4096
#define CELLS_KEPT     16

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
    for (size_t c = 0; c < last; c++)
        (void)printf("%-*s  ", width[c], t->cells[first + c]);
    (void)puts(t->cells[first + last]);
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

static void put_value(struct buf *b, struct json_t *v);

static int
put_member(const char *key, struct json_t *value, void *arg)
{
    struct buf *b = arg;
    buf_printf(b, "%s%s=", b->len ? " " : "", key);
    put_value(b, value);
    return 0;
}

static void
put_value(struct buf *b, struct json_t *v)
{
    if (js_str(v)) {
        buf_puts(b, js_str(v));
    } else if (js_at(v, 0)) {
        for (size_t i = 0; i < js_len(v); i++) {
            buf_puts(b, i ? "," : "");
            put_value(b, js_at(v, i));
        }
    } else if (js_expect_object(v, "", NULL) == 0) {
        js_each(v, put_member, b);
    } else {
        char *text = js_dump(v);
        buf_puts(b, text && strcmp(text, "[]") != 0 ? text : "-");
        free(text);
    }
}

const char *
out_str(const struct json_t *obj, const char *key)
{
    static char *kept[CELLS_KEPT];
    static size_t next;
    struct json_t *v = js_any(obj, key);
    struct buf b;
    buf_init(&b, CELL_MAX_BYTES);
    if (v)
        put_value(&b, v);
    if (b.len == 0 || strcmp(b.data, "null") == 0) {
        buf_reset(&b);
        buf_puts(&b, "-");
    }
    char *text = buf_take(&b);
    free(kept[next]);
    kept[next] = text ? text : xstrdup("(too long)");
    const char *result = kept[next];
    next = (next + 1) % CELLS_KEPT;
    return result;
}
