/*
 * Answers.  They come from a server that may be newer: properties that are not
 * known are skipped, but those that are must hold together, because positions
 * are sought to without another look.  They are written straight into a
 * buffer: a batch has 10,000 of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/proto/offset.h"
#include "common/proto/offset_parts.h"

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

/* ---- reading ---------------------------------------------------------- */

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

/* What an older server does not send is unknown. */
static int
known_about(const struct json_t *j, const char *path, struct po_translated *out,
            struct err *err)
{
    out->incarnation = out->sync_age_ms = out->lag = -1;
    int rc = js_get_bool(j, path, "verified", JS_OPTIONAL, &out->verified, err);
    if (rc == 0)
        rc = js_get_int(j, path, "incarnation", JS_OPTIONAL, 0, INT64_MAX,
                        &out->incarnation, err);
    if (rc == 0)
        rc = js_get_int(j, path, "sync_age_ms", JS_OPTIONAL, 0, INT64_MAX,
                        &out->sync_age_ms, err);
    if (rc == 0)
        rc = js_get_int(j, path, "lag", JS_OPTIONAL, 0, INT64_MAX, &out->lag,
                        err);
    if (rc == 0)
        rc = js_get_int(j, path, "coming", JS_OPTIONAL, 0, INT64_MAX,
                        &out->coming, err);
    return rc;
}

static int
asked_fields(const struct json_t *j, const char *path, struct po_position *out,
             struct err *err)
{
    int rc = js_expect_object(j, path, err);
    if (rc == 0)
        rc = po_position_names(j, path, out, err);
    out->by_time = rc == 0 && js_any(j, "timestamp");
    if (rc == 0)
        rc = js_get_int(j, path, "offset", JS_REQUIRED, out->by_time ? -1 : 0,
                        INT64_MAX, &out->offset, err);
    if (rc == 0)
        rc = js_get_int(j, path, "timestamp", JS_OPTIONAL, 0, INT64_MAX,
                        &out->timestamp_ms, err);
    return rc;
}

static int
place_fields(const struct json_t *j, const char *path,
             struct po_translated *out, struct err *err)
{
    int rc = js_get_str_dup(j, path, "to_topic", JS_OPTIONAL, &out->topic, err);
    if (rc == 0)
        rc = js_get_int(j, path, "position", JS_REQUIRED, -1, INT64_MAX,
                        &out->position, err);
    if (rc == 0)
        rc = js_get_int(j, path, "low", JS_REQUIRED, -1, INT64_MAX, &out->low,
                        err);
    if (rc == 0)
        rc = js_get_int(j, path, "high", JS_REQUIRED, -1, INT64_MAX, &out->high,
                        err);
    return rc;
}

static int
translated_fields(const struct json_t *j, const char *path,
                  struct po_translated *out, struct err *err)
{
    const char *quality = NULL;
    int rc = asked_fields(j, path, &out->asked, err);
    if (rc == 0)
        rc = js_get_str(j, path, "quality", JS_REQUIRED, &quality, err);
    if (rc == 0)
        rc = quality_of(quality, path, &out->quality, err);
    if (rc == 0)
        rc = place_fields(j, path, out, err);
    if (rc == 0)
        rc = js_get_str_dup(j, path, "reason", JS_REQUIRED, &out->reason, err);
    return rc ? rc : known_about(j, path, out, err);
}

static int
translated_decode(const struct json_t *j, size_t i, struct po_translated *out,
                  struct err *err)
{
    const struct po_place at = po_place_of(i);
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
        rc = po_get_positions(j, &array, err);
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

/* ---- writing ---------------------------------------------------------- */

static void
write_int(struct buf *b, const char *key, int64_t n)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (n < 0)
        *--at = '-';
    buf_puts(b, key);
    buf_append(b, at, (size_t)(digits + sizeof(digits) - at));
}

