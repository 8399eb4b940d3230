/*
 * Subscriptions by pattern.  A pattern is routed like a topic of its name: on
 * the cluster so found the topics are listed, in the background, as often as
 * topic.metadata.refresh.interval.ms says.  What matches joins the subscription
 * and is routed by its own name, so it is read where that leads.
 *
 * A topic that a list does not show any more leaves the subscription, unless it
 * is routed to another cluster than the one that was asked: on a cluster that
 * patterns have just moved to replication may not have made all topics yet.
 *
 * Below the wheel.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"

#define FAILED_MS  1000
#define TOPICS_MAX 1000 /* the route service refuses more */

static int64_t
refresh_ms(const struct engine *e)
{
    char text[32];
    size_t size = sizeof(text);
    if (rd_kafka_conf_get(e->template, "topic.metadata.refresh.interval.ms",
                          text, &size) != RD_KAFKA_CONF_OK)
        return -1;
    return atoll(text);
}

static int
read_blacklist(const struct engine *e, struct patterns *out, struct err *err)
{
    size_t size = 0;
    if (rd_kafka_conf_get(e->template, "topic.blacklist", NULL, &size) !=
        RD_KAFKA_CONF_OK)
        return 0;
    char *text = calloc(1, size + 1);
    int rc = text ? 0 : err_nomem(err);
    if (text && rd_kafka_conf_get(e->template, "topic.blacklist", text,
                                  &size) == RD_KAFKA_CONF_OK)
        rc = patterns_add_list(out, text, err);
    free(text);
    return rc;
}

/* ---- the set ------------------------------------------------------------- */

void
finders_fini(struct finders *f)
{
    for (size_t i = 0; i < f->n; i++) {
        query_free(f->v[i].query);
        free(f->v[i].cluster);
        strlist_fini(&f->v[i].found);
    }
    free(f->v);
    patterns_fini(&f->patterns);
    patterns_fini(&f->black);
    *f = (struct finders){0};
}

int
finders_init(struct finders *f, const struct engine *e,
             const struct strlist *names, struct err *err)
{
    int rc = read_blacklist(e, &f->black, err);
    f->refresh_ms = refresh_ms(e);
    for (size_t i = 0; i < names->n && rc == 0; i++)
        if (names->v[i][0] == '^')
            rc = patterns_add(&f->patterns, names->v[i], err);
    f->v = calloc(f->patterns.n + 1, sizeof(*f->v));
    if (rc == 0 && !f->v)
        rc = err_nomem(err);
    if (rc != 0) {
        finders_fini(f);
        return rc;
    }
    f->n = f->patterns.n;
    return 0;
}

void
finders_inherit(struct finders *f, struct finders *from)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < from->n; j++) {
            if (strcmp(f->patterns.v[i].text, from->patterns.v[j].text) != 0)
                continue;
            f->v[i].found = from->v[j].found;
            from->v[j].found = (struct strlist){0};
        }
}

int
finders_list(const struct finders *f, struct strlist *out)
{
    int rc = 0;
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->v[i].found.n && rc == 0; k++)
            if (out->n + f->n < TOPICS_MAX &&
                !strlist_has(out, f->v[i].found.v[k]))
                rc = strlist_add(out, f->v[i].found.v[k]);
    return rc;
}

/* ---- looking ------------------------------------------------------------- */

static struct generation *
generation_at(struct consumer *c, const char *cluster)
{
    for (struct track *tr = c->track; tr; tr = tr->more)
        if (tr->cur && !tr->cur->stopped &&
            strcmp(tr->cur->cluster, cluster) == 0)
            return tr->cur;
    return NULL;
}

