/*
 * From names and values to librdkafka: configuration, errors, logs, and a
 * queue that an event loop can wait for.
 */
#ifndef SHUNT_KAFKA_KCONF_H
#define SHUNT_KAFKA_KCONF_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "common/base/strs.h"

/* A new configuration with bootstrap.servers and then all of `properties`
 * (later ones win).  The error names the property and the value. */
MUST_CHECK int kconf_new(const char *bootstrap_servers,
                         const struct props *properties, rd_kafka_conf_t **out,
                         struct err *err);
MUST_CHECK int kconf_set(rd_kafka_conf_t *conf, const char *key,
                         const char *value, struct err *err);
/* The same with the references of the value resolved (base/refs.h): blocking
 * file calls.  The error shows neither what they hold nor, where there are any,
 * the value. */
MUST_CHECK int kconf_set_refs(rd_kafka_conf_t *conf, const char *key,
                              const char *value, struct err *err);
MUST_CHECK int kconf_set_all_refs(rd_kafka_conf_t *conf, const struct props *p,
                                  struct err *err);
/* Takes `conf` whatever happens. */
MUST_CHECK int kafka_new_take(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                              rd_kafka_t **out, struct err *err);
/* librdkafka's lines to common/base/log at their level; for programs. */
void kconf_log_to_base(rd_kafka_conf_t *conf);
/* One of them: a log callback. */
void kconf_log_line(const rd_kafka_t *rk, int level, const char *fac,
                    const char *text);

/* "cannot X: Local: Broker transport failure (_TRANSPORT)", ERR_KAFKA. */
int err_kafka(struct err *err, rd_kafka_resp_err_t code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* A descriptor that is readable at first, and becomes readable again when an
 * empty `queue` gets an entry: drain it with kqueue_drain_fd(), then poll the
 * queue until it is empty.  Close it with close() after the queue is
 * destroyed. */
MUST_CHECK int kqueue_fd(rd_kafka_queue_t *queue, int *fd, struct err *err);
void kqueue_drain_fd(int fd);

#endif
