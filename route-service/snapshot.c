/*
 * Snapshots: values in, values out; any thread.
 *
 *     {"format":1,"revision":..,"time":..,"infra_since":..,
 *      "clusters":[..],"flows":[..],
 *      "rules":[{"rule":{..},"since":..,"version_since":..},..],
 *      "demands":[{..},..],
 *      "past":[{"of":2,"cluster":"a","from":3,"to":8},..]}
 *
 * Rules that are not in force have no "since".  A dead version names a demand:
 * a rule without what only matters while it is in force.  Versions of one rule
 * are many and their demands few, so that ten thousand flips of a rule are ten
 * thousand short lines.
 *
 * How rules are filed in the index is not written down: no answer depends on it.
 */
#include "route-service/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/index.h"

#define FORMAT 1

/* ---- what the index holds ------------------------------------------------ */

struct lives {
    const struct live **v;
    size_t n;
};

/* A dead version, and which demand it has. */
struct dead {
    const struct past *past;
    size_t of;
};

struct deads {
    struct dead *v;
    size_t n;
};

struct content {
    struct lives live;
    struct deads dead;
};

static void *
grown(void *v, size_t n, size_t size)
{
    if ((n & (n + 1)) != 0) /* room for 2^k - 1 of them */
        return v;
    return xreallocarray(v, 2 * n + 1, size);
}

static void
on_live(const struct live *l, void *arg)
{
    struct lives *to = &((struct content *)arg)->live;
    to->v = grown(to->v, to->n, sizeof(to->v[0]));
    to->v[to->n++] = l;
}

static void
on_dead(const struct past *p, void *arg)
{
    struct deads *to = &((struct content *)arg)->dead;
    to->v = grown(to->v, to->n, sizeof(to->v[0]));
    to->v[to->n++] = (struct dead){.past = p};
}

static int
by_id(const void *a, const void *b)
{
    const struct live *const *x = a;
    const struct live *const *y = b;
    return strcmp((*x)->item->key, (*y)->item->key);
}

/* ---- demands ------------------------------------------------------------- */

struct demand {
    const struct item *pattern;
    char *text;
    size_t number;
};

struct demands {
    struct demand *v;
    size_t n;
};

