/*
 * JSON: the one place that includes jansson.  Getters report the full path of
 * the field and the value that was found; builders latch nothing, so OR their
 * results together and look once.
 */
#ifndef SHUNT_BASE_JS_H
#define SHUNT_BASE_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"

struct buf;
struct json_t; /* jansson's own; reference-counted */

/* ERR_PARSE with line, column and reason. Duplicate keys are refused. */
MUST_CHECK int js_parse(const char *text, size_t len, struct json_t **out,
                        struct err *err);
struct json_t *js_ref(struct json_t *v);
void js_free(struct json_t *v); /* drops one reference; NULL allowed */
/* Strings owned by the caller; NULL when out of memory. Keys are in the order
 * of insertion. */
char *js_dump(const struct json_t *v);
char *js_dump_pretty(const struct json_t *v);

/* Building.  Each returns 0 or ERR_NOMEM.  `_take` takes the reference of
 * `value` whatever happens; a NULL value is ERR_NOMEM. */
struct json_t *js_object(void);
struct json_t *js_array(void);
struct json_t *js_string(const char *value);
int js_put_str(struct json_t *obj, const char *key, const char *value);
/* Words for people, which may quote foreign text cut at a byte: where they are
 * not UTF-8, what is not ASCII becomes '?'. */
int js_put_words(struct json_t *obj, const char *key, const char *words);
int js_put_int(struct json_t *obj, const char *key, int64_t value);
int js_put_bool(struct json_t *obj, const char *key, bool value);
int js_put_null(struct json_t *obj, const char *key);
int js_put_strs(struct json_t *obj, const char *key, const struct strlist *l);
int js_put_props(struct json_t *obj, const char *key, const struct props *p);
int js_put_take(struct json_t *obj, const char *key, struct json_t *value);
int js_add_take(struct json_t *array, struct json_t *value);

/* Appends `text`, which is UTF-8, as a JSON string; NULL as null: for answers
 * that are too large to be built first. */
void js_write_str(struct buf *b, const char *text);

/* Reading.  `path` is where `obj` stands ("" at the root) and prefixes the
 * field in errors: "operations[0].rule" + "cluster".  An absent optional field
 * (also JSON null) leaves *out as it is.  Strings and values are borrowed from
 * `obj`. */
enum js_need { JS_OPTIONAL, JS_REQUIRED };

MUST_CHECK int js_expect_object(const struct json_t *v, const char *path,
                                struct err *err);
MUST_CHECK int js_get_str(const struct json_t *obj, const char *path,
                          const char *key, enum js_need need, const char **out,
                          struct err *err);
/* A copy that replaces *out (freed before). */
MUST_CHECK int js_get_str_dup(const struct json_t *obj, const char *path,
                              const char *key, enum js_need need, char **out,
                              struct err *err);
MUST_CHECK int js_get_int(const struct json_t *obj, const char *path,
                          const char *key, enum js_need need, int64_t min,
                          int64_t max, int64_t *out, struct err *err);
MUST_CHECK int js_get_bool(const struct json_t *obj, const char *path,
                           const char *key, enum js_need need, bool *out,
                           struct err *err);
/* A string or an array of strings, appended to *out. */
MUST_CHECK int js_get_strs(const struct json_t *obj, const char *path,
                           const char *key, enum js_need need,
                           struct strlist *out, struct err *err);
/* An object of strings (numbers and booleans are taken as their text).
 * ERR_LIMIT: more than JS_PROPS_MAX, because they are looked up one by one. */
#define JS_PROPS_MAX 1000
MUST_CHECK int js_get_props(const struct json_t *obj, const char *path,
                            const char *key, enum js_need need,
                            struct props *out, struct err *err);
MUST_CHECK int js_get_object(const struct json_t *obj, const char *path,
                             const char *key, enum js_need need,
                             struct json_t **out, struct err *err);
MUST_CHECK int js_get_array(const struct json_t *obj, const char *path,
                            const char *key, enum js_need need,
                            struct json_t **out, struct err *err);
/* Refuses any key of `obj` that is not in the NULL-terminated list. */
MUST_CHECK int js_only_keys(const struct json_t *obj, const char *path,
                            const char *const *keys, struct err *err);

size_t js_len(const struct json_t *array);
struct json_t *js_at(const struct json_t *array, size_t i);
/* The key's value whatever its type, or NULL; borrowed. */
struct json_t *js_any(const struct json_t *obj, const char *key);
/* NULL when it is not a string. */
const char *js_str(const struct json_t *v);
/* Calls fn for every member in order until it returns non-zero. */
int js_each(const struct json_t *obj,
            int (*fn)(const char *key, struct json_t *value, void *arg),
            void *arg);

#endif
