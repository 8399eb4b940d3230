/*
 * Clusters, flows and rules: what an administrator writes.  route_answer.c has
 * what clients ask and are told.
 *
 * Pure: values in, values out.  A decoder checks everything that can be judged
 * without the rest of the table, so that nothing malformed gets any further;
 * the first fault found is reported with the path of its field.
 */
#include "common/proto/route.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "common/base/js.h"
#include "common/proto/route_parts.h"

struct part_path
part_path_of(const char *path, const char *key)
{
    struct part_path p;
    (void)snprintf(p.s, sizeof(p.s), "%s%s%s", path, *path && *key ? "." : "",
                   key);
    return p;
}

struct part_path
part_path_at(const char *path, size_t i)
{
    struct part_path p;
    (void)snprintf(p.s, sizeof(p.s), "%.120s[%zu]", path, i);
    return p;
}

static bool
made_of(const char *s, const char *extra)
{
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(extra, *p))
            return false;
    return *s != '\0';
}

bool
part_name_valid(const char *name)
{
    return made_of(name, "-_");
}

int
part_name_check(const char *name, const char *path, const char *key,
                struct err *err)
{
    if (part_name_valid(name))
        return 0;
    const struct part_path at = part_path_of(path, key);
    return err_field(err, ERR_INVALID, at.s, name,
                     "%s: \"%.100s\" is no cluster name: letters, digits, - "
                     "and _ only",
                     at.s, name);
}

void *
part_alloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size);
}

int
part_default(char **s, const char *def, struct err *err)
{
    if (*s)
        return 0;
    *s = strdup(def);
    return *s ? 0 : err_nomem(err);
}

struct json_t *
part_built(struct json_t *j, int rc)
{
    if (rc == 0)
        return j;
    js_free(j);
    return NULL;
}

/* ---- cluster ------------------------------------------------------------- */

static bool
server_valid(const char *server)
{
    const char *colon = strrchr(server, ':');
    int64_t port;
    if (!colon || colon == server || !str_to_i64(colon + 1, 1, 65535, &port))
        return false;
    const size_t host = (size_t)(colon - server);
    if (*server == '[')
        return host > 2 && server[host - 1] == ']';
    return strcspn(server, ":/ \t") == host;
}

static int
check_servers(const char *servers, const char *path, struct err *err)
{
    const struct part_path at = part_path_of(path, "bootstrap.servers");
    struct strlist l = {0};
    if (strlist_split(&l, servers, ",")) {
        strlist_fini(&l);
        return err_nomem(err);
    }
    int rc = 0;
    if (l.n == 0)
        rc = err_field(err, ERR_INVALID, at.s, servers,
                       "%s is empty: give host:port,host:port", at.s);
    for (size_t i = 0; i < l.n && rc == 0; i++)
        if (!server_valid(l.v[i]))
            rc = err_field(err, ERR_INVALID, at.s, l.v[i],
                           "%s: \"%.100s\" is not host:port", at.s, l.v[i]);
    strlist_fini(&l);
    return rc;
}

/* How to reach a cluster and who to be there; all else is the application's. */
static bool
is_connection_property(const char *key)
{
    static const char *const beginnings[] = {
        "security.",   "ssl.",        "sasl.",        "enable.ssl.",
        "enable.sasl", "socket.",     "broker.",      "reconnect.",
        "client.dns",  "api.version", "connections.", "metadata.max",
        "resolve.",    NULL};
    for (const char *const *b = beginnings; *b; b++)
        if (str_starts_with(key, *b))
            return true;
    return false;
}

static int
check_properties(const struct props *p, const char *path, struct err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *key = p->v[i].key;
        if (is_connection_property(key))
            continue;
        const struct part_path in = part_path_of(path, "properties");
        const struct part_path at = part_path_of(in.s, key);
        return err_field(err, ERR_INVALID, at.s, p->v[i].value,
                         "%s: not a property of the connection to a cluster "
                         "(security., ssl., sasl., socket., ...); servers "
                         "belong in \"bootstrap.servers\", all else in the "
                         "application's configuration",
                         at.s);
    }
    return 0;
}

int
pt_cluster_decode(const struct json_t *j, const char *path,
                  struct pt_cluster *out, struct err *err)
{
    static const char *const keys[] = {"name", "bootstrap.servers",
                                       "properties", NULL};
    struct pt_cluster c = {0};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = js_get_str_dup(j, path, "name", JS_REQUIRED, &c.name, err)) ||
        (rc = part_name_check(c.name, path, "name", err)) ||
        (rc = js_get_str_dup(j, path, "bootstrap.servers", JS_REQUIRED,
                             &c.bootstrap_servers, err)) ||
        (rc = check_servers(c.bootstrap_servers, path, err)) ||
        (rc = js_get_props(j, path, "properties", JS_OPTIONAL, &c.properties,
                           err)) ||
        (rc = check_properties(&c.properties, path, err))) {
        pt_cluster_fini(&c);
        return rc;
    }
    *out = c;
    return 0;
}

