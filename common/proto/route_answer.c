/*
 * What clients say of themselves and what they are told: identities, answers,
 * clients.  route_report.c has reports; route.c clusters, flows and rules.
 *
 * Pure.  The SDK decodes answers that it did not write: everything is checked,
 * and a route never names a cluster whose address is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/proto/route.h"
#include "common/proto/route_parts.h"

static int
refuse_value(const char *path, const char *key, const char *value,
             const char *wanted, struct err *err)
{
    const struct part_path at = part_path_of(path, key);
    return err_field(err, ERR_INVALID, at.s, value,
                     "%s must be %s, not \"%.100s\"", at.s, wanted, value);
}

/* ---- identity ------------------------------------------------------------ */

static int
check_role(const char *role, const char *path, struct err *err)
{
    if (strcmp(role, "producer") == 0 || strcmp(role, "consumer") == 0)
        return 0;
    return refuse_value(path, "role", role, "\"producer\" or \"consumer\"",
                        err);
}

static int
check_topics(const struct strlist *topics, const char *path, struct err *err)
{
    for (size_t i = 0; i < topics->n; i++) {
        if (*topics->v[i])
            continue;
        const struct part_path in = part_path_of(path, "topics");
        const struct part_path at = part_path_at(in.s, i);
        return refuse_value(at.s, "", "", "a topic's name", err);
    }
    return 0;
}

static int
identity_read(const struct json_t *j, const char *path, struct pt_identity *i,
              struct err *err)
{
    int rc;
    if ((rc = js_get_str_dup(j, path, "cluster.code", JS_REQUIRED,
                             &i->cluster_code, err)) ||
        (rc = part_text_check(i->cluster_code, path, "cluster.code", err)) ||
        (rc = js_get_str_dup(j, path, "role", JS_REQUIRED, &i->role, err)) ||
        (rc = check_role(i->role, path, err)) ||
        (rc = js_get_strs(j, path, "topics", JS_OPTIONAL, &i->topics, err)) ||
        (rc = check_topics(&i->topics, path, err)) ||
        (rc = js_get_str_dup(j, path, "group", JS_OPTIONAL, &i->group, err)) ||
        (rc = js_get_str_dup(j, path, "client.id", JS_OPTIONAL, &i->client_id,
                             err)))
        return rc;
    rc = js_get_props(j, path, "attributes", JS_OPTIONAL, &i->attrs, err);
    props_sort(&i->attrs); /* so that equal identities are equal text */
    return rc;
}

int
pt_identity_decode(const struct json_t *j, const char *path,
                   struct pt_identity *out, struct err *err)
{
    static const char *const keys[] = {
        "cluster.code", "role",       "topics", "group",
        "client.id",    "attributes", NULL};
    struct pt_identity i = {0};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = identity_read(j, path, &i, err))) {
        pt_identity_fini(&i);
        return rc;
    }
    *out = i;
    return 0;
}

struct json_t *
pt_identity_encode(const struct pt_identity *i)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "cluster.code", i->cluster_code);
    rc |= js_put_str(j, "role", i->role);
    rc |= js_put_strs(j, "topics", &i->topics);
    if (i->group)
        rc |= js_put_str(j, "group", i->group);
    if (i->client_id)
        rc |= js_put_str(j, "client.id", i->client_id);
    if (i->attrs.n)
        rc |= js_put_props(j, "attributes", &i->attrs);
    return part_built(j, rc);
}

void
pt_identity_fini(struct pt_identity *i)
{
    free(i->cluster_code);
    free(i->role);
    strlist_fini(&i->topics);
    free(i->group);
    free(i->client_id);
    props_fini(&i->attrs);
    *i = (struct pt_identity){0};
}

/* ---- route --------------------------------------------------------------- */

static void
views_fini(struct pt_view *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].topic);
        free(v[i].origin);
    }
    free(v);
}

