/* Walks over the dimensions of rules and identities.  Pure; any thread. */
#include "route-service/literal.h"

#include <stddef.h>
#include <string.h>

#include "route-service/match.h"

static void
demand(enum dim dim, const char *attribute, const struct strlist *patterns,
       literal_fn fn, void *arg)
{
    if (!match_all_literal(patterns))
        return;
    for (size_t i = 0; i < patterns->n; i++)
        fn(&(struct literal){dim, attribute, patterns->v[i]}, arg);
}

void
literals_demanded(const struct pt_match *m, literal_fn fn, void *arg)
{
    demand(DIM_CODE, NULL, &m->cluster_code, fn, arg);
    demand(DIM_CLIENT_ID, NULL, &m->client_id, fn, arg);
    demand(DIM_GROUP, NULL, &m->group, fn, arg);
    demand(DIM_TOPIC, NULL, &m->topic, fn, arg);
    for (size_t i = 0; i < m->n_attrs; i++)
        demand(DIM_ATTRIBUTE, m->attrs[i].key, &m->attrs[i].patterns, fn, arg);
    demand(DIM_ROLE, NULL, &m->role, fn, arg);
}

static void
offer(enum dim dim, const char *attribute, const char *value, literal_fn fn,
      void *arg)
{
    fn(&(struct literal){dim, attribute, value ? value : ""}, arg);
}

void
literals_offered(const struct pt_identity *id, literal_fn fn, void *arg)
{
    offer(DIM_CODE, NULL, id->cluster_code, fn, arg);
    offer(DIM_CLIENT_ID, NULL, id->client_id, fn, arg);
    offer(DIM_GROUP, NULL, id->group, fn, arg);
    for (size_t i = 0; i < id->topics.n; i++)
        offer(DIM_TOPIC, NULL, id->topics.v[i], fn, arg);
    if (id->topics.n == 0)
        offer(DIM_TOPIC, NULL, NULL, fn, arg);
    for (size_t i = 0; i < id->attrs.n; i++)
        offer(DIM_ATTRIBUTE, id->attrs.v[i].key, id->attrs.v[i].value, fn, arg);
    offer(DIM_ROLE, NULL, id->role, fn, arg);
}

static const struct strlist *
attribute_patterns(const struct pt_match *m, const char *attribute)
{
    for (size_t i = 0; i < m->n_attrs; i++)
        if (strcmp(m->attrs[i].key, attribute) == 0)
            return &m->attrs[i].patterns;
    return NULL;
}

const struct strlist *
literal_patterns(const struct pt_match *m, enum dim dim, const char *attribute)
{
    switch (dim) {
    case DIM_CODE:
        return &m->cluster_code;
    case DIM_CLIENT_ID:
        return &m->client_id;
    case DIM_GROUP:
        return &m->group;
    case DIM_TOPIC:
        return &m->topic;
    case DIM_ATTRIBUTE:
        return attribute_patterns(m, attribute);
    case DIM_ROLE:
        return &m->role;
    case DIM_COUNT:
    default:
        return NULL;
    }
}
