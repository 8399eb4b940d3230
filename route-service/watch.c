/*
 * Owns the watchers.  Loop thread.
 *
 * A watcher lives as long as its stream: from watchers_add_take() until the
 * server reports the stream gone or we close it.  Streams never go while
 * something is sent to them (common/net reaps them later in the turn), so the
 * list can be walked while sending.
 *
 * `told` is the last answer without its revision: a watcher is only told of
 * what concerns it, and its stay on a cluster is in there (`since`).
 */
#include "route-service/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "route-service/match.h"
#include "route-service/must.h"
#include "route-service/resolve.h"

struct watcher {
    struct watchers *all;
    struct pt_client client;
    struct pt_identity id;
    struct http_stream *stream;
    char *peer;
    char *told;
    int64_t revision;        /* of the last event */
    int64_t since_ms;        /* wall clock */
    struct pt_report report; /* instance is NULL: none yet */
    int64_t report_mono_ms;
    struct watcher *prev, *next;
    UT_hash_handle hh; /* by client.instance */
};

struct watchers {
    struct table *table; /* that is served */
    struct metrics *metrics;
    struct watcher *list;        /* in the order of arrival */
    struct watcher *by_instance; /* the same */
};

struct watchers *
watchers_new(struct metrics *metrics)
{
    struct watchers *w = xcalloc(1, sizeof(*w));
    w->metrics = metrics;
    return w;
}

static void
watcher_free(struct watcher *one)
{
    pt_client_fini(&one->client);
    pt_identity_fini(&one->id);
    pt_report_fini(&one->report);
    free(one->peer);
    free(one->told);
    free(one);
}

static void
leave(struct watcher *one)
{
    DL_DELETE(one->all->list, one);
    HASH_DEL(one->all->by_instance, one);
    watcher_free(one);
}

void
watchers_free(struct watchers *w)
{
    struct watcher *one;
    struct watcher *next;
    if (!w)
        return;
    DL_FOREACH_SAFE(w->list, one, next)
    leave(one);
    table_unref(w->table);
    free(w);
}

/* ---- telling ------------------------------------------------------------- */

static char *
answer_text(struct pt_answer *a, int64_t revision)
{
    a->revision = revision;
    struct json_t *j = must_have(pt_answer_encode(a));
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

static void
send_event(struct watcher *one, const char *event, int64_t revision,
           const char *data)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "%" PRId64, revision);
    http_stream_send(one->stream, event, id, data);
}

/* Sends the answer unless it is the one that the client has. */
static void
tell(struct watcher *one)
{
    struct pt_answer a;
    resolve(one->all->table, &one->id, &a);
    const int64_t revision = a.revision;
    char *bare = answer_text(&a, 0);
    if (one->told && strcmp(bare, one->told) == 0) {
        free(bare);
    } else {
        free(one->told);
        one->told = bare;
        one->revision = revision;
        char *text = answer_text(&a, revision);
        send_event(one, "route", revision, text);
        one->all->metrics->events_route++;
        free(text);
    }
    pt_answer_fini(&a);
}

void
watchers_publish(struct watchers *w, struct table *t)
{
    struct watcher *one;
    table_unref(w->table);
    w->table = table_ref(t);
    DL_FOREACH(w->list, one)
    tell(one);
}

void
watchers_heartbeat(struct watchers *w)
{
    const int64_t revision = w->table->revision;
    char data[48];
    (void)snprintf(data, sizeof(data), "{\"revision\":%" PRId64 "}", revision);
    struct watcher *one;
    DL_FOREACH(w->list, one)
    {
        send_event(one, "heartbeat", revision, data);
        w->metrics->events_heartbeat++;
    }
}

/* `reason` is our own words: nothing in it needs escaping. */
static void
close_one(struct watcher *one, const char *reason)
{
    char *data = xasprintf("{\"reason\":\"%s\"}", reason);
    http_stream_send(one->stream, "closed", NULL, data);
    free(data);
    http_stream_close(one->stream);
    leave(one);
}

void
watchers_close_all(struct watchers *w, const char *reason)
{
    struct watcher *one;
    struct watcher *next;
    DL_FOREACH_SAFE(w->list, one, next)
    close_one(one, reason);
}

/* ---- coming and going ---------------------------------------------------- */

static void
on_gone(void *arg, const char *why)
{
    struct watcher *one = arg;
    log_debug("client %s of %s is gone: %s", one->client.instance, one->peer,
              why);
    if (strcmp(why, "slow reader") == 0) {
        one->all->metrics->streams_dropped++;
        log_warn("client %s of %s does not read its events: dropped",
                 one->client.instance, one->peer);
    }
    leave(one);
}

