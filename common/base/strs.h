/*
 * Lists of strings, lists of key=value, and the small questions about strings
 * that every part asks.  A zeroed struct is an empty list.
 */
#ifndef SHUNT_BASE_STRS_H
#define SHUNT_BASE_STRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct strlist {
    char **v; /* owned, as is each string */
    size_t n;
};

MUST_CHECK int strlist_add(struct strlist *l, const char *s);
MUST_CHECK int strlist_add_len(struct strlist *l, const char *s, size_t len);
MUST_CHECK int strlist_copy(struct strlist *to, const struct strlist *from);
/* Splits at any of `separators`, trims blanks, drops empty pieces. */
MUST_CHECK int strlist_split(struct strlist *l, const char *s,
                             const char *separators);
bool strlist_has(const struct strlist *l, const char *s);
bool strlist_equal(const struct strlist *a, const struct strlist *b);
void strlist_sort(struct strlist *l);
void strlist_fini(struct strlist *l);

struct prop {
    char *key, *value; /* owned */
};

/* In the order of insertion; a key stands once. */
struct props {
    struct prop *v;
    size_t n;
};

/* Replaces the value of a key that is there. */
MUST_CHECK int props_set(struct props *p, const char *key, const char *value);
/* Borrowed until the list changes; NULL when absent. */
const char *props_get(const struct props *p, const char *key);
MUST_CHECK int props_copy(struct props *to, const struct props *from);
/* By key. */
void props_sort(struct props *p);
bool props_equal(const struct props *a, const struct props *b);
void props_fini(struct props *p);

/* The whole of `s` is one decimal number in [min, max]. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);
bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
/* True for NULL == NULL. */
bool str_equal(const char *a, const char *b);

#endif
