/*
 * Merges what is left with what comes.  A change of a rule with a window costs
 * as much as there are such rules; others cost nothing.
 */
#include "route-service/edge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

struct edges *
edges_ref(struct edges *e)
{
    if (e)
        atomic_fetch_add(&e->refs, 1);
    return e;
}

void
edges_unref(struct edges *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) > 1)
        return;
    for (size_t i = 0; i < e->n; i++)
        item_unref(e->v[i].rule);
    free(e);
}

static int
by_time(const void *a, const void *b)
{
    const struct edge *x = a;
    const struct edge *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return strcmp(x->rule->key, y->rule->key);
}

static int
by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t) * (struct item *const *)a;
    const uintptr_t y = (uintptr_t) * (struct item *const *)b;
    return (x > y) - (x < y);
}

static void
add(struct edges *e, int64_t at_ms, struct item *rule)
{
    e->v[e->n++] = (struct edge){at_ms, item_ref(rule)};
}

static void
add_rule(struct edges *e, int64_t time_ms, struct item *item)
{
    const struct pt_rule *r = &item->u.rule;
    if (!r->enabled)
        return;
    if (r->valid_from > time_ms)
        add(e, r->valid_from, item);
    if (r->valid_until > time_ms && r->valid_until != PT_NO_END)
        add(e, r->valid_until, item);
}

static bool
stays(const struct edge *edge, int64_t time_ms, struct item *const *sorted,
      size_t n)
{
    return edge->at_ms > time_ms &&
           !bsearch(&edge->rule, sorted, n, sizeof(struct item *), by_address);
}

struct edges *
edges_change(const struct edges *old, int64_t time_ms, struct item *const *gone,
             size_t n, struct item *const *come, size_t m)
{
    struct item **sorted = xcalloc(n + 1, sizeof(struct item *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = gone[i];
    qsort(sorted, n, sizeof(struct item *), by_address);
    const size_t most = (old ? old->n : 0) + 2 * m;
    struct edges *e = xmalloc(sizeof(*e) + most * sizeof(e->v[0]));
    atomic_init(&e->refs, 1);
    e->n = 0;
    for (size_t i = 0; old && i < old->n; i++)
        if (stays(&old->v[i], time_ms, sorted, n))
            add(e, old->v[i].at_ms, old->v[i].rule);
    for (size_t i = 0; i < m; i++)
        add_rule(e, time_ms, come[i]);
    free(sorted);
    qsort(e->v, e->n, sizeof(e->v[0]), by_time);
    if (e->n > 0)
        return e;
    free(e);
    return NULL;
}