static void
route_fini(struct pt_route *r)
{
    free(r->topic);
    free(r->cluster);
    free(r->rule);
    free(r->previous);
    props_fini(&r->properties);
    views_fini(r->view, r->n_view);
    free(r->standby);
    views_fini(r->standby_view, r->n_standby_view);
}

static int
view_read(const struct json_t *j, const char *path, struct pt_view *v,
          struct err *err)
{
    static const char *const keys[] = {"topic", "origin", NULL};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = js_get_str_dup(j, path, "topic", JS_REQUIRED, &v->topic, err)) ||
        (rc = part_text_check(v->topic, path, "topic", err)) ||
        (rc = js_get_str_dup(j, path, "origin", JS_REQUIRED, &v->origin, err)))
        return rc;
    return part_name_check(v->origin, path, "origin", err);
}

static int
views_read(const struct json_t *j, const char *path, const char *key,
           enum js_need need, struct pt_view **v, size_t *n, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, path, key, need, &list, err);
    if (rc || !list)
        return rc;
    *v = part_alloc(js_len(list), sizeof(**v));
    if (!*v)
        return err_nomem(err);
    const struct part_path in = part_path_of(path, key);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++) {
        const struct part_path at = part_path_at(in.s, i);
        rc = view_read(js_at(list, i), at.s, &(*v)[(*n)++], err);
    }
    return rc;
}

/* Another cluster than the route's, and its view only with it. */
static int
check_standby(const struct pt_route *r, const char *path, struct err *err)
{
    if (!r->standby && r->n_standby_view > 0)
        return refuse_value(path, "standby_view", r->standby_view[0].topic,
                            "empty without a standby", err);
    if (!r->standby)
        return 0;
    const int rc = part_name_check(r->standby, path, "standby", err);
    if (rc)
        return rc;
    if (!r->cluster || strcmp(r->standby, r->cluster) == 0)
        return refuse_value(path, "standby", r->standby,
                            "another cluster than the route's", err);
    return 0;
}

/* A route leads to a cluster by a rule, or nowhere. */
static int
check_route(const struct pt_route *r, const char *path, struct err *err)
{
    int rc;
    if (r->cluster && (rc = part_name_check(r->cluster, path, "cluster", err)))
        return rc;
    if (r->previous &&
        (rc = part_name_check(r->previous, path, "previous", err)))
        return rc;
    if (r->cluster && !r->rule)
        return refuse_value(path, "rule", "null", "the rule's id", err);
    if (r->cluster && r->since < 1)
        return refuse_value(path, "since", "0", "a revision", err);
    if (!r->cluster && r->n_view > 0)
        return refuse_value(path, "view", r->view[0].topic,
                            "empty without a cluster", err);
    return check_standby(r, path, err);
}

static int
route_read(const struct json_t *j, const char *path, struct pt_route *r,
           struct err *err)
{
    static const char *const keys[] = {
        "topic", "cluster", "rule",    "since",        "previous", "properties",
        "view",  "fence",   "standby", "standby_view", NULL};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = js_get_str_dup(j, path, "topic", JS_REQUIRED, &r->topic, err)) ||
        (rc = js_get_str_dup(j, path, "cluster", JS_OPTIONAL, &r->cluster,
                             err)) ||
        (rc = js_get_str_dup(j, path, "rule", JS_OPTIONAL, &r->rule, err)) ||
        (rc = js_get_int(j, path, "since", JS_REQUIRED, 0, INT64_MAX, &r->since,
                         err)) ||
        (rc = js_get_str_dup(j, path, "previous", JS_OPTIONAL, &r->previous,
                             err)) ||
        (rc = part_properties_get(j, path, &r->properties, err)) ||
        (rc = views_read(j, path, "view", JS_REQUIRED, &r->view, &r->n_view,
                         err)) ||
        (rc = js_get_bool(j, path, "fence", JS_OPTIONAL, &r->fence, err)) ||
        (rc = js_get_str_dup(j, path, "standby", JS_OPTIONAL, &r->standby,
                             err)) ||
        (rc = views_read(j, path, "standby_view", JS_OPTIONAL, &r->standby_view,
                         &r->n_standby_view, err)))
        return rc;
    return check_route(r, path, err);
}

