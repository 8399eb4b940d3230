/*
 * Owns the handle of ZooKeeper's C client; nothing else includes its header.
 *
 * Threads: the client has two of its own, on which every on_...() here runs.
 * `lock` guards all fields but the atomics, and is held across nothing that
 * waits: the client's calls only queue a request.  A call belongs to the thread
 * that waits for it and to the answer; whoever is last frees it.
 *
 * A session that has expired is closed completely (which answers every call)
 * before the next one is opened, so no answer of an old session is ever taken
 * for one of the new.
 */
#ifndef THREADED
#define THREADED
#endif
#include "route-service/zk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>
#include <zookeeper/zookeeper.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"

#define REOPEN_MS  1000
#define CALL_MIN   500
#define RESOLVE_MS 10000 /* addresses are looked up at most this often */

enum state {
    DOWN,    /* until the client is connected */
    UP,      /* until the connection breaks */
    EXPIRED, /* until zk_tend() makes a new session */
};

struct watch {
    struct zk *zk;
    char *path;
    bool children;
    zk_data_fn fn;
    void *arg;
    bool busy, set; /* being set; set */
    struct watch *next;
};

struct zk {
    char *connect, *auth;
    bool creator_only;
    int session_ms;
    void (*wake)(void *arg);
    void *arg;
    atomic_int state;
    atomic_bool silent; /* a call got no answer in time, nor any since */
    atomic_bool denied; /* the server took offence at `auth` */
    atomic_int_fast64_t down_ms; /* since when; monotonic */
    atomic_int_fast64_t sessions;
    pthread_mutex_t lock;
    pthread_cond_t change;
    zhandle_t *zh; /* NULL: none */
    int64_t opened_ms;
    bool probing;
    int64_t hushed_ms; /* until then no watch is set; monotonic */
    struct watch *watches;
};

struct call {
    struct zk *zk;
    int refs;
    bool done;
    int rc;
    struct zk_data data;
    struct strlist names;
    zoo_op_result_t *results;
};

/* ---- errors -------------------------------------------------------------- */

static int
down(const struct zk *zk, struct err *err)
{
    const int64_t ms = clock_mono_ms() - atomic_load(&zk->down_ms);
    return err_set(
        err, ERR_UNAVAILABLE, "no connection with ZooKeeper (%s) for %lld s%s",
        zk->connect, (long long)(ms / 1000),
        atomic_load(&zk->denied) ? ": it refuses zookeeper.auth" : "");
}

int
zk_up(const struct zk *zk, struct err *err)
{
    if (atomic_load(&zk->state) != UP)
        return down(zk, err);
    if (atomic_load(&zk->silent))
        return err_set(err, ERR_UNAVAILABLE,
                       "ZooKeeper (%s) is connected, but does not answer",
                       zk->connect);
    return 0;
}

static int
code_of(int rc)
{
    switch (rc) {
    case ZOK:
        return 0;
    case ZNONODE:
        return ERR_NOTFOUND;
    case ZBADVERSION:
    case ZNODEEXISTS:
    case ZNOTEMPTY:
        return ERR_CONFLICT;
    case ZNOAUTH:
    case ZAUTHFAILED:
        return ERR_DENIED;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZCLOSING:
        return ERR_TIMEOUT;
    default:
        return ERR_IO;
    }
}

static int
fail(const struct zk *zk, int rc, const char *path, struct err *err)
{
    const int code = code_of(rc);
    if (code == ERR_DENIED)
        return err_set(err, code,
                       "ZooKeeper (%s) denies access to %s: give the "
                       "zookeeper.auth with which it was made",
                       zk->connect, path);
    return err_set(err, code, "ZooKeeper (%s), %s: %s", zk->connect, path,
                   zerror(rc));
}

/* ---- calls --------------------------------------------------------------- */

void
zk_data_fini(struct zk_data *d)
{
    free(d->bytes);
    *d = (struct zk_data){0};
}

static struct call *
call_new(struct zk *zk)
{
    struct call *c = xcalloc(1, sizeof(*c));
    c->zk = zk;
    c->refs = 1;
    return c;
}

/* Under lock. */
static void
call_unref(struct call *c)
{
    if (--c->refs > 0)
        return;
    zk_data_fini(&c->data);
    strlist_fini(&c->names);
    free(c->results);
    free(c);
}

static bool
is_answer(int rc)
{
    return code_of(rc) != ERR_TIMEOUT;
}

