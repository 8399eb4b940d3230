/*
 * Owns what a shunt_t is made of: puts it together, takes it apart, and stands
 * between the engine's callbacks and the application's.
 *
 * Order of the end: close the engine, shut the gate (no more news), free the
 * consumer, stop the worker, free the producer, stop control.  Events and
 * errors may come on any thread: they are queued and told on the
 * application's.
 */
#include "sdk/src/handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

#include "sdk/src/metrics_text.h"
#include "sdk/src/name.h"
#include "sdk/src/tell.h"

/* ---- from the engine to the application --------------------------------- */

static void
on_control_log(int level, const char *line, void *arg)
{
    handle_log(level, "SHUNTROUTE", line, arg);
}

static void
count_event(struct metrics *m, const struct engine_event *e)
{
    switch (e->type) {
    case ENGINE_ROUTED:
        metrics_switched(m, e->since, -1);
        break;
    case ENGINE_SWITCH:
        metrics_switch_begins(m, e->to ? e->to : "");
        break;
    case ENGINE_SWITCHED:
        metrics_switched(m, e->since, e->stall_ms > 0 ? e->stall_ms : 0);
        if (e->reread_bound > 0)
            metrics_add(m, METRIC_REREAD_BOUND, e->reread_bound);
        break;
    case ENGINE_STUCK:
        metrics_add(m, METRIC_STUCK, 1);
        break;
    case ENGINE_WARNING:
        metrics_add(m, METRIC_WARNINGS, 1);
        break;
    case ENGINE_PHASE:
        metrics_phase(m, e->to ? e->to : "", e->phase, e->ms);
        break;
    case ENGINE_STANDBY: /* a gauge: it may be lost */
        break;
    }
}

static void
on_event(const struct engine_event *e, void *arg)
{
    shunt_t *rk = arg;
    if (e->to && (e->type == ENGINE_ROUTED || e->type == ENGINE_SWITCHED))
        atomic_store(&rk->cluster, name_intern(e->to));
    count_event(&rk->metrics, e);
    handle_log_event(rk, e);
    tell_take(rk, event_of_route(e));
}

static void
on_error(rd_kafka_resp_err_t code, const char *text, void *arg)
{
    shunt_t *rk = arg;
    metrics_add(&rk->metrics, METRIC_ERRORS, 1);
    if (!rk->conf->error_cb && !tell_by_event(rk, RD_KAFKA_EVENT_ERROR))
        handle_log(LOG_ERR, "ERROR", text, rk);
    else
        tell_take(rk, event_of_error(code, text));
}

static void
on_topic(const rd_kafka_topic_t *rkt, const rd_kafka_t *kafka,
         const char *logical, const char *origin, void *arg)
{
    /* Out of memory: its messages answer with their physical name. */
    (void)!name_note(arg, rkt, kafka, logical, origin);
}

static enum engine_answer
on_rebalance(rd_kafka_resp_err_t code,
             rd_kafka_topic_partition_list_t *partitions, void *arg)
{
    shunt_t *rk = arg;
    metrics_add(&rk->metrics, METRIC_REBALANCES, 1);
    if (tell_by_event(rk, RD_KAFKA_EVENT_REBALANCE)) {
        tell_take(rk,
                  event_of_list(RD_KAFKA_EVENT_REBALANCE, code, partitions));
        return ENGINE_LATER;
    }
    if (rk->conf->rebalance_cb)
        rk->conf->rebalance_cb(rk, code, partitions, rk->conf->opaque);
    return rk->conf->rebalance_cb ? ENGINE_CALLED : ENGINE_NOBODY;
}

static void
on_commit(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets,
          void *arg)
{
    shunt_t *rk = arg;
    metrics_add(&rk->metrics, code ? METRIC_COMMITS_FAILED : METRIC_COMMITS, 1);
    if (tell_by_event(rk, RD_KAFKA_EVENT_OFFSET_COMMIT))
        tell_take(rk,
                  event_of_list(RD_KAFKA_EVENT_OFFSET_COMMIT, code, offsets));
    else if (rk->conf->offset_commit_cb)
        rk->conf->offset_commit_cb(rk, code, offsets, rk->conf->opaque);
}

/* The record's own opaque stands in m->_private. */
static void
on_delivery(const rd_kafka_message_t *m, void *opaque, void *arg)
{
    shunt_t *rk = arg;
    (void)opaque;
    if (rk->conf->dr_msg_cb)
        rk->conf->dr_msg_cb(rk, m, rk->conf->opaque);
    else if (rk->conf->dr_cb)
        rk->conf->dr_cb(rk, m->payload, m->len, m->err, rk->conf->opaque,
                        m->_private);
}

static void
on_news(void *arg)
{
    shunt_t *rk = arg;
    pthread_mutex_lock(&rk->gate);
    if (rk->gate_open && rk->producer)
        producer_news(rk->producer);
    else if (rk->gate_open && rk->consumer)
        consumer_news(rk->consumer);
    pthread_mutex_unlock(&rk->gate);
}

