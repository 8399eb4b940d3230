/* The log of a handle: see logger.h and, for the level, shunt_set_log_level(). */
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "sdk/src/handle.h"
#include "sdk/src/tell.h"

void
handle_log(int level, const char *fac, const char *text, void *arg)
{
    shunt_t *rk = arg;
    if (!logger_wants(&rk->logger, level))
        return;
    if (rk->logger.fd >= 0)
        logger_write(&rk->logger, true, rk->name, level, fac, text);
    if (rk->log_queue)
        tell_line(rk, level, fac, text);
    else if (rk->conf->log_cb)
        rk->conf->log_cb(rk, level, fac, text);
    else if (!rk->conf->log_set && rk->logger.fd < 0)
        logger_write(&rk->logger, false, rk->name, level, fac, text);
}

void
handle_log_event(shunt_t *rk, const struct engine_event *e)
{
    static const char *const names[] = {
        [ENGINE_ROUTED] = "ROUTED",     [ENGINE_SWITCH] = "SWITCH",
        [ENGINE_SWITCHED] = "SWITCHED", [ENGINE_STUCK] = "STUCK",
        [ENGINE_WARNING] = "WARNING",   [ENGINE_PHASE] = "PHASE",
        [ENGINE_STANDBY] = "STANDBY",
    };
    char text[512];
    if (!logger_wants(&rk->logger, LOG_DEBUG))
        return;
    const char *more = e->phase ? e->phase : e->text;
    (void)snprintf(text, sizeof(text), "%s %s -> %s, since %lld%s%s",
                   names[e->type], e->from ? e->from : "-", e->to ? e->to : "-",
                   (long long)e->since, more ? ": " : "", more ? more : "");
    handle_log(LOG_DEBUG, "SHUNTEVENT", text, rk);
}

/* As in librdkafka, `debug` means every level. */
static int
level_asked(const shunt_conf_t *conf)
{
    char *debug = conf_kafka_text(conf, "debug");
    char *level = conf_kafka_text(conf, "log_level");
    const int asked = debug ? LOG_DEBUG : level ? atoi(level) : LOG_INFO;
    free(debug);
    free(level);
    return asked;
}

static void
complain(shunt_t *rk, const char *text)
{
    handle_log(LOG_ERR, "SHUNTLOG", text, rk);
}

/* librdkafka's handles log everything, handle_log() leaves out: so the level
 * may change while they live. */
static void
tell_template(shunt_t *rk, const char *debug)
{
    char why[256];
    rd_kafka_conf_t *conf = rk->engine.template;
    if (rd_kafka_conf_set(conf, "log_level", "7", why, sizeof(why)) !=
        RD_KAFKA_CONF_OK)
        complain(rk, why);
    if (rd_kafka_conf_set(conf, "log.queue", "false", why, sizeof(why)) !=
        RD_KAFKA_CONF_OK)
        complain(rk, why);
    if (debug && rd_kafka_conf_set(conf, "debug", debug, why, sizeof(why)) !=
                     RD_KAFKA_CONF_OK)
        complain(rk, why);
}

/* What is wrong with SHUNT_LOG is logged, and ends nothing. */
int
handle_log_start(shunt_t *rk, struct err *err)
{
    struct log_choice choice;
    struct err bad = {0}, no_file = {0};
    const int rc = log_choice_parse(secure_getenv("SHUNT_LOG"), &choice, &bad);
    const int level = choice.level >= 0 ? choice.level : level_asked(rk->conf);
    rk->log_queue = conf_logs_by_queue(rk->conf);
    const int opened = logger_open(&rk->logger, level, choice.file, &no_file);
    if (rc)
        complain(rk, bad.text);
    if (opened)
        complain(rk, no_file.text);
    tell_template(rk, choice.debug);
    log_choice_fini(&choice);
    return rc == ERR_NOMEM ? err_nomem(err) : 0;
}

void
shunt_set_log_level(shunt_t *rk, int level)
{
    atomic_store_explicit(&rk->logger.level, level, memory_order_relaxed);
}

void
shunt_log_print(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    logger_write(&rk->logger, false, rk->name, level, fac, buf);
}

void
shunt_log_syslog(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    syslog(level, "%s: %s: %s", fac, rk->name, buf);
}
