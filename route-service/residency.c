/*
 * Pure.  A residency is found by walking back while the winner names the same
 * cluster.
 */
#include "route-service/residency.h"

#include <string.h>

#include "route-service/match.h"

static const char *
cluster_at(const struct table *t, const struct pt_identity *id,
           const char *topic)
{
    const struct item *winner = match_winner(t, id, topic);
    return winner ? winner->u.rule.cluster : NULL;
}

static int64_t
rule_since(const struct table *t, const struct item *rule,
           const struct pt_identity *id, const char *topic)
{
    int64_t since = t->revision;
    while ((t = t->before) && match_winner(t, id, topic) == rule)
        since = t->revision;
    return since;
}

struct residency
table_residency(const struct table *t, const struct pt_identity *id,
                const char *topic)
{
    struct residency r = {.rule = match_winner(t, id, topic)};
    if (!r.rule)
        return r;
    r.rule_since = rule_since(t, r.rule, id, topic);
    r.cluster = r.rule->u.rule.cluster;
    const char *other = r.cluster;
    while (other && strcmp(other, r.cluster) == 0) {
        r.since = t->revision;
        t = t->before;
        other = t ? cluster_at(t, id, topic) : NULL;
    }
    while (t && !other) {
        t = t->before;
        other = t ? cluster_at(t, id, topic) : NULL;
    }
    if (other && strcmp(other, r.cluster) != 0)
        r.previous = other;
    return r;
}
