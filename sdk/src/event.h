/*
 * Events on their way from an engine, on any thread, to the application's
 * thread: route events and librdkafka's errors, in their order.
 */
#ifndef SHUNT_SDK_EVENT_H
#define SHUNT_SDK_EVENT_H

#include <pthread.h>
#include <shunt/shunt.h>

#include "sdk/src/engine.h"

struct shunt_event_s {
    struct shunt_event_s *prev, *next;
    bool is_error; /* for error_cb: code and text */
    rd_kafka_resp_err_t code;
    shunt_event_type_t type;
    char *from, *to, *text; /* owned; NULL: none */
    int64_t since, stall_ms, reread_bound, catchup_ms, ms;
    const char *phase; /* static; NULL: none */
};

struct event_queue {
    pthread_mutex_t mutex;
    struct shunt_event_s *events;
    size_t n; /* of at most EVENTS_MAX: the oldest give way */
};

MUST_CHECK int event_queue_init(struct event_queue *q);
void event_queue_fini(struct event_queue *q);
/* Any thread. False: out of memory, the event is lost. */
bool event_queue_put(struct event_queue *q, const struct engine_event *e);
bool event_queue_put_error(struct event_queue *q, rd_kafka_resp_err_t code,
                           const char *text);
/* Owned by the caller; NULL: none. */
struct shunt_event_s *event_queue_take(struct event_queue *q);
void event_free(struct shunt_event_s *e);

#endif
