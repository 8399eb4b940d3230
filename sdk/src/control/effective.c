#include "sdk/src/control/effective.h"

#include <string.h>

static struct pt_cluster *
cluster_of(struct pt_answer *a, const struct pt_route *r)
{
    for (size_t i = 0; i < a->n_clusters && r->cluster; i++)
        if (strcmp(a->clusters[i].name, r->cluster) == 0)
            return &a->clusters[i];
    return NULL;
}

/* The first route to the same cluster that has the property. */
static const struct pt_route *
speaks_first(const struct pt_answer *a, const struct pt_route *r,
             const char *key)
{
    for (const struct pt_route *q = a->routes; q < r; q++)
        if (str_equal(q->cluster, r->cluster) && props_get(&q->properties, key))
            return q;
    return NULL;
}

static int
lay_over(struct pt_answer *a, const struct pt_route *r, struct pt_cluster *c,
         struct effective_conflict *conflict)
{
    for (size_t i = 0; i < r->properties.n; i++) {
        const struct prop *p = &r->properties.v[i];
        const struct pt_route *first = speaks_first(a, r, p->key);
        if (!first && props_set(&c->properties, p->key, p->value) != 0)
            return ERR_NOMEM;
        if (first && !conflict->key &&
            strcmp(props_get(&first->properties, p->key), p->value) != 0)
            *conflict = (struct effective_conflict){first, r, p->key};
    }
    return 0;
}

int
effective_apply(struct pt_answer *a, struct effective_conflict *conflict)
{
    *conflict = (struct effective_conflict){0};
    for (size_t i = 0; i < a->n_routes; i++) {
        struct pt_cluster *c = cluster_of(a, &a->routes[i]);
        const int rc = c ? lay_over(a, &a->routes[i], c, conflict) : 0;
        if (rc)
            return rc;
    }
    return 0;
}
