/*
 * One event loop (libevent) and the thread that runs it.  A loop thread owns
 * its objects; other threads only post to it.
 */
#ifndef SHUNT_NET_LOOP_H
#define SHUNT_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct loop;
struct loop_timer;
struct event_base;

/* Ignores SIGPIPE in the whole process: a peer that has gone ends nothing. */
MUST_CHECK int loop_new(struct loop **out, struct err *err);
void loop_free(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
/* Any thread, also from inside a callback. */
void loop_stop(struct loop *loop);
/* Any thread: runs fn(arg) on the loop thread, in order of posting. */
MUST_CHECK int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* When loop_run() has returned and its thread has ended: runs what is still
 * posted, on the calling thread.  True: there was something. */
bool loop_drain(struct loop *loop);

/* Loop thread (or before loop_run). Repeats every interval_ms until freed. */
struct loop_timer *loop_timer_new(struct loop *loop, int64_t interval_ms,
                                  void (*fn)(void *arg), void *arg);
void loop_timer_free(struct loop_timer *timer);
/* SIGINT, SIGTERM: calls fn on the loop thread. */
MUST_CHECK int loop_on_signal(struct loop *loop, int signo,
                              void (*fn)(void *arg), void *arg);
/* Calls fn whenever fd is readable, until loop_free. */
MUST_CHECK int loop_on_readable(struct loop *loop, int fd,
                                void (*fn)(void *arg), void *arg);

/* For common/net only. */
struct event_base *loop_base(struct loop *loop);

#endif
