/*
 * The search deepens: all ways of one hop, then of two, ... so that the usual
 * question costs one look into the store.  A way carries its position along
 * from hop to hop, as the lowest and the highest that it can be: both
 * translations grow with what they are asked for, so the ends bound what is
 * between them.
 */
#include "offset-mapper/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "offset-mapper/mixed.h"

/* A partition that is copied everywhere has many ways. */
#define LOOKS_MAX        2000
#define CLOCKS_DIFFER_MS 5000
/* What was seen longer ago is as good as unknown. */
#define LOG_AGE_MAX_MS 10000

struct search {
    const struct path_env *env;
    const char *from, *to;
    int32_t partition;
    struct path way;   /* under way */
    struct path *best; /* n 0: none yet */
    int looks;
    const struct flow *unread; /* one that was looked at */
    struct err *err;
};

/* Where a way has come to. */
struct spot {
    const char *cluster;
    const char *topic;
    int64_t low, high; /* high -1: nothing bounds it */
    bool along;        /* it has gone along a flow: against one no more */
};

const char *
hop_cluster(const struct hop *h)
{
    return h->reverse ? h->flow->def.source : h->flow->def.target;
}

enum runs_quality
path_quality(const struct path *p)
{
    enum runs_quality worst = p->n ? RUNS_EXACT : RUNS_NONE;
    for (size_t i = 0; i < p->n; i++)
        if (p->hops[i].at.quality > worst)
            worst = p->hops[i].at.quality;
    return worst;
}

/* ---- one hop ---------------------------------------------------------- */

static void
know_log(const struct search *s, const char *cluster, const char *topic,
         struct log_range *out)
{
    const struct path_logs *logs = &s->env->logs;
    out->known = logs->known &&
                 logs->known(logs->arg, cluster, topic, s->partition, out) &&
                 out->age_ms <= LOG_AGE_MAX_MS;
}

static int
look_at(struct search *s, struct hop *h, int64_t q, int64_t far_end,
        struct runs_answer *out)
{
    const struct store_part part = {h->flow->name, h->up_topic, s->partition};
    s->looks++;
    return h->reverse ? store_view_reverse(s->env->view, &part, q, far_end,
                                           &h->info, out, s->err)
                      : store_view_forward(s->env->view, &part, q, far_end,
                                           &h->info, out, s->err);
}

/* `last` stands in the newest sync. A log that ends before it was looked at
 * before the sync came, or has been made anew or cut since. */
static bool
ends_before(const struct log_range *r, int64_t last)
{
    return r->known && r->end <= last;
}

/* Is the look at the log younger than the newest sync, however clocks go? */
static bool
is_news(const struct search *s, const struct hop *h, const struct log_range *r)
{
    return s->env->now_ms - r->age_ms > h->info.newest_ms + CLOCKS_DIFFER_MS;
}

/* Nothing that is known of the partition holds any more; the follower will say
 * so in a moment (a new incarnation). */
static void
answer_broken(const struct log_range *r, const char *side, int64_t last,
              struct runs_answer *out)
{
    out->quality = RUNS_BEFORE;
    out->position = out->low = 0;
    (void)snprintf(out->reason, sizeof(out->reason),
                   "the %s's log ends at %lld, before the newest sync at %lld: "
                   "it was made anew or cut, and the syncs",
                   side, (long long)r->end, (long long)last);
}

/* True: one of the logs has been made anew or cut. */
static bool
broken(const struct search *s, struct hop *h)
{
    const struct run *newest = &h->info.newest;
    const int64_t up = newest->up + newest->length - 1;
    const int64_t down = newest->down + newest->length - 1;
    if (ends_before(&h->up_log, up) && is_news(s, h, &h->up_log))
        answer_broken(&h->up_log, "source", up, &h->at);
    else if (ends_before(&h->down_log, down) && is_news(s, h, &h->down_log))
        answer_broken(&h->down_log, "target", down, &h->at);
    else
        return false;
    h->broken = true;
    h->high = -1;
    return true;
}

static int64_t
far_end(const struct hop *h)
{
    const struct log_range *far = h->reverse ? &h->up_log : &h->down_log;
    return far->known ? far->end : RUNS_END_UNKNOWN;
}

/* One translation. What a log end older than the newest sync says is not
 * heard. */
static int
translate(struct search *s, struct hop *h, int64_t q, struct runs_answer *out)
{
    const int rc = look_at(s, h, q, far_end(h), out);
    h->old_end = rc == 0 && h->info.known && out->end_behind;
    return h->old_end ? look_at(s, h, q, RUNS_END_UNKNOWN, out) : rc;
}

static bool
unread(const struct search *s, const struct hop *h)
{
    const struct path_flows *flows = &s->env->flows;
    return flows->unread && flows->unread(flows->arg, h->flow);
}