static struct watcher *
find(const struct watchers *w, const char *instance)
{
    struct watcher *one;
    HASH_FIND_STR(w->by_instance, instance, one);
    return one;
}

void
watchers_add_take(struct watchers *w, struct http_req *req,
                  struct pt_client *client, struct pt_identity *id)
{
    struct watcher *old = find(w, client->instance);
    struct watcher *one = xcalloc(1, sizeof(*one));
    one->all = w;
    one->client = *client;
    one->id = *id;
    *client = (struct pt_client){0};
    *id = (struct pt_identity){0};
    one->peer = xstrdup(http_req_peer(req));
    one->since_ms = clock_wall_ms();
    if (old)
        close_one(old, "the same client has come back");
    one->stream = http_stream_open(req, on_gone, one);
    if (!one->stream) {
        watcher_free(one);
        return;
    }
    DL_APPEND(w->list, one);
    HASH_ADD_KEYPTR(hh, w->by_instance, one->client.instance,
                    strlen(one->client.instance), one);
    w->metrics->streams_opened++;
    tell(one);
}

int
watchers_report_take(struct watchers *w, struct pt_report *r, struct err *err)
{
    struct watcher *one = find(w, r->instance);
    if (!one) {
        const int rc = err_field(err, ERR_NOTFOUND, "instance", r->instance,
                                 "client \"%.100s\" has no stream open: watch "
                                 "first",
                                 r->instance);
        pt_report_fini(r);
        return rc;
    }
    pt_report_fini(&one->report);
    one->report = *r;
    *r = (struct pt_report){0};
    one->report_mono_ms = clock_mono_ms();
    return 0;
}

/* ---- asking -------------------------------------------------------------- */

size_t
watchers_count(const struct watchers *w)
{
    return HASH_COUNT(w->by_instance);
}

static void
put_report(struct json_t *j, const struct watcher *one)
{
    if (!one->report.instance) {
        must(js_put_null(j, "report"));
        must(js_put_null(j, "report_age_ms"));
        return;
    }
    must(js_put_take(j, "report", pt_report_encode(&one->report)));
    must(js_put_int(j, "report_age_ms", clock_mono_ms() - one->report_mono_ms));
}

static struct json_t *
encode_one(const struct watcher *one)
{
    struct json_t *j = js_object();
    must(js_put_take(j, "client", pt_client_encode(&one->client)));
    must(js_put_take(j, "identity", pt_identity_encode(&one->id)));
    must(js_put_bool(j, "connected", true));
    must(js_put_str(j, "address", one->peer));
    must(js_put_int(j, "since_ms", one->since_ms));
    must(js_put_int(j, "revision", one->revision));
    put_report(j, one);
    return j;
}

struct json_t *
watchers_encode(const struct watchers *w)
{
    struct json_t *array = js_array();
    const struct watcher *one;
    DL_FOREACH(w->list, one)
    must(js_add_take(array, encode_one(one)));
    return array;
}

static const char *
cluster_in(const struct table *t, const struct pt_identity *id,
           const char *topic)
{
    const struct item *winner = match_winner(t, id, topic);
    return winner ? winner->u.rule.cluster : NULL;
}

static struct json_t *
encode_move(const struct watcher *one, const char *topic, const char *from,
            const char *to)
{
    struct json_t *j = js_object();
    must(js_put_take(j, "client", pt_client_encode(&one->client)));
    must(js_put_str(j, "topic", topic));
    must(js_put_str(j, "from", from));
    must(js_put_str(j, "to", to));
    return j;
}

static void
add_moves(const struct watcher *one, const struct table *from,
          const struct table *to, struct json_t *array)
{
    for (size_t i = 0; i < resolve_topics(&one->id); i++) {
        const char *topic = resolve_topic(&one->id, i);
        const char *old = cluster_in(from, &one->id, topic);
        const char *now = cluster_in(to, &one->id, topic);
        if (!str_equal(old, now))
            must(js_add_take(array, encode_move(one, topic, old, now)));
    }
}

struct json_t *
watchers_moves(const struct watchers *w, const struct table *from,
               const struct table *to)
{
    struct json_t *array = must_have(js_array());
    const struct watcher *one;
    DL_FOREACH(w->list, one)
    add_moves(one, from, to, array);
    return array;
}
