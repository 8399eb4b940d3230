/*
 * The public functions of both kinds of handle; surface_consumer.c and
 * surface_producer.c have the others.  See shunt.h.
 */
#include "sdk/src/handle.h"
#include "sdk/src/name.h"

const char *
shunt_version(void)
{
    return SHUNT_VERSION;
}

const shunt_conf_t *
shunt_conf(shunt_t *rk)
{
    return rk->conf;
}

rd_kafka_topic_conf_t *
shunt_default_topic_conf_dup(shunt_t *rk)
{
    const rd_kafka_topic_conf_t *conf =
        rd_kafka_conf_get_default_topic_conf(rk->conf->rk);
    return conf ? rd_kafka_topic_conf_dup(conf) : rd_kafka_topic_conf_new();
}

rd_kafka_type_t
shunt_type(const shunt_t *rk)
{
    return rk->type;
}

void *
shunt_opaque(const shunt_t *rk)
{
    return rk->conf->opaque;
}

const char *
shunt_name(const shunt_t *rk)
{
    return rk->name;
}

const char *
shunt_cluster(const shunt_t *rk)
{
    return atomic_load(&rk->cluster);
}

const char *
shunt_topic_name(const rd_kafka_topic_t *rkt)
{
    return name_logical(rkt);
}

const char *
shunt_message_origin(const rd_kafka_message_t *rkmessage)
{
    return rkmessage->rkt ? name_origin(rkmessage->rkt) : NULL;
}
