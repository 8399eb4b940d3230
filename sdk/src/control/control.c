/*
 * Owns the control thread and all that it talks to.
 *
 * Threads: `mutex` guards the fields above the line in the struct; those below
 * belong to the control thread (and to control_start before it runs).  No
 * lock is held across network or disk I/O or a callback.  Other threads leave
 * what they want in the struct and wake the thread.
 *
 * Invariant: the revision of `route`, and the newest one that it is known to be
 * good for (`known`), never go down, whoever sends them: a route service that
 * lost its store must not move clients.
 *
 * The route on disk is read when the topics are known, but waits in `disk`
 * until the service has had its say: it may name a cluster that was fenced
 * since.
 */
#include "sdk/src/control/control.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/net/http_client.h"
#include "sdk/src/control/ask.h"
#include "sdk/src/control/cache.h"
#include "sdk/src/control/effective.h"
#include "sdk/src/control/watch.h"
#include "sdk/src/thread.h"

#define REPORT_RETRY_MS 1000
#define ASKINGS_MAX     64

struct shared_route {
    struct route route; /* first: a struct route * is one of these */
    atomic_int refs;
};

struct control {
    pthread_mutex_t mutex;
    bool stopping;
    struct shared_route *route;
    int64_t known; /* the route is that of this revision too; -1: no route */
    struct strlist topics; /* wanted by the engine */
    bool topics_changed;
    char *report; /* JSON that waits to be sent */
    struct asking *askings[ASKINGS_MAX];
    size_t n_askings;
    /* ---- control thread ---- */
    pthread_t thread;
    struct control_conf conf;
    struct pt_identity identity;
    struct http_client *client;
    struct watch *watch;
    struct http_call *report_call;
    char *report_sent; /* under way */
    char *report_last; /* the service took it */
    bool report_again; /* but may have forgotten it since */
    int64_t report_at_ms;
    bool disk_waits;
    struct pt_answer disk; /* used when the service does not answer */
    int64_t asked_ms;      /* no answer since then; 0: there was one */
    bool news;
    bool refused_old, refused_lie, conflicting; /* logged already */
};

/* ---- routes ------------------------------------------------------------- */

static struct shared_route *
shared_of(struct route *r)
{
    return (struct shared_route *)(void *)r;
}

void
route_ref(struct route *r)
{
    atomic_fetch_add(&shared_of(r)->refs, 1);
}

void
route_unref(struct route *r)
{
    if (!r || atomic_fetch_sub(&shared_of(r)->refs, 1) != 1)
        return;
    pt_answer_fini(&r->answer);
    free(shared_of(r));
}

struct route *
control_route(struct control *c)
{
    pthread_mutex_lock(&c->mutex);
    struct route *r = c->route ? &c->route->route : NULL;
    if (r)
        route_ref(r);
    pthread_mutex_unlock(&c->mutex);
    return r;
}

