/*
 * What a producer is made of, waking, and small questions.  Nothing that the
 * application calls waits for a cluster; what may is the worker's (mover.c), so
 * a move goes on while the application does nothing.
 */
#include "sdk/src/producer/producer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer_int.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
/* Handles that end in the background may be looking a name up; librdkafka waits
 * for that too. */
#define REAP_MS 60000

/* ---- waking ------------------------------------------------------------- */

/* Nobody polls for reports: what fails must not pile up. */
static void
drain_all(void *arg)
{
    struct producer *p = arg;
    atomic_store(&p->draining, false);
    pthread_mutex_lock(&p->drain);
    for (struct gen *g = p->gens; g; g = g->next)
        reports_drain(p, g);
    pthread_mutex_unlock(&p->drain);
}

static void
post_drain(struct producer *p)
{
    if (atomic_load(&p->stopping) || atomic_exchange(&p->draining, true))
        return;
    if (worker_post(p->e.worker, 0, drain_all, p) != 0)
        atomic_store(&p->draining, false);
}

void
producer_wake(struct producer *p)
{
    pthread_mutex_lock(&p->wake_mutex);
    p->wakes++;
    pthread_cond_broadcast(&p->wake);
    if (p->wake_fn)
        p->wake_fn(p->wake_arg);
    pthread_mutex_unlock(&p->wake_mutex);
    if (p->e.reports == REPORTS_NONE)
        post_drain(p);
}

void
producer_on_wake(struct producer *p, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&p->wake_mutex);
    p->wake_fn = fn;
    p->wake_arg = arg;
    pthread_mutex_unlock(&p->wake_mutex);
}

void
producer_tell(struct producer *p, const struct engine_event *e)
{
    if (e && p->e.on_event)
        p->e.on_event(e, p->e.arg);
    pthread_mutex_lock(&p->wake_mutex);
    p->wakes++;
    p->told++;
    pthread_cond_broadcast(&p->wake);
    if (p->wake_fn)
        p->wake_fn(p->wake_arg);
    pthread_mutex_unlock(&p->wake_mutex);
}

void
producer_interrupt(struct producer *p)
{
    producer_tell(p, NULL);
}

struct seen
producer_see(struct producer *p)
{
    pthread_mutex_lock(&p->wake_mutex);
    const struct seen s = {.wakes = p->wakes, .told = p->told};
    pthread_mutex_unlock(&p->wake_mutex);
    return s;
}

void
producer_wait(struct producer *p, struct seen seen, int64_t until_ms)
{
    const struct timespec ts = {.tv_sec = until_ms / 1000,
                                .tv_nsec = until_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&p->wake_mutex);
    while (p->wakes == seen.wakes && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->wake, &p->wake_mutex, &ts);
    pthread_mutex_unlock(&p->wake_mutex);
}

void
producer_log(struct producer *p, int level, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (p->e.on_log)
        p->e.on_log(level, "SHUNTPRODUCER", line, p->e.arg);
}

/* ---- new and free ------------------------------------------------------- */

static bool
text_of(const rd_kafka_conf_t *conf, const char *key, char *text, size_t size)
{
    return rd_kafka_conf_get(conf, key, text, &size) == RD_KAFKA_CONF_OK;
}

static int64_t
number_of(const rd_kafka_conf_t *conf, const char *key, int64_t fallback)
{
    char text[64];
    int64_t n;
    if (!text_of(conf, key, text, sizeof(text)))
        return fallback;
    return str_to_i64(text, 0, INT64_MAX, &n) ? n : fallback;
}

static void
read_conf(struct producer *p)
{
    const rd_kafka_conf_t *c = p->e.template;
    char text[16];
    p->message_timeout_ms = number_of(c, "message.timeout.ms", 300000);
    p->max_count = (size_t)number_of(c, "queue.buffering.max.messages", 100000);
    p->max_bytes =
        1024 * (size_t)number_of(c, "queue.buffering.max.kbytes", 1048576);
    p->max_record_bytes = (size_t)number_of(c, "message.max.bytes", 1000000);
    p->only_errors =
        text_of(c, "delivery.report.only.error", text, sizeof(text)) &&
        strcmp(text, "true") == 0;
    if (p->e.reports == REPORTS_NONE) /* as set_cluster() makes it */
        p->only_errors = true;
}