static void
call_done(struct call *c, int rc)
{
    struct zk *zk = c->zk;
    bool heard = false;
    must(pthread_mutex_lock(&zk->lock));
    c->rc = rc;
    c->done = true;
    if (is_answer(rc))
        heard = atomic_exchange(&zk->silent, false);
    must(pthread_cond_broadcast(&zk->change));
    call_unref(c);
    must(pthread_mutex_unlock(&zk->lock));
    if (heard)
        zk->wake(zk->arg);
}

static struct zk_data
data_of(const char *value, int len, const struct Stat *stat)
{
    const size_t n = value && len > 0 ? (size_t)len : 0;
    struct zk_data d = {.bytes = xmalloc(n + 1),
                        .len = n,
                        .version = stat->version,
                        .changed_ms = stat->mtime,
                        .session = stat->ephemeralOwner};
    if (n > 0)
        memcpy(d.bytes, value, n);
    d.bytes[n] = '\0';
    return d;
}

static void
on_data(int rc, const char *value, int len, const struct Stat *stat,
        const void *arg)
{
    struct call *c = (struct call *)(uintptr_t)arg;
    if (rc == ZOK)
        c->data = data_of(value, len, stat);
    call_done(c, rc);
}

static void
on_names(int rc, const struct String_vector *names, const void *arg)
{
    struct call *c = (struct call *)(uintptr_t)arg;
    for (int32_t i = 0; rc == ZOK && i < names->count; i++)
        must(strlist_add(&c->names, names->data[i]));
    call_done(c, rc);
}

static void
on_void(int rc, const void *arg)
{
    call_done((struct call *)(uintptr_t)arg, rc);
}

static struct timespec
deadline_in(int64_t ms)
{
    const int64_t at = clock_mono_us() + ms * 1000;
    return (struct timespec){.tv_sec = at / 1000000,
                             .tv_nsec = at % 1000000 * 1000};
}

/* Under lock.  What the call came to, of ZOO_ERRORS. */
static int
call_wait(struct call *c, const struct timespec *deadline)
{
    struct zk *zk = c->zk;
    int rc = 0;
    while (!c->done && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&zk->change, &zk->lock, deadline);
    if (c->done)
        return c->rc;
    atomic_store(&zk->silent, true);
    return ZOPERATIONTIMEOUT;
}

static int64_t
call_ms(const struct zk *zk)
{
    const int64_t ms = zk->session_ms / 2;
    return ms < CALL_MIN ? CALL_MIN : ms;
}

/* Under lock. */
static bool
usable(const struct zk *zk)
{
    return zk->zh && atomic_load(&zk->state) == UP;
}

/* Under lock.  `rc`: of the client's function that queued it. */
static int
queued(struct call *c, int rc)
{
    if (rc == ZOK)
        c->refs++;
    return rc;
}

static void
on_synced(int rc, const char *path, const void *arg)
{
    (void)rc; /* of a connection that is lost the read behind it tells too */
    (void)path;
    (void)arg;
}

static int
get_many(struct zk *zk, char *const *paths, size_t n, bool synced,
         struct zk_data *out, struct err *err)
{
    struct call **calls = xcalloc(n + 1, sizeof(struct call *));
    size_t asked = 0;
    int rc = 0;
    memset(out, 0, n * sizeof(*out));
    must(pthread_mutex_lock(&zk->lock));
    const bool up = usable(zk);
    if (up && synced)
        rc = zoo_async(zk->zh, paths[0], on_synced, NULL);
    for (size_t i = 0; up && rc == ZOK && i < n; i++, asked++) {
        calls[i] = call_new(zk);
        rc = queued(calls[i], zoo_aget(zk->zh, paths[i], 0, on_data, calls[i]));
    }
    const struct timespec by = deadline_in(call_ms(zk));
    size_t bad = asked > 0 ? asked - 1 : 0;
    for (size_t i = 0; i < asked; i++) {
        if (rc == ZOK && (rc = call_wait(calls[i], &by)) != ZOK)
            bad = i;
        if (rc == ZOK) {
            out[i] = calls[i]->data;
            calls[i]->data = (struct zk_data){0};
        }
        call_unref(calls[i]);
    }
    must(pthread_mutex_unlock(&zk->lock));
    free(calls);
    if (up && rc == ZOK)
        return 0;
    for (size_t i = 0; i < n; i++)
        zk_data_fini(&out[i]);
    return up ? fail(zk, rc, paths[bad], err) : down(zk, err);
}

int
zk_get_many(struct zk *zk, char *const *paths, size_t n, struct zk_data *out,
            struct err *err)
{
    return get_many(zk, paths, n, false, out, err);
}

