/* XXH3 is compiled in, so that nobody who links this needs the library. */
#include "common/proto/fingerprint.h"

#define XXH_INLINE_ALL
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/js.h"

#define HASH_DIGITS 16

void
po_print_make(struct po_print *out, int64_t offset, int64_t timestamp_ms,
              const void *key, size_t key_len, const void *value,
              size_t value_len)
{
    *out = (struct po_print){
        .offset = offset,
        .timestamp_ms = timestamp_ms < 0 ? -1 : timestamp_ms,
        .has_key = key != NULL,
        .has_value = value != NULL,
    };
    if (key) {
        out->key = XXH3_64bits(key, key_len);
        out->length += (int64_t)key_len;
    }
    if (value) {
        out->value = XXH3_64bits(value, value_len);
        out->length += (int64_t)value_len;
    }
}

bool
po_print_timed(const struct po_print *seen, const struct po_print *wanted)
{
    return seen->timestamp_ms >= 0 && !seen->append_time &&
           wanted->timestamp_ms >= 0;
}

bool
po_print_same(const struct po_print *seen, const struct po_print *wanted)
{
    return (!po_print_timed(seen, wanted) ||
            seen->timestamp_ms == wanted->timestamp_ms) &&
           seen->length == wanted->length && seen->has_key == wanted->has_key &&
           seen->has_value == wanted->has_value && seen->key == wanted->key &&
           seen->value == wanted->value;
}

static bool
hash_of(const char *text, uint64_t *out)
{
    if (strlen(text) != HASH_DIGITS ||
        strspn(text, "0123456789abcdefABCDEF") != HASH_DIGITS)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

/* A hash, or null; a member that is not there is an error, because "no key"
 * and "I did not say" are different things. */
static int
get_hash(const struct json_t *j, const char *path, const char *key, bool *has,
         uint64_t *out, struct err *err)
{
    char field[160];
    (void)snprintf(field, sizeof(field), "%s%s%s", path, *path ? "." : "", key);
    if (!js_any(j, key))
        return err_field(err, ERR_INVALID, field, NULL,
                         "%s is missing: 16 hexadecimal digits, or null for a "
                         "record without one",
                         field);
    const char *text = NULL;
    const int rc = js_get_str(j, path, key, JS_OPTIONAL, &text, err);
    if (rc || !text)
        return rc;
    *has = true;
    if (hash_of(text, out))
        return 0;
    return err_field(err, ERR_INVALID, field, text,
                     "%s: \"%.40s\" is not 16 hexadecimal digits", field, text);
}

int
po_print_decode(const struct json_t *j, const char *path, struct po_print *out,
                struct err *err)
{
    static const char *const keys[] = {"offset", "timestamp", "key",
                                       "value",  "length",    NULL};
    *out = (struct po_print){0};
    int rc = js_expect_object(j, path, err);
    if (rc == 0)
        rc = js_only_keys(j, path, keys, err);
    if (rc == 0)
        rc = js_get_int(j, path, "offset", JS_REQUIRED, 0, INT64_MAX,
                        &out->offset, err);
    if (rc == 0)
        rc = js_get_int(j, path, "timestamp", JS_REQUIRED, -1, INT64_MAX,
                        &out->timestamp_ms, err);
    if (rc == 0)
        rc = get_hash(j, path, "key", &out->has_key, &out->key, err);
    if (rc == 0)
        rc = get_hash(j, path, "value", &out->has_value, &out->value, err);
    if (rc == 0)
        rc = js_get_int(j, path, "length", JS_REQUIRED, 0, INT64_MAX,
                        &out->length, err);
    return rc;
}

static int
put_hash(struct json_t *to, const char *key, bool has, uint64_t hash)
{
    if (!has)
        return js_put_null(to, key);
    char text[HASH_DIGITS + 1];
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    return js_put_str(to, key, text);
}

struct json_t *
po_print_encode(const struct po_print *p)
{
    struct json_t *v = js_object();
    const int rc = js_put_int(v, "offset", p->offset) |
                   js_put_int(v, "timestamp", p->timestamp_ms) |
                   put_hash(v, "key", p->has_key, p->key) |
                   put_hash(v, "value", p->has_value, p->value) |
                   js_put_int(v, "length", p->length);
    if (rc == 0)
        return v;
    js_free(v);
    return NULL;
}

static int
decode_all(const struct json_t *array, const char *field, struct po_print *v,
           struct err *err)
{
    for (size_t i = 0; i < js_len(array); i++) {
        char path[160];
        (void)snprintf(path, sizeof(path), "%s[%zu]", field, i);
        const int rc = po_print_decode(js_at(array, i), path, &v[i], err);
        if (rc)
            return rc;
        if (i > 0 && v[i].offset <= v[i - 1].offset)
            return err_field(err, ERR_INVALID, path, NULL,
                             "%s: offset %lld after %lld: the oldest record "
                             "comes first",
                             path, (long long)v[i].offset,
                             (long long)v[i - 1].offset);
    }
    return 0;
}

int
po_prints_decode(const struct json_t *obj, const char *path, const char *key,
                 struct po_print **out, size_t *n, struct err *err)
{
    *out = NULL;
    *n = 0;
    struct json_t *array = NULL;
    int rc = js_get_array(obj, path, key, JS_OPTIONAL, &array, err);
    if (rc || js_len(array) == 0)
        return rc;
    char field[128];
    (void)snprintf(field, sizeof(field), "%s%s%s", path, *path ? "." : "", key);
    if (js_len(array) > PO_PRINTS_MAX)
        return err_field(err, ERR_LIMIT, field, NULL,
                         "%s has %zu entries; %d are allowed", field,
                         js_len(array), PO_PRINTS_MAX);
    struct po_print *v = calloc(js_len(array), sizeof(*v));
    if (!v)
        return err_nomem(err);
    rc = decode_all(array, field, v, err);
    if (rc) {
        free(v);
        return rc;
    }
    *out = v;
    *n = js_len(array);
    return 0;
}

struct json_t *
po_prints_encode(const struct po_print *v, size_t n)
{
    struct json_t *array = js_array();
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        rc |= js_add_take(array, po_print_encode(&v[i]));
    if (rc == 0)
        return array;
    js_free(array);
    return NULL;
}
