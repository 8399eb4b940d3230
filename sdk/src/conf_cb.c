/*
 * The callbacks of a configuration.  They are kept here and not given to
 * librdkafka's configuration: handle.c calls them with the shunt_t.
 */
#include <string.h>

#include "sdk/src/conf.h"

#define PLACE(name, field)                                                     \
    {                                                                          \
        name, offsetof(struct shunt_conf_s, field),                            \
            sizeof(((struct shunt_conf_s *)0)->field)                          \
    }

const struct conf_place conf_places[] = {
    PLACE("opaque", opaque),
    PLACE("dr_msg_cb", dr_msg_cb),
    PLACE("dr_cb", dr_cb),
    PLACE("consume_cb", consume_cb),
    PLACE("error_cb", error_cb),
    PLACE("log_cb", log_cb),
    PLACE("log_cb", log_set),
    PLACE("rebalance_cb", rebalance_cb),
    PLACE("offset_commit_cb", offset_commit_cb),
    PLACE("event_cb", event_cb),
    PLACE("enabled_events", events),
    PLACE("stats_cb", stats_cb),
    PLACE("throttle_cb", throttle_cb),
    PLACE("oauthbearer_token_refresh_cb", oauth_cb),
    PLACE("background_event_cb", background_event_cb),
    PLACE("enable_sasl_queue", sasl_queue),
    PLACE("socket_cb", socket_cb),
    PLACE("connect_cb", connect_cb),
    PLACE("closesocket_cb", closesocket_cb),
    PLACE("open_cb", open_cb),
    PLACE("resolve_cb", resolve_cb),
    PLACE("ssl.certificate.verify_cb", ssl_cert_verify_cb),
    {0},
};

void
shunt_conf_set_opaque(shunt_conf_t *conf, void *opaque)
{
    conf->opaque = opaque;
}

void
shunt_conf_set_dr_msg_cb(shunt_conf_t *conf,
                         void (*dr_msg_cb)(shunt_t *rk,
                                           const rd_kafka_message_t *rkmessage,
                                           void *opaque))
{
    conf->dr_msg_cb = dr_msg_cb;
}

void
shunt_conf_set_error_cb(shunt_conf_t *conf,
                        void (*error_cb)(shunt_t *rk, int err,
                                         const char *reason, void *opaque))
{
    conf->error_cb = error_cb;
}

void
shunt_conf_set_log_cb(shunt_conf_t *conf,
                      void (*log_cb)(const shunt_t *rk, int level,
                                     const char *fac, const char *buf))
{
    conf->log_cb = log_cb;
    conf->log_set = true;
}

void
shunt_conf_set_rebalance_cb(
    shunt_conf_t *conf,
    void (*rebalance_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions,
                         void *opaque))
{
    conf->rebalance_cb = rebalance_cb;
}

void
shunt_conf_set_offset_commit_cb(
    shunt_conf_t *conf,
    void (*offset_commit_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                             rd_kafka_topic_partition_list_t *offsets,
                             void *opaque))
{
    conf->offset_commit_cb = offset_commit_cb;
}

void
shunt_conf_set_event_cb(shunt_conf_t *conf,
                        void (*event_cb)(shunt_t *rk,
                                         const shunt_event_t *event,
                                         void *opaque))
{
    conf->event_cb = event_cb;
}

void
shunt_conf_set_dr_cb(shunt_conf_t *conf,
                     void (*dr_cb)(shunt_t *rk, void *payload, size_t len,
                                   rd_kafka_resp_err_t err, void *opaque,
                                   void *msg_opaque))
{
    conf->dr_cb = dr_cb;
}

void
shunt_conf_set_consume_cb(shunt_conf_t *conf,
                          void (*consume_cb)(rd_kafka_message_t *rkmessage,
                                             void *opaque))
{
    conf->consume_cb = consume_cb;
}

void
shunt_conf_set_events(shunt_conf_t *conf, int events)
{
    conf->events = events;
}

void
shunt_conf_set_stats_cb(shunt_conf_t *conf,
                        int (*stats_cb)(shunt_t *rk, char *json,
                                        size_t json_len, void *opaque))
{
    conf->stats_cb = stats_cb;
}

void
shunt_conf_set_throttle_cb(
    shunt_conf_t *conf,
    void (*throttle_cb)(shunt_t *rk, const char *broker_name, int32_t broker_id,
                        int throttle_time_ms, void *opaque))
{
    conf->throttle_cb = throttle_cb;
}

void
shunt_conf_set_oauthbearer_token_refresh_cb(
    shunt_conf_t *conf,
    void (*oauthbearer_token_refresh_cb)(shunt_t *rk,
                                         const char *oauthbearer_config,
                                         void *opaque))
{
    conf->oauth_cb = oauthbearer_token_refresh_cb;
}

void
shunt_conf_set_background_event_cb(shunt_conf_t *conf,
                                   void (*event_cb)(shunt_t *rk,
                                                    shunt_event_t *rkev,
                                                    void *opaque))
{
    conf->background_event_cb = event_cb;
}

void
shunt_conf_enable_sasl_queue(shunt_conf_t *conf, int enable)
{
    conf->sasl_queue = enable != 0;
}
