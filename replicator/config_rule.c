/* Owns nothing. */
#include "replicator/config_rule.h"

#include <stdlib.h>

static void
put(struct props *to, const char *name, const char *value)
{
    if (props_set(to, name, value) != 0)
        abort(); /* out of memory */
}

/* Is it for the copy at all? */
static bool
counts(const struct config_rule *rule, const struct config_entry *e)
{
    return !e->read_only && !e->sensitive && e->value &&
           e->from != CONFIG_OF_BROKER_FILE &&
           !pattern_match(rule->exclude, e->name);
}

static bool
is_set(const struct config_rule *rule, const struct config_entry *e)
{
    return counts(rule, e) &&
           (e->from != CONFIG_DEFAULT || rule->defaults_from_source);
}

void
config_of_new(const struct config_rule *rule, const struct config *source,
              struct props *out)
{
    for (size_t i = 0; i < source->n; i++)
        if (is_set(rule, &source->v[i]))
            put(out, source->v[i].name, source->v[i].value);
}

static const struct config_entry *
find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_equal(c->v[i].name, name))
            return &c->v[i];
    return NULL;
}

/* The source has left it alone: so shall the copy. */
static bool
is_reset(const struct config_rule *rule, const struct config *source,
         const char *name)
{
    const struct config_entry *e = find(source, name);
    return e && counts(rule, e) && e->from == CONFIG_DEFAULT &&
           !rule->defaults_from_source;
}

enum config_merge
config_merge(const struct config_rule *rule, const struct config *source,
             const struct config *target, struct props *out)
{
    struct props now = {0};
    for (size_t i = 0; i < target->n; i++) {
        const struct config_entry *e = &target->v[i];
        if (e->from != CONFIG_OF_TOPIC)
            continue;
        if (!e->value || e->sensitive) {
            props_fini(&now);
            props_fini(out);
            put(out, e->name, "");
            return CONFIG_HIDDEN;
        }
        put(&now, e->name, e->value);
        if (!is_reset(rule, source, e->name))
            put(out, e->name, e->value);
    }
    config_of_new(rule, source, out);
    props_sort(&now);
    props_sort(out);
    const bool same = props_equal(&now, out);
    props_fini(&now);
    return same ? CONFIG_SAME : CONFIG_DIFFERS;
}
