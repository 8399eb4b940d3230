/*
 * Configurations of libshunt: what a handle is made with, its properties and its
 * callbacks.  Included by shunt.h.
 */
#ifndef SHUNT_CONF_H
#define SHUNT_CONF_H

#include <shunt/shunt.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A new configuration with the defaults.  Owned by the caller until
 * shunt_new() takes it; else freed with shunt_conf_destroy().  NULL: out of
 * memory.  A configuration is used by one thread at a time.
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_new(void);

/*
 * A copy of `conf`, callbacks and opaque included.  Owned by the caller.
 * NULL: out of memory.
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_dup(const shunt_conf_t *conf);

/*
 * The same without the properties whose name begins with one of `filter`
 * (librdkafka's names of callbacks, "error_cb", count too).
 */
SHUNT_EXPORT shunt_conf_t *shunt_conf_dup_filter(const shunt_conf_t *conf,
                                                 size_t filter_cnt,
                                                 const char **filter);

/* Frees `conf`; NULL is allowed.  Not for one that shunt_new() has taken. */
SHUNT_EXPORT void shunt_conf_destroy(shunt_conf_t *conf);

/*
 * Sets one property.  Shunt's own are `cluster.code`, `route.*`, `switch.*`,
 * `client.name` and `attr.NAME`; every other name is librdkafka's.
 * conf:   the configuration.
 * name, value: copied.  value NULL: back to the default.
 * errstr, errstr_size: receives the reason, NUL-terminated, unless NULL or 0.
 * Returns RD_KAFKA_CONF_OK; RD_KAFKA_CONF_UNKNOWN: no such property;
 * RD_KAFKA_CONF_INVALID: the value cannot be used, or the property is one
 * that a routed client must not set (docs/sdk-options.md, Refused).
 */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_set(shunt_conf_t *conf,
                                                const char *name,
                                                const char *value, char *errstr,
                                                size_t errstr_size);

/*
 * Reads one property.  `dest` NULL asks only for *dest_size, the bytes that
 * the value needs, its NUL included.  A value that does not fit is cut.
 * Returns RD_KAFKA_CONF_OK, or RD_KAFKA_CONF_UNKNOWN also for a property of
 * Shunt that has no value.
 */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_get(const shunt_conf_t *conf,
                                                const char *name, char *dest,
                                                size_t *dest_size);

/*
 * Every property that has a value, as name, value, name, value, ...; Shunt's
 * own first.  Secrets included.  *cntp receives the number of strings.  Owned
 * by the caller: shunt_conf_dump_free().  NULL: out of memory.
 */
SHUNT_EXPORT const char **shunt_conf_dump(shunt_conf_t *conf, size_t *cntp);
SHUNT_EXPORT void shunt_conf_dump_free(const char **arr, size_t cnt);

/* Prints Shunt's properties and librdkafka's with ranges and defaults. */
SHUNT_EXPORT void shunt_conf_properties_show(FILE *fp);

/*
 * The defaults of topics, as rd_kafka_conf_set_default_topic_conf().  tconf is
 * taken.  Topic properties may as well be set with shunt_conf_set().
 */
SHUNT_EXPORT void
shunt_conf_set_default_topic_conf(shunt_conf_t *conf,
                                  rd_kafka_topic_conf_t *tconf);
/* Borrowed from `conf`; NULL: none was set yet. */
SHUNT_EXPORT rd_kafka_topic_conf_t *
shunt_conf_get_default_topic_conf(shunt_conf_t *conf);

/* The pointer that every callback gets and shunt_opaque() returns. */
SHUNT_EXPORT void shunt_conf_set_opaque(shunt_conf_t *conf, void *opaque);

/*
 * Delivery reports: exactly one for each record that a produce call accepted,
 * from shunt_poll() or shunt_flush().  `rkmessage` is valid during the call;
 * its _private is the record's opaque.  May produce; must not destroy.
 */
SHUNT_EXPORT void shunt_conf_set_dr_msg_cb(
    shunt_conf_t *conf,
    void (*dr_msg_cb)(shunt_t *rk, const rd_kafka_message_t *rkmessage,
                      void *opaque));

/*
 * Delivery reports in librdkafka's old form, for programs that still use it.
 * With a dr_msg_cb too, only that is called.
 */
SHUNT_EXPORT void shunt_conf_set_dr_cb(
    shunt_conf_t *conf,
    void (*dr_cb)(shunt_t *rk, void *payload, size_t len,
                  rd_kafka_resp_err_t err, void *opaque, void *msg_opaque));

/*
 * Consumer: records and errors go to `consume_cb`, and shunt_consumer_poll()
 * returns NULL.  `rkmessage` is valid during the call.
 */
SHUNT_EXPORT void shunt_conf_set_consume_cb(
    shunt_conf_t *conf,
    void (*consume_cb)(rd_kafka_message_t *rkmessage, void *opaque));

