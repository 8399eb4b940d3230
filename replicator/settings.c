/*
 * Owns the settings while they are built: the frame of clusters and flows,
 * where each key belongs, and one pass per level of precedence.
 */
#include "replicator/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/xmem.h"
#include "replicator/providers.h"
#include "replicator/settings_parts.h"

void
settings_warn(struct settings *s, const struct property *p, const char *fmt,
              ...)
{
    char *what, *line;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0)
        abort();
    va_end(ap);
    line = xasprintf("line %zu: %s: %s", p->line, p->key, what);
    /* One property may go to several clients. */
    if (!strlist_has(&s->warnings, line) &&
        strlist_add(&s->warnings, line) != 0)
        abort();
    free(line);
    free(what);
}

int
settings_refuse(struct err *err, const struct property *p, int code,
                const char *fmt, ...)
{
    struct err why = {0};
    va_list ap;
    va_start(ap, fmt);
    (void)err_vset(&why, code, fmt, ap);
    va_end(ap);
    return err_field(err, code, p->key, property_shown(p), "line %zu: %s: %s",
                     p->line, p->key, why.text);
}

static struct cluster_settings *
cluster_of(struct settings *s, const char *name, size_t len)
{
    for (size_t i = 0; i < s->n_clusters; i++)
        if (strlen(s->clusters[i].name) == len &&
            memcmp(s->clusters[i].name, name, len) == 0)
            return &s->clusters[i];
    return NULL;
}

const struct cluster_settings *
settings_cluster(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->n_clusters; i++)
        if (strcmp(s->clusters[i].name, name) == 0)
            return &s->clusters[i];
    return NULL;
}

const struct flow_settings *
settings_flow(const struct settings *s, const char *source, const char *target)
{
    for (size_t i = 0; i < s->n_flows; i++)
        if (strcmp(s->flows[i].source->name, source) == 0 &&
            strcmp(s->flows[i].target->name, target) == 0)
            return &s->flows[i];
    return NULL;
}

/* Aliases may hold dots and begin alike: the longest that fits is meant. */
static struct item
locate(struct settings *s, const struct property *p)
{
    struct item it = {.p = p, .level = LEVEL_TOP, .key = p->key};
    size_t best = 0;
    for (size_t i = 0; i < s->n_flows; i++) {
        const size_t len = strlen(s->flows[i].name);
        if (len <= best || strncmp(p->key, s->flows[i].name, len) != 0 ||
            p->key[len] != '.')
            continue;
        best = len;
        it.level = LEVEL_FLOW;
        it.flow = &s->flows[i];
        it.key = p->key + len + 1;
    }
    if (it.level == LEVEL_FLOW)
        return it;
    for (const char *dot = strchr(p->key, '.'); dot;
         dot = strchr(dot + 1, '.')) {
        struct cluster_settings *c =
            cluster_of(s, p->key, (size_t)(dot - p->key));
        if (!c)
            continue;
        it.level = LEVEL_CLUSTER;
        it.cluster = c;
        it.key = dot + 1;
    }
    return it;
}

