/*
 * See conf.h.  No state but the struct; one thread at a time.  A property that
 * cannot be honoured is refused, never ignored.
 */
#include "sdk/src/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPT_OF(field)  offsetof(struct conf_own, field)
#define DAY_MS         86400000
#define CATCHUP_MAX_MS 600000 /* a mapper waits no longer */

const struct opt conf_options[] = {
    {"cluster.code", OPT_STR, OPT_OF(cluster_code), NULL, 0, 0, "CODE",
     "the logical cluster; needed"},
    {"route.service", OPT_STR, OPT_OF(route_service), NULL, 0, 0, "URL,..",
     "route services, tried in turn; needed"},
    {"route.cache.dir", OPT_STR, OPT_OF(cache_dir), NULL, 0, 0, "DIR",
     "where the last good route is kept; empty: nowhere; default: "
     "$XDG_STATE_HOME/shunt or ~/.local/state/shunt"},
    {"client.name", OPT_STR, OPT_OF(client_name), NULL, 0, 0, "NAME",
     "what administrators see; default: the program's name"},
    {"switch.position", OPT_STR, OPT_OF(position), NULL, 0, 0, "WHICH",
     "consumer: the position that a move carries over: stored, committed or "
     "delivered; default: stored with enable.auto.commit, else committed"},
    {"switch.standby", OPT_STR, OPT_OF(standby), "none", 0, 0, "WHAT",
     "consumer: what is kept ready on the cluster that the rule names as "
     "standby: none, connect (a handle with connections and metadata) or join "
     "(a member of the group there, which reads nothing)"},
    {"switch.group.settle.ms", OPT_INT, OPT_OF(settle_ms), "10000", 0, DAY_MS,
     "MS",
     "consumer: how long to wait for the commit of another member that "
     "may still make it"},
    {"switch.mapping.timeout.ms", OPT_INT, OPT_OF(mapping_ms), "10000", 0,
     DAY_MS, "MS", "consumer: how long to wait for a translated position"},
    {"switch.catchup.timeout.ms", OPT_INT, OPT_OF(catchup_ms), "5000", 0,
     CATCHUP_MAX_MS, "MS",
     "consumer: how long a move waits for records that replication has not "
     "brought yet; then they are read again"},
    {"switch.flush.timeout.ms", OPT_INT, OPT_OF(flush_ms), "5000", 0, DAY_MS,
     "MS",
     "producer: how long to wait for acknowledgements of the cluster "
     "that is left"},
    {"close.timeout.ms", OPT_INT, OPT_OF(close_ms), "5000", 0, DAY_MS, "MS",
     "consumer: how long closing waits for the cluster, and for messages that "
     "the application has not destroyed"},
    {"route.request.timeout.ms", OPT_INT, OPT_OF(request_timeout_ms), "3000",
     10, DAY_MS, "MS",
     "longest wait for one answer of a route service or an "
     "offset mapper"},
    {0},
};

const struct conf_refusal conf_refusals[] = {
    {"bootstrap.servers", NULL,
     "a routed client gets its brokers from the route service: set "
     "cluster.code and route.service instead"},
    {"metadata.broker.list", NULL,
     "a routed client gets its brokers from the route service: set "
     "cluster.code and route.service instead"},
    {"test.mock.num.brokers", "0",
     "a routed client gets its brokers from the route service"},
    {"plugin.library.paths", "",
     "a plugin sees one handle of librdkafka, and there is a new one at every "
     "move"},
    {0},
};

#define ATTR_PREFIX "attr."

shunt_conf_t *
shunt_conf_new(void)
{
    shunt_conf_t *conf = calloc(1, sizeof(*conf));
    if (!conf)
        return NULL;
    conf->rk = rd_kafka_conf_new();
    if (conf->rk && opt_defaults(conf_options, &conf->own, NULL) == 0)
        return conf;
    shunt_conf_destroy(conf);
    return NULL;
}

void
shunt_conf_destroy(shunt_conf_t *conf)
{
    if (!conf)
        return;
    opt_fini(conf_options, &conf->own);
    props_fini(&conf->attrs);
    if (conf->rk)
        rd_kafka_conf_destroy(conf->rk);
    free(conf);
}

