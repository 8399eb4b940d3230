/*
 * Polling.  What costs time happens when it is due: at news, at the time that
 * track_due_ms() names, or when there is nothing to deliver.  In between a poll
 * is one round of the lock, one look at librdkafka's queue and a few words of
 * bookkeeping.
 */
#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

#define CLOSING_MS 10 /* a turn while handles end */

static int64_t
end_of(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX / 2 : clock_mono_ms() + timeout_ms;
}

/* Never in a callback: whoever called back is in the middle of a step. */
static bool
due(const struct consumer *c, int64_t now_ms)
{
    return !consumer_nested(c) &&
           (now_ms >= c->due_ms || c->urgent > 0 || wake_pending(c->wake));
}

static int64_t
min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void
consumer_step(struct consumer *c)
{
    if (c->leaving)
        (void)consumer_go(c, TRACK_IDLE);
    c->leaving = false;
    const bool closing = consumer_close_step(c);
    consumer_free_spare(c);
    if (wake_take(c->wake))
        consumer_follow(c);
    consumer_find(c);
    for (struct track *tr = c->track; tr; tr = tr->more)
        track_step(tr);
    const int64_t now_ms = clock_mono_ms();
    c->due_ms = consumer_find_due_ms(c);
    if (closing)
        c->due_ms = min_of(c->due_ms, now_ms + CLOSING_MS);
    for (const struct track *tr = c->track; tr; tr = tr->more)
        c->due_ms = min_of(c->due_ms, track_due_ms(tr, now_ms));
}

/* ---- several tracks ------------------------------------------------------ */

static struct generation *
polled(const struct track *tr)
{
    if (tr->shared && tr->state != TRACK_MAPPING)
        return NULL; /* by the track that it belongs to */
    return tr->state == TRACK_MAPPING ? tr->next : tr->cur;
}

/* One queue is waited for in librdkafka; several are listened to. */
void
consumer_aim(struct consumer *c)
{
    struct generation *one = NULL;
    size_t n = 0;
    for (const struct track *tr = c->track; tr; tr = tr->more) {
        struct generation *g = polled(tr);
        one = g ? g : one;
        n += g != NULL;
    }
    c->several = n > 1;
    wake_aim(c->wake, n == 1 ? one->queue : NULL);
    for (const struct track *tr = c->track; n > 1 && tr; tr = tr->more)
        if (polled(tr))
            wake_listen(c->wake, polled(tr)->queue);
}

/* The one that is polled, if it is one; else any. */
static struct track *
only_track(struct consumer *c)
{
    struct track *tr = c->track;
    while (tr->more && !polled(tr))
        tr = tr->more;
    return tr;
}

/* In turns, so that none starves. */
static size_t
take(struct consumer *c, struct hand *hand, rd_kafka_message_t **v, size_t n)
{
    if (!c->track->more)
        return track_take(c->track, hand, v, n);
    struct track *const start =
        c->turn && c->turn->more ? c->turn->more : c->track;
    struct track *tr = start;
    size_t got = 0;
    do {
        got += track_take(tr, hand, v + got, n - got);
        c->turn = tr;
        tr = tr->more ? tr->more : c->track;
    } while (got < n && tr != start);
    return got;
}

static size_t
wait_for_any(struct consumer *c, struct hand *hand, rd_kafka_message_t **v,
             int64_t left_ms)
{
    if (!c->several) {
        v[0] = track_turn(only_track(c), hand, left_ms);
        return v[0] ? 1 : 0;
    }
    consumer_unlock(c);
    wake_wait(c->wake, left_ms);
    consumer_lock(c);
    return 0;
}

/* ---- polls --------------------------------------------------------------- */

/* What is there already, if nothing else is to be done. */
static size_t
take_at_once(struct consumer *c, struct hand *hand, rd_kafka_message_t **v,
             size_t n, int64_t now_ms)
{
    if (c->depth > 0 || due(c, now_ms))
        return 0;
    consumer_take_wheel(c);
    const size_t got = take(c, hand, v, n);
    consumer_park(c);
    return got;
}

/* Steps, then takes what there is, or waits for one.  `some`: it has records
 * that the application has not seen yet, with which no step is taken: a switch
 * would leave them behind. */
static size_t
turn(struct consumer *c, struct hand *hand, rd_kafka_message_t **v, size_t n,
     int64_t end_ms, bool some)
{
    if (!some && due(c, clock_mono_ms()))
        consumer_step(c);
    wake_calm(c->wake);
    const size_t got = take(c, hand, v, n);
    if (got > 0 || due(c, 0))
        return got;
    const int64_t until_ms =
        consumer_nested(c) ? end_ms : min_of(end_ms, c->due_ms);
    const int64_t left_ms = until_ms - clock_mono_ms();
    return wait_for_any(c, hand, v, left_ms > 0 ? left_ms : 0);
}

/* The surface makes callbacks, without the lock; true: the poll comes back. */
static bool
interrupted(struct consumer *c)
{
    if (!c->interrupt || !atomic_load(c->interrupt))
        return false;
    consumer_unlock(c);
    const bool is = c->pending(c->arg);
    consumer_lock(c);
    return is;
}

static size_t
take_or_wait(struct consumer *c, struct hand *hand, rd_kafka_message_t **v,
             size_t n, int64_t end_ms, bool some)
{
    while (!track_closed(c->track) && consumer_drive_until(c, end_ms)) {
        const bool stop = track_closed(c->track) || interrupted(c) ||
                          (some && due(c, clock_mono_ms()));
        const size_t got = stop ? 0 : turn(c, hand, v, n, end_ms, some);
        consumer_park(c);
        if (got > 0 || stop || clock_mono_ms() >= end_ms)
            return got;
    }
    return 0;
}

rd_kafka_message_t *
consumer_poll(struct consumer *c, int timeout_ms)
{
    rd_kafka_message_t *m = NULL; /* one that was dropped, where none is got */
    size_t got = 0;
    const int64_t now_ms = clock_coarse_ms();
    consumer_lock(c);
    struct hand *hand = inhand_begin(&c->hands, 1, now_ms);
    if (hand)
        got = take_at_once(c, hand, &m, 1, now_ms);
    if (hand && got == 0)
        got = take_or_wait(c, hand, &m, 1, end_of(timeout_ms), false);
    inhand_end(hand);
    consumer_unlock(c);
    return got > 0 ? m : NULL;
}

/* As librdkafka's: waits until `v` is full or the time is up.  But when there is
 * something else to do, the application had better take what it has: it might
 * be read again elsewhere. */
size_t
consumer_poll_batch(struct consumer *c, int timeout_ms, rd_kafka_message_t **v,
                    size_t n)
{
    const int64_t end_ms = end_of(timeout_ms);
    const int64_t now_ms = clock_coarse_ms();
    consumer_lock(c);
    struct hand *hand = n > 0 ? inhand_begin(&c->hands, n, now_ms) : NULL;
    size_t got = hand ? take_at_once(c, hand, v, n, now_ms) : 0;
    while (hand && got < n) {
        const size_t more =
            take_or_wait(c, hand, v + got, n - got, end_ms, got > 0);
        got += more;
        if (more == 0)
            break;
    }
    inhand_end(hand);
    consumer_unlock(c);
    return got;
}

void
consumer_news(struct consumer *c)
{
    wake_up(c->wake);
}