static void say(struct control *c, int level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void
say(struct control *c, int level, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (c->conf.on_log)
        c->conf.on_log(level, line, c->conf.arg);
}

static int64_t
known_revision(struct control *c)
{
    pthread_mutex_lock(&c->mutex);
    const int64_t revision = c->known;
    pthread_mutex_unlock(&c->mutex);
    return revision;
}

/* Before the answer is compared with the one in use, which is laid over too. */
static bool
lay_over(struct control *c, struct pt_answer *answer)
{
    struct effective_conflict x;
    if (effective_apply(answer, &x) != 0) {
        say(c, LOG_ERR, "out of memory: a route is not used");
        return false;
    }
    if (x.key && !c->conflicting)
        say(c, LOG_WARNING,
            "rules %s (topic %s) and %s (topic %s) set %s differently for "
            "cluster %s: that of topic %s is used",
            x.first->rule, x.first->topic, x.other->rule, x.other->topic, x.key,
            x.first->cluster, x.first->topic);
    c->conflicting = x.key != NULL;
    return true;
}

/* Takes the answer.  False: it was not taken into use. */
static bool
install(struct control *c, struct pt_answer *taken, int from_disk)
{
    struct shared_route *fresh = calloc(1, sizeof(*fresh));
    if (!fresh) {
        pt_answer_fini(taken);
        return false;
    }
    fresh->route.answer = *taken;
    fresh->route.from_disk = from_disk;
    *taken = (struct pt_answer){0};
    atomic_init(&fresh->refs, 1);
    pthread_mutex_lock(&c->mutex);
    struct shared_route *old = c->route;
    c->route = fresh;
    c->known = fresh->route.answer.revision;
    pthread_mutex_unlock(&c->mutex);
    route_unref(old ? &old->route : NULL);
    c->news = true;
    return true;
}

static bool
too_old(struct control *c, int64_t revision, const char *source)
{
    const int64_t in_use = known_revision(c);
    if (revision >= in_use) {
        c->refused_old = false;
        return false;
    }
    if (!c->refused_old)
        say(c, LOG_WARNING,
            "%s has revision %lld, older than %lld in use: refused; the "
            "client stays on its route (was the route store wiped?)",
            source, (long long)revision, (long long)in_use);
    c->refused_old = true;
    return true;
}

static const struct pt_route *
route_of(const struct pt_answer *a, const char *topic)
{
    for (size_t i = 0; i < a->n_routes; i++)
        if (strcmp(a->routes[i].topic, topic) == 0)
            return &a->routes[i];
    return NULL;
}

static bool
same_place(const struct pt_answer *a, const struct pt_answer *b,
           const char *name)
{
    const struct pt_cluster *x = name ? pt_answer_cluster(a, name) : NULL;
    const struct pt_cluster *y = name ? pt_answer_cluster(b, name) : NULL;
    return !x || !y ||
           (strcmp(x->bootstrap_servers, y->bootstrap_servers) == 0 &&
            props_equal(&x->properties, &y->properties));
}

/* One revision says one thing of a topic: what says another is not believed. */
static bool
contradicts(const struct pt_answer *in_use, const struct pt_answer *fresh)
{
    for (size_t i = 0; i < fresh->n_routes; i++) {
        const struct pt_route *now = &fresh->routes[i];
        const struct pt_route *was = route_of(in_use, now->topic);
        if (was && (!str_equal(was->cluster, now->cluster) ||
                    was->since != now->since ||
                    !str_equal(was->previous, now->previous) ||
                    !same_place(in_use, fresh, now->cluster)))
            return true;
    }
    return false;
}

static bool
lies(struct control *c, const struct pt_answer *fresh, const char *source)
{
    struct route *r = control_route(c);
    const bool yes = r && known_revision(c) == fresh->revision &&
                     contradicts(&r->answer, fresh);
    route_unref(r);
    if (yes && !c->refused_lie)
        say(c, LOG_WARNING,
            "%s says something else of revision %lld than is in use: refused; "
            "the client stays on its route",
            source, (long long)fresh->revision);
    c->refused_lie = yes;
    return yes;
}

static void
keep_on_disk(struct control *c, const struct pt_answer *answer)
{
    struct err err = {0};
    const struct cache_owner owner = {&c->conf.servers, &c->identity};
    if (c->conf.cache_dir &&
        cache_store(c->conf.cache_dir, &owner, answer, &err) != 0)
        say(c, LOG_WARNING, "the route is not kept on disk: %s", err.text);
}

/* ---- the route on disk --------------------------------------------------- */

static void
drop_disk(struct control *c)
{
    pt_answer_fini(&c->disk);
    c->disk_waits = false;
}

static void
load_from_disk(struct control *c)
{
    struct err err = {0};
    drop_disk(c);
    if (c->identity.topics.n == 0)
        c->asked_ms = 0;
    else if (!c->asked_ms)
        c->asked_ms = clock_mono_ms();
    if (!c->conf.cache_dir || c->identity.topics.n == 0)
        return;
    const struct cache_owner owner = {&c->conf.servers, &c->identity};
    const int rc = cache_load(c->conf.cache_dir, &owner, &c->disk, &err);
    if (rc && rc != ERR_NOTFOUND)
        say(c, LOG_WARNING, "%s", err.text);
    c->disk_waits = rc == 0;
}

static void
use_disk(struct control *c)
{
    struct pt_answer answer = c->disk;
    c->disk = (struct pt_answer){0};
    c->disk_waits = false;
    if (!lay_over(c, &answer) ||
        too_old(c, answer.revision, "the route on disk") ||
        lies(c, &answer, "the route on disk"))
        pt_answer_fini(&answer);
    else
        (void)install(c, &answer, 1);
}

static int64_t
disk_due_ms(const struct control *c)
{
    return c->disk_waits ? c->asked_ms + c->conf.request_timeout_ms : INT64_MAX;
}

static void
step_disk(struct control *c)
{
    if (c->disk_waits &&
        (watch_failed(c->watch) || clock_mono_ms() >= disk_due_ms(c)))
        use_disk(c);
}

/* By the service.  The disk's route goes into use all the same if the answer is
 * not newer: the checks that follow compare it with what is in use. */
static void
answered(struct control *c, int64_t revision)
{
    c->asked_ms = 0;
    if (c->disk_waits && revision <= c->disk.revision)
        use_disk(c);
    drop_disk(c);
}

/* ---- the stream ---------------------------------------------------------- */

static int
on_answer(struct pt_answer *taken, void *arg)
{
    struct control *c = arg;
    const char *server = watch_server(c->watch);
    int rc = lay_over(c, taken) ? 0 : ERR_NOMEM;
    if (!rc)
        answered(c, taken->revision);
    if (!rc && (too_old(c, taken->revision, server) || lies(c, taken, server)))
        rc = ERR_CONFLICT;
    if (rc) {
        pt_answer_fini(taken);
        return rc;
    }
    keep_on_disk(c, taken);
    return install(c, taken, 0) ? 0 : ERR_NOMEM;
}

/* Does the route in use say the same of every topic? */
static bool
agrees(const struct pt_answer *in_use, const struct json_t *outline)
{
    const struct json_t *routes = js_any(outline, "routes");
    for (size_t i = 0; i < js_len(routes); i++) {
        const struct json_t *r = js_at(routes, i);
        const char *topic = js_str(js_any(r, "topic"));
        const struct pt_route *was = topic ? route_of(in_use, topic) : NULL;
        int64_t since = 0;
        if (!was ||
            js_get_int(r, "", "since", JS_REQUIRED, 0, INT64_MAX, &since,
                       NULL) != 0 ||
            since != was->since ||
            !str_equal(was->cluster, js_str(js_any(r, "cluster"))))
            return false;
    }
    return true;
}

static bool
on_resumed(int64_t revision, const struct json_t *outline, void *arg)
{
    struct control *c = arg;
    struct route *r = control_route(c);
    const bool same = r && agrees(&r->answer, outline);
    route_unref(r);
    if (!same)
        say(c, LOG_WARNING,
            "%s resumes another route than the one in use: all of it is asked "
            "for",
            watch_server(c->watch));
    if (!same || too_old(c, revision, watch_server(c->watch)))
        return false;
    pthread_mutex_lock(&c->mutex);
    c->known = revision;
    pthread_mutex_unlock(&c->mutex);
    return true;
}

/* ---- what other threads ask for ----------------------------------------- */

int
control_set_topics(struct control *c, const struct strlist *topics)
{
    struct strlist copy;
    if (strlist_copy(&copy, topics) != 0)
        return ERR_NOMEM;
    pthread_mutex_lock(&c->mutex);
    const bool changed = !strlist_equal(&c->topics, &copy);
    struct strlist old = changed ? c->topics : copy;
    if (changed)
        c->topics = copy;
    c->topics_changed |= changed;
    pthread_mutex_unlock(&c->mutex);
    strlist_fini(&old);
    if (changed)
        http_client_wakeup(c->client);
    return 0;
}

int
control_report(struct control *c, const struct pt_report *r)
{
    struct json_t *j = pt_report_encode(r);
    char *text = j ? js_dump(j) : NULL;
    js_free(j);
    if (!text)
        return ERR_NOMEM;
    pthread_mutex_lock(&c->mutex);
    char *old = c->report;
    c->report = text;
    pthread_mutex_unlock(&c->mutex);
    free(old);
    http_client_wakeup(c->client);
    return 0;
}

int
control_ask(struct control *c, const struct po_question *q, int64_t deadline_ms,
            struct asking **out, struct err *err)
{
    struct asking *a = NULL;
    struct route *r = control_route(c);
    int rc = asking_new(q, r ? &r->answer : NULL, deadline_ms,
                        c->conf.request_timeout_ms, &a, err);
    route_unref(r);
    if (rc)
        return rc;
    pthread_mutex_lock(&c->mutex);
    const bool room = c->n_askings < ASKINGS_MAX;
    if (room)
        c->askings[c->n_askings++] = a;
    pthread_mutex_unlock(&c->mutex);
    if (!room) {
        asking_drop(a);
        asking_free(a);
        return err_set(err, ERR_LIMIT,
                       "too many questions to the mappers are "
                       "under way");
    }
    http_client_wakeup(c->client);
    *out = a;
    return 0;
}

/* ---- the thread --------------------------------------------------------- */

static void
take_topics(struct control *c)
{
    struct strlist topics = {0};
    pthread_mutex_lock(&c->mutex);
    const bool changed = c->topics_changed;
    int rc = changed ? strlist_copy(&topics, &c->topics) : 0;
    c->topics_changed = rc != 0;
    pthread_mutex_unlock(&c->mutex);
    if (!changed || rc)
        return;
    strlist_fini(&c->identity.topics);
    c->identity.topics = topics;
    load_from_disk(c);
    if (watch_identity(c->watch, &c->identity) == 0)
        return;
    say(c, LOG_ERR, "out of memory: the route is not watched yet");
    pthread_mutex_lock(&c->mutex);
    c->topics_changed = true; /* again at the next step */
    pthread_mutex_unlock(&c->mutex);
}

/* A service that has started again has forgotten what was reported. */
static void
on_watch_open(void *arg)
{
    struct control *c = arg;
    c->report_again = true;
    c->report_at_ms = 0;
}

static void
keep_report_take(struct control *c, char *sent)
{
    pthread_mutex_lock(&c->mutex);
    if (!c->report) {
        c->report = sent;
        sent = NULL;
    }
    pthread_mutex_unlock(&c->mutex);
    free(sent);
}

static void
on_reported(const struct http_answer *a, void *arg)
{
    struct control *c = arg;
    c->report_call = NULL;
    char *sent = c->report_sent;
    c->report_sent = NULL;
    /* 404: it does not know this client before the watch is open. */
    if (a->error || a->status >= 500 || a->status == 404) {
        c->report_at_ms = clock_mono_ms() + REPORT_RETRY_MS +
                          (a->retry_after_ms > 0 ? a->retry_after_ms : 0);
        keep_report_take(c, sent);
        return;
    }
    c->report_at_ms = 0;
    if (a->status >= 400) {
        say(c, LOG_WARNING, "the route service refused a report: %s", a->body);
        free(sent);
        return;
    }
    free(c->report_last);
    c->report_last = sent;
}

/* The newest that waits; else the last one, if it may be forgotten. */
static char *
next_report(struct control *c)
{
    pthread_mutex_lock(&c->mutex);
    char *next = c->report;
    c->report = NULL;
    pthread_mutex_unlock(&c->mutex);
    if (!next && c->report_again) {
        next = c->report_last;
        c->report_last = NULL;
    }
    c->report_again = false;
    return next;
}

static void
send_report(struct control *c)
{
    char url[1024];
    if (c->report_call || clock_mono_ms() < c->report_at_ms)
        return;
    c->report_sent = next_report(c);
    if (!c->report_sent)
        return;
    (void)snprintf(url, sizeof(url), "%s/v1/reports", watch_server(c->watch));
    const struct http_call_conf conf = {
        .method = "POST",
        .url = url,
        .body = c->report_sent,
        .timeout_ms = c->conf.request_timeout_ms,
        .on_done = on_reported,
        .arg = c,
    };
    struct err err = {0};
    if (http_call_start(c->client, &conf, &c->report_call, &err) == 0)
        return;
    say(c, LOG_WARNING, "a report is not sent yet: %s", err.text);
    c->report_at_ms = clock_mono_ms() + REPORT_RETRY_MS;
    keep_report_take(c, c->report_sent);
    c->report_sent = NULL;
}

static size_t
copy_askings(struct control *c, struct asking *to[ASKINGS_MAX])
{
    pthread_mutex_lock(&c->mutex);
    const size_t n = c->n_askings;
    for (size_t i = 0; i < n; i++)
        to[i] = c->askings[i];
    pthread_mutex_unlock(&c->mutex);
    return n;
}

static void
forget_asking(struct control *c, const struct asking *a)
{
    pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->n_askings; i++)
        if (c->askings[i] == a) {
            c->askings[i] = c->askings[--c->n_askings];
            break;
        }
    pthread_mutex_unlock(&c->mutex);
}

