/* A configuration as text: Shunt's own properties first, then librdkafka's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/conf.h"

struct list {
    const char **v; /* name, value, name, value, ... */
    size_t n, max;
    bool failed;
};

static void
put(struct list *l, const char *name, const char *value)
{
    char *a = strdup(name), *b = strdup(value);
    if (!a || !b || l->n + 2 > l->max) {
        free(a);
        free(b);
        l->failed = true;
        return;
    }
    l->v[l->n++] = a;
    l->v[l->n++] = b;
}

static void
put_own(struct list *l, const shunt_conf_t *conf, const char *name)
{
    size_t size = 0;
    if (shunt_conf_get(conf, name, NULL, &size) != RD_KAFKA_CONF_OK)
        return; /* it has no value */
    char *value = malloc(size);
    if (value && shunt_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK)
        put(l, name, value);
    else
        l->failed = true;
    free(value);
}

static void
put_attrs(struct list *l, const shunt_conf_t *conf)
{
    for (size_t i = 0; i < conf->attrs.n; i++) {
        char *name = NULL;
        if (asprintf(&name, "attr.%s", conf->attrs.v[i].key) < 0) {
            l->failed = true;
            return;
        }
        put(l, name, conf->attrs.v[i].value);
        free(name);
    }
}

static size_t
own_count(const shunt_conf_t *conf)
{
    size_t n = conf->attrs.n;
    for (const struct opt *o = conf_options; o->key; o++)
        n++;
    return n;
}

const char **
shunt_conf_dump(shunt_conf_t *conf, size_t *cntp)
{
    size_t theirs = 0;
    *cntp = 0;
    const char **more = rd_kafka_conf_dump(conf->rk, &theirs);
    struct list l = {.max = 2 * own_count(conf) + theirs};
    l.v = calloc(l.max, sizeof(*l.v));
    l.failed = !l.v;
    for (const struct opt *o = conf_options; o->key && !l.failed; o++)
        put_own(&l, conf, o->key);
    if (!l.failed)
        put_attrs(&l, conf);
    for (size_t i = 0; i + 1 < theirs && !l.failed; i += 2)
        put(&l, more[i], more[i + 1]);
    rd_kafka_conf_dump_free(more, theirs);
    if (!l.failed) {
        *cntp = l.n;
        return l.v;
    }
    shunt_conf_dump_free(l.v, l.n);
    return NULL;
}

void
shunt_conf_dump_free(const char **arr, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        free((char *)(uintptr_t)arr[i]);
    free((void *)(uintptr_t)arr);
}

static void
show(FILE *fp, const struct opt *o)
{
    char range[64] = "";
    if (o->type == OPT_INT)
        (void)snprintf(range, sizeof(range), "%" PRId64 " .. %" PRId64, o->min,
                       o->max);
    else if (o->type == OPT_BOOL)
        (void)snprintf(range, sizeof(range), "true, false");
    (void)fprintf(fp, "%-40s | %-15s | %13s | %s\n", o->key, range,
                  o->def ? o->def : "", o->help);
}

void
shunt_conf_properties_show(FILE *fp)
{
    (void)fprintf(fp, "## Shunt's configuration properties\n\n");
    for (const struct opt *o = conf_options; o->key; o++)
        show(fp, o);
    (void)fprintf(fp, "%-40s | %-15s | %13s | %s\n\n\n", "attr.NAME", "", "",
                  "an attribute of the client, which routes can match");
    rd_kafka_conf_properties_show(fp);
}

void
shunt_conf_set_default_topic_conf(shunt_conf_t *conf,
                                  rd_kafka_topic_conf_t *tconf)
{
    rd_kafka_conf_set_default_topic_conf(conf->rk, tconf);
}

rd_kafka_topic_conf_t *
shunt_conf_get_default_topic_conf(shunt_conf_t *conf)
{
    return rd_kafka_conf_get_default_topic_conf(conf->rk);
}
