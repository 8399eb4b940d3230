/*
 * Questions are decoded strictly: an unknown property is refused, one that a
 * later version will know gets UNSUPPORTED.  Answers come from a server that
 * may be newer: properties that are not known are skipped, but those that are
 * must hold together, because positions are sought to without another look.
 */
#include "common/proto/offset.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"

#define POSITIONS_MAX 10000

struct place {
    char path[40];
};

static struct place
place_of(size_t i)
{
    struct place at;
    (void)snprintf(at.path, sizeof(at.path), "positions[%zu]", i);
    return at;
}

const char *
po_quality_text(enum po_quality q)
{
    static const char *const texts[] = {
#define X(name, text) [PO_##name] = text,
        PO_QUALITY_MAP(X)
#undef X
    };
    return (size_t)q < sizeof(texts) / sizeof(texts[0]) ? texts[q] : "?";
}

static int
quality_of(const char *text, const char *path, enum po_quality *out,
           struct err *err)
{
#define X(name, known)                                                         \
    if (strcmp(text, known) == 0) {                                            \
        *out = PO_##name;                                                      \
        return 0;                                                              \
    }
    PO_QUALITY_MAP(X)
#undef X
    return err_field(err, ERR_INVALID, path, text,
                     "%s.quality: \"%s\" is no known quality", path, text);
}

static int
refuse_later(const struct json_t *obj, const char *path, const char *key,
             struct err *err)
{
    if (!js_any(obj, key))
        return 0;
    char field[80];
    (void)snprintf(field, sizeof(field), "%s%s%s", path, *path ? "." : "", key);
    return err_field(err, ERR_UNSUPPORTED, field, NULL,
                     "%s is not supported by this version of the offset "
                     "mapper; leave it out",
                     field);
}

static int
get_name(const struct json_t *obj, const char *path, const char *key,
         char **out, struct err *err)
{
    const int rc = js_get_str_dup(obj, path, key, JS_REQUIRED, out, err);
    if (rc || **out)
        return rc;
    char field[80];
    (void)snprintf(field, sizeof(field), "%s%s%s", path, *path ? "." : "", key);
    return err_field(err, ERR_INVALID, field, "", "%s must not be empty",
                     field);
}

static int
position_fields(const struct json_t *j, const char *path,
                struct po_position *out, struct err *err)
{
    int rc = js_expect_object(j, path, err);
    if (rc == 0)
        rc = get_name(j, path, "topic", &out->topic, err);
    int64_t partition = 0;
    if (rc == 0)
        rc = js_get_int(j, path, "partition", JS_REQUIRED, 0, INT32_MAX,
                        &partition, err);
    out->partition = (int32_t)partition;
    if (rc == 0)
        rc = js_get_int(j, path, "offset", JS_REQUIRED, 0, INT64_MAX,
                        &out->offset, err);
    return rc;
}

static int
position_decode(const struct json_t *j, size_t i, struct po_position *out,
                struct err *err)
{
    static const char *const keys[] = {"topic", "partition", "offset", NULL};
    const struct place at = place_of(i);
    int rc = refuse_later(j, at.path, "fingerprint", err);
    if (rc == 0)
        rc = js_only_keys(j, at.path, keys, err);
    return rc ? rc : position_fields(j, at.path, out, err);
}

static int
get_positions(const struct json_t *j, struct json_t **array, struct err *err)
{
    const int rc = js_get_array(j, "", "positions", JS_REQUIRED, array, err);
    if (rc)
        return rc;
    if (js_len(*array) <= POSITIONS_MAX)
        return 0;
    char count[24];
    (void)snprintf(count, sizeof(count), "%zu", js_len(*array));
    return err_field(err, ERR_LIMIT, "positions", count,
                     "positions has %s entries; %d are allowed at a time",
                     count, POSITIONS_MAX);
}

static int
question_positions(const struct json_t *j, struct po_question *out,
                   struct err *err)
{
    struct json_t *array;
    int rc = get_positions(j, &array, err);
    if (rc || js_len(array) == 0)
        return rc;
    out->positions = calloc(js_len(array), sizeof(*out->positions));
    if (!out->positions)
        return err_nomem(err);
    for (; out->n < js_len(array) && rc == 0; out->n++)
        rc = position_decode(js_at(array, out->n), out->n,
                             &out->positions[out->n], err);
    return rc;
}

static int
question_decode(const struct json_t *j, struct po_question *out,
                struct err *err)
{
    static const char *const keys[] = {"from", "to", "positions", NULL};
    int rc = js_expect_object(j, "", err);
    if (rc == 0)
        rc = refuse_later(j, "", "wait_ms", err);
    if (rc == 0)
        rc = refuse_later(j, "", "explain", err);
    if (rc == 0)
        rc = js_only_keys(j, "", keys, err);
    if (rc == 0)
        rc = get_name(j, "", "from", &out->from, err);
    if (rc == 0)
        rc = get_name(j, "", "to", &out->to, err);
    return rc ? rc : question_positions(j, out, err);
}

int
po_question_decode(const struct json_t *j, struct po_question *out,
                   struct err *err)
{
    memset(out, 0, sizeof(*out));
    const int rc = question_decode(j, out, err);
    if (rc)
        po_question_fini(out);
    return rc;
}