/* -1 is null. */
static void
write_known(struct buf *b, const char *key, int64_t n)
{
    if (n >= 0) {
        write_int(b, key, n);
        return;
    }
    buf_puts(b, key);
    buf_puts(b, "null");
}

static void
write_str(struct buf *b, const char *key, const char *text)
{
    buf_puts(b, key);
    js_write_str(b, text);
}

static void
write_place(struct buf *b, enum po_quality quality, const char *topic,
            int64_t position, int64_t low, int64_t high)
{
    buf_puts(b, ",\"quality\":\"");
    buf_puts(b, po_quality_text(quality));
    write_str(b, "\",\"to_topic\":", topic);
    write_int(b, ",\"position\":", position);
    write_int(b, ",\"low\":", low);
    write_int(b, ",\"high\":", high);
}

static void
write_hop(struct buf *b, const struct po_hop *h)
{
    write_str(b, "{\"flow\":", h->flow);
    buf_puts(b, h->reverse ? ",\"reverse\":true" : ",\"reverse\":false");
    write_place(b, h->quality, h->topic, h->position, h->low, h->high);
    write_known(b, ",\"incarnation\":", h->incarnation);
    write_known(b, ",\"sync_age_ms\":", h->sync_age_ms);
    buf_puts(b, ",\"runs\":[");
    for (size_t i = 0; i < h->n_runs; i++) {
        write_int(b, i ? ",{\"up\":" : "{\"up\":", h->runs[i].up);
        write_int(b, ",\"down\":", h->runs[i].down);
        write_int(b, ",\"length\":", h->runs[i].length);
        buf_puts(b, "}");
    }
    write_str(b, "],\"reason\":", h->reason ? h->reason : "");
    buf_puts(b, "}");
}

static void
write_path(struct buf *b, const struct po_translated *t)
{
    buf_puts(b, ",\"path\":[");
    for (size_t i = 0; i < t->n_path; i++) {
        buf_puts(b, i ? "," : "");
        write_hop(b, &t->path[i]);
    }
    buf_puts(b, "]");
}

static void
write_translated(struct buf *b, const struct po_translated *t)
{
    write_str(b, "{\"topic\":", t->asked.topic);
    write_int(b, ",\"partition\":", t->asked.partition);
    write_int(b, ",\"offset\":", t->asked.offset);
    if (t->asked.by_time)
        write_int(b, ",\"timestamp\":", t->asked.timestamp_ms);
    write_place(b, t->quality, t->topic, t->position, t->low, t->high);
    write_str(b, ",\"reason\":", t->reason ? t->reason : "");
    buf_puts(b, t->verified ? ",\"verified\":true" : ",\"verified\":false");
    write_known(b, ",\"incarnation\":", t->incarnation);
    write_known(b, ",\"sync_age_ms\":", t->sync_age_ms);
    write_known(b, ",\"lag\":", t->lag);
    if (t->coming)
        write_int(b, ",\"coming\":", t->coming);
    if (t->path)
        write_path(b, t);
    buf_puts(b, "}");
}

void
po_translation_write(struct buf *b, const struct po_translation *t)
{
    buf_puts(b, "{\"positions\":[");
    for (size_t i = 0; i < t->n; i++) {
        buf_puts(b, i ? "," : "");
        write_translated(b, &t->v[i]);
    }
    buf_puts(b, "]}");
}

void
po_translated_fini(struct po_translated *t)
{
    for (size_t i = 0; i < t->n_path; i++) {
        free(t->path[i].flow);
        free(t->path[i].topic);
        free(t->path[i].reason);
    }
    free(t->path);
    po_position_fini(&t->asked);
    free(t->topic);
    free(t->reason);
    memset(t, 0, sizeof(*t));
}

void
po_translation_fini(struct po_translation *t)
{
    for (size_t i = 0; i < t->n; i++)
        po_translated_fini(&t->v[i]);
    free(t->v);
    memset(t, 0, sizeof(*t));
}
