#include "offset-mapper/answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/utc.h"
#include "common/base/xmem.h"

#define REASON_MAX_BYTES 8192

static enum po_quality
quality_of(enum runs_quality q)
{
    static const enum po_quality map[] = {[RUNS_EXACT] = PO_EXACT,
                                          [RUNS_BOUNDED] = PO_BOUNDED,
                                          [RUNS_AHEAD] = PO_AHEAD,
                                          [RUNS_BEFORE] = PO_BEFORE,
                                          [RUNS_NONE] = PO_NONE};
    return map[q];
}

static void
forget(struct po_translated *t)
{
    const struct po_position asked = t->asked;
    t->asked = (struct po_position){0};
    po_translated_fini(t);
    t->asked = asked;
    t->incarnation = t->sync_age_ms = t->lag = -1;
}

void
answer_none_take(struct po_translated *t, char *reason)
{
    forget(t);
    t->quality = PO_NONE;
    t->position = t->low = t->high = -1;
    t->reason = reason;
}

/* ---- words ------------------------------------------------------------ */

static const char *
begun_text(enum store_begun why)
{
    static const char *const texts[] = {
        [STORE_FIRST] = "its first sync was seen",
        [STORE_TARGET_ANEW] = "the target's topic was made anew",
        [STORE_SOURCE_ANEW] = "the source's topic was made anew",
        [STORE_SOURCE_CUT] = "the source lost records at its end",
        [STORE_TARGET_CUT] = "the target lost records at its end",
    };
    return (size_t)why < sizeof(texts) / sizeof(texts[0]) ? texts[why] : "?";
}

static void
put_hop_words(struct buf *b, const struct hop *h)
{
    buf_printf(b, "%s of flow %s%s", h->at.reason, h->flow->name,
               h->reverse ? ", in reverse" : "");
    if (h->info.incarnation > 1)
        buf_printf(b, " (incarnation %lu: %s)",
                   (unsigned long)h->info.incarnation, begun_text(h->info.why));
}

static char *
hop_words(const struct hop *h)
{
    struct buf b;
    buf_init(&b, REASON_MAX_BYTES);
    put_hop_words(&b, h);
    char *words = buf_take(&b);
    return words ? words : xstrdup("");
}

static char *
path_words(const struct path *p)
{
    struct buf b;
    buf_init(&b, REASON_MAX_BYTES);
    for (size_t i = 0; i < p->n; i++) {
        buf_puts(&b, i ? "; then " : "");
        put_hop_words(&b, &p->hops[i]);
    }
    char *words = buf_take(&b);
    return words ? words : xstrdup("");
}

/* Of the one flow that could have known; NULL: it never heard of it. */
static char *
why_not_now(const struct answering *a, const struct flow *f, const char *topic,
            int32_t partition)
{
    const struct store_part part = {f->name, topic, partition};
    struct store_info info;
    if (store_view_info(a->env.view, &part, &info, NULL) != 0 ||
        info.incarnation < 2 || info.known)
        return NULL;
    const struct utc_text since = utc_format(info.begun_ms);
    return xasprintf("flow %s: %s (seen at %s), no sync of %s [%d] since",
                     f->name, begun_text(info.why), since.s, topic,
                     (int)partition);
}

static char *
why_none(const struct answering *a, const struct po_position *p)
{
    const struct config *c = a->env.config;
    const struct flow *on = config_flow(c, a->from, a->to);
    const struct flow *back = config_flow(c, a->to, a->from);
    const char *upstream = p->topic;
    const bool copy =
        back && naming_is_copy_from(&back->naming, a->to, p->topic, &upstream);
    if (!on && !back)
        return xasprintf("no way of flows from %s to %s has syncs of %s [%d]",
                         a->from, a->to, p->topic, (int)p->partition);
    if (!copy && !on && back->naming.policy != NAMING_IDENTITY)
        return xasprintf("%s is no copy from %s, and there is no flow %s->%s",
                         p->topic, a->to, a->from, a->to);
    const struct flow *f = copy || !on ? back : on;
    char *words = why_not_now(a, f, upstream, p->partition);
    if (words)
        return words;
    return xasprintf("flow %s has no sync of %s [%d]", f->name, upstream,
                     (int)p->partition);
}

