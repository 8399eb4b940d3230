/*
 * Owns the parts of a running server and the order in which they come and go.
 * Loop thread.
 *
 * The store is read once, at the start; from then on the table in memory is what
 * is served, and the store is behind the writer.
 */
#include "route-service/service.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "route-service/api.h"
#include "route-service/change.h"
#include "route-service/must.h"

#define ENDING_STEP_MS 10
#define ENDING_MAX_MS  250

/* ---- start --------------------------------------------------------------- */

static int
replay(struct table **head, int64_t revision, struct json_t *j, struct err *err)
{
    struct change c;
    struct touched touched;
    struct table *t = NULL;
    int rc = change_decode_stored(j, &c, err);
    if (rc)
        return rc;
    rc = change_apply(&c, *head, &t, &touched, err);
    change_fini(&c);
    if (rc)
        return rc;
    touched_fini(&touched);
    const bool next = t->revision == revision && t != *head;
    table_unref(*head);
    *head = t;
    return next ? 0
                : err_set(err, ERR_CORRUPT, "it follows revision %lld",
                          (long long)t->revision);
}

static int
load_one(int64_t revision, const char *text, size_t len, void *arg,
         struct err *err)
{
    struct json_t *j = NULL;
    struct err why;
    int rc = js_parse(text, len, &j, &why);
    if (rc == 0)
        rc = replay(arg, revision, j, &why);
    js_free(j);
    if (rc)
        return err_set(err, ERR_CORRUPT,
                       "change %lld of the store can't be used (%s): restore "
                       "data.dir from a copy",
                       (long long)revision, why.text);
    return 0;
}

static void
on_heartbeat(void *arg)
{
    struct service *s = arg;
    watchers_heartbeat(s->watchers);
}

struct published {
    struct service *s;
    struct table *t;
};

static void
on_published(void *arg)
{
    struct published *p = arg;
    service_publish(p->s, p->t);
    table_unref(p->t);
    free(p);
}

/* Writer thread. */
static void
post_table(struct table *t, const struct touched *touched, void *arg)
{
    struct published *p = xcalloc(1, sizeof(*p));
    *p = (struct published){arg, table_ref(t)};
    (void)touched;
    must(loop_post(p->s->loop, on_published, p));
}

static int
open_parts(struct service *s, const struct service_conf *conf, struct err *err)
{
    int rc;
    if ((rc = store_open(conf->data_dir, &s->store, err)) ||
        (rc = store_each(s->store, load_one, &s->table, err)) ||
        (rc = http_server_new(s->loop, &conf->limits, api_routes, s, &s->server,
                              err)) ||
        (rc = http_server_listen(s->server, conf->listen, false, err)))
        return rc;
    watchers_publish(s->watchers, s->table);
    const struct committer_conf to = {
        .store = s->store, .head = s->table, .publish = post_table, .arg = s};
    return committer_start(&to, &s->committer, err);
}

int
service_open(struct service *s, struct loop *loop,
             const struct service_conf *conf, struct err *err)
{
    *s = (struct service){.loop = loop};
    s->table = table_empty();
    s->watchers = watchers_new(&s->metrics);
    int rc = open_parts(s, conf, err);
    if (rc == 0) {
        s->heartbeat =
            loop_timer_new(loop, conf->heartbeat_ms, on_heartbeat, s);
        rc = s->heartbeat ? 0 : err_nomem(err);
    }
    if (rc)
        service_close(s);
    return rc;
}

/* ---- end ----------------------------------------------------------------- */

static void
on_ending(void *arg)
{
    struct service *s = arg;
    if (http_server_connections(s->server) == 0 ||
        clock_mono_ms() >= s->end_by_ms)
        loop_stop(s->loop);
}

void
service_stop(struct service *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    committer_stop(s->committer);
    watchers_close_all(s->watchers, "the server is stopping");
    s->end_by_ms = clock_mono_ms() + ENDING_MAX_MS;
    s->ending = loop_timer_new(s->loop, ENDING_STEP_MS, on_ending, s);
    if (!s->ending)
        loop_stop(s->loop);
}

void
service_close(struct service *s)
{
    if (s->committer)
        committer_stop(s->committer);
    loop_timer_free(s->ending);
    loop_timer_free(s->heartbeat);
    http_server_free(s->server);
    watchers_free(s->watchers);
    committer_free(s->committer);
    store_close(s->store);
    table_unref(s->table);
    metrics_fini(&s->metrics);
    *s = (struct service){0};
}

void
service_publish(struct service *s, struct table *t)
{
    table_unref(s->table);
    s->table = table_ref(t);
    log_info("revision %lld: %zu clusters, %zu flows, %zu rules",
             (long long)t->revision, table_count(t, KIND_CLUSTER),
             table_count(t, KIND_FLOW), table_count(t, KIND_RULE));
    watchers_publish(s->watchers, t);
}
