/*
 * Life of following, and its status.  What each kind of topic means stands in
 * follow_*.c; threads in follow_impl.h.
 *
 * Locks: a flow's `lock` and the one of struct follow are never held together,
 * and over no call of the store or of librdkafka.
 */
#include "offset-mapper/follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "offset-mapper/follow_impl.h"

#define LINES_PER_SECOND 10
#define HEARTBEATS       "heartbeats"

/* ---- what the parts share ---------------------------------------------- */

static void
on_loop(void *arg)
{
    struct follow *f = arg;
    atomic_store(&f->posted, false);
    f->fn(f->arg);
}

void
follow_changed(struct follow *f)
{
    if (f->loop && !atomic_exchange(&f->posted, true))
        must(loop_post(f->loop, on_loop, f));
}

void
follow_on_change(struct follow *f, struct loop *loop, void (*fn)(void *arg),
                 void *arg)
{
    f->loop = loop;
    f->fn = fn;
    f->arg = arg;
}

int
taking_begin(struct taking *t, struct store *store,
             const struct store_progress *p, struct err *err)
{
    if (t->batch)
        return 0;
    t->before = *p;
    return store_batch_begin(store, &t->batch, err);
}

void
taking_abort(struct taking *t, struct store_progress *p)
{
    store_batch_abort(t->batch);
    t->batch = NULL;
    *p = t->before;
}

int
taking_keep(struct taking *t, const struct flow *flow, const char *source,
            struct store_progress *p, struct err *err)
{
    struct store_batch *batch = t->batch;
    t->batch = NULL;
    const int rc = store_batch_commit_take(batch, flow->name, source, p, err);
    if (rc)
        *p = t->before;
    return rc;
}

void
follow_say(struct quota *q, bool bad, const char *fmt, ...)
{
    const int64_t second = clock_mono_ms() / 1000;
    if (q->second != second) {
        if (q->withheld > 0)
            log_warn("... and %lld lines like these", (long long)q->withheld);
        *q = (struct quota){.second = second};
    }
    if (q->said == LINES_PER_SECOND) {
        q->withheld++;
        return;
    }
    q->said++;
    struct err line;
    va_list ap;
    va_start(ap, fmt);
    (void)err_vset(&line, 0, fmt, ap); /* returns its code */
    va_end(ap);
    log_at(bad ? LOG_WARN : LOG_INFO, "%s", line.text);
}

void
follow_topic_news(struct follow_topic *t, enum feed_news what, const char *text)
{
    (void)snprintf(t->error, sizeof(t->error), "%s",
                   what == FEED_READING ? "" : text);
}

bool
follow_rest(struct follow *f, int64_t wait_ms)
{
    const int64_t until_ms = clock_mono_ms() + wait_ms;
    const struct timespec until = {.tv_sec = until_ms / 1000,
                                   .tv_nsec = until_ms % 1000 * 1000000};
    (void)pthread_mutex_lock(&f->lock); /* cannot fail: never recursive */
    while (!f->stopping && clock_mono_ms() < until_ms)
        (void)pthread_cond_timedwait(&f->stop, &f->lock, &until);
    const bool stopping = f->stopping;
    (void)pthread_mutex_unlock(&f->lock);
    return stopping;
}

/* ---- status ------------------------------------------------------------ */

static int
percent_of(const struct follow_status *st)
{
    if (st->ready)
        return 100;
    if (st->syncs.end <= 0 || st->syncs.position >= st->syncs.end)
        return 0;
    return (int)(st->syncs.position * 100 / st->syncs.end);
}

void
follow_status(struct follow *f, const struct flow *flow,
              struct follow_status *out)
{
    struct flow_follow *ff = &f->flows[flow - f->config->flows];
    (void)pthread_mutex_lock(&ff->lock);
    *out = ff->status;
    const struct beats_signs signs = ff->signs;
    (void)pthread_mutex_unlock(&ff->lock);
    out->percent = percent_of(out);
    out->alive = beats_judge(&signs, clock_mono_ms(), f->options.dead_after_ms);
}

bool
follow_unread(struct follow *f, const struct flow *flow)
{
    struct flow_follow *ff = &f->flows[flow - f->config->flows];
    (void)pthread_mutex_lock(&ff->lock);
    const bool read = ff->status.ready || ff->status.progress.complete;
    (void)pthread_mutex_unlock(&ff->lock);
    return !read;
}

/* ---- making ------------------------------------------------------------ */

static struct cluster_follow *
cluster_of(struct follow *f, const char *name)
{
    const struct pt_cluster *c = config_cluster(f->config, name);
    return &f->clusters[c - f->config->clusters];
}

/* The cluster's feed, made when it is wanted first. */
static int
feed_of(struct follow *f, const char *cluster, struct feed **out,
        struct err *err)
{
    struct cluster_follow *c = cluster_of(f, cluster);
    int rc = c->feed ? 0
                     : feed_new(c->cluster, f->options.fetch_wait_max_ms,
                                &c->feed, err);
    *out = c->feed;
    return rc;
}

static int
name_topics(struct flow_follow *f, struct err *err)
{
    char name[256];
    const struct flow *flow = f->flow;
    f->syncs_source = xasprintf("%s@%s", flow->topic, flow->cluster->name);
    f->checkpoints_source =
        xasprintf("%s@%s", flow->checkpoints, flow->def.target);
    if (naming_remote(&flow->naming, flow->def.source, HEARTBEATS, name,
                      sizeof(name)))
        return err_set(err, ERR_LIMIT,
                       "flow %s: the name of its heartbeats topic is too long",
                       flow->name);
    f->copied = xstrdup(name);
    return 0;
}

