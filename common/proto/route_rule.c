/*
 * Rules: what a client must say of itself to be routed to a cluster.
 *
 * Pure.  In JSON "not" and the share stand inside "match"; in the struct beside
 * it, because they are no dimensions by which a rule could be found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "common/base/js.h"
#include "common/base/utc.h"
#include "common/proto/route.h"
#include "common/proto/route_parts.h"

/* One dimension: a pattern or a list of them, each well-formed. */
static int
read_patterns(const struct json_t *j, const char *path, const char *key,
              struct strlist *out, struct err *err)
{
    const int rc = js_get_strs(j, path, key, JS_OPTIONAL, out, err);
    if (rc)
        return rc;
    struct json_t *list = NULL;
    const bool listed =
        js_get_array(j, path, key, JS_OPTIONAL, &list, NULL) == 0 && list;
    const struct part_path in = part_path_of(path, key);
    if (listed && js_len(list) == 0)
        return err_field(err, ERR_INVALID, in.s, "[]",
                         "%s is an empty list: leave it out to match "
                         "everything",
                         in.s);
    for (size_t i = 0; i < out->n; i++) {
        if (glob_valid(out->v[i]))
            continue;
        const struct part_path at = listed ? part_path_at(in.s, i) : in;
        return err_field(err, ERR_INVALID, at.s, out->v[i],
                         "%s: \"%.100s\" is no pattern: text, * and ? (not "
                         "empty, no [ ] or \\)",
                         at.s, out->v[i]);
    }
    return 0;
}

static int
check_roles(const struct strlist *roles, const char *path, struct err *err)
{
    for (size_t i = 0; i < roles->n; i++) {
        if (glob_match(roles->v[i], "producer") ||
            glob_match(roles->v[i], "consumer"))
            continue;
        const struct part_path at = part_path_of(path, "role");
        return err_field(err, ERR_INVALID, at.s, roles->v[i],
                         "%s: \"%.100s\" matches neither producer nor "
                         "consumer",
                         at.s, roles->v[i]);
    }
    return 0;
}

static void
attr_fini(struct pt_attr *a)
{
    free(a->key);
    strlist_fini(&a->patterns);
}

struct attr_reading {
    const struct json_t *in;
    struct part_path path;
    struct pt_match *match;
    struct err *err;
};

static int
read_attr(const char *key, struct json_t *value, void *arg)
{
    struct attr_reading *r = arg;
    struct pt_attr *a = &r->match->attrs[r->match->n_attrs++];
    const struct part_path at = part_path_of(r->path.s, key);
    a->key = strdup(key);
    if (!a->key)
        return err_nomem(r->err);
    if (!*key)
        return err_field(r->err, ERR_INVALID, at.s, key,
                         "%s has an attribute without a name", at.s);
    const int rc = read_patterns(r->in, r->path.s, key, &a->patterns, r->err);
    if (rc || a->patterns.n > 0)
        return rc;
    char *text = js_dump(value);
    const int bad = err_field(r->err, ERR_INVALID, at.s, text,
                              "%s must be a pattern or a list of them", at.s);
    free(text);
    return bad;
}

static int
by_key(const void *a, const void *b)
{
    const struct pt_attr *x = a;
    const struct pt_attr *y = b;
    return strcmp(x->key, y->key);
}

static int
count_one(const char *key, struct json_t *value, void *arg)
{
    (void)key;
    (void)value;
    ++*(size_t *)arg;
    return 0;
}

