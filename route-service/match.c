/*
 * Rule matching: values in, values out; any thread.
 *
 * Says whether one rule matches and which of two comes first; finding the winner
 * among many is the table's work.
 */
#include "route-service/match.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "common/base/glob.h"
#include "common/base/xmem.h"

bool
match_all_literal(const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (!glob_is_literal(patterns->v[i]))
            return false;
    return patterns->n > 0;
}

static const struct strlist *
attr_of(const struct pt_match *m, const char *key)
{
    for (size_t i = 0; i < m->n_attrs; i++)
        if (strcmp(m->attrs[i].key, key) == 0)
            return &m->attrs[i].patterns;
    return NULL;
}

static void
rank_dimension(struct rank *rank, const struct strlist *patterns,
               const struct strlist *not_patterns)
{
    rank->dimensions += patterns->n > 0 || not_patterns->n > 0;
    rank->literal += match_all_literal(patterns);
}

static void
rank_attributes(struct rank *rank, const struct pt_rule *r)
{
    const struct pt_match *m = &r->match;
    const struct pt_match *not_m = &r->not_match;
    rank->dimensions += (int)m->n_attrs;
    for (size_t i = 0; i < m->n_attrs; i++)
        rank->literal += match_all_literal(&m->attrs[i].patterns);
    for (size_t i = 0; i < not_m->n_attrs; i++)
        rank->dimensions += !attr_of(m, not_m->attrs[i].key);
}

struct rank
match_rank(const struct pt_rule *r)
{
    const struct pt_match *m = &r->match;
    const struct pt_match *not_m = &r->not_match;
    struct rank rank = {.priority = r->priority};
    rank_dimension(&rank, &m->cluster_code, &not_m->cluster_code);
    rank_dimension(&rank, &m->role, &not_m->role);
    rank_dimension(&rank, &m->topic, &not_m->topic);
    rank_dimension(&rank, &m->group, &not_m->group);
    rank_dimension(&rank, &m->client_id, &not_m->client_id);
    rank_attributes(&rank, r);
    rank.dimensions += r->share_by != NULL;
    return rank;
}

int
match_compare(const struct item *a, const struct item *b)
{
    if (a->rank.priority != b->rank.priority)
        return a->rank.priority > b->rank.priority ? -1 : 1;
    if (a->rank.literal != b->rank.literal)
        return b->rank.literal - a->rank.literal;
    if (a->rank.dimensions != b->rank.dimensions)
        return b->rank.dimensions - a->rank.dimensions;
    return strcmp(a->key, b->key);
}

bool
match_ranks_equal(const struct rank *a, const struct rank *b)
{
    return a->priority == b->priority && a->literal == b->literal &&
           a->dimensions == b->dimensions;
}

static bool
any_matches(const struct strlist *patterns, const char *value)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (glob_match(patterns->v[i], value))
            return true;
    return false;
}

/* `patterns` are of "not" when `excluding`. */
static bool
dimension_matches(const char *name, const struct strlist *patterns,
                  const char *value, bool excluding, struct miss *why)
{
    if (patterns->n == 0 ||
        any_matches(patterns, value ? value : "") != excluding)
        return true;
    *why = (struct miss){.dimension = name,
                         .value = value,
                         .kind = excluding ? MISS_NOT : MISS_PATTERNS};
    return false;
}

/* An identity without the attribute is not matched, and not excluded. */
static bool
attributes_match(const struct pt_match *m, const struct props *attrs,
                 bool excluding, struct miss *why)
{
    for (size_t i = 0; i < m->n_attrs; i++) {
        const char *value = props_get(attrs, m->attrs[i].key);
        if ((value && any_matches(&m->attrs[i].patterns, value)) != excluding)
            continue;
        *why = (struct miss){.dimension = "attributes",
                             .attribute = m->attrs[i].key,
                             .value = value,
                             .kind = excluding ? MISS_NOT : MISS_PATTERNS};
        return false;
    }
    return true;
}

static bool
dimensions_match(const struct pt_match *m, const struct pt_identity *id,
                 const char *topic, bool excluding, struct miss *why)
{
    return dimension_matches("cluster.code", &m->cluster_code, id->cluster_code,
                             excluding, why) &&
           dimension_matches("role", &m->role, id->role, excluding, why) &&
           dimension_matches("topic", &m->topic, topic, excluding, why) &&
           dimension_matches("group", &m->group, id->group, excluding, why) &&
           dimension_matches("client.id", &m->client_id, id->client_id,
                             excluding, why) &&
           attributes_match(m, &id->attrs, excluding, why);
}

int
match_bucket(const char *rule_id, const char *value)
{
    char small[512];
    const size_t id_len = strlen(rule_id) + 1;
    const size_t len = id_len + strlen(value);
    char *text = len < sizeof(small) ? small : xmalloc(len + 1);
    memcpy(text, rule_id, id_len);
    memcpy(text + id_len, value, len - id_len);
    const uint64_t hash = XXH3_64bits(text, len);
    if (text != small)
        free(text);
    return (int)(hash % 1000);
}

/* The dimension that the share goes by, and the identity's value of it. */
static struct miss
shared_value(const char *by, const struct pt_identity *id, const char *topic)
{
    static const char attribute[] = "attributes.";
    struct miss m = {.dimension = by, .kind = MISS_SHARE};
    if (str_starts_with(by, attribute)) {
        m.dimension = "attributes";
        m.attribute = by + sizeof(attribute) - 1;
        m.value = props_get(&id->attrs, m.attribute);
    } else if (strcmp(by, "client.id") == 0) {
        m.value = id->client_id;
    } else if (strcmp(by, "group") == 0) {
        m.value = id->group;
    } else if (strcmp(by, "topic") == 0) {
        m.value = topic;
    } else {
        m.value = id->cluster_code;
    }
    if (m.value && !*m.value)
        m.value = NULL;
    return m;
}

static bool
share_matches(const struct pt_rule *r, const struct pt_identity *id,
              const char *topic, struct miss *why)
{
    if (!r->share_by)
        return true;
    struct miss m = shared_value(r->share_by, id, topic);
    if (m.value) {
        m.bucket = match_bucket(r->id, m.value);
        if (m.bucket < r->share * 10)
            return true;
    }
    *why = m;
    return false;
}

bool
match_rule(const struct pt_rule *r, const struct pt_identity *id,
           const char *topic, struct miss *why)
{
    struct miss ignored;
    if (!why)
        why = &ignored;
    return dimensions_match(&r->match, id, topic, false, why) &&
           dimensions_match(&r->not_match, id, topic, true, why) &&
           share_matches(r, id, topic, why);
}

bool
match_in_force(const struct pt_rule *r, int64_t time_ms)
{
    return r->enabled && r->valid_from <= time_ms && time_ms < r->valid_until;
}