static char *
demand_text(const struct item *pattern)
{
    struct pt_rule r = pattern->u.rule;
    char cluster[] = "none";
    char comment[] = "";
    r.enabled = true;
    r.valid_from = 0;
    r.valid_until = PT_NO_END;
    r.properties = (struct props){0};
    r.cluster = cluster;
    r.comment = comment;
    struct json_t *j = must_have(pt_rule_encode(&r));
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

static int
by_pattern(const void *a, const void *b)
{
    const struct dead *x = a;
    const struct dead *y = b;
    const uintptr_t left = (uintptr_t)x->past->pattern;
    const uintptr_t right = (uintptr_t)y->past->pattern;
    return (left > right) - (left < right);
}

static int
by_text(const void *a, const void *b)
{
    const struct demand *x = a;
    const struct demand *y = b;
    return strcmp(x->text, y->text);
}

static int
by_address(const void *a, const void *b)
{
    const struct demand *x = a;
    const struct demand *y = b;
    const uintptr_t left = (uintptr_t)x->pattern;
    const uintptr_t right = (uintptr_t)y->pattern;
    return (left > right) - (left < right);
}

/* By text, and numbered by it: those that say the same have the same number. */
static struct demands
number_demands(struct deads *dead)
{
    struct demands d = {0};
    qsort(dead->v, dead->n, sizeof(dead->v[0]), by_pattern);
    for (size_t i = 0; i < dead->n; i++) {
        const struct item *pattern = dead->v[i].past->pattern;
        if (d.n > 0 && d.v[d.n - 1].pattern == pattern)
            continue;
        d.v = grown(d.v, d.n, sizeof(d.v[0]));
        d.v[d.n++] = (struct demand){pattern, demand_text(pattern), 0};
    }
    qsort(d.v, d.n, sizeof(d.v[0]), by_text);
    for (size_t i = 1; i < d.n; i++)
        d.v[i].number =
            d.v[i - 1].number + (strcmp(d.v[i].text, d.v[i - 1].text) != 0);
    return d;
}

static int
by_demand(const void *a, const void *b)
{
    const struct dead *x = a;
    const struct dead *y = b;
    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return (x->past->from > y->past->from) - (x->past->from < y->past->from);
}

/* Sorts the demands by address, the dead by demand. */
static void
assign_demands(struct deads *dead, struct demands *d)
{
    qsort(d->v, d->n, sizeof(d->v[0]), by_address);
    size_t k = 0;
    for (size_t i = 0; i < dead->n; i++) {
        while (d->v[k].pattern != dead->v[i].past->pattern)
            k++;
        dead->v[i].of = d->v[k].number;
    }
    qsort(dead->v, dead->n, sizeof(dead->v[0]), by_demand);
}

/* ---- writing ------------------------------------------------------------- */

static void
write_items(struct buf *b, const char *name, const struct table *t,
            enum kind kind)
{
    struct items all = table_items(t, kind);
    buf_printf(b, ",\n\"%s\":[", name);
    for (size_t i = 0; i < all.n; i++) {
        buf_puts(b, i ? ",\n" : "\n");
        buf_puts(b, all.v[i]->json);
    }
    buf_puts(b, "]");
    free(all.v);
}

static void
write_rules(struct buf *b, const struct table *t, struct lives *live)
{
    struct items all = table_items(t, KIND_RULE);
    if (live->n > 0)
        qsort(live->v, live->n, sizeof(live->v[0]), by_id);
    buf_puts(b, ",\n\"rules\":[");
    size_t k = 0;
    for (size_t i = 0; i < all.n; i++) {
        buf_puts(b, i ? ",\n{\"rule\":" : "\n{\"rule\":");
        buf_puts(b, all.v[i]->json);
        if (k < live->n && live->v[k]->item == all.v[i])
            buf_printf(b, ",\"since\":%" PRId64 ",\"version_since\":%" PRId64,
                       live->v[k]->since, live->v[k]->item_since);
        while (k < live->n && live->v[k]->item == all.v[i])
            k++; /* it stands in several buckets */
        buf_puts(b, "}");
    }
    buf_puts(b, "]");
    free(all.v);
}

/* By text. */
static void
write_demands(struct buf *b, const struct demands *d)
{
    buf_puts(b, ",\n\"demands\":[");
    for (size_t i = 0; i < d->n; i++) {
        if (i > 0 && d->v[i].number == d->v[i - 1].number)
            continue;
        buf_puts(b, i ? ",\n" : "\n");
        buf_puts(b, d->v[i].text);
    }
    buf_puts(b, "]");
}

static void
write_past(struct buf *b, const struct deads *dead)
{
    buf_puts(b, ",\n\"past\":[");
    for (size_t i = 0; i < dead->n; i++) {
        const struct past *p = dead->v[i].past;
        if (i > 0 && by_demand(&dead->v[i - 1], &dead->v[i]) == 0)
            continue; /* it stands in several buckets */
        buf_puts(b, i ? ",\n" : "\n");
        buf_printf(b,
                   "{\"of\":%zu,\"cluster\":\"%s\",\"from\":%" PRId64
                   ",\"to\":%" PRId64 "}",
                   dead->v[i].of, p->cluster, p->from, p->to);
    }
    buf_puts(b, "]");
}

static void
write_dead(struct buf *b, struct deads *dead)
{
    struct demands d = {0};
    if (dead->n > 0)
        d = number_demands(dead);
    write_demands(b, &d);
    if (dead->n > 0)
        assign_demands(dead, &d);
    write_past(b, dead);
    for (size_t i = 0; i < d.n; i++)
        free(d.v[i].text);
    free(d.v);
}

char *
table_snapshot(const struct table *t, size_t *len)
{
    struct content content = {0};
    const struct index_visit visit = {on_live, on_dead, &content};
    struct buf b;
    index_visit(&t->index, &visit);
    buf_init(&b, SIZE_MAX / 2);
    buf_printf(&b,
               "{\"format\":%d,\"revision\":%" PRId64 ",\"time\":%" PRId64
               ",\"infra_since\":%" PRId64,
               FORMAT, t->revision, t->time_ms, t->infra_since);
    write_items(&b, "clusters", t, KIND_CLUSTER);
    write_items(&b, "flows", t, KIND_FLOW);
    write_rules(&b, t, &content.live);
    write_dead(&b, &content.dead);
    buf_puts(&b, "}\n");
    free(content.live.v);
    free(content.dead.v);
    *len = b.len;
    return must_have(buf_take(&b));
}

/* ---- reading ------------------------------------------------------------- */

static int
not_ours(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "not a snapshot of a route table: %s",
                   what);
}

static int
read_item(struct table *t, enum kind kind, const struct json_t *j,
          const char *path, int64_t since, int64_t item_since, struct err *err)
{
    struct item *item = NULL;
    const int rc = item_decode(kind, j, path, &item, err);
    if (rc)
        return rc;
    if (table_find(t, kind, item->key)) {
        item_unref(item);
        return not_ours(err, "it holds something twice");
    }
    table_restore_take(t, item, since, item_since);
    return 0;
}

static int
read_items(struct table *t, enum kind kind, const struct json_t *j,
           const char *name, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", name, JS_REQUIRED, &list, err);
    for (size_t i = 0; rc == 0 && i < js_len(list); i++)
        rc = read_item(t, kind, js_at(list, i), name, 0, 0, err);
    return rc;
}

