/*
 * Owns the observer's thread.  It asks because of what consumers do not tell:
 * where logs began when copying did (progress of a first copy), and the ends
 * of those that are held, which would stand still otherwise (lag).
 */
#include "replicator/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "replicator/parts.h"

#define ROUND_MS 1000
#define ASK_MS   5000 /* one flow may take so long */
#define HELD_MS  2000 /* ends of held parts may be so old */

struct observer {
    struct flow *const *flows;
    size_t n;
    int64_t *held_at_ms; /* when each flow's held parts were asked for */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool end; /* behind the lock */
};

/* ---- questions ----------------------------------------------------------- */

static int
time_left(int64_t deadline_ms)
{
    const int64_t left = deadline_ms - clock_mono_ms();
    return left > 0 ? (int)left : 0;
}

static void
keep_offset(struct flow *f, const rd_kafka_topic_partition_t *at, bool ends)
{
    struct part *p = flow_part(f, at->topic, at->partition);
    if (!p || at->err || at->offset < 0)
        return;
    if (!ends) {
        p->sight.first_low = at->offset;
        return;
    }
    p->sight.asked_end = at->offset;
    if (p->sight.first_end < 0)
        p->sight.first_end = at->offset;
}

static void
keep_offsets(struct flow *f, const rd_kafka_topic_partition_list_t *list,
             bool ends)
{
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < list->cnt; i++)
        keep_offset(f, &list->elems[i], ends);
    pthread_mutex_unlock(&f->lock);
}

/* librdkafka makes one request for each broker.  One partition that has no
 * leader spoils the whole list: then each half is asked for itself. */
static void
ask(struct flow *f, const rd_kafka_topic_partition_t *of, int n, bool ends,
    int64_t deadline_ms)
{
    const int left = time_left(deadline_ms);
    if (n == 0 || left == 0 || atomic_load(&f->stop))
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, of[i].topic, of[i].partition)
            ->offset = ends ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    const bool bad = rd_kafka_offsets_for_times(f->consumer, list,
                                                n > 1 ? left / 2 : left) != 0;
    if (!bad)
        keep_offsets(f, list, ends);
    rd_kafka_topic_partition_list_destroy(list);
    if (!bad || n == 1)
        return;
    ask(f, of, n / 2, ends, deadline_ms - time_left(deadline_ms) / 2);
    ask(f, of + n / 2, n - n / 2, ends, deadline_ms);
}

static bool
wants(const struct part *p, bool ends, bool held_too)
{
    const unsigned holds = atomic_load(&p->holds);
    if (holds & (HOLD_NOT_MINE | HOLD_UNWANTED))
        return false;
    if (!ends)
        return p->sight.first_low < 0;
    return p->sight.first_end < 0 || (held_too && holds != 0);
}

static void
ask_all(struct flow *f, bool ends, bool held_too)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(16);
    pthread_mutex_lock(&f->lock);
    for (const struct topic *t = f->topics; t; t = t->hh.next)
        for (int32_t i = 0; i < t->n_parts; i++)
            if (wants(t->parts[i], ends, held_too))
                (void)rd_kafka_topic_partition_list_add(list, t->name, i);
    pthread_mutex_unlock(&f->lock);
    ask(f, list->elems, list->cnt, ends, clock_mono_ms() + ASK_MS / 2);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- rounds -------------------------------------------------------------- */

/* librdkafka tells an end that was reached, but not that it still is one. */
static void
keep_ends(struct flow *f, const struct flow_look *look, int64_t at_ms)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < look->n; i++) {
        const struct part_look *l = &look->parts[i];
        struct part *p =
            l->lag == 0 ? flow_part(f, l->topic, l->partition) : NULL;
        if (p && p->sight.passed_at_ms < at_ms)
            p->sight.passed_at_ms = at_ms;
    }
    pthread_mutex_unlock(&f->lock);
}

static void
keep_pace(struct flow *f)
{
    struct flow_look look;
    struct look_sum sum = {0};
    const int64_t at_ms = clock_coarse_ms();
    if (!flow_ready(f))
        return;
    flow_look(f, NULL, &look);
    keep_ends(f, &look, at_ms);
    for (size_t i = 0; i < look.n; i++)
        look_sum_add(&sum, &look.parts[i]);
    flow_look_fini(&look);
    const struct pace_sample sample = {
        .at_ms = clock_mono_ms(),
        .records = sum.records,
        .bytes = sum.bytes,
        .lag = sum.unknown ? -1 : sum.lag,
        .first = sum.of_unknown ? -1 : sum.of - sum.first};
    pthread_mutex_lock(&f->lock);
    pace_add(&f->pace, &sample);
    pthread_mutex_unlock(&f->lock);
}

static void
round_of(struct observer *o, size_t i)
{
    struct flow *f = o->flows[i];
    const int64_t now = clock_mono_ms();
    const bool held_too = now - o->held_at_ms[i] >= HELD_MS;
    if (!flow_ready(f))
        return;
    if (held_too)
        o->held_at_ms[i] = now;
    ask_all(f, false, false);
    ask_all(f, true, held_too);
}

/* False: it is to end. */
static bool
rest(struct observer *o)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    until.tv_sec += ROUND_MS / 1000;
    pthread_mutex_lock(&o->lock);
    while (!o->end &&
           pthread_cond_timedwait(&o->ended, &o->lock, &until) != ETIMEDOUT)
        ;
    const bool go_on = !o->end;
    pthread_mutex_unlock(&o->lock);
    return go_on;
}

static void *
run(void *arg)
{
    struct observer *o = arg;
    do {
        for (size_t i = 0; i < o->n; i++)
            keep_pace(o->flows[i]);
        for (size_t i = 0; i < o->n; i++)
            round_of(o, i);
    } while (rest(o));
    return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static void
release(struct observer *o)
{
    pthread_cond_destroy(&o->ended);
    pthread_mutex_destroy(&o->lock);
    free(o->held_at_ms);
    free(o);
}

int
observer_start(struct flow *const *flows, size_t n, struct observer **out,
               struct err *err)
{
    struct observer *o = xcalloc(1, sizeof(*o));
    pthread_condattr_t attr;
    o->flows = flows;
    o->n = n;
    o->held_at_ms = xcalloc(n + 1, sizeof(*o->held_at_ms));
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* it exists */
    pthread_cond_init(&o->ended, &attr);
    pthread_condattr_destroy(&attr);
    const int bad = pthread_create(&o->thread, NULL, run, o);
    *out = bad ? NULL : o;
    if (!bad)
        return 0;
    release(o);
    return err_errno(err, ERR_NOMEM, bad, "cannot start a thread");
}

void
observer_stop(struct observer *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    o->end = true;
    pthread_cond_signal(&o->ended);
    pthread_mutex_unlock(&o->lock);
    (void)pthread_join(o->thread, NULL);
    release(o);
}
