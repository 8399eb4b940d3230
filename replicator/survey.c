/*
 * Owns what was found until it is handed on.  Copies are made with their
 * topics' settings (mm2.md 8.2): without having read those, none is made, for a
 * compacted topic whose copy is not would lose records.
 */
#include "replicator/survey.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/xmem.h"
#include "replicator/configs.h"
#include "replicator/parts.h"
#include "replicator/topics.h"

#define NAME_MAX_BYTES 512

static struct admin
admin_of(const struct flow *f, rd_kafka_t *rk)
{
    return (struct admin){
        .rk = rk, .stop = &f->stop, .timeout_ms = f->conf->admin_timeout_ms};
}

void
survey_free(struct survey *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        free(s->v[i].name);
        free(s->v[i].remote);
        free(s->v[i].leaders);
        free(s->v[i].leaders_there);
        free(s->v[i].problem);
        props_fini(&s->v[i].configs);
    }
    if (s)
        free(s->v);
    free(s);
}

static void
trouble(struct surveyed *t, const char *why)
{
    if (!t->problem)
        t->problem = xstrdup(why);
}

/* ---- finding ----------------------------------------------------------- */

static int32_t *
leaders_of(const struct rd_kafka_metadata_topic *t)
{
    int32_t *v = xcalloc((size_t)t->partition_cnt, sizeof(*v));
    for (int i = 0; i < t->partition_cnt; i++)
        v[i] = -1;
    for (int i = 0; i < t->partition_cnt; i++)
        if (t->partitions[i].id >= 0 && t->partitions[i].id < t->partition_cnt)
            v[t->partitions[i].id] = t->partitions[i].leader;
    return v;
}

static void
look_there(struct surveyed *t, const struct rd_kafka_metadata *there)
{
    for (int i = 0; i < there->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *copy = &there->topics[i];
        if (copy->err || strcmp(copy->topic, t->remote) != 0)
            continue;
        t->there = copy->partition_cnt;
        t->leaders_there = leaders_of(copy);
    }
}

static void
add(struct flow *f, struct survey *s,
    const struct rd_kafka_metadata_topic *here,
    const struct rd_kafka_metadata *there)
{
    char remote[NAME_MAX_BYTES];
    const struct naming *n = &f->conf->naming;
    struct surveyed *t = &s->v[s->n++];
    *t = (struct surveyed){.name = xstrdup(here->topic),
                           .here = here->partition_cnt,
                           .leaders = leaders_of(here)};
    if (naming_remote(n, f->conf->source->name, t->name, remote,
                      sizeof(remote)) != 0) {
        trouble(t, "the name of its copy is too long");
        return;
    }
    t->remote = xstrdup(remote);
    look_there(t, there);
}

static void
find(struct flow *f, struct survey *s, const struct rd_kafka_metadata *here,
     const struct rd_kafka_metadata *there)
{
    s->v = xcalloc((size_t)here->topic_cnt + 1, sizeof(*s->v));
    for (int i = 0; i < here->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &here->topics[i];
        if (!t->err && t->partition_cnt > 0 &&
            settings_copies_topic(f->conf, t->topic))
            add(f, s, t, there);
    }
}

static bool
has(const struct survey *s, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->v[i].name, name) == 0)
            return true;
    return false;
}

/* Topics that are copied and were not found: asked for once more by name, for
 * one broker may know less than others. */
static void
find_gone(struct flow *f, struct survey *s)
{
    const size_t found = s->n;
    struct topic *t, *next;
    struct strlist missing = {0};
    pthread_mutex_lock(&f->lock);
    HASH_ITER(hh, f->topics, t, next)
    if (!has(s, found, t->name) && strlist_add(&missing, t->name) != 0)
        abort(); /* out of memory */
    pthread_mutex_unlock(&f->lock);
    s->v = xreallocarray(s->v, found + missing.n + 1, sizeof(*s->v));
    for (size_t i = 0; i < missing.n; i++)
        if (settings_copies_topic(f->conf, missing.v[i]) &&
            topics_is_gone(f->consumer, missing.v[i]))
            s->v[s->n++] = (struct surveyed){.name = xstrdup(missing.v[i])};
    strlist_fini(&missing);
}

/* ---- their settings ---------------------------------------------------- */

/* The topics whose settings are asked for, by their place in the survey. */
struct asked {
    struct flow *flow;
    struct survey *survey;
    size_t *of;
    const char **names;
    size_t n;
};

static void
keep_config(void *arg, size_t i, const struct config *config,
            const struct err *err)
{
    const struct asked *a = arg;
    struct surveyed *t = &a->survey->v[a->of[i]];
    const struct config_rule rule = configs_rule(a->flow->conf);
    if (err)
        trouble(t, err->text);
    else
        config_of_new(&rule, config, &t->configs);
}

static void
ask(struct asked *a)
{
    const struct admin source = admin_of(a->flow, a->flow->consumer);
    struct err err = {0};
    if (a->n == 0 || !admin_has_controller(&source))
        return;
    if (configs_read(&source, a->names, a->n, keep_config, a, &err) == 0)
        return;
    for (size_t i = 0; i < a->n; i++)
        trouble(&a->survey->v[a->of[i]], err.text);
}

/* Of copies that are to be made. */
static void
read_settings(struct flow *f, struct survey *s)
{
    struct asked a = {.flow = f,
                      .survey = s,
                      .of = xcalloc(s->n + 1, sizeof(*a.of)),
                      .names = xcalloc(s->n + 1, sizeof(*a.names))};
    for (size_t i = 0; i < s->n; i++) {
        const struct surveyed *t = &s->v[i];
        if (t->problem || t->here == 0 || t->there > 0)
            continue;
        a.of[a.n] = i;
        a.names[a.n++] = t->name;
    }
    ask(&a);
    free(a.of);
    free((void *)a.names);
}