static int
read_attrs(const struct json_t *j, const char *path, struct pt_match *m,
           struct err *err)
{
    struct json_t *attrs = NULL;
    int rc = js_get_object(j, path, "attributes", JS_OPTIONAL, &attrs, err);
    if (rc || !attrs)
        return rc;
    size_t n = 0;
    (void)js_each(attrs, count_one, &n); /* never stops early */
    const struct part_path at = part_path_of(path, "attributes");
    if (n > JS_PROPS_MAX)
        return err_field(err, ERR_LIMIT, at.s, NULL,
                         "%s has %zu entries; %d are allowed", at.s, n,
                         JS_PROPS_MAX);
    m->attrs = part_alloc(n, sizeof(*m->attrs));
    if (!m->attrs)
        return err_nomem(err);
    struct attr_reading r = {attrs, at, m, err};
    rc = js_each(attrs, read_attr, &r);
    /* In one order, so that equal rules are equal text. */
    if (rc == 0)
        qsort(m->attrs, m->n_attrs, sizeof(*m->attrs), by_key);
    return rc;
}

static void
match_fini(struct pt_match *m)
{
    strlist_fini(&m->cluster_code);
    strlist_fini(&m->role);
    strlist_fini(&m->topic);
    strlist_fini(&m->group);
    strlist_fini(&m->client_id);
    for (size_t i = 0; i < m->n_attrs; i++)
        attr_fini(&m->attrs[i]);
    free(m->attrs);
}

/* What was read so far stays in *m, also after a failure. */
static int
dimensions_read(const struct json_t *j, const char *path, struct pt_match *m,
                struct err *err)
{
    int rc;
    if ((rc = read_patterns(j, path, "cluster.code", &m->cluster_code, err)) ||
        (rc = read_patterns(j, path, "role", &m->role, err)) ||
        (rc = check_roles(&m->role, path, err)) ||
        (rc = read_patterns(j, path, "topic", &m->topic, err)) ||
        (rc = read_patterns(j, path, "group", &m->group, err)) ||
        (rc = read_patterns(j, path, "client.id", &m->client_id, err)))
        return rc;
    return read_attrs(j, path, m, err);
}

static int
not_read(const struct json_t *j, const char *path, struct pt_match *m,
         struct err *err)
{
    static const char *const keys[] = {
        "cluster.code", "role",       "topic", "group",
        "client.id",    "attributes", NULL};
    const struct part_path in = part_path_of(path, "not");
    struct json_t *not_j = NULL;
    int rc = js_get_object(j, path, "not", JS_OPTIONAL, &not_j, err);
    if (rc || !not_j)
        return rc;
    if ((rc = js_only_keys(not_j, in.s, keys, err)))
        return rc;
    return dimensions_read(not_j, in.s, m, err);
}

static bool
can_be_shared_by(const char *by)
{
    static const char *const names[] = {"client.id", "group", "topic",
                                        "cluster.code", NULL};
    for (const char *const *name = names; *name; name++)
        if (strcmp(*name, by) == 0)
            return true;
    return str_starts_with(by, "attributes.") && by[strlen("attributes.")];
}

static int
share_read(const struct json_t *j, const char *path, struct pt_rule *r,
           struct err *err)
{
    const struct part_path at = part_path_of(path, "share.by");
    int64_t share = -1;
    int rc;
    if ((rc = js_get_int(j, path, "share", JS_OPTIONAL, 0, 100, &share, err)) ||
        (rc = js_get_str_dup(j, path, "share.by",
                             share < 0 ? JS_OPTIONAL : JS_REQUIRED,
                             &r->share_by, err)))
        return rc;
    r->share = share;
    if (!r->share_by)
        return 0;
    if (share < 0)
        return js_get_int(j, path, "share", JS_REQUIRED, 0, 100, &share, err);
    if (can_be_shared_by(r->share_by))
        return 0;
    return err_field(err, ERR_INVALID, at.s, r->share_by,
                     "%s must be client.id, group, topic, cluster.code or "
                     "attributes.NAME, not \"%.60s\"",
                     at.s, r->share_by);
}

