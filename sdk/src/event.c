/* See event.h, and shunt.h for the accessors. */
#include "sdk/src/event.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define EVENTS_MAX 1000

static const char *const names[] = {
    [SHUNT_EVENT_ROUTED] = "ROUTED",     [SHUNT_EVENT_SWITCH] = "SWITCH",
    [SHUNT_EVENT_SWITCHED] = "SWITCHED", [SHUNT_EVENT_STUCK] = "STUCK",
    [SHUNT_EVENT_WARNING] = "WARNING",   [SHUNT_EVENT_PHASE] = "PHASE",
};

static const shunt_event_type_t public_types[] = {
    [ENGINE_ROUTED] = SHUNT_EVENT_ROUTED,
    [ENGINE_SWITCH] = SHUNT_EVENT_SWITCH,
    [ENGINE_SWITCHED] = SHUNT_EVENT_SWITCHED,
    [ENGINE_STUCK] = SHUNT_EVENT_STUCK,
    [ENGINE_WARNING] = SHUNT_EVENT_WARNING,
    [ENGINE_PHASE] = SHUNT_EVENT_PHASE,
};

int
event_queue_init(struct event_queue *q)
{
    *q = (struct event_queue){0};
    return pthread_mutex_init(&q->mutex, NULL) == 0 ? 0 : ERR_NOMEM;
}

void
event_free(struct shunt_event_s *e)
{
    if (!e)
        return;
    free(e->from);
    free(e->to);
    free(e->text);
    free(e);
}

struct shunt_event_s *
event_queue_take(struct event_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    struct shunt_event_s *e = q->events;
    if (e) {
        DL_DELETE(q->events, e);
        q->n--;
    }
    pthread_mutex_unlock(&q->mutex);
    return e;
}

void
event_queue_fini(struct event_queue *q)
{
    struct shunt_event_s *e;
    while ((e = event_queue_take(q)))
        event_free(e);
    pthread_mutex_destroy(&q->mutex);
}

static bool
put_take(struct event_queue *q, struct shunt_event_s *e)
{
    struct shunt_event_s *lost = NULL;
    pthread_mutex_lock(&q->mutex);
    if (q->n == EVENTS_MAX) {
        lost = q->events;
        DL_DELETE(q->events, lost);
        q->n--;
    }
    DL_APPEND(q->events, e);
    q->n++;
    pthread_mutex_unlock(&q->mutex);
    event_free(lost);
    return true;
}

static bool
copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

bool
event_queue_put(struct event_queue *q, const struct engine_event *from)
{
    struct shunt_event_s *e = calloc(1, sizeof(*e));
    if (!e)
        return false;
    e->type = public_types[from->type];
    e->since = from->since;
    e->stall_ms = from->stall_ms;
    e->reread_bound = from->reread_bound;
    e->catchup_ms = from->type == ENGINE_SWITCHED ? from->catchup_ms : -1;
    e->phase = from->type == ENGINE_PHASE ? from->phase : NULL;
    e->ms = from->type == ENGINE_PHASE ? from->ms : -1;
    const bool all = copy(&e->from, from->from) && copy(&e->to, from->to) &&
                     copy(&e->text, from->text);
    if (all)
        return put_take(q, e);
    event_free(e);
    return false;
}

bool
event_queue_put_error(struct event_queue *q, rd_kafka_resp_err_t code,
                      const char *text)
{
    struct shunt_event_s *e = calloc(1, sizeof(*e));
    if (!e)
        return false;
    e->is_error = true;
    e->code = code;
    if (copy(&e->text, text))
        return put_take(q, e);
    event_free(e);
    return false;
}

shunt_event_type_t
shunt_event_type(const shunt_event_t *event)
{
    return event->type;
}

const char *
shunt_event_name(const shunt_event_t *event)
{
    return names[event->type];
}

const char *
shunt_event_from(const shunt_event_t *event)
{
    return event->from;
}

const char *
shunt_event_to(const shunt_event_t *event)
{
    return event->to;
}

int64_t
shunt_event_since(const shunt_event_t *event)
{
    return event->since;
}

int64_t
shunt_event_stall_ms(const shunt_event_t *event)
{
    return event->stall_ms;
}

int64_t
shunt_event_reread_bound(const shunt_event_t *event)
{
    return event->reread_bound;
}

int64_t
shunt_event_catchup_ms(const shunt_event_t *event)
{
    return event->catchup_ms;
}

const char *
shunt_event_phase(const shunt_event_t *event)
{
    return event->phase;
}

int64_t
shunt_event_ms(const shunt_event_t *event)
{
    return event->ms;
}

const char *
shunt_event_text(const shunt_event_t *event)
{
    return event->text ? event->text : "";
}
