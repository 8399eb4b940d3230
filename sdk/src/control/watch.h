/*
 * The watch stream: one POST /v1/watch at a time, at one route service after
 * another, again with backoff when it ends.  Control thread.
 */
#ifndef SHUNT_SDK_WATCH_H
#define SHUNT_SDK_WATCH_H

#include "common/net/http_client.h"
#include "sdk/src/control/control.h"

struct watch;

struct watch_conf {
    const struct strlist *servers;  /* borrowed */
    const struct pt_client *client; /* borrowed */
    int64_t request_timeout_ms;
    /* A decoded answer; the callee takes what it owns. Inside a callback of
     * http_client: must not restart the watch. */
    void (*on_answer)(struct pt_answer *taken, void *arg);
    /* Before the first answer of each stream: the service knows us now. Under
     * the same rule. */
    void (*on_open)(void *arg);
    void (*on_log)(int level, const char *line, void *arg);
    void *arg;
};

MUST_CHECK int watch_new(const struct watch_conf *conf,
                         struct http_client *client, struct watch **out);
void watch_free(struct watch *w);
/* From now on this identity (copied as text); empty topics: nothing is
 * watched. */
MUST_CHECK int watch_identity(struct watch *w, const struct pt_identity *i);
void watch_step(struct watch *w);
int64_t watch_due_ms(const struct watch *w);
/* The server in use or to be tried next; borrowed. */
const char *watch_server(const struct watch *w);

#endif
