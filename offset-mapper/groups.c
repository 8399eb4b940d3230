/*
 * An inquiry has up to three parts, each on a thread that may be held up by a
 * dead peer.  It is told when all are done, or at its deadline; a part that
 * comes later finds it told and only lets go.  A part that has not begun by
 * then does not begin: so what waits behind a dead cluster is gone through at
 * once.  Everything of an inquiry is touched on the loop thread only, but for
 * the results of a part, which are its thread's until its `done`.
 */
#include "offset-mapper/groups.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "common/net/offload.h"
#include "offset-mapper/group_checkpoints.h"
#include "offset-mapper/group_clients.h"

/* For the words of a call that has come to its deadline. */
#define GRACE_MS 250

enum { PART_LIVE, PART_SOURCE, PART_TARGET, PARTS };

struct groups {
    struct groups_parts parts;
    struct offload **threads; /* of each cluster, and of the route services */
    size_t n_threads;
};

struct inquiry;

struct part {
    struct inquiry *inquiry;
    const struct pt_cluster *cluster; /* NULL: the route services */
    bool asked, done;
    atomic_bool late; /* nobody waits for it any more */
    int rc;
    struct err err;
    struct group live;
    size_t n_live;
    struct group_commits commits;
};

struct inquiry {
    struct groups *groups;
    char *group;
    const struct pt_cluster *from, *to;
    bool target;
    int64_t deadline_ms;
    struct loop_timer *timer;
    struct part parts[PARTS];
    size_t n_waiting; /* parts that are not done */
    bool told;
    void (*fn)(struct group_answer *a, void *arg);
    void *arg;
};

/* ---- parts: their threads -------------------------------------------------- */

static void
read_commits(struct part *p)
{
    const struct inquiry *q = p->inquiry;
    struct group_session *s;
    p->rc =
        group_session_open(p->cluster, q->group, q->deadline_ms, &s, &p->err);
    if (p->rc)
        return;
    p->rc = group_commits_read(s, &p->commits, &p->err);
    group_session_close(s);
}

static void
work(void *arg)
{
    struct part *p = arg;
    const struct inquiry *q = p->inquiry;
    if (atomic_load(&p->late))
        return;
    if (p->cluster)
        read_commits(p);
    else
        p->rc = group_clients_read(q->groups->parts.services, q->group,
                                   q->from->name, q->deadline_ms, &p->live,
                                   &p->n_live, &p->err);
}

/* ---- telling ------------------------------------------------------------- */

static void
inquiry_free(struct inquiry *q)
{
    for (size_t i = 0; i < PARTS; i++) {
        group_fini(&q->parts[i].live);
        group_commits_fini(&q->parts[i].commits);
    }
    if (q->timer)
        loop_timer_free(q->timer);
    free(q->group);
    free(q);
}

/* What is not done is its thread's still. */
static struct group_column
column_of(const struct part *p)
{
    struct group_column c = {.asked = p->asked};
    if (p->asked && !p->done) {
        c.code = ERR_UNAVAILABLE;
        (void)snprintf(c.text, sizeof(c.text),
                       "%s%s has not answered within %d ms",
                       p->cluster ? "cluster " : "a route service",
                       p->cluster ? p->cluster->name : "", GROUPS_DEADLINE_MS);
    } else if (p->rc) {
        c.code = p->rc;
        (void)snprintf(c.text, sizeof(c.text), "%.*s", (int)sizeof(c.text) - 1,
                       p->err.text);
    }
    return c;
}

static void
take_checkpoints(const struct inquiry *q, struct group_answer *a)
{
    const struct groups_parts *parts = &q->groups->parts;
    struct group_column *c = &a->checkpoints;
    struct err err = {0};
    c->code = group_checkpoints_take(parts->config, parts->store, q->from->name,
                                     q->to ? q->to->name : NULL, q->group,
                                     &a->group, &c->asked, &err);
    if (c->code)
        (void)snprintf(c->text, sizeof(c->text), "%.*s",
                       (int)sizeof(c->text) - 1, err.text);
}

/* Takes what the parts have found. */
static void
collect(struct inquiry *q, struct group_answer *a)
{
    struct part *live = &q->parts[PART_LIVE];
    struct part *source = &q->parts[PART_SOURCE];
    struct part *target = &q->parts[PART_TARGET];
    *a = (struct group_answer){.live = column_of(live),
                               .source = column_of(source),
                               .target = column_of(target)};
    if (live->done) {
        a->group = live->live;
        a->n_live = live->n_live;
        live->live = (struct group){0};
    }
    if (source->done)
        group_take_commits(&a->group, &source->commits);
    if (target->done) {
        a->target_commits = target->commits;
        target->commits = (struct group_commits){0};
    }
    take_checkpoints(q, a);
    group_choose(&a->group, a->source.code == 0);
}

