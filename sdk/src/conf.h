/*
 * The configuration of a handle: Shunt's own properties by their table, the
 * rest handed on to librdkafka.
 */
#ifndef SHUNT_SDK_CONF_H
#define SHUNT_SDK_CONF_H

#include <shunt/shunt.h>

#include "common/base/opt.h"
#include "common/base/strs.h"
#include "sdk/src/engine.h"

/* Shunt's own, by conf_options. */
struct conf_own {
    char *cluster_code;
    char *route_service;
    char *cache_dir; /* NULL: the default place; "": none */
    char *client_name;
    char *position, *standby;
    int64_t settle_ms, mapping_ms, catchup_ms, flush_ms, close_ms;
    int64_t request_timeout_ms;
};

struct shunt_conf_s {
    struct conf_own own;
    struct props attrs;
    rd_kafka_conf_t *rk; /* everything else */
    void *opaque;
    bool log_set; /* log_cb was set, maybe to NULL */
    void (*dr_msg_cb)(shunt_t *, const rd_kafka_message_t *, void *);
    void (*error_cb)(shunt_t *, int, const char *, void *);
    void (*log_cb)(const shunt_t *, int, const char *, const char *);
    void (*rebalance_cb)(shunt_t *, rd_kafka_resp_err_t,
                         rd_kafka_topic_partition_list_t *, void *);
    void (*offset_commit_cb)(shunt_t *, rd_kafka_resp_err_t,
                             rd_kafka_topic_partition_list_t *, void *);
    int events; /* RD_KAFKA_EVENT_..., SHUNT_EVENT_ROUTE */
    bool sasl_queue;
    int (*stats_cb)(shunt_t *, char *, size_t, void *);
    void (*throttle_cb)(shunt_t *, const char *, int32_t, int, void *);
    void (*oauth_cb)(shunt_t *, const char *, void *);
    void (*background_event_cb)(shunt_t *, shunt_event_t *, void *);
    void (*event_cb)(shunt_t *, const shunt_event_t *, void *);
    void (*dr_cb)(shunt_t *, void *, size_t, rd_kafka_resp_err_t, void *,
                  void *);
    void (*consume_cb)(rd_kafka_message_t *, void *);
    /* Called by librdkafka's threads, through conf_net.c. */
    int (*socket_cb)(int, int, int, void *);
    int (*connect_cb)(int, const struct sockaddr *, int, const char *, void *);
    int (*closesocket_cb)(int, void *);
    int (*open_cb)(const char *, int, mode_t, void *);
    int (*resolve_cb)(const char *, const char *, const struct addrinfo *,
                      struct addrinfo **, void *);
    int (*ssl_cert_verify_cb)(shunt_t *, const char *, int32_t, int *, int,
                              const char *, size_t, char *, size_t, void *);
};

/* Where a callback or pointer stands, by the name that librdkafka gives it;
 * ends with {0}. */
struct conf_place {
    const char *name;
    size_t offset, size;
};
extern const struct conf_place conf_places[];

/* Lets the application's transport callbacks be called by the handles that are
 * made of the engine's template. */
void conf_net_apply(const shunt_conf_t *conf, struct engine *e);

/* The table, for documentation too; ends with {0}. */
extern const struct opt conf_options[];

/* Properties that librdkafka knows and a routed client must not or cannot set;
 * ends with {0}. */
struct conf_refusal {
    const char *key;
    const char *harmless; /* this value may be set; NULL: none */
    const char *why;
};
extern const struct conf_refusal conf_refusals[];

/* ERR_INVALID unless a handle of this type can be made of it. */
MUST_CHECK int conf_check(const shunt_conf_t *conf, rd_kafka_type_t type,
                          struct err *err);
/* The same of librdkafka's properties, with its words: it is made to make a
 * handle, for a moment.  After conf_check(). */
MUST_CHECK int conf_trial(const shunt_conf_t *conf, rd_kafka_type_t type,
                          struct err *err);
/* A librdkafka property as text, owned by the caller; NULL: it has none. */
char *conf_kafka_text(const shunt_conf_t *conf, const char *key);
/* log.queue, and events of log lines are enabled. */
bool conf_logs_by_queue(const shunt_conf_t *conf);
/* What is finished is committed without being asked. */
bool conf_commits(const shunt_conf_t *conf);
/* What was returned counts as finished without being stored. */
bool conf_stores(const shunt_conf_t *conf);
enum switch_position conf_position(const shunt_conf_t *conf);
enum switch_standby conf_standby(const shunt_conf_t *conf);
/* Where routes are kept, owned by the caller; *out NULL: nowhere. */
MUST_CHECK int conf_cache_dir(const shunt_conf_t *conf, char **out);
/* The URLs of route.service. */
MUST_CHECK int conf_servers(const shunt_conf_t *conf, struct strlist *out);

#endif
