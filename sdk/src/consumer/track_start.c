/*
 * Where the partitions that wait on the current generation start.  In rounds:
 * the commits of all of them are looked up together (at once, then every
 * COMMITS_MS); those whose commit of this residency can no longer come are
 * looked up together on the previous cluster and translated together.
 * handover_start() decides on each after every round.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/track.h"

#define COMMITS_MS 50
#define FAILED_MS  200
#define STRANGE_MS 100

static bool
waiting(const struct part *p)
{
    return p->state == PART_WAITING && !p->given;
}

bool
track_start_pending(const struct track *tr)
{
    return tr->cur && tr->cur->n_waiting > 0;
}

static void
drop_question(struct starter *s)
{
    if (s->asking)
        asking_free(s->asking);
    s->asking = NULL;
    po_question_fini(&s->question);
    s->question = (struct po_question){0};
}

void
track_start_reset(struct track *tr)
{
    struct starter *s = &tr->starter;
    query_free(s->commits);
    query_free(s->source);
    query_free(s->topics);
    query_free(s->ends);
    drop_question(s);
    *s = (struct starter){0};
}

/* ---- streams that the previous cluster does not have -------------------- */

static char *
stream_before(const struct track *tr, const struct view *v)
{
    if (!tr->route)
        return NULL;
    return handover_physical(&tr->route->answer, tr->cur->previous, v->origin,
                             v->logical);
}

static char *
name_before(const struct track *tr, const struct part *p)
{
    const struct view *v = generation_view(tr->cur, p->key.topic);
    return v ? stream_before(tr, v) : NULL;
}

void
track_start_ask_topics(struct track *tr, struct generation *old)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < tr->cur->n_views; i++) {
        struct view *v = &tr->cur->views[i];
        char *before = stream_before(tr, v);
        v->fresh = !before;
        if (before)
            rd_kafka_topic_partition_list_add(l, before, 0);
        free(before);
    }
    if (l->cnt > 0 && !old->down)
        tr->starter.topics = query_topics(tr->e.worker, tr->wake, old, l);
    else
        rd_kafka_topic_partition_list_destroy(l);
}

static void
mark_fresh(struct track *tr, const char *before)
{
    for (size_t i = 0; i < tr->cur->n_views; i++) {
        char *name = stream_before(tr, &tr->cur->views[i]);
        if (str_equal(name, before))
            tr->cur->views[i].fresh = true;
        free(name);
    }
}

