/*
 * Owns one stream.  A server that sends nonsense is no reason to fall over nor
 * to forget what is known: what cannot be read is logged and left alone.  The
 * backoff starts over only after a stream has lived for a while, so that a
 * server that flaps is not stormed.
 *
 * Thousands of clients see the same end at the same moment, so every wait is
 * drawn at random.  A client that waits loses nothing but time: it stays on its
 * route.
 */
#include "sdk/src/control/watch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/js.h"

#define WATCH_MIN_MS     50
#define WATCH_MAX_MS     2000
#define WATCH_SILENCE_MS 30000 /* three heartbeats */
#define WATCH_STEADY_MS  2000
#define WATCH_NOMEM_MS                                                         \
    100 /* until what there was no memory for is asked anew */
#define WATCH_SPREAD_MS 1000 /* after a "closed" */
/* No server silences a client for longer, whatever its Retry-After says. */
#define WATCH_RETRY_AFTER_MAX_MS 60000
#define WATCH_IDLE_MS            1000
#define WATCH_EVENT_MAX          ((size_t)4 << 20)
#define WATCH_SAID               8

struct peer {
    int64_t shut_until_ms; /* its Retry-After */
    bool failed;           /* since the identity */
};

struct watch {
    struct watch_conf conf;
    struct http_client *client;
    char *body;         /* NULL: nothing to watch */
    size_t turn;        /* the server in use, or the next one */
    struct peer *peers; /* one for each server */
    struct backoff backoff;
    struct http_call *call;
    int64_t next_at_ms, started_ms;
    int64_t held; /* revision whose answer is in use; -1: none */
    bool heard;   /* this stream has sent a route, or "resumed" */
    bool closed;  /* it said that it will end */
    /* Complaints since something good was heard: the same words are logged
     * once.  Several, because servers and their failures take turns. */
    uint64_t said[WATCH_SAID];
    size_t n_said;
};

static void
say(struct watch *w, int level, const char *text)
{
    w->conf.on_log(level, text, w->conf.arg);
}

/* FNV-1a, with its high bits folded in: they are the better ones. */
static uint64_t
hash_of(const char *s)
{
    uint64_t h = 14695981039346656037U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211U;
    return h ^ h >> 32;
}

static void
complain(struct watch *w, const char *text)
{
    const uint64_t hash = hash_of(text);
    for (size_t i = 0; i < w->n_said && i < WATCH_SAID; i++)
        if (w->said[i] == hash)
            return;
    w->said[w->n_said++ % WATCH_SAID] = hash;
    say(w, LOG_WARNING, text);
}

int
watch_new(const struct watch_conf *conf, struct http_client *client,
          struct watch **out)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (!w)
        return ERR_NOMEM;
    w->conf = *conf;
    w->client = client;
    w->held = -1;
    w->peers = calloc(conf->servers->n, sizeof(*w->peers));
    if (!w->peers) {
        free(w);
        return ERR_NOMEM;
    }
    const uint64_t own = hash_of(conf->client->instance);
    w->turn = (size_t)(own % conf->servers->n);
    backoff_init(&w->backoff, WATCH_MIN_MS, WATCH_MAX_MS,
                 own ^ (uint64_t)clock_mono_us() ^ (uint64_t)getpid() << 32);
    *out = w;
    return 0;
}

static void
hang_up(struct watch *w)
{
    if (w->call)
        http_call_cancel(w->call);
    w->call = NULL;
}

void
watch_free(struct watch *w)
{
    if (!w)
        return;
    hang_up(w);
    free(w->peers);
    free(w->body);
    free(w);
}

const char *
watch_server(const struct watch *w)
{
    return w->conf.servers->v[w->turn % w->conf.servers->n];
}

static char *
body_of(const struct watch *w, const struct pt_identity *identity)
{
    struct json_t *j = js_object();
    int rc = js_put_take(j, "client", pt_client_encode(w->conf.client));
    rc |= js_put_take(j, "identity", pt_identity_encode(identity));
    char *body = rc ? NULL : js_dump(j);
    js_free(j);
    return body;
}