static int
get_one(struct zk *zk, const char *path, bool synced, struct zk_data *out,
        struct err *err)
{
    char *paths[] = {xstrdup(path)};
    const int rc = get_many(zk, paths, 1, synced, out, err);
    free(paths[0]);
    return rc;
}

int
zk_get(struct zk *zk, const char *path, struct zk_data *out, struct err *err)
{
    return get_one(zk, path, false, out, err);
}

int
zk_get_newest(struct zk *zk, const char *path, struct zk_data *out,
              struct err *err)
{
    return get_one(zk, path, true, out, err);
}

int
zk_children(struct zk *zk, const char *path, struct strlist *out,
            struct err *err)
{
    struct call *c = call_new(zk);
    must(pthread_mutex_lock(&zk->lock));
    const bool up = usable(zk);
    int rc = ZOK;
    if (up)
        rc = queued(c, zoo_aget_children(zk->zh, path, 0, on_names, c));
    const struct timespec by = deadline_in(call_ms(zk));
    if (up && rc == ZOK)
        rc = call_wait(c, &by);
    if (up && rc == ZOK) {
        *out = c->names;
        c->names = (struct strlist){0};
    }
    call_unref(c);
    must(pthread_mutex_unlock(&zk->lock));
    if (!up)
        return down(zk, err);
    return rc == ZOK ? 0 : fail(zk, rc, path, err);
}

static zoo_op_t
op_of(const struct zk *zk, const struct zk_op *op)
{
    zoo_op_t o;
    const struct ACL_vector *acl =
        zk->creator_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
    switch (op->kind) {
    case ZK_CREATE:
    case ZK_EPHEMERAL:
        zoo_create_op_init(
            &o, op->path, op->data, (int)op->len, acl,
            op->kind == ZK_CREATE ? ZOO_PERSISTENT : ZOO_EPHEMERAL, NULL, 0);
        break;
    case ZK_SET:
        zoo_set_op_init(&o, op->path, op->data, (int)op->len, op->version,
                        NULL);
        break;
    case ZK_DELETE:
    default:
        zoo_delete_op_init(&o, op->path, op->version);
        break;
    }
    return o;
}