static int
refuse_unread(struct search *s, const struct flow *f)
{
    return err_set(s->err, ERR_UNAVAILABLE,
                   "flow %s: its syncs are being read for the first time (GET "
                   "/readyz says how far); ask again, or another mapper",
                   f->name);
}

/* A record that has been copied is on the source, also where the end that is
 * known there is older than the record. */
static int
raise_high(struct search *s, struct hop *h, int64_t q)
{
    struct runs_answer by_runs;
    const int rc =
        h->high < 0 ? 0 : look_at(s, h, q, RUNS_END_UNKNOWN, &by_runs);
    if (rc == 0 && h->high >= 0 && by_runs.high > h->high)
        h->high = by_runs.high;
    return rc;
}

/* Fills the rest of `h`; h->info.known tells whether there is anything.  Only
 * then are logs asked for: clients may name any topic.  What is exact does not
 * need them. */
static int
look(struct search *s, const struct spot *from, struct hop *h)
{
    int rc = look_at(s, h, from->low, RUNS_END_UNKNOWN, &h->at);
    if (rc == 0 && unread(s, h))
        s->unread = h->flow;
    if (rc || !h->info.known)
        return rc;
    if (s->unread == h->flow)
        return refuse_unread(s, h->flow);
    know_log(s, h->flow->def.source, h->up_topic, &h->up_log);
    know_log(s, h->flow->def.target, h->reverse ? from->topic : h->topic,
             &h->down_log);
    if (h->at.quality != RUNS_EXACT)
        rc = translate(s, h, from->low, &h->at);
    if (rc || broken(s, h))
        return rc;
    struct runs_answer highest = h->at;
    if (from->high > from->low)
        rc = translate(s, h, from->high, &highest);
    h->high = from->high < 0 ? -1 : highest.high;
    h->at.coming = highest.coming;
    return rc || !h->reverse ? rc : raise_high(s, h, from->high);
}

/* Is it called the same on both sides?  With the identity policy all are, but
 * heartbeats. */
static bool
keeps_name(const struct flow *f, const char *topic)
{
    char remote[PATH_NAME_MAX];
    return naming_remote(&f->naming, f->def.source, topic, remote,
                         sizeof(remote)) == 0 &&
           strcmp(remote, topic) == 0;
}

/* True: `topic` may have come over the flow, as h->up_topic there. */
static bool
leads_back(const struct flow *f, const char *topic, struct hop *h)
{
    const char *upstream = topic;
    if (!naming_is_copy_from(&f->naming, f->def.source, topic, &upstream) &&
        !keeps_name(f, topic))
        return false;
    h->flow = f;
    h->reverse = true;
    const int n = snprintf(h->topic, sizeof(h->topic), "%s", upstream);
    memcpy(h->up_topic, h->topic, sizeof(h->up_topic));
    return n >= 0 && (size_t)n < sizeof(h->topic);
}

static bool
leads_on(const struct flow *f, const char *topic, struct hop *h)
{
    h->flow = f;
    h->reverse = false;
    const int n = snprintf(h->up_topic, sizeof(h->up_topic), "%s", topic);
    return n >= 0 && (size_t)n < sizeof(h->up_topic) &&
           naming_remote(&f->naming, f->def.source, topic, h->topic,
                         sizeof(h->topic)) == 0;
}

/* ---- the search ------------------------------------------------------- */

static int go_on(struct search *s, const struct spot *at, size_t depth);

static int64_t
width(const struct path *p)
{
    const struct hop *h = &p->hops[p->n - 1];
    return h->high < 0 ? INT64_MAX : h->high - h->at.low;
}

static void
keep_better(struct search *s)
{
    struct path *best = s->best;
    const enum runs_quality q = path_quality(&s->way);
    const bool better =
        best->n == 0 || q < path_quality(best) ||
        (q == path_quality(best) && width(&s->way) < width(best));
    if (!better)
        return;
    best->n = s->way.n;
    for (size_t i = 0; i < best->n; i++)
        best->hops[i] = s->way.hops[i];
}

static bool
been_there(const struct search *s, const char *cluster)
{
    bool been = strcmp(cluster, s->from) == 0;
    for (size_t i = 0; i < s->way.n; i++)
        been = been || strcmp(hop_cluster(&s->way.hops[i]), cluster) == 0;
    return been;
}

/* Takes `h` as the next hop and goes on from there. */
static int
take(struct search *s, const struct hop *h, size_t depth)
{
    if (!h->info.known || h->at.quality == RUNS_NONE)
        return 0;
    s->way.hops[s->way.n] = *h;
    const struct hop *taken = &s->way.hops[s->way.n++];
    const struct spot there = {hop_cluster(taken), taken->topic, taken->at.low,
                               taken->high, !taken->reverse};
    int rc = 0;
    if (strcmp(there.cluster, s->to) == 0)
        keep_better(s);
    else
        rc = go_on(s, &there, depth);
    s->way.n--;
    return rc;
}

