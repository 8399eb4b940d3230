/*
 * Why a rule wins or loses, in words.  Pure; any thread.
 *
 * A code may have more rules than anybody reads.  Then those that match come
 * first into the list, and others fill it.  Those in force that match are found
 * by the index; of the rest only so many are looked at, because others wait for
 * the thread that does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utc.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/match.h"
#include "route-service/pattern.h"

static void
explain_miss(const struct pt_rule *r, const struct miss *why, char *out,
             size_t size)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "%s%s%.50s", why->dimension,
                   why->attribute ? "." : "",
                   why->attribute ? why->attribute : "");
    if (why->kind == MISS_SHARE && why->value)
        (void)snprintf(out, size,
                       "%s \"%.60s\" is in bucket %d.%d of 100, the share is "
                       "%lld",
                       name, why->value, why->bucket / 10, why->bucket % 10,
                       (long long)r->share);
    else if (why->kind == MISS_NOT)
        (void)snprintf(out, size,
                       "%s \"%.60s\" is among those that \"not\" "
                       "excludes",
                       name, why->value ? why->value : "");
    else if (why->value)
        (void)snprintf(out, size, "%s does not match \"%.60s\"", name,
                       why->value);
    else
        (void)snprintf(out, size, "the client gives no %s%s", name,
                       why->kind == MISS_SHARE ? ", by which the share goes"
                                               : "");
}

static void
explain_loss(const struct item *loser, const struct item *winner, char *out,
             size_t size)
{
    const struct rank *l = &loser->rank;
    const struct rank *w = &winner->rank;
    if (l->priority != w->priority)
        (void)snprintf(out, size, "its priority %lld is below %lld of %.60s",
                       (long long)l->priority, (long long)w->priority,
                       winner->key);
    else if (l->literal != w->literal)
        (void)snprintf(out, size,
                       "names %d dimensions without wildcard, %.60s %d",
                       l->literal, winner->key, w->literal);
    else if (l->dimensions != w->dimensions)
        (void)snprintf(out, size, "names %d dimensions, %.60s %d",
                       l->dimensions, winner->key, w->dimensions);
    else
        (void)snprintf(out, size, "ties with %.60s, whose id is smaller",
                       winner->key);
}

/* It matches, but not now. */
static void
explain_rest(const struct pt_rule *r, int64_t now_ms, char *out, size_t size)
{
    if (!r->enabled)
        (void)snprintf(out, size, "is disabled");
    else if (now_ms < r->valid_from)
        (void)snprintf(out, size, "is not in force before %s",
                       utc_format(r->valid_from).s);
    else
        (void)snprintf(out, size, "is not in force since %s",
                       utc_format(r->valid_until).s);
}

static void
explain_one(struct candidate *c, const struct pt_identity *id,
            const char *topic, int64_t now_ms, const struct item **winner)
{
    const struct pt_rule *r = &c->rule->u.rule;
    struct miss why;
    if (!match_rule(r, id, topic, &why)) {
        explain_miss(r, &why, c->reason, sizeof(c->reason));
    } else if (!match_in_force(r, now_ms)) {
        explain_rest(r, now_ms, c->reason, sizeof(c->reason));
    } else if (*winner) {
        explain_loss(c->rule, *winner, c->reason, sizeof(c->reason));
    } else {
        c->won = true;
        *winner = c->rule;
        (void)snprintf(c->reason, sizeof(c->reason),
                       "the first rule that matches");
    }
}

/* ---- which rules --------------------------------------------------------- */

/* The first ones of those offered, in the order in which they are tried. */
struct best {
    const struct item **v;
    size_t n, max;
};

static void
best_offer(struct best *b, const struct item *rule)
{
    size_t at = b->n;
    if (b->n == b->max && match_compare(rule, b->v[b->n - 1]) >= 0)
        return;
    while (at > 0 && match_compare(rule, b->v[at - 1]) < 0)
        at--;
    if (at > 0 && b->v[at - 1] == rule)
        return; /* it was offered before */
    if (b->n < b->max)
        b->n++;
    memmove(&b->v[at + 1], &b->v[at], (b->n - at - 1) * sizeof(b->v[0]));
    b->v[at] = rule;
}

struct choice {
    const struct pt_identity *id;
    const char *topic;
    struct best matching, others;
    size_t looked_at;
};

static void
choose(struct item *rule, struct choice *c)
{
    const struct pt_rule *r = &rule->u.rule;
    const struct strlist *codes = &r->match.cluster_code;
    if (match_rule(r, c->id, c->topic, NULL))
        best_offer(&c->matching, rule);
    else if (codes->n == 0 || patterns_match(codes, c->id->cluster_code))
        best_offer(&c->others, rule);
}

static bool
choose_any(struct item *rule, void *arg)
{
    choose(rule, arg);
    return true;
}

static bool
choose_some(struct item *rule, void *arg)
{
    struct choice *c = arg;
    choose(rule, c);
    return c->looked_at++ < LIMIT_EXPLAINED;
}

static void
choose_all(const struct table *t, struct choice *c)
{
    const char *code = c->id->cluster_code;
    (void)index_each_reached(&t->index, c->id, c->topic, choose_any, c);
    (void)index_each_idle(&t->index, code, choose_some, c);
    c->looked_at = 0;
    (void)index_each_for(&t->index, code, choose_some, c);
    /* None of them says anything: enough was looked at, or all. */
}

/* Both lists in one order. */
static size_t
merge(const struct choice *c, struct candidate *out, size_t max)
{
    const struct best *a = &c->matching;
    const struct best *b = &c->others;
    const size_t n_b = b->n < max - a->n ? b->n : max - a->n;
    size_t i = 0;
    size_t k = 0;
    while (i < a->n || k < n_b) {
        const bool from_a =
            k == n_b || (i < a->n && match_compare(a->v[i], b->v[k]) < 0);
        out[i + k] = (struct candidate){.rule = from_a ? a->v[i] : b->v[k]};
        i += from_a;
        k += !from_a;
    }
    return i + k;
}

size_t
match_explain(const struct table *t, const struct pt_identity *id,
              const char *topic, struct candidate *out, size_t max)
{
    struct choice c = {.id = id, .topic = topic};
    const struct item *winner = NULL;
    c.matching.max = c.others.max = max;
    c.matching.v = xcalloc(max, sizeof(struct item *));
    c.others.v = xcalloc(max, sizeof(struct item *));
    choose_all(t, &c);
    const size_t n = merge(&c, out, max);
    free(c.matching.v);
    free(c.others.v);
    for (size_t i = 0; i < n; i++)
        explain_one(&out[i], id, topic, t->time_ms, &winner);
    const struct item *late = winner ? NULL : match_winner(t, id, topic);
    if (late) { /* behind so many that match, but not now */
        out[n - 1] = (struct candidate){.rule = late};
        explain_one(&out[n - 1], id, topic, t->time_ms, &winner);
    }
    return n;
}