static int64_t
step_askings(struct control *c)
{
    struct asking *a[ASKINGS_MAX];
    int64_t due_ms = INT64_MAX;
    const size_t n = copy_askings(c, a);
    for (size_t i = 0; i < n; i++) {
        if (asking_step(a[i], c->client)) {
            forget_asking(c, a[i]);
            asking_drop(a[i]);
            c->news = true;
            continue;
        }
        const int64_t one_ms = asking_due_ms(a[i]);
        due_ms = one_ms < due_ms ? one_ms : due_ms;
    }
    return due_ms;
}

static int64_t
sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* How long the thread may wait; does what is due now. */
static int
step(struct control *c)
{
    take_topics(c);
    watch_step(c->watch);
    step_disk(c);
    send_report(c);
    int64_t due_ms = sooner(step_askings(c), disk_due_ms(c));
    due_ms = sooner(due_ms, watch_due_ms(c->watch));
    if (c->news) {
        c->news = false;
        c->conf.on_news(c->conf.arg);
    }
    const int64_t wait_ms = due_ms - clock_mono_ms();
    return wait_ms < 0 ? 0 : wait_ms > 1000 ? 1000 : (int)wait_ms;
}

static bool
stopping(struct control *c)
{
    pthread_mutex_lock(&c->mutex);
    const bool is = c->stopping;
    pthread_mutex_unlock(&c->mutex);
    return is;
}