static int
match_read(const struct json_t *j, const char *path, struct pt_rule *r,
           struct err *err)
{
    static const char *const keys[] = {
        "cluster.code", "role", "topic", "group",    "client.id",
        "attributes",   "not",  "share", "share.by", NULL};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = dimensions_read(j, path, &r->match, err)) ||
        (rc = not_read(j, path, &r->not_match, err)))
        return rc;
    return share_read(j, path, r, err);
}

static int
put_patterns(struct json_t *j, const char *key, const struct strlist *l)
{
    return l->n ? js_put_strs(j, key, l) : 0;
}

static struct json_t *
attrs_encode(const struct pt_match *m)
{
    struct json_t *j = js_object();
    int rc = 0;
    for (size_t i = 0; i < m->n_attrs; i++)
        rc |= js_put_strs(j, m->attrs[i].key, &m->attrs[i].patterns);
    return part_built(j, rc);
}

static int
put_dimensions(struct json_t *j, const struct pt_match *m)
{
    int rc = put_patterns(j, "cluster.code", &m->cluster_code);
    rc |= put_patterns(j, "role", &m->role);
    rc |= put_patterns(j, "topic", &m->topic);
    rc |= put_patterns(j, "group", &m->group);
    rc |= put_patterns(j, "client.id", &m->client_id);
    if (m->n_attrs)
        rc |= js_put_take(j, "attributes", attrs_encode(m));
    return rc;
}

static struct json_t *
not_encode(const struct pt_match *m)
{
    struct json_t *j = js_object();
    const int rc = put_dimensions(j, m);
    return part_built(j, rc);
}

static struct json_t *
match_encode(const struct pt_rule *r)
{
    struct json_t *j = js_object();
    int rc = put_dimensions(j, &r->match);
    if (!pt_match_is_empty(&r->not_match))
        rc |= js_put_take(j, "not", not_encode(&r->not_match));
    if (r->share_by) {
        rc |= js_put_int(j, "share", r->share);
        rc |= js_put_str(j, "share.by", r->share_by);
    }
    return part_built(j, rc);
}

bool
pt_match_is_empty(const struct pt_match *m)
{
    return m->cluster_code.n + m->role.n + m->topic.n + m->group.n +
               m->client_id.n + m->n_attrs ==
           0;
}

/* ---- rule ---------------------------------------------------------------- */

static int
check_id(const char *id, const char *path, struct err *err)
{
    if (part_made_of(id, "._-:"))
        return 0;
    const struct part_path at = part_path_of(path, "id");
    return err_field(err, ERR_INVALID, at.s, id,
                     "%s: \"%.100s\" is no rule id: letters, digits, . _ - "
                     "and : only",
                     at.s, id);
}

static int
read_time(const struct json_t *j, const char *path, const char *key,
          int64_t *out, struct err *err)
{
    const char *text = NULL;
    const int rc = js_get_str(j, path, key, JS_OPTIONAL, &text, err);
    if (rc || !text || utc_parse(text, out))
        return rc;
    const struct part_path at = part_path_of(path, key);
    return err_field(err, ERR_INVALID, at.s, text,
                     "%s: \"%.60s\" is no time: give one like "
                     "2026-12-01T03:00:00Z or 2026-12-01T04:00:00+01:00",
                     at.s, text);
}

static int
window_read(const struct json_t *j, const char *path, struct pt_rule *r,
            struct err *err)
{
    const struct part_path at = part_path_of(path, "valid_until");
    int rc;
    if ((rc = read_time(j, path, "valid_from", &r->valid_from, err)) ||
        (rc = read_time(j, path, "valid_until", &r->valid_until, err)))
        return rc;
    if (r->valid_from < r->valid_until)
        return 0;
    const struct utc_text from = utc_format(r->valid_from);
    const struct utc_text until = utc_format(r->valid_until);
    return err_field(err, ERR_INVALID, at.s, until.s,
                     "%s is not after valid_from, %s", at.s, from.s);
}

