/*
 * Threads: `lock` guards the list; a thread of ZooKeeper's client sets `look`;
 * all else is the writer thread's.
 */
#include "route-service/members.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"

struct members {
    struct zk *zk;
    char *folder, *id, *url;
    int64_t announced; /* session */
    atomic_bool look;  /* somebody has come or gone */
    bool watching;
    pthread_mutex_t lock;
    struct props list;
};

/* What is between :// and the next slash. */
static char *
host_of(const char *url)
{
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    return xasprintf("%.*s", (int)strcspn(from, "/"), from);
}

struct members *
members_new(struct zk *zk, const char *root, const char *id, const char *url)
{
    struct members *m = xcalloc(1, sizeof(*m));
    must(pthread_mutex_init(&m->lock, NULL));
    m->zk = zk;
    m->folder = xasprintf("%s/servers", root);
    if (url) {
        m->url = xstrdup(url);
        m->id = id ? xstrdup(id) : host_of(url);
    }
    return m;
}

void
members_free(struct members *m)
{
    if (!m)
        return;
    props_fini(&m->list);
    (void)pthread_mutex_destroy(&m->lock); /* nobody is left to use it */
    free(m->folder);
    free(m->id);
    free(m->url);
    free(m);
}

/* ---- saying who this is -------------------------------------------------- */

static char *
announcement(const struct members *m)
{
    struct json_t *j = js_object();
    must(js_put_str(j, "url", m->url));
    char *text = must_have(js_dump(j));
    js_free(j);
    return text;
}

/* A znode of this name is there: of an earlier run, most of the time. */
static int
take_over(struct members *m, const char *path, const char *text,
          struct err *err)
{
    struct zk_data d;
    int rc = zk_get(m->zk, path, &d, err);
    if (rc)
        return rc;
    const bool own = d.session == zk_session_id(m->zk);
    zk_data_fini(&d);
    if (own)
        return 0;
    log_info("server.id %s was in use: by an earlier run of this server, or "
             "by another one that needs its own server.id",
             m->id);
    const struct zk_op ops[] = {
        {ZK_DELETE, path, NULL, 0, -1},
        {ZK_EPHEMERAL, path, text, strlen(text), 0},
    };
    return zk_write(m->zk, ops, 2, err);
}

static void
announce(struct members *m)
{
    const int64_t session = zk_session(m->zk);
    if (!m->url || m->announced == session)
        return;
    char *path = xasprintf("%s/%s", m->folder, m->id);
    char *text = announcement(m);
    struct err err;
    const struct zk_op op = {ZK_EPHEMERAL, path, text, strlen(text), 0};
    int rc = zk_write(m->zk, &op, 1, &err);
    if (rc == ERR_CONFLICT)
        rc = take_over(m, path, text, &err);
    if (rc == 0)
        m->announced = session;
    else /* the next turn tries again */
        log_warn("cannot tell the group where this server is: %s", err.text);
    free(text);
    free(path);
}

/* ---- who else is there --------------------------------------------------- */

static void
add_server(struct props *to, const char *id, const struct zk_data *d)
{
    struct json_t *j = NULL;
    const char *url = NULL;
    if (js_parse(d->bytes, d->len, &j, NULL) == 0 &&
        js_get_str(j, "", "url", JS_REQUIRED, &url, NULL) == 0)
        must(props_set(to, id, url));
    js_free(j);
}

/* One by one: some may go meanwhile. */
static int
read_servers(struct members *m, struct props *out, struct err *err)
{
    struct strlist ids = {0};
    int rc = zk_children(m->zk, m->folder, &ids, err);
    strlist_sort(&ids);
    for (size_t i = 0; i < ids.n && rc == 0; i++) {
        char *path = xasprintf("%s/%s", m->folder, ids.v[i]);
        struct zk_data d;
        rc = zk_get(m->zk, path, &d, err);
        if (rc == 0)
            add_server(out, ids.v[i], &d);
        zk_data_fini(&d);
        free(path);
        rc = rc == ERR_NOTFOUND ? 0 : rc;
    }
    strlist_fini(&ids);
    return rc;
}

static void
look_around(struct members *m)
{
    if (!atomic_exchange(&m->look, false))
        return;
    struct err err;
    struct props found = {0};
    if (read_servers(m, &found, &err)) {
        atomic_store(&m->look, true); /* the next turn tries again */
        props_fini(&found);
        return;
    }
    must(pthread_mutex_lock(&m->lock));
    props_fini(&m->list);
    m->list = found;
    must(pthread_mutex_unlock(&m->lock));
}

/* ZooKeeper's thread; it wakes the writer by itself. */
static void
on_change(const struct zk_data *d, void *arg)
{
    struct members *m = arg;
    (void)d;
    atomic_store(&m->look, true);
}

void
members_tend(struct members *m)
{
    if (!m->watching)
        zk_watch_children(m->zk, m->folder, on_change, m);
    m->watching = true;
    announce(m);
    look_around(m);
}

void
members_list(struct members *m, struct props *out)
{
    must(pthread_mutex_lock(&m->lock));
    must(props_copy(out, &m->list));
    must(pthread_mutex_unlock(&m->lock));
}
