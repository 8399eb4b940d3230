/*
 * Owns nothing.  One description, as JSON; for people it is written as lines.
 */
#include "replicator/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/xmem.h"
#include "replicator/clients.h"
#include "replicator/topics.h"

#define NAME_MAX_BYTES 512

/* "line 7: a->b.topics"; NULL: nowhere. */
static int
put_origin(struct json_t *to, const struct property *p)
{
    if (!p)
        return js_put_null(to, "from");
    char *text = xasprintf("line %zu: %s", p->line, p->key);
    const int rc = js_put_words(to, "from", text);
    free(text);
    return rc;
}

static int
add_value(struct json_t *list, const char *key, const char *value,
          const struct property *from)
{
    struct json_t *v = js_object();
    int rc = js_put_words(v, "key", key);
    rc |= js_put_words(v, "value", from && from->shown ? from->shown : value);
    rc |= put_origin(v, from);
    return rc | js_add_take(list, v);
}

static char *
text_of(const struct opt *o, const void *conf)
{
    const char *at = (const char *)conf + o->offset;
    if (o->type == OPT_INT)
        return xasprintf("%lld", (long long)*(const int64_t *)(const void *)at);
    if (o->type == OPT_BOOL)
        return xstrdup(*(const bool *)at ? "true" : "false");
    const char *text = *(char *const *)(const void *)at;
    return xstrdup(text ? text : "");
}

static struct json_t *
flow_values(const struct settings *s, const struct flow_settings *f)
{
    struct json_t *list = js_array();
    int rc = 0;
    for (const struct opt *o = settings_flow_keys; o->key; o++) {
        char *text = text_of(o, f);
        rc |= add_value(list, o->key, text, settings_origin(s, f, o->key));
        free(text);
    }
    return rc == 0 ? list : NULL;
}

static struct json_t *
cluster_values(const struct settings *s, const struct cluster_settings *c)
{
    struct json_t *list = js_array();
    int rc = 0;
    for (const struct opt *o = settings_cluster_keys; o->key; o++) {
        char *text = text_of(o, c);
        rc |= add_value(list, o->key, text,
                        settings_cluster_origin(s, c, o->key));
        free(text);
    }
    return rc == 0 ? list : NULL;
}

/* Handles: librdkafka's names, with the line that each comes from. */
static struct json_t *
client_values(const struct flow_settings *f)
{
    struct json_t *all = js_object();
    int rc = 0;
    for (int role = 0; role < ROLES; role++) {
        const struct client_settings *c = &f->clients[role];
        struct json_t *list = js_array();
        for (size_t i = 0; i < c->n; i++)
            rc |= add_value(list, c->v[i].key, c->v[i].value, c->v[i].from);
        rc |= js_put_take(all, client_role_name((enum client_role)role), list);
    }
    return rc == 0 ? all : NULL;
}

static int
put_on(struct json_t *to, const char *key, const char *topic,
       const struct cluster_settings *c)
{
    struct json_t *v = js_object();
    int rc = js_put_words(v, "topic", topic);
    rc |= js_put_str(v, "cluster", c->name);
    return rc | js_put_take(to, key, v);
}

static int
put_topics_of_ours(struct json_t *to, const struct flow_settings *f)
{
    char name[NAME_MAX_BYTES];
    struct json_t *v = js_object();
    char *positions =
        f->target->positions_topic
            ? xstrdup(f->target->positions_topic)
            : xasprintf("mm2-offsets.%s.internal", f->source->name);
    int rc = put_on(v, "positions", positions, f->target);
    free(positions);
    if (f->syncs_enabled) {
        const struct cluster_settings *at =
            f->syncs_on_target ? f->target : f->source;
        const struct cluster_settings *other =
            f->syncs_on_target ? f->source : f->target;
        rc |= naming_offset_syncs(&f->naming, other->name, name, sizeof(name));
        rc |= put_on(v, "offset syncs", name, at);
    }
    if (f->checkpoints_enabled) {
        rc |=
            naming_checkpoints(&f->naming, f->source->name, name, sizeof(name));
        rc |= put_on(v, "checkpoints", name, f->target);
    }
    if (f->heartbeats_enabled)
        rc |= put_on(v, "heartbeats", "heartbeats", f->target);
    if (f->on_refused == REFUSED_DEAD_LETTER)
        rc |= put_on(v, "dead letters", f->dead_letter_topic, f->target);
    return rc | js_put_take(to, "internal_topics", v);
}

/* ---- with --connect ---------------------------------------------------- */