static void
ask(struct consumer *c, struct finder *f, const struct pt_answer *a,
    const char *cluster)
{
    const struct engine *e = &c->track->plain;
    struct generation *g = generation_at(c, cluster);
    const struct pt_cluster *at = pt_answer_cluster(a, cluster);
    rd_kafka_conf_t *conf = NULL;
    struct err err = {0};
    f->again_ms = clock_mono_ms() + FAILED_MS;
    free(f->cluster);
    f->cluster = strdup(cluster);
    if (!f->cluster)
        return;
    if (g)
        f->query = query_names(e->worker, c->wake, g);
    else if (at && generation_conf(e, at, false, &conf, &err) == 0)
        f->query = query_names_elsewhere(e->worker, c->wake, conf);
    else
        track_log(c->track, LOG_WARNING, "cannot list topics on cluster %s: %s",
                  cluster, err.text);
}

static int
keep_elsewhere(const struct finder *f, const struct pt_answer *a,
               struct strlist *names)
{
    int rc = 0;
    for (size_t i = 0; i < f->found.n && rc == 0; i++) {
        const char *name = f->found.v[i];
        const char *at = consumer_cluster_of(a, name);
        if (!strlist_has(names, name) && !str_equal(at, f->cluster))
            rc = strlist_add(names, name);
    }
    strlist_sort(names);
    return rc;
}

/* True: other topics than before. */
static bool
take(struct consumer *c, size_t i, const struct pt_answer *a)
{
    struct finder *f = &c->finders.v[i];
    const rd_kafka_topic_partition_list_t *l = NULL;
    struct strlist physical = {0}, names = {0};
    const rd_kafka_resp_err_t code = query_result(f->query, &l);
    int rc = code ? ERR_KAFKA : 0;
    for (int k = 0; k < l->cnt && rc == 0; k++)
        rc = strlist_add(&physical, l->elems[k].topic);
    if (rc == 0)
        rc = pattern_pick(&c->finders.patterns.v[i], &c->finders.black, a,
                          f->cluster, &physical, &names);
    if (rc == 0)
        rc = keep_elsewhere(f, a, &names);
    strlist_fini(&physical);
    query_free(f->query);
    f->query = NULL;
    const bool changed = rc == 0 && !strlist_equal(&names, &f->found);
    if (rc != 0)
        track_log(c->track, LOG_WARNING, "cannot list topics on cluster %s: %s",
                  f->cluster, code ? rd_kafka_err2str(code) : err_text(rc));
    else
        f->again_ms = c->finders.refresh_ms < 0
                          ? INT64_MAX
                          : clock_mono_ms() + c->finders.refresh_ms;
    if (names.n >= TOPICS_MAX)
        track_warn(c->track, "%s matches %zu topics: of all topics %d are read",
                   c->finders.patterns.v[i].text, names.n, TOPICS_MAX - 1);
    if (changed) {
        struct strlist old = f->found;
        f->found = names;
        names = old;
    }
    strlist_fini(&names);
    return changed;
}

static bool
look(struct consumer *c, size_t i, const struct pt_answer *a)
{
    struct finder *f = &c->finders.v[i];
    const char *cluster = consumer_cluster_of(a, c->finders.patterns.v[i].text);
    if (f->query)
        return query_done(f->query) && take(c, i, a);
    if (cluster &&
        (clock_mono_ms() >= f->again_ms || !str_equal(cluster, f->cluster)))
        ask(c, f, a, cluster);
    return false;
}

int64_t
consumer_find_due_ms(const struct consumer *c)
{
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < c->finders.n; i++)
        if (!c->finders.v[i].query && c->finders.v[i].cluster &&
            c->finders.v[i].again_ms < at)
            at = c->finders.v[i].again_ms;
    return at;
}

void
consumer_find(struct consumer *c)
{
    bool changed = false;
    struct route *r =
        c->finders.n > 0 ? control_route(c->track->e.control) : NULL;
    for (size_t i = 0; r && i < c->finders.n; i++)
        changed = look(c, i, &r->answer) || changed;
    route_unref(r);
    if (changed)
        consumer_topics_changed(c);
}
