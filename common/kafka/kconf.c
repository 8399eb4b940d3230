/*
 * See kconf.h.  No state; any thread.
 */
#include "common/kafka/kconf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/refs.h"

/* Passwords do not belong into errors, which end in logs and answers. */
static const char *
value_to_show(const char *key, const char *value)
{
    return strstr(key, "password") || strstr(key, "secret") ||
                   strstr(key, "key.pem") || strstr(key, "jaas")
               ? "(hidden)"
               : value;
}

int
kconf_set(rd_kafka_conf_t *conf, const char *key, const char *value,
          struct err *err)
{
    char why[256];
    const rd_kafka_conf_res_t res =
        rd_kafka_conf_set(conf, key, value, why, sizeof(why));
    if (res == RD_KAFKA_CONF_OK)
        return 0;
    const char *shown = value_to_show(key, value);
    /* librdkafka's words repeat the value. */
    const bool hidden = shown != value;
    return err_field(err, ERR_INVALID, key, shown,
                     "Kafka property \"%s\" cannot be \"%s\": %s", key, shown,
                     hidden ? "not accepted by librdkafka" : why);
}

/* librdkafka's words would repeat what the references stand for. */
static int
set_resolved(rd_kafka_conf_t *conf, const char *key, const char *value,
             const char *resolved, struct err *err)
{
    const rd_kafka_conf_res_t res =
        rd_kafka_conf_set(conf, key, resolved, NULL, 0);
    if (res == RD_KAFKA_CONF_OK)
        return 0;
    return err_field(err, ERR_INVALID, key, value,
                     "Kafka property \"%s\" cannot be what \"%s\" stands for: "
                     "not accepted by librdkafka",
                     key, value);
}

int
kconf_set_refs(rd_kafka_conf_t *conf, const char *key, const char *value,
               struct err *err)
{
    if (!strstr(value, "${"))
        return kconf_set(conf, key, value, err);
    struct err why = {0};
    char *resolved = NULL;
    int rc = refs_expand(value, &resolved, &why);
    if (rc)
        return err_field(err, rc, key, NULL, "Kafka property \"%s\": %s", key,
                         why.text);
    rc = set_resolved(conf, key, value, resolved, err);
    refs_wipe_take(resolved);
    return rc;
}

int
kconf_set_all_refs(rd_kafka_conf_t *conf, const struct props *p,
                   struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < p->n && !rc; i++)
        rc = kconf_set_refs(conf, p->v[i].key, p->v[i].value, err);
    return rc;
}

int
kconf_new(const char *bootstrap_servers, const struct props *properties,
          rd_kafka_conf_t **out, struct err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int rc = kconf_set(conf, "bootstrap.servers", bootstrap_servers, err);
    for (size_t i = 0; properties && !rc && i < properties->n; i++)
        rc = kconf_set(conf, properties->v[i].key, properties->v[i].value, err);
    if (rc) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *out = conf;
    return 0;
}

int
kafka_new_take(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
               struct err *err)
{
    char why[256];
    *out = rd_kafka_new(type, conf, why, sizeof(why));
    if (*out)
        return 0;
    rd_kafka_conf_destroy(conf); /* taken only on success */
    return err_set(err, ERR_KAFKA, "cannot make a Kafka %s: %s",
                   type == RD_KAFKA_PRODUCER ? "producer" : "consumer", why);
}

/* syslog's levels, of which librdkafka uses 0..7. */
static enum log_level
level_of(int syslog_level)
{
    if (syslog_level <= 3)
        return LOG_ERROR;
    if (syslog_level == 4)
        return LOG_WARN;
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

void
kconf_log_line(const rd_kafka_t *rk, int level, const char *fac,
               const char *text)
{
    log_at(level_of(level), "%s: %s: %s", rk ? rd_kafka_name(rk) : "librdkafka",
           fac, text);
}

void
kconf_log_to_base(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, kconf_log_line);
}

int
err_kafka(struct err *err, rd_kafka_resp_err_t code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, ERR_KAFKA, fmt, ap);
    va_end(ap);
    if (err) {
        const size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s (%s)",
                       rd_kafka_err2str(code), rd_kafka_err2name(code));
    }
    return ERR_KAFKA;
}

/* librdkafka writes the eight bytes whenever the queue stops being empty; a
 * nonblocking eventfd swallows any number of them. */
int
kqueue_fd(rd_kafka_queue_t *queue, int *fd, struct err *err)
{
    static const uint64_t one = 1;
    *fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (*fd < 0)
        return err_errno(err, ERR_IO, errno, "cannot make an eventfd");
    rd_kafka_queue_io_event_enable(queue, *fd, &one, sizeof(one));
    /* What stands in the queue already would never ring. */
    (void)!write(*fd, &one, sizeof(one));
    return 0;
}

void
kqueue_drain_fd(int fd)
{
    uint64_t count;
    (void)!read(fd, &count, sizeof(count)); /* empty already is fine */
}