static int
copy_own(struct conf_own *to, const struct conf_own *from)
{
    *to = *from;
    bool failed = false;
    for (const struct opt *o = conf_options; o->key; o++) {
        if (o->type != OPT_STR)
            continue;
        char **s = (char **)(void *)((char *)to + o->offset);
        *s = *s ? strdup(*s) : NULL;
        const char *const *was =
            (const char *const *)(const void *)((const char *)from + o->offset);
        failed |= *was && !*s;
    }
    return failed ? ERR_NOMEM : 0;
}

/* As librdkafka does it: a filter is the beginning of a name. */
static bool
is_filtered(const char *name, size_t n, const char **filter)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts_with(name, filter[i]))
            return true;
    return false;
}

static int
reset_option(struct conf_own *own, const struct opt *o)
{
    if (o->def)
        return opt_set(conf_options, own, o->key, o->def, NULL);
    if (o->type == OPT_STR) {
        char **s = (char **)(void *)((char *)own + o->offset);
        free(*s);
        *s = NULL;
    }
    return 0;
}

static int
drop_filtered(shunt_conf_t *conf, size_t n, const char **filter)
{
    int rc = 0;
    for (const struct opt *o = conf_options; o->key; o++)
        if (is_filtered(o->key, n, filter))
            rc = rc ? rc : reset_option(&conf->own, o);
    for (const struct conf_place *p = conf_places; p->name; p++)
        if (is_filtered(p->name, n, filter))
            memset((char *)conf + p->offset, 0, p->size);
    struct props kept = {0};
    for (size_t i = 0; i < conf->attrs.n; i++) {
        char name[256];
        (void)snprintf(name, sizeof(name), ATTR_PREFIX "%s",
                       conf->attrs.v[i].key);
        if (!is_filtered(name, n, filter))
            rc = rc ? rc
                    : props_set(&kept, conf->attrs.v[i].key,
                                conf->attrs.v[i].value);
    }
    props_fini(&conf->attrs);
    conf->attrs = kept;
    return rc;
}

shunt_conf_t *
shunt_conf_dup_filter(const shunt_conf_t *conf, size_t filter_cnt,
                      const char **filter)
{
    shunt_conf_t *copy = calloc(1, sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *conf;
    copy->attrs = (struct props){0};
    copy->rk = rd_kafka_conf_dup_filter(conf->rk, filter_cnt, filter);
    if (copy_own(&copy->own, &conf->own) == 0 &&
        props_copy(&copy->attrs, &conf->attrs) == 0 && copy->rk &&
        drop_filtered(copy, filter_cnt, filter) == 0)
        return copy;
    shunt_conf_destroy(copy);
    return NULL;
}

shunt_conf_t *
shunt_conf_dup(const shunt_conf_t *conf)
{
    return shunt_conf_dup_filter(conf, 0, NULL);
}

static const struct conf_refusal *
refusal_of(const char *name)
{
    for (const struct conf_refusal *r = conf_refusals; r->key; r++)
        if (strcmp(r->key, name) == 0)
            return r;
    return NULL;
}

static rd_kafka_conf_res_t
refuse(char *errstr, size_t size, const char *name, const char *why)
{
    if (errstr && size > 0)
        (void)snprintf(errstr, size, "Property \"%s\": %s", name, why);
    return RD_KAFKA_CONF_INVALID;
}

/* No rule can be meant for such a name, and no log shows it as it is. */
static const char control_words[] = "a control character (a line break, say) "
                                    "is in it";

static bool
has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

static rd_kafka_conf_res_t
set_attr(shunt_conf_t *conf, const char *name, const char *value, char *errstr,
         size_t size)
{
    const char *key = name + strlen(ATTR_PREFIX);
    if (!*key)
        return refuse(errstr, size, name, "an attribute needs a name");
    if (has_control(key) || has_control(value))
        return refuse(errstr, size, name, control_words);
    if (props_set(&conf->attrs, key, value) != 0)
        return refuse(errstr, size, name, err_text(ERR_NOMEM));
    return RD_KAFKA_CONF_OK;
}

static const char *
own_problem(const char *name, const char *value)
{
    static const struct {
        const char *name, *words[3], *why;
    } choices[] = {
        {"switch.position",
         {"stored", "committed", "delivered"},
         "it is stored, committed or delivered"},
        {"switch.standby",
         {"none", "connect", "join"},
         "it is none, connect or join"},
    };
    if (strcmp(name, "cluster.code") == 0 && !*value)
        return "it cannot be empty";
    if (strcmp(name, "cluster.code") == 0 && has_control(value))
        return control_words;
    for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
        if (strcmp(name, choices[i].name) != 0)
            continue;
        for (size_t w = 0; w < 3; w++)
            if (strcmp(value, choices[i].words[w]) == 0)
                return NULL;
        return choices[i].why;
    }
    return NULL;
}

