/* See event.h; what the application asks of an event is in event_read.c. */
#include "sdk/src/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define EVENTS_MAX 1000

static const shunt_event_type_t public_types[] = {
    [ENGINE_ROUTED] = SHUNT_EVENT_ROUTED,
    [ENGINE_SWITCH] = SHUNT_EVENT_SWITCH,
    [ENGINE_SWITCHED] = SHUNT_EVENT_SWITCHED,
    [ENGINE_STUCK] = SHUNT_EVENT_STUCK,
    [ENGINE_WARNING] = SHUNT_EVENT_WARNING,
    [ENGINE_PHASE] = SHUNT_EVENT_PHASE,
    [ENGINE_STANDBY] = SHUNT_EVENT_STANDBY,
};

/* ---- queue -------------------------------------------------------------- */

int
event_queue_init(struct event_queue *q)
{
    *q = (struct event_queue){0};
    return pthread_mutex_init(&q->mutex, NULL) == 0 ? 0 : ERR_NOMEM;
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

/* A rebalance waits for the application's answer: it does not give way. */
static struct shunt_event_s *
oldest(struct event_queue *q)
{
    struct shunt_event_s *e;
    DL_FOREACH(q->events, e)
    {
        if (e->type != RD_KAFKA_EVENT_REBALANCE)
            return e;
    }
    return NULL;
}

bool
event_queue_put_take(struct event_queue *q, struct shunt_event_s *e)
{
    struct shunt_event_s *lost = NULL;
    pthread_mutex_lock(&q->mutex);
    if (q->n >= EVENTS_MAX && (lost = oldest(q))) {
        DL_DELETE(q->events, lost);
        q->n--;
    }
    DL_APPEND(q->events, e);
    q->n++;
    pthread_mutex_unlock(&q->mutex);
    event_free(lost);
    return lost != NULL;
}

size_t
event_queue_length(struct event_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    const size_t n = q->n;
    pthread_mutex_unlock(&q->mutex);
    return n;
}

/* ---- made and freed ----------------------------------------------------- */

void
event_free(struct shunt_event_s *e)
{
    if (!e)
        return;
    if (e->genuine)
        rd_kafka_event_destroy(e->genuine);
    if (e->message)
        rd_kafka_message_destroy(e->message);
    if (e->partitions)
        rd_kafka_topic_partition_list_destroy(e->partitions);
    free(e->from);
    free(e->to);
    free(e->text);
    free(e);
}

struct shunt_event_s *
event_new(shunt_event_type_t type)
{
    struct shunt_event_s *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->type = type;
    e->since = e->stall_ms = e->reread_bound = e->catchup_ms = e->phase_ms = -1;
    return e;
}

static bool
copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static const char *
or_dash(const char *name)
{
    return name ? name : "-";
}

static void
say_switched(char *text, size_t size, const struct engine_event *e)
{
    const int n =
        snprintf(text, size, "no delivery for %lld ms", (long long)e->stall_ms);
    if (e->reread_bound >= 0 && n > 0 && (size_t)n < size)
        (void)snprintf(text + n, size - (size_t)n,
                       "; may read again %lld records",
                       (long long)e->reread_bound);
}

/* What the engine has no words for. */
static void
say(char *text, size_t size, const struct engine_event *e)
{
    *text = '\0';
    if (e->type == ENGINE_ROUTED)
        (void)snprintf(text, size, "uses cluster %s", or_dash(e->to));
    else if (e->type == ENGINE_SWITCH)
        (void)snprintf(text, size, "moves from cluster %s to %s",
                       or_dash(e->from), or_dash(e->to));
    else if (e->type == ENGINE_SWITCHED)
        say_switched(text, size, e);
    else if (e->type == ENGINE_PHASE)
        (void)snprintf(text, size, "%s, %lld ms after the move began",
                       or_dash(e->phase), (long long)e->ms);
    else if (e->type == ENGINE_STANDBY)
        (void)snprintf(text, size, "is ready on cluster %s", or_dash(e->to));
}

static bool
copy_words(char **to, const struct engine_event *from)
{
    char text[512];
    if (from->text && *from->text)
        return copy(to, from->text);
    say(text, sizeof(text), from);
    return copy(to, text);
}

struct shunt_event_s *
event_of_route(const struct engine_event *from)
{
    struct shunt_event_s *e = event_new(public_types[from->type]);
    if (!e)
        return NULL;
    e->since = from->since;
    e->stall_ms = from->stall_ms;
    e->reread_bound = from->reread_bound;
    e->catchup_ms = from->type == ENGINE_SWITCHED ? from->catchup_ms : -1;
    e->phase = from->type == ENGINE_PHASE ? from->phase : NULL;
    e->phase_ms = from->type == ENGINE_PHASE ? from->ms : -1;
    if (copy(&e->from, from->from) && copy(&e->to, from->to) &&
        copy_words(&e->text, from))
        return e;
    event_free(e);
    return NULL;
}

struct shunt_event_s *
event_of_text(shunt_event_type_t type, const char *text)
{
    struct shunt_event_s *e = event_new(type);
    if (e && copy(&e->text, text))
        return e;
    event_free(e);
    return NULL;
}

struct shunt_event_s *
event_of_error(rd_kafka_resp_err_t code, const char *text)
{
    struct shunt_event_s *e = event_of_text(RD_KAFKA_EVENT_ERROR, text);
    if (e)
        e->code = code;
    return e;
}

struct shunt_event_s *
event_of_list(shunt_event_type_t type, rd_kafka_resp_err_t code,
              const rd_kafka_topic_partition_list_t *partitions)
{
    struct shunt_event_s *e = event_new(type);
    if (!e)
        return NULL;
    e->code = code;
    if (partitions)
        e->partitions = rd_kafka_topic_partition_list_copy(partitions);
    return e;
}