static int
read_rule(struct table *t, const struct json_t *j, struct err *err)
{
    struct json_t *rule = NULL;
    int64_t since = t->revision;
    int64_t item_since = t->revision;
    int rc;
    if ((rc = js_expect_object(j, "rules", err)) ||
        (rc = js_get_object(j, "rules", "rule", JS_REQUIRED, &rule, err)) ||
        (rc = js_get_int(j, "rules", "since", JS_OPTIONAL, 1, t->revision,
                         &since, err)) ||
        (rc = js_get_int(j, "rules", "version_since", JS_OPTIONAL, since,
                         t->revision, &item_since, err)))
        return rc;
    return read_item(t, KIND_RULE, rule, "rules", since, item_since, err);
}

static int
read_rules(struct table *t, const struct json_t *j, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "rules", JS_REQUIRED, &list, err);
    for (size_t i = 0; rc == 0 && i < js_len(list); i++)
        rc = read_rule(t, js_at(list, i), err);
    if (rc)
        return rc;
    struct items all = table_items(t, KIND_RULE);
    table_seal(t, all.v, all.n);
    free(all.v);
    return 0;
}

static int
read_version(struct table *t, const struct items *demands,
             const struct json_t *j, struct err *err)
{
    const char *cluster = NULL;
    int64_t of = 0;
    int64_t from = 0;
    int64_t to = 0;
    int rc;
    if (demands->n == 0)
        return not_ours(err, "a past version has no demands");
    if ((rc = js_expect_object(j, "past", err)) ||
        (rc = js_get_int(j, "past", "of", JS_REQUIRED, 0,
                         (int64_t)demands->n - 1, &of, err)) ||
        (rc = js_get_str(j, "past", "cluster", JS_REQUIRED, &cluster, err)) ||
        (rc = js_get_int(j, "past", "from", JS_REQUIRED, 1, t->revision, &from,
                         err)) ||
        (rc = js_get_int(j, "past", "to", JS_REQUIRED, from, t->revision, &to,
                         err)))
        return rc;
    index_restore_dead(&t->index, demands->v[of], cluster, from, to);
    return 0;
}

static int
read_versions(struct table *t, const struct items *demands,
              const struct json_t *j, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "past", JS_REQUIRED, &list, err);
    for (size_t i = 0; rc == 0 && i < js_len(list); i++)
        rc = read_version(t, demands, js_at(list, i), err);
    return rc;
}

static int
read_dead(struct table *t, const struct json_t *j, struct err *err)
{
    struct json_t *list = NULL;
    struct items demands = {0};
    int rc = js_get_array(j, "", "demands", JS_REQUIRED, &list, err);
    if (rc)
        return rc;
    demands.v = xcalloc(js_len(list) + 1, sizeof(struct item *));
    for (size_t i = 0; rc == 0 && i < js_len(list); i++) {
        rc = item_decode(KIND_RULE, js_at(list, i), "demands",
                         &demands.v[demands.n], err);
        demands.n += rc == 0;
    }
    if (rc == 0)
        rc = read_versions(t, &demands, j, err);
    for (size_t i = 0; i < demands.n; i++)
        item_unref(demands.v[i]);
    free(demands.v);
    return rc;
}

static int
read_head(struct table *t, const struct json_t *j, struct err *err)
{
    int64_t format = 0;
    int rc;
    if ((rc = js_expect_object(j, "", err)) ||
        (rc = js_get_int(j, "", "format", JS_REQUIRED, FORMAT, FORMAT, &format,
                         err)) ||
        (rc = js_get_int(j, "", "revision", JS_REQUIRED, 0, INT64_MAX - 1,
                         &t->revision, err)) ||
        (rc = js_get_int(j, "", "time", JS_REQUIRED, 0, INT64_MAX, &t->time_ms,
                         err)))
        return rc;
    return js_get_int(j, "", "infra_since", JS_REQUIRED, 0, t->revision,
                      &t->infra_since, err);
}

int
table_from_snapshot(const char *text, size_t len, struct table **out,
                    struct err *err)
{
    struct json_t *j = NULL;
    int rc = js_parse(text, len, &j, err);
    if (rc)
        return rc;
    struct table *t = table_empty();
    if ((rc = read_head(t, j, err)) == 0 &&
        (rc = read_items(t, KIND_CLUSTER, j, "clusters", err)) == 0 &&
        (rc = read_items(t, KIND_FLOW, j, "flows", err)) == 0 &&
        (rc = read_rules(t, j, err)) == 0)
        rc = read_dead(t, j, err);
    js_free(j);
    if (rc == 0)
        *out = t;
    else
        table_unref(t);
    return rc;
}
