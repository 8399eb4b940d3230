/*
 * Owns nothing.  Decides for one key of the file where its value goes, by the
 * rules of MirrorMaker 2 (mm2.md 7.4): what it would ignore is ignored here,
 * but told of; what it would do and we cannot is refused.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "replicator/settings_parts.h"

bool
settings_is_security(const char *key)
{
    return str_starts_with(key, "security.") || str_starts_with(key, "ssl.") ||
           str_starts_with(key, "sasl.");
}

/* As Java reads numbers, classes and booleans: without blanks around them, and
 * TRUE is true. */
static char *
as_java_reads(const struct opt *o, const char *value)
{
    if (o->type == OPT_STR)
        return xstrdup(value);
    while (isspace((unsigned char)*value))
        value++;
    char *copy = xstrdup(value);
    size_t len = strlen(copy);
    while (len > 0 && isspace((unsigned char)copy[len - 1]))
        copy[--len] = '\0';
    for (char *c = copy; *c && o->type == OPT_BOOL; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static int
set(const struct opt *table, void *conf, const struct item *it, struct err *err)
{
    struct err why = {0};
    char *value = as_java_reads(opt_find(table, it->key), it->p->value);
    const int rc = opt_set(table, conf, it->key, value, &why);
    free(value);
    if (rc == 0)
        return 0;
    /* The words of opt_set() repeat the value. */
    return settings_refuse(err, it->p, rc, "%s",
                           it->p->shown ? "its value is not accepted"
                                        : why.text);
}

static bool
is_ours(const char *key)
{
    return opt_find(settings_flow_keys, key) ||
           opt_find(settings_cluster_keys, key) || settings_is_security(key) ||
           str_starts_with(key, "consumer.") ||
           str_starts_with(key, "producer.");
}

static bool
is_known(const char *key)
{
    bool tell;
    return is_ours(key) ||
           settings_other_key(key, "", &tell, NULL) != ERR_NOTFOUND;
}

/* "X->Y.KEY" and "X.KEY" of clusters that do not exist are misspellings:
 * what they ask for would be left out. */
static int
check_prefix(const struct property *p, struct err *err)
{
    const char *arrow = strstr(p->key, "->");
    const char *from = arrow ? arrow : p->key;
    for (const char *dot = strchr(from, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (dot == p->key || !(arrow ? is_known(dot + 1) : is_ours(dot + 1)))
            continue;
        return settings_refuse(err, p, ERR_INVALID,
                               "= %s: \"%.*s\" is no %s of \"clusters\"",
                               property_shown(p), (int)(dot - p->key), p->key,
                               arrow ? "flow" : "cluster");
    }
    return 0;
}

static int
apply_unknown(struct settings *s, const struct item *it, struct err *err)
{
    if (it->level == LEVEL_TOP) {
        const int rc = check_prefix(it->p, err);
        if (rc != 0)
            return rc;
    }
    if (it->level == LEVEL_FLOW && !str_starts_with(it->key, "source.") &&
        !str_starts_with(it->key, "target."))
        return settings_refuse(err, it->p, ERR_INVALID,
                               "= %s: a flow has no such key",
                               property_shown(it->p));
    settings_warn(s, it->p, "unknown key (= %s), ignored",
                  property_shown(it->p));
    return 0;
}

static int
tell(struct settings *s, const struct item *it, int rc, bool warn,
     const struct err *why, struct err *err)
{
    if (rc != 0)
        return settings_refuse(err, it->p, rc, "%s", why->text);
    if (warn)
        settings_warn(s, it->p, "ignored: %s", why->text);
    return 0;
}

/* A key without prefix that is MirrorMaker's, but none of our options. */
static int
apply_other(struct settings *s, const struct item *it, struct err *err)
{
    bool warn;
    struct err why = {0};
    const int rc =
        settings_other_key(it->key, property_shown(it->p), &warn, &why);
    if (rc == ERR_NOTFOUND)
        return apply_unknown(s, it, err);
    return tell(s, it, rc, warn, &why, err);
}

/* A key of clusters that stands elsewhere: MirrorMaker 2 does not see it. */
static int
misplaced(struct settings *s, const struct item *it, struct err *err)
{
    if (strcmp(it->key, "exactly.once.source.support") == 0 &&
        strcasecmp(it->p->value, "enabled") == 0)
        return settings_refuse(
            err, it->p, ERR_UNSUPPORTED,
            "counts only behind the name of a target cluster (as in "
            "MirrorMaker 2, which ignores it here): records would be copied at "
            "least once, not exactly once");
    settings_warn(s, it->p,
                  "has no effect without the name of a cluster before it, "
                  "ignored");
    return 0;
}

/* They are in force already (providers.c). */
static int
apply_provider(struct settings *s, const struct item *it)
{
    if (strcmp(it->key, "config.providers") != 0 &&
        !str_ends_with(it->key, ".class") &&
        !str_ends_with(it->key, ".param.allowed.paths") &&
        !str_ends_with(it->key, ".param.allowlist.pattern"))
        settings_warn(s, it->p, "ignored: no provider has such a parameter");
    return 0;
}

static bool
is_workers(const char *key)
{
    return str_starts_with(key, "offset.storage.") &&
           opt_find(settings_cluster_keys, key);
}

int
settings_apply_top(struct settings *s, const struct item *it, struct err *err)
{
    int rc = 0;
    if (strcmp(it->key, "clusters") == 0 || is_workers(it->key) ||
        settings_is_security(it->key))
        return 0;
    if (str_starts_with(it->key, "config.providers"))
        return apply_provider(s, it);
    if (strcmp(it->key, "use.defaults.from") == 0) {
        settings_warn(
            s, it->p,
            "has no effect without the name of a flow before it, ignored");
        return 0;
    }
    if (opt_find(settings_flow_keys, it->key)) {
        for (size_t i = 0; i < s->n_flows && rc == 0; i++)
            rc = set(settings_flow_keys, &s->flows[i], it, err);
        return rc;
    }
    if (opt_find(settings_cluster_keys, it->key) ||
        settings_client_key(it->key))
        return misplaced(s, it, err);
    return apply_other(s, it, err);
}

int
settings_apply_cluster(struct settings *s, const struct item *it,
                       struct err *err)
{
    if (settings_is_security(it->key) ||
        str_starts_with(it->key, "consumer.") ||
        str_starts_with(it->key, "producer.") ||
        str_starts_with(it->key, "admin."))
        return 0;
    if (opt_find(settings_cluster_keys, it->key))
        return set(settings_cluster_keys, it->cluster, it, err);
    if (opt_find(settings_flow_keys, it->key)) {
        settings_warn(s, it->p,
                      "has no effect behind the name of a cluster, only behind "
                      "that of a flow or alone, ignored");
        return 0;
    }
    return apply_other(s, it, err);
}

int
settings_apply_worker(struct settings *s, const struct item *it,
                      struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_clusters && rc == 0 && is_workers(it->key); i++)
        rc = set(settings_cluster_keys, &s->clusters[i], it, err);
    return rc;
}

/* What a flow calls its clusters is what "clusters" calls them. */
static int
check_alias(const struct item *it, struct err *err)
{
    const struct flow_settings *f = it->flow;
    const bool source = strcmp(it->key, "source.cluster.alias") == 0;
    if (!source && strcmp(it->key, "target.cluster.alias") != 0)
        return ERR_NOTFOUND;
    if (strcmp(it->p->value, source ? f->source->name : f->target->name) == 0)
        return 0;
    return settings_refuse(err, it->p, ERR_UNSUPPORTED,
                           "= %s: a cluster is called what \"clusters\" calls "
                           "it",
                           property_shown(it->p));
}

int
settings_apply_flow(struct settings *s, const struct item *it, struct err *err)
{
    if (opt_find(settings_flow_keys, it->key))
        return set(settings_flow_keys, it->flow, it, err);
    if (opt_find(settings_cluster_keys, it->key))
        return misplaced(s, it, err);
    const int rc = check_alias(it, err);
    if (rc != ERR_NOTFOUND)
        return rc;
    const char *client = settings_client_key(it->key);
    if (!client)
        return apply_other(s, it, err);
    if (str_starts_with(it->key, "target.producer."))
        settings_warn(s, it->p,
                      "ignored: offset syncs on the target are written by the "
                      "producer of the records (%s->%s.producer.override.%s)",
                      it->flow->source->name, it->flow->target->name, client);
    else if (strstr(it->key, ".cluster.") && !settings_is_security(client) &&
             strcmp(client, "bootstrap.servers") != 0)
        return apply_unknown(s, it, err);
    return 0;
}