struct json_t *
pt_cluster_encode(const struct pt_cluster *c)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "name", c->name);
    rc |= js_put_str(j, "bootstrap.servers", c->bootstrap_servers);
    rc |= js_put_props(j, "properties", &c->properties);
    return part_built(j, rc);
}

void
pt_cluster_fini(struct pt_cluster *c)
{
    free(c->name);
    free(c->bootstrap_servers);
    props_fini(&c->properties);
    *c = (struct pt_cluster){0};
}

/* ---- flow ---------------------------------------------------------------- */

static int
check_one_of(const char *value, const char *a, const char *b, const char *path,
             const char *key, struct err *err)
{
    if (strcmp(value, a) == 0 || strcmp(value, b) == 0)
        return 0;
    const struct part_path at = part_path_of(path, key);
    return err_field(err, ERR_INVALID, at.s, value,
                     "%s must be \"%s\" or \"%s\", not \"%.100s\"", at.s, a, b,
                     value);
}

static int
check_ends(const struct pt_flow *f, const char *path, struct err *err)
{
    int rc;
    if ((rc = part_name_check(f->source, path, "source", err)) ||
        (rc = part_name_check(f->target, path, "target", err)))
        return rc;
    if (strcmp(f->source, f->target) != 0)
        return 0;
    const struct part_path at = part_path_of(path, "target");
    return err_field(err, ERR_INVALID, at.s, f->target,
                     "%s: a flow from \"%.60s\" to itself", at.s, f->target);
}

static int
check_separator(const char *separator, const char *path, struct err *err)
{
    if (made_of(separator, "._-"))
        return 0;
    const struct part_path at = part_path_of(path, "separator");
    return err_field(err, ERR_INVALID, at.s, separator,
                     "%s: \"%.60s\" can't be part of a topic's name", at.s,
                     separator);
}

static int
check_mappers(const struct strlist *urls, const char *path, struct err *err)
{
    for (size_t i = 0; i < urls->n; i++) {
        const char *url = urls->v[i];
        if (str_starts_with(url, "http://") || str_starts_with(url, "https://"))
            continue;
        const struct part_path in = part_path_of(path, "mappers");
        const struct part_path at = part_path_at(in.s, i);
        return err_field(err, ERR_INVALID, at.s, url,
                         "%s: \"%.100s\" is no http:// or https:// address",
                         at.s, url);
    }
    return 0;
}

static int
flow_check(const struct pt_flow *f, const char *path, struct err *err)
{
    int rc;
    if ((rc = check_ends(f, path, err)) ||
        (rc = check_one_of(f->policy, "default", "identity", path, "policy",
                           err)) ||
        (rc = check_separator(f->separator, path, err)) ||
        (rc = check_one_of(f->syncs_location, "source", "target", path,
                           "offset-syncs.topic.location", err)))
        return rc;
    return check_mappers(&f->mappers, path, err);
}

static int
flow_read(const struct json_t *j, const char *path, struct pt_flow *f,
          struct err *err)
{
    int rc;
    if ((rc =
             js_get_str_dup(j, path, "source", JS_REQUIRED, &f->source, err)) ||
        (rc =
             js_get_str_dup(j, path, "target", JS_REQUIRED, &f->target, err)) ||
        (rc =
             js_get_str_dup(j, path, "policy", JS_OPTIONAL, &f->policy, err)) ||
        (rc = js_get_str_dup(j, path, "separator", JS_OPTIONAL, &f->separator,
                             err)) ||
        (rc = js_get_str_dup(j, path, "offset-syncs.topic.location",
                             JS_OPTIONAL, &f->syncs_location, err)) ||
        (rc = js_get_strs(j, path, "mappers", JS_OPTIONAL, &f->mappers, err)) ||
        (rc = part_default(&f->policy, "default", err)) ||
        (rc = part_default(&f->separator, ".", err)))
        return rc;
    return part_default(&f->syncs_location, "source", err);
}

int
pt_flow_decode(const struct json_t *j, const char *path, struct pt_flow *out,
               struct err *err)
{
    static const char *const keys[] = {"source",  "target",
                                       "policy",  "separator",
                                       "mappers", "offset-syncs.topic.location",
                                       NULL};
    struct pt_flow f = {0};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = flow_read(j, path, &f, err)) ||
        (rc = flow_check(&f, path, err))) {
        pt_flow_fini(&f);
        return rc;
    }
    *out = f;
    return 0;
}