static void *
run(void *arg)
{
    struct control *c = arg;
    while (!stopping(c)) {
        const int wait_ms = step(c);
        http_client_poll(c->client, c->news ? 0 : wait_ms);
    }
    return NULL;
}

/* ---- start and stop ----------------------------------------------------- */

static int
copy_identity(struct pt_identity *to, const struct pt_identity *from,
              struct err *err)
{
    struct json_t *j = pt_identity_encode(from);
    if (!j)
        return err_nomem(err);
    const int rc = pt_identity_decode(j, "identity", to, err);
    js_free(j);
    return rc;
}

static int
copy_client(struct pt_client *to, const struct pt_client *from, struct err *err)
{
    struct json_t *j = pt_client_encode(from);
    if (!j)
        return err_nomem(err);
    const int rc = pt_client_decode(j, "client", to, err);
    js_free(j);
    return rc;
}

static int
copy_conf(struct control *c, const struct control_conf *conf, struct err *err)
{
    c->conf = (struct control_conf){
        .request_timeout_ms = conf->request_timeout_ms,
        .on_news = conf->on_news,
        .on_log = conf->on_log,
        .arg = conf->arg,
    };
    if (conf->servers.n == 0)
        return err_field(err, ERR_INVALID, "route.service", "",
                         "route.service names no route service");
    if (strlist_copy(&c->conf.servers, &conf->servers) != 0)
        return err_nomem(err);
    if (conf->cache_dir && !(c->conf.cache_dir = strdup(conf->cache_dir)))
        return err_nomem(err);
    int rc = copy_client(&c->conf.client, &conf->client, err);
    if (!rc)
        rc = copy_identity(&c->identity, &conf->identity, err);
    if (!rc && strlist_copy(&c->topics, &conf->identity.topics) != 0)
        rc = err_nomem(err);
    return rc;
}