int
zk_write(struct zk *zk, const struct zk_op *ops, size_t n, struct err *err)
{
    zoo_op_t *v = xcalloc(n + 1, sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = op_of(zk, &ops[i]);
    struct call *c = call_new(zk);
    c->results = xcalloc(n + 1, sizeof(*c->results));
    must(pthread_mutex_lock(&zk->lock));
    const bool up = usable(zk);
    int rc = ZOK;
    if (up)
        rc = queued(c, zoo_amulti(zk->zh, (int)n, v, c->results, on_void, c));
    const struct timespec by = deadline_in(call_ms(zk));
    if (up && rc == ZOK)
        rc = call_wait(c, &by);
    call_unref(c);
    must(pthread_mutex_unlock(&zk->lock));
    free(v);
    if (!up)
        return down(zk, err);
    return rc == ZOK ? 0 : fail(zk, rc, ops[0].path, err);
}

int64_t
zk_session_id(struct zk *zk)
{
    must(pthread_mutex_lock(&zk->lock));
    const int64_t id = zk->zh ? zoo_client_id(zk->zh)->client_id : 0;
    must(pthread_mutex_unlock(&zk->lock));
    return id;
}

/* ---- watches ------------------------------------------------------------- */

static void arm(struct watch *w);

static void
on_changed(zhandle_t *zh, int type, int state, const char *path, void *arg)
{
    struct watch *w = arg;
    (void)zh;
    (void)state;
    (void)path;
    if (type == ZOO_SESSION_EVENT) /* of no concern: it stays set */
        return;
    must(pthread_mutex_lock(&w->zk->lock));
    w->set = false;
    arm(w);
    must(pthread_mutex_unlock(&w->zk->lock));
}

static void
watch_answered(struct watch *w, int rc)
{
    must(pthread_mutex_lock(&w->zk->lock));
    w->busy = false;
    w->set = rc == ZOK;
    must(pthread_mutex_unlock(&w->zk->lock));
}

static void
on_watched_data(int rc, const char *value, int len, const struct Stat *stat,
                const void *arg)
{
    struct watch *w = (struct watch *)(uintptr_t)arg;
    watch_answered(w, rc);
    if (rc != ZOK && rc != ZNONODE)
        return;
    struct zk_data d = {0};
    if (rc == ZOK)
        d = data_of(value, len, stat);
    w->fn(rc == ZOK ? &d : NULL, w->arg);
    zk_data_fini(&d);
    w->zk->wake(w->zk->arg);
}

static void
on_watched_names(int rc, const struct String_vector *names, const void *arg)
{
    struct watch *w = (struct watch *)(uintptr_t)arg;
    (void)names;
    watch_answered(w, rc);
    if (rc != ZOK && rc != ZNONODE)
        return;
    w->fn(NULL, w->arg);
    w->zk->wake(w->zk->arg);
}

/* Under lock. */
static void
arm(struct watch *w)
{
    struct zk *zk = w->zk;
    if (w->busy || w->set || !usable(zk) || clock_mono_ms() < zk->hushed_ms)
        return; /* zk_tend() comes back to it */
    const int rc = w->children ? zoo_awget_children(zk->zh, w->path, on_changed,
                                                    w, on_watched_names, w)
                               : zoo_awget(zk->zh, w->path, on_changed, w,
                                           on_watched_data, w);
    w->busy = rc == ZOK; /* else zk_tend() tries again */
}

void
zk_hush(struct zk *zk, int64_t ms)
{
    must(pthread_mutex_lock(&zk->lock));
    zk->hushed_ms = clock_mono_ms() + ms;
    must(pthread_mutex_unlock(&zk->lock));
}

bool
zk_watching(struct zk *zk)
{
    bool all = true;
    must(pthread_mutex_lock(&zk->lock));
    for (const struct watch *w = zk->watches; w; w = w->next)
        all = all && (w->set || w->busy);
    must(pthread_mutex_unlock(&zk->lock));
    return all;
}

static void
watch_new(struct zk *zk, const char *path, bool children, zk_data_fn fn,
          void *arg)
{
    struct watch *w = xcalloc(1, sizeof(*w));
    *w = (struct watch){.zk = zk,
                        .path = xstrdup(path),
                        .children = children,
                        .fn = fn,
                        .arg = arg};
    must(pthread_mutex_lock(&zk->lock));
    LL_PREPEND(zk->watches, w);
    arm(w);
    must(pthread_mutex_unlock(&zk->lock));
}

void
zk_watch(struct zk *zk, const char *path, zk_data_fn fn, void *arg)
{
    watch_new(zk, path, false, fn, arg);
}

void
zk_watch_children(struct zk *zk, const char *path, zk_data_fn fn, void *arg)
{
    watch_new(zk, path, true, fn, arg);
}

/* ---- session ------------------------------------------------------------- */

/* The client's own lines, of which every failed attempt makes some. */
static void
on_log(const char *message)
{
    log_debug("%s", message);
}

/* Under lock. */
static void
set_state(struct zk *zk, enum state to)
{
    if (atomic_load(&zk->state) == UP && to != UP)
        atomic_store(&zk->down_ms, clock_mono_ms());
    atomic_store(&zk->state, (int)to);
    if (to != UP)
        atomic_store(&zk->silent, false);
    must(pthread_cond_broadcast(&zk->change));
}

static void
tell_state(const struct zk *zk, enum state from, enum state to)
{
    if (from == to)
        return;
    if (to == UP)
        log_info("connected with ZooKeeper (%s)", zk->connect);
    else if (to == EXPIRED)
        log_warn("the session with ZooKeeper (%s) has ended", zk->connect);
    else
        log_warn("the connection with ZooKeeper (%s) is lost", zk->connect);
}

static enum state
state_after(int event)
{
    if (event == ZOO_CONNECTED_STATE)
        return UP;
    if (event == ZOO_EXPIRED_SESSION_STATE || event == ZOO_AUTH_FAILED_STATE)
        return EXPIRED;
    return DOWN;
}

static void
on_session(zhandle_t *zh, int type, int event, const char *path, void *arg)
{
    struct zk *zk = arg;
    (void)zh;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    const enum state to = state_after(event);
    if (event == ZOO_AUTH_FAILED_STATE || to == UP)
        atomic_store(&zk->denied, to != UP);
    must(pthread_mutex_lock(&zk->lock));
    const enum state from = (enum state)atomic_load(&zk->state);
    set_state(zk, to);
    struct watch *w;
    LL_FOREACH(zk->watches, w)
    arm(w);
    must(pthread_mutex_unlock(&zk->lock));
    tell_state(zk, from, to);
    zk->wake(zk->arg);
}

static void
on_auth(int rc, const void *arg)
{
    (void)rc; /* a refusal comes as a state too */
    (void)arg;
}

/* Under lock. */
static void
open_session(struct zk *zk)
{
    zk->opened_ms = clock_mono_ms();
    set_state(zk, DOWN);
    zk->zh = zookeeper_init2(zk->connect, on_session, zk->session_ms, NULL, zk,
                             ZOO_NO_LOG_CLIENTENV, on_log);
    if (!zk->zh) { /* zk_tend() tries again */
        log_warn("cannot begin a session with ZooKeeper (%s): %s", zk->connect,
                 strerror(errno));
        return;
    }
    (void)zoo_set_servers_resolution_delay(zk->zh, RESOLVE_MS);
    if (zk->auth && zoo_add_auth(zk->zh, "digest", zk->auth,
                                 (int)strlen(zk->auth), on_auth, NULL) != ZOK)
        log_error("ZooKeeper's client does not take zookeeper.auth");
    atomic_fetch_add(&zk->sessions, 1);
}

/* Under lock. */
static bool
needs_session(const struct zk *zk)
{
    return (!zk->zh || atomic_load(&zk->state) == EXPIRED) &&
           clock_mono_ms() - zk->opened_ms >= REOPEN_MS;
}

static void
reopen(struct zk *zk)
{
    must(pthread_mutex_lock(&zk->lock));
    zhandle_t *old = zk->zh;
    zk->zh = NULL;
    must(pthread_mutex_unlock(&zk->lock));
    if (old)
        (void)zookeeper_close(old); /* gone either way */
    must(pthread_mutex_lock(&zk->lock));
    struct watch *w;
    LL_FOREACH(zk->watches, w)
    w->busy = w->set = false;
    zk->probing = false;
    open_session(zk);
    must(pthread_mutex_unlock(&zk->lock));
}

static void
on_probe(int rc, const struct Stat *stat, const void *arg)
{
    struct zk *zk = (struct zk *)(uintptr_t)arg;
    (void)stat;
    must(pthread_mutex_lock(&zk->lock));
    zk->probing = false;
    const bool heard = is_answer(rc) && atomic_exchange(&zk->silent, false);
    must(pthread_mutex_unlock(&zk->lock));
    if (heard)
        zk->wake(zk->arg);
}

void
zk_tend(struct zk *zk)
{
    must(pthread_mutex_lock(&zk->lock));
    const bool anew = needs_session(zk);
    struct watch *w;
    LL_FOREACH(zk->watches, w)
    arm(w);
    if (usable(zk) && atomic_load(&zk->silent) && !zk->probing)
        zk->probing = zoo_aexists(zk->zh, "/", 0, on_probe, zk) == ZOK;
    must(pthread_mutex_unlock(&zk->lock));
    if (anew)
        reopen(zk);
}

int64_t
zk_session(const struct zk *zk)
{
    return atomic_load(&zk->sessions);
}

int
zk_wait(struct zk *zk, int64_t ms, struct err *err)
{
    const struct timespec by = deadline_in(ms);
    int rc = 0;
    must(pthread_mutex_lock(&zk->lock));
    while (atomic_load(&zk->state) != UP && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&zk->change, &zk->lock, &by);
    must(pthread_mutex_unlock(&zk->lock));
    return zk_up(zk, err);
}

static void
init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(cond, &attr));
    (void)pthread_condattr_destroy(&attr); /* nothing to be done */
}

