/*
 * How the application is told: an event of a kind that it enabled with
 * shunt_conf_set_events() goes to one of its queues (queue.c); any other goes
 * to the callback of that kind, by way of a list, because callbacks are only
 * made on the application's thread; without either it is dropped.
 */
#ifndef SHUNT_SDK_TELL_H
#define SHUNT_SDK_TELL_H

#include "sdk/src/event.h"
#include "sdk/src/handle.h"

/* Takes `e`, NULL allowed: something was lost for want of memory.  Any thread. */
void tell_take(shunt_t *rk, struct shunt_event_s *e);
/* The application wants it by event. */
bool tell_by_event(const shunt_t *rk, shunt_event_type_t type);
/* A log line, as an event.  Any thread, any lock. */
void tell_line(shunt_t *rk, int level, const char *fac, const char *text);
/* Asks librdkafka for statistics, throttling, tokens: those that the
 * application wants. */
void tell_apply(shunt_t *rk, struct engine *e);
/* An event of a generation that has no hook of its own; borrowed.  Its thread. */
void tell_kafka_event(rd_kafka_event_t *event, void *arg);

#endif
