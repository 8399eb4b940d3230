/*
 * Who wins now, and since when: by versions of rules instead of past tables.
 * Pure; any thread that holds the table.
 *
 * A *version* is a rule's demands and cluster, in force from one revision to
 * another.  Every version that ever was stands in the index: live ones in the
 * buckets, dead ones (past.h) behind them.  So the table of any revision can be
 * asked about without being there: a version wins at revision q when it matches,
 * was in force at q, and no other such version is tried before it.
 *
 * The stay of an identity is found backwards.  A version V that wins at q has
 * won without a break since the later of
 *   - the revision that it began with,
 *   - the one after the last (before q) at which another that is tried before V
 *     ended: until then that one was the winner.
 * At the revision before that, the winner is another version.  While it names
 * the same cluster, the stay goes on; where it does not, or where there is none,
 * the stay began.  Every step goes to another version, and only those that match
 * are looked at: revisions in which nothing happened to the identity cost
 * nothing, however many there are.
 *
 * That makes `since` exact: it moves when the cluster does, never otherwise.  It
 * comes from what was in force when, not from the change sets: a store may
 * forget those, and a server that began with a snapshot has the same versions.
 *
 * A new version of a rule with the same demands and the same cluster (another
 * comment, other properties) continues the one before it.
 */
#include "route-service/residency.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "route-service/match.h"
#include "route-service/shelf.h"

struct asking {
    const struct pt_identity *id;
    const char *topic;
    struct reach reach;
};

/* A live or a dead one. */
struct version {
    const struct item *rule; /* or one with the same demands; NULL: none */
    const char *cluster;
    int64_t from;
};

static bool
is_tried_before(const struct live *a, const struct live *b)
{
    if (a->order != b->order)
        return a->order > b->order;
    return strcmp(a->item->key, b->item->key) < 0;
}

static bool
matches(const struct asking *a, const struct item *rule)
{
    return match_rule(&rule->u.rule, a->id, a->topic, NULL);
}

/* ---- at one revision ----------------------------------------------------- */

/* The live version that wins among those that were in force at `revision`. */
static const struct live *
live_at(const struct asking *a, int64_t revision)
{
    const struct live *best = NULL;
    for (size_t i = 0; i < a->reach.n; i++) {
        const struct bucket *b = a->reach.v[i];
        for (const struct live *l = b->v; l < b->v + b->n; l++) {
            if (best && !is_tried_before(l, best))
                break;
            if (l->since > revision || (!l->sure && !matches(a, l->item)))
                continue;
            best = l;
            break;
        }
    }
    return best;
}

static bool
is_past_before(const struct past *p, const struct item *rule)
{
    return !rule || match_compare(p->pattern, rule) < 0;
}

/* The first dead version in the order of the tree that was in force at
 * `revision`, if it is tried before *best. */
static bool
past_at(const struct asking *a, const struct past *p, int64_t revision,
        struct version *best)
{
    if (!p || p->max_to < revision || p->min_from > revision)
        return false;
    if (past_at(a, p->left, revision, best))
        return true;
    if (!is_past_before(p, best->rule))
        return false;
    if (p->from <= revision && revision <= p->to && matches(a, p->pattern)) {
        *best = (struct version){p->pattern, p->cluster, p->from};
        return true;
    }
    return past_at(a, p->right, revision, best);
}

static struct version
version_at(const struct asking *a, int64_t revision)
{
    struct version v = {0};
    const struct live *l = live_at(a, revision);
    if (l)
        v = (struct version){l->item, l->cluster, l->since};
    for (size_t i = 0; i < a->reach.n; i++)
        (void)past_at(a, a->reach.v[i]->dead, revision, &v); /* says it in v */
    return v;
}

/* ---- before it ----------------------------------------------------------- */

/* The last revision before `revision` at which a dead version ended that is
 * tried before `rule` (NULL: any); `least` when there is none after that. */
static int64_t
last_end(const struct asking *a, const struct past *p, const struct item *rule,
         int64_t revision, int64_t least)
{
    if (!p || p->max_to <= least || p->min_to >= revision)
        return least;
    least = last_end(a, p->left, rule, revision, least);
    if (!is_past_before(p, rule))
        return least;
    if (p->to > least && p->to < revision && matches(a, p->pattern))
        least = p->to;
    return last_end(a, p->right, rule, revision, least);
}

static int64_t
last_end_of_all(const struct asking *a, const struct item *rule,
                int64_t revision, int64_t least)
{
    for (size_t i = 0; i < a->reach.n; i++)
        least = last_end(a, a->reach.v[i]->dead, rule, revision, least);
    return least;
}

/* Since when a version that wins at `revision` has done so without a break. */
static int64_t
start_of(const struct asking *a, const struct version *v, int64_t revision)
{
    return last_end_of_all(a, v->rule, revision, v->from - 1) + 1;
}

/* Where the identity was before a time without route that ended before
 * `revision`. */
static struct version
before_gap(const struct asking *a, int64_t revision)
{
    const int64_t end = last_end_of_all(a, NULL, revision, 0);
    return end ? version_at(a, end) : (struct version){0};
}

/* ---- the stay ------------------------------------------------------------ */

static struct residency
stay(const struct asking *a, const struct live *won, int64_t revision)
{
    struct version v = {won->item, won->cluster, won->since};
    int64_t start = start_of(a, &v, revision);
    struct residency r = {
        .rule = won->item,
        .rule_since = won->item_since > start ? won->item_since : start,
        .cluster = won->cluster,
        .since = start,
    };
    while (start > 1) {
        v = version_at(a, start - 1);
        if (!v.rule || v.cluster != won->cluster)
            break;
        start = start_of(a, &v, start - 1);
        r.since = start;
    }
    if (start > 1 && !v.rule)
        v = before_gap(a, start - 1);
    if (v.rule && v.cluster != won->cluster)
        r.previous = v.cluster;
    return r;
}

struct residency
table_residency(const struct table *t, const struct pt_identity *id,
                const char *topic)
{
    struct asking a = {.id = id, .topic = topic};
    struct residency r = {0};
    index_reach(&t->index, id, topic, &a.reach);
    const struct live *won = live_at(&a, t->revision);
    if (won)
        r = stay(&a, won, t->revision);
    reach_fini(&a.reach);
    return r;
}

const struct item *
match_winner(const struct table *t, const struct pt_identity *id,
             const char *topic)
{
    struct asking a = {.id = id, .topic = topic};
    index_reach(&t->index, id, topic, &a.reach);
    const struct live *won = live_at(&a, t->revision);
    reach_fini(&a.reach);
    return won ? won->item : NULL;
}
