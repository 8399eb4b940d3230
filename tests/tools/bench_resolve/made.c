#include "tests/tools/bench_resolve/made.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/xmem.h"
#include "route-service/change.h"

#define PER_CODE 20
#define PER_SET  1000

static uint64_t state = 88172645463325252u;

uint32_t
made_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static _Noreturn void
give_up(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "bench_resolve: %s: %s\n", what, err->text);
    exit(EXIT_FAILURE);
}

/* ---- rules --------------------------------------------------------------- */

enum shape { DEFAULT, TOPIC, GROUP, CLIENT, JOB, PREFIX, LIST };

/* The default is rule 0 of its code; with one code there is one default. */
static enum shape
shape_of(const struct mix *mix, size_t rule)
{
    static const enum shape shapes[PER_CODE] = {
        DEFAULT, TOPIC, TOPIC, TOPIC,  TOPIC,  TOPIC,  TOPIC,
        GROUP,   GROUP, GROUP, GROUP,  CLIENT, CLIENT, CLIENT,
        JOB,     JOB,   JOB,   PREFIX, LIST,   LIST};
    const enum shape shape = shapes[rule % PER_CODE];
    return shape == DEFAULT && mix->one_code && rule > 0 ? TOPIC : shape;
}

static size_t
code_of(const struct mix *mix, size_t rule)
{
    return mix->one_code ? 0 : rule / PER_CODE;
}

static void
add_match(struct buf *b, const struct mix *mix, size_t rule)
{
    buf_printf(b, "\"cluster.code\":\"code-%zu\"", code_of(mix, rule));
    switch (shape_of(mix, rule)) {
    case TOPIC:
        buf_printf(b, ",\"topic\":\"orders.%zu\"", rule);
        break;
    case GROUP:
        buf_printf(b, ",\"role\":\"consumer\",\"group\":\"billing-%zu\"", rule);
        break;
    case CLIENT:
        buf_printf(b, ",\"client.id\":\"worker-%zu\"", rule);
        break;
    case JOB:
        buf_printf(b, ",\"attributes\":{\"flink.id\":\"job-%zu\"}", rule);
        break;
    case PREFIX:
        buf_printf(b, ",\"topic\":\"team%zu.*\"", rule);
        break;
    case LIST:
        buf_printf(b, ",\"topic\":[\"a.%zu\",\"b.%zu\",\"c.%zu*\"]", rule, rule,
                   rule);
        break;
    case DEFAULT:
    default:
        break;
    }
}

static void
add_rule(struct buf *b, const struct mix *mix, size_t rule, const char *cluster)
{
    buf_printf(b, "{\"op\":\"put\",\"rule\":{\"id\":\"rule-%zu\"", rule);
    if (shape_of(mix, rule) != DEFAULT)
        buf_printf(b, ",\"priority\":%zu", 100 + rule % 3);
    buf_printf(b, ",\"cluster\":\"%s\",\"match\":{", cluster);
    add_match(b, mix, rule);
    buf_puts(b, "}}}");
}

/* ---- tables -------------------------------------------------------------- */

/* Takes both. */
static struct table *
apply_take(struct table *t, struct buf *operations, int64_t time_ms)
{
    struct change c;
    struct touched touched;
    struct table *next = NULL;
    struct json_t *j = NULL;
    struct err err;
    buf_puts(operations, "]}");
    if (js_parse(operations->data, operations->len, &j, &err) ||
        change_decode(j, &c, &err))
        give_up("a change set", &err);
    c.time_ms = time_ms;
    if (change_apply(&c, t, &next, &touched, &err))
        give_up("a change set", &err);
    js_free(j);
    change_fini(&c);
    touched_fini(&touched);
    table_unref(t);
    buf_fini(operations);
    return next;
}

static void
begin(struct buf *b)
{
    buf_init(b, SIZE_MAX / 2);
    buf_puts(b, "{\"operations\":[");
}

static struct table *
clusters_only(void)
{
    struct buf b;
    begin(&b);
    for (char name = 'a'; name <= 'c'; name++)
        buf_printf(&b,
                   "%s{\"op\":\"put\",\"cluster\":{\"name\":\"%c\","
                   "\"bootstrap.servers\":\"%c.example.com:9092\"}}",
                   name > 'a' ? "," : "", name, name);
    return apply_take(table_empty(), &b, 0);
}

struct table *
made_table(const struct mix *mix, size_t rules)
{
    struct table *t = clusters_only();
    for (size_t i = 0; i < rules;) {
        struct buf b;
        begin(&b);
        for (size_t k = 0; k < PER_SET && i < rules; k++, i++) {
            buf_puts(&b, k ? "," : "");
            add_rule(&b, mix, i, shape_of(mix, i) == DEFAULT ? "a" : "b");
        }
        t = apply_take(t, &b, 0);
    }
    return t;
}

struct table *
made_flip(struct table *t, const struct mix *mix, size_t rule, int64_t time_ms)
{
    char id[32];
    (void)snprintf(id, sizeof(id), "rule-%zu", rule);
    const struct item *item = table_find(t, KIND_RULE, id);
    struct buf b;
    begin(&b);
    add_rule(&b, mix, rule, strcmp(item->u.rule.cluster, "b") == 0 ? "c" : "b");
    return apply_take(t, &b, time_ms);
}

/* ---- clients ------------------------------------------------------------- */

static char *
text_of(const char *before, size_t n, const char *after)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s%zu%s", before, n, after);
    return xstrdup(text);
}

static char *
topic_of(enum shape shape, size_t rule)
{
    if (shape == PREFIX)
        return text_of("team", rule, ".events");
    return text_of(shape == TOPIC  ? "orders."
                   : shape == LIST ? "b."
                                   : "topic.",
                   rule, "");
}

struct pt_identity
made_client(const struct mix *mix, size_t rule)
{
    const enum shape shape = shape_of(mix, rule);
    struct pt_identity id = {
        .cluster_code = text_of("code-", code_of(mix, rule), ""),
        .role = xstrdup("consumer"),
        .group = text_of(shape == GROUP ? "billing-" : "group-", rule, ""),
        .client_id = text_of(shape == CLIENT ? "worker-" : "pod-", rule, ""),
    };
    char *topic = topic_of(shape, rule);
    char *job = text_of(shape == JOB ? "job-" : "run-", rule, "");
    if (strlist_add(&id.topics, topic) ||
        props_set(&id.attrs, "flink.id", job) ||
        props_set(&id.attrs, "zone", "eu-1"))
        abort();
    free(topic);
    free(job);
    return id;
}

const char *
made_topic(const struct pt_identity *id)
{
    return id->topics.v[0];
}
