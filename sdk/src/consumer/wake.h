/*
 * Waking the application's thread, which blocks in a librdkafka queue or, as
 * long as there is no handle, on a condition.  Shared by reference count, so
 * that late answers of other threads find it.
 */
#ifndef SHUNT_SDK_WAKE_H
#define SHUNT_SDK_WAKE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct wake;

struct wake *wake_new(void); /* NULL: no memory */
struct wake *wake_ref(struct wake *w);
void wake_unref(struct wake *w); /* NULL allowed */
/* Any thread. */
void wake_up(struct wake *w);
/* The queue to interrupt from now on; NULL: none. */
void wake_aim(struct wake *w, rd_kafka_queue_t *queue);
/* There was one that was not taken yet. */
bool wake_pending(const struct wake *w);
/* True once after each wake_up(). */
bool wake_take(struct wake *w);
/* fn(arg) is called at each wake_up(), and when a queue that is aimed at gets
 * something: any thread, with locks held, must not block.  Once. */
void wake_watch(struct wake *w, void (*fn)(void *arg), void *arg);
/* Waits for wake_up() at most `ms`. */
void wake_wait(struct wake *w, int64_t ms);

#endif
