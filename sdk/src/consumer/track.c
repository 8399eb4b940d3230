/*
 * The life of a track and its poll.  consumer_poll() takes turns: one step of
 * whatever is under way (which never waits), then one poll of the handle that
 * delivers.  While more than that handle has to be served the poll is cut into
 * short turns.
 */
#include "sdk/src/consumer/track.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "common/kafka/kconf.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/place.h"

#define BUSY_MS 10   /* a turn while handles or answers are waited for */
#define TURN_MS 1000 /* a turn otherwise: timers are looked at in between */

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 10000

/* Further tracks are members of their own, which a static one cannot be under
 * the same name. */
static int
rename_static(struct track *tr, struct err *err)
{
    char id[512];
    char *name;
    size_t size = sizeof(id);
    if (tr->number == 1 ||
        rd_kafka_conf_get(tr->e.template, "group.instance.id", id, &size) !=
            RD_KAFKA_CONF_OK ||
        !*id)
        return 0;
    tr->template = rd_kafka_conf_dup(tr->e.template);
    tr->e.template = tr->template;
    if (asprintf(&name, "%s-%u", id, tr->number) < 0)
        return err_nomem(err);
    const int rc = kconf_set(tr->template, "group.instance.id", name, err);
    free(name);
    return rc;
}

int
track_new(const struct engine *e, struct consumer *c, unsigned number,
          struct track **out, struct err *err)
{
    struct track *tr = calloc(1, sizeof(*tr));
    if (!tr)
        return err_nomem(err);
    tr->e = tr->plain = *e;
    tr->state = TRACK_IDLE;
    tr->switch_ms = -1;
    backoff_init(&tr->retry, RETRY_MIN_MS, RETRY_MAX_MS,
                 (uint64_t)clock_mono_us());
    tr->c = c;
    tr->number = number;
    tr->wake = c->wake;
    tr->reaper = c->reaper;
    const int rc = rename_static(tr, err);
    if (rc != 0) {
        track_free(tr);
        return rc;
    }
    *out = tr;
    return 0;
}

bool
track_owns(const struct track *tr, const struct part *p)
{
    if (!tr->shared)
        return true;
    const struct view *v = generation_view(tr->cur, p->key.topic);
    return v && strlist_has(&tr->topics, v->logical);
}

static bool
reads(const struct track *tr)
{
    return tr->cur && !tr->cur->stopped && !tr->shared && !tr->c->silent;
}

