/*
 * Clusters and flows: half of what an administrator writes.  route_rule.c has
 * rules, route_answer.c what clients ask and are told.
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

bool
part_made_of(const char *s, const char *extra)
{
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(extra, *p))
            return false;
    return *s != '\0';
}

bool
part_name_valid(const char *name)
{
    return part_made_of(name, "-_");
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

int
part_text_check(const char *value, const char *path, const char *key,
                struct err *err)
{
    const struct part_path at = part_path_of(path, key);
    return *value ? 0
                  : err_field(err, ERR_INVALID, at.s, value,
                              "%s must be some text, not \"\"", at.s);
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
        (rc = part_properties_get(j, path, &c.properties, err))) {
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
    if (part_made_of(separator, "._-"))
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
