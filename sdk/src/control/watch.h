/*
 * The watch stream: one POST /v1/watch at a time, at one route service after
 * another, again with backoff when it ends.  Control thread.
 *
 * When it comes back, it says which revision's answer it holds
 * (Last-Event-ID): a service that can tell that nothing was missed sends
 * "resumed" instead of everything.  It says so only of an answer that was taken
 * into use, by this process, from a stream of the same identity.
 *
 * How soon it comes back (docs/sdk.md has the table):
 * - a stream that lived ends without a word: within 50 ms at the next server;
 *   again and again, up to 2 s (full jitter);
 * - after a "closed" event: within 0..1000 ms, because every client of that
 *   server was told the same at the same moment;
 * - a server that answered 503 is left alone for its Retry-After and up to as
 *   long again; the others are tried meanwhile.
 */
#ifndef SHUNT_SDK_WATCH_H
#define SHUNT_SDK_WATCH_H

#include "common/net/http_client.h"
#include "sdk/src/control/control.h"

struct json_t;
struct watch;

struct watch_conf {
    const struct strlist *servers;  /* borrowed */
    const struct pt_client *client; /* borrowed */
    int64_t request_timeout_ms;
    /* A decoded answer; the callee takes what it owns.  0: it is in use;
     * ERR_CONFLICT: it is not believed; ERR_NOMEM: it is asked for again.
     * Inside a callback of http_client: must not restart the watch. */
    int (*on_answer)(struct pt_answer *taken, void *arg);
    /* The answer in use is that of this revision too; `outline` says of each
     * topic where it is.  False: not believed, all is asked for anew. Under the
     * same rule. */
    bool (*on_resumed)(int64_t revision, const struct json_t *outline,
                       void *arg);
    /* Before the first answer of each stream: the service knows us now. Under
     * the same rule. */
    void (*on_open)(void *arg);
    void (*on_log)(int level, const char *line, void *arg);
    void *arg;
};

/* Begins at a server that depends on the client's instance, so that a list
 * shares the load. */
MUST_CHECK int watch_new(const struct watch_conf *conf,
                         struct http_client *client, struct watch **out);
void watch_free(struct watch *w);
/* From now on this identity (copied as text); empty topics: nothing is
 * watched. */
MUST_CHECK int watch_identity(struct watch *w, const struct pt_identity *i);
/* Each server has failed once since then. */
bool watch_failed(const struct watch *w);
void watch_step(struct watch *w);
int64_t watch_due_ms(const struct watch *w);
/* The server in use or to be tried next; borrowed. */
const char *watch_server(const struct watch *w);

#endif
