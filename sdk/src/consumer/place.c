/* Owns nothing and knows no thread: every function works on its arguments. */
#include "sdk/src/consumer/place.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "sdk/src/consumer/handover.h"

void
place_fini(struct place *p)
{
    free(p->cluster);
    free(p->logical);
    free(p->origin);
    free(p->prints);
    *p = (struct place){0};
}

/* An object of ours; NULL: it is not. The caller's. */
static struct json_t *
ours(const void *metadata, size_t len)
{
    struct json_t *j = NULL;
    int64_t version = 0;
    if (!metadata || len == 0 || js_parse(metadata, len, &j, NULL) != 0)
        return NULL;
    if (js_expect_object(j, "", NULL) == 0 &&
        js_get_int(j, "", "shunt", JS_REQUIRED, 1, 1, &version, NULL) == 0)
        return j;
    js_free(j);
    return NULL;
}

bool
place_of(const rd_kafka_topic_partition_t *t, struct place *out)
{
    struct json_t *j = ours(t->metadata, t->metadata_size);
    *out = (struct place){0};
    if (!j)
        return false;
    const bool is =
        js_get_str_dup(j, "", "cluster", JS_REQUIRED, &out->cluster, NULL) ==
            0 &&
        js_get_str_dup(j, "", "logical", JS_OPTIONAL, &out->logical, NULL) ==
            0 &&
        js_get_str_dup(j, "", "origin", JS_OPTIONAL, &out->origin, NULL) == 0 &&
        po_prints_decode(j, "", "prints", &out->prints, &out->n_prints, NULL) ==
            0;
    js_free(j);
    if (!is)
        place_fini(out);
    return is;
}

void
place_metadata_take(rd_kafka_topic_partition_t *t, char *text)
{
    free(t->metadata); /* librdkafka's are malloc's, too */
    t->metadata = text;
    t->metadata_size = text ? strlen(text) : 0;
}

static int
put_if(struct json_t *j, const char *key, const char *value)
{
    return value && *value ? js_put_str(j, key, value) : 0;
}

static int
put_prints(struct json_t *j, const struct place *at)
{
    return at->n_prints > 0
               ? js_put_take(j, "prints",
                             po_prints_encode(at->prints, at->n_prints))
               : 0;
}

static char *
dup_or_null(const char *s, int *rc)
{
    char *copy = s ? strdup(s) : NULL;
    if (s && !copy)
        *rc = ERR_NOMEM;
    return copy;
}

int
place_copy(struct place *to, const struct place *from)
{
    int rc = 0;
    *to = (struct place){.cluster = dup_or_null(from->cluster, &rc),
                         .logical = dup_or_null(from->logical, &rc),
                         .origin = dup_or_null(from->origin, &rc)};
    if (from->n_prints > 0)
        to->prints = calloc(from->n_prints, sizeof(*to->prints));
    if (to->prints) {
        memcpy(to->prints, from->prints, from->n_prints * sizeof(*to->prints));
        to->n_prints = from->n_prints;
    }
    if (rc)
        place_fini(to);
    return rc;
}

bool
place_set(rd_kafka_topic_partition_t *t, const struct place *at)
{
    struct json_t *j = js_object();
    char *text = NULL;
    if (j &&
        (js_put_int(j, "shunt", 1) | js_put_str(j, "cluster", at->cluster) |
         put_if(j, "logical", at->logical) | put_if(j, "origin", at->origin) |
         put_prints(j, at)) == 0)
        text = js_dump(j);
    js_free(j);
    place_metadata_take(t, text);
    return text != NULL;
}

/* Nothing that is to be kept: a place, or a commit without words. */
static bool
no_words(const void *app, size_t len)
{
    struct json_t *j = ours(app, len);
    const bool mine = j != NULL;
    js_free(j);
    return mine;
}

static int
with_words(int64_t since, const char *words, char **out, struct err *err)
{
    struct json_t *j = js_object();
    struct json_t *s = js_string(words);
    if (!s) {
        js_free(j);
        return err_set(err, ERR_INVALID,
                       "metadata of a commit: not UTF-8, which Kafka asks for");
    }
    const int rc =
        !j || (js_put_int(j, "shunt", 1) | js_put_int(j, "since", since)) != 0;
    if (js_put_take(j, "app", s) != 0 || rc)
        *out = NULL;
    else
        *out = js_dump(j);
    js_free(j);
    return *out ? 0 : err_nomem(err);
}

int
place_commit(int64_t since, const void *app, size_t app_len, char **out,
             struct err *err)
{
    char text[64];
    if (!app || app_len == 0 || no_words(app, app_len)) {
        handover_metadata(since, text, sizeof(text));
        *out = strdup(text);
        return *out ? 0 : err_nomem(err);
    }
    if (memchr(app, '\0', app_len))
        return err_set(err, ERR_INVALID,
                       "metadata of a commit: a zero byte at %zu",
                       (size_t)((const char *)memchr(app, '\0', app_len) -
                                (const char *)app));
    char *words = strndup(app, app_len);
    if (!words)
        return err_nomem(err);
    const int rc = with_words(since, words, out, err);
    free(words);
    return rc;
}

bool
place_app(const rd_kafka_topic_partition_t *t, char **out)
{
    struct json_t *j = ours(t->metadata, t->metadata_size);
    *out = NULL;
    if (!j) {
        if (!t->metadata || t->metadata_size == 0)
            return false;
        *out = strndup(t->metadata, t->metadata_size);
        return *out != NULL;
    }
    const bool has =
        js_get_str_dup(j, "", "app", JS_REQUIRED, out, NULL) == 0 && *out;
    js_free(j);
    return has;
}

/* Without the prefix of a flow that brings it to `cluster`; NULL: none. */
static const char *
before_hop(const struct pt_answer *a, const char *cluster, const char *topic,
           const char **from)
{
    for (size_t i = 0; i < a->n_flows; i++) {
        const struct pt_flow *f = &a->flows[i];
        const size_t n = strlen(f->source), sep = strlen(f->separator);
        if (strcmp(f->target, cluster) != 0 ||
            strcmp(f->policy, "default") != 0)
            continue;
        if (strncmp(topic, f->source, n) != 0 ||
            strncmp(topic + n, f->separator, sep) != 0 || !topic[n + sep])
            continue;
        *from = f->source;
        return topic + n + sep;
    }
    return NULL;
}

const char *
place_logical(const struct pt_answer *a, const char *cluster, const char *topic,
              const char **origin)
{
    const char *name = topic, *shorter;
    *origin = cluster;
    while ((shorter = before_hop(a, *origin, name, origin)))
        name = shorter;
    return name;
}