/* ---- making ------------------------------------------------------------ */

static void
take_outcome(struct flow *f, struct surveyed *t, const struct topic_want *w)
{
    t->there = w->have;
    free(t->leaders_there); /* of fewer */
    t->leaders_there = NULL;
    if (w->err.code) {
        trouble(t, w->err.text);
    } else if (t->there < t->here) {
        char *why = xasprintf("%s has %d partitions on %s and cannot be given "
                              "the %d of %s: the others are not copied",
                              t->remote, (int)t->there, f->conf->target->name,
                              (int)t->here, t->name);
        trouble(t, why);
        free(why);
    }
}

static void
make_missing(struct flow *f, struct survey *s,
             const struct rd_kafka_metadata *there)
{
    const struct admin target = admin_of(f, f->producer);
    struct topic_want *wants = xcalloc(s->n + 1, sizeof(*wants));
    struct surveyed **of = xcalloc(s->n + 1, sizeof(struct surveyed *));
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct surveyed *t = &s->v[i];
        if (t->problem || t->there >= t->here)
            continue;
        wants[n] = (struct topic_want){.name = t->remote,
                                       .partitions = t->here,
                                       .replication = f->conf->replication,
                                       .configs = &t->configs};
        of[n++] = t;
    }
    topics_ensure(&target, there, wants, n);
    for (size_t i = 0; i < n; i++)
        take_outcome(f, of[i], &wants[i]);
    free(wants);
    free(of);
}

int
survey_make(struct flow *f, struct survey **out, struct err *err)
{
    const struct rd_kafka_metadata *here = NULL, *there = NULL;
    int rc = topics_list(f->consumer, &here, err);
    *out = NULL;
    if (rc == 0)
        rc = topics_list(f->producer, &there, err);
    if (rc == 0) {
        struct survey *s = xcalloc(1, sizeof(*s));
        find(f, s, here, there);
        find_gone(f, s);
        read_settings(f, s);
        make_missing(f, s, there);
        *out = s;
    }
    if (there)
        rd_kafka_metadata_destroy(there);
    if (here)
        rd_kafka_metadata_destroy(here);
    return rc;
}

/* ---- topics beside the copies ------------------------------------------ */

static struct prop compact[] = {
    {(char *)(uintptr_t) "cleanup.policy", (char *)(uintptr_t) "compact"}};
static const struct props compacted = {.v = compact, .n = 1};

/* As it is, if it is there: keys lie by the number of its partitions. */
static int
ensure(struct flow *f, rd_kafka_t *rk, struct topic_want *wants, size_t n,
       struct err *err)
{
    const struct admin a = admin_of(f, rk);
    const struct rd_kafka_metadata *md;
    const int rc = topics_list(rk, &md, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        const int32_t have = topics_partitions(md, wants[i].name);
        if (have > 0)
            wants[i].partitions = have;
    }
    topics_ensure(&a, md, wants, n);
    rd_kafka_metadata_destroy(md);
    return 0;
}

static bool
stop_at(const struct topic_want *w, struct err *err)
{
    if (w->have > 0)
        return false;
    if (w->err.code)
        *err = w->err;
    else
        (void)err_set(err, ERR_NOTFOUND, "topic %s is not there", w->name);
    return true;
}

static size_t
add_want(struct topic_want *wants, size_t n, const char *name,
         int64_t partitions, int64_t replication)
{
    wants[n] = (struct topic_want){.name = name,
                                   .partitions = (int32_t)partitions,
                                   .replication = replication,
                                   .configs = &compacted};
    return n + 1;
}

static int
internal_there(struct flow *f, int32_t *positions, struct err *err)
{
    const struct flow_settings *c = f->conf;
    struct topic_want wants[5];
    size_t n =
        add_want(wants, 0, f->positions_topic, c->target->positions_partitions,
                 c->target->positions_replication);
    if (c->syncs_enabled && c->syncs_on_target)
        n = add_want(wants, n, f->syncs_topic, 1, c->syncs_replication);
    if (c->checkpoints_enabled)
        n = add_want(wants, n, f->checkpoints_topic, 1,
                     c->checkpoints_replication);
    if (c->heartbeats_enabled)
        n = add_want(wants, n, "heartbeats", 1, c->heartbeats_replication);
    if (c->on_refused == REFUSED_DEAD_LETTER) {
        wants[n] = (struct topic_want){.name = c->dead_letter_topic,
                                       .partitions = 1,
                                       .replication = c->replication};
        n++;
    }
    const int rc = ensure(f, f->producer, wants, n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (stop_at(&wants[i], err))
            return err->code;
    *positions = wants[0].have;
    return rc;
}

static int
internal_here(struct flow *f, struct err *err)
{
    const struct flow_settings *c = f->conf;
    struct topic_want wants[2];
    size_t n = 0;
    if (c->syncs_enabled && !c->syncs_on_target)
        n = add_want(wants, n, f->syncs_topic, 1, c->syncs_replication);
    if (f->beat_back)
        n = add_want(wants, n, "heartbeats", 1, c->heartbeats_replication);
    if (n == 0)
        return 0;
    const int rc = ensure(f, f->back, wants, n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (stop_at(&wants[i], err))
            return err->code;
    return rc;
}

int
survey_internal(struct flow *f, int32_t *positions, struct err *err)
{
    const int rc = internal_there(f, positions, err);
    return rc != 0 ? rc : internal_here(f, err);
}