static int
add_copy(struct json_t *list, const struct flow_settings *f,
         const rd_kafka_metadata_topic_t *t)
{
    char remote[NAME_MAX_BYTES];
    if (!settings_copies_topic(f, t->topic))
        return 0;
    struct json_t *v = js_object();
    int rc = naming_remote(&f->naming, f->source->name, t->topic, remote,
                           sizeof(remote));
    rc |= js_put_words(v, "topic", t->topic);
    rc |= js_put_words(v, "copy", remote);
    rc |= js_put_int(v, "partitions", t->partition_cnt);
    return rc | js_add_take(list, v);
}

static int
add_copies(struct json_t *list, const struct flow_settings *f, rd_kafka_t *rk,
           struct err *err)
{
    const struct rd_kafka_metadata *md;
    int rc = topics_list(rk, &md, err);
    if (rc != 0)
        return rc;
    for (int i = 0; rc == 0 && i < md->topic_cnt; i++)
        rc = add_copy(list, f, &md->topics[i]);
    rd_kafka_metadata_destroy(md);
    return rc == 0 ? 0 : err_nomem(err);
}

static int
list_copies(const struct flow_settings *f, struct json_t *list, struct err *err)
{
    rd_kafka_t *rk;
    int rc =
        client_consumer(&f->clients[ROLE_SOURCE_CONSUMER], "check", &rk, err);
    if (rc != 0)
        return rc;
    rc = add_copies(list, f, rk, err);
    rd_kafka_destroy(rk);
    return rc;
}

static int
put_copies(struct json_t *to, const struct flow_settings *f)
{
    struct json_t *list = js_array();
    struct err why = {0};
    if (list_copies(f, list, &why) == 0)
        return js_put_take(to, "copies", list);
    js_free(list);
    return js_put_words(to, "copies_error", why.text);
}

/* ---- the whole --------------------------------------------------------- */

static const char *
policy_name(const struct flow_settings *f)
{
    return f->naming.policy == NAMING_IDENTITY ? "identity" : "default";
}

static int
add_flow(struct json_t *list, const struct settings *s,
         const struct flow_settings *f, bool connect)
{
    char remote[NAME_MAX_BYTES];
    const char *codec = client_compression(&f->clients[ROLE_TARGET_PRODUCER]);
    struct json_t *v = js_object();
    int rc = js_put_str(v, "flow", f->name);
    rc |= js_put_str(v, "source", f->source->name);
    rc |= js_put_str(v, "target", f->target->name);
    rc |=
        js_put_str(v, "delivery",
                   f->target->exactly_once ? "exactly once" : "at least once");
    rc |= js_put_str(v, "compressed",
                     codec ? codec : "as the records of the source");
    rc |= js_put_str(v, "naming", policy_name(f));
    rc |= naming_remote(&f->naming, f->source->name, "TOPIC", remote,
                        sizeof(remote));
    rc |= js_put_words(v, "copy_of_TOPIC", remote);
    rc |= put_topics_of_ours(v, f);
    rc |= js_put_take(v, "values", flow_values(s, f));
    rc |= js_put_take(v, "clients", client_values(f));
    if (connect)
        rc |= put_copies(v, f);
    return rc | js_add_take(list, v);
}

static int
add_cluster(struct json_t *list, const struct settings *s,
            const struct cluster_settings *c)
{
    struct json_t *v = js_object();
    int rc = js_put_str(v, "cluster", c->name);
    rc |= js_put_take(v, "values", cluster_values(s, c));
    return rc | js_add_take(list, v);
}

static struct json_t *
describe(const struct settings *s, const char *path, bool connect)
{
    struct json_t *v = js_object(), *flows = js_array(), *clusters = js_array();
    struct json_t *beats = js_array();
    int rc = js_put_words(v, "file", path);
    for (size_t i = 0; i < s->n_clusters; i++)
        rc |= add_cluster(clusters, s, &s->clusters[i]);
    for (size_t i = 0; i < s->n_flows; i++)
        if (s->flows[i].enabled)
            rc |= add_flow(flows, s, &s->flows[i], connect);
    for (size_t i = 0; i < s->n_flows; i++)
        if (settings_beats_alone(s, &s->flows[i]))
            rc |= js_add_take(beats, js_string(s->flows[i].name));
    rc |= js_put_take(v, "clusters", clusters);
    rc |= js_put_take(v, "flows", flows);
    rc |= js_put_take(v, "heartbeats_only", beats);
    rc |= js_put_strs(v, "warnings", &s->warnings);
    if (rc == 0)
        return v;
    js_free(v);
    return NULL;
}

