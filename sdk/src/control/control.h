/*
 * The control thread of one handle: holds the watch stream of the route
 * service, asks the mappers, sends reports, keeps the last good route on disk.
 * One long-lived thread; it never calls librdkafka and never the application:
 * it only stores what it learned and calls `on_news`.
 */
#ifndef SHUNT_SDK_CONTROL_H
#define SHUNT_SDK_CONTROL_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/offset.h"
#include "common/proto/route.h"

struct control;

struct control_conf {
    struct strlist servers;      /* base URLs of route services */
    struct pt_identity identity; /* topics may be empty at first */
    struct pt_client client;
    char *cache_dir; /* NULL: keep nothing on disk */
    int64_t request_timeout_ms;
    /* Control thread, no lock held: something new can be had (an answer, a
     * translation). Must not block. */
    void (*on_news)(void *arg);
    /* Control thread: one line of log. */
    void (*on_log)(int level, const char *line, void *arg);
    void *arg;
};

/* An answer of the route service, shared by reference count.  Its clusters'
 * properties are the effective ones: those of the rules are laid over them
 * (effective.h); references in them are not resolved yet. */
struct route {
    struct pt_answer answer;
    int from_disk;
};
void route_ref(struct route *r);
void route_unref(struct route *r); /* NULL allowed; any thread */

/* Copies `conf`. Reads the disk, so that a client starts with the whole control
 * plane down: that route is used when each server has failed once, or none has
 * answered within `request_timeout_ms`. It may be one that was fenced since. */
MUST_CHECK int control_start(const struct control_conf *conf,
                             struct control **out, struct err *err);
void control_stop(struct control *c); /* waits for the thread; NULL allowed */

/* Any thread. */

/* The newest route, with a reference for the caller; NULL: none yet. Its
 * revision never goes down. */
struct route *control_route(struct control *c);
/* Watches with these topics from now on (they replace the old list). */
MUST_CHECK int control_set_topics(struct control *c,
                                  const struct strlist *topics);
/* Kept until sent; a newer one replaces an older one that is still waiting. */
MUST_CHECK int control_report(struct control *c, const struct pt_report *r);

/* One question to the mappers that the route names for the two clusters, tried
 * in turn until one answers or `deadline_ms` (clock_mono_ms) has passed. */
struct asking;
MUST_CHECK int control_ask(struct control *c, const struct po_question *q,
                           int64_t deadline_ms, struct asking **out,
                           struct err *err);
/* 1: still under way; 0: *out is filled (po_translation_fini); < 0: failed,
 * with the reason.  After 0 or < 0 only asking_free may follow. */
int asking_result(struct asking *a, struct po_translation *out,
                  struct err *err);
/* Waits until it is not under way any more: at most until its deadline. */
int asking_wait(struct asking *a, struct po_translation *out, struct err *err);
void asking_free(struct asking *a); /* also while under way */

#endif