static struct json_t *
view_encode(const struct pt_view *v)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "topic", v->topic);
    rc |= js_put_str(j, "origin", v->origin);
    return part_built(j, rc);
}

static struct json_t *
views_encode(const struct pt_view *v, size_t n)
{
    struct json_t *list = js_array();
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        rc |= js_add_take(list, view_encode(&v[i]));
    return part_built(list, rc);
}

static struct json_t *
route_encode(const struct pt_route *r)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "topic", r->topic);
    rc |= js_put_str(j, "cluster", r->cluster);
    rc |= js_put_str(j, "rule", r->rule);
    rc |= js_put_int(j, "since", r->since);
    rc |= js_put_str(j, "previous", r->previous);
    if (r->properties.n)
        rc |= js_put_props(j, "properties", &r->properties);
    rc |= js_put_take(j, "view", views_encode(r->view, r->n_view));
    if (r->fence)
        rc |= js_put_bool(j, "fence", r->fence);
    if (r->standby) {
        rc |= js_put_str(j, "standby", r->standby);
        rc |= js_put_take(j, "standby_view",
                          views_encode(r->standby_view, r->n_standby_view));
    }
    return part_built(j, rc);
}

/* ---- answer -------------------------------------------------------------- */

/* Lists grow into `out` element by element, so that a failure half way leaves
 * something that can be freed. */
static int
routes_read(const struct json_t *j, struct pt_answer *out, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "routes", JS_REQUIRED, &list, err);
    if (rc)
        return rc;
    out->routes = part_alloc(js_len(list), sizeof(*out->routes));
    if (!out->routes)
        return err_nomem(err);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++) {
        const struct part_path at = part_path_at("routes", i);
        rc = route_read(js_at(list, i), at.s, &out->routes[out->n_routes++],
                        err);
    }
    return rc;
}

static int
clusters_read(const struct json_t *j, struct pt_answer *out, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "clusters", JS_REQUIRED, &list, err);
    if (rc)
        return rc;
    out->clusters = part_alloc(js_len(list), sizeof(*out->clusters));
    if (!out->clusters)
        return err_nomem(err);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++) {
        const struct part_path at = part_path_at("clusters", i);
        rc = pt_cluster_decode(js_at(list, i), at.s,
                               &out->clusters[out->n_clusters++], err);
    }
    return rc;
}

static int
flows_read(const struct json_t *j, struct pt_answer *out, struct err *err)
{
    struct json_t *list = NULL;
    int rc = js_get_array(j, "", "flows", JS_REQUIRED, &list, err);
    if (rc)
        return rc;
    out->flows = part_alloc(js_len(list), sizeof(*out->flows));
    if (!out->flows)
        return err_nomem(err);
    for (size_t i = 0; i < js_len(list) && rc == 0; i++) {
        const struct part_path at = part_path_at("flows", i);
        rc = pt_flow_decode(js_at(list, i), at.s, &out->flows[out->n_flows++],
                            err);
    }
    return rc;
}

static int
check_answer(const struct pt_answer *a, struct err *err)
{
    for (size_t i = 0; i < a->n_routes; i++) {
        const struct pt_route *r = &a->routes[i];
        const struct part_path at = part_path_at("routes", i);
        if (r->cluster && !pt_answer_cluster(a, r->cluster))
            return refuse_value(at.s, "cluster", r->cluster,
                                "one of \"clusters\"", err);
        if (r->standby && !pt_answer_cluster(a, r->standby))
            return refuse_value(at.s, "standby", r->standby,
                                "one of \"clusters\"", err);
    }
    return 0;
}