static void
destroy(struct control *c)
{
    for (size_t i = 0; i < c->n_askings; i++)
        asking_drop(c->askings[i]);
    watch_free(c->watch);
    http_client_free(c->client);
    pt_answer_fini(&c->disk);
    route_unref(c->route ? &c->route->route : NULL);
    strlist_fini(&c->topics);
    strlist_fini(&c->conf.servers);
    pt_client_fini(&c->conf.client);
    pt_identity_fini(&c->identity);
    free(c->conf.cache_dir);
    free(c->report);
    free(c->report_sent);
    free(c->report_last);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static void
on_watch_log(int level, const char *line, void *arg)
{
    say(arg, level, "%s", line);
}

static int
set_up(struct control *c, struct err *err)
{
    const struct watch_conf watch = {
        .servers = &c->conf.servers,
        .client = &c->conf.client,
        .request_timeout_ms = c->conf.request_timeout_ms,
        .on_answer = on_answer,
        .on_resumed = on_resumed,
        .on_open = on_watch_open,
        .on_log = on_watch_log,
        .arg = c,
    };
    int rc = http_client_new(&c->client, err);
    if (!rc && watch_new(&watch, c->client, &c->watch) != 0)
        rc = err_nomem(err);
    if (!rc && watch_identity(c->watch, &c->identity) != 0)
        rc = err_nomem(err);
    if (!rc)
        load_from_disk(c);
    return rc;
}

int
control_start(const struct control_conf *conf, struct control **out,
              struct err *err)
{
    struct control *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(err);
    if (pthread_mutex_init(&c->mutex, NULL) != 0) {
        free(c);
        return err_nomem(err);
    }
    c->known = -1;
    int rc = copy_conf(c, conf, err);
    if (!rc)
        rc = set_up(c, err);
    if (!rc) {
        const int e = thread_start(&c->thread, "shunt:control", run, c);
        if (e)
            rc = err_errno(err, ERR_IO, e, "cannot start the control thread");
    }
    if (rc) {
        destroy(c);
        return rc;
    }
    *out = c;
    return 0;
}

void
control_stop(struct control *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    pthread_mutex_unlock(&c->mutex);
    http_client_wakeup(c->client);
    pthread_join(c->thread, NULL);
    destroy(c);
}