static void
tell(struct inquiry *q)
{
    struct group_answer a;
    for (size_t i = 0; i < PARTS; i++)
        atomic_store(&q->parts[i].late, true);
    q->told = true;
    collect(q, &a);
    q->fn(&a, q->arg);
    group_fini(&a.group);
    group_commits_fini(&a.target_commits);
}

static void
on_deadline(void *arg)
{
    struct inquiry *q = arg;
    loop_timer_free(q->timer);
    q->timer = NULL;
    if (!q->told)
        tell(q);
}

static void
on_part(void *arg)
{
    struct part *p = arg;
    struct inquiry *q = p->inquiry;
    p->done = true;
    q->n_waiting--;
    if (q->n_waiting > 0)
        return;
    if (!q->told)
        tell(q);
    inquiry_free(q);
}

/* ---- asking -------------------------------------------------------------- */

int
groups_submit(struct groups *g, const struct pt_cluster *cluster,
              void (*to_do)(void *arg), void (*done)(void *arg), void *arg,
              struct err *err)
{
    const size_t i = cluster ? (size_t)(cluster - g->parts.config->clusters)
                             : g->parts.config->n_clusters;
    return offload_submit(g->threads[i], g->parts.loop, to_do, done, arg, err);
}

/* Once it is handed over, its results are its thread's. */
static int
submit(struct inquiry *q, int which, const struct pt_cluster *cluster,
       struct err *err)
{
    struct part *p = &q->parts[which];
    struct err why;
    p->inquiry = q;
    p->cluster = cluster;
    p->asked = true;
    const int rc = groups_submit(q->groups, cluster, work, on_part, p, &why);
    if (rc == 0) {
        q->n_waiting++;
        return 0;
    }
    p->asked = false;
    p->rc = rc;
    p->err = why;
    if (err)
        *err = why;
    return rc;
}

/* A part that cannot be asked is a column that says why, as long as there is
 * another one. */
static int
submit_all(struct inquiry *q, struct err *err)
{
    int rc = 0;
    for (int i = 0; i < PARTS; i++) {
        const struct pt_cluster *cluster = i == PART_SOURCE   ? q->from
                                           : i == PART_TARGET ? q->to
                                                              : NULL;
        if ((i == PART_TARGET && !q->target) ||
            (i == PART_LIVE && q->groups->parts.services->n == 0))
            continue;
        const int one = submit(q, i, cluster, err);
        rc = one ? one : rc;
    }
    return q->n_waiting ? 0 : rc;
}

int
groups_ask(struct groups *g, const struct group_question *question,
           void (*fn)(struct group_answer *a, void *arg), void *arg,
           struct err *err)
{
    struct inquiry *q = xcalloc(1, sizeof(*q));
    q->groups = g;
    q->group = xstrdup(question->group);
    q->from = question->from;
    q->to = question->to;
    q->target = question->to && question->target;
    q->fn = fn;
    q->arg = arg;
    q->deadline_ms = clock_mono_ms() + GROUPS_DEADLINE_MS;
    const int rc = submit_all(q, err);
    if (rc) {
        inquiry_free(q);
        return rc;
    }
    q->timer = loop_timer_new(g->parts.loop, GROUPS_DEADLINE_MS + GRACE_MS,
                              on_deadline, q);
    return 0;
}

/* ---- life ---------------------------------------------------------------- */

int
groups_start(const struct groups_parts *parts, struct groups **out,
             struct err *err)
{
    struct groups *g = xcalloc(1, sizeof(*g));
    g->parts = *parts;
    g->threads = xcalloc(parts->config->n_clusters + 1, sizeof(*g->threads));
    int rc = 0;
    for (; g->n_threads <= parts->config->n_clusters; g->n_threads++) {
        rc = offload_start(GROUPS_WAITING_MAX, &g->threads[g->n_threads], err);
        if (rc)
            break;
    }
    if (rc) {
        groups_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

void
groups_stop(struct groups *g)
{
    for (size_t i = 0; g && i < g->n_threads; i++)
        offload_stop(g->threads[i]);
}

void
groups_free(struct groups *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_threads; i++)
        offload_free(g->threads[i]);
    free(g->threads);
    free(g);
}