void
handle_interrupt(shunt_t *rk)
{
    pthread_mutex_lock(&rk->gate);
    if (rk->gate_open && rk->producer)
        producer_interrupt(rk->producer);
    else if (rk->gate_open && rk->consumer)
        consumer_news(rk->consumer);
    pthread_mutex_unlock(&rk->gate);
}

static bool
pending(void *arg)
{
    shunt_t *rk = arg;
    if (!atomic_exchange(&rk->interrupt, false))
        return false;
    (void)handle_tell(rk);
    return engine_yielded() || atomic_load(&rk->event_polls) > 0;
}

/* ---- put together ------------------------------------------------------- */

static int
describe_client(struct pt_client *c, const shunt_conf_t *conf)
{
    char host[256] = "";
    uint32_t random = 0;
    (void)gethostname(host, sizeof(host) - 1);
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    c->pid = getpid();
    c->host = strdup(*host ? host : "localhost");
    c->version = strdup(SHUNT_VERSION);
    const char *name = conf->own.client_name;
    c->name = strdup(name && *name ? name : program_invocation_short_name);
    if (asprintf(&c->instance, "%s-%lld-%08x", *host ? host : "localhost",
                 (long long)c->pid, random) < 0)
        c->instance = NULL;
    return c->host && c->version && c->name && c->instance ? 0 : ERR_NOMEM;
}

static bool
resets_to_latest(const shunt_conf_t *conf)
{
    char *text = conf_kafka_text(conf, "auto.offset.reset");
    const bool latest = !text || strcmp(text, "latest") == 0 ||
                        strcmp(text, "largest") == 0 ||
                        strcmp(text, "end") == 0;
    free(text);
    return latest;
}

static int
fill_engine(shunt_t *rk, struct err *err)
{
    const shunt_conf_t *conf = rk->conf;
    char *interval = conf_kafka_text(conf, "auto.commit.interval.ms");
    rk->engine = (struct engine){
        .template = rd_kafka_conf_dup(conf->rk),
        .metrics = &rk->metrics,
        .credentials = &rk->credentials,
        .group = conf_kafka_text(conf, "group.id"),
        .auto_commit = conf_commits(conf),
        .store_by_hand = !conf_stores(conf),
        .auto_commit_interval_ms = interval ? atoll(interval) : 5000,
        .reset_latest = resets_to_latest(conf),
        .position = conf_position(conf),
        .standby = conf_standby(conf),
        .settle_ms = conf->own.settle_ms,
        .mapping_ms = conf->own.mapping_ms,
        .catchup_ms = conf->own.catchup_ms,
        .close_ms = conf->own.close_ms,
        .flush_ms = conf->own.flush_ms,
        .on_event = on_event,
        .on_log = handle_log,
        .on_error = on_error,
        .on_topic = on_topic,
        .on_rebalance = on_rebalance,
        .interrupt = &rk->interrupt,
        .pending = pending,
        .on_commit = on_commit,
        .reports =
            conf->dr_msg_cb || conf->dr_cb ? REPORTS_CALLBACK : REPORTS_NONE,
        .on_delivery = on_delivery,
        .arg = rk,
    };
    free(interval);
    if (describe_client(&rk->engine.client, conf) != 0)
        return err_nomem(err);
    return 0;
}

/* `id` borrows everything but the client id, which its caller frees. */
static void
borrow_identity(struct pt_identity *id, const shunt_t *rk)
{
    static char roles[2][16] = {"producer", "consumer"};
    *id = (struct pt_identity){
        .cluster_code = rk->conf->own.cluster_code,
        .role = roles[rk->type == RD_KAFKA_CONSUMER],
        .group = rk->type == RD_KAFKA_CONSUMER ? rk->engine.group : NULL,
        .client_id = conf_kafka_text(rk->conf, "client.id"),
        .attrs = rk->conf->attrs,
    };
}

static int
start_control(shunt_t *rk, struct err *err)
{
    struct control_conf conf = {
        .client = rk->engine.client,
        .request_timeout_ms = rk->conf->own.request_timeout_ms,
        .on_news = on_news,
        .on_log = on_control_log,
        .arg = rk,
    };
    borrow_identity(&conf.identity, rk);
    int rc = conf_servers(rk->conf, &conf.servers);
    if (!rc)
        rc = conf_cache_dir(rk->conf, &conf.cache_dir);
    if (rc)
        rc = err_nomem(err);
    else
        rc = control_start(&conf, &rk->engine.control, err);
    strlist_fini(&conf.servers);
    free(conf.cache_dir);
    free(conf.identity.client_id);
    return rc;
}

static int
start_engine(shunt_t *rk, struct err *err)
{
    return rk->type == RD_KAFKA_PRODUCER
               ? producer_new(&rk->engine, &rk->producer, err)
               : consumer_new(&rk->engine, &rk->consumer, err);
}

static char *
name_of(const shunt_t *rk)
{
    static atomic_int count;
    char *name = NULL;
    if (asprintf(&name, "%s#%s-%d", rk->conf->own.cluster_code,
                 rk->type == RD_KAFKA_PRODUCER ? "producer" : "consumer",
                 atomic_fetch_add(&count, 1) + 1) < 0)
        return NULL;
    return name;
}