/* What opt_set() says begins with "option NAME: ". */
static const char *
without_name(const char *text)
{
    const char *colon =
        str_starts_with(text, "option ") ? strstr(text, ": ") : NULL;
    return colon ? colon + 2 : text;
}

static rd_kafka_conf_res_t
set_own(shunt_conf_t *conf, const char *name, const char *value, char *errstr,
        size_t size)
{
    struct err err = {0};
    const char *problem = own_problem(name, value);
    if (problem)
        return refuse(errstr, size, name, problem);
    if (opt_set(conf_options, &conf->own, name, value, &err) == 0)
        return RD_KAFKA_CONF_OK;
    return refuse(errstr, size, name, without_name(err.text));
}

/* As in librdkafka, no value means the default. */
static rd_kafka_conf_res_t
set_default(shunt_conf_t *conf, const char *name, char *errstr, size_t size)
{
    const struct opt *o = opt_find(conf_options, name);
    if (str_starts_with(name, ATTR_PREFIX))
        return refuse(errstr, size, name, "an attribute needs a value");
    if (!o)
        return rd_kafka_conf_set(conf->rk, name, NULL, errstr, size);
    return reset_option(&conf->own, o) == 0
               ? RD_KAFKA_CONF_OK
               : refuse(errstr, size, name, err_text(ERR_NOMEM));
}

rd_kafka_conf_res_t
shunt_conf_set(shunt_conf_t *conf, const char *name, const char *value,
               char *errstr, size_t errstr_size)
{
    if (!name)
        return refuse(errstr, errstr_size, "(null)", "a name is needed");
    if (!value)
        return set_default(conf, name, errstr, errstr_size);
    if (str_starts_with(name, ATTR_PREFIX))
        return set_attr(conf, name, value, errstr, errstr_size);
    if (opt_find(conf_options, name))
        return set_own(conf, name, value, errstr, errstr_size);
    const struct conf_refusal *r = refusal_of(name);
    if (r && !str_equal(r->harmless, value))
        return refuse(errstr, errstr_size, name, r->why);
    return rd_kafka_conf_set(conf->rk, name, value, errstr, errstr_size);
}

static rd_kafka_conf_res_t
give_text(const char *text, char *dest, size_t *size)
{
    if (!text)
        return RD_KAFKA_CONF_UNKNOWN;
    if (dest && *size > 0)
        (void)snprintf(dest, *size, "%s", text);
    *size = strlen(text) + 1;
    return RD_KAFKA_CONF_OK;
}

static rd_kafka_conf_res_t
get_own(const shunt_conf_t *conf, const struct opt *o, char *dest, size_t *size)
{
    char number[24];
    const void *field = (const char *)&conf->own + o->offset;
    if (o->type == OPT_STR)
        return give_text(*(const char *const *)field, dest, size);
    if (o->type == OPT_BOOL)
        return give_text(*(const bool *)field ? "true" : "false", dest, size);
    (void)snprintf(number, sizeof(number), "%lld",
                   (long long)*(const int64_t *)field);
    return give_text(number, dest, size);
}

rd_kafka_conf_res_t
shunt_conf_get(const shunt_conf_t *conf, const char *name, char *dest,
               size_t *dest_size)
{
    const struct opt *o = opt_find(conf_options, name);
    if (o)
        return get_own(conf, o, dest, dest_size);
    if (str_starts_with(name, ATTR_PREFIX))
        return give_text(props_get(&conf->attrs, name + strlen(ATTR_PREFIX)),
                         dest, dest_size);
    return rd_kafka_conf_get(conf->rk, name, dest, dest_size);
}