/* Cannot fail on Linux but for the condition's clock. */
static int
init_sync(struct producer *p)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return ERR_NOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc |= pthread_mutex_init(&p->moving, NULL);
    rc |= pthread_mutex_init(&p->drain, NULL);
    rc |= pthread_mutex_init(&p->wake_mutex, NULL);
    gate_init(&p->gate);
    return rc ? ERR_NOMEM : 0;
}

static atomic_uint_fast64_t ids;

int
producer_new(const struct engine *e, struct producer **out, struct err *err)
{
    struct producer *p = calloc(1, sizeof(*p));
    if (!p)
        return err_nomem(err);
    p->e = *e;
    p->id = atomic_fetch_add(&ids, 1) + 1;
    read_conf(p);
    txn_init(p);
    backoff_init(&p->retry, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    if (reaper_new(&p->reaper, err) != 0) {
        free(p);
        return ERR_NOMEM;
    }
    if (init_sync(p) != 0) {
        reaper_unref(p->reaper);
        free(p);
        return err_nomem(err);
    }
    *out = p;
    return 0;
}

void
producer_stop(struct producer *p)
{
    if (!p)
        return;
    atomic_store(&p->stopping, true);
    producer_wake(p);
}

static void
free_records(struct record *head)
{
    struct record *r, *tmp;
    DL_FOREACH_SAFE(head, r, tmp)
    {
        record_free(r);
    }
}

static void
free_lanes(struct producer *p)
{
    struct lane *l, *tmp;
    HASH_ITER(hh, p->by_topic, l, tmp)
    {
        HASH_DEL(p->by_topic, l);
        free_records(l->held);
        if (l->conf)
            rd_kafka_topic_conf_destroy(l->conf);
        free(l);
    }
}

void
producer_free(struct producer *p)
{
    if (!p)
        return;
    txn_stop(p);
    reports_drop(p->ready);
    reports_drop(p->purged);
    topics_free(p);
    while (p->gens) {
        struct gen *g = p->gens;
        p->gens = g->next;
        gen_close(g);
    }
    (void)reaper_wait(p->reaper, clock_mono_ms() + REAP_MS);
    reaper_unref(p->reaper);
    free_records(p->failed);
    free_lanes(p);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->wake_mutex);
    pthread_mutex_destroy(&p->drain);
    pthread_mutex_destroy(&p->moving);
    gate_fini(&p->gate);
    free(p);
}

/* ---- questions ---------------------------------------------------------- */

void
producer_count(struct producer *p)
{
    struct metrics *m = p->e.metrics;
    const int64_t accepted = metrics_get(m, METRIC_RECORDS_ACKED) +
                             metrics_get(m, METRIC_RECORDS_FAILED) +
                             producer_outq_len(p);
    const int64_t before = metrics_get(m, METRIC_RECORDS_ACCEPTED);
    if (accepted > before)
        metrics_add(m, METRIC_RECORDS_ACCEPTED, accepted - before);
}

void
producer_news(struct producer *p)
{
    atomic_fetch_add(&p->news, 1);
    gate_shut(&p->gate);
    mover_post_look(p, 0);
    gate_open(&p->gate);
}

const char *
producer_cluster_of(struct producer *p, const char *topic)
{
    struct lane *l;
    gate_enter(&p->gate);
    HASH_FIND_STR(p->by_topic, topic, l);
    const char *cluster = l && l->gen ? l->gen->cluster : NULL;
    gate_leave(&p->gate);
    return cluster;
}

const char *
producer_cluster(struct producer *p)
{
    gate_enter(&p->gate);
    const char *cluster = p->cluster;
    gate_leave(&p->gate);
    return cluster;
}
