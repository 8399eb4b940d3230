/*
 * What librdkafka has to say: each event is taken off its generation's queue
 * once, under `drain`, and is then the application's, or the mover's (what it
 * has purged), or nobody's (what a line that we cut makes librdkafka say).
 */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer_int.h"

#define POLL_EVENTS_MAX 1000
#define READY_MAX       10000 /* errors that nobody polls for */
#define FLUSH_SLICE_MS  1
#define WAIT_MS         1000

bool
reports_is_purge(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

/* ---- taking ------------------------------------------------------------- */

static bool
keep(struct taken **list, struct gen *g, rd_kafka_event_t *ev)
{
    struct taken *t = calloc(1, sizeof(*t));
    if (!t)
        return false;
    t->gen = g;
    t->event = ev;
    DL_APPEND(*list, t);
    return true;
}

/* Returns `ev` when it is the application's. */
static rd_kafka_event_t *
sort_reports(struct producer *p, struct gen *g, rd_kafka_event_t *ev)
{
    const rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    bool ours;
    if (!err)
        atomic_store(&g->all_down, false);
    const size_t n = rd_kafka_event_message_count(ev);
    atomic_fetch_add(&g->kept, n);
    if (p->e.reports == REPORTS_EVENT && g->cluster)
        atomic_fetch_sub(&g->unseen, n);
    /* Without memory they are not carried, but reported as what they are. */
    ours = atomic_load(&g->leaving) && reports_is_purge(err);
    if (ours && keep(&p->purged, g, ev))
        return NULL;
    if (err || !p->only_errors)
        metrics_add(p->e.metrics,
                    err ? METRIC_RECORDS_FAILED : METRIC_RECORDS_ACKED,
                    (int64_t)n);
    if (p->e.reports != REPORTS_NONE)
        return ev;
    atomic_fetch_sub(&g->kept, n);
    rd_kafka_event_destroy(ev);
    return NULL;
}

static rd_kafka_event_t *
sort_error(struct gen *g, rd_kafka_event_t *ev)
{
    if (rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_store(&g->all_down, true);
    if (g->cluster && !atomic_load(&g->leaving))
        return ev;
    rd_kafka_event_destroy(ev);
    return NULL;
}

/* drain held. The next event of g that is the application's. */
static rd_kafka_event_t *
take(struct producer *p, struct gen *g)
{
    rd_kafka_event_t *ev;
    while ((ev = rd_kafka_queue_poll(g->queue, 0))) {
        const int type = rd_kafka_event_type(ev);
        if (type == RD_KAFKA_EVENT_DR)
            ev = sort_reports(p, g, ev);
        else if (type == RD_KAFKA_EVENT_ERROR)
            ev = sort_error(g, ev);
        if (ev)
            return ev;
    }
    return NULL;
}

void
reports_drain(struct producer *p, struct gen *g)
{
    for (;;) {
        struct taken *t = calloc(1, sizeof(*t));
        rd_kafka_event_t *ev = t ? take(p, g) : NULL;
        if (!ev) {
            free(t);
            return;
        }
        if (rd_kafka_event_type(ev) != RD_KAFKA_EVENT_DR &&
            p->n_ready >= READY_MAX) {
            rd_kafka_event_destroy(ev);
            free(t);
            continue;
        }
        t->gen = g;
        t->event = ev;
        DL_APPEND(p->ready, t);
        p->n_ready++;
    }
}

static rd_kafka_event_t *
take_ready(struct producer *p, struct gen **from)
{
    struct taken *t = p->ready;
    if (!t)
        return NULL;
    rd_kafka_event_t *ev = t->event;
    *from = t->gen;
    DL_DELETE(p->ready, t);
    p->n_ready--;
    free(t);
    return ev;
}

static rd_kafka_event_t *
next_event(struct producer *p, struct gen **from)
{
    pthread_mutex_lock(&p->drain);
    rd_kafka_event_t *ev = take_ready(p, from);
    for (struct gen *g = p->gens; g && !ev; g = g->next) {
        *from = g;
        ev = take(p, g);
    }
    if (ev)
        (*from)->users++;
    pthread_mutex_unlock(&p->drain);
    return ev;
}

static void
let_go(struct producer *p, struct gen *g)
{
    pthread_mutex_lock(&p->drain);
    g->users--;
    pthread_mutex_unlock(&p->drain);
}

void
reports_drop(struct taken *list)
{
    struct taken *t, *tmp;
    DL_FOREACH_SAFE(list, t, tmp)
    {
        rd_kafka_event_destroy(t->event);
        free(t);
    }
}

/* ---- telling ------------------------------------------------------------ */

static int
tell_reports(struct producer *p, struct gen *g, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *m;
    uint64_t numbers = 0;
    size_t n = 0;
    for (; (m = rd_kafka_event_message_next(ev)); n++) {
        numbers += m->len + 1;
        if (numbered(m)) /* it failed before a cluster had it */
            ((rd_kafka_message_t *)(uintptr_t)m)->offset =
                RD_KAFKA_OFFSET_INVALID;
        if (p->e.on_delivery)
            p->e.on_delivery(m, m->_private, p->e.arg);
    }
    if (g->cluster && !numbers_early(p))
        atomic_fetch_add(&p->out, numbers);
    atomic_fetch_sub(&g->kept, n);
    rd_kafka_event_destroy(ev);
    if (atomic_load(&p->blocked) > 0)
        producer_wake(p);
    return (int)n;
}

static void
tell_error(struct producer *p, rd_kafka_event_t *ev)
{
    const rd_kafka_resp_err_t code = rd_kafka_event_error_is_fatal(ev)
                                         ? RD_KAFKA_RESP_ERR__FATAL
                                         : rd_kafka_event_error(ev);
    if (p->e.on_error)
        p->e.on_error(code, rd_kafka_event_error_string(ev), p->e.arg);
    rd_kafka_event_destroy(ev);
}

static int
tell_event(struct producer *p, struct gen *g, rd_kafka_event_t *ev)
{
    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_DR:
        return tell_reports(p, g, ev);
    case RD_KAFKA_EVENT_ERROR:
        tell_error(p, ev);
        return 1;
    default:
        if (p->e.on_kafka_event)
            p->e.on_kafka_event(ev, p->e.arg);
        rd_kafka_event_destroy(ev);
        return 1;
    }
}

static int
serve(struct producer *p)
{
    struct gen *g;
    rd_kafka_event_t *ev;
    int n = 0;
    for (int i = 0;
         i < POLL_EVENTS_MAX && !engine_yielded() && (ev = next_event(p, &g));
         i++) {
        n += tell_event(p, g, ev);
        let_go(p, g);
    }
    return n;
}

static bool
interrupted(const struct producer *p)
{
    return p->e.interrupt && atomic_load(p->e.interrupt);
}

int
producer_poll(struct producer *p, int timeout_ms)
{
    const int64_t start_ms = timeout_ms > 0 ? clock_mono_ms() : 0;
    const struct seen first = producer_see(p);
    for (;;) {
        const struct seen seen = producer_see(p);
        const int n = serve(p);
        if (n > 0 || timeout_ms == 0 || seen.told != first.told ||
            interrupted(p))
            return n;
        const int64_t now_ms = clock_mono_ms();
        if (timeout_ms > 0 && now_ms - start_ms >= timeout_ms)
            return n;
        producer_wait(
            p, seen, timeout_ms > 0 ? start_ms + timeout_ms : now_ms + WAIT_MS);
    }
}

rd_kafka_event_t *
producer_event(struct producer *p, int timeout_ms)
{
    const int64_t start_ms = timeout_ms > 0 ? clock_mono_ms() : 0;
    const struct seen first = producer_see(p);
    struct gen *g;
    for (;;) {
        const struct seen seen = producer_see(p);
        rd_kafka_event_t *ev = next_event(p, &g);
        if (ev) {
            let_go(p, g);
            return ev;
        }
        if (timeout_ms == 0 || seen.told != first.told || interrupted(p))
            return NULL;
        const int64_t now_ms = clock_mono_ms();
        if (timeout_ms > 0 && now_ms - start_ms >= timeout_ms)
            return NULL;
        producer_wait(
            p, seen, timeout_ms > 0 ? start_ms + timeout_ms : now_ms + WAIT_MS);
    }
}

/* ---- flush and purge ---------------------------------------------------- */

/* The n-th generation, held; NULL: there are not so many. */
static struct gen *
hold_nth(struct producer *p, size_t n)
{
    pthread_mutex_lock(&p->drain);
    struct gen *g = p->gens;
    while (g && n-- > 0)
        g = g->next;
    if (g)
        g->users++;
    pthread_mutex_unlock(&p->drain);
    return g;
}

void
producer_each(struct producer *p, void (*fn)(struct gen *g, void *arg),
              void *arg)
{
    struct gen *g;
    for (size_t i = 0; (g = hold_nth(p, i)); i++) {
        if (g->cluster) /* the hub reaches nobody */
            fn(g, arg);
        let_go(p, g);
    }
}

/* What lingers is sent at once while somebody waits for it. */
void
producer_hurry(struct producer *p)
{
    struct gen *g;
    for (size_t i = 0; (g = hold_nth(p, i)); i++) {
        if (g->cluster && !atomic_load(&g->leaving) && gen_records(g) > 0)
            (void)rd_kafka_flush(g->rk, FLUSH_SLICE_MS);
        let_go(p, g);
    }
}

rd_kafka_resp_err_t
producer_flush(struct producer *p, int timeout_ms)
{
    const int64_t start_ms = clock_mono_ms();
    for (;;) {
        const struct seen seen = producer_see(p);
        if (p->e.reports != REPORTS_EVENT)
            (void)serve(p);
        if (producer_outq_len(p) == 0)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        if (engine_yielded())
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        const int64_t now_ms = clock_mono_ms();
        if (timeout_ms >= 0 && now_ms - start_ms >= timeout_ms)
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        producer_hurry(p);
        producer_wait(p, seen, now_ms + 2 * FLUSH_SLICE_MS);
    }
}

rd_kafka_resp_err_t
producer_purge(struct producer *p, int flags)
{
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct gen *g;
    if (flags & ~(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                  RD_KAFKA_PURGE_F_NON_BLOCKING))
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    pthread_mutex_lock(&p->moving);
    if (flags & RD_KAFKA_PURGE_F_QUEUE) {
        gate_shut(&p->gate);
        lanes_fail_all(p, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
        lanes_bury(p);
        gate_open(&p->gate);
    }
    for (size_t i = 0; !rc && (g = hold_nth(p, i)); i++) {
        if (g->cluster)
            rc = rd_kafka_purge(g->rk, flags);
        let_go(p, g);
    }
    pthread_mutex_unlock(&p->moving);
    return rc;
}

int
producer_outq_len(struct producer *p)
{
    /* Records change between the two below a gate that is shut. */
    gate_enter(&p->gate);
    const size_t n = atomic_load(&p->held) + lanes_queued(p);
    gate_leave(&p->gate);
    return n > INT32_MAX ? INT32_MAX : (int)n;
}
