/*
 * Everything that could go wrong later because of the file is found here: the
 * rest of the program may take it as true.
 */
#include "offset-mapper/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/js.h"
#include "common/base/xmem.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define NAME_MAX_LEN   80 /* two of them and a topic fit an LMDB key */
#define FLOWS_MAX      256

#define INTERNAL_SEPARATOR "replication.policy.internal.topic.separator.enabled"
#define SYNCS_TOPIC        "offset-syncs.topic"
#define CHECKPOINTS_TOPIC  "checkpoints.topic"

const struct pt_cluster *
config_cluster(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_clusters; i++)
        if (strcmp(c->clusters[i].name, name) == 0)
            return &c->clusters[i];
    return NULL;
}

const struct flow *
config_flow(const struct config *c, const char *source, const char *target)
{
    for (size_t i = 0; i < c->n_flows; i++)
        if (strcmp(c->flows[i].def.source, source) == 0 &&
            strcmp(c->flows[i].def.target, target) == 0)
            return &c->flows[i];
    return NULL;
}

const struct flow *
config_flow_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_flows; i++)
        if (strcmp(c->flows[i].name, name) == 0)
            return &c->flows[i];
    return NULL;
}

static int
add_cluster(struct config *c, const struct json_t *j, const char *path,
            struct err *err)
{
    struct pt_cluster cluster;
    int rc = pt_cluster_decode(j, path, &cluster, err);
    if (rc)
        return rc;
    if (config_cluster(c, cluster.name))
        rc = err_field(err, ERR_INVALID, path, cluster.name,
                       "%s: cluster \"%s\" is there already", path,
                       cluster.name);
    else if (strlen(cluster.name) > NAME_MAX_LEN)
        rc = err_field(err, ERR_INVALID, path, cluster.name,
                       "%s: cluster names may have %d characters", path,
                       NAME_MAX_LEN);
    if (rc) {
        pt_cluster_fini(&cluster);
        return rc;
    }
    c->clusters[c->n_clusters++] = cluster;
    return 0;
}

static int
need_cluster(const struct config *c, const char *name, const char *path,
             const char *key, const struct pt_cluster **out, struct err *err)
{
    *out = config_cluster(c, name);
    if (*out)
        return 0;
    char field[64];
    (void)snprintf(field, sizeof(field), "%s.%s", path, key);
    return err_field(err, ERR_INVALID, field, name,
                     "%s: no cluster is called \"%s\"", field, name);
}

/* mm2.md section 2: a->b with its topic on the source and b->a with it on the
 * target share mm2-offset-syncs.b.internal on a, and spoil each other. */
static int
topic_is_own(const struct config *c, const struct flow *f, const char *path,
             struct err *err)
{
    for (size_t i = 0; i < c->n_flows; i++) {
        const struct flow *o = &c->flows[i];
        if (o->cluster != f->cluster || strcmp(o->topic, f->topic) != 0)
            continue;
        return err_field(err, ERR_INVALID, path, f->name,
                         "%s: flows %s and %s both use %s on cluster %s and "
                         "would spoil each other's offsets; give both the "
                         "same offset-syncs.topic.location",
                         path, o->name, f->name, f->topic, f->cluster->name);
    }
    return 0;
}

static int
checkpoints_are_own(const struct config *c, const struct flow *f,
                    const char *path, struct err *err)
{
    for (size_t i = 0; i < c->n_flows; i++) {
        const struct flow *o = &c->flows[i];
        if (strcmp(o->def.target, f->def.target) == 0 &&
            strcmp(o->checkpoints, f->checkpoints) == 0)
            return err_field(err, ERR_INVALID, path, f->name,
                             "%s: flows %s and %s both use %s on cluster %s",
                             path, o->name, f->name, f->checkpoints,
                             f->def.target);
    }
    return 0;
}

/* Unless the file gave it another name. */
static int
name_it(int (*naming)(const struct naming *n, const char *alias, char *out,
                      size_t size),
        const struct flow *f, const char *path, const char *alias, char **topic,
        struct err *err)
{
    char name[256];
    if (*topic)
        return 0;
    if (naming(&f->naming, alias, name, sizeof(name)))
        return err_field(err, ERR_INVALID, path, f->name,
                         "%s: the names of its topics are too long", path);
    *topic = xstrdup(name);
    return 0;
}

static int
name_topics(const struct config *c, struct flow *f, const char *path,
            struct err *err)
{
    const struct pt_cluster *source, *target;
    int rc = need_cluster(c, f->def.source, path, "source", &source, err);
    if (rc == 0)
        rc = need_cluster(c, f->def.target, path, "target", &target, err);
    if (rc)
        return rc;
    const bool at_target = strcmp(f->def.syncs_location, "target") == 0;
    f->cluster = at_target ? target : source;
    rc = name_it(naming_offset_syncs, f, path,
                 at_target ? f->def.source : f->def.target, &f->topic, err);
    return rc ? rc
              : name_it(naming_checkpoints, f, path, f->def.source,
                        &f->checkpoints, err);
}

static int
check_flow(const struct config *c, struct flow *f, const char *path,
           struct err *err)
{
    f->name = xasprintf("%s->%s", f->def.source, f->def.target);
    if (config_flow(c, f->def.source, f->def.target))
        return err_field(err, ERR_INVALID, path, f->name,
                         "%s: flow %s is there already", path, f->name);
    const int policy = naming_policy_of(f->def.policy);
    if (policy < 0)
        return err_field(err, ERR_INVALID, path, f->def.policy,
                         "%s: policy is neither default nor identity", path);
    f->naming.policy = (enum naming_policy)policy;
    f->naming.separator = f->def.separator;
    int rc = name_topics(c, f, path, err);
    if (rc == 0)
        rc = topic_is_own(c, f, path, err);
    return rc ? rc : checkpoints_are_own(c, f, path, err);
}

