/*
 * Offset syncs, on the thread of the feed that reads them; nobody else writes
 * the flow's partitions.  What was read and the position behind it are one
 * transaction: when that fails nothing has moved.  Which records count stands in
 * reading.h.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "offset-mapper/follow_impl.h"

#define TOPIC_MAX 512 /* bytes; Kafka's own limit is 249 */
#include "offset-mapper/reading.h"

static void
publish(struct flow_follow *f, int64_t end, bool at_end)
{
    struct follow_status *st = &f->status;
    (void)pthread_mutex_lock(&f->lock);
    st->progress = f->progress;
    st->syncs.position = f->progress.position;
    st->syncs.undecodable = f->progress.undecodable;
    st->syncs.tombstones = f->progress.tombstones;
    if (end >= 0)
        st->syncs.end = end;
    if (st->syncs.end < f->progress.position)
        st->syncs.end = f->progress.position;
    st->ready = st->ready || at_end;
    (void)pthread_mutex_unlock(&f->lock);
}

/* ---- records ---------------------------------------------------------- */

static void
skip_record(struct flow_follow *f, const rd_kafka_message_t *m, const char *why)
{
    if (m->payload)
        f->progress.undecodable++;
    else
        f->progress.tombstones++;
    follow_say(&f->bad, true, "flow %s: %s offset %lld skipped: %s",
               f->flow->name, f->flow->topic, (long long)m->offset, why);
}

static void
tell_change(struct flow_follow *f, const struct mm2_offset_sync *s,
            enum runs_change change)
{
    if (change == RUNS_RESTART)
        follow_say(&f->changes, true,
                   "flow %s: %s [%d] was made anew on the target (sync %lld -> "
                   "%lld): its older syncs are dropped",
                   f->flow->name, s->topic, s->partition,
                   (long long)s->upstream, (long long)s->downstream);
    else if (change == RUNS_BACK)
        follow_say(&f->changes, false,
                   "flow %s: %s [%d] is copied again from %lld on (to %lld)",
                   f->flow->name, s->topic, s->partition,
                   (long long)s->upstream, (long long)s->downstream);
}

static int
keep_sync(struct flow_follow *f, struct store_batch *batch,
          const rd_kafka_message_t *m, int64_t time_ms, struct err *err)
{
    struct mm2_sync_view v;
    char topic[TOPIC_MAX + 1];
    struct err why = {0};
    int rc =
        mm2_offset_sync_view(m->key, m->key_len, m->payload, m->len, &v, &why);
    if (rc == 0 && v.topic_len > TOPIC_MAX)
        rc = err_set(&why, ERR_LIMIT, "the topic name is too long");
    if (rc) {
        skip_record(f, m, why.text);
        return 0;
    }
    memcpy(topic, v.topic, v.topic_len);
    topic[v.topic_len] = '\0';
    const struct mm2_offset_sync s = {topic, v.partition, v.upstream,
                                      v.downstream};
    const struct store_part part = {f->flow->name, topic, s.partition};
    enum runs_change change = RUNS_SAME;
    rc = store_batch_sync(batch, &part, s.upstream, s.downstream, time_ms,
                          &f->progress, &change, err);
    if (rc == 0)
        tell_change(f, &s, change);
    else if (rc == ERR_INVALID)
        skip_record(f, m, err->text);
    return rc == ERR_INVALID ? 0 : rc;
}

static int
keep_record(struct flow_follow *f, struct store_batch *batch,
            const rd_kafka_message_t *m, struct err *err)
{
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(m, &type);
    if (!reading_step(&f->progress, m->offset, time_ms))
        return 0;
    return keep_sync(f, batch, m, time_ms, err);
}