/* Where both flows have records in one partition, one is not enough. */
static bool
half_read(const struct search *s, const struct hop *read, const struct hop *h)
{
    return read->info.known && h->flow && !h->info.known && unread(s, h) &&
           strcmp(read->topic, h->topic) == 0;
}

/* One neighbour, over the flow to it, the flow from it, or whichever of both
 * the record came by. */
static int
visit(struct search *s, const struct spot *at, const char *cluster,
      size_t depth)
{
    const struct config *c = s->env->config;
    const struct flow *flow_on = config_flow(c, at->cluster, cluster);
    const struct flow *flow_back = config_flow(c, cluster, at->cluster);
    struct hop on = {0}, back = {0};
    int rc = 0;
    if (flow_back && !at->along && leads_back(flow_back, at->topic, &back))
        rc = look(s, at, &back);
    if (rc == 0 && flow_on && leads_on(flow_on, at->topic, &on))
        rc = look(s, at, &on);
    if (rc)
        return rc;
    if (half_read(s, &back, &on) || half_read(s, &on, &back))
        return refuse_unread(s, back.info.known ? on.flow : back.flow);
    if (back.info.known && on.info.known && strcmp(back.topic, on.topic) == 0) {
        struct hop mixed;
        rc = mixed_answer(s->env->view, s->partition, &back, &on, at->low,
                          &mixed, s->err);
        return rc ? rc : take(s, &mixed, depth);
    }
    rc = take(s, &back, depth);
    return rc ? rc : take(s, &on, depth);
}

/* `depth`: how many hops may follow. The last one must end at `to`. */
static int
go_on(struct search *s, const struct spot *at, size_t depth)
{
    if (depth == 0 || s->looks > LOOKS_MAX)
        return 0;
    if (depth == 1)
        return visit(s, at, s->to, 0);
    const struct config *c = s->env->config;
    int rc = 0;
    for (size_t i = 0; i < c->n_clusters && rc == 0; i++) {
        const char *next = c->clusters[i].name;
        if (strcmp(next, s->to) != 0 && !been_there(s, next))
            rc = visit(s, at, next, depth - 1);
    }
    return rc;
}

/* ---- questions that have no answer ------------------------------------ */

static int
known_cluster(const struct config *c, const char *field, const char *name,
              struct err *err)
{
    if (config_cluster(c, name))
        return 0;
    return err_field(err, ERR_INVALID, field, name,
                     "%s: no cluster is called \"%s\"", field, name);
}

/* Flows joining, however many hops: marks spread from `from`. */
static bool
joined(const struct config *c, const char *from, const char *to)
{
    const struct pt_cluster *const end = config_cluster(c, to);
    bool *mark = xcalloc(c->n_clusters, sizeof(*mark));
    for (size_t i = 0; i < c->n_clusters; i++)
        mark[i] = strcmp(c->clusters[i].name, from) == 0;
    for (size_t round = 0; round < c->n_clusters; round++)
        for (size_t i = 0; i < c->n_flows; i++) {
            const size_t a =
                (size_t)(config_cluster(c, c->flows[i].def.source) -
                         c->clusters);
            const size_t b =
                (size_t)(config_cluster(c, c->flows[i].def.target) -
                         c->clusters);
            mark[a] = mark[b] = mark[a] || mark[b];
        }
    const bool is = mark[end - c->clusters];
    free(mark);
    return is;
}

int
path_check(const struct config *c, const char *from, const char *to,
           struct err *err)
{
    int rc = known_cluster(c, "from", from, err);
    if (rc == 0)
        rc = known_cluster(c, "to", to, err);
    if (rc)
        return rc;
    if (strcmp(from, to) == 0)
        return err_field(err, ERR_INVALID, "to", to,
                         "from and to are the same cluster");
    if (config_flow(c, from, to) || config_flow(c, to, from) ||
        joined(c, from, to))
        return 0;
    return err_field(err, ERR_INVALID, "to", to,
                     "no flows of this mapper join %s and %s, not over other "
                     "clusters either",
                     from, to);
}

/* ----------------------------------------------------------------------- */

int
path_find(const struct path_env *env, const char *from, const char *to,
          const char *topic, int32_t partition, int64_t offset,
          struct path *out, struct err *err)
{
    struct search s; /* not zeroed: `way` is large */
    s.env = env;
    s.from = from;
    s.to = to;
    s.partition = partition;
    s.way.n = 0;
    s.best = out;
    s.looks = 0;
    s.unread = NULL;
    s.err = err;
    const struct spot start = {from, topic, offset, offset, false};
    size_t most = env->config->n_clusters;
    if (most > PATH_HOPS_MAX + 1)
        most = PATH_HOPS_MAX + 1;
    int rc = 0;
    out->n = 0;
    for (size_t depth = 1; depth < most && out->n == 0 && rc == 0; depth++)
        rc = go_on(&s, &start, depth);
    if (rc == 0 && out->n == 0 && s.unread)
        return refuse_unread(&s, s.unread);
    return rc;
}
