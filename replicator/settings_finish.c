/*
 * Owns what follows from the keys of a file: choices, naming, patterns, and
 * what only shows when two flows are looked at together.  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmem.h"
#include "replicator/settings_parts.h"

static int
finish_policy(struct flow_settings *f, struct err *err)
{
    const char *dot = strrchr(f->policy_class, '.');
    const char *simple = dot ? dot + 1 : f->policy_class;
    /* Identity was called Legacy before Apache Kafka took it. */
    if (strcmp(simple, "DefaultReplicationPolicy") == 0)
        f->naming.policy = NAMING_DEFAULT;
    else if (strcmp(simple, "IdentityReplicationPolicy") == 0 ||
             strcmp(simple, "LegacyReplicationPolicy") == 0)
        f->naming.policy = NAMING_IDENTITY;
    else
        return err_field(err, ERR_UNSUPPORTED, "replication.policy.class",
                         f->policy_class,
                         "replication.policy.class: \"%s\" is not supported; "
                         "use DefaultReplicationPolicy, "
                         "IdentityReplicationPolicy or "
                         "LegacyReplicationPolicy",
                         f->policy_class);
    if (!f->separator[0])
        return err_field(err, ERR_INVALID, "replication.policy.separator", "",
                         "replication.policy.separator: is empty");
    f->naming.separator = f->separator;
    f->naming.separator_in_internal = f->separator_in_internal;
    return 0;
}

/* Which of `choices` the text is; the error names them all. */
int
settings_choice(const char *key, const char *text, const char *const *choices,
                size_t *out, struct err *err)
{
    struct buf all;
    for (size_t i = 0; choices[i]; i++) {
        if (strcasecmp(choices[i], text) == 0) {
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
    static const char *const support[] = {"requested", "required", NULL};
    size_t syncs, defaults, refusal, truncation, required;
    int rc = settings_choice("offset-syncs.topic.location", f->syncs_location,
                             sides, &syncs, err);
    if (rc == 0)
        rc = settings_choice("use.defaults.from", f->configs_defaults_text,
                             sides, &defaults, err);
    if (rc == 0)
        rc = settings_choice("shunt.on.refused", f->on_refused_text, refused,
                             &refusal, err);
    if (rc == 0)
        rc = settings_choice("shunt.on.truncation", f->on_truncation_text,
                             truncated, &truncation, err);
    if (rc == 0)
        rc = settings_choice("exactly.once.support", f->exactly_once_text,
                             support, &required, err);
    if (rc != 0)
        return rc;
    f->syncs_on_target = syncs == 1;
    f->configs_defaults_from_source = defaults == 0;
    f->on_refused = (enum on_refused)refusal;
    f->on_truncation = (enum on_truncation)truncation;
    f->exactly_once_required = required == 1;
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
        settings_choice(key, c->exactly_once_text, support, &chosen, err);
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
check_isolation(const struct flow_settings *f, struct err *err)
{
    const char *level = client_settings_get(&f->clients[ROLE_SOURCE_CONSUMER],
                                            "isolation.level");
    if (!level || strcmp(level, "read_committed") == 0)
        return 0;
    return err_field(err, ERR_INVALID, "isolation.level", level,
                     "isolation.level = %s: %s copies exactly once, which "
                     "records of transactions that are aborted later cannot "
                     "be; read_committed is the default",
                     level, f->name);
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
    if (f->exactly_once_required && !f->target->exactly_once)
        return err_field(
            err, ERR_INVALID, "exactly.once.support", "required",
            "exactly.once.support = required: %s is not exactly "
            "once without %s.exactly.once.source.support = enabled",
            f->name, f->target->name);
    if (f->target->exactly_once) {
        const int rc = check_isolation(f, err);
        if (rc != 0)
            return rc;
    }
    const struct flow_settings *back =
        settings_flow(s, f->target->name, f->source->name);
    return back && back->enabled ? check_pair(s, f, back, err) : 0;
}

int
settings_finish(struct settings *s, struct err *err)
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

void
settings_finish_fini(struct flow_settings *f)
{
    pattern_free(f->topics);
    pattern_free(f->topics_exclude);
    pattern_free(f->groups);
    pattern_free(f->groups_exclude);
    pattern_free(f->configs_exclude);
}

bool
settings_beats_alone(const struct settings *s, const struct flow_settings *f)
{
    const struct flow_settings *back =
        settings_flow(s, f->target->name, f->source->name);
    const char *servers = f->target->bootstrap_servers;
    return f->heartbeats_enabled && !f->enabled && !(back && back->enabled) &&
           servers && servers[0];
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
