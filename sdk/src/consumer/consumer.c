/*
 * The calls of the application: each takes the lock, those that change what a
 * track is made of take the wheel too (consumer_impl.h).
 */
#include "sdk/src/consumer/consumer.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

#define MAX_POLL_MS 300000 /* librdkafka's default */

/* ---- lock and wheel ------------------------------------------------------ */

void
consumer_lock(struct consumer *c)
{
    pthread_mutex_lock(&c->lock);
}

void
consumer_unlock(struct consumer *c)
{
    pthread_mutex_unlock(&c->lock);
}

static bool
mine(const struct consumer *c)
{
    return c->depth > 0 && pthread_equal(c->driver, pthread_self());
}

bool
consumer_nested(const struct consumer *c)
{
    return mine(c) && c->depth > 1;
}

void
consumer_take_wheel(struct consumer *c)
{
    c->driver = pthread_self();
    c->depth++;
}

void
consumer_drive(struct consumer *c)
{
    if (c->depth > 0 && !mine(c)) {
        c->urgent++;
        c->waiting++;
        wake_up(c->wake);
        while (c->depth > 0)
            pthread_cond_wait(&c->parked, &c->lock);
        c->waiting--;
        c->urgent--;
    }
    consumer_take_wheel(c);
}

bool
consumer_drive_until(struct consumer *c, int64_t end_ms)
{
    const struct timespec ts = {.tv_sec = end_ms / 1000,
                                .tv_nsec = end_ms % 1000 * 1000000};
    int rc = 0;
    if (!mine(c)) {
        c->waiting++;
        while ((c->depth > 0 || c->urgent > 0) && rc == 0)
            rc = pthread_cond_timedwait(&c->parked, &c->lock, &ts);
        c->waiting--;
        if (c->depth > 0 || c->urgent > 0)
            return false;
    }
    consumer_take_wheel(c);
    return true;
}

void
consumer_park(struct consumer *c)
{
    c->depth--;
    if (c->depth > 0 || c->waiting == 0)
        return;
    if (c->urgent > 0)
        pthread_cond_broadcast(&c->parked);
    else
        pthread_cond_signal(&c->parked);
}

bool
consumer_enter(struct consumer *c)
{
    /* Both are written by the thread that has the wheel, and callbacks run on
     * no other. */
    if (c->inside > 0 && c->inside == c->depth)
        return false;
    consumer_lock(c);
    return true;
}

void
consumer_leave(struct consumer *c, bool entered)
{
    if (entered)
        consumer_unlock(c);
}

/* ---- life ---------------------------------------------------------------- */

static int64_t
max_poll_ms(const struct engine *e)
{
    char text[32];
    size_t size = sizeof(text);
    if (rd_kafka_conf_get(e->template, "max.poll.interval.ms", text, &size) !=
        RD_KAFKA_CONF_OK)
        return MAX_POLL_MS;
    return atoll(text);
}

static void
init_lock(struct consumer *c)
{
    pthread_condattr_t attr; /* none of these can fail on Linux */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->parked, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&c->lock, NULL);
}

int
consumer_new(const struct engine *e, struct consumer **out, struct err *err)
{
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(err);
    init_lock(c);
    inhand_init(&c->hands, max_poll_ms(e));
    c->interrupt = e->interrupt;
    c->pending = e->pending;
    c->arg = e->arg;
    c->wake = wake_new();
    int rc = c->wake ? reaper_new(&c->reaper, err) : err_nomem(err);
    if (rc == 0)
        rc = track_new(e, c, 1, &c->track, err);
    if (rc != 0) {
        consumer_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void
consumer_free(struct consumer *c)
{
    if (!c)
        return;
    if (c->track)
        (void)consumer_close(c); /* reports nothing that matters any more */
    consumer_free_spare(c);
    track_free(c->track);
    reaper_unref(c->reaper);
    wake_unref(c->wake);
    strlist_fini(&c->asked);
    finders_fini(&c->finders);
    inhand_fini(&c->hands);
    pthread_cond_destroy(&c->parked);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- subscription -------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_unsubscribe(struct consumer *c)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    consumer_lock(c);
    consumer_drive(c);
    if (track_closed(c->track)) {
        code = RD_KAFKA_RESP_ERR__STATE;
    } else if (consumer_nested(c)) {
        c->leaving = true; /* the poll that is under way does it */
        wake_up(c->wake);
    } else {
        (void)consumer_go(c, TRACK_IDLE); /* what is left is told at the end */
    }
    consumer_park(c);
    consumer_unlock(c);
    return code;
}

/* ---- names --------------------------------------------------------------- */

void
consumer_cluster(struct consumer *c, char *buf, size_t size)
{
    consumer_lock(c);
    track_cluster(c->track, buf, size);
    consumer_unlock(c);
}

const char *
consumer_logical_name(struct consumer *c, const char *physical)
{
    const char *name = physical;
    consumer_lock(c);
    for (struct track *tr = c->track; tr && name == physical; tr = tr->more)
        name = track_logical_name(tr, physical);
    consumer_unlock(c);
    return name;
}

const char *
consumer_origin(struct consumer *c, const char *physical)
{
    const char *name = "";
    consumer_lock(c);
    for (struct track *tr = c->track; tr && !*name; tr = tr->more)
        name = track_origin(tr, physical);
    consumer_unlock(c);
    return name;
}

bool
consumer_reads_by(struct consumer *c, const rd_kafka_t *rk)
{
    bool any = false;
    consumer_lock(c);
    for (const struct track *tr = c->track; tr && !any; tr = tr->more)
        any = tr->cur && tr->cur->rk == rk;
    consumer_unlock(c);
    return any;
}

struct track *
consumer_track_of(struct consumer *c, const char *topic)
{
    for (struct track *tr = c->track; topic && tr; tr = tr->more) {
        const struct view *v =
            tr->cur && !tr->shared ? generation_view(tr->cur, topic) : NULL;
        if (v && !v->parted)
            return tr;
    }
    return c->track;
}

struct generation *
consumer_hold(struct consumer *c, const char *topic)
{
    consumer_lock(c);
    struct generation *g = track_hold(consumer_track_of(c, topic));
    consumer_unlock(c);
    return g;
}

/* ---- the end ------------------------------------------------------------- */

rd_kafka_resp_err_t
consumer_close(struct consumer *c)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    consumer_lock(c);
    consumer_drive(c);
    if (track_closed(c->track))
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    else if (!consumer_nested(c))
        code = consumer_go(c, TRACK_CLOSED) ? RD_KAFKA_RESP_ERR_NO_ERROR
                                            : RD_KAFKA_RESP_ERR__TIMED_OUT;
    consumer_park(c);
    consumer_unlock(c);
    return code;
}

void
consumer_abandon(struct consumer *c)
{
    consumer_lock(c);
    c->silent = true;
    consumer_unlock(c);
    (void)consumer_close(c); /* it is freed whatever it says */
}

bool
consumer_closed(struct consumer *c)
{
    consumer_lock(c);
    const bool closed = track_closed(c->track);
    consumer_unlock(c);
    return closed;
}
