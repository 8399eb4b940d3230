/*
 * The application's side of the producer engine: accepts, polls, flushes,
 * purges.  Nothing here waits for a cluster; what may is the worker's
 * (mover.c), so a move goes on while the application does nothing.
 */
#include "sdk/src/producer/producer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer_int.h"

#define RETRY_MIN_MS   100
#define RETRY_MAX_MS   2000
#define FLUSH_SLICE_MS 5
#define EXPIRE_MS      1000

/* ---- waking ------------------------------------------------------------- */

void
producer_wake(struct producer *p)
{
    pthread_mutex_lock(&p->wake_mutex);
    p->wakes++;
    pthread_cond_broadcast(&p->wake);
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
    pthread_mutex_unlock(&p->wake_mutex);
}

struct seen {
    uint64_t wakes, told;
};

static struct seen
see(struct producer *p)
{
    pthread_mutex_lock(&p->wake_mutex);
    const struct seen s = {.wakes = p->wakes, .told = p->told};
    pthread_mutex_unlock(&p->wake_mutex);
    return s;
}

/* Until something has happened since `seen`, or the time has come. */
static void
wait_for_news(struct producer *p, struct seen seen, int64_t until_ms)
{
    const struct timespec ts = {.tv_sec = until_ms / 1000,
                                .tv_nsec = until_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&p->wake_mutex);
    while (p->wakes == seen.wakes && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->wake, &p->wake_mutex, &ts);
    pthread_mutex_unlock(&p->wake_mutex);
}

static void
on_wake(rd_kafka_t *rk, void *arg)
{
    (void)rk;
    producer_wake(arg);
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

static void
on_kafka_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    const struct producer *p = rk ? rd_kafka_opaque(rk) : NULL;
    if (p && p->e.on_log)
        p->e.on_log(level, fac, text, p->e.arg);
}

struct gen_conf
producer_gen_conf(struct producer *p)
{
    return (struct gen_conf){
        .template = p->e.template,
        .on_wake = on_wake,
        .on_log = on_kafka_log,
        .arg = p,
    };
}

/* ---- new and free ------------------------------------------------------- */

static int64_t
number_of(const rd_kafka_conf_t *conf, const char *key, int64_t fallback)
{
    char text[64];
    size_t size = sizeof(text);
    int64_t n;
    if (rd_kafka_conf_get(conf, key, text, &size) != RD_KAFKA_CONF_OK)
        return fallback;
    return str_to_i64(text, 0, INT64_MAX, &n) ? n : fallback;
}

static void
read_limits(struct producer *p)
{
    const rd_kafka_conf_t *c = p->e.template;
    p->message_timeout_ms = number_of(c, "message.timeout.ms", 300000);
    p->max_count = (size_t)number_of(c, "queue.buffering.max.messages", 100000);
    p->max_bytes =
        1024 * (size_t)number_of(c, "queue.buffering.max.kbytes", 1048576);
    p->max_record_bytes = (size_t)number_of(c, "message.max.bytes", 1000000);
}

static int
init_sync(struct producer *p)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return ERR_NOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc |= pthread_mutex_init(&p->bury, NULL);
    rc |= pthread_mutex_init(&p->drain, NULL);
    rc |= pthread_mutex_init(&p->lock, NULL);
    rc |= pthread_mutex_init(&p->wake_mutex, NULL);
    return rc ? ERR_NOMEM : 0;
}

