/*
 * Owns the streams of one loop and when they hear what.
 *
 * A stream belongs to a client of the register (clients.h) from
 * watches_open() until the server reports it gone or we close it.  Streams
 * never go while something is sent to them (common/net ends them later in the
 * turn), so lists can be walked while sending.
 *
 * Heartbeats are spread: every stream has one of BEATS slots, and each tick of
 * the timer serves one slot, so that a loop never stops for all of its streams
 * at once.
 */
#include "route-service/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "route-service/answers.h"
#include "route-service/audience.h"
#include "route-service/clients.h"
#include "route-service/service.h"
#include "route-service/worker.h"

#define BEATS        100
#define BEAT_MIN_MS  10
#define DROPS_LOG_MS 1000

struct watches {
    struct worker *w;
    struct loop_timer *timer;
    struct client *slots[BEATS]; /* by beat_next */
    int32_t n_slots;
    int32_t next_beat;       /* slot that is served next */
    int32_t next_slot;       /* of the next stream */
    struct http_event *beat; /* of beat_revision; NULL: none yet */
    int64_t beat_revision;
    uint64_t drops; /* since the last line about them */
    int64_t drops_logged_ms;
};

/* ---- events -------------------------------------------------------------- */

static struct http_event *
event_of(const char *event, int64_t revision, const char *data)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "%" PRId64, revision);
    return must_have(http_event_new(event, id, data));
}

static struct http_event *
closed_event(const char *reason)
{
    /* `reason` is our own words: nothing in it needs escaping. */
    char *data = xasprintf("{\"reason\":\"%s\"}", reason);
    struct http_event *e = must_have(http_event_new("closed", NULL, data));
    free(data);
    return e;
}

/* ---- heartbeats ---------------------------------------------------------- */

static void
join_beat(struct watches *all, struct client *c)
{
    c->beat = all->next_slot;
    all->next_slot = (all->next_slot + 1) % all->n_slots;
    DL_APPEND2(all->slots[c->beat], c, beat_prev, beat_next);
}

static void
leave_beat(struct watches *all, struct client *c)
{
    DL_DELETE2(all->slots[c->beat], c, beat_prev, beat_next);
}

static struct http_event *
heartbeat(struct watches *all)
{
    const int64_t revision = all->w->table->revision;
    if (all->beat && all->beat_revision == revision)
        return all->beat;
    char data[48];
    (void)snprintf(data, sizeof(data), "{\"revision\":%" PRId64 "}", revision);
    http_event_unref(all->beat);
    all->beat = event_of("heartbeat", revision, data);
    all->beat_revision = revision;
    return all->beat;
}

static void
on_beat(void *arg)
{
    struct watches *all = arg;
    struct client *c;
    DL_FOREACH2(all->slots[all->next_beat], c, beat_next)
    {
        http_stream_send_event(c->stream, heartbeat(all));
        all->w->metrics.events_heartbeat++;
    }
    all->next_beat = (all->next_beat + 1) % all->n_slots;
}

struct watches *
watches_new(struct worker *w, int64_t heartbeat_ms)
{
    struct watches *all = xcalloc(1, sizeof(*all));
    const int64_t slots = heartbeat_ms / BEAT_MIN_MS;
    all->w = w;
    all->n_slots = slots > BEATS ? BEATS : slots < 1 ? 1 : (int32_t)slots;
    all->timer =
        loop_timer_new(w->loop, heartbeat_ms / all->n_slots, on_beat, all);
    if (all->timer)
        return all;
    watches_free(all);
    return NULL;
}

void
watches_free(struct watches *all)
{
    if (!all)
        return;
    loop_timer_free(all->timer);
    http_event_unref(all->beat);
    free(all);
}

/* ---- going --------------------------------------------------------------- */

/* A peer may do it as often as it likes; the log is not its to fill. */
static void
note_drop(struct watches *all, const struct client *c)
{
    const int64_t now_ms = clock_mono_ms();
    all->w->metrics.streams_dropped++;
    all->drops++;
    if (all->drops_logged_ms && now_ms - all->drops_logged_ms < DROPS_LOG_MS)
        return;
    log_warn("%" PRIu64 " clients that do not read their events were dropped, "
             "the last is %s of %s",
             all->drops, client_instance(c), client_address(c));
    all->drops = 0;
    all->drops_logged_ms = now_ms;
}

static void
on_gone(void *arg, const char *why)
{
    struct client *c = arg;
    struct watches *all = c->watches;
    log_debug("client %s of %s is gone: %s", client_instance(c),
              client_address(c), why);
    if (strcmp(why, "slow reader") == 0)
        note_drop(all, c);
    leave_beat(all, c);
    client_away(c);
}

