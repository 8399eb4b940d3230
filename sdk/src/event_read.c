/*
 * What the application asks of an event.  Those of librdkafka's kinds answer
 * as librdkafka's own do.
 */
#include <stdlib.h>
#include <string.h>

#include "sdk/src/event.h"

#define ROUTE_NAMES_MAX 8

static const char *const route_names[ROUTE_NAMES_MAX] = {
    [SHUNT_EVENT_ROUTED - SHUNT_EVENT_ROUTE] = "ROUTED",
    [SHUNT_EVENT_SWITCH - SHUNT_EVENT_ROUTE] = "SWITCH",
    [SHUNT_EVENT_SWITCHED - SHUNT_EVENT_ROUTE] = "SWITCHED",
    [SHUNT_EVENT_STUCK - SHUNT_EVENT_ROUTE] = "STUCK",
    [SHUNT_EVENT_WARNING - SHUNT_EVENT_ROUTE] = "WARNING",
    [SHUNT_EVENT_PHASE - SHUNT_EVENT_ROUTE] = "PHASE",
    [SHUNT_EVENT_STANDBY - SHUNT_EVENT_ROUTE] = "STANDBY",
};

shunt_event_type_t
shunt_event_type(const shunt_event_t *event)
{
    return event ? event->type : RD_KAFKA_EVENT_NONE;
}

static const char *
kafka_name(shunt_event_type_t type)
{
    switch (type) {
    case RD_KAFKA_EVENT_FETCH:
        return "Fetch";
    case RD_KAFKA_EVENT_LOG:
        return "Log";
    case RD_KAFKA_EVENT_ERROR:
        return "Error";
    case RD_KAFKA_EVENT_REBALANCE:
        return "Rebalance";
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        return "OffsetCommit";
    case RD_KAFKA_EVENT_STATS:
        return "Stats";
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        return "SaslOAuthBearerTokenRefresh";
    default:
        return "(NONE)";
    }
}

const char *
shunt_event_name(const shunt_event_t *event)
{
    const shunt_event_type_t type = shunt_event_type(event);
    if (event && event->genuine)
        return rd_kafka_event_name(event->genuine);
    const int n = type - SHUNT_EVENT_ROUTE;
    if (n > 0 && n < ROUTE_NAMES_MAX && route_names[n])
        return route_names[n];
    return kafka_name(type);
}

void
shunt_event_destroy(shunt_event_t *event)
{
    event_free(event);
}

/* ---- librdkafka's kinds ------------------------------------------------- */

const rd_kafka_message_t *
shunt_event_message_next(shunt_event_t *event)
{
    if (event->genuine)
        return rd_kafka_event_message_next(event->genuine);
    if (event->type != RD_KAFKA_EVENT_FETCH || event->message_taken)
        return NULL;
    event->message_taken = true;
    return event->message;
}

size_t
shunt_event_message_array(shunt_event_t *event,
                          const rd_kafka_message_t **rkmessages, size_t size)
{
    size_t n = 0;
    const rd_kafka_message_t *m;
    while (n < size && (m = shunt_event_message_next(event)))
        rkmessages[n++] = m;
    return n;
}

size_t
shunt_event_message_count(shunt_event_t *event)
{
    if (event->genuine)
        return rd_kafka_event_message_count(event->genuine);
    return event->type == RD_KAFKA_EVENT_FETCH ? 1 : 0;
}

rd_kafka_resp_err_t
shunt_event_error(shunt_event_t *event)
{
    return event->code;
}

const char *
shunt_event_error_string(shunt_event_t *event)
{
    if (event->genuine)
        return rd_kafka_event_error_string(event->genuine);
    if (event->message && event->type == RD_KAFKA_EVENT_ERROR)
        return rd_kafka_message_errstr(event->message);
    if (event->type == RD_KAFKA_EVENT_ERROR && event->text)
        return event->text;
    return rd_kafka_err2str(event->code);
}

int
shunt_event_error_is_fatal(shunt_event_t *event)
{
    if (event->type != RD_KAFKA_EVENT_ERROR)
        return 0;
    return event->genuine ? rd_kafka_event_error_is_fatal(event->genuine)
                          : event->fatal;
}

void *
shunt_event_opaque(shunt_event_t *event)
{
    return event->genuine ? rd_kafka_event_opaque(event->genuine)
                          : event->opaque;
}

int
shunt_event_log(shunt_event_t *event, const char **fac, const char **str,
                int *level)
{
    if (event->type != RD_KAFKA_EVENT_LOG)
        return -1;
    if (fac)
        *fac = event->from;
    if (str)
        *str = event->text;
    if (level)
        *level = event->level;
    return 0;
}

const char *
shunt_event_stats(shunt_event_t *event)
{
    if (event->type != RD_KAFKA_EVENT_STATS)
        return NULL;
    return event->genuine ? rd_kafka_event_stats(event->genuine) : event->text;
}

const char *
shunt_event_config_string(shunt_event_t *event)
{
    if (event->type != RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH)
        return NULL;
    return event->text;
}

rd_kafka_topic_partition_list_t *
shunt_event_topic_partition_list(shunt_event_t *event)
{
    return event->partitions;
}

rd_kafka_topic_partition_t *
shunt_event_topic_partition(shunt_event_t *event)
{
    const rd_kafka_message_t *m = event->message;
    if (event->genuine)
        return rd_kafka_event_topic_partition(event->genuine);
    if (!m || !m->rkt)
        return NULL;
    /* Only a list can make one that rd_kafka_topic_partition_destroy() frees:
     * it takes malloc()ed parts. */
    rd_kafka_topic_partition_t *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->topic = strdup(rd_kafka_topic_name(m->rkt));
    t->partition = m->partition;
    t->offset = m->err ? m->offset : RD_KAFKA_OFFSET_INVALID;
    t->err = m->err;
    if (t->topic)
        return t;
    free(t);
    return NULL;
}

/* ---- route events ------------------------------------------------------- */

const char *
shunt_event_from(const shunt_event_t *event)
{
    return event->type & SHUNT_EVENT_ROUTE ? event->from : NULL;
}

const char *
shunt_event_to(const shunt_event_t *event)
{
    return event->to;
}

int64_t
shunt_event_since(const shunt_event_t *event)
{
    return event->since;
}

int64_t
shunt_event_stall_ms(const shunt_event_t *event)
{
    return event->stall_ms;
}

int64_t
shunt_event_reread_bound(const shunt_event_t *event)
{
    return event->reread_bound;
}

int64_t
shunt_event_catchup_ms(const shunt_event_t *event)
{
    return event->catchup_ms;
}

const char *
shunt_event_phase(const shunt_event_t *event)
{
    return event->phase;
}

int64_t
shunt_event_ms(const shunt_event_t *event)
{
    return event->phase_ms;
}

const char *
shunt_event_text(const shunt_event_t *event)
{
    return event->text ? event->text : "";
}
