/*
 * The overseer: looks at the logs of every partition that is known, a part of
 * them each time, and says which began a new incarnation (the thread of the
 * flow's feed writes it) and what may be pruned (which it does itself, a little
 * at a time).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmem.h"
#include "offset-mapper/follow_impl.h"

#define LOOKS          500 /* partitions of a flow, each time */
#define PRUNES         20  /* of them, each time at most, ... */
#define PRUNE_BLOCKS   16  /* ... and so much of each */
#define NAME_MAX_BYTES 300

/* What is remembered of a partition. */
struct eye {
    char *topic;
    int32_t partition;
    struct store_info info; /* of the last view */
    struct incarnation_watch watch;
    struct doubt_watch doubt;
    int64_t pruned_below;
    UT_hash_handle hh; /* by "PARTITION/TOPIC" */
    char key[];
};

/* ---- what there is ---------------------------------------------------- */

static struct eye *
eye_of(struct flow_follow *f, const struct store_part *part)
{
    char key[NAME_MAX_BYTES];
    const int len =
        snprintf(key, sizeof(key), "%d/%s", part->partition, part->topic);
    if (len < 0 || (size_t)len >= sizeof(key))
        return NULL; /* no topic of Kafka's: it cannot be asked for */
    struct eye *e;
    HASH_FIND(hh, f->eyes, key, (size_t)len, e);
    if (e)
        return e;
    e = xcalloc(1, sizeof(*e) + (size_t)len + 1);
    memcpy(e->key, key, (size_t)len + 1);
    e->topic = strchr(e->key, '/') + 1;
    e->partition = part->partition;
    HASH_ADD_KEYPTR(hh, f->eyes, e->key, (size_t)len, e);
    return e;
}

static void
see(const struct store_part *part, const struct store_info *info, void *arg)
{
    struct eye *e = eye_of(arg, part);
    if (e)
        e->info = *info;
}

static int
see_all(struct flow_follow *f, struct err *err)
{
    struct store_view *view;
    int rc = store_view_open(f->home->store, &view, err);
    if (rc)
        return rc;
    rc = store_view_parts(view, f->flow->name, see, f, err);
    store_view_close(view);
    return rc;
}

void
oversee_forget(struct flow_follow *f)
{
    struct eye *e, *next;
    HASH_ITER(hh, f->eyes, e, next)
    {
        HASH_DEL(f->eyes, e);
        free(e);
    }
}

/* ---- looking ---------------------------------------------------------- */

static void
sentence(struct flow_follow *f, const struct eye *e, enum store_begun why,
         int64_t up_end)
{
    struct verdict *v = xcalloc(1, sizeof(*v));
    v->topic = xstrdup(e->topic);
    v->partition = e->partition;
    v->why = why;
    v->newest = e->watch.newest;
    v->incarnation = e->watch.incarnation;
    v->up_end = up_end;
    v->doubt_until = e->doubt.until;
    (void)pthread_mutex_lock(&f->lock);
    v->next = f->verdicts;
    f->verdicts = v;
    (void)pthread_mutex_unlock(&f->lock);
}

static void
prune(struct flow_follow *f, struct eye *e, int64_t below, int *prunes)
{
    if (below <= e->pruned_below || *prunes == 0)
        return;
    --*prunes;
    const struct store_part part = {f->flow->name, e->topic, e->partition};
    int64_t dropped = 0;
    struct err err = {0};
    if (store_prune(f->home->store, &part, below, PRUNE_BLOCKS, &dropped,
                    &err)) {
        log_error("flow %s: cannot prune %s [%d]: %s", f->flow->name, e->topic,
                  e->partition, err.text);
        return;
    }
    if (dropped == 0) /* there may be more otherwise */
        e->pruned_below = below;
    (void)pthread_mutex_lock(&f->lock);
    f->status.pruned += dropped;
    f->pruned_lately += dropped;
    (void)pthread_mutex_unlock(&f->lock);
}

/* False: the partition has no name on the target, so it cannot be asked for. */
static bool
ranges_of(struct flow_follow *f, const struct eye *e, struct log_range *source,
          struct log_range *target)
{
    char remote[NAME_MAX_BYTES];
    const struct flow *flow = f->flow;
    if (naming_remote(&flow->naming, flow->def.source, e->topic, remote,
                      sizeof(remote)))
        return false;
    (void)logs_look(f->home->logs, flow->def.source, e->topic, e->partition,
                    source);
    (void)logs_look(f->home->logs, flow->def.target, remote, e->partition,
                    target);
    return true;
}

/* How far the flow's topic was read, and where it ended at `at_ms`. */
struct look {
    struct log_range syncs;
    int64_t syncs_read;
    int64_t at_ms;
    int prunes;     /* left */
    bool may_judge; /* the verdicts of earlier looks have been taken: no */
                    /* partition stands twice among those of one look */
};

static void
look_at(struct flow_follow *f, struct eye *e, struct look *k)
{
    struct log_range source, target, syncs = k->syncs;
    const int64_t now_ms = clock_mono_ms();
    syncs.age_ms += now_ms - k->at_ms;
    if (!ranges_of(f, e, &source, &target))
        return;
    const struct incarnation_look l = {.info = &e->info,
                                       .source = &source,
                                       .target = &target,
                                       .syncs = &syncs,
                                       .syncs_read = k->syncs_read,
                                       .now_ms = now_ms};
    const enum store_begun why = incarnation_judge(&e->watch, &l);
    const int64_t up_end = incarnation_cuts_doubt(&e->doubt, &l);
    if (why == STORE_FIRST && up_end < 0)
        prune(f, e, incarnation_prunable(&e->watch, &l), &k->prunes);
    else if (k->may_judge)
        sentence(f, e, why, why == STORE_FIRST ? up_end : -1);
}

/* The next LOOKS of them, round and round, and all that are suspected. */
static void
look_around(struct flow_follow *f, struct look *k)
{
    int looks = LOOKS;
    struct eye *e, *next;
    HASH_ITER(hh, f->eyes, e, next)
    {
        const bool suspect = e->watch.suspect_ms != 0;
        if (e == f->eye_next)
            f->eye_next = NULL;
        if (!suspect && (f->eye_next || looks == 0))
            continue;
        look_at(f, e, k);
        if (!suspect && --looks == 0)
            f->eye_next = next;
    }
}

static void
oversee_flow(struct flow_follow *f)
{
    struct look k = {.at_ms = clock_mono_ms(), .prunes = PRUNES};
    struct err err = {0};
    (void)logs_look(f->home->logs, f->flow->cluster->name, f->flow->topic, 0,
                    &k.syncs);
    (void)pthread_mutex_lock(&f->lock);
    k.syncs_read = f->status.syncs.position;
    k.may_judge = f->verdicts == NULL;
    (void)pthread_mutex_unlock(&f->lock);
    if (see_all(f, &err))
        log_error("flow %s: %s", f->flow->name, err.text);
    else
        look_around(f, &k);
}

/* However many partitions there are, most of the time it does nothing. */
void *
oversee(void *arg)
{
    struct follow *f = arg;
    bool stopping = false;
    while (!stopping) {
        const int64_t begun_ms = clock_mono_ms();
        for (size_t i = 0; i < f->config->n_flows; i++)
            oversee_flow(&f->flows[i]);
        const int64_t took_ms = clock_mono_ms() - begun_ms;
        stopping = follow_rest(f, f->options.watch_ms + 20 * took_ms);
    }
    return NULL;
}
