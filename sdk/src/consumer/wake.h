/*
 * Waking the application's thread, which blocks in a librdkafka queue or, where
 * there is none or more than one, on a condition.  Shared by reference count, so
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
/* fn(arg) is called at each wake_up(), and when a queue that is aimed at, or
 * listened to, gets something: any thread, with locks held, must not block.  Once. */
void wake_watch(struct wake *w, void (*fn)(void *arg), void *arg);
/* A queue that is not aimed at: when it gets something, that ends a wake_wait(),
 * as with one that is. */
void wake_listen(struct wake *w, rd_kafka_queue_t *queue);
/* Forgets the pokes; before looking for records. */
void wake_calm(struct wake *w);
/* Waits for wake_up(), or for a record since wake_calm(), at most `ms`. */
void wake_wait(struct wake *w, int64_t ms);

#endif
