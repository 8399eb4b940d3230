/*
 * Heartbeats, on the thread of the target's feed.  They are signs of life, not
 * knowledge: nothing of them is stored, and reading starts near the end.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "offset-mapper/follow_impl.h"

#define TAIL 100 /* records; they come one a second */

static int64_t
from(void *arg)
{
    (void)arg;
    return RD_KAFKA_OFFSET_TAIL(TAIL);
}

/* Then the tail begins elsewhere now. */
static void
out_of_log(void *arg)
{
    (void)arg;
}

static bool
decode(const rd_kafka_message_t *m, struct mm2_heartbeat *out, struct err *why)
{
    return mm2_heartbeat_decode(m->key, m->key_len, m->payload, m->len, out,
                                why) == 0;
}

/* Under f->lock. */
static void
count(struct flow_follow *f, const rd_kafka_message_t *m, bool good,
      int64_t end)
{
    struct follow_topic *t = &f->status.heartbeats;
    t->position = m->offset + 1;
    t->end = end > t->position ? end : t->position;
    t->undecodable += !good && m->payload;
    t->tombstones += !m->payload;
}

/* ---- `a.heartbeats` on b: a -> b copies ------------------------------- */

static void
copied(struct flow_follow *f, const struct mm2_heartbeat *h)
{
    const int64_t wall_ms = clock_wall_ms();
    const int64_t seen_ms = beats_seen_ms(f->copied_live, h->timestamp_ms,
                                          wall_ms, clock_mono_ms());
    if (seen_ms > f->signs.copied_ms)
        f->signs.copied_ms = seen_ms;
    if (h->timestamp_ms > f->status.last_heartbeat_ms)
        f->status.last_heartbeat_ms = h->timestamp_ms;
    if (f->copied_live)
        f->status.latency_ms =
            wall_ms > h->timestamp_ms ? wall_ms - h->timestamp_ms : 0;
}

static int
take_copied(void *arg, rd_kafka_message_t *const *m, size_t n, int64_t end,
            struct err *err)
{
    (void)err;
    struct flow_follow *f = arg;
    for (size_t i = 0; i < n; i++) {
        struct mm2_heartbeat h;
        struct err why = {0};
        const bool good = decode(m[i], &h, &why);
        (void)pthread_mutex_lock(&f->lock);
        count(f, m[i], good, end);
        if (good)
            copied(f, &h);
        (void)pthread_mutex_unlock(&f->lock);
        if (good)
            mm2_heartbeat_fini(&h);
        else
            follow_say(&f->bad, true, "flow %s: %s offset %lld skipped: %s",
                       f->flow->name, f->copied, (long long)m[i]->offset,
                       why.text);
    }
    return 0;
}

static void
copied_at_end(void *arg, int64_t end)
{
    struct flow_follow *f = arg;
    f->copied_live = true;
    (void)pthread_mutex_lock(&f->lock);
    f->status.heartbeats.end = end;
    (void)pthread_mutex_unlock(&f->lock);
}

static void
copied_news(void *arg, enum feed_news what, const char *text)
{
    struct flow_follow *f = arg;
    f->copied_live = false;
    (void)pthread_mutex_lock(&f->lock);
    follow_topic_news(&f->status.heartbeats, what, text);
    f->signs.blind = what == FEED_TROUBLE;
    (void)pthread_mutex_unlock(&f->lock);
    if (what == FEED_TROUBLE)
        log_warn("flow %s: %s", f->flow->name, text);
}

const struct feed_calls follow_copied = {.from = from,
                                         .take = take_copied,
                                         .at_end = copied_at_end,
                                         .out_of_log = out_of_log,
                                         .news = copied_news};

/* ---- `heartbeats` on b: the workers of flows to b run ------------------ */

static struct flow_follow *
flow_of(struct follow *f, const struct mm2_heartbeat *h)
{
    const struct flow *flow = config_flow(f->config, h->source, h->target);
    return flow ? &f->flows[flow - f->config->flows] : NULL;
}

static int
take_heartbeats(void *arg, rd_kafka_message_t *const *m, size_t n, int64_t end,
                struct err *err)
{
    (void)end;
    (void)err;
    struct cluster_follow *c = arg;
    for (size_t i = 0; i < n; i++) {
        struct mm2_heartbeat h;
        if (!decode(m[i], &h, NULL))
            continue; /* counted where a flow copies it */
        struct flow_follow *f = flow_of(c->home, &h);
        const int64_t seen_ms = beats_seen_ms(c->live, h.timestamp_ms,
                                              clock_wall_ms(), clock_mono_ms());
        mm2_heartbeat_fini(&h);
        if (!f)
            continue;
        (void)pthread_mutex_lock(&f->lock);
        if (seen_ms > f->signs.worker_ms)
            f->signs.worker_ms = seen_ms;
        (void)pthread_mutex_unlock(&f->lock);
    }
    return 0;
}

static void
heartbeats_at_end(void *arg, int64_t end)
{
    (void)end;
    struct cluster_follow *c = arg;
    c->live = true;
}

static void
heartbeats_news(void *arg, enum feed_news what, const char *text)
{
    struct cluster_follow *c = arg;
    c->live = false;
    if (what == FEED_TROUBLE)
        log_warn("cluster %s: %s", c->cluster->name, text);
}

const struct feed_calls follow_heartbeats = {.from = from,
                                             .take = take_heartbeats,
                                             .at_end = heartbeats_at_end,
                                             .out_of_log = out_of_log,
                                             .news = heartbeats_news};