static int
take(void *arg, rd_kafka_message_t *const *m, size_t n, int64_t end,
     struct err *err)
{
    (void)end;
    struct flow_follow *f = arg;
    rd_kafka_timestamp_type_t type;
    int rc = taking_begin(&f->syncs_taken, f->home->store, &f->progress, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = keep_record(f, f->syncs_taken.batch, m[i], err);
    f->sync_ms = rd_kafka_message_timestamp(m[n - 1], &type);
    if (rc)
        taking_abort(&f->syncs_taken, &f->progress);
    return rc;
}

static int
keep(void *arg, int64_t end, struct err *err)
{
    struct flow_follow *f = arg;
    if (end >= 0 && f->progress.position >= end)
        f->progress.complete = 1;
    const int rc = taking_keep(&f->syncs_taken, f->flow, f->syncs_source,
                               &f->progress, err);
    if (rc)
        return rc;
    const int64_t seen_ms =
        beats_seen_ms(false, f->sync_ms, clock_wall_ms(), clock_mono_ms());
    (void)pthread_mutex_lock(&f->lock);
    if (seen_ms > f->signs.sync_ms)
        f->signs.sync_ms = seen_ms;
    (void)pthread_mutex_unlock(&f->lock);
    publish(f, end, false);
    follow_changed(f->home);
    return 0;
}

/* ---- the topic -------------------------------------------------------- */

static int64_t
from(void *arg)
{
    const struct flow_follow *f = arg;
    return f->progress.position > 0 ? f->progress.position
                                    : RD_KAFKA_OFFSET_BEGINNING;
}

/* After a restart it may answer from what it has. */
static void
keep_complete(struct flow_follow *f)
{
    struct err err = {0};
    if (taking_begin(&f->syncs_taken, f->home->store, &f->progress, &err) ||
        taking_keep(&f->syncs_taken, f->flow, f->syncs_source, &f->progress,
                    &err))
        log_error("flow %s: %s", f->flow->name, err.text);
}

static void
at_end(void *arg, int64_t end)
{
    struct flow_follow *f = arg;
    const bool was_complete = f->progress.complete;
    reading_end(&f->progress, end);
    if (!was_complete)
        keep_complete(f);
    publish(f, end, true);
}

/* The topic was made anew or cut (the position lies beyond its end), or its
 * start has moved past the position. */
static void
out_of_log(void *arg)
{
    struct flow_follow *f = arg;
    log_warn("flow %s: %s has no offset %lld any more: reading it from its "
             "start",
             f->flow->name, f->flow->topic, (long long)f->progress.position);
    reading_reset(&f->progress);
}

/* Without the topic there are no syncs that could be missed.  What was complete
 * once answers also while its cluster is away. */
static void
news(void *arg, enum feed_news what, const char *text)
{
    struct flow_follow *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    follow_topic_news(&f->status.syncs, what, text);
    f->status.ready = f->status.ready || what == FEED_MISSING ||
                      (what == FEED_TROUBLE && f->progress.complete);
    (void)pthread_mutex_unlock(&f->lock);
    if (what == FEED_READING)
        log_info("flow %s: reading %s on %s from %lld", f->flow->name,
                 f->flow->topic, f->flow->cluster->name,
                 (long long)f->progress.position);
    else
        log_warn("flow %s: %s", f->flow->name, text);
}

/* ---- new incarnations ------------------------------------------------- */

static const char *const begun_words[STORE_BEGUN_REASONS] = {
    [STORE_FIRST] = "is new",
    [STORE_TARGET_ANEW] = "was made anew on the target",
    [STORE_SOURCE_ANEW] = "was made anew on the source",
    [STORE_SOURCE_CUT] = "has lost its end on the source",
    [STORE_TARGET_CUT] = "has lost its end on the target",
};

static void
verdict_free(struct verdict *v)
{
    free(v->topic);
    free(v);
}

/* A doubt may go on while syncs come; its end is what it is judged by. */
static bool
still_so(const struct verdict *v, const struct store_info *info)
{
    if (!info->known || info->incarnation != v->incarnation)
        return false;
    if (v->up_end >= 0)
        return info->doubt && info->doubt_until == v->doubt_until;
    return memcmp(&info->newest, &v->newest, sizeof(info->newest)) == 0;
}

/* Drops those from the list that were proven of something else than what is
 * there now. */
static int
keep_those_still_so(struct flow_follow *f, struct verdict **list,
                    struct err *err)
{
    struct store_view *view;
    int rc = store_view_open(f->home->store, &view, err);
    while (rc == 0 && *list) {
        struct verdict *v = *list;
        const struct store_part part = {f->flow->name, v->topic, v->partition};
        struct store_info info;
        rc = store_view_info(view, &part, &info, err);
        if (rc || still_so(v, &info)) {
            list = &v->next;
            continue;
        }
        *list = v->next;
        verdict_free(v);
    }
    store_view_close(view);
    return rc;
}

static int
begin_incarnations(struct flow_follow *f, const struct verdict *list,
                   struct err *err)
{
    struct store_batch *batch;
    int rc = store_batch_begin(f->home->store, &batch, err);
    if (rc)
        return rc;
    for (const struct verdict *v = list; v && rc == 0; v = v->next) {
        const struct store_part part = {f->flow->name, v->topic, v->partition};
        rc = v->up_end >= 0
                 ? store_batch_cut_doubt(batch, &part, v->doubt_until,
                                         v->up_end, err)
                 : store_batch_incarnation(batch, &part, v->why,
                                           clock_wall_ms(), &f->progress, err);
    }
    if (rc) {
        store_batch_abort(batch);
        return rc;
    }
    return store_batch_commit_take(batch, f->flow->name, f->syncs_source,
                                   &f->progress, err);
}

static void
tell_begun(struct flow_follow *f, const struct verdict *v)
{
    if (v->up_end >= 0) {
        follow_say(&f->changes, true,
                   "flow %s: %s [%d] ends at %lld on the source, which had "
                   "more: what is copied a second time ends there",
                   f->flow->name, v->topic, v->partition, (long long)v->up_end);
        return;
    }
    follow_say(&f->changes, true,
               "flow %s: %s [%d] %s: what was known of it is dropped",
               f->flow->name, v->topic, v->partition, begun_words[v->why]);
    (void)pthread_mutex_lock(&f->lock);
    f->status.begun[v->why]++;
    (void)pthread_mutex_unlock(&f->lock);
}

/* What fails is proven again by the overseer. */
static void
apply(struct flow_follow *f, struct verdict *list)
{
    struct err err = {0};
    const struct store_progress before = f->progress;
    int rc = keep_those_still_so(f, &list, &err);
    if (rc == 0 && list)
        rc = begin_incarnations(f, list, &err);
    if (rc) {
        f->progress = before;
        log_error("flow %s: %s", f->flow->name, err.text);
    }
    while (list) {
        struct verdict *next = list->next;
        if (rc == 0)
            tell_begun(f, list);
        verdict_free(list);
        list = next;
    }
}

static void
turn(void *arg)
{
    struct flow_follow *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    struct verdict *list = f->verdicts;
    const int64_t pruned = f->pruned_lately;
    f->verdicts = NULL;
    f->pruned_lately = 0;
    (void)pthread_mutex_unlock(&f->lock);
    if (!list && pruned == 0)
        return;
    f->progress.runs -= pruned;
    apply(f, list);
    publish(f, -1, false);
    follow_changed(f->home);
}

const struct feed_calls follow_syncs = {.from = from,
                                        .take = take,
                                        .keep = keep,
                                        .at_end = at_end,
                                        .out_of_log = out_of_log,
                                        .news = news,
                                        .turn = turn};