/* ---- for people -------------------------------------------------------- */

static const char *
str(const struct json_t *obj, const char *key)
{
    const char *s = js_str(js_any(obj, key));
    return s ? s : "";
}

/* Those that the file gives. */
static void
print_values(const struct json_t *list, const char *indent, FILE *to)
{
    for (size_t i = 0; i < js_len(list); i++) {
        const struct json_t *v = js_at(list, i);
        const char *from = js_str(js_any(v, "from"));
        if (from)
            (void)fprintf(to, "%s%s = %s   (%s)\n", indent, str(v, "key"),
                          str(v, "value"), from);
    }
}

static int
print_role(const char *role, struct json_t *list, void *to)
{
    if (js_len(list) > 0)
        (void)fprintf(to, "  %s:\n", role);
    print_values(list, "    ", to);
    return 0;
}

static int
print_internal(const char *what, struct json_t *v, void *to)
{
    (void)fprintf(to, "  %s in %s on %s\n", what, str(v, "topic"),
                  str(v, "cluster"));
    return 0;
}

static void
print_copies(const struct json_t *flow, FILE *to)
{
    const struct json_t *list = js_any(flow, "copies");
    if (js_any(flow, "copies_error"))
        (void)fprintf(to, "  topics of %s: %s\n", str(flow, "source"),
                      str(flow, "copies_error"));
    for (size_t i = 0; list && i < js_len(list); i++) {
        const struct json_t *v = js_at(list, i);
        int64_t partitions = 0;
        (void)!js_get_int(v, "", "partitions", JS_REQUIRED, 0, INT64_MAX,
                          &partitions, NULL);
        (void)fprintf(to, "  copies %s to %s, %lld partition%s\n",
                      str(v, "topic"), str(v, "copy"), (long long)partitions,
                      partitions == 1 ? "" : "s");
    }
}

/* Given or not: what selects topics and groups is always of interest. */
static void
print_filters(const struct json_t *values, FILE *to)
{
    static const char *const keys[] = {"topics", "topics.exclude", "groups",
                                       "groups.exclude"};
    for (size_t i = 0; i < js_len(values); i++) {
        const struct json_t *v = js_at(values, i);
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            if (strcmp(str(v, "key"), keys[k]) == 0 &&
                !js_str(js_any(v, "from")))
                (void)fprintf(to, "  %s = %s   (default)\n", keys[k],
                              str(v, "value"));
    }
}

static void
print_flow(const struct json_t *flow, FILE *to)
{
    const struct json_t *values = js_any(flow, "values");
    (void)fprintf(to, "flow %s, %s; TOPIC is copied to %s, compressed: %s\n",
                  str(flow, "flow"), str(flow, "delivery"),
                  str(flow, "copy_of_TOPIC"), str(flow, "compressed"));
    print_values(values, "  ", to);
    print_filters(values, to);
    (void)js_each(js_any(flow, "internal_topics"), print_internal, to);
    (void)js_each(js_any(flow, "clients"), print_role, to);
    print_copies(flow, to);
}

static void
print_all(const struct json_t *v, FILE *to)
{
    const struct json_t *clusters = js_any(v, "clusters");
    const struct json_t *flows = js_any(v, "flows");
    const struct json_t *beats = js_any(v, "heartbeats_only");
    const struct json_t *warnings = js_any(v, "warnings");
    for (size_t i = 0; i < js_len(clusters); i++) {
        (void)fprintf(to, "cluster %s\n", str(js_at(clusters, i), "cluster"));
        print_values(js_any(js_at(clusters, i), "values"), "  ", to);
    }
    for (size_t i = 0; i < js_len(flows); i++)
        print_flow(js_at(flows, i), to);
    for (size_t i = 0; i < js_len(beats); i++)
        (void)fprintf(to, "heartbeats only: %s\n", js_str(js_at(beats, i)));
    for (size_t i = 0; i < js_len(warnings); i++)
        (void)fprintf(to, "warning: %s\n", js_str(js_at(warnings, i)));
    (void)fprintf(to, "%s: ok\n", str(v, "file"));
}

int
check_print(const struct settings *s, const char *path, bool connect, bool json,
            FILE *to, struct err *err)
{
    struct json_t *v = describe(s, path, connect);
    if (!v)
        return err_nomem(err);
    if (json) {
        char *text = js_dump_pretty(v);
        if (text)
            (void)fprintf(to, "%s\n", text);
        free(text);
    } else {
        print_all(v, to);
    }
    js_free(v);
    return 0;
}