void
track_leave_tell(struct track *tr)
{
    if (!reads(tr))
        return;
    inhand_finish_all(&tr->c->hands);
    track_tell_rebalance(tr, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
}

void
track_leave(struct track *tr)
{
    if (reads(tr)) {
        if (!tr->c->close_told)
            track_leave_tell(tr);
        track_commit_wait(tr, tr->cur, NULL);
    }
    track_drop_generations(tr);
    track_by_hand_end(tr);
    strlist_fini(&tr->topics);
    tr->topics = (struct strlist){0};
}

/* ---- poll ---------------------------------------------------------------- */

static bool
busy(const struct track *tr)
{
    if (tr->next || tr->n_landings > 0)
        return true;
    for (size_t i = 0; i < RETIRED_MAX; i++)
        if (tr->retired[i])
            return true;
    return track_start_pending(tr);
}

static int64_t
min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t
track_due_ms(const struct track *tr, int64_t now_ms)
{
    int64_t at = now_ms + (busy(tr) ? BUSY_MS : TURN_MS);
    at = min_of(at, tr->report_at_ms);
    if (tr->retry_ms > 0)
        at = min_of(at, tr->retry_ms);
    if (tr->standby || tr->standby_due)
        at = min_of(at, tr->standby_ms);
    if (tr->cur && track_commits_by_time(tr))
        at = min_of(at, tr->commit_at_ms);
    if (tr->cur && tr->cur->parted_until_ms > 0)
        at = min_of(at, tr->cur->parted_until_ms);
    return at > now_ms ? at : now_ms + 1;
}

void
track_each(struct track *tr, void (*fn)(struct generation *g, void *arg),
           void *arg)
{
    if (tr->cur && !tr->shared)
        fn(tr->cur, arg);
    if (tr->next)
        fn(tr->next, arg);
    if (tr->standby)
        fn(tr->standby, arg);
    for (int i = 0; i < RETIRED_MAX; i++)
        if (tr->retired[i])
            fn(tr->retired[i], arg);
}

/* A copy's topic may come into being long after the subscription. */
static bool
swallowed(struct track *tr, const rd_kafka_message_t *m)
{
    if (m->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
        m->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC &&
        m->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        return false;
    const char *topic = m->rkt ? rd_kafka_topic_name(m->rkt) : NULL;
    const struct view *v = topic ? generation_view(tr->cur, topic) : NULL;
    if (!v || strcmp(v->origin, tr->cur->cluster) == 0)
        return false;
    track_log(tr, LOG_INFO, "topic %s is not on cluster %s yet", topic,
              tr->cur->cluster);
    return true;
}

/* What was delivered before is behind it, or the log was cut. */
static void
count(const struct track *tr, struct hand *hand, struct part *p, int64_t offset)
{
    if (offset < p->finished && !tr->e.store_by_hand)
        p->finished = offset;
    p->next = offset + 1;
    inhand_take(hand, p->life, offset, &p->hold);
}

/* The record before the start, which was finished elsewhere. */
static bool
is_pilot(struct part *p, const rd_kafka_message_t *m)
{
    p->pilot = false;
    return m->offset == p->start - 1 && p->next == p->start &&
           prints_reach(&p->prints, p->start) && prints_last_is(&p->prints, m);
}

static void
note_end(struct generation *g, const rd_kafka_message_t *m)
{
    struct part *p =
        m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && m->rkt
            ? generation_find(g, rd_kafka_topic_name(m->rkt), m->partition)
            : NULL;
    if (p)
        p->end = m->offset;
}

/* True: for the application.  `life` was the newest when librdkafka was asked:
 * a partition that has changed hands or its place since, in a callback or
 * without the lock, may have been asked before or behind that, so it is fetched
 * again from where it is now. */
static bool
deliver(struct track *tr, struct generation *g, struct hand *hand,
        const rd_kafka_message_t *m, uint64_t life, struct part **part)
{
    *part = NULL;
    if (m->err) {
        if (m->rkt)
            (void)generation_know_topic(g, m->rkt); /* told by its name else */
        note_end(g, m);
        return !swallowed(tr, m);
    }
    struct part *p = generation_deliverable(g, m);
    if (!p)
        return false;
    if (p->life > life) {
        p->again = g->again = true;
        return false;
    }
    if (p->pilot && is_pilot(p, m))
        return false;
    g->down = false;
    count(tr, hand, p, m->offset);
    track_delivered(tr, p, m);
    *part = p;
    return true;
}

static bool
delivers(const struct track *tr, const struct generation *g)
{
    return g == tr->cur && !tr->shared &&
           (tr->state == TRACK_RUNNING || tr->state == TRACK_JOINING);
}

/* Most records stand behind another one of their partition: what holds for that
 * one holds for them, and their hold in the hand is that one's. */
static bool
goes_on(struct track *tr, const rd_kafka_message_t *before,
        const rd_kafka_message_t *m, struct part *p)
{
    if (m->err || m->rkt != before->rkt || m->partition != before->partition ||
        m->offset < p->next || p->pilot)
        return false;
    p->next = m->offset + 1;
    track_delivered(tr, p, m);
    return true;
}

/* Keeps in `v` what is for the application; how many. */
static size_t
deliver_all(struct track *tr, struct generation *g, struct hand *hand,
            rd_kafka_message_t **v, size_t n, uint64_t life)
{
    size_t kept = 0;
    struct part *p = NULL; /* of v[kept - 1] */
    const bool any = delivers(tr, g);
    for (size_t i = 0; i < n; i++) {
        if (any && ((p && goes_on(tr, v[kept - 1], v[i], p)) ||
                    deliver(tr, g, hand, v[i], life, &p)))
            v[kept++] = v[i];
        else
            rd_kafka_message_destroy(v[i]);
    }
    if (g->again && !g->stopped)
        generation_fetch(g);
    metrics_add_locked(tr->e.metrics, METRIC_RECORDS_DELIVERED, (int64_t)kept);
    return kept;
}

size_t
track_take(struct track *tr, struct hand *hand, rd_kafka_message_t **v,
           size_t n)
{
    struct generation *g = tr->cur;
    struct consumer *c = tr->c;
    const uint64_t life = inhand_newest_life();
    if (!g || !delivers(tr, g))
        return 0;
    const int outer = c->inside;
    c->inside = c->depth;
    const ssize_t got = rd_kafka_consume_batch_queue(g->queue, 0, v, n);
    c->inside = outer;
    return got > 0 ? deliver_all(tr, g, hand, v, (size_t)got, life) : 0;
}

static void
wait_for_news(struct track *tr, int timeout_ms)
{
    consumer_unlock(tr->c);
    wake_wait(tr->wake, timeout_ms);
    consumer_lock(tr->c);
}

rd_kafka_message_t *
track_turn(struct track *tr, struct hand *hand, int64_t left_ms)
{
    const int ms = left_ms < TURN_MS ? (int)left_ms : TURN_MS;
    struct generation *g = tr->state == TRACK_MAPPING ? tr->next : tr->cur;
    if (!g) {
        wait_for_news(tr, ms);
        return NULL;
    }
    const uint64_t life = inhand_newest_life();
    generation_ref(g);
    consumer_unlock(tr->c);
    rd_kafka_message_t *m = rd_kafka_consumer_poll(g->rk, ms);
    consumer_lock(tr->c);
    const bool kept = m && deliver_all(tr, g, hand, &m, 1, life) > 0;
    generation_unref(g);
    return kept ? m : NULL;
}

void
track_wait(struct track *tr, int64_t left_ms)
{
    wait_for_news(tr, left_ms < BUSY_MS ? (int)left_ms : BUSY_MS);
}

void
track_serve(struct track *tr, struct generation *g)
{
    generation_ref(g);
    consumer_unlock(tr->c);
    generation_serve(g);
    consumer_lock(tr->c);
    generation_unref(g);
}

/* Members that learned of the route later have had their time. */
static void
parted_step(struct track *tr)
{
    struct generation *g = tr->shared ? NULL : tr->cur;
    if (!g || g->parted_until_ms == 0 || clock_mono_ms() < g->parted_until_ms)
        return;
    generation_forget_parted(g);
    tr->news = true;
}

void
track_step(struct track *tr)
{
    parted_step(tr);
    track_switch_step(tr);
    if (tr->cur)
        generation_take_rest(tr->cur);
    if (tr->state == TRACK_RUNNING)
        track_given_step(tr);
    track_commit_step(tr);
    track_report_step(tr);
}

/* ---- callbacks of the application ---------------------------------------- */

/* What is ours in the metadata is nobody's business. */
void
track_leave_app_metadata(rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        char *words = NULL;
        (void)place_app(&l->elems[i], &words);
        place_metadata_take(&l->elems[i], words);
    }
}

void
track_call_commit(struct track *tr, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t *l)
{
    if (!tr->e.on_commit)
        return;
    track_leave_app_metadata(l);
    consumer_unlock(tr->c);
    tr->e.on_commit(code, l, tr->e.arg);
    consumer_lock(tr->c);
}

/* ---- names --------------------------------------------------------------- */

void
track_cluster(struct track *tr, char *buf, size_t size)
{
    if (size == 0)
        return;
    buf[0] = '\0';
    if (tr->cur)
        (void)strncat(buf, tr->cur->cluster, size - 1);
}

static const struct view *
any_view(const struct track *tr, const char *physical)
{
    const struct view *v = tr->cur ? generation_view(tr->cur, physical) : NULL;
    if (v && v->parted)
        v = NULL; /* another track's, where it may be another stream */
    for (size_t i = 0; !v && i < RETIRED_MAX; i++)
        v = tr->retired[i] ? generation_view(tr->retired[i], physical) : NULL;
    return v;
}

const char *
track_logical_name(struct track *tr, const char *physical)
{
    const struct view *v = any_view(tr, physical);
    return v ? v->logical : physical;
}

const char *
track_origin(struct track *tr, const char *physical)
{
    const struct view *v = any_view(tr, physical);
    return v ? v->origin : "";
}

struct generation *
track_hold(struct track *tr)
{
    if (tr->cur)
        generation_ref(tr->cur);
    return tr->cur;
}

/* ---- the end ------------------------------------------------------------- */

bool
track_closed(const struct track *tr)
{
    return tr->state == TRACK_CLOSED;
}

void
track_free(struct track *tr)
{
    if (!tr)
        return;
    track_by_hand_end(tr);
    route_unref(tr->route);
    strlist_fini(&tr->topics);
    free(tr->complaint);
    free(tr->stale);
    free(tr->from);
    if (tr->template)
        rd_kafka_conf_destroy(tr->template);
    free(tr);
}
