/*
 * The callbacks of a configuration.  They are kept here and not given to
 * librdkafka's configuration: handle.c calls them with the shunt_t.
 */
#include <string.h>

#include "sdk/src/conf.h"

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

