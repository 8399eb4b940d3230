/*
 * How a generation that is left gives back what it has not delivered.
 *
 * First its line is cut (line.h): librdkafka takes what was in flight back into
 * its queues.  Only then these are purged: a request that is purged in flight
 * would have lost its records' numbers.  What comes back is sorted by number:
 * the order in which the application produced it, retries or not.  A record
 * whose retries are used up (`retries`) does not come back: librdkafka has
 * reported it.
 *
 * Memory: a record that cannot be copied now stays in librdkafka's event, and
 * is tried again until there is room; nothing is given up.
 */
#include <poll.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer_int.h"

#define CUT_MS    2000 /* a broker's thread may be looking a name up */
#define PURGE_MS  20
#define SLICE_MS  1
#define MEMORY_MS 10

struct pile {
    struct record **v;
    size_t n, size;
};

/* ---- out of events ------------------------------------------------------ */

static bool
reserve(struct pile *pile)
{
    if (pile->n < pile->size)
        return true;
    const size_t size = pile->size ? 2 * pile->size : 1024;
    struct record **v = reallocarray(pile->v, size, sizeof(struct record *));
    if (!v)
        return false;
    pile->v = v;
    pile->size = size;
    return true;
}

static bool
copy_message(const struct producer *p, struct pile *pile,
             const rd_kafka_message_t *m)
{
    /* The event is ours alone; of a failed message librdkafka would not tell
     * the time. */
    rd_kafka_message_t *own = (rd_kafka_message_t *)(uintptr_t)m;
    own->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct record *r =
        reserve(pile) ? record_of_message(m, numbers_kind(p, m)) : NULL;
    if (!r)
        return false;
    if (!numbered(m)) /* purged in flight after all: older than what waited */
        r->seq = 0;
    (void)rd_kafka_message_detach_headers(own, &r->headers);
    r->lane = lane_find(p, rd_kafka_topic_name(m->rkt));
    pile->v[pile->n++] = r;
    return true;
}

/* Takes the event. */
static void
unpack(struct producer *p, struct pile *pile, struct taken *t)
{
    const rd_kafka_message_t *m;
    uint64_t numbers = 0;
    size_t n = 0;
    for (; (m = rd_kafka_event_message_next(t->event)); n++) {
        numbers += m->len + 1;
        while (!copy_message(p, pile, m) && !atomic_load(&p->stopping))
            (void)poll(NULL, 0, MEMORY_MS);
    }
    if (!numbers_early(p))
        atomic_fetch_add(&p->out, numbers);
    atomic_fetch_sub(&t->gen->kept, n);
    rd_kafka_event_destroy(t->event);
    free(t);
}

/* ---- in order ----------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a;
    const struct record *y = *(struct record *const *)b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Those without a number keep the order in which they came: glibc's qsort()
 * need not. */
static void
sort_pile(struct pile *pile)
{
    for (size_t i = 0; i < pile->n; i++)
        if (pile->v[i]->seq == 0)
            pile->v[i]->seq = (int64_t)i - (int64_t)pile->n;
    if (pile->n > 0)
        qsort(pile->v, pile->n, sizeof(struct record *), by_number);
}

/* gate shut. */
static void
put_back(struct producer *p, const struct pile *pile)
{
    for (size_t i = 0; i < pile->n; i++)
        DL_APPEND(pile->v[i]->lane->back, pile->v[i]);
    for (struct lane *l = p->lanes; l; l = l->next) {
        lane_hold_first(p, l, l->back);
        l->back = NULL;
    }
}

/* ---- out of librdkafka -------------------------------------------------- */

static void
drain(struct producer *p, struct gen *g)
{
    pthread_mutex_lock(&p->drain);
    reports_drain(p, g);
    pthread_mutex_unlock(&p->drain);
}

static void
cut(struct producer *p, struct gen *g)
{
    const int64_t until_ms = clock_mono_ms() + CUT_MS;
    atomic_store(&g->leaving, true);
    line_cut(&g->line);
    while (line_open(&g->line) > 0 && clock_mono_ms() < until_ms &&
           !atomic_load(&p->stopping))
        (void)poll(NULL, 0, SLICE_MS);
}

/* Again and again: a partition on its way from one broker's thread to
 * another's is passed over. */
static void
purge(struct producer *p, struct gen *g)
{
    int64_t again_ms = 0;
    for (;;) {
        const int64_t now_ms = clock_mono_ms();
        if (now_ms >= again_ms) {
            (void)rd_kafka_purge(g->rk, RD_KAFKA_PURGE_F_QUEUE |
                                            RD_KAFKA_PURGE_F_INFLIGHT |
                                            RD_KAFKA_PURGE_F_NON_BLOCKING);
            again_ms = now_ms + PURGE_MS;
        }
        drain(p, g);
        if (gen_inflight(g) == 0 || atomic_load(&p->stopping))
            return;
        (void)poll(NULL, 0, SLICE_MS);
    }
}

size_t
carry(struct producer *p, struct gen *g)
{
    struct pile pile = {0};
    struct taken *t;
    pthread_mutex_lock(&p->moving);
    drain(p, g); /* what the application has purged itself is its own */
    cut(p, g);
    purge(p, g);
    gate_shut(&p->gate);
    pthread_mutex_lock(&p->drain);
    struct taken *list = p->purged;
    p->purged = NULL;
    pthread_mutex_unlock(&p->drain);
    while ((t = list)) {
        DL_DELETE(list, t);
        unpack(p, &pile, t);
    }
    sort_pile(&pile);
    put_back(p, &pile);
    gate_open(&p->gate);
    pthread_mutex_unlock(&p->moving);
    free(pile.v);
    metrics_add(p->e.metrics, METRIC_RECORDS_MOVED, (int64_t)pile.n);
    return pile.n;
}
