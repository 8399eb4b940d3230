/* What shunt_new() and the engines ask of a configuration: pure reading. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/conf.h"

char *
conf_kafka_text(const shunt_conf_t *conf, const char *key)
{
    size_t size = 0;
    if (rd_kafka_conf_get(conf->rk, key, NULL, &size) != RD_KAFKA_CONF_OK ||
        size <= 1)
        return NULL;
    char *text = malloc(size);
    if (text)
        (void)rd_kafka_conf_get(conf->rk, key, text, &size);
    /* The size asked for first is only an upper bound for lists of flags. */
    if (text && *text)
        return text;
    free(text);
    return NULL;
}

static int
missing(struct err *err, const char *key, const char *why)
{
    return err_field(err, ERR_INVALID, key, "", "Property \"%s\" is needed: %s",
                     key, why);
}

/* "HOST[:PORT]" up to `end`, "[::1]:7070" too; NULL: it is one. */
static const char *
address_problem(const char *at, const char *end)
{
    const size_t len = (size_t)(end - at);
    const bool v6 = len > 0 && *at == '[';
    const char *host_end = memchr(at, v6 ? ']' : ':', len);
    const char *colon = v6 && host_end ? host_end + 1 : host_end;
    char port[8] = "";
    int64_t n;
    if (len == 0 || host_end == at)
        return "names no host";
    if (v6 && (!host_end || (colon < end && *colon != ':')))
        return "has an address in [ ] that does not end";
    if (!colon || colon == end)
        return NULL;
    if (end - colon - 1 < (ptrdiff_t)sizeof(port))
        memcpy(port, colon + 1, (size_t)(end - colon - 1));
    return str_to_i64(port, 1, 65535, &n) ? NULL
                                          : "has no port from 1 to 65535";
}

/* Paths of the protocol are put behind it.  NULL: all is well. */
static const char *
url_problem(const char *url)
{
    const char *at = str_starts_with(url, "http://")    ? url + 7
                     : str_starts_with(url, "https://") ? url + 8
                                                        : NULL;
    if (!at)
        return "does not start with http:// or https://";
    for (const char *s = url; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return "has a blank or a control character in it";
    if (strpbrk(at, "?#"))
        return "has a ? or # in it";
    const size_t len = strcspn(at, "/");
    const char *user_end = memrchr(at, '@', len);
    return address_problem(user_end ? user_end + 1 : at, at + len);
}

static int
check_urls(const shunt_conf_t *conf, struct err *err)
{
    struct strlist urls = {0};
    int rc = conf_servers(conf, &urls) != 0 ? err_nomem(err) : 0;
    if (!rc && urls.n == 0)
        rc = missing(err, "route.service",
                     "the URL of a route service, as shunt-route prints it");
    for (size_t i = 0; i < urls.n && !rc; i++) {
        const char *problem = url_problem(urls.v[i]);
        if (problem)
            rc = err_field(err, ERR_INVALID, "route.service", urls.v[i],
                           "Property \"route.service\": \"%s\" %s", urls.v[i],
                           problem);
    }
    strlist_fini(&urls);
    return rc;
}

static bool
is_true(const shunt_conf_t *conf, const char *key)
{
    char *text = conf_kafka_text(conf, key);
    const bool yes = text && strcmp(text, "true") == 0;
    free(text);
    return yes;
}

bool
conf_logs_by_queue(const shunt_conf_t *conf)
{
    return conf->events & RD_KAFKA_EVENT_LOG && is_true(conf, "log.queue");
}

bool
conf_commits(const shunt_conf_t *conf)
{
    return is_true(conf, "enable.auto.commit");
}

bool
conf_stores(const shunt_conf_t *conf)
{
    return is_true(conf, "enable.auto.offset.store");
}

static int
check_consumer(const shunt_conf_t *conf, struct err *err)
{
    char *group = conf_kafka_text(conf, "group.id");
    const bool has = group != NULL;
    free(group);
    if (!has)
        return missing(err, "group.id", "a consumer's group");
    return 0;
}

int
conf_check(const shunt_conf_t *conf, rd_kafka_type_t type, struct err *err)
{
    if (type != RD_KAFKA_PRODUCER && type != RD_KAFKA_CONSUMER)
        return err_set(err, ERR_INVALID,
                       "type %d is neither RD_KAFKA_PRODUCER nor "
                       "RD_KAFKA_CONSUMER",
                       (int)type);
    if (!conf)
        return missing(err, "cluster.code", "there is no configuration");
    if (!conf->own.cluster_code)
        return missing(err, "cluster.code", "the logical cluster to use");
    const int rc = check_urls(conf, err);
    return rc || type != RD_KAFKA_CONSUMER ? rc : check_consumer(conf, err);
}

enum switch_position
conf_position(const shunt_conf_t *conf)
{
    const char *word = conf->own.position;
    if (word && strcmp(word, "delivered") == 0)
        return SWITCH_DELIVERED;
    if (word)
        return strcmp(word, "stored") == 0 ? SWITCH_STORED : SWITCH_COMMITTED;
    /* Who commits by hand may not have processed what was returned. */
    return conf_commits(conf) ? SWITCH_STORED : SWITCH_COMMITTED;
}

enum switch_standby
conf_standby(const shunt_conf_t *conf)
{
    const char *word = conf->own.standby;
    if (word && strcmp(word, "join") == 0)
        return STANDBY_JOIN;
    return word && strcmp(word, "connect") == 0 ? STANDBY_CONNECT
                                                : STANDBY_NONE;
}

static int
default_cache_dir(char **out)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const bool given = state && *state;
    *out = NULL;
    if (!given && (!home || !*home))
        return 0;
    const int n = given ? asprintf(out, "%s/shunt", state)
                        : asprintf(out, "%s/.local/state/shunt", home);
    if (n >= 0)
        return 0;
    *out = NULL;
    return ERR_NOMEM;
}

int
conf_cache_dir(const shunt_conf_t *conf, char **out)
{
    const char *dir = conf->own.cache_dir;
    *out = NULL;
    if (!dir)
        return default_cache_dir(out);
    if (!*dir)
        return 0;
    *out = strdup(dir);
    return *out ? 0 : ERR_NOMEM;
}

int
conf_servers(const shunt_conf_t *conf, struct strlist *out)
{
    const char *list = conf->own.route_service;
    if (list && strlist_split(out, list, ",") != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < out->n; i++)
        for (size_t n = strlen(out->v[i]); n > 0 && out->v[i][n - 1] == '/';)
            out->v[i][--n] = '\0';
    return 0;
}