int
watch_identity(struct watch *w, const struct pt_identity *identity)
{
    char *body = NULL;
    if (identity->topics.n > 0) {
        body = body_of(w, identity);
        if (!body)
            return ERR_NOMEM;
    }
    hang_up(w);
    free(w->body);
    w->body = body;
    w->held = -1;
    w->next_at_ms = 0;
    for (size_t i = 0; i < w->conf.servers->n; i++)
        w->peers[i].failed = false;
    return 0;
}

bool
watch_failed(const struct watch *w)
{
    for (size_t i = 0; i < w->conf.servers->n; i++)
        if (!w->peers[i].failed)
            return false;
    return true;
}

static struct peer *
peer_of(const struct watch *w, size_t turn)
{
    return &w->peers[turn % w->conf.servers->n];
}

static int64_t
shut_until(const struct watch *w, size_t turn)
{
    return peer_of(w, turn)->shut_until_ms;
}

/* The server wants to be left alone for a while; by all at different times. */
static void
shut(struct watch *w, int64_t retry_after_ms)
{
    const int64_t wait_ms = retry_after_ms < WATCH_RETRY_AFTER_MAX_MS
                                ? retry_after_ms
                                : WATCH_RETRY_AFTER_MAX_MS;
    peer_of(w, w->turn)->shut_until_ms =
        clock_mono_ms() + wait_ms + backoff_spread_ms(&w->backoff, wait_ms);
}

/* The next server that may be asked when the wait is over; none: the one that
 * may be asked soonest. */
static void
choose_next(struct watch *w)
{
    size_t best = w->turn + 1;
    for (size_t i = 1; i <= w->conf.servers->n; i++) {
        if (shut_until(w, w->turn + i) <= w->next_at_ms) {
            w->turn += i;
            return;
        }
        if (shut_until(w, w->turn + i) < shut_until(w, best))
            best = w->turn + i;
    }
    w->turn = best;
    w->next_at_ms = shut_until(w, best);
}

/* After an attempt or a stream: when, and to whom next. */
static void
go_on(struct watch *w)
{
    const int64_t now_ms = clock_mono_ms();
    peer_of(w, w->turn)->failed |= !w->heard;
    if (w->heard && now_ms - w->started_ms >= WATCH_STEADY_MS)
        backoff_reset(&w->backoff);
    w->next_at_ms =
        now_ms + (w->closed ? backoff_spread_ms(&w->backoff, WATCH_SPREAD_MS)
                            : backoff_next_ms(&w->backoff));
    choose_next(w);
}

static void
hear(struct watch *w)
{
    w->n_said = 0;
    if (!w->heard)
        w->conf.on_open(w->conf.arg);
    w->heard = true;
}

static void
complain_of_event(struct watch *w, const char *name, const struct err *why)
{
    char text[768];
    (void)snprintf(text, sizeof(text),
                   "route service %s sent a %s that cannot be used, it is "
                   "ignored: %s",
                   watch_server(w), name, why->text);
    complain(w, text);
}

/* An answer is lost that nobody will send again on this stream, and that is not
 * the server's fault. */
static void
ask_anew(struct watch *w)
{
    complain(w, "out of memory: the route is asked for again");
    w->held = -1;
    hang_up(w);
    w->next_at_ms = clock_mono_ms() + WATCH_NOMEM_MS;
}

static void
on_route(struct watch *w, const struct sse_event *e)
{
    struct json_t *j = NULL;
    struct err why = {0};
    struct pt_answer answer = {0};
    int rc = js_parse(e->data, strlen(e->data), &j, &why);
    if (!rc)
        rc = pt_answer_decode(j, &answer, &why);
    js_free(j);
    if (rc && rc != ERR_NOMEM) {
        complain_of_event(w, "route", &why);
        return;
    }
    hear(w);
    const int64_t revision = answer.revision;
    if (!rc)
        rc = w->conf.on_answer(&answer, w->conf.arg);
    if (!rc)
        w->held = revision;
    else if (rc == ERR_NOMEM)
        ask_anew(w);
}