static int
make_clusters(struct settings *s, const struct strlist *names, struct err *err)
{
    s->clusters = xcalloc(names->n, sizeof(*s->clusters));
    for (size_t i = 0; i < names->n; i++) {
        if (settings_cluster(s, names->v[i]))
            return err_field(err, ERR_INVALID, "clusters", names->v[i],
                             "clusters: \"%s\" stands twice", names->v[i]);
        struct cluster_settings *c = &s->clusters[s->n_clusters++];
        c->name = xstrdup(names->v[i]);
        const int rc = opt_defaults(settings_cluster_keys, c, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int
make_flows(struct settings *s, struct err *err)
{
    s->flows = xcalloc(s->n_clusters * s->n_clusters, sizeof(*s->flows));
    for (size_t i = 0; i < s->n_clusters * s->n_clusters; i++) {
        const struct cluster_settings *from = &s->clusters[i / s->n_clusters];
        const struct cluster_settings *to = &s->clusters[i % s->n_clusters];
        if (from == to)
            continue;
        struct flow_settings *f = &s->flows[s->n_flows++];
        f->name = xasprintf("%s->%s", from->name, to->name);
        f->source = from;
        f->target = to;
        f->dead_letter_topic = xasprintf("%s.dead-letter", from->name);
        const int rc = opt_defaults(settings_flow_keys, f, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int
make_frame(struct settings *s, const struct properties *props, struct err *err)
{
    const char *list = NULL;
    for (size_t i = 0; i < props->n; i++)
        if (strcmp(props->v[i].key, "clusters") == 0)
            list = props->v[i].value;
    if (!list)
        return err_field(err, ERR_INVALID, "clusters", "",
                         "clusters: is missing; name the clusters, as in "
                         "\"clusters = a, b\"");
    struct strlist names = {0};
    int rc = strlist_split(&names, list, ",");
    if (rc == 0 && names.n < 2)
        rc = err_field(err, ERR_INVALID, "clusters", list,
                       "clusters: \"%s\" names fewer than two clusters", list);
    if (rc == 0)
        rc = make_clusters(s, &names, err);
    if (rc == 0)
        rc = make_flows(s, err);
    strlist_fini(&names);
    return rc;
}

static int
apply_level(struct settings *s, const struct items *items, enum level level,
            int (*apply)(struct settings *, const struct item *, struct err *),
            struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < items->n && rc == 0; i++)
        if (items->v[i].level == level)
            rc = apply(s, &items->v[i], err);
    return rc;
}

struct seen {
    const struct property *p;
    UT_hash_handle hh;
};

/* The last one counts, as in Java. */
static void
warn_of_doubles(struct settings *s)
{
    struct seen *seen = NULL, *of, *tmp;
    struct seen *all = xcalloc(s->props.n + 1, sizeof(*all));
    for (size_t i = 0; i < s->props.n; i++) {
        const struct property *p = &s->props.v[i];
        HASH_FIND_STR(seen, p->key, of);
        if (of) {
            settings_warn(s, of->p, "is given again later, which counts");
            of->p = p;
            continue;
        }
        all[i].p = p;
        HASH_ADD_KEYPTR(hh, seen, p->key, strlen(p->key), &all[i]);
    }
    HASH_ITER(hh, seen, of, tmp)
    HASH_DEL(seen, of);
    free(all);
}

static struct items
locate_all(struct settings *s)
{
    struct items items = {.n = s->props.n};
    items.v = xcalloc(items.n + 1, sizeof(*items.v));
    for (size_t i = 0; i < items.n; i++)
        items.v[i] = locate(s, &s->props.v[i]);
    return items;
}

/* MirrorMaker 2's order: what is applied later wins. */
static int
apply_all(struct settings *s, const struct items *items, struct err *err)
{
    int rc = apply_level(s, items, LEVEL_TOP, settings_apply_top, err);
    if (rc == 0)
        rc = apply_level(s, items, LEVEL_CLUSTER, settings_apply_cluster, err);
    if (rc == 0)
        rc = apply_level(s, items, LEVEL_TOP, settings_apply_worker, err);
    if (rc == 0)
        rc = apply_level(s, items, LEVEL_FLOW, settings_apply_flow, err);
    return rc;
}

/* Flows to other clusters are another process's. */
static int
limit(struct settings *s, const struct strlist *targets, struct err *err)
{
    for (size_t i = 0; i < targets->n; i++)
        if (!settings_cluster(s, targets->v[i]))
            return err_field(err, ERR_INVALID, "--clusters", targets->v[i],
                             "--clusters: \"%s\" is none of \"clusters\"",
                             targets->v[i]);
    size_t before = 0, after = 0;
    for (size_t i = 0; i < s->n_flows && targets->n > 0; i++) {
        struct flow_settings *f = &s->flows[i];
        before += f->enabled;
        if (!strlist_has(targets, f->target->name))
            f->enabled = f->heartbeats_enabled = false;
        after += f->enabled;
    }
    if (before > 0 && after == 0)
        return err_field(err, ERR_INVALID, "--clusters", targets->v[0],
                         "--clusters: no flow to these clusters is enabled");
    return 0;
}

int
settings_load(const char *text, size_t len, struct settings *out,
              struct err *err)
{
    return settings_load_as(text, len, &(struct settings_how){0}, out, err);
}

int
settings_load_as(const char *text, size_t len, const struct settings_how *how,
                 struct settings *out, struct err *err)
{
    struct items items = {0};
    *out = (struct settings){0};
    int rc = properties_parse(text, len, &out->props, err);
    if (rc != 0)
        return rc;
    rc = providers_resolve(&out->props, err);
    properties_hide_secrets(&out->props);
    if (rc == 0)
        rc = make_frame(out, &out->props, err);
    if (rc == 0) {
        warn_of_doubles(out);
        items = locate_all(out);
        rc = apply_all(out, &items, err);
        if (rc == 0 && how->targets)
            rc = limit(out, how->targets, err);
        if (rc == 0 && how->old)
            settings_keep(out, how->old);
        if (rc == 0)
            roles_build(out, &items);
        free(items.v);
    }
    if (rc == 0)
        rc = settings_finish(out, err);
    if (rc != 0)
        settings_fini(out);
    return rc;
}

static void
flow_fini(struct flow_settings *f)
{
    settings_finish_fini(f);
    roles_fini(f);
    opt_fini(settings_flow_keys, f);
    free(f->name);
}

static void
cluster_fini(struct cluster_settings *c)
{
    opt_fini(settings_cluster_keys, c);
    free(c->name);
}

void
settings_fini(struct settings *s)
{
    for (size_t i = 0; i < s->n_flows; i++)
        flow_fini(&s->flows[i]);
    for (size_t i = 0; i < s->n_clusters; i++)
        cluster_fini(&s->clusters[i]);
    free(s->flows);
    free(s->clusters);
    strlist_fini(&s->warnings);
    strlist_fini(&s->stale);
    properties_fini(&s->props);
    *s = (struct settings){0};
}
