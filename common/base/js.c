#include "common/base/js.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

int
js_parse(const char *text, size_t len, struct json_t **out, struct err *err)
{
    json_error_t why;
    *out =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (*out)
        return 0;
    return err_set(err, ERR_PARSE, "not valid JSON: %s at line %d, column %d",
                   why.text, why.line, why.column);
}

struct json_t *
js_ref(struct json_t *v)
{
    return json_incref(v);
}

void
js_free(struct json_t *v)
{
    json_decref(v);
}

char *
js_dump(const struct json_t *v)
{
    return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *
js_dump_pretty(const struct json_t *v)
{
    return json_dumps(v, JSON_INDENT(2) | JSON_ENCODE_ANY);
}

struct json_t *
js_object(void)
{
    return json_object();
}

struct json_t *
js_array(void)
{
    return json_array();
}

struct json_t *
js_string(const char *value)
{
    return json_string(value);
}

/* Bytes of `at` that stand in a JSON string as they are. */
static size_t
plain_bytes(const char *at)
{
    size_t n = 0;
    while ((unsigned char)at[n] >= ' ' && at[n] != '"' && at[n] != '\\')
        n++;
    return n;
}

void
js_write_str(struct buf *b, const char *text)
{
    if (!text) {
        buf_puts(b, "null");
        return;
    }
    buf_append(b, "\"", 1);
    for (;;) {
        const size_t n = plain_bytes(text);
        buf_append(b, text, n);
        text += n;
        if (!*text)
            break;
        if (*text == '"' || *text == '\\')
            buf_printf(b, "\\%c", *text++);
        else
            buf_printf(b, "\\u%04X", (unsigned)*text++);
    }
    buf_append(b, "\"", 1);
}

int
js_put_take(struct json_t *obj, const char *key, struct json_t *value)
{
    return json_object_set_new(obj, key, value) == 0 ? 0 : ERR_NOMEM;
}

int
js_add_take(struct json_t *array, struct json_t *value)
{
    return json_array_append_new(array, value) == 0 ? 0 : ERR_NOMEM;
}

int
js_put_str(struct json_t *obj, const char *key, const char *value)
{
    return js_put_take(obj, key, value ? json_string(value) : json_null());
}

int
js_put_words(struct json_t *obj, const char *key, const char *words)
{
    if (js_put_str(obj, key, words) == 0)
        return 0;
    char *ascii = strdup(words);
    for (char *c = ascii; c && *c; c++)
        if (*c & 0x80)
            *c = '?';
    const int rc = ascii ? js_put_str(obj, key, ascii) : ERR_NOMEM;
    free(ascii);
    return rc;
}

int
js_put_int(struct json_t *obj, const char *key, int64_t value)
{
    return js_put_take(obj, key, json_integer(value));
}

int
js_put_bool(struct json_t *obj, const char *key, bool value)
{
    return js_put_take(obj, key, json_boolean(value));
}

int
js_put_null(struct json_t *obj, const char *key)
{
    return js_put_take(obj, key, json_null());
}

int
js_put_strs(struct json_t *obj, const char *key, const struct strlist *l)
{
    json_t *array = json_array();
    int rc = 0;
    for (size_t i = 0; i < l->n; i++)
        rc |= js_add_take(array, json_string(l->v[i]));
    return js_put_take(obj, key, array) | rc;
}

int
js_put_props(struct json_t *obj, const char *key, const struct props *p)
{
    json_t *to = json_object();
    int rc = 0;
    for (size_t i = 0; i < p->n; i++)
        rc |= js_put_str(to, p->v[i].key, p->v[i].value);
    return js_put_take(obj, key, to) | rc;
}

struct place {
    char path[160];
};

static struct place
place_of(const char *path, const char *key)
{
    struct place at;
    (void)snprintf(at.path, sizeof(at.path), "%s%s%s", path,
                   *path && *key ? "." : "", key);
    return at;
}

static int
wrong_type(const struct json_t *v, const char *path, const char *key,
           const char *wanted, struct err *err)
{
    const struct place at = place_of(path, key);
    char *text = v ? js_dump(v) : NULL;
    const int rc = err_field(
        err, ERR_INVALID, at.path, text, "%s must be %s, not %.100s",
        *at.path ? at.path : "the document", wanted, text ? text : "absent");
    free(text);
    return rc;
}

/* *v is NULL when an optional field is absent. */
static int
member(const struct json_t *obj, const char *path, const char *key,
       enum js_need need, json_t **v, struct err *err)
{
    if (!json_is_object(obj))
        return wrong_type(obj, path, "", "an object", err);
    *v = json_object_get(obj, key);
    if (json_is_null(*v))
        *v = NULL;
    if (*v || need == JS_OPTIONAL)
        return 0;
    const struct place at = place_of(path, key);
    return err_field(err, ERR_INVALID, at.path, NULL, "%s is missing", at.path);
}

int
js_expect_object(const struct json_t *v, const char *path, struct err *err)
{
    return json_is_object(v) ? 0 : wrong_type(v, path, "", "an object", err);
}

int
js_get_str(const struct json_t *obj, const char *path, const char *key,
           enum js_need need, const char **out, struct err *err)
{
    json_t *v;
    const int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_string(v))
        return wrong_type(v, path, key, "a string", err);
    if (strlen(json_string_value(v)) != json_string_length(v))
        return wrong_type(v, path, key, "a string without NUL", err);
    *out = json_string_value(v);
    return 0;
}

