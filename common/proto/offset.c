/*
 * Questions.  They are decoded strictly: what is not known is refused, with
 * the field and the value.
 */
#include "common/proto/offset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/proto/offset_parts.h"

struct po_place
po_place_of(size_t i)
{
    struct po_place at;
    (void)snprintf(at.path, sizeof(at.path), "positions[%zu]", i);
    return at;
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

int
po_position_names(const struct json_t *j, const char *path,
                  struct po_position *out, struct err *err)
{
    int64_t partition = 0;
    int rc = get_name(j, path, "topic", &out->topic, err);
    if (rc == 0)
        rc = js_get_int(j, path, "partition", JS_REQUIRED, 0, INT32_MAX,
                        &partition, err);
    out->partition = (int32_t)partition;
    return rc;
}

/* Either an offset, or a time and no fingerprints. */
static int
position_place(const struct json_t *j, const char *path,
               struct po_position *out, struct err *err)
{
    out->by_time = js_any(j, "timestamp") != NULL;
    if (!out->by_time)
        return js_get_int(j, path, "offset", JS_REQUIRED, 0, INT64_MAX,
                          &out->offset, err);
    out->offset = -1;
    const char *const other = js_any(j, "offset")         ? "offset"
                              : js_any(j, "fingerprints") ? "fingerprints"
                                                          : NULL;
    if (!other)
        return js_get_int(j, path, "timestamp", JS_REQUIRED, 0, INT64_MAX,
                          &out->timestamp_ms, err);
    char field[80];
    (void)snprintf(field, sizeof(field), "%s.%s", path, other);
    return err_field(err, ERR_INVALID, field, NULL,
                     "%s cannot stand beside a timestamp: ask by one of them",
                     field);
}

/* They are of records that have been processed; decoding saw to their order. */
static int
prints_before(const struct po_position *p, const char *path, struct err *err)
{
    if (p->n_prints == 0 || p->prints[p->n_prints - 1].offset < p->offset)
        return 0;
    char field[96], value[24];
    (void)snprintf(field, sizeof(field), "%s.fingerprints[%zu].offset", path,
                   p->n_prints - 1);
    (void)snprintf(value, sizeof(value), "%lld",
                   (long long)p->prints[p->n_prints - 1].offset);
    return err_field(err, ERR_INVALID, field, value,
                     "%s is %s, but must be below %s.offset, %lld", field,
                     value, path, (long long)p->offset);
}

static int
position_decode(const struct json_t *j, size_t i, struct po_position *out,
                struct err *err)
{
    static const char *const keys[] = {"topic",     "partition",    "offset",
                                       "timestamp", "fingerprints", NULL};
    const struct po_place at = po_place_of(i);
    int rc = js_only_keys(j, at.path, keys, err);
    if (rc == 0)
        rc = po_position_names(j, at.path, out, err);
    if (rc == 0)
        rc = position_place(j, at.path, out, err);
    if (rc == 0)
        rc = po_prints_decode(j, at.path, "fingerprints", &out->prints,
                              &out->n_prints, err);
    return rc ? rc : prints_before(out, at.path, err);
}

int
po_get_positions(const struct json_t *j, struct json_t **array, struct err *err)
{
    const int rc = js_get_array(j, "", "positions", JS_REQUIRED, array, err);
    if (rc)
        return rc;
    if (js_len(*array) <= PO_POSITIONS_MAX)
        return 0;
    char count[24];
    (void)snprintf(count, sizeof(count), "%zu", js_len(*array));
    return err_field(err, ERR_LIMIT, "positions", count,
                     "positions has %s entries; %d are allowed at a time",
                     count, PO_POSITIONS_MAX);
}

static int
question_positions(const struct json_t *j, struct po_question *out,
                   struct err *err)
{
    struct json_t *array;
    int rc = po_get_positions(j, &array, err);
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

/* Positions, or a group that has them. */
static int
question_subject(const struct json_t *j, struct po_question *out,
                 struct err *err)
{
    if (!js_any(j, "group"))
        return question_positions(j, out, err);
    if (js_any(j, "positions"))
        return err_field(err, ERR_INVALID, "group", js_str(js_any(j, "group")),
                         "group cannot stand beside positions: ask by one of "
                         "them");
    return get_name(j, "", "group", &out->group, err);
}

static int
question_decode(const struct json_t *j, struct po_question *out,
                struct err *err)
{
    static const char *const keys[] = {"from",   "to",      "positions",
                                       "group",  "wait_ms", "explain",
                                       "verify", NULL};
    int rc = js_only_keys(j, "", keys, err);
    if (rc == 0)
        rc = get_name(j, "", "from", &out->from, err);
    if (rc == 0)
        rc = get_name(j, "", "to", &out->to, err);
    if (rc == 0)
        rc = js_get_int(j, "", "wait_ms", JS_OPTIONAL, 0, PO_WAIT_MAX_MS,
                        &out->wait_ms, err);
    if (rc == 0)
        rc = js_get_bool(j, "", "explain", JS_OPTIONAL, &out->explain, err);
    if (rc == 0)
        rc = js_get_bool(j, "", "verify", JS_OPTIONAL, &out->verify, err);
    return rc ? rc : question_subject(j, out, err);
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
    int rc = js_put_str(v, "topic", p->topic) |
             js_put_int(v, "partition", p->partition);
    if (p->by_time)
        rc |= js_put_int(v, "timestamp", p->timestamp_ms);
    else
        rc |= js_put_int(v, "offset", p->offset);
    if (p->n_prints)
        rc |= js_put_take(v, "fingerprints",
                          po_prints_encode(p->prints, p->n_prints));
    return unless_failed(v, rc);
}

static int
put_subject(struct json_t *v, const struct po_question *q)
{
    if (q->group)
        return js_put_str(v, "group", q->group);
    struct json_t *positions = js_array();
    int rc = 0;
    for (size_t i = 0; i < q->n; i++)
        rc |= js_add_take(positions, position_encode(&q->positions[i]));
    return js_put_take(v, "positions", positions) | rc;
}

struct json_t *
po_question_encode(const struct po_question *q)
{
    struct json_t *v = js_object();
    int rc = js_put_str(v, "from", q->from) | js_put_str(v, "to", q->to) |
             put_subject(v, q);
    if (q->wait_ms)
        rc |= js_put_int(v, "wait_ms", q->wait_ms);
    if (q->explain)
        rc |= js_put_bool(v, "explain", true);
    if (q->verify)
        rc |= js_put_bool(v, "verify", true);
    return unless_failed(v, rc);
}

void
po_position_fini(struct po_position *p)
{
    free(p->topic);
    free(p->prints);
    memset(p, 0, sizeof(*p));
}

void
po_question_fini(struct po_question *q)
{
    for (size_t i = 0; i < q->n; i++)
        po_position_fini(&q->positions[i]);
    free(q->positions);
    free(q->group);
    free(q->from);
    free(q->to);
    memset(q, 0, sizeof(*q));
}