static void
take_topics(struct track *tr)
{
    struct starter *s = &tr->starter;
    const rd_kafka_topic_partition_list_t *l = NULL;
    if (!s->topics || !query_done(s->topics))
        return;
    (void)query_result(s->topics, &l); /* what is not known is no hint */
    for (int i = 0; i < l->cnt; i++)
        if (l->elems[i].err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            mark_fresh(tr, l->elems[i].topic);
    query_free(s->topics);
    s->topics = NULL;
}

static bool
fresh(const struct track *tr, const struct part *p)
{
    const struct view *v = generation_view(tr->cur, p->key.topic);
    return v && v->fresh;
}

/* ---- deciding ------------------------------------------------------------ */

void
track_start_part(struct track *tr, struct generation *g, struct part *p,
                 const struct start *s)
{
    const bool found = p->commit_since == g->since && p->commit == s->offset;
    generation_set_state(g, p, PART_RUNNING);
    p->map_wanted = p->map_asked = p->end_wanted = false;
    p->committed = p->acked = found ? p->commit : -1;
    if (s->kind == START_RESET) {
        p->start = RD_KAFKA_OFFSET_INVALID;
        p->next = p->finished = -1;
        return;
    }
    p->start = p->next = p->finished = s->offset;
    metrics_add(tr->e.metrics, METRIC_PARTITIONS_MOVED, g->previous != NULL);
    if (s->kind == START_OLD || s->kind == START_BEGINNING)
        tr->starter.unmapped++;
    if (g->previous && !found && !p->by_hand && !g->by_hand)
        track_land(tr, p->key.topic, p->key.partition, s->offset);
}

/* What this member has finished here; -1 where somebody has committed since:
 * the group is where that says, behind it too, as after a seek, or in a topic
 * that was made anew. */
static int64_t
own(const struct track *tr, const struct part *p)
{
    const struct generation *g = tr->cur;
    const bool here = !g->previous || p->commit_since == g->since;
    const bool of_others = p->commit >= 0 && p->commit != p->acked && here;
    return of_others ? -1 : track_carry(tr, p);
}

static struct start
decide(const struct track *tr, const struct part *p)
{
    const bool alone = fresh(tr, p);
    const struct start_facts f = {
        .since = tr->cur->since,
        .has_previous = tr->cur->previous != NULL,
        .commit = p->commit,
        .commit_since = p->commit_since,
        .own = own(tr, p),
        .may_wait =
            !tr->by_hand && clock_mono_ms() < p->assigned_ms + tr->e.settle_ms,
        .map_done = p->map_done || alone,
        .mapped = p->mapped,
    };
    return handover_start(&f);
}

/* The two clusters are all on which the group can have a position. */
static bool
two_clusters(const struct track *tr)
{
    const struct generation *g = tr->cur;
    for (size_t i = 0; i < g->n_views; i++)
        if (!str_equal(g->views[i].origin, g->cluster) &&
            !str_equal(g->views[i].origin, g->previous))
            return false;
    return true;
}

/* There is no commit of the group, neither here nor on the previous cluster:
 * both have said so.  With "latest" that does not mean that it begins with the
 * first record, by hand not that it has no positions. */
static bool
never_read(const struct track *tr, const struct part *p)
{
    return p->map_done && p->none_before && p->commit < 0 && !tr->by_hand &&
           !tr->e.reset_latest && two_clusters(tr);
}

/* True: it runs. */
static bool
try_start(struct track *tr, struct part *p)
{
    struct start s = decide(tr, p);
    if (fresh(tr, p) && s.kind != START_RESET)
        s.kind = START_AT; /* as it should be, nothing to warn of */
    if (s.kind == START_BEGINNING && never_read(tr, p)) {
        s.kind = START_AT;
        tr->starter.unread++;
    }
    if (s.kind == START_WAIT)
        return false;
    p->map_wanted = s.kind == START_MAP;
    p->end_wanted = s.kind == START_RESET && tr->e.reset_latest;
    if (p->map_wanted || p->end_wanted)
        return false;
    track_start_part(tr, tr->cur, p, &s);
    return true;
}

static void
tell_unmapped(struct track *tr)
{
    const size_t n = tr->starter.unmapped;
    const size_t unread = tr->starter.unread;
    tr->starter.unmapped = tr->starter.unread = 0;
    if (unread > 0)
        track_log(tr, LOG_INFO,
                  "%zu partitions on cluster %s start at the log start: the "
                  "group has no commit of them, there or on cluster %s",
                  unread, tr->cur->cluster, tr->cur->previous);
    if (n > 0)
        track_warn(tr,
                   "%zu partitions on cluster %s start without a mapped "
                   "position, at an older commit or at the log start: "
                   "records may be read again",
                   n, tr->cur->cluster);
}

static void
fetch_started(struct track *tr, size_t n)
{
    if (n == 0)
        return;
    generation_fetch(tr->cur);
    track_switched(tr);
}

/* ---- commits on the current cluster -------------------------------------- */

static void
ask_commits(struct track *tr)
{
    struct starter *s = &tr->starter;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (waiting(p) && !p->map_wanted && !p->end_wanted)
            rd_kafka_topic_partition_list_add(l, p->key.topic,
                                              p->key.partition);
    if (l->cnt > 0)
        s->commits = query_commits(tr->e.worker, tr->wake, tr->cur, l);
    else
        rd_kafka_topic_partition_list_destroy(l);
}

static bool
take_commit(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    struct part *p = generation_find(tr->cur, t->topic, t->partition);
    if (!p || !waiting(p) || p->map_wanted || t->err)
        return false;
    p->commit = t->offset >= 0 ? t->offset : -1;
    p->commit_since = handover_since(t->metadata, t->metadata_size);
    return try_start(tr, p);
}

static void
take_commits(struct track *tr)
{
    struct starter *s = &tr->starter;
    const rd_kafka_topic_partition_list_t *l = NULL;
    size_t started = 0;
    if (!s->commits || !query_done(s->commits))
        return;
    const rd_kafka_resp_err_t code = query_result(s->commits, &l);
    for (int i = 0; !code && i < l->cnt; i++)
        started += take_commit(tr, &l->elems[i]);
    if (code)
        track_log(tr, LOG_WARNING,
                  "cannot read the group's commits on cluster %s: %s",
                  tr->cur->cluster, rd_kafka_err2str(code));
    s->again_ms = clock_mono_ms() + (code ? FAILED_MS : COMMITS_MS);
    query_free(s->commits);
    s->commits = NULL;
    fetch_started(tr, started);
}

/* ---- log ends ------------------------------------------------------------ */

/* auto.offset.reset=latest: the end is looked up and becomes a position like
 * any other, so that a switch before the first record skips nothing and does
 * not read everything either. */
static void
ask_ends(struct track *tr)
{
    struct starter *s = &tr->starter;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (waiting(p) && p->end_wanted)
            rd_kafka_topic_partition_list_add(l, p->key.topic,
                                              p->key.partition);
    if (l->cnt > 0)
        s->ends = query_ends(tr->e.worker, tr->wake, tr->cur, l);
    else
        rd_kafka_topic_partition_list_destroy(l);
}

static bool
take_end(struct track *tr, const rd_kafka_topic_partition_t *t)
{
    struct part *p = generation_find(tr->cur, t->topic, t->partition);
    if (!p || !waiting(p) || !p->end_wanted || t->err || t->offset < 0)
        return false;
    const struct start at = {START_AT,
                             t->offset > p->tail ? t->offset - p->tail : 0, 0};
    track_start_part(tr, tr->cur, p, &at);
    return true;
}

static void
take_ends(struct track *tr)
{
    struct starter *s = &tr->starter;
    const rd_kafka_topic_partition_list_t *l = NULL;
    size_t started = 0;
    if (!s->ends || !query_done(s->ends))
        return;
    (void)query_result(s->ends, &l); /* each says for itself */
    for (int i = 0; i < l->cnt; i++)
        started += take_end(tr, &l->elems[i]);
    const bool failed = started < (size_t)l->cnt;
    s->ends_again_ms = failed ? clock_mono_ms() + FAILED_MS : 0;
    query_free(s->ends);
    s->ends = NULL;
    fetch_started(tr, started);
}

/* ---- commits on the previous cluster, and their translation -------------- */

/* Those that were asked for have what they can get. */
static void
give_up(struct track *tr)
{
    size_t started = 0;
    for (struct part *p = tr->cur->parts; p; p = p->hh.next) {
        if (!waiting(p) || !p->map_asked)
            continue;
        p->map_asked = false;
        p->map_done = true;
        started += try_start(tr, p);
    }
    fetch_started(tr, started);
}

static void
add_before(const struct track *tr, struct part *p,
           rd_kafka_topic_partition_list_t *l)
{
    if (l->cnt == POSITIONS_MAX)
        return; /* the next round's */
    p->map_asked = true;
    p->none_before = false;
    metrics_add(tr->e.metrics, METRIC_SETTLE_TIMEOUTS, 1);
    char *name = name_before(tr, p);
    if (name)
        rd_kafka_topic_partition_list_add(l, name, p->key.partition);
    free(name);
}

static void
ask_source(struct track *tr)
{
    struct starter *s = &tr->starter;
    rd_kafka_conf_t *conf = NULL;
    const struct pt_cluster *q =
        tr->route ? pt_answer_cluster(&tr->route->answer, tr->cur->previous)
                  : NULL;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
    for (struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (waiting(p) && p->map_wanted && !p->map_done)
            add_before(tr, p, l);
    if (l->cnt > 0 && q &&
        generation_conf(&tr->e, q, false, &conf, NULL) == 0) {
        s->source = query_elsewhere(tr->e.worker, tr->wake, conf, l);
        return;
    }
    rd_kafka_topic_partition_list_destroy(l);
    give_up(tr);
}

static bool
want_translations(const struct track *tr)
{
    for (const struct part *p = tr->cur->parts; p; p = p->hh.next)
        if (waiting(p) && p->map_wanted && !p->map_done)
            return true;
    return false;
}

static int
fill_question(const struct track *tr, struct po_question *q,
              const rd_kafka_topic_partition_list_t *l)
{
    q->from = strdup(tr->cur->previous);
    q->to = strdup(tr->cur->cluster);
    q->positions = calloc((size_t)l->cnt + 1, sizeof(*q->positions));
    if (!q->from || !q->to || !q->positions)
        return ERR_NOMEM;
    for (int i = 0; i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[i];
        if (t->err || t->offset < 0)
            continue;
        struct po_position *at = &q->positions[q->n];
        at->topic = strdup(t->topic);
        at->partition = t->partition;
        at->offset = t->offset;
        if (!at->topic)
            return ERR_NOMEM;
        q->n++;
    }
    return 0;
}

/* Looks from *at on: they mostly are in the order in which they were asked. */
static const rd_kafka_topic_partition_t *
next_of(const rd_kafka_topic_partition_list_t *l, const char *topic,
        int32_t partition, int *at)
{
    for (int i = 0; topic && i < l->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &l->elems[(*at + i) % l->cnt];
        if (t->partition != partition || strcmp(t->topic, topic) != 0)
            continue;
        *at = (*at + i + 1) % l->cnt;
        return t;
    }
    return NULL;
}

static void
note_none(struct track *tr, const rd_kafka_topic_partition_list_t *l)
{
    int at = 0;
    for (struct part *p = tr->cur->parts; p; p = p->hh.next) {
        char *name = waiting(p) && p->map_asked ? name_before(tr, p) : NULL;
        const rd_kafka_topic_partition_t *t =
            next_of(l, name, p->key.partition, &at);
        p->none_before = t && !t->err && t->offset == RD_KAFKA_OFFSET_INVALID;
        free(name);
    }
}

static int
ask_mapper(struct track *tr)
{
    struct starter *s = &tr->starter;
    return control_ask(tr->e.control, &s->question,
                       clock_mono_ms() + tr->e.mapping_ms, &s->asking, NULL);
}

static void
take_source(struct track *tr)
{
    struct starter *s = &tr->starter;
    const rd_kafka_topic_partition_list_t *l = NULL;
    if (!query_done(s->source))
        return;
    const rd_kafka_resp_err_t code = query_result(s->source, &l);
    int rc = code ? ERR_KAFKA : fill_question(tr, &s->question, l);
    if (!code)
        note_none(tr, l);
    s->until_ms = clock_mono_ms() + tr->e.catchup_ms;
    if (rc == 0 && s->question.n > 0)
        rc = ask_mapper(tr);
    query_free(s->source);
    s->source = NULL;
    if (s->asking)
        return;
    drop_question(s);
    if (rc != 0)
        track_warn(tr, "the group's positions on cluster %s are not known: %s",
                   tr->cur->previous,
                   code ? rd_kafka_err2str(code) : err_text(rc));
    give_up(tr);
}

static void
take_translated(struct track *tr, const struct po_translated *t,
                const struct po_position *asked)
{
    struct part *p =
        t->topic ? generation_find(tr->cur, t->topic, asked->partition) : NULL;
    if (!p || !waiting(p))
        return;
    char *before = name_before(tr, p);
    if (before && strcmp(before, asked->topic) == 0)
        p->mapped = handover_mapped(t, asked, p->key.topic);
    free(before);
}

/* True: nothing is known of a partition that was read; its first records may
 * have been written just now, so it is asked for again in a moment. */
static bool
strange_waits(struct starter *s, const struct po_translation *answer)
{
    bool any = false;
    for (size_t i = 0; i < answer->n && i < s->question.n; i++)
        any = any || (answer->v[i].quality == PO_NONE &&
                      s->question.positions[i].offset > 0);
    s->ask_ms = clock_mono_ms() + STRANGE_MS;
    return any && s->ask_ms < s->until_ms;
}

static void
take_translation(struct track *tr)
{
    struct starter *s = &tr->starter;
    struct po_translation answer = {0};
    struct err err = {0};
    const int rc = asking_result(s->asking, &answer, &err);
    if (rc > 0)
        return;
    if (rc == 0 && strange_waits(s, &answer)) {
        po_translation_fini(&answer);
        asking_free(s->asking);
        s->asking = NULL;
        return;
    }
    for (size_t i = 0; i < answer.n && i < s->question.n; i++)
        take_translated(tr, &answer.v[i], &s->question.positions[i]);
    if (rc < 0)
        track_warn(tr, "no translation from cluster %s to %s: %s",
                   tr->cur->previous, tr->cur->cluster, err.text);
    po_translation_fini(&answer);
    drop_question(s);
    give_up(tr);
}

static void
ask_again(struct track *tr)
{
    struct starter *s = &tr->starter;
    if (clock_mono_ms() < s->ask_ms || ask_mapper(tr) == 0)
        return;
    drop_question(s);
    give_up(tr);
}

static void
start_step(struct track *tr)
{
    struct starter *s = &tr->starter;
    take_topics(tr);
    if (!track_start_pending(tr) && !s->commits && !s->source && !s->asking &&
        s->question.n == 0)
        return;
    take_commits(tr);
    take_ends(tr);
    if (!s->ends && clock_mono_ms() >= s->ends_again_ms)
        ask_ends(tr);
    if (s->source)
        take_source(tr);
    else if (s->asking)
        take_translation(tr);
    else if (s->question.n > 0)
        ask_again(tr);
    else if (want_translations(tr))
        ask_source(tr);
    if (!s->commits && clock_mono_ms() >= s->again_ms &&
        track_start_pending(tr))
        ask_commits(tr);
}

/* What starts is told of before a record of it can be delivered: who reads a
 * little and closes has heard of it. */
void
track_start_step(struct track *tr)
{
    start_step(tr);
    tell_unmapped(tr);
}