static void
close_stream(struct watches *all, struct client *c, struct http_event *closed)
{
    struct http_stream *stream = c->stream;
    leave_beat(all, c);
    client_away(c);
    http_stream_send_event(stream, closed);
    http_stream_close(stream);
    all->w->metrics.events_closed++;
}

void
watches_close_all(struct watches *all, const char *reason)
{
    struct http_event *closed = closed_event(reason);
    for (int32_t i = 0; i < all->n_slots; i++)
        while (all->slots[i])
            close_stream(all, all->slots[i], closed);
    http_event_unref(closed);
}

/* The same instance has come back: its older entry goes. */
static void
supersede(struct watches *all, const char *instance, uint64_t stamp)
{
    struct client *c = clients_find(all->w->clients, instance);
    if (!c || c->stamp > stamp)
        return;
    if (c->state == CLIENT_CONNECTED) {
        struct http_event *closed =
            closed_event("the same client has come back");
        close_stream(all, c, closed);
        http_event_unref(closed);
    }
    client_remove(c);
}

struct comeback {
    struct worker *w;
    uint64_t stamp;
    char instance[];
};

static void
on_comeback(void *arg)
{
    struct comeback *b = arg;
    supersede(b->w->watches, b->instance, b->stamp);
    free(b);
}

static void
supersede_elsewhere(struct watches *all, const char *instance, uint64_t stamp)
{
    const struct service *s = all->w->service;
    const size_t size = strlen(instance) + 1;
    for (size_t i = 0; i < s->n_workers; i++) {
        if (&s->workers[i] == all->w)
            continue;
        struct comeback *b = xcalloc(1, sizeof(*b) + size);
        b->w = &s->workers[i];
        b->stamp = stamp;
        memcpy(b->instance, instance, size);
        must(loop_post(b->w->loop, on_comeback, b));
    }
}

/* ---- telling ------------------------------------------------------------- */

/* The first event: all of the answer, or that what the client knows (it has
 * heard all up to `known`) still holds. */
static void
greet(struct watches *all, struct client *c, int64_t known)
{
    const struct table *t = all->w->table;
    struct answer *answer = answers_get(all->w->answers, t, &c->audience->id);
    (void)audience_note(c->audience, answer); /* the others know it */
    c->told = t->revision;
    if (!answer_known(answer, known)) {
        http_stream_send_event(c->stream, answer_event(answer));
        all->w->metrics.events_route++;
        return;
    }
    char *outline = answer_outline(t, &c->audience->id);
    struct http_event *e = event_of("resumed", t->revision, outline);
    http_stream_send_event(c->stream, e);
    http_event_unref(e);
    free(outline);
    all->w->metrics.events_resumed++;
}

/* The revision in Last-Event-ID; -1: none, or none of ours. */
static int64_t
known_by(const struct http_req *req)
{
    const char *text = http_req_header(req, "Last-Event-ID");
    int64_t revision = -1;
    if (!text || !str_to_i64(text, 0, INT64_MAX, &revision))
        return -1;
    return revision;
}

void
watches_open(struct watches *all, struct http_req *req,
             const struct pt_client *who, const struct pt_identity *id)
{
    struct worker *w = all->w;
    const uint64_t stamp = atomic_fetch_add(&w->service->stamps, 1);
    const int64_t known = known_by(req);
    supersede(all, who->instance, stamp);
    struct client *c =
        clients_add(w->clients, who, id, http_req_peer(req), NULL);
    c->watches = all;
    c->stamp = stamp;
    c->stream = http_stream_open(req, on_gone, c);
    if (!c->stream) {
        client_remove(c);
        return;
    }
    join_beat(all, c);
    w->metrics.streams_opened++;
    greet(all, c, known);
    supersede_elsewhere(all, who->instance, stamp);
}

static void
tell(struct audience *a, void *arg)
{
    struct watches *all = arg;
    struct answer *answer = answers_get(all->w->answers, all->w->table, &a->id);
    struct client *c;
    if (!audience_note(a, answer))
        return;
    DL_FOREACH(a->clients, c)
    {
        if (c->state != CLIENT_CONNECTED)
            continue;
        c->told = answer->revision;
        http_stream_send_event(c->stream, answer_event(answer));
        all->w->metrics.events_route++;
    }
}

void
watches_publish(struct watches *all, struct table *t,
                const struct touched *touched)
{
    struct worker *w = all->w;
    const int64_t begin_us = clock_mono_us();
    struct table *old = w->table;
    w->table = table_ref(t);
    const size_t n = audiences_concerned(w->audiences, touched, tell, all);
    table_unref(old);
    w->metrics.publishes++;
    w->metrics.concerned += n;
    w->metrics.publish_us += (uint64_t)(clock_mono_us() - begin_us);
}
