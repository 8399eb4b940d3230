/*
 * Owns the answers of one loop.
 *
 * An answer depends on the topics, on the residency of each, and on clusters
 * and flows; so its key is made of the first two, and all are thrown away when
 * the third has changed.  Its text is kept without the revision, which is put
 * in front when the table has another one.  The oldest are thrown away when
 * all together have more than LIMIT_ANSWERS_BYTES.
 */
#include "route-service/answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "common/net/http_server.h"
#include "route-service/limits.h"
#include "route-service/residency.h"
#include "route-service/resolve.h"

struct answers {
    struct answer *list; /* by key; the oldest first */
    size_t bytes;
    int64_t infra_since; /* of the table that all of them are of */
    struct buf key;      /* of the last question */
    int64_t since;       /* the same */
    bool unrouted;       /* the same */
};

struct answers *
answers_new(void)
{
    struct answers *all = xcalloc(1, sizeof(*all));
    buf_init(&all->key, SIZE_MAX / 2);
    return all;
}

static size_t
bytes_of(const struct answer *a)
{
    /* The text stands in the event too. */
    return sizeof(*a) + a->key_len + 3 * a->rest_len;
}

static void
drop(struct answers *all, struct answer *a)
{
    all->bytes -= bytes_of(a);
    HASH_DEL(all->list, a);
    http_event_unref(a->event);
    free(a->text);
    free(a->rest);
    free(a->key);
    free(a);
}

static void
drop_all(struct answers *all)
{
    while (all->list)
        drop(all, all->list);
}

void
answers_free(struct answers *all)
{
    if (!all)
        return;
    drop_all(all);
    buf_fini(&all->key);
    free(all);
}

/* ---- keys ---------------------------------------------------------------- */

static void
key_str(struct buf *key, const char *s)
{
    buf_append(key, s ? s : "", (s ? strlen(s) : 0) + 1);
}

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The rule stands for its cluster; its version (there may be properties in it)
 * is told by when it became the winner. */
static void
ask(struct answers *all, const struct table *t, const struct pt_identity *id)
{
    buf_reset(&all->key);
    all->since = t->infra_since;
    all->unrouted = false;
    for (size_t i = 0; i < resolve_topics(id); i++) {
        const char *topic = resolve_topic(id, i);
        const struct residency r = table_residency(t, id, topic);
        const int64_t numbers[] = {r.rule_since, r.since};
        key_str(&all->key, topic);
        key_str(&all->key, r.rule ? r.rule->key : NULL);
        key_str(&all->key, r.previous);
        buf_append(&all->key, numbers, sizeof(numbers));
        all->since = later(all->since, later(r.rule_since, r.since));
        all->unrouted |= !r.rule;
    }
    must(buf_failed(&all->key) ? ERR_NOMEM : 0);
}

/* ---- texts --------------------------------------------------------------- */

static char *
encode(const struct table *t, const struct pt_identity *id)
{
    struct pt_answer a;
    resolve(t, id, &a);
    a.revision = 0;
    struct json_t *j = must_have(pt_answer_encode(&a));
    char *text = must_have(js_dump(j));
    js_free(j);
    pt_answer_fini(&a);
    return text;
}

static struct answer *
make(struct answers *all, const struct table *t, const struct pt_identity *id)
{
    static const char zero[] = "{\"revision\":0";
    struct answer *a = xcalloc(1, sizeof(*a));
    a->rest = encode(t, id);
    a->rest_len = strlen(a->rest) - strlen(zero);
    memmove(a->rest, a->rest + strlen(zero), a->rest_len + 1);
    a->digest = digest_of(a->rest, a->rest_len);
    a->since = all->since;
    a->unrouted = all->unrouted;
    a->revision = -1;
    a->key_len = all->key.len;
    a->key = xmalloc(a->key_len);
    memcpy(a->key, all->key.data, a->key_len);
    HASH_ADD_KEYPTR(hh, all->list, a->key, a->key_len, a);
    all->bytes += bytes_of(a);
    return a;
}

/* Puts the revision in front. */
static void
set_revision(struct answer *a, int64_t revision)
{
    if (a->revision == revision)
        return;
    char front[40];
    const size_t n = (size_t)snprintf(front, sizeof(front),
                                      "{\"revision\":%" PRId64, revision);
    http_event_unref(a->event);
    a->event = NULL;
    free(a->text);
    a->len = n + a->rest_len;
    a->text = xmalloc(a->len + 1);
    memcpy(a->text, front, n);
    memcpy(a->text + n, a->rest, a->rest_len + 1);
    a->revision = revision;
}

struct answer *
answers_get(struct answers *all, const struct table *t,
            const struct pt_identity *id)
{
    struct answer *a;
    if (all->infra_since != t->infra_since)
        drop_all(all);
    all->infra_since = t->infra_since;
    ask(all, t, id);
    HASH_FIND(hh, all->list, all->key.data, all->key.len, a);
    while (!a && all->bytes > LIMIT_ANSWERS_BYTES)
        drop(all, all->list);
    if (!a)
        a = make(all, t, id);
    set_revision(a, t->revision);
    return a;
}

bool
answer_known(const struct answer *a, int64_t revision)
{
    return revision == a->revision ||
           (!a->unrouted && a->since <= revision && revision < a->revision);
}

struct http_event *
answer_event(struct answer *a)
{
    char id[24];
    if (a->event)
        return a->event;
    (void)snprintf(id, sizeof(id), "%" PRId64, a->revision);
    a->event = must_have(http_event_new("route", id, a->text));
    return a->event;
}

char *
answer_outline(const struct table *t, const struct pt_identity *id)
{
    struct json_t *routes = js_array();
    for (size_t i = 0; i < resolve_topics(id); i++) {
        const char *topic = resolve_topic(id, i);
        const struct residency r = table_residency(t, id, topic);
        struct json_t *j = js_object();
        must(js_put_str(j, "topic", topic));
        must(js_put_str(j, "cluster", r.rule ? r.cluster : NULL));
        must(js_put_int(j, "since", r.since));
        must(js_add_take(routes, j));
    }
    struct json_t *j = js_object();
    must(js_put_int(j, "revision", t->revision));
    must(js_put_take(j, "routes", routes));
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}
