/*
 * What a handle has to tell: route events, and everything that librdkafka tells
 * by callback or event.  Made on any thread, told on the application's: by a
 * callback, or itself as the application's shunt_event_t.
 */
#ifndef SHUNT_SDK_EVENT_H
#define SHUNT_SDK_EVENT_H

#include <pthread.h>
#include <shunt/shunt.h>

#include "sdk/src/engine.h"

/* One of librdkafka's that is only ever told by callback. */
#define EVENT_THROTTLE ((shunt_event_type_t)(1 << 27))

struct shunt_event_s {
    struct shunt_event_s *prev, *next;
    shunt_event_type_t type;   /* RD_KAFKA_EVENT_..., SHUNT_EVENT_... */
    rd_kafka_event_t *genuine; /* of a producer; owned, and has all but type */
    rd_kafka_message_t *message; /* FETCH, a consumer's ERROR; owned */
    bool message_taken;
    rd_kafka_topic_partition_list_t *partitions; /* owned */
    rd_kafka_resp_err_t code;
    void *opaque; /* OFFSET_COMMIT, with the next */
    void (*commit_cb)(shunt_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *offsets, void *opaque);
    bool fatal;
    int level;              /* LOG; THROTTLE: broker id */
    int throttle_ms;        /* THROTTLE */
    char *from, *to, *text; /* owned; NULL: none. THROTTLE: from is a broker */
    int64_t since, stall_ms, reread_bound, catchup_ms, phase_ms;
    const char *phase; /* static; NULL: none */
};

struct event_queue {
    pthread_mutex_t mutex;
    struct shunt_event_s *events;
    size_t n; /* of at most EVENTS_MAX: the oldest give way */
};

MUST_CHECK int event_queue_init(struct event_queue *q);
void event_queue_fini(struct event_queue *q);
/* Any thread.  True: the oldest gave way. */
bool event_queue_put_take(struct event_queue *q, struct shunt_event_s *e);
/* Owned by the caller; NULL: none. */
struct shunt_event_s *event_queue_take(struct event_queue *q);
size_t event_queue_length(struct event_queue *q);

/* The caller's; NULL: out of memory. */
struct shunt_event_s *event_new(shunt_event_type_t type);
struct shunt_event_s *event_of_route(const struct engine_event *e);
struct shunt_event_s *event_of_text(shunt_event_type_t type, const char *text);
struct shunt_event_s *event_of_error(rd_kafka_resp_err_t code,
                                     const char *text);
/* Copies the list, which may be NULL. */
struct shunt_event_s *
event_of_list(shunt_event_type_t type, rd_kafka_resp_err_t code,
              const rd_kafka_topic_partition_list_t *partitions);
void event_free(struct shunt_event_s *e);

#endif