static void
resume(struct watch *w, int64_t revision, const struct json_t *outline)
{
    hear(w);
    if (w->conf.on_resumed(revision, outline, w->conf.arg)) {
        w->held = revision;
        return;
    }
    w->held = -1;
    hang_up(w);
    go_on(w);
}

/* Nothing was missed since the answer that is held. */
static void
on_resumed(struct watch *w, const struct sse_event *e)
{
    struct json_t *j = NULL;
    struct err why = {0};
    int64_t revision = -1;
    int rc = js_parse(e->data, strlen(e->data), &j, &why);
    if (!rc)
        rc = js_get_int(j, "", "revision", JS_REQUIRED, 0, INT64_MAX, &revision,
                        &why);
    if (!rc && w->held < 0)
        rc = err_set(&why, ERR_INVALID, "there is nothing to resume");
    if (rc)
        complain_of_event(w, "resumed", &why);
    else
        resume(w, revision, j);
    js_free(j);
}

static void
on_closed(struct watch *w, const struct sse_event *e)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "route service %s closes the stream: %s",
                   watch_server(w), e->data);
    say(w, LOG_INFO, text);
    w->closed = true;
}

static void
on_event(const struct sse_event *e, void *arg)
{
    struct watch *w = arg;
    if (!w->call)
        return; /* hung up */
    if (strcmp(e->event, "route") == 0)
        on_route(w, e);
    else if (strcmp(e->event, "resumed") == 0)
        on_resumed(w, e);
    else if (strcmp(e->event, "closed") == 0)
        on_closed(w, e);
}

static void
explain_end(struct watch *w, const struct http_answer *a)
{
    char text[768];
    if (a->error)
        (void)snprintf(text, sizeof(text), "route service: %s", a->text);
    else if (a->status != 200)
        (void)snprintf(text, sizeof(text), "route service %s answered %d: %s",
                       watch_server(w), a->status, a->body);
    else
        (void)snprintf(text, sizeof(text), "route service %s ended the stream",
                       watch_server(w));
    complain(w, text);
}

static void
on_done(const struct http_answer *a, void *arg)
{
    struct watch *w = arg;
    if (a->error == ERR_CLOSED)
        return; /* hung up by us: `call` may be the next one already */
    w->call = NULL;
    explain_end(w, a);
    if (a->retry_after_ms > 0 && a->status == 503)
        shut(w, a->retry_after_ms);
    go_on(w);
}

static void
dial(struct watch *w, int64_t now_ms)
{
    char url[1024];
    char held[48];
    const char *const headers[] = {held, NULL};
    struct err err = {0};
    (void)snprintf(url, sizeof(url), "%s/v1/watch", watch_server(w));
    (void)snprintf(held, sizeof(held), "Last-Event-ID: %lld",
                   (long long)w->held);
    const struct http_call_conf conf = {
        .method = "POST",
        .url = url,
        .body = w->body,
        .headers = w->held >= 0 ? headers : NULL,
        .timeout_ms = w->conf.request_timeout_ms,
        .silence_ms = WATCH_SILENCE_MS,
        .answer_max_bytes = WATCH_EVENT_MAX,
        .on_done = on_done,
        .on_event = on_event,
        .arg = w,
    };
    w->started_ms = now_ms;
    w->heard = w->closed = false;
    if (http_call_start(w->client, &conf, &w->call, &err) == 0)
        return;
    complain(w, err.text);
    go_on(w);
}

void
watch_step(struct watch *w)
{
    const int64_t now_ms = clock_mono_ms();
    if (!w->call && w->body && now_ms >= w->next_at_ms)
        dial(w, now_ms);
}

int64_t
watch_due_ms(const struct watch *w)
{
    if (w->call || !w->body)
        return clock_mono_ms() + WATCH_IDLE_MS;
    return w->next_at_ms;
}