struct json_t *
pt_flow_encode(const struct pt_flow *f)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "source", f->source);
    rc |= js_put_str(j, "target", f->target);
    rc |= js_put_str(j, "policy", f->policy);
    rc |= js_put_str(j, "separator", f->separator);
    rc |= js_put_str(j, "offset-syncs.topic.location", f->syncs_location);
    rc |= js_put_strs(j, "mappers", &f->mappers);
    return part_built(j, rc);
}

void
pt_flow_fini(struct pt_flow *f)
{
    free(f->source);
    free(f->target);
    free(f->policy);
    free(f->separator);
    free(f->syncs_location);
    strlist_fini(&f->mappers);
    *f = (struct pt_flow){0};
}

/* ---- match --------------------------------------------------------------- */

static int
refuse_unbuilt(const struct json_t *j, const char *path,
               const char *const *keys, struct err *err)
{
    int rc = js_expect_object(j, path, err);
    for (const char *const *key = keys; *key && rc == 0; key++) {
        if (!js_any(j, *key))
            continue;
        const struct part_path at = part_path_of(path, *key);
        char *text = js_dump(js_any(j, *key));
        rc = err_field(err, ERR_UNSUPPORTED, at.s, text,
                       "%s is not supported in this version", at.s);
        free(text);
    }
    return rc;
}

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
    return js_each(attrs, read_attr, &r);
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
match_read(const struct json_t *j, const char *path, struct pt_match *m,
           struct err *err)
{
    static const char *const keys[] = {
        "cluster.code", "role",       "topic", "group",
        "client.id",    "attributes", NULL};
    static const char *const unbuilt[] = {"not", NULL};
    int rc;
    if ((rc = refuse_unbuilt(j, path, unbuilt, err)) ||
        (rc = js_only_keys(j, path, keys, err)) ||
        (rc = read_patterns(j, path, "cluster.code", &m->cluster_code, err)) ||
        (rc = read_patterns(j, path, "role", &m->role, err)) ||
        (rc = check_roles(&m->role, path, err)) ||
        (rc = read_patterns(j, path, "topic", &m->topic, err)) ||
        (rc = read_patterns(j, path, "group", &m->group, err)) ||
        (rc = read_patterns(j, path, "client.id", &m->client_id, err)))
        return rc;
    return read_attrs(j, path, m, err);
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

static struct json_t *
match_encode(const struct pt_match *m)
{
    struct json_t *j = js_object();
    int rc = put_patterns(j, "cluster.code", &m->cluster_code);
    rc |= put_patterns(j, "role", &m->role);
    rc |= put_patterns(j, "topic", &m->topic);
    rc |= put_patterns(j, "group", &m->group);
    rc |= put_patterns(j, "client.id", &m->client_id);
    if (m->n_attrs)
        rc |= js_put_take(j, "attributes", attrs_encode(m));
    return part_built(j, rc);
}

/* ---- rule ---------------------------------------------------------------- */

static int
check_id(const char *id, const char *path, struct err *err)
{
    if (made_of(id, "._-:"))
        return 0;
    const struct part_path at = part_path_of(path, "id");
    return err_field(err, ERR_INVALID, at.s, id,
                     "%s: \"%.100s\" is no rule id: letters, digits, . _ - "
                     "and : only",
                     at.s, id);
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
        (rc = js_get_str_dup(j, path, "cluster", JS_REQUIRED, &r->cluster,
                             err)) ||
        (rc = part_name_check(r->cluster, path, "cluster", err)) ||
        (rc = js_get_str_dup(j, path, "comment", JS_OPTIONAL, &r->comment,
                             err)) ||
        (rc = part_default(&r->comment, "", err)))
        return rc;
    const struct part_path in = part_path_of(path, "match");
    return match ? match_read(match, in.s, &r->match, err) : 0;
}

int
pt_rule_decode(const struct json_t *j, const char *path, struct pt_rule *out,
               struct err *err)
{
    static const char *const keys[] = {
        "id", "priority", "enabled", "match", "cluster", "comment", NULL};
    static const char *const unbuilt[] = {"share", "valid_from", "valid_until",
                                          "not",   "fence",      "properties",
                                          NULL};
    struct pt_rule r = {.enabled = true};
    int rc;
    if ((rc = refuse_unbuilt(j, path, unbuilt, err)) ||
        (rc = js_only_keys(j, path, keys, err)) ||
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
    rc |= js_put_take(j, "match", match_encode(&r->match));
    rc |= js_put_str(j, "cluster", r->cluster);
    rc |= js_put_str(j, "comment", r->comment);
    return part_built(j, rc);
}

void
pt_rule_fini(struct pt_rule *r)
{
    free(r->id);
    match_fini(&r->match);
    free(r->cluster);
    free(r->comment);
    *r = (struct pt_rule){0};
}
