/*
 * Owns nothing.  What a running process takes over from a file that was loaded
 * anew: only keys that every thread looks at again and again.  All others keep
 * the value in force, so that nothing is half applied, and are told of.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "replicator/settings_parts.h"

static const char *const reloadable[] = {
    "topics",
    "topics.exclude",
    "groups",
    "groups.exclude",
    "config.properties.exclude",
    "refresh.topics.interval.seconds",
    "refresh.groups.interval.seconds",
    "emit.heartbeats.interval.seconds",
    "emit.checkpoints.interval.seconds",
    "sync.group.offsets.interval.seconds",
    "sync.topic.configs.interval.seconds",
    "sync.topic.acls.interval.seconds",
    "offset.flush.interval.ms",
};

bool
settings_is_reloadable(const char *key)
{
    for (size_t i = 0; i < sizeof(reloadable) / sizeof(reloadable[0]); i++)
        if (strcmp(reloadable[i], key) == 0)
            return true;
    return false;
}

static void
stale(struct settings *s, const char *name, const char *key)
{
    char *text = xasprintf("%s.%s", name, key);
    if (strlist_add(&s->stale, text) != 0)
        abort();
    free(text);
}

/* True: they were different. */
static bool
keep_value(const struct opt *o, void *conf, const void *old)
{
    char *to = (char *)conf + o->offset;
    const char *from = (const char *)old + o->offset;
    if (o->type == OPT_BOOL) {
        const bool differs = *(bool *)to != *(const bool *)from;
        *(bool *)to = *(const bool *)from;
        return differs;
    }
    if (o->type == OPT_INT) {
        const bool differs =
            *(int64_t *)(void *)to != *(const int64_t *)(const void *)from;
        *(int64_t *)(void *)to = *(const int64_t *)(const void *)from;
        return differs;
    }
    char **text = (char **)(void *)to;
    const char *was = *(char *const *)(const void *)from;
    if (str_equal(*text, was))
        return false;
    free(*text);
    *text = was ? xstrdup(was) : NULL;
    return true;
}

static void
keep_values(struct settings *s, const char *name, const struct opt *table,
            void *conf, const void *old)
{
    for (const struct opt *o = table; o->key; o++)
        if (!settings_is_reloadable(o->key) && keep_value(o, conf, old))
            stale(s, name, o->key);
}

void
settings_keep(struct settings *s, const struct settings *old)
{
    for (size_t i = 0; i < s->n_clusters; i++) {
        struct cluster_settings *c = &s->clusters[i];
        const struct cluster_settings *was = settings_cluster(old, c->name);
        if (was)
            keep_values(s, c->name, settings_cluster_keys, c, was);
        else
            stale(s, c->name, "bootstrap.servers");
    }
    for (size_t i = 0; i < s->n_flows; i++) {
        struct flow_settings *f = &s->flows[i];
        const struct flow_settings *was =
            settings_flow(old, f->source->name, f->target->name);
        if (was) {
            keep_values(s, f->name, settings_flow_keys, f, was);
        } else if (f->enabled) {
            stale(s, f->name, "enabled");
            f->enabled = false; /* as it is until the restart */
        }
    }
    for (size_t i = 0; i < old->n_flows; i++) {
        const struct flow_settings *f = &old->flows[i];
        if (f->enabled && !settings_flow(s, f->source->name, f->target->name))
            stale(s, f->name, "enabled");
    }
}

/* ---- handles ----------------------------------------------------------- */

static void
compare(struct settings *s, const char *name, const struct client_settings *a,
        const struct client_settings *b, bool both)
{
    for (size_t i = 0; i < a->n; i++) {
        const char *other = client_settings_get(b, a->v[i].key);
        if (other ? both && strcmp(other, a->v[i].value) != 0 : true)
            stale(s, name, a->v[i].key);
    }
}

static void
keep_role(struct settings *s, struct flow_settings *f,
          const struct flow_settings *was, enum client_role role)
{
    struct client_settings *now = &f->clients[role];
    const struct client_settings *old = &was->clients[role];
    char *name = xasprintf("%s.%s", f->name, client_role_name(role));
    compare(s, name, now, old, true);
    compare(s, name, old, now, false);
    free(name);
    client_settings_fini(now);
    for (size_t i = 0; i < old->n; i++)
        client_settings_put(now, old->v[i].key, old->v[i].value,
                            old->v[i].from);
}

void
settings_keep_clients(struct settings *s, const struct settings *old)
{
    for (size_t i = 0; i < s->n_flows; i++) {
        struct flow_settings *f = &s->flows[i];
        const struct flow_settings *was =
            settings_flow(old, f->source->name, f->target->name);
        for (int role = 0; role < ROLES && was && f->enabled; role++)
            keep_role(s, f, was, (enum client_role)role);
    }
}

/* ---- where a value comes from ------------------------------------------ */

static const struct property *
last_of(const struct settings *s, const char *prefix, const char *key)
{
    char *full = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
    const struct property *p = NULL;
    for (size_t i = 0; i < s->props.n; i++)
        if (strcmp(s->props.v[i].key, full) == 0)
            p = &s->props.v[i];
    free(full);
    return p;
}

const struct property *
settings_origin(const struct settings *s, const struct flow_settings *f,
                const char *key)
{
    const struct property *p = last_of(s, f->name, key);
    return p || strcmp(key, "use.defaults.from") == 0 ? p : last_of(s, "", key);
}

const struct property *
settings_cluster_origin(const struct settings *s,
                        const struct cluster_settings *c, const char *key)
{
    const struct property *top =
        str_starts_with(key, "offset.storage.") ? last_of(s, "", key) : NULL;
    return top ? top : last_of(s, c->name, key);
}