static int
load(struct flow_follow *f, struct err *err)
{
    struct store *store = f->home->store;
    int rc = store_progress_load(store, f->flow->name, f->syncs_source,
                                 &f->progress, err);
    if (rc == 0)
        rc = store_progress_load(store, f->flow->name, f->checkpoints_source,
                                 &f->checkpoints_progress, err);
    f->status.progress = f->progress;
    f->status.syncs.position = f->progress.position;
    f->status.checkpoints.position = f->checkpoints_progress.position;
    f->status.checkpoints_kept = f->checkpoints_progress.syncs;
    f->status.syncs.end = f->status.checkpoints.end = -1;
    f->status.heartbeats.end = f->status.latency_ms = -1;
    return rc;
}

static int
add_topics(struct flow_follow *f, struct err *err)
{
    struct feed *syncs, *target;
    const struct flow *flow = f->flow;
    int rc = feed_of(f->home, flow->cluster->name, &syncs, err);
    if (rc == 0)
        rc = feed_of(f->home, flow->def.target, &target, err);
    if (rc == 0)
        rc = feed_add(syncs, flow->topic, &follow_syncs, f, err);
    if (rc == 0)
        rc =
            feed_add(target, f->flow->checkpoints, &follow_checkpoints, f, err);
    return rc ? rc : feed_add(target, f->copied, &follow_copied, f, err);
}

static int
make_flow(struct follow *f, size_t i, struct err *err)
{
    struct flow_follow *ff = &f->flows[i];
    ff->home = f;
    ff->flow = &f->config->flows[i];
    (void)pthread_mutex_init(&ff->lock, NULL); /* cannot fail: defaults */
    int rc = name_topics(ff, err);
    if (rc == 0)
        rc = load(ff, err);
    return rc ? rc : add_topics(ff, err);
}

static bool
is_target(const struct config *c, const char *cluster)
{
    for (size_t i = 0; i < c->n_flows; i++)
        if (strcmp(c->flows[i].def.target, cluster) == 0)
            return true;
    return false;
}

static int
make_clusters(struct follow *f, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < f->config->n_clusters && rc == 0; i++) {
        struct cluster_follow *c = &f->clusters[i];
        if (is_target(f->config, c->cluster->name))
            rc = feed_add(c->feed, HEARTBEATS, &follow_heartbeats, c, err);
    }
    return rc;
}

static void
init(struct follow *f, const struct config *config)
{
    pthread_condattr_t attr;
    f->flows = xcalloc(config->n_flows + 1, sizeof(*f->flows));
    f->clusters = xcalloc(config->n_clusters + 1, sizeof(*f->clusters));
    for (size_t i = 0; i < config->n_clusters; i++)
        f->clusters[i] =
            (struct cluster_follow){.home = f, .cluster = &config->clusters[i]};
    (void)pthread_mutex_init(&f->lock, NULL); /* cannot fail: defaults */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->stop, &attr);
    (void)pthread_condattr_destroy(&attr);
}

int
follow_new(const struct config *config, struct store *store, struct logs *logs,
           const struct follow_options *o, struct follow **out, struct err *err)
{
    *out = NULL;
    struct follow *f = xcalloc(1, sizeof(*f));
    f->config = config;
    f->store = store;
    f->logs = logs;
    f->options = *o;
    init(f, config);
    int rc = 0;
    for (size_t i = 0; i < config->n_flows && rc == 0; i++)
        rc = make_flow(f, i, err);
    if (rc == 0)
        rc = make_clusters(f, err);
    if (rc) {
        follow_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

/* ---- life -------------------------------------------------------------- */

int
follow_start(struct follow *f, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < f->config->n_clusters && rc == 0; i++)
        if (f->clusters[i].feed)
            rc = feed_start(f->clusters[i].feed, err);
    if (rc || f->options.watch_ms == 0)
        return rc;
    if (pthread_create(&f->overseer, NULL, oversee, f) != 0)
        return err_set(err, ERR_NOMEM, "cannot start a thread");
    f->overseen = true;
    return 0;
}

void
follow_stop(struct follow *f)
{
    if (!f)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stopping = true;
    (void)pthread_cond_signal(&f->stop);
    (void)pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->config->n_clusters; i++)
        if (f->clusters[i].feed)
            feed_ask_to_stop(f->clusters[i].feed);
    for (size_t i = 0; i < f->config->n_clusters; i++) {
        feed_free(f->clusters[i].feed);
        f->clusters[i].feed = NULL;
    }
    if (f->overseen)
        (void)pthread_join(f->overseer, NULL); /* own thread, joined once */
    f->overseen = false;
}

static void
free_flow(struct flow_follow *f)
{
    struct verdict *v, *next;
    for (v = f->verdicts; v; v = next) {
        next = v->next;
        free(v->topic);
        free(v);
    }
    oversee_forget(f);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->syncs_source);
    free(f->checkpoints_source);
    free(f->copied);
}

void
follow_free(struct follow *f)
{
    if (!f)
        return;
    follow_stop(f);
    for (size_t i = 0; i < f->config->n_flows; i++)
        free_flow(&f->flows[i]);
    (void)pthread_cond_destroy(&f->stop);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->flows);
    free(f->clusters);
    free(f);
}
