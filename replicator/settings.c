/*
 * Owns the settings while they are built: one pass per level of precedence
 * over the properties, then a check of what only shows in the whole.
 */
#include "replicator/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"
#include "replicator/properties.h"

enum level { LEVEL_TOP, LEVEL_CLUSTER, LEVEL_FLOW, LEVELS };

/* One property on its way: where it belongs, and its key without prefix. */
struct item {
    const struct property *p;
    enum level level;
    struct cluster_settings *cluster;
    struct flow_settings *flow;
    const char *key;
};

static void
warn(struct settings *s, const struct property *p, const char *what)
{
    char *line = xasprintf("line %zu: %s: %s", p->line, p->key, what);
    if (strlist_add(&s->warnings, line) != 0)
        abort();
    free(line);
}

/* Puts line and full key before what is wrong. */
static int
refuse(struct err *err, const struct property *p, int code,
       const struct err *why)
{
    return err_field(err, code, p->key, p->value, "line %zu: %s: %s", p->line,
                     p->key, why->text);
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

static bool
is_security(const char *key)
{
    return str_starts_with(key, "security.") || str_starts_with(key, "ssl.") ||
           str_starts_with(key, "sasl.");
}

static void
put(struct props *to, const char *key, const char *value)
{
    if (props_set(to, key, value) != 0)
        abort();
}

/* The client property behind one of the prefixes, or NULL. */
static const char *
behind(const char *key, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (str_starts_with(key, *prefixes))
            return key + strlen(*prefixes);
    return NULL;
}

static int
refuse_unknown(struct err *err, const struct property *p, const char *why)
{
    return err_field(err, ERR_INVALID, p->key, p->value,
                     "line %zu: %s = %s: %s", p->line, p->key, p->value, why);
}

static bool
goes_to_a_client(const char *key)
{
    return str_starts_with(key, "consumer.") ||
           str_starts_with(key, "producer.");
}

static bool
is_ours(const char *key)
{
    return opt_find(settings_flow_keys, key) ||
           opt_find(settings_cluster_keys, key) || is_security(key) ||
           goes_to_a_client(key);
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
    static const char *const roles[] = {"consumer.", "producer.", "source.",
                                        "target.", NULL};
    const char *arrow = strstr(p->key, "->");
    const char *from = arrow ? arrow : p->key;
    for (size_t i = 0; !arrow && roles[i]; i++)
        if (str_starts_with(p->key, roles[i]))
            return 0;
    for (const char *dot = strchr(from, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (dot == p->key || !(arrow ? is_known(dot + 1) : is_ours(dot + 1)))
            continue;
        char *why =
            xasprintf("\"%.*s\" is no %s of \"clusters\"", (int)(dot - p->key),
                      p->key, arrow ? "flow" : "cluster");
        const int rc = refuse_unknown(err, p, why);
        free(why);
        return rc;
    }
    return 0;
}

static void
warn_unknown(struct settings *s, const struct property *p)
{
    char *what = xasprintf("unknown key (= %s), ignored", p->value);
    warn(s, p, what);
    free(what);
}

static int
apply_unknown(struct settings *s, const struct item *it, struct err *err)
{
    static const char *const passed[] = {"source.", "target.", "producer.",
                                         NULL};
    int rc = 0;
    if (it->level == LEVEL_TOP)
        rc = check_prefix(it->p, err);
    else if (it->level == LEVEL_FLOW && !behind(it->key, passed))
        rc = refuse_unknown(err, it->p, "a flow has no such key");
    if (rc == 0)
        warn_unknown(s, it->p);
    return rc;
}

/* A key without prefix that is MirrorMaker's, but none of our options. */
static int
apply_other(struct settings *s, const struct item *it, struct err *err)
{
    bool tell;
    struct err why = {0};
    const int rc = settings_other_key(it->key, it->p->value, &tell, &why);
    if (rc == ERR_NOTFOUND)
        return apply_unknown(s, it, err);
    if (rc != 0)
        return refuse(err, it->p, rc, &why);
    if (tell)
        warn(s, it->p, "not supported yet, ignored by this version");
    return 0;
}

static int
check_pending(struct settings *s, const struct item *it, struct err *err)
{
    bool tell;
    struct err why = {0};
    const int rc = settings_pending_key(it->key, it->p->value, &tell, &why);
    if (rc == ERR_NOTFOUND)
        return 0;
    if (rc != 0)
        return refuse(err, it->p, rc, &why);
    if (tell)
        warn(s, it->p, "not supported yet, ignored by this version");
    return 0;
}

static int
apply_to_all_flows(struct settings *s, const struct item *it, struct err *err)
{
    struct err why = {0};
    int rc = 0;
    for (size_t i = 0; i < s->n_flows && rc == 0; i++)
        rc = opt_set(settings_flow_keys, &s->flows[i], it->key, it->p->value,
                     &why);
    return rc == 0 ? 0 : refuse(err, it->p, rc, &why);
}

static int
apply_to_all_clusters(struct settings *s, const struct item *it,
                      struct err *err)
{
    struct err why = {0};
    int rc = 0;
    for (size_t i = 0; i < s->n_clusters && rc == 0; i++)
        rc = opt_set(settings_cluster_keys, &s->clusters[i], it->key,
                     it->p->value, &why);
    return rc == 0 ? 0 : refuse(err, it->p, rc, &why);
}

static int
apply_top(struct settings *s, const struct item *it, struct err *err)
{
    if (strcmp(it->key, "clusters") == 0)
        return 0;
    if (strcmp(it->key, "exactly.once.source.support") == 0 &&
        strcmp(it->p->value, "enabled") == 0)
        return err_field(err, ERR_UNSUPPORTED, it->p->key, it->p->value,
                         "line %zu: %s: counts only behind the name of a "
                         "target cluster (as in MirrorMaker 2, which ignores "
                         "it here): records would be copied at least once, "
                         "not exactly once",
                         it->p->line, it->p->key);
    if (strcmp(it->key, "use.defaults.from") == 0) {
        warn(s, it->p,
             "has no effect without the name of a flow before it, ignored");
        return 0;
    }
    if (opt_find(settings_flow_keys, it->key))
        return apply_to_all_flows(s, it, err);
    if (opt_find(settings_cluster_keys, it->key) &&
        str_starts_with(it->key, "offset.storage."))
        return apply_to_all_clusters(s, it, err);
    if (is_security(it->key)) {
        for (size_t i = 0; i < s->n_clusters; i++)
            put(&s->clusters[i].client, it->key, it->p->value);
        return 0;
    }
    if (opt_find(settings_cluster_keys, it->key) ||
        str_starts_with(it->key, "consumer.fetch") ||
        str_starts_with(it->key, "producer.")) {
        warn(s, it->p,
             "has no effect without the name of a cluster before "
             "it, ignored");
        return 0;
    }
    return apply_other(s, it, err);
}

static int
apply_cluster(struct settings *s, const struct item *it, struct err *err)
{
    struct cluster_settings *c = it->cluster;
    struct err why = {0};
    if (opt_find(settings_cluster_keys, it->key)) {
        const int rc =
            opt_set(settings_cluster_keys, c, it->key, it->p->value, &why);
        return rc == 0 ? 0 : refuse(err, it->p, rc, &why);
    }
    if (is_security(it->key))
        put(&c->client, it->key, it->p->value);
    else if (str_starts_with(it->key, "consumer."))
        put(&c->consumer, it->key + strlen("consumer."), it->p->value);
    else if (str_starts_with(it->key, "producer."))
        put(&c->producer, it->key + strlen("producer."), it->p->value);
    else
        return apply_other(s, it, err);
    return 0;
}

static int
apply_flow(struct settings *s, const struct item *it, struct err *err)
{
    static const char *const consumers[] = {"source.consumer.", "consumer.",
                                            NULL};
    static const char *const producers[] = {"producer.override.", NULL};
    struct err why = {0};
    if (opt_find(settings_flow_keys, it->key)) {
        const int rc =
            opt_set(settings_flow_keys, it->flow, it->key, it->p->value, &why);
        return rc == 0 ? 0 : refuse(err, it->p, rc, &why);
    }
    bool tell;
    if (settings_other_key(it->key, it->p->value, &tell, NULL) != ERR_NOTFOUND)
        return apply_other(s, it, err);
    const char *consumer = behind(it->key, consumers);
    const char *producer = behind(it->key, producers);
    if (consumer)
        put(&it->flow->consumer, consumer, it->p->value);
    else if (producer)
        put(&it->flow->producer, producer, it->p->value);
    else
        return apply_other(s, it, err);
    return 0;
}

static int
apply_level(struct settings *s, const struct properties *props,
            enum level level, struct err *err)
{
    static int (*const apply[LEVELS])(struct settings *, const struct item *,
                                      struct err *) = {
        [LEVEL_TOP] = apply_top,
        [LEVEL_CLUSTER] = apply_cluster,
        [LEVEL_FLOW] = apply_flow,
    };
    int rc = 0;
    for (size_t i = 0; i < props->n && rc == 0; i++) {
        const struct item it = locate(s, &props->v[i]);
        if (it.level != level)
            continue;
        rc = check_pending(s, &it, err);
        if (rc == 0)
            rc = apply[level](s, &it, err);
    }
    return rc;
}

static void
warn_of_doubles(struct settings *s, const struct properties *props)
{
    for (size_t i = 0; i < props->n; i++) {
        for (size_t k = i + 1; k < props->n; k++) {
            if (strcmp(props->v[i].key, props->v[k].key) != 0)
                continue;
            warn(s, &props->v[i], "is given again later, which counts");
            break;
        }
    }
}

static int
finish_policy(struct flow_settings *f, struct err *err)
{
    const char *dot = strrchr(f->policy_class, '.');
    const char *simple = dot ? dot + 1 : f->policy_class;
    if (strcmp(simple, "DefaultReplicationPolicy") == 0)
        f->naming.policy = NAMING_DEFAULT;
    else if (strcmp(simple, "IdentityReplicationPolicy") == 0)
        f->naming.policy = NAMING_IDENTITY;
    else
        return err_field(err, ERR_UNSUPPORTED, "replication.policy.class",
                         f->policy_class,
                         "replication.policy.class: \"%s\" is not supported; "
                         "use DefaultReplicationPolicy or "
                         "IdentityReplicationPolicy",
                         f->policy_class);
    if (!f->separator[0])
        return err_field(err, ERR_INVALID, "replication.policy.separator", "",
                         "replication.policy.separator: is empty");
    f->naming.separator = f->separator;
    f->naming.separator_in_internal = f->separator_in_internal;
    return 0;
}

/* Which of `choices` the text is; the error names them all. */
static int
finish_choice(const char *key, const char *text, const char *const *choices,
              size_t *out, struct err *err)
{
    struct buf all;
    for (size_t i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return 0;
        }
    }
    buf_init(&all, sizeof(err->text));
    for (size_t i = 0; choices[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", choices[i]);
    const int rc =
        err_field(err, ERR_INVALID, key, text, "%s: \"%s\" is none of %s", key,
                  text, all.data ? all.data : "");
    buf_fini(&all);
    return rc;
}

static int
finish_choices(struct flow_settings *f, struct err *err)
{
    static const char *const sides[] = {"source", "target", NULL};
    static const char *const refused[] = {"wait", "stop", "dead-letter", NULL};
    static const char *const truncated[] = {"continue", "stop", "restart",
                                            NULL};
    size_t syncs, defaults, refusal, truncation;
    int rc = finish_choice("offset-syncs.topic.location", f->syncs_location,
                           sides, &syncs, err);
    if (rc == 0)
        rc = finish_choice("use.defaults.from", f->configs_defaults_text, sides,
                           &defaults, err);
    if (rc == 0)
        rc = finish_choice("shunt.on.refused", f->on_refused_text, refused,
                           &refusal, err);
    if (rc == 0)
        rc = finish_choice("shunt.on.truncation", f->on_truncation_text,
                           truncated, &truncation, err);
    if (rc != 0)
        return rc;
    f->syncs_on_target = syncs == 1;
    f->configs_defaults_from_source = defaults == 0;
    f->on_refused = (enum on_refused)refusal;
    f->on_truncation = (enum on_truncation)truncation;
    return 0;
}

static int
finish_cluster(struct cluster_settings *c, struct err *err)
{
    static const char *const support[] = {"disabled", "preparing", "enabled",
                                          NULL};
    size_t chosen;
    char *key = xasprintf("%s.exactly.once.source.support", c->name);
    const int rc =
        finish_choice(key, c->exactly_once_text, support, &chosen, err);
    free(key);
    c->exactly_once = rc == 0 && chosen == 2;
    return rc;
}

static int
finish_pattern(const char *key, const char *text, struct pattern **out,
               struct err *err)
{
    struct err why = {0};
    const int rc = pattern_new(text, out, &why);
    return rc == 0 ? 0 : err_field(err, rc, key, text, "%s: %s", key, why.text);
}

static int
finish_flow(struct flow_settings *f, struct err *err)
{
    if (!f->dead_letter_topic)
        f->dead_letter_topic = xasprintf("%s.dead-letter", f->source->name);
    int rc = finish_choices(f, err);
    if (rc == 0)
        rc = finish_policy(f, err);
    if (rc == 0)
        rc = finish_pattern("topics", f->topics_text, &f->topics, err);
    if (rc == 0)
        rc = finish_pattern("topics.exclude", f->topics_exclude_text,
                            &f->topics_exclude, err);
    if (rc == 0)
        rc = finish_pattern("groups", f->groups_text, &f->groups, err);
    if (rc == 0)
        rc = finish_pattern("groups.exclude", f->groups_exclude_text,
                            &f->groups_exclude, err);
    if (rc == 0)
        rc = finish_pattern("config.properties.exclude",
                            f->configs_exclude_text, &f->configs_exclude, err);
    return rc;
}

/* The two flows of a pair may collide in ways that no single key shows. */
static int
check_pair(struct settings *s, const struct flow_settings *f,
           const struct flow_settings *back, struct err *err)
{
    if (f->syncs_enabled && back->syncs_enabled && !f->syncs_on_target &&
        back->syncs_on_target)
        return err_field(err, ERR_INVALID, "offset-syncs.topic.location",
                         "target",
                         "offset-syncs.topic.location: %s has it on its "
                         "source and %s on its target: both would write the "
                         "same topic on %s; use the same location for both",
                         f->name, back->name, f->source->name);
    if (f->naming.policy == NAMING_IDENTITY && f < back &&
        strlist_add(&s->warnings,
                    "IdentityReplicationPolicy both ways: a topic that both "
                    "flows select is copied back and forth for ever") != 0)
        return err_nomem(err);
    return 0;
}

static int
check_flow(struct settings *s, const struct flow_settings *f, struct err *err)
{
    const struct cluster_settings *ends[] = {f->source, f->target};
    for (size_t i = 0; i < 2; i++) {
        char field[128];
        if (ends[i]->bootstrap_servers && ends[i]->bootstrap_servers[0])
            continue;
        (void)snprintf(field, sizeof(field), "%s.bootstrap.servers",
                       ends[i]->name);
        return err_field(err, ERR_INVALID, field, "",
                         "%s: is missing, and %s needs it", field, f->name);
    }
    const struct flow_settings *back =
        settings_flow(s, f->target->name, f->source->name);
    return back && back->enabled ? check_pair(s, f, back, err) : 0;
}

static int
finish(struct settings *s, struct err *err)
{
    int rc = 0;
    size_t enabled = 0;
    for (size_t i = 0; i < s->n_clusters && rc == 0; i++)
        rc = finish_cluster(&s->clusters[i], err);
    for (size_t i = 0; i < s->n_flows && rc == 0; i++)
        rc = finish_flow(&s->flows[i], err);
    for (size_t i = 0; i < s->n_flows && rc == 0; i++) {
        if (!s->flows[i].enabled)
            continue;
        enabled++;
        rc = check_flow(s, &s->flows[i], err);
    }
    if (rc == 0 && enabled == 0)
        return err_set(err, ERR_INVALID,
                       "no flow is enabled; add a line such as "
                       "\"%s.enabled = true\"",
                       s->flows[0].name);
    return rc;
}

int
settings_load(const char *text, size_t len, struct settings *out,
              struct err *err)
{
    struct properties props;
    *out = (struct settings){0};
    int rc = properties_parse(text, len, &props, err);
    if (rc != 0)
        return rc;
    rc = make_frame(out, &props, err);
    if (rc == 0)
        warn_of_doubles(out, &props);
    for (enum level l = LEVEL_TOP; l < LEVELS && rc == 0; l++)
        rc = apply_level(out, &props, l, err);
    if (rc == 0)
        rc = finish(out, err);
    properties_fini(&props);
    if (rc != 0)
        settings_fini(out);
    return rc;
}

static void
flow_fini(struct flow_settings *f)
{
    pattern_free(f->topics);
    pattern_free(f->topics_exclude);
    pattern_free(f->groups);
    pattern_free(f->groups_exclude);
    pattern_free(f->configs_exclude);
    props_fini(&f->consumer);
    props_fini(&f->producer);
    opt_fini(settings_flow_keys, f);
    free(f->name);
}

static void
cluster_fini(struct cluster_settings *c)
{
    props_fini(&c->client);
    props_fini(&c->consumer);
    props_fini(&c->producer);
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
    *s = (struct settings){0};
}

bool
settings_copies_topic(const struct flow_settings *f, const char *topic)
{
    const bool selected = pattern_match(f->topics, topic) &&
                          !pattern_match(f->topics_exclude, topic);
    const bool beats =
        f->heartbeats_replicated && naming_is_heartbeats(&f->naming, topic);
    return (selected || beats) && !naming_is_internal(&f->naming, topic) &&
           !naming_is_cycle(&f->naming, f->target->name, topic);
}

bool
settings_follows_group(const struct flow_settings *f, const char *group)
{
    return pattern_match(f->groups, group) &&
           !pattern_match(f->groups_exclude, group);
}
