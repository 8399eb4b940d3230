/*
 * The physical topics that a generation is subscribed to.
 *
 * Topics that are routed elsewhere while the others stay are lent to another
 * track: they stay in the subscription whatever the route says of them, until
 * that track has taken them over (then they are `parted`: read by nobody here)
 * and members of the group that learn of the route later have had time to do the
 * same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/kafka/kconf.h"
#include "sdk/src/consumer/generation_int.h"
#include "sdk/src/consumer/inhand.h"
#include "sdk/src/name.h"

void
generation_free_views(struct generation *g)
{
    for (size_t i = 0; i < g->n_views; i++)
        free(g->views[i].topic);
    free(g->views);
    g->views = NULL;
    g->n_views = 0;
}

struct view *
generation_view(const struct generation *g, const char *physical)
{
    for (size_t i = 0; i < g->n_views; i++)
        if (strcmp(g->views[i].topic, physical) == 0)
            return &g->views[i];
    return NULL;
}

bool
generation_reads(const struct generation *g, const char *logical)
{
    for (size_t i = 0; i < g->n_views; i++)
        if (!g->views[i].parted && strcmp(g->views[i].logical, logical) == 0)
            return true;
    return false;
}

/* ---- subscription -------------------------------------------------------- */

static int
add_view(struct generation *g, const struct view *v)
{
    struct view *all = reallocarray(g->views, g->n_views + 1, sizeof(*all));
    if (!all)
        return ERR_NOMEM;
    g->views = all;
    all[g->n_views] = *v;
    all[g->n_views].topic = strdup(v->topic);
    const struct view *mine = &all[g->n_views++];
    return mine->topic && mine->origin && mine->logical ? 0 : ERR_NOMEM;
}

static bool
stays(const struct generation *g, const struct strlist *topics,
      const struct view *v)
{
    return strlist_has(&g->lent, v->logical) &&
           !strlist_has(topics, v->logical);
}

static const struct pt_view *
view_of(const struct generation *g, const struct pt_route *r, size_t *n)
{
    *n = g->standby ? r->n_standby_view : r->n_view;
    return g->standby ? r->standby_view : r->view;
}

static int
list_view(const struct generation *g, const struct pt_answer *a,
          const struct strlist *topics, struct strlist *physical)
{
    int rc = 0;
    for (size_t i = 0; i < a->n_routes; i++) {
        const struct pt_route *r = &a->routes[i];
        if (!strlist_has(topics, r->topic))
            continue;
        size_t n;
        const struct pt_view *view = view_of(g, r, &n);
        for (size_t v = 0; v < n && rc == 0; v++)
            rc = strlist_add(physical, view[v].topic);
    }
    for (size_t i = 0; i < g->n_views && rc == 0; i++)
        if (stays(g, topics, &g->views[i]))
            rc = strlist_add(physical, g->views[i].topic);
    return rc;
}

/* In any order: subscribing anew costs the group a rebalance. */
static bool
view_is(const struct generation *g, const struct strlist *physical)
{
    if (g->n_views != physical->n)
        return false;
    for (size_t i = 0; i < physical->n; i++)
        if (!generation_view(g, physical->v[i]))
            return false;
    return true;
}

static int
add_route(struct generation *g, const struct pt_route *r)
{
    int rc = 0;
    size_t n;
    const struct pt_view *view = view_of(g, r, &n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct view v = {.topic = view[i].topic,
                               .origin = name_intern(view[i].origin),
                               .logical = name_intern(r->topic)};
        rc = add_view(g, &v);
    }
    return rc;
}

static int
set_view(struct generation *g, const struct pt_answer *a,
         const struct strlist *topics)
{
    struct generation old = {.views = g->views, .n_views = g->n_views};
    int rc = 0;
    g->views = NULL;
    g->n_views = 0;
    for (size_t i = 0; i < a->n_routes && rc == 0; i++)
        if (strlist_has(topics, a->routes[i].topic))
            rc = add_route(g, &a->routes[i]);
    for (size_t i = 0; i < old.n_views && rc == 0; i++)
        if (stays(g, topics, &old.views[i]))
            rc = add_view(g, &old.views[i]);
    generation_free_views(&old);
    return rc;
}

static rd_kafka_resp_err_t
subscribe(struct generation *g, const struct strlist *physical)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)physical->n);
    for (size_t i = 0; i < physical->n; i++)
        rd_kafka_topic_partition_list_add(l, physical->v[i],
                                          RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(g->rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

int
generation_subscribe(struct generation *g, const struct pt_answer *a,
                     const struct strlist *topics, bool join, struct err *err)
{
    struct strlist physical = {0};
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int rc = list_view(g, a, topics, &physical);
    const bool subscribes = join && !g->by_hand;
    if (rc == 0 && ((subscribes && !g->subscribed) || !view_is(g, &physical))) {
        rc = set_view(g, a, topics);
        if (rc == 0 && subscribes)
            code = subscribe(g, &physical);
        g->subscribed = g->subscribed || (subscribes && !code);
    }
    strlist_fini(&physical);
    if (rc != 0)
        return err_nomem(err);
    return code ? err_kafka(err, code, "cannot subscribe on cluster %s",
                            g->cluster)
                : 0;
}

void
generation_forget_view(struct generation *g)
{
    generation_free_views(g);
}

/* ---- lending ------------------------------------------------------------- */

int
generation_lend(struct generation *g, const char *logical)
{
    return strlist_has(&g->lent, logical) ? 0 : strlist_add(&g->lent, logical);
}

void
generation_take_back(struct generation *g, const char *logical)
{
    struct strlist *l = &g->lent;
    for (size_t i = l->n; i-- > 0;) {
        if (strcmp(l->v[i], logical) != 0)
            continue;
        free(l->v[i]);
        l->v[i] = l->v[--l->n];
    }
}

void
generation_part_with(struct generation *g, const struct strlist *topics,
                     int64_t until_ms)
{
    for (size_t i = 0; i < g->n_views; i++)
        if (strlist_has(topics, g->views[i].logical))
            g->views[i].parted = true;
    for (struct part *p = g->parts; p; p = p->hh.next) {
        const struct view *v = generation_view(g, p->key.topic);
        if (!v || !v->parted)
            continue;
        generation_set_state(g, p, PART_NONE);
        p->granted = false;
        p->life = inhand_life();
    }
    g->parted_until_ms = until_ms;
    if (g->joined && !g->stopped)
        generation_fetch(g);
}

void
generation_forget_parted(struct generation *g)
{
    for (size_t i = 0; i < g->n_views; i++)
        if (g->views[i].parted)
            generation_take_back(g, g->views[i].logical);
    g->parted_until_ms = 0;
}
