/*
 * Follows flows backwards from a cluster: what stands on x under some name
 * stands on the cluster under the name that the flow x->cluster gives it.
 * Pure; any thread.
 *
 * Flows among many clusters have more paths than can be followed; names and
 * steps are capped, so that no table makes an answer slow.
 *
 * A path never visits a cluster twice, as MirrorMaker 2 never copies a topic
 * back to where it came from.
 */
#include "route-service/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "common/mm2/naming.h"
#include "route-service/limits.h"

#define TOPIC_MAX 250 /* Kafka allows 249 characters */

/* Clusters from the one asked about to the one being looked at. */
struct path {
    const struct path *to;
    const struct pt_flow *flow; /* from `cluster` to to->cluster; NULL: end */
    const char *cluster;
    int hops;
};

struct views {
    const struct table *table;
    const char *topic;
    struct pt_view *v;
    size_t n;
    int steps;
};

static void
add(struct views *views, const char *topic, const char *origin)
{
    for (size_t i = 0; i < views->n; i++)
        if (strcmp(views->v[i].topic, topic) == 0)
            return;
    views->v = xreallocarray(views->v, views->n + 1, sizeof(*views->v));
    views->v[views->n++] =
        (struct pt_view){.topic = xstrdup(topic), .origin = xstrdup(origin)};
}

/* The topic's name at the end of the path; false: no such name is allowed. */
static bool
name_at_end(const struct path *p, const char *topic, char out[TOPIC_MAX])
{
    char before[TOPIC_MAX];
    if (strlen(topic) >= TOPIC_MAX)
        return false;
    (void)strcpy(out, topic);
    for (; p->flow; p = p->to) {
        const struct naming n = {
            .policy = (enum naming_policy)naming_policy_of(p->flow->policy),
            .separator = p->flow->separator,
            .separator_in_internal = true,
        };
        memcpy(before, out, TOPIC_MAX);
        if (naming_remote(&n, p->cluster, before, out, TOPIC_MAX))
            return false;
    }
    return true;
}

static bool
visited(const struct path *p, const char *cluster)
{
    for (; p; p = p->to)
        if (strcmp(p->cluster, cluster) == 0)
            return true;
    return false;
}

static void
follow(struct views *views, const struct path *p)
{
    char name[TOPIC_MAX];
    if (views->steps++ >= LIMIT_VIEW_STEPS || views->n >= LIMIT_VIEW ||
        !name_at_end(p, views->topic, name))
        return;
    add(views, name, p->cluster);
    const struct items *flows = table_flows(views->table);
    for (size_t i = 0; i < flows->n && p->hops < LIMIT_HOPS; i++) {
        const struct pt_flow *f = &flows->v[i]->u.flow;
        if (strcmp(f->target, p->cluster) != 0 || visited(p, f->source))
            continue;
        const struct path next = {p, f, f->source, p->hops + 1};
        follow(views, &next);
    }
}

void
view_of(const struct table *t, const char *cluster, const char *topic,
        struct pt_view **out, size_t *n)
{
    struct views views = {.table = t, .topic = topic};
    const struct path start = {.cluster = cluster};
    follow(&views, &start);
    *out = views.v;
    *n = views.n;
}
