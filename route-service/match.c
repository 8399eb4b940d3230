/*
 * Rule matching: values in, values out; any thread.
 *
 * A table keeps its rules by cluster code and, among the same code, in the order
 * in which they win.  The winner is the better of the first matches among those
 * for the code and those for any: the cost does not depend on the rules of
 * other codes.
 */
#include "route-service/match.h"

#include <stdio.h>
#include <string.h>

#include "common/base/glob.h"

bool
match_all_literal(const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (!glob_is_literal(patterns->v[i]))
            return false;
    return patterns->n > 0;
}

static void
rank_dimension(struct rank *rank, const struct strlist *patterns)
{
    rank->dimensions += patterns->n > 0;
    rank->literal += match_all_literal(patterns);
}

struct rank
match_rank(const struct pt_rule *r)
{
    struct rank rank = {.priority = r->priority};
    rank_dimension(&rank, &r->match.cluster_code);
    rank_dimension(&rank, &r->match.role);
    rank_dimension(&rank, &r->match.topic);
    rank_dimension(&rank, &r->match.group);
    rank_dimension(&rank, &r->match.client_id);
    for (size_t i = 0; i < r->match.n_attrs; i++)
        rank_dimension(&rank, &r->match.attrs[i].patterns);
    return rank;
}

int
match_compare(const struct item *a, const struct item *b)
{
    if (a->rank.priority != b->rank.priority)
        return a->rank.priority > b->rank.priority ? -1 : 1;
    if (a->rank.literal != b->rank.literal)
        return b->rank.literal - a->rank.literal;
    if (a->rank.dimensions != b->rank.dimensions)
        return b->rank.dimensions - a->rank.dimensions;
    return strcmp(a->key, b->key);
}

bool
match_ranks_equal(const struct rank *a, const struct rank *b)
{
    return a->priority == b->priority && a->literal == b->literal &&
           a->dimensions == b->dimensions;
}

static bool
any_matches(const struct strlist *patterns, const char *value)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (glob_match(patterns->v[i], value))
            return true;
    return false;
}

static bool
dimension_matches(const char *name, const struct strlist *patterns,
                  const char *value, struct miss *why)
{
    if (patterns->n == 0 || any_matches(patterns, value ? value : ""))
        return true;
    *why = (struct miss){.dimension = name, .value = value};
    return false;
}

static bool
attributes_match(const struct pt_match *m, const struct props *attrs,
                 struct miss *why)
{
    for (size_t i = 0; i < m->n_attrs; i++) {
        const char *value = props_get(attrs, m->attrs[i].key);
        if (value && any_matches(&m->attrs[i].patterns, value))
            continue;
        *why = (struct miss){"attributes", m->attrs[i].key, value};
        return false;
    }
    return true;
}

bool
match_rule(const struct pt_rule *r, const struct pt_identity *id,
           const char *topic, struct miss *why)
{
    struct miss ignored;
    const struct pt_match *m = &r->match;
    if (!why)
        why = &ignored;
    return dimension_matches("cluster.code", &m->cluster_code, id->cluster_code,
                             why) &&
           dimension_matches("role", &m->role, id->role, why) &&
           dimension_matches("topic", &m->topic, topic, why) &&
           dimension_matches("group", &m->group, id->group, why) &&
           dimension_matches("client.id", &m->client_id, id->client_id, why) &&
           attributes_match(m, &id->attrs, why);
}

static const struct item *
first_match(const struct rules rules, const struct pt_identity *id,
            const char *topic)
{
    for (size_t i = 0; i < rules.n; i++) {
        const struct item *item = rules.v[i].item;
        if (item->u.rule.enabled && match_rule(&item->u.rule, id, topic, NULL))
            return item;
    }
    return NULL;
}

const struct item *
match_winner(const struct table *t, const struct pt_identity *id,
             const char *topic)
{
    const struct item *a =
        first_match(table_rules_for(t, id->cluster_code), id, topic);
    const struct item *b = first_match(table_rules_open(t), id, topic);
    if (!a || !b)
        return a ? a : b;
    return match_compare(a, b) < 0 ? a : b;
}

/* ---- explain ------------------------------------------------------------- */

static void
explain_miss(const struct miss *why, char *out, size_t size)
{
    if (why->value)
        (void)snprintf(out, size, "%s%s%s does not match \"%.60s\"",
                       why->dimension, why->attribute ? "." : "",
                       why->attribute ? why->attribute : "", why->value);
    else
        (void)snprintf(out, size, "the client gives no %s%s%s", why->dimension,
                       why->attribute ? "." : "",
                       why->attribute ? why->attribute : "");
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

static void
explain_one(struct candidate *c, const struct pt_identity *id,
            const char *topic, const struct item **winner)
{
    const struct pt_rule *r = &c->rule->u.rule;
    struct miss why;
    if (!match_rule(r, id, topic, &why)) {
        explain_miss(&why, c->reason, sizeof(c->reason));
    } else if (!r->enabled) {
        (void)snprintf(c->reason, sizeof(c->reason), "is disabled");
    } else if (*winner) {
        explain_loss(c->rule, *winner, c->reason, sizeof(c->reason));
    } else {
        c->won = true;
        *winner = c->rule;
        (void)snprintf(c->reason, sizeof(c->reason),
                       "the first rule that matches");
    }
}

/* The next rule in the order of both lists; NULL: no more. */
static const struct item *
next_rule(struct rules *a, struct rules *b)
{
    if (a->n == 0 && b->n == 0)
        return NULL;
    const bool from_a =
        b->n == 0 ||
        (a->n > 0 && match_compare(a->v[0].item, b->v[0].item) < 0);
    struct rules *from = from_a ? a : b;
    from->n--;
    return from->v++->item;
}

size_t
match_explain(const struct table *t, const struct pt_identity *id,
              const char *topic, struct candidate *out, size_t max)
{
    struct rules named = table_rules_for(t, id->cluster_code);
    struct rules open = table_rules_open(t);
    const struct item *winner = NULL;
    const struct item *rule;
    size_t n = 0;
    while (n < max && (rule = next_rule(&named, &open))) {
        const struct strlist *codes = &rule->u.rule.match.cluster_code;
        if (codes->n > 0 && !any_matches(codes, id->cluster_code))
            continue;
        if (n > 0 && out[n - 1].rule == rule)
            continue; /* it names the code twice */
        out[n] = (struct candidate){.rule = rule};
        explain_one(&out[n++], id, topic, &winner);
    }
    const struct item *late = winner ? NULL : match_winner(t, id, topic);
    if (late) {
        out[n - 1] = (struct candidate){.rule = late};
        explain_one(&out[n - 1], id, topic, &winner);
    }
    return n;
}