struct zk *
zk_open(const struct zk_conf *conf)
{
    struct zk *zk = xcalloc(1, sizeof(*zk));
    zk->connect = xstrdup(conf->connect);
    zk->auth = conf->auth ? xstrdup(conf->auth) : NULL;
    zk->creator_only = conf->creator_only;
    zk->session_ms = (int)conf->session_ms;
    zk->wake = conf->wake;
    zk->arg = conf->arg;
    atomic_store(&zk->down_ms, clock_mono_ms());
    must(pthread_mutex_init(&zk->lock, NULL));
    init_cond(&zk->change);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    must(pthread_mutex_lock(&zk->lock));
    open_session(zk);
    must(pthread_mutex_unlock(&zk->lock));
    return zk;
}

void
zk_close(struct zk *zk)
{
    if (!zk)
        return;
    if (zk->zh)
        (void)zookeeper_close(zk->zh); /* gone either way */
    struct watch *w;
    struct watch *next;
    LL_FOREACH_SAFE(zk->watches, w, next)
    {
        free(w->path);
        free(w);
    }
    (void)pthread_cond_destroy(&zk->change); /* nobody is left to use them */
    (void)pthread_mutex_destroy(&zk->lock);
    if (zk->auth)
        explicit_bzero(zk->auth, strlen(zk->auth));
    free(zk->auth);
    free(zk->connect);
    free(zk);
}