/* Where it leads to, and what is kept ready besides. */
static int
target_read(const struct json_t *j, const char *path, struct pt_rule *r,
            struct err *err)
{
    int rc;
    if ((rc = js_get_str_dup(j, path, "cluster", JS_REQUIRED, &r->cluster,
                             err)) ||
        (rc = part_name_check(r->cluster, path, "cluster", err)) ||
        (rc = js_get_bool(j, path, "fence", JS_OPTIONAL, &r->fence, err)) ||
        (rc =
             js_get_str_dup(j, path, "standby", JS_OPTIONAL, &r->standby, err)))
        return rc;
    if (!r->standby)
        return 0;
    if ((rc = part_name_check(r->standby, path, "standby", err)))
        return rc;
    if (strcmp(r->standby, r->cluster) != 0)
        return 0;
    const struct part_path at = part_path_of(path, "standby");
    return err_field(err, ERR_INVALID, at.s, r->standby,
                     "%s is the cluster that the rule leads to: name another "
                     "one",
                     at.s);
}

static int
rule_read(const struct json_t *j, const char *path, struct pt_rule *r,
          struct err *err)
{
    struct json_t *match = NULL;
    int rc;
    if ((rc = js_get_str_dup(j, path, "id", JS_REQUIRED, &r->id, err)) ||
        (rc = check_id(r->id, path, err)) ||
        (rc = js_get_int(j, path, "priority", JS_OPTIONAL, INT32_MIN, INT32_MAX,
                         &r->priority, err)) ||
        (rc = js_get_bool(j, path, "enabled", JS_OPTIONAL, &r->enabled, err)) ||
        (rc = js_get_object(j, path, "match", JS_OPTIONAL, &match, err)) ||
        (rc = target_read(j, path, r, err)) ||
        (rc = part_properties_get(j, path, &r->properties, err)) ||
        (rc = window_read(j, path, r, err)) ||
        (rc = js_get_str_dup(j, path, "comment", JS_OPTIONAL, &r->comment,
                             err)) ||
        (rc = part_default(&r->comment, "", err)))
        return rc;
    const struct part_path in = part_path_of(path, "match");
    return match ? match_read(match, in.s, r, err) : 0;
}

int
pt_rule_decode(const struct json_t *j, const char *path, struct pt_rule *out,
               struct err *err)
{
    static const char *const keys[] = {
        "id",         "priority",    "enabled", "match",
        "cluster",    "fence",       "standby", "properties",
        "valid_from", "valid_until", "comment", NULL};
    struct pt_rule r = {.enabled = true, .valid_until = PT_NO_END};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = rule_read(j, path, &r, err))) {
        pt_rule_fini(&r);
        return rc;
    }
    *out = r;
    return 0;
}

struct json_t *
pt_rule_encode(const struct pt_rule *r)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "id", r->id);
    rc |= js_put_int(j, "priority", r->priority);
    rc |= js_put_bool(j, "enabled", r->enabled);
    rc |= js_put_take(j, "match", match_encode(r));
    rc |= js_put_str(j, "cluster", r->cluster);
    if (r->fence)
        rc |= js_put_bool(j, "fence", r->fence);
    if (r->standby)
        rc |= js_put_str(j, "standby", r->standby);
    if (r->properties.n)
        rc |= js_put_props(j, "properties", &r->properties);
    if (r->valid_from != 0)
        rc |= js_put_str(j, "valid_from", utc_format(r->valid_from).s);
    if (r->valid_until != PT_NO_END)
        rc |= js_put_str(j, "valid_until", utc_format(r->valid_until).s);
    rc |= js_put_str(j, "comment", r->comment);
    return part_built(j, rc);
}

void
pt_rule_fini(struct pt_rule *r)
{
    free(r->id);
    match_fini(&r->match);
    match_fini(&r->not_match);
    free(r->share_by);
    props_fini(&r->properties);
    free(r->cluster);
    free(r->standby);
    free(r->comment);
    *r = (struct pt_rule){0};
}
