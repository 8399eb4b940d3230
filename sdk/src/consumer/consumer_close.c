/*
 * Closing that nobody waits for: whoever polls takes its steps.  The tracks are
 * left when the application has answered to the revocation (or has had
 * close.timeout.ms for it); it is done when their handles have ended, or then.
 */
#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

rd_kafka_error_t *
consumer_close_begin(struct consumer *c)
{
    rd_kafka_error_t *error = NULL;
    consumer_lock(c);
    if (track_closed(c->track) || c->closing)
        error = rd_kafka_error_new(RD_KAFKA_RESP_ERR__DESTROY,
                                   "the consumer is closed, or closing");
    else
        c->close_end_ms = clock_mono_ms() + c->track->e.close_ms;
    c->closing = true;
    consumer_unlock(c);
    wake_up(c->wake);
    return error;
}

static void
tell(struct consumer *c)
{
    if (c->close_told)
        return;
    c->close_told = true;
    for (struct track *tr = c->track; tr; tr = tr->more)
        track_leave_tell(tr);
}

static bool
owed(const struct consumer *c)
{
    for (const struct track *tr = c->track; tr; tr = tr->more)
        if (track_owed(tr))
            return true;
    return false;
}

bool
consumer_close_step(struct consumer *c)
{
    if (!c->closing || track_closed(c->track))
        return false;
    tell(c);
    const bool late = clock_mono_ms() >= c->close_end_ms;
    if (owed(c) && !late)
        return true;
    if (!c->close_left)
        consumer_leave_tracks(c);
    c->close_left = true;
    if (!reaper_wait(c->reaper, 0) && !late)
        return true;
    track_move(c->track, TRACK_CLOSED);
    return false;
}