static void
flow_fini(struct flow *f)
{
    pt_flow_fini(&f->def);
    free(f->name);
    free(f->topic);
    free(f->checkpoints);
}

/* What only the mapper has to know of a flow, beside what routes say of it. */
static const char *const own_keys[] = {INTERNAL_SEPARATOR, SYNCS_TOPIC,
                                       CHECKPOINTS_TOPIC, NULL};

/* LegacyReplicationPolicy (mm2.md 3.6) was never shipped by Apache Kafka; those
 * that go by its name keep the names of topics, as the identity policy does. */
static int
put_shared(const char *key, struct json_t *value, void *arg)
{
    for (const char *const *own = own_keys; *own; own++)
        if (strcmp(key, *own) == 0)
            return 0;
    const char *text = js_str(value);
    if (strcmp(key, "policy") == 0 && text && strcmp(text, "legacy") == 0)
        return js_put_str(arg, key, "identity");
    return js_put_take(arg, key, js_ref(value));
}

static int
read_shared(const struct json_t *j, const char *path, struct pt_flow *out,
            struct err *err)
{
    int rc = js_expect_object(j, path, err);
    if (rc)
        return rc;
    struct json_t *shared = js_object();
    rc = js_each(j, put_shared, shared)
             ? err_nomem(err)
             : pt_flow_decode(shared, path, out, err);
    js_free(shared);
    return rc;
}

static int
read_own(const struct json_t *j, const char *path, struct flow *f,
         struct err *err)
{
    f->naming.separator_in_internal = true;
    int rc = js_get_bool(j, path, INTERNAL_SEPARATOR, JS_OPTIONAL,
                         &f->naming.separator_in_internal, err);
    if (rc == 0)
        rc = js_get_str_dup(j, path, SYNCS_TOPIC, JS_OPTIONAL, &f->topic, err);
    return rc ? rc
              : js_get_str_dup(j, path, CHECKPOINTS_TOPIC, JS_OPTIONAL,
                               &f->checkpoints, err);
}

static int
add_flow(struct config *c, const struct json_t *j, const char *path,
         struct err *err)
{
    struct flow f = {0};
    int rc = read_shared(j, path, &f.def, err);
    if (rc)
        return rc;
    rc = read_own(j, path, &f, err);
    if (rc == 0)
        rc = check_flow(c, &f, path, err);
    if (rc) {
        flow_fini(&f);
        return rc;
    }
    c->flows[c->n_flows++] = f;
    return 0;
}

static int
each(struct config *c, const struct json_t *array, const char *key,
     int (*add)(struct config *c, const struct json_t *j, const char *path,
                struct err *err),
     struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < js_len(array) && rc == 0; i++) {
        char path[40];
        (void)snprintf(path, sizeof(path), "%s[%zu]", key, i);
        rc = add(c, js_at(array, i), path, err);
    }
    return rc;
}

static int
decode(const struct json_t *j, struct config *c, struct err *err)
{
    static const char *const keys[] = {"clusters", "flows", NULL};
    struct json_t *clusters, *flows;
    int rc = js_only_keys(j, "", keys, err);
    if (rc == 0)
        rc = js_get_array(j, "", "clusters", JS_REQUIRED, &clusters, err);
    if (rc == 0)
        rc = js_get_array(j, "", "flows", JS_REQUIRED, &flows, err);
    if (rc)
        return rc;
    if (js_len(flows) > FLOWS_MAX)
        return err_field(err, ERR_LIMIT, "flows", NULL,
                         "flows has %zu entries; %d are allowed", js_len(flows),
                         FLOWS_MAX);
    c->clusters = xcalloc(js_len(clusters) + 1, sizeof(*c->clusters));
    c->flows = xcalloc(js_len(flows) + 1, sizeof(*c->flows));
    rc = each(c, clusters, "clusters", add_cluster, err);
    return rc ? rc : each(c, flows, "flows", add_flow, err);
}

int
config_parse(const char *text, size_t len, struct config *out, struct err *err)
{
    *out = (struct config){0};
    struct json_t *j;
    int rc = js_parse(text, len, &j, err);
    if (rc)
        return rc;
    rc = decode(j, out, err);
    js_free(j);
    if (rc)
        config_fini(out);
    return rc;
}

int
config_load(const char *path, struct config *out, struct err *err)
{
    *out = (struct config){0};
    char *text;
    size_t len;
    int rc = file_read(path, FILE_MAX_BYTES, &text, &len, err);
    if (rc)
        return rc;
    struct err why = {0};
    rc = config_parse(text, len, out, &why);
    free(text);
    return rc ? err_field(err, rc, why.field, why.value, "%s: %s", path,
                          why.text)
              : 0;
}

void
config_fini(struct config *c)
{
    for (size_t i = 0; i < c->n_flows; i++)
        flow_fini(&c->flows[i]);
    for (size_t i = 0; i < c->n_clusters; i++)
        pt_cluster_fini(&c->clusters[i]);
    free(c->flows);
    free(c->clusters);
    *c = (struct config){0};
}
