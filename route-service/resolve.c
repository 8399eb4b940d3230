/*
 * Puts an answer together from a table.  Pure;
 * any thread.  The answer is a copy, so that it outlives the table.
 */
#include "route-service/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/residency.h"
#include "route-service/view.h"

size_t
resolve_topics(const struct pt_identity *id)
{
    return id->topics.n ? id->topics.n : 1;
}

const char *
resolve_topic(const struct pt_identity *id, size_t i)
{
    return id->topics.n ? id->topics.v[i] : "";
}

static char *
copy_or_null(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static struct pt_route
route_of(const struct table *t, const struct pt_identity *id, const char *topic)
{
    const struct residency r = table_residency(t, id, topic);
    struct pt_route route = {.topic = xstrdup(topic)};
    if (!r.rule)
        return route;
    route.cluster = xstrdup(r.cluster);
    route.rule = xstrdup(r.rule->key);
    route.since = r.since;
    route.previous = copy_or_null(r.previous);
    must(props_copy(&route.properties, &r.rule->u.rule.properties));
    route.fence = r.rule->u.rule.fence;
    route.standby = copy_or_null(r.rule->u.rule.standby);
    if (!*topic)
        return route;
    view_of(t, r.cluster, topic, &route.view, &route.n_view);
    if (route.standby)
        view_of(t, route.standby, topic, &route.standby_view,
                &route.n_standby_view);
    return route;
}

static void
add_cluster(struct pt_answer *a, const struct table *t, const char *name)
{
    if (!name || pt_answer_cluster(a, name))
        return;
    const struct item *item = table_find(t, KIND_CLUSTER, name);
    if (!item)
        return; /* a previous cluster that has been deleted since */
    const struct pt_cluster *c = &item->u.cluster;
    struct pt_cluster copy = {
        .name = xstrdup(c->name),
        .bootstrap_servers = xstrdup(c->bootstrap_servers),
    };
    must(props_copy(&copy.properties, &c->properties));
    a->clusters =
        xreallocarray(a->clusters, a->n_clusters + 1, sizeof(*a->clusters));
    a->clusters[a->n_clusters++] = copy;
}

static void
add_flow(struct pt_answer *a, const struct pt_flow *f)
{
    struct pt_flow copy = {
        .source = xstrdup(f->source),
        .target = xstrdup(f->target),
        .policy = xstrdup(f->policy),
        .separator = xstrdup(f->separator),
        .syncs_location = xstrdup(f->syncs_location),
    };
    must(strlist_copy(&copy.mappers, &f->mappers));
    a->flows = xreallocarray(a->flows, a->n_flows + 1, sizeof(*a->flows));
    a->flows[a->n_flows++] = copy;
}

static void
add_flows(struct pt_answer *a, const struct table *t)
{
    const struct items *flows = table_flows(t);
    for (size_t i = 0; i < flows->n; i++) {
        const struct pt_flow *f = &flows->v[i]->u.flow;
        if (pt_answer_cluster(a, f->source) && pt_answer_cluster(a, f->target))
            add_flow(a, f);
    }
}

void
resolve(const struct table *t, const struct pt_identity *id,
        struct pt_answer *out)
{
    struct pt_answer a = {.revision = t->revision};
    a.n_routes = resolve_topics(id);
    a.routes = xcalloc(a.n_routes, sizeof(*a.routes));
    for (size_t i = 0; i < a.n_routes; i++)
        a.routes[i] = route_of(t, id, resolve_topic(id, i));
    for (size_t i = 0; i < a.n_routes; i++) {
        add_cluster(&a, t, a.routes[i].cluster);
        add_cluster(&a, t, a.routes[i].previous);
        add_cluster(&a, t, a.routes[i].standby);
    }
    add_flows(&a, t);
    *out = a;
}
