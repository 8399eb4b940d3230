/* What shuntctl prints: tables for people, JSON for programs, colours on a
 * terminal (NO_COLOR is honoured). */
#ifndef SHUNT_CTL_OUT_H
#define SHUNT_CTL_OUT_H

#include <stddef.h>
#include <stdint.h>

struct json_t;

enum out_color { OUT_PLAIN, OUT_BOLD, OUT_GREEN, OUT_YELLOW, OUT_RED };

/* The escape sequence, or "" when stdout is no terminal. Static storage. */
const char *out_color(enum out_color c);

void out_json(const struct json_t *v);

#define OUT_COLUMNS_MAX 12

struct out_table {
    char **cells; /* owned; row after row, the heading first */
    size_t n, columns;
    size_t colored; /* column, from 1 on; 0: none */
    enum out_color (*color)(const char *cell);
};

/* Headings, then NULL. */
void out_table_init(struct out_table *t, ...) __attribute__((sentinel));
/* As many cells as there are headings, then NULL. */
void out_table_row(struct out_table *t, ...) __attribute__((sentinel));
/* Shows cells of the column (from 0 on) in a colour each. */
void out_table_color(struct out_table *t, size_t column,
                     enum out_color (*fn)(const char *cell));
void out_table_print_fini(struct out_table *t);

/* A member as text for a cell: strings as they are, lists joined by ",",
 * objects as key=value, "-" when absent.  The last 32 results stay valid. */
const char *out_str(const struct json_t *obj, const char *key);
/* A member as a number; `absent` when it is none. */
int64_t out_int(const struct json_t *obj, const char *key, int64_t absent);
/* Milliseconds since 1970 as local time, "-" for 0 and less.  Valid as long as
 * a result of out_str(). */
const char *out_time(int64_t time_ms);

#endif