int
producer_new(const struct engine *e, struct producer **out, struct err *err)
{
    struct producer *p = calloc(1, sizeof(*p));
    if (!p)
        return err_nomem(err);
    p->tag.arg = e->arg;
    p->e = *e;
    read_limits(p);
    backoff_init(&p->retry, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    if (init_sync(p) != 0) {
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
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    producer_wake(p);
}

static void
free_batches(struct producer *p)
{
    struct batch *b = p->batches;
    while (b) {
        struct batch *next = b->next;
        gen_release(p, b->gen);
        for (size_t i = 0; i < b->n; i++)
            record_free(b->m[i]->_private);
        rd_kafka_event_destroy(b->event);
        free(b);
        b = next;
    }
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

/* Those that a handle still has: only its reports know them once they have
 * left their lane, so the grave's are drained before it is closed. */
static void
close_gens(struct producer *p)
{
    lanes_drain(p, p->grave);
    free_batches(p);
    gen_close(p->grave);
    gen_close(p->current);
    gen_close(p->old);
    gen_close(p->target);
    while (p->dead) {
        struct gen *g = p->dead;
        p->dead = g->next_dead;
        gen_close(g);
    }
}

void
producer_free(struct producer *p)
{
    struct lane *l, *tmp;
    if (!p)
        return;
    close_gens(p);
    free_records(p->failed);
    HASH_ITER(hh, p->by_topic, l, tmp)
    {
        HASH_DEL(p->by_topic, l);
        free_records(l->records);
        free(l);
    }
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->wake_mutex);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->drain);
    pthread_mutex_destroy(&p->bury);
    free(p);
}

/* ---- accepting ---------------------------------------------------------- */

static int
announce_topics(struct producer *p)
{
    struct strlist topics = {0};
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    for (struct lane *l = p->lanes; l && !rc; l = l->next)
        rc = strlist_add(&topics, l->topic);
    pthread_mutex_unlock(&p->lock);
    if (!rc)
        rc = control_set_topics(p->e.control, &topics);
    strlist_fini(&topics);
    return rc;
}

static bool
full(const struct producer *p, size_t bytes)
{
    return p->count >= p->max_count ||
           (p->count > 0 && p->bytes + bytes > p->max_bytes);
}

/* lock held; gives it up while waiting. Only with RD_KAFKA_MSG_F_BLOCK. */
static void
wait_for_room(struct producer *p, size_t bytes)
{
    while (full(p, bytes) && !p->stopping) {
        const struct seen seen = see(p);
        pthread_mutex_unlock(&p->lock);
        wait_for_news(p, seen, clock_mono_ms() + EXPIRE_MS);
        pthread_mutex_lock(&p->lock);
    }
}

/* lock held. */
static rd_kafka_resp_err_t
check_room(struct producer *p, const struct record_args *a, const char **text)
{
    const size_t bytes = a->key_len + a->value_len;
    if (bytes > p->max_record_bytes) {
        *text = "the record is larger than message.max.bytes";
        return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    }
    if (a->flags & RD_KAFKA_MSG_F_BLOCK)
        wait_for_room(p, bytes);
    if (p->stopping) {
        *text = "the producer is being closed";
        return RD_KAFKA_RESP_ERR__STATE;
    }
    if (full(p, bytes)) {
        *text = "queue.buffering.max.messages or .kbytes reached: poll, then "
                "try again";
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* lock held.  Straight to the handle unless others wait before it. */
static rd_kafka_resp_err_t
forward(struct producer *p, struct record *r)
{
    const struct lane *l = r->lane;
    if (p->holding || !p->current || l->state != LANE_OPEN || l->waiting != r)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t rc = lane_hand_over(p, r);
    if (rc != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return rc;
    mover_post_pump(p, 0);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* lock held. */
static rd_kafka_resp_err_t
accept_record(struct producer *p, struct lane *l, struct record_args *a,
              const char **text)
{
    if (l->state == LANE_ELSEWHERE) {
        *text = "the topic is routed to another cluster than the producer's "
                "other topics: not supported yet, use a producer of its own";
        return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
    }
    struct record *r = record_new(a);
    if (!r) {
        *text = "out of memory";
        return RD_KAFKA_RESP_ERR__FAIL;
    }
    r->deadline_ms = clock_mono_ms() + p->message_timeout_ms;
    lane_append(p, l, r);
    const rd_kafka_resp_err_t rc = forward(p, r);
    if (rc) {
        *text = rd_kafka_err2str(rc);
        lane_remove(p, r);
        record_give_back_headers(r, a);
        record_free(r);
    }
    return rc;
}

static rd_kafka_resp_err_t
produce(struct producer *p, struct record_args *a, bool *is_new,
        const char **text)
{
    pthread_mutex_lock(&p->lock);
    rd_kafka_resp_err_t rc = check_room(p, a, text);
    struct lane *l = rc ? NULL : lane_find(p, a->topic);
    if (!rc && !l) {
        l = lane_add(p, a->topic);
        *is_new = l != NULL;
        if (!l) {
            *text = "out of memory";
            rc = RD_KAFKA_RESP_ERR__FAIL;
        }
    }
    if (!rc)
        rc = accept_record(p, l, a, text);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

rd_kafka_resp_err_t
producer_produce(struct producer *p, const rd_kafka_vu_t *vus, size_t n,
                 const char **text)
{
    struct record_args a;
    const char *words = "";
    bool is_new = false;
    rd_kafka_resp_err_t rc = record_args_parse(vus, n, &a, &words);
    if (!rc) {
        rc = produce(p, &a, &is_new, &words);
        if (!rc && (a.flags & RD_KAFKA_MSG_F_FREE))
            free(a.value);
        record_args_fini(&a);
    }
    if (is_new && announce_topics(p) != 0)
        producer_log(p, LOG_ERR, "out of memory: a topic gets no route");
    if (is_new)
        producer_news(p); /* the route that is known may cover it */
    if (text)
        *text = words;
    return rc;
}

/* ---- polling ------------------------------------------------------------ */

/* With a reference, so that the worker does not close it meanwhile. */
static struct gen *
hold_gen(struct producer *p, struct gen *const *which)
{
    pthread_mutex_lock(&p->lock);
    struct gen *g = *which;
    if (g)
        g->refs++;
    pthread_mutex_unlock(&p->lock);
    return g;
}

static void
let_go(struct producer *p, struct gen *g)
{
    pthread_mutex_lock(&p->lock);
    gen_release(p, g);
    pthread_mutex_unlock(&p->lock);
}

static int
serve(struct producer *p)
{
    struct gen *const *const all[] = {&p->old, &p->current, &p->target};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct gen *g = hold_gen(p, all[i]);
        lanes_drain(p, g);
        let_go(p, g);
    }
    pthread_mutex_lock(&p->lock);
    lanes_expire(p);
    pthread_mutex_unlock(&p->lock);
    lanes_bury(p);
    return lanes_dispatch(p);
}

int
producer_poll(struct producer *p, int timeout_ms)
{
    const int64_t start_ms = clock_mono_ms();
    const struct seen first = see(p);
    for (;;) {
        const struct seen seen = see(p);
        const int n = serve(p);
        const int64_t now_ms = clock_mono_ms();
        if (n > 0 || seen.told != first.told ||
            (timeout_ms >= 0 && now_ms - start_ms >= timeout_ms))
            return n;
        int64_t until_ms = now_ms + EXPIRE_MS;
        if (timeout_ms >= 0 && start_ms + timeout_ms < until_ms)
            until_ms = start_ms + timeout_ms;
        wait_for_news(p, seen, until_ms);
    }
}

/* What lingers is sent at once while somebody waits for it. */
static void
hurry(struct producer *p)
{
    struct gen *g = hold_gen(p, &p->current);
    if (g)
        (void)rd_kafka_flush(g->rk, FLUSH_SLICE_MS);
    let_go(p, g);
}

rd_kafka_resp_err_t
producer_flush(struct producer *p, int timeout_ms)
{
    const int64_t start_ms = clock_mono_ms();
    for (;;) {
        (void)serve(p);
        if (producer_outq_len(p) == 0)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        const int64_t spent_ms = clock_mono_ms() - start_ms;
        if (timeout_ms >= 0 && spent_ms >= timeout_ms)
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        const struct seen seen = see(p);
        hurry(p);
        (void)serve(p);
        if (producer_outq_len(p) > 0)
            wait_for_news(p, seen, clock_mono_ms() + FLUSH_SLICE_MS);
    }
}

rd_kafka_resp_err_t
producer_purge(struct producer *p, int flags)
{
    pthread_mutex_lock(&p->lock);
    if (flags & RD_KAFKA_PURGE_F_QUEUE)
        for (struct lane *l = p->lanes; l; l = l->next)
            while (l->waiting)
                lane_fail(p, l->waiting, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    pthread_mutex_unlock(&p->lock);
    struct gen *g = hold_gen(p, &p->current);
    const rd_kafka_resp_err_t rc =
        g ? rd_kafka_purge(g->rk, flags) : RD_KAFKA_RESP_ERR_NO_ERROR;
    let_go(p, g);
    producer_wake(p);
    return rc;
}

int
producer_outq_len(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    const size_t n = p->count;
    pthread_mutex_unlock(&p->lock);
    return n > INT32_MAX ? INT32_MAX : (int)n;
}

void
producer_news(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    mover_post_look(p, 0);
    pthread_mutex_unlock(&p->lock);
}

const char *
producer_cluster(struct producer *p)
{
    pthread_mutex_lock(&p->lock);
    const char *cluster = p->cluster;
    pthread_mutex_unlock(&p->lock);
    return cluster;
}
