/*
 * Every past table, in memory.  Pure.
 *
 * A residency is found by walking back while the winner names the same
 * cluster.  Revisions that touched no rule are stepped over, because they
 * can't have changed a winner.
 */
#include "route-service/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "route-service/match.h"

void
history_init(struct history *h)
{
    *h = (struct history){0};
    struct table *empty = table_new(NULL, 0);
    table_seal(empty);
    history_push_take(h, empty);
}

void
history_fini(struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        table_unref(h->v[i]);
    free(h->v);
    *h = (struct history){0};
}

void
history_push_take(struct history *h, struct table *t)
{
    assert(t->revision == (int64_t)h->n);
    h->v = xreallocarray(h->v, h->n + 1, sizeof(struct table *));
    h->v[h->n++] = t;
}

struct table *
history_head(const struct history *h)
{
    return h->v[h->n - 1];
}

/* The newest table that may have other winners than t; NULL: there is none. */
static const struct table *
before(const struct history *h, const struct table *t)
{
    return t->rules_since > 0 ? h->v[t->rules_since - 1] : NULL;
}

static const char *
cluster_at(const struct table *t, const struct pt_identity *id,
           const char *topic)
{
    const struct item *winner = match_winner(t, id, topic);
    return winner ? winner->u.rule.cluster : NULL;
}

struct residency
history_residency(const struct history *h, const struct pt_identity *id,
                  const char *topic)
{
    const struct table *t = history_head(h);
    struct residency r = {.rule = match_winner(t, id, topic)};
    if (!r.rule)
        return r;
    r.cluster = r.rule->u.rule.cluster;
    const char *other = r.cluster;
    while (other && strcmp(other, r.cluster) == 0) {
        r.since = t->rules_since;
        t = before(h, t);
        other = t ? cluster_at(t, id, topic) : NULL;
    }
    while (t && !other) {
        t = before(h, t);
        other = t ? cluster_at(t, id, topic) : NULL;
    }
    if (other && strcmp(other, r.cluster) != 0)
        r.previous = other;
    return r;
}