int
pt_answer_decode(const struct json_t *j, struct pt_answer *out, struct err *err)
{
    static const char *const keys[] = {"revision", "routes", "clusters",
                                       "flows", NULL};
    struct pt_answer a = {0};
    int rc;
    if ((rc = js_only_keys(j, "", keys, err)) ||
        (rc = js_get_int(j, "", "revision", JS_REQUIRED, 0, INT64_MAX,
                         &a.revision, err)) ||
        (rc = routes_read(j, &a, err)) || (rc = clusters_read(j, &a, err)) ||
        (rc = flows_read(j, &a, err)) || (rc = check_answer(&a, err))) {
        pt_answer_fini(&a);
        return rc;
    }
    *out = a;
    return 0;
}

struct json_t *
pt_answer_encode(const struct pt_answer *a)
{
    struct json_t *j = js_object();
    struct json_t *routes = js_array();
    struct json_t *clusters = js_array();
    struct json_t *flows = js_array();
    int rc = js_put_int(j, "revision", a->revision);
    for (size_t i = 0; i < a->n_routes; i++)
        rc |= js_add_take(routes, route_encode(&a->routes[i]));
    for (size_t i = 0; i < a->n_clusters; i++)
        rc |= js_add_take(clusters, pt_cluster_encode(&a->clusters[i]));
    for (size_t i = 0; i < a->n_flows; i++)
        rc |= js_add_take(flows, pt_flow_encode(&a->flows[i]));
    rc |= js_put_take(j, "routes", routes);
    rc |= js_put_take(j, "clusters", clusters);
    rc |= js_put_take(j, "flows", flows);
    return part_built(j, rc);
}

void
pt_answer_fini(struct pt_answer *a)
{
    for (size_t i = 0; i < a->n_routes; i++)
        route_fini(&a->routes[i]);
    for (size_t i = 0; i < a->n_clusters; i++)
        pt_cluster_fini(&a->clusters[i]);
    for (size_t i = 0; i < a->n_flows; i++)
        pt_flow_fini(&a->flows[i]);
    free(a->routes);
    free(a->clusters);
    free(a->flows);
    *a = (struct pt_answer){0};
}

const struct pt_cluster *
pt_answer_cluster(const struct pt_answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_clusters; i++)
        if (strcmp(a->clusters[i].name, name) == 0)
            return &a->clusters[i];
    return NULL;
}

/* ---- client -------------------------------------------------------------- */

int
pt_client_decode(const struct json_t *j, const char *path,
                 struct pt_client *out, struct err *err)
{
    static const char *const keys[] = {"instance", "name", "version",
                                       "host",     "pid",  NULL};
    struct pt_client c = {0};
    int rc;
    if ((rc = js_only_keys(j, path, keys, err)) ||
        (rc = js_get_str_dup(j, path, "instance", JS_REQUIRED, &c.instance,
                             err)) ||
        (rc = part_text_check(c.instance, path, "instance", err)) ||
        (rc = js_get_str_dup(j, path, "name", JS_OPTIONAL, &c.name, err)) ||
        (rc = js_get_str_dup(j, path, "version", JS_OPTIONAL, &c.version,
                             err)) ||
        (rc = js_get_str_dup(j, path, "host", JS_OPTIONAL, &c.host, err)) ||
        (rc = js_get_int(j, path, "pid", JS_OPTIONAL, 0, INT64_MAX, &c.pid,
                         err)) ||
        (rc = part_default(&c.name, "", err)) ||
        (rc = part_default(&c.version, "", err)) ||
        (rc = part_default(&c.host, "", err))) {
        pt_client_fini(&c);
        return rc;
    }
    *out = c;
    return 0;
}

struct json_t *
pt_client_encode(const struct pt_client *c)
{
    struct json_t *j = js_object();
    int rc = js_put_str(j, "instance", c->instance);
    rc |= js_put_str(j, "name", c->name);
    rc |= js_put_str(j, "version", c->version);
    rc |= js_put_str(j, "host", c->host);
    rc |= js_put_int(j, "pid", c->pid);
    return part_built(j, rc);
}

void
pt_client_fini(struct pt_client *c)
{
    free(c->instance);
    free(c->name);
    free(c->version);
    free(c->host);
    *c = (struct pt_client){0};
}