static void
open_gate(shunt_t *rk, bool open)
{
    pthread_mutex_lock(&rk->gate);
    rk->gate_open = open;
    pthread_mutex_unlock(&rk->gate);
}

static int
set_up(shunt_t *rk, struct err *err)
{
    rk->name = name_of(rk);
    int rc = rk->name ? fill_engine(rk, err) : err_nomem(err);
    if (!rc)
        rc = handle_log_start(rk, err);
    if (!rc)
        conf_net_apply(rk->conf, &rk->engine);
    if (!rc)
        tell_apply(rk, &rk->engine);
    if (!rc)
        rc = worker_start(&rk->engine.worker, err);
    if (!rc)
        rc = start_control(rk, err);
    if (!rc)
        rc = start_engine(rk, err);
    if (!rc)
        rc = background_start(rk, err);
    if (!rc) {
        open_gate(rk, true);
        metrics_enlist(rk);
    }
    return rc;
}

/* The configuration is not touched: it may be the caller's again. */
static void
tear_down(shunt_t *rk)
{
    if (rk->consumer && !consumer_closed(rk->consumer))
        (void)consumer_close(rk->consumer); /* it is freed whatever it says */
    background_stop(rk);
    open_gate(rk, false);
    queue_wait_for_jobs(rk);
    producer_stop(rk->producer);
    consumer_free(rk->consumer);
    worker_stop(rk->engine.worker);
    producer_free(rk->producer);
    control_stop(rk->engine.control);
    name_forget(rk);
    txn_link_fini(rk);
    if (rk->engine.template)
        rd_kafka_conf_destroy(rk->engine.template);
    free(rk->engine.group);
    pt_client_fini(&rk->engine.client);
    logger_close(&rk->logger);
    metrics_fini(&rk->metrics);
    free(rk->credentials.username);
    free(rk->credentials.password);
    pthread_mutex_destroy(&rk->credentials.mutex);
    event_queue_fini(&rk->events);
    queues_fini(&rk->queues);
    oauth_fini(&rk->oauth);
    pthread_mutex_destroy(&rk->gate);
    free(rk->name);
    free(rk);
}

/* Held by whoever holds it already: news may come of news. */
static void
init_gate(pthread_mutex_t *gate)
{
    pthread_mutexattr_t attr; /* none of these can fail on Linux */
    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(gate, &attr);
    (void)pthread_mutexattr_destroy(&attr);
}

/* The parts whose end tear_down() does not ask about. */
static shunt_t *
empty_handle(void)
{
    shunt_t *rk = calloc(1, sizeof(*rk));
    if (!rk)
        return NULL;
    init_gate(&rk->gate);
    rk->logger.fd = -1;
    if (event_queue_init(&rk->events) != 0)
        goto no_events;
    if (queues_init(&rk->queues) != 0)
        goto no_queues;
    if (oauth_init(&rk->oauth) != 0)
        goto no_oauth;
    if (metrics_init(&rk->metrics) != 0)
        goto no_metrics;
    if (pthread_mutex_init(&rk->credentials.mutex, NULL) == 0)
        return rk;
    metrics_fini(&rk->metrics);
no_metrics:
    oauth_fini(&rk->oauth);
no_oauth:
    queues_fini(&rk->queues);
no_queues:
    event_queue_fini(&rk->events);
no_events:
    pthread_mutex_destroy(&rk->gate);
    free(rk);
    return NULL;
}

static shunt_t *
new_handle(rd_kafka_type_t type, shunt_conf_t *conf, struct err *err)
{
    shunt_t *rk = empty_handle();
    if (!rk) {
        (void)err_nomem(err);
        return NULL;
    }
    rk->type = type;
    rk->conf = conf;
    if (set_up(rk, err) == 0)
        return rk;
    tear_down(rk);
    return NULL;
}

shunt_t *
shunt_new(rd_kafka_type_t type, shunt_conf_t *conf, char *errstr,
          size_t errstr_size)
{
    struct err err = {0};
    shunt_t *rk = NULL;
    if (conf_check(conf, type, &err) == 0 && conf_trial(conf, type, &err) == 0)
        rk = new_handle(type, conf, &err);
    if (!rk && errstr && errstr_size > 0)
        (void)snprintf(errstr, errstr_size, "%s", err.text);
    return rk;
}

void
shunt_destroy(shunt_t *rk)
{
    if (!rk)
        return;
    shunt_conf_t *conf = rk->conf;
    if (rk->consumer && !consumer_closed(rk->consumer))
        (void)consumer_close(rk->consumer); /* it goes whatever it says */
    (void)handle_tell(rk);
    metrics_delist(rk);
    tear_down(rk);
    shunt_conf_destroy(conf);
}

void
shunt_destroy_flags(shunt_t *rk, int flags)
{
    if (rk && rk->consumer && flags & RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        consumer_abandon(rk->consumer);
    shunt_destroy(rk);
}