/*
 * Sockets, name resolution, files and certificates of every connection to
 * Kafka, as the functions of librdkafka of the same names; `opaque` is the
 * configuration's.  Called by librdkafka's threads, of several clusters at
 * once during a move: they must be thread-safe and must not call any shunt_
 * function except shunt_opaque() and shunt_name().  Connections to route
 * services and mappers are not concerned.
 */
SHUNT_EXPORT void shunt_conf_set_socket_cb(
    shunt_conf_t *conf,
    int (*socket_cb)(int domain, int type, int protocol, void *opaque));
SHUNT_EXPORT void shunt_conf_set_connect_cb(
    shunt_conf_t *conf,
    int (*connect_cb)(int sockfd, const struct sockaddr *addr, int addrlen,
                      const char *id, void *opaque));
SHUNT_EXPORT void
shunt_conf_set_closesocket_cb(shunt_conf_t *conf,
                              int (*closesocket_cb)(int sockfd, void *opaque));
SHUNT_EXPORT void shunt_conf_set_open_cb(shunt_conf_t *conf,
                                         int (*open_cb)(const char *pathname,
                                                        int flags, mode_t mode,
                                                        void *opaque));
SHUNT_EXPORT void shunt_conf_set_resolve_cb(
    shunt_conf_t *conf, int (*resolve_cb)(const char *node, const char *service,
                                          const struct addrinfo *hints,
                                          struct addrinfo **res, void *opaque));
/* RD_KAFKA_CONF_INVALID: librdkafka was built without SSL. */
SHUNT_EXPORT rd_kafka_conf_res_t shunt_conf_set_ssl_cert_verify_cb(
    shunt_conf_t *conf,
    int (*ssl_cert_verify_cb)(shunt_t *rk, const char *broker_name,
                              int32_t broker_id, int *x509_error, int depth,
                              const char *buf, size_t size, char *errstr,
                              size_t errstr_size, void *opaque));

/*
 * A certificate or key for every cluster, as rd_kafka_conf_set_ssl_cert();
 * `buffer` is copied.  What the route table says of a cluster's certificates
 * is laid over it.
 */
SHUNT_EXPORT rd_kafka_conf_res_t
shunt_conf_set_ssl_cert(shunt_conf_t *conf, rd_kafka_cert_type_t cert_type,
                        rd_kafka_cert_enc_t cert_enc, const void *buffer,
                        size_t size, char *errstr, size_t errstr_size);

/* What the engine of ssl.engine.location gets. Borrowed as long as handles of
 * this configuration live. */
SHUNT_EXPORT void shunt_conf_set_engine_callback_data(shunt_conf_t *conf,
                                                      void *callback_data);

/* Errors that no other call reports, as rd_kafka_conf_set_error_cb(). */
SHUNT_EXPORT void shunt_conf_set_error_cb(shunt_conf_t *conf,
                                          void (*error_cb)(shunt_t *rk, int err,
                                                           const char *reason,
                                                           void *opaque));

/*
 * Log lines, of librdkafka and of Shunt ("SHUNT..." in `fac`); `level` is
 * syslog's.  Called from any thread; must not call any shunt_ function except
 * shunt_opaque() and shunt_name().  NULL silences.  Default: stderr.  The
 * environment variable SHUNT_LOG turns a running program's log up and into a
 * file, whatever the program set: "debug,file=/tmp/shunt-%p.log,
 * kafka=cgrp+broker" (a level: error, warn, info, debug; %p is the process id;
 * kafka: librdkafka's debug contexts).
 */
SHUNT_EXPORT void
shunt_conf_set_log_cb(shunt_conf_t *conf,
                      void (*log_cb)(const shunt_t *rk, int level,
                                     const char *fac, const char *buf));

/*
 * Consumer: assignments come and go, as rd_kafka_conf_set_rebalance_cb():
 * on RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS the callback calls shunt_assign()
 * (with shunt_rebalance_protocol() COOPERATIVE: shunt_incremental_assign())
 * with the list, on RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS shunt_assign(rk, NULL)
 * (shunt_incremental_unassign()); it may commit and seek.  A move revokes
 * everything, then assigns what this member has on the new cluster, at the
 * positions carried over unless the callback gives others.  A callback that
 * does not assign gets a WARNING event, and Shunt does.  Without a callback
 * Shunt assigns.  `partitions` is valid during the call.  Must not close.
 */
SHUNT_EXPORT void shunt_conf_set_rebalance_cb(
    shunt_conf_t *conf,
    void (*rebalance_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions,
                         void *opaque));

/* Consumer: results of commits, as rd_kafka_conf_set_offset_commit_cb(). */
SHUNT_EXPORT void shunt_conf_set_offset_commit_cb(
    shunt_conf_t *conf,
    void (*offset_commit_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                             rd_kafka_topic_partition_list_t *offsets,
                             void *opaque));

#ifdef __cplusplus
}
#endif

#endif
