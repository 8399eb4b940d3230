/*
 * Owns the properties of a flow's Kafka handles: what MirrorMaker 2 would give
 * to the client of the same task, by the same precedence (mm2.md 7.4; lowest
 * first).  For the consumer on source A of A->B:
 *
 *   security at the top, A.security, A->B.source.cluster.security,
 *   A->B.consumer., then once more security at the top and A.security (there,
 *   they are copied to every client of a cluster), A.consumer.,
 *   A->B.source.consumer.
 *
 * The records are written by the producer of the Connect worker, which knows
 * security at the top, B.security, B.producer. and A->B.producer.override.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "replicator/settings_parts.h"

/* One step of the precedence; all keys without these prefixes. */
struct layer {
    enum level level;
    const char *prefix;
    bool security_only;
};

#define LAYERS_MAX 8
#define LAYERS(side, client)                                                   \
    {                                                                          \
        {LEVEL_TOP, "", true}, {LEVEL_CLUSTER, "", true},                      \
            {LEVEL_FLOW, side ".cluster.", true},                              \
            {LEVEL_FLOW, client ".", false}, {LEVEL_TOP, "", true},            \
            {LEVEL_CLUSTER, "", true}, {LEVEL_CLUSTER, client ".", false},     \
        {                                                                      \
            LEVEL_FLOW, side "." client ".", false                             \
        }                                                                      \
    }

static const struct role {
    const char *name;
    bool on_target;
    struct layer layers[LAYERS_MAX];
} roles[ROLES] = {
    [ROLE_SOURCE_CONSUMER] = {"source.consumer", false,
                              LAYERS("source", "consumer")},
    [ROLE_SOURCE_PRODUCER] = {"source.producer", false,
                              LAYERS("source", "producer")},
    [ROLE_SOURCE_ADMIN] = {"source.admin", false, LAYERS("source", "admin")},
    [ROLE_TARGET_CONSUMER] = {"target.consumer", true,
                              LAYERS("target", "consumer")},
    [ROLE_TARGET_PRODUCER] = {"producer.override",
                              true,
                              {{LEVEL_TOP, "", true},
                               {LEVEL_CLUSTER, "", true},
                               {LEVEL_CLUSTER, "producer.", false},
                               {LEVEL_FLOW, "producer.override.", false}}},
    [ROLE_TARGET_ADMIN] = {"target.admin", true, LAYERS("target", "admin")},
};

static const char *const flow_prefixes[] = {
    "producer.override.", "source.cluster.",  "target.cluster.",
    "source.consumer.",   "source.producer.", "source.admin.",
    "target.consumer.",   "target.producer.", "target.admin.",
    "consumer.",          "producer.",        "admin."};

const char *
client_role_name(enum client_role role)
{
    return roles[role].name;
}

/* Two keys of connectors begin like those of clients. */
static bool
is_connectors(const char *key)
{
    return strcmp(key, "consumer.poll.timeout.ms") == 0 ||
           strcmp(key, "admin.timeout.ms") == 0;
}

const char *
settings_client_key(const char *key)
{
    if (is_connectors(key))
        return NULL;
    for (size_t i = 0; i < sizeof(flow_prefixes) / sizeof(char *); i++)
        if (str_starts_with(key, flow_prefixes[i]))
            return key + strlen(flow_prefixes[i]);
    return NULL;
}

static struct client_setting *
find(const struct client_settings *c, const char *key)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i].key, key) == 0)
            return &c->v[i];
    return NULL;
}

const char *
client_settings_get(const struct client_settings *c, const char *key)
{
    const struct client_setting *s = find(c, key);
    return s ? s->value : NULL;
}

void
client_settings_put(struct client_settings *c, const char *key,
                    const char *value, const struct property *from)
{
    struct client_setting *s = find(c, key);
    if (!s) {
        c->v = xreallocarray(c->v, c->n + 1, sizeof(*c->v));
        s = &c->v[c->n++];
        *s = (struct client_setting){.key = xstrdup(key)};
    }
    char *copy = xstrdup(value); /* may be its own */
    free(s->value);
    s->value = copy;
    s->from = from;
}

void
client_settings_fini(struct client_settings *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].key);
        explicit_bzero(c->v[i].value, strlen(c->v[i].value));
        free(c->v[i].value);
    }
    free(c->v);
    *c = (struct client_settings){0};
}

static bool
belongs(const struct item *it, const struct flow_settings *f,
        const struct cluster_settings *c, const struct layer *l)
{
    if (it->level != l->level || !str_starts_with(it->key, l->prefix) ||
        is_connectors(it->key))
        return false;
    if (l->level == LEVEL_FLOW && it->flow != f)
        return false;
    if (l->level == LEVEL_CLUSTER && it->cluster != c)
        return false;
    const char *key = it->key + strlen(l->prefix);
    if (str_starts_with(key, "override."))
        return false; /* a layer of its own */
    return !l->security_only || settings_is_security(key) ||
           strcmp(key, "bootstrap.servers") == 0;
}

static void
add_layer(struct client_settings *to, const struct flow_settings *f,
          const struct cluster_settings *c, const struct layer *l,
          const struct items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        const struct item *it = &items->v[i];
        if (belongs(it, f, c, l))
            client_settings_put(to, it->key + strlen(l->prefix), it->p->value,
                                it->p);
    }
}

static void
build(struct flow_settings *f, enum client_role role, const struct items *items)
{
    const struct role *r = &roles[role];
    for (size_t i = 0; i < LAYERS_MAX && r->layers[i].prefix; i++)
        add_layer(&f->clients[role], f, r->on_target ? f->target : f->source,
                  &r->layers[i], items);
}

void
roles_build(struct settings *s, const struct items *items)
{
    for (size_t i = 0; i < s->n_flows; i++) {
        struct flow_settings *f = &s->flows[i];
        for (int role = 0; role < ROLES && f->enabled; role++)
            build(f, (enum client_role)role, items);
        if (settings_beats_alone(s, f))
            build(f, ROLE_TARGET_PRODUCER, items);
    }
}

void
roles_fini(struct flow_settings *f)
{
    for (int role = 0; role < ROLES; role++)
        client_settings_fini(&f->clients[role]);
}