static int
put_position(struct json_t *to, const struct po_position *p)
{
    return js_put_str(to, "topic", p->topic) |
           js_put_int(to, "partition", p->partition) |
           js_put_int(to, "offset", p->offset);
}

static struct json_t *
unless_failed(struct json_t *v, int rc)
{
    if (rc == 0)
        return v;
    js_free(v);
    return NULL;
}

static struct json_t *
position_encode(const struct po_position *p)
{
    struct json_t *v = js_object();
    return unless_failed(v, put_position(v, p));
}

struct json_t *
po_question_encode(const struct po_question *q)
{
    struct json_t *positions = js_array();
    int rc = 0;
    for (size_t i = 0; i < q->n; i++)
        rc |= js_add_take(positions, position_encode(&q->positions[i]));
    struct json_t *v = js_object();
    rc |= js_put_str(v, "from", q->from) | js_put_str(v, "to", q->to) |
          js_put_take(v, "positions", positions);
    return unless_failed(v, rc);
}

void
po_question_fini(struct po_question *q)
{
    for (size_t i = 0; i < q->n; i++)
        free(q->positions[i].topic);
    free(q->positions);
    free(q->from);
    free(q->to);
    memset(q, 0, sizeof(*q));
}

/* What PROTOCOL.md promises of each quality. */
static bool
holds_together(const struct po_translated *t)
{
    if (t->quality == PO_NONE)
        return !t->topic && t->position == -1;
    if (!t->topic || !*t->topic || t->low < 0 || t->position < t->low)
        return false;
    if (t->quality == PO_EXACT)
        return t->position == t->low && t->low == t->high;
    return t->high == -1 || t->position <= t->high;
}

static int
translated_fields(const struct json_t *j, const char *path,
                  struct po_translated *out, struct err *err)
{
    const char *quality = NULL;
    int rc = position_fields(j, path, &out->asked, err);
    if (rc == 0)
        rc = js_get_str(j, path, "quality", JS_REQUIRED, &quality, err);
    if (rc == 0)
        rc = quality_of(quality, path, &out->quality, err);
    if (rc == 0)
        rc = js_get_str_dup(j, path, "to_topic", JS_OPTIONAL, &out->topic, err);
    if (rc == 0)
        rc = js_get_int(j, path, "position", JS_REQUIRED, -1, INT64_MAX,
                        &out->position, err);
    if (rc == 0)
        rc = js_get_int(j, path, "low", JS_REQUIRED, -1, INT64_MAX, &out->low,
                        err);
    if (rc == 0)
        rc = js_get_int(j, path, "high", JS_REQUIRED, -1, INT64_MAX, &out->high,
                        err);
    if (rc == 0)
        rc = js_get_str_dup(j, path, "reason", JS_REQUIRED, &out->reason, err);
    return rc;
}

static int
translated_decode(const struct json_t *j, size_t i, struct po_translated *out,
                  struct err *err)
{
    const struct place at = place_of(i);
    const int rc = translated_fields(j, at.path, out, err);
    if (rc || holds_together(out))
        return rc;
    return err_field(err, ERR_INVALID, at.path, NULL,
                     "%s contradicts itself: quality %s, position %lld, low "
                     "%lld, high %lld",
                     at.path, po_quality_text(out->quality),
                     (long long)out->position, (long long)out->low,
                     (long long)out->high);
}

static int
translation_decode(const struct json_t *j, struct po_translation *out,
                   struct err *err)
{
    struct json_t *array;
    int rc = js_expect_object(j, "", err);
    if (rc == 0)
        rc = get_positions(j, &array, err);
    if (rc || js_len(array) == 0)
        return rc;
    out->v = calloc(js_len(array), sizeof(*out->v));
    if (!out->v)
        return err_nomem(err);
    for (; out->n < js_len(array) && rc == 0; out->n++)
        rc = translated_decode(js_at(array, out->n), out->n, &out->v[out->n],
                               err);
    return rc;
}

int
po_translation_decode(const struct json_t *j, struct po_translation *out,
                      struct err *err)
{
    memset(out, 0, sizeof(*out));
    const int rc = translation_decode(j, out, err);
    if (rc)
        po_translation_fini(out);
    return rc;
}

static struct json_t *
translated_encode(const struct po_translated *t)
{
    struct json_t *v = js_object();
    const int rc = put_position(v, &t->asked) |
                   js_put_str(v, "quality", po_quality_text(t->quality)) |
                   js_put_str(v, "to_topic", t->topic) |
                   js_put_int(v, "position", t->position) |
                   js_put_int(v, "low", t->low) |
                   js_put_int(v, "high", t->high) |
                   js_put_str(v, "reason", t->reason ? t->reason : "");
    return unless_failed(v, rc);
}

struct json_t *
po_translation_encode(const struct po_translation *t)
{
    struct json_t *positions = js_array();
    int rc = 0;
    for (size_t i = 0; i < t->n; i++)
        rc |= js_add_take(positions, translated_encode(&t->v[i]));
    struct json_t *v = js_object();
    return unless_failed(v, rc | js_put_take(v, "positions", positions));
}

void
po_translation_fini(struct po_translation *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].asked.topic);
        free(t->v[i].topic);
        free(t->v[i].reason);
    }
    free(t->v);
    memset(t, 0, sizeof(*t));
}