int
js_get_str_dup(const struct json_t *obj, const char *path, const char *key,
               enum js_need need, char **out, struct err *err)
{
    const char *s = NULL;
    const int rc = js_get_str(obj, path, key, need, &s, err);
    if (rc || !s)
        return rc;
    char *copy = strdup(s);
    if (!copy)
        return err_nomem(err);
    free(*out);
    *out = copy;
    return 0;
}

int
js_get_int(const struct json_t *obj, const char *path, const char *key,
           enum js_need need, int64_t min, int64_t max, int64_t *out,
           struct err *err)
{
    json_t *v;
    const int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_integer(v) || json_integer_value(v) < min ||
        json_integer_value(v) > max) {
        char wanted[80];
        (void)snprintf(wanted, sizeof(wanted),
                       "a whole number from %lld to %lld", (long long)min,
                       (long long)max);
        return wrong_type(v, path, key, wanted, err);
    }
    *out = json_integer_value(v);
    return 0;
}

int
js_get_bool(const struct json_t *obj, const char *path, const char *key,
            enum js_need need, bool *out, struct err *err)
{
    json_t *v;
    const int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_boolean(v))
        return wrong_type(v, path, key, "true or false", err);
    *out = json_is_true(v);
    return 0;
}

static int
add_str(const json_t *v, const char *path, const char *key, struct strlist *out,
        struct err *err)
{
    if (!json_is_string(v) ||
        strlen(json_string_value(v)) != json_string_length(v))
        return wrong_type(v, path, key, "a string or a list of strings", err);
    return strlist_add(out, json_string_value(v)) == 0 ? 0 : err_nomem(err);
}

int
js_get_strs(const struct json_t *obj, const char *path, const char *key,
            enum js_need need, struct strlist *out, struct err *err)
{
    json_t *v;
    int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_array(v))
        return add_str(v, path, key, out, err);
    for (size_t i = 0; i < json_array_size(v) && rc == 0; i++) {
        char item[80];
        (void)snprintf(item, sizeof(item), "%s[%zu]", key, i);
        rc = add_str(json_array_get(v, i), path, item, out, err);
    }
    return rc;
}

static int
add_prop(const char *key, const json_t *v, const char *path, struct props *out,
         struct err *err)
{
    char *text = NULL;
    const char *value = json_string_value(v);
    if (!value && (json_is_number(v) || json_is_boolean(v)))
        value = text = js_dump(v);
    int rc;
    if (!value)
        rc = wrong_type(v, path, key, "a string", err);
    else
        rc = props_set(out, key, value) == 0 ? 0 : err_nomem(err);
    free(text);
    return rc;
}

int
js_get_props(const struct json_t *obj, const char *path, const char *key,
             enum js_need need, struct props *out, struct err *err)
{
    struct json_t *v = NULL;
    int rc = js_get_object(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    const struct place at = place_of(path, key);
    if (json_object_size(v) > JS_PROPS_MAX)
        return err_field(err, ERR_LIMIT, at.path, NULL,
                         "%s has %zu entries; %d are allowed", at.path,
                         json_object_size(v), JS_PROPS_MAX);
    const char *name;
    json_t *value;
    json_object_foreach(v, name, value)
    {
        rc = add_prop(name, value, at.path, out, err);
        if (rc)
            break;
    }
    return rc;
}

int
js_get_object(const struct json_t *obj, const char *path, const char *key,
              enum js_need need, struct json_t **out, struct err *err)
{
    json_t *v;
    const int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_object(v))
        return wrong_type(v, path, key, "an object", err);
    *out = v;
    return 0;
}

int
js_get_array(const struct json_t *obj, const char *path, const char *key,
             enum js_need need, struct json_t **out, struct err *err)
{
    json_t *v;
    const int rc = member(obj, path, key, need, &v, err);
    if (rc || !v)
        return rc;
    if (!json_is_array(v))
        return wrong_type(v, path, key, "a list", err);
    *out = v;
    return 0;
}

int
js_only_keys(const struct json_t *obj, const char *path,
             const char *const *keys, struct err *err)
{
    const int rc = js_expect_object(obj, path, err);
    if (rc)
        return rc;
    json_t *walked = (json_t *)(uintptr_t)obj; /* only read */
    const char *name;
    json_t *value;
    json_object_foreach(walked, name, value)
    {
        const char *const *k = keys;
        while (*k && strcmp(*k, name) != 0)
            k++;
        if (*k)
            continue;
        const struct place at = place_of(path, name);
        char *text = js_dump(value);
        const int bad = err_field(err, ERR_INVALID, at.path, text,
                                  "%s is not a known property", at.path);
        free(text);
        return bad;
    }
    return 0;
}

size_t
js_len(const struct json_t *array)
{
    return json_array_size(array);
}

struct json_t *
js_at(const struct json_t *array, size_t i)
{
    return json_array_get(array, i);
}

struct json_t *
js_any(const struct json_t *obj, const char *key)
{
    return json_object_get(obj, key);
}

const char *
js_str(const struct json_t *v)
{
    return json_string_value(v);
}

int
js_each(const struct json_t *obj,
        int (*fn)(const char *key, struct json_t *value, void *arg), void *arg)
{
    json_t *walked = (json_t *)(uintptr_t)obj; /* only read */
    const char *name;
    json_t *value;
    json_object_foreach(walked, name, value)
    {
        const int rc = fn(name, value, arg);
        if (rc)
            return rc;
    }
    return 0;
}