/* ---- data ------------------------------------------------------------- */

static int64_t
sync_age(const struct answering *a, const struct hop *h)
{
    const int64_t age = a->env.now_ms - h->info.newest_ms;
    return age < 0 ? 0 : age; /* clocks differ */
}

/* Records on the flow's source that are not known to be copied. */
static int64_t
hop_lag(const struct hop *h)
{
    if (!h->up_log.known)
        return -1;
    const int64_t lag =
        h->up_log.end - (h->info.newest.up + h->info.newest.length);
    return lag < 0 ? 0 : lag;
}

static void
set_path_facts(const struct answering *a, const struct path *p,
               struct po_translated *t)
{
    t->incarnation = p->hops[p->n - 1].info.incarnation;
    t->lag = t->coming = 0;
    for (size_t i = 0; i < p->n; i++) {
        const int64_t age = sync_age(a, &p->hops[i]);
        const int64_t lag = hop_lag(&p->hops[i]);
        t->sync_age_ms = age > t->sync_age_ms ? age : t->sync_age_ms;
        t->lag = lag < 0 || t->lag < 0 ? -1 : t->lag + lag;
        const int64_t coming = p->hops[i].at.coming;
        t->coming =
            coming > INT64_MAX - t->coming ? INT64_MAX : t->coming + coming;
    }
}

static void
add_run(struct po_hop *to, bool has, const struct run *r)
{
    if (has)
        to->runs[to->n_runs++] = (struct po_run){r->up, r->down, r->length};
}

static void
explain_hop(const struct answering *a, const struct hop *h, struct po_hop *to)
{
    to->flow = xstrdup(h->flow->name);
    to->reverse = h->reverse;
    to->topic = xstrdup(h->topic);
    to->quality = quality_of(h->at.quality);
    to->position = h->at.position;
    to->low = h->at.low;
    to->high = h->high;
    to->incarnation = h->info.incarnation;
    to->sync_age_ms = sync_age(a, h);
    add_run(to, h->at.has_at, &h->at.at);
    add_run(to, h->at.has_after, &h->at.after);
    to->reason = hop_words(h);
}

static void
explain(const struct answering *a, const struct path *p,
        struct po_translated *t)
{
    t->path = xcalloc(p->n + 1, sizeof(*t->path));
    t->n_path = p->n;
    for (size_t i = 0; i < p->n; i++)
        explain_hop(a, &p->hops[i], &t->path[i]);
}

/* Whoever starts below the log's start is sent wherever its auto.offset.reset
 * says; and what was there can be read no more.  Of the last hop only: on the
 * way, a position that is too high skips records.  Nor where the log may be
 * another one than that whose start is known (it is asked for less often). */
static void
to_log_start(const struct hop *last, struct po_translated *t)
{
    const struct log_range *r = last->reverse ? &last->up_log : &last->down_log;
    if (!r->known || last->broken || r->start > r->end || t->position < 0 ||
        t->position >= r->start)
        return;
    char *reason =
        xasprintf("%s; the log begins at %lld", t->reason, (long long)r->start);
    free(t->reason);
    t->reason = reason;
    t->position = t->low = r->start;
    if (t->high >= 0 && t->high < r->start)
        t->high = r->start;
}

static void
set_answer(const struct answering *a, const struct path *p,
           struct po_translated *t)
{
    const struct hop *last = &p->hops[p->n - 1];
    t->quality = quality_of(path_quality(p));
    t->topic = xstrdup(last->topic);
    t->position = last->at.position;
    t->low = last->at.low;
    t->high = last->high;
    t->reason = path_words(p);
    to_log_start(last, t);
    set_path_facts(a, p, t);
}

int
answer_one(const struct answering *a, struct po_translated *t,
           struct path *path, struct err *err)
{
    struct path own;
    struct path *p = path ? path : &own;
    const int rc = path_find(&a->env, a->from, a->to, t->asked.topic,
                             t->asked.partition, t->asked.offset, p, err);
    if (rc)
        return rc;
    forget(t);
    if (p->n)
        set_answer(a, p, t);
    else
        answer_none_take(t, why_none(a, &t->asked));
    if (a->explain)
        explain(a, p, t);
    return 0;
}
