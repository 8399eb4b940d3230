/* See tell.h. */
#include "sdk/src/tell.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "sdk/src/oauth.h"
#include "sdk/src/queue.h"

/* ---- which way ---------------------------------------------------------- */

bool
tell_by_event(const shunt_t *rk, shunt_event_type_t type)
{
    const int kind = type & SHUNT_EVENT_ROUTE ? SHUNT_EVENT_ROUTE : type;
    return (rk->conf->events & kind) != 0;
}

static bool
has_callback(const shunt_conf_t *conf, shunt_event_type_t type)
{
    switch (type) {
    case RD_KAFKA_EVENT_ERROR:
        return conf->error_cb != NULL;
    case RD_KAFKA_EVENT_STATS:
        return conf->stats_cb != NULL;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        return conf->oauth_cb != NULL;
    case EVENT_THROTTLE:
        return conf->throttle_cb != NULL;
    default:
        return type & SHUNT_EVENT_ROUTE && conf->event_cb;
    }
}

static enum queue_root
root_of(shunt_event_type_t type)
{
    switch (type) {
    case RD_KAFKA_EVENT_REBALANCE:
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        return QUEUE_CONSUMER;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        return QUEUE_SASL;
    case RD_KAFKA_EVENT_LOG:
        return QUEUE_LOG;
    default:
        return QUEUE_MAIN;
    }
}

void
tell_line(shunt_t *rk, int level, const char *fac, const char *text)
{
    struct shunt_event_s *e = event_of_text(RD_KAFKA_EVENT_LOG, text);
    if (e) {
        e->level = level;
        e->from = strdup(fac);
    }
    if (e && e->from)
        tell_take(rk, e);
    else /* a line that has no memory is not worth another */
        event_free(e);
}

void
tell_take(shunt_t *rk, struct shunt_event_s *e)
{
    if (!e) {
        handle_log(LOG_ERR, "SHUNT", "out of memory: an event is lost", rk);
        return;
    }
    const bool token = e->type == RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
    if (tell_by_event(rk, e->type) ||
        (token && atomic_load(&rk->background.oauth))) {
        queue_put_take(rk, root_of(e->type), e);
    } else if (has_callback(rk->conf, e->type)) {
        if (event_queue_put_take(&rk->events, e))
            metrics_add(&rk->metrics, METRIC_EVENTS_LOST, 1);
        queue_calls_due(rk);
    } else {
        event_free(e);
    }
}

/* ---- callbacks ---------------------------------------------------------- */

static void
call_stats(shunt_t *rk, struct shunt_event_s *e)
{
    const shunt_conf_t *conf = rk->conf;
    if (conf->stats_cb(rk, e->text, strlen(e->text), conf->opaque) == 1)
        e->text = NULL; /* it keeps the text */
}

static void
call(shunt_t *rk, struct shunt_event_s *e)
{
    const shunt_conf_t *conf = rk->conf;
    switch (e->type) {
    case RD_KAFKA_EVENT_ERROR:
        conf->error_cb(rk, e->code, e->text ? e->text : "", conf->opaque);
        break;
    case RD_KAFKA_EVENT_STATS:
        call_stats(rk, e);
        break;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        conf->oauth_cb(rk, e->text, conf->opaque);
        break;
    case EVENT_THROTTLE:
        conf->throttle_cb(rk, e->from, e->level, e->throttle_ms, conf->opaque);
        break;
    default:
        conf->event_cb(rk, e, conf->opaque);
    }
}

int
handle_tell(shunt_t *rk)
{
    int n = 0;
    struct shunt_event_s *e;
    if (!atomic_load(&rk->calls_due))
        return 0;
    atomic_store(&rk->calls_due, false); /* before the list is looked at */
    for (; !engine_yielded() && (e = event_queue_take(&rk->events)); n++) {
        call(rk, e);
        event_free(e);
    }
    if (engine_yielded()) /* there may be more */
        atomic_store(&rk->calls_due, true);
    return n;
}

/* ---- from librdkafka ---------------------------------------------------- */

static shunt_t *
handle_of(void *opaque)
{
    const struct engine_tag *tag = opaque;
    return tag->arg;
}

static int
on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct shunt_event_s *e = event_new(RD_KAFKA_EVENT_STATS);
    (void)rk;
    (void)len;
    if (e)
        e->text = json;
    tell_take(handle_of(opaque), e);
    return e ? 1 : 0; /* the text is ours */
}

static void
on_throttle(rd_kafka_t *rk, const char *broker, int32_t id, int ms,
            void *opaque)
{
    struct shunt_event_s *e = event_new(EVENT_THROTTLE);
    (void)rk;
    if (e) {
        e->from = strdup(broker);
        e->level = id;
        e->throttle_ms = ms;
    }
    tell_take(handle_of(opaque), e);
}

static void
on_token_wanted(rd_kafka_t *rk, const char *config, void *opaque)
{
    oauth_wanted(handle_of(opaque), rk, config);
}

/* A producer's queues are polled for events, a consumer's make callbacks. */
void
tell_apply(shunt_t *rk, struct engine *e)
{
    const shunt_conf_t *conf = rk->conf;
    const int tokens = RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
    if (conf->stats_cb || conf->events & RD_KAFKA_EVENT_STATS) {
        rd_kafka_conf_set_stats_cb(e->template, on_stats);
        e->events |= RD_KAFKA_EVENT_STATS;
    }
    if (conf->throttle_cb)
        rd_kafka_conf_set_throttle_cb(e->template, on_throttle);
    if (conf->oauth_cb || conf->events & tokens) {
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(e->template,
                                                       on_token_wanted);
        e->events |= tokens;
    }
    if (conf->events & RD_KAFKA_EVENT_DR)
        e->reports = REPORTS_EVENT;
    e->on_kafka_event = tell_kafka_event;
}

void
tell_kafka_event(rd_kafka_event_t *event, void *arg)
{
    shunt_t *rk = arg;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_STATS:
        tell_take(rk, event_of_text(RD_KAFKA_EVENT_STATS,
                                    rd_kafka_event_stats(event)));
        break;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        oauth_wanted(rk, NULL, rd_kafka_event_config_string(event));
        break;
    case RD_KAFKA_EVENT_ERROR:
        rk->engine.on_error(rd_kafka_event_error_is_fatal(event)
                                ? RD_KAFKA_RESP_ERR__FATAL
                                : rd_kafka_event_error(event),
                            rd_kafka_event_error_string(event), rk);
        break;
    default: /* nothing else comes here */
        break;
    }
}
