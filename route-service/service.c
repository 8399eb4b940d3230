/*
 * Owns the parts of a running server and the order in which they come and go.
 *
 * The store is read once, at the start; from then on each loop has the table
 * that is in force, and the store is behind the writer.  The writer posts
 * every new table to all loops, before it posts what became of the change.
 */
#include "route-service/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/must.h"
#include "common/base/strs.h"
#include "common/base/xmem.h"
#include "route-service/limits.h"
#include "route-service/watch.h"

/* ---- publishing ---------------------------------------------------------- */

/* A table on its way to all loops; the last one frees it. */
struct published {
    atomic_size_t refs;
    struct table *table;
    struct touched touched;
};

struct delivery {
    struct worker *w;
    struct published *p;
};

static void
published_unref(struct published *p)
{
    if (atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    table_unref(p->table);
    touched_fini(&p->touched);
    free(p);
}

static void
on_delivery(void *arg)
{
    struct delivery *d = arg;
    watches_publish(d->w->watches, d->p->table, &d->p->touched);
    published_unref(d->p);
    free(d);
}

/* Writer thread. */
static void
post_table(struct table *t, const struct touched *touched, void *arg)
{
    struct service *s = arg;
    struct published *p = xcalloc(1, sizeof(*p));
    atomic_init(&p->refs, s->n_workers);
    p->table = table_ref(t);
    p->touched = touched_copy(touched);
    for (size_t i = 0; i < s->n_workers; i++) {
        struct delivery *d = xcalloc(1, sizeof(*d));
        *d = (struct delivery){&s->workers[i], p};
        must(loop_post(d->w->loop, on_delivery, d));
    }
}

/* ---- opening ------------------------------------------------------------- */

static int
open_workers(struct service *s, struct err *err)
{
    const size_t n = (size_t)s->conf.loops;
    s->workers = xcalloc(n, sizeof(*s->workers));
    for (; s->n_workers < n; s->n_workers++) {
        struct worker *w = &s->workers[s->n_workers];
        struct loop *loop = s->n_workers == 0 ? s->loop : NULL;
        const int rc = worker_open(w, s, s->n_workers, loop, err);
        if (rc) {
            worker_close(w);
            return rc;
        }
    }
    return 0;
}

/* Loops share an address, and so would another shunt-route: is it free? */
static int
check_free(struct service *s, struct err *err)
{
    static const struct http_route none[] = {{0}};
    struct http_server *server;
    int rc =
        http_server_new(s->loop, &s->conf.limits, none, NULL, &server, err);
    if (rc)
        return rc;
    rc = http_server_listen(server, s->conf.listen, false, err);
    http_server_free(server);
    return rc;
}

/* The first takes the address as it is given, the others what came of it. */
static int
listen_all(struct service *s, struct err *err)
{
    const char *addr = s->conf.listen;
    const bool shared = s->n_workers > 1;
    int rc = shared ? check_free(s, err) : 0;
    if (rc)
        return rc;
    for (size_t i = 0; i < s->n_workers; i++) {
        struct http_server *server = s->workers[i].server;
        if ((rc = http_server_listen(server, addr, shared, err)))
            return rc;
        addr = service_url(s) + strlen("http://");
    }
    return 0;
}

static void
name_it(struct service *s)
{
    char host[128] = "";
    (void)gethostname(host, sizeof(host) - 1);
    const char *url = s->conf.advertise_url;
    s->url = xstrdup(url && *url ? url : service_url(s));
    s->id = s->conf.server_id && *s->conf.server_id
                ? xstrdup(s->conf.server_id)
                : xasprintf("%s:%s", host, strrchr(service_url(s), ':') + 1);
}

/* What the others of a group, and shuntctl, are told. */
static int
check_url(const struct service *s, struct err *err)
{
    const char *host = strstr(s->url, "://");
    if (!str_starts_with(s->url, "http://") &&
        !str_starts_with(s->url, "https://"))
        return err_field(err, ERR_INVALID, "advertise.url", s->url,
                         "option advertise.url: \"%.100s\" is no http:// or "
                         "https:// address",
                         s->url);
    if (!s->conf.ensemble.connect || (!str_starts_with(host, "://0.0.0.0:") &&
                                      !str_starts_with(host, "://[::]:")))
        return 0;
    return err_field(err, ERR_INVALID, "advertise.url", s->url,
                     "option advertise.url: a server of a group needs one that "
                     "the others can reach, and %.100s is none: it listens on "
                     "all addresses",
                     s->url);
}

static int
start_all(struct service *s, struct err *err)
{
    struct ensemble_conf ensemble = s->conf.ensemble;
    ensemble.server_id = s->id;
    ensemble.url = s->url;
    const struct committer_conf to = {
        .store = s->store,
        .history = s->history,
        .head = s->loaded,
        .ensemble = ensemble.connect ? &ensemble : NULL,
        .keep_revisions = s->conf.keep_revisions,
        .keep_ms = s->conf.keep_ms,
        .publish = post_table,
        .arg = s,
    };
    int rc = to.ensemble ? store_trust_group(s->store, err) : 0;
    if (rc || (rc = offload_start(LIMIT_OFFLOAD, &s->offload, err)) ||
        (rc = committer_start(&to, &s->committer, err)))
        return rc;
    for (size_t i = 1; i < s->n_workers; i++)
        if ((rc = worker_start(&s->workers[i], err)))
            return rc;
    return 0;
}

static int
open_parts(struct service *s, struct err *err)
{
    int rc;
    if ((rc = store_open(s->conf.data_dir, &s->store, err)) ||
        (rc = history_load(s->store, &s->loaded, err)) ||
        (rc = http_gate_new(&s->conf.limits, &s->gate, err)) ||
        (rc = open_workers(s, err)) || (rc = listen_all(s, err)))
        return rc;
    s->history = history_new(s->store);
    name_it(s);
    rc = check_url(s, err);
    return rc ? rc : start_all(s, err);
}

int
service_open(struct service *s, struct loop *loop,
             const struct service_conf *conf, struct err *err)
{
    *s = (struct service){.conf = *conf, .loop = loop};
    admission_init(&s->admission, conf->watch_rate);
    atomic_init(&s->stamps, 1);
    const int rc = open_parts(s, err);
    table_unref(s->loaded); /* the workers have it */
    s->loaded = NULL;
    if (rc)
        service_close(s);
    return rc;
}

const char *
service_url(const struct service *s)
{
    return http_server_url(s->workers[0].server);
}

/* ---- end ----------------------------------------------------------------- */

static void
on_end(void *arg)
{
    worker_end(arg);
}

void
service_stop(struct service *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    committer_stop(s->committer);
    for (size_t i = 0; i < s->n_workers; i++)
        must(loop_post(s->workers[i].loop, on_end, &s->workers[i]));
}

static void
on_ended(void *arg)
{
    struct service *s = arg;
    if (++s->n_ended == s->n_workers)
        loop_stop(s->loop);
}

void
service_worker_ended(struct service *s)
{
    must(loop_post(s->loop, on_ended, s));
}

/* What the loops still owe each other. */
static void
drain(struct service *s)
{
    bool more;
    do {
        more = loop_drain(s->loop);
        for (size_t i = 1; i < s->n_workers; i++)
            more |= loop_drain(s->workers[i].loop);
    } while (more);
}

void
service_close(struct service *s)
{
    if (s->committer)
        committer_stop(s->committer);
    offload_stop(s->offload);
    for (size_t i = 0; i < s->n_workers; i++)
        worker_join(&s->workers[i]);
    drain(s);
    for (size_t i = 0; i < s->n_workers; i++)
        worker_close(&s->workers[i]);
    committer_free(s->committer);
    offload_free(s->offload);
    http_gate_free(s->gate);
    history_free(s->history);
    store_close(s->store);
    table_unref(s->loaded);
    free(s->workers);
    free(s->id);
    free(s->url);
    *s = (struct service){0};
}
