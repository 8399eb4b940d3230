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
