/*
 * What questions ask of others.  Each call is counted in `busy` until it comes
 * back, so that the question lives as long, also after its client has gone.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "offset-mapper/translate_impl.h"

/* A record before the position is looked for together with some before it. */
#define PRINTS_MIN 8
/* How far the clocks of two clusters may be apart. */
#define CLOCKS_DIFFER_MS 5000

struct call {
    struct translating *x;
    size_t i;
};

static struct call *
call_new(struct translating *x, size_t i)
{
    struct call *c = xmalloc(sizeof(*c));
    *c = (struct call){x, i};
    x->busy++;
    return c;
}

/* Back from a call.  NULL: the question is over (and gone, perhaps). */
static struct translating *
back_take(void *arg, size_t *i)
{
    struct call *c = arg;
    struct translating *x = c->x;
    *i = c->i;
    free(c);
    x->busy--;
    if (!x->over)
        return x;
    (void)translating_step(x); /* frees it, if it was the last call */
    return NULL;
}

static int64_t
content_deadline(const struct translating *x)
{
    const int64_t mine_ms = clock_mono_ms() + TRANSLATE_CONTENT_MS;
    return mine_ms < x->ask_until_ms ? mine_ms : x->ask_until_ms;
}

/* Where the record looked for stands, if it has arrived. */
static struct content_place
target_place(const struct translating *x, size_t i)
{
    const struct po_translated *t = &x->out.v[i];
    return (struct content_place){x->q.to, t->topic, t->asked.partition};
}

static struct content_place
source_place(const struct translating *x, size_t i)
{
    const struct po_position *p = &x->out.v[i].asked;
    return (struct content_place){x->q.from, p->topic, p->partition};
}

/* ---- logs ------------------------------------------------------------- */

static void
on_log(void *arg, const struct log_range *r, const struct err *err)
{
    size_t i;
    (void)r; /* kept by logs.h: the next look finds it */
    (void)err;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    x->items[i].fresh = true;
    if (x->items[i].state == ITEM_LOG) /* not late */
        item_to(x, i, ITEM_LOOK);
    (void)translating_step(x);
}

static void
ask_log(struct translating *x, size_t i, translate_log_fn *fn)
{
    const struct item *item = &x->items[i];
    const struct content_place at = {item->log_cluster, item->log_topic,
                                     x->out.v[i].asked.partition};
    x->t->asks.log(x->t->asks.ctx, &at, x->t->loop, fn, call_new(x, i));
}

static void
on_polled(void *arg, const struct log_range *r, const struct err *err)
{
    size_t i;
    (void)err;
    struct translating *x = back_take(arg, &i);
    if (x && r && r->known && r->end > x->items[i].log_end)
        translate_wait_grown(x->t);
}

void
translate_ask_log_of(struct translating *x, size_t i)
{
    if (x->t->asks.log && x->items[i].log_topic)
        ask_log(x, i, on_polled);
}

/* ---- times ------------------------------------------------------------ */

static void
on_time(void *arg, int64_t offset, const struct err *err)
{
    size_t i;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    struct po_translated *t = &x->out.v[i];
    t->asked.offset = err ? -1 : offset;
    if (!err && offset >= 0) {
        item_to(x, i, ITEM_LOOK);
    } else {
        answer_none_take(
            t, err ? xasprintf("the offset at this time is not known: %s",
                               err->text)
                   : xasprintf("%s [%d] on %s has no record at or after this "
                               "time",
                               t->asked.topic, (int)t->asked.partition,
                               x->q.from));
        item_to(x, i, ITEM_DONE);
    }
    (void)translating_step(x);
}

static void
ask_time(struct translating *x, size_t i)
{
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = source_place(x, i);
    struct call *c = call_new(x, i);
    struct err err;
    if (asks->log_at_time) {
        asks->log_at_time(asks->ctx, &at, x->out.v[i].asked.timestamp_ms,
                          x->t->loop, on_time, c);
        return;
    }
    (void)err_set(&err, ERR_UNSUPPORTED, "this mapper does not read logs");
    on_time(c, -1, &err);
}

/* ---- fingerprints ----------------------------------------------------- */

static void
on_prints(void *arg, const struct content_window *w)
{
    size_t i;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    struct po_position *p = &x->out.v[i].asked;
    if (w->err) {
        item_say(x, i, "not verified: %s", w->err->text);
        item_settle(x, i);
    } else if (w->n == 0) {
        item_say(x, i, "not verified: no record before it is left on %s",
                 x->q.from);
        item_settle(x, i);
    } else {
        p->prints = xcalloc(w->n, sizeof(*p->prints));
        memcpy(p->prints, w->v, w->n * sizeof(*p->prints));
        p->n_prints = w->n;
        item_to(x, i, ITEM_FIND);
    }
    (void)translating_step(x);
}

/* So many that one of them has arrived, if it is not far behind. */
static size_t
prints_wanted(const struct po_translated *t)
{
    const int64_t lag = t->lag < 0 ? 0 : t->lag;
    return lag > CONTENT_PRINTS_MAX - PRINTS_MIN ? CONTENT_PRINTS_MAX
                                                 : (size_t)lag + PRINTS_MIN;
}

static void
ask_prints(struct translating *x, size_t i)
{
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = source_place(x, i);
    asks->prints(asks->ctx, &at, x->out.v[i].asked.offset,
                 prints_wanted(&x->out.v[i]), content_deadline(x), x->t->loop,
                 on_prints, call_new(x, i));
}

/* ---- finding ---------------------------------------------------------- */

/* A log start that is not known is not clamped to: reading will say it. */
static void
clamp_low(const struct translating *x, size_t i, int64_t *low)
{
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = target_place(x, i);
    struct log_range r;
    struct item *item = &x->items[i];
    if (item->narrowed && item->from > *low)
        *low = item->from;
    item->clamped =
        asks->log_known &&
        asks->log_known(asks->ctx, at.cluster, at.topic, at.partition, &r) &&
        r.start > *low;
    if (item->clamped)
        *low = r.start;
}

static void
set_exact(struct po_translated *t, int64_t position)
{
    t->quality = PO_EXACT;
    t->position = t->low = t->high = position;
    t->coming = 0;
    t->verified = true;
}

/* The runs and the records bound it both; where they contradict each other,
 * the runs stand. */
static void
set_bounds(struct po_translated *t, int64_t low, int64_t high)
{
    const bool fit = high >= t->low && (t->high < 0 || low <= t->high);
    if (!fit || t->quality == PO_EXACT)
        return;
    t->quality = PO_BOUNDED;
    t->low = low > t->low ? low : t->low;
    t->high = t->high < 0 || high < t->high ? high : t->high;
    t->position = t->low;
    t->coming = 0;
}

static bool
log_ends_at(const struct translating *x, size_t i, int64_t offset)
{
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = target_place(x, i);
    struct log_range r;
    return asks->log_known &&
           asks->log_known(asks->ctx, at.cluster, at.topic, at.partition, &r) &&
           r.end <= offset;
}

/* What was read ends with a record before the one looked for.  Unless the log
 * ends there too, it may stand behind. */
static void
set_ahead(struct translating *x, size_t i, const struct content_found *r)
{
    struct po_translated *t = &x->out.v[i];
    const int64_t coming = t->coming;
    if (r->at_end || log_ends_at(x, i, r->end)) {
        item_say(x, i, "the record before it is not in %s, which ends at %lld",
                 t->topic, (long long)r->end);
        set_exact(t, r->end);
        t->quality = PO_AHEAD;
        t->coming = coming;
        x->items[i].proven_end = r->end;
        return;
    }
    item_say(x, i, "the record before it is not in %s before %lld", t->topic,
             (long long)r->end);
    if (t->quality == PO_EXACT || r->end < t->low)
        return;
    t->quality = PO_BOUNDED;
    t->position = t->low = r->end;
}

static void
found(struct translating *x, size_t i, const struct content_found *r)
{
    struct po_translated *t = &x->out.v[i];
    struct item *item = &x->items[i];
    const char *const where = t->topic;
    switch (r->kind) {
    case CONTENT_UNIQUE:
        item_say(x, i, "the record before it stands at %lld of %s",
                 (long long)r->first, where);
        item->clamped ? set_bounds(t, t->low, r->first + 1)
                      : set_exact(t, r->first + 1);
        break;
    case CONTENT_MANY:
        item_say(x, i, "records like the one before it stand up to %lld of %s",
                 (long long)r->last, where);
        set_bounds(t, item->clamped || r->first < 0 ? t->low : r->first + 1,
                   r->last + 1);
        break;
    case CONTENT_AHEAD:
        set_ahead(x, i, r);
        break;
    case CONTENT_NONE:
        item_say(x, i, "the record before it was not found in %s", where);
        break;
    case CONTENT_UNREAD:
        item_say(x, i, "not verified: %s", r->err.text);
        break;
    }
}

static void
on_found(void *arg, const struct content_found *r)
{
    size_t i;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    x->items[i].read = true;
    found(x, i, r);
    item_settle(x, i);
    (void)translating_step(x);
}

static void
on_narrowed(void *arg, int64_t offset, const struct err *err)
{
    size_t i;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    x->items[i].narrowed = true;
    x->items[i].from = err ? -1 : offset;
    item_to(x, i, ITEM_FIND);
    (void)translating_step(x);
}

/* Too many records may be it: then from the time on that the last one bears. */
static bool
wants_narrowing(const struct translating *x, size_t i, int64_t low,
                int64_t high)
{
    const struct po_position *p = &x->out.v[i].asked;
    return !x->items[i].narrowed && x->t->asks.log_at_time &&
           high - low > CONTENT_WINDOW_MAX &&
           p->prints[p->n_prints - 1].timestamp_ms >= 0;
}

static void
ask_find(struct translating *x, size_t i)
{
    const struct po_translated *t = &x->out.v[i];
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = target_place(x, i);
    int64_t low = t->low > 0 ? t->low - 1 : 0;
    int64_t high = t->high < 0 ? INT64_MAX : t->high;
    clamp_low(x, i, &low);
    if (wants_narrowing(x, i, low, high)) {
        item_to(x, i, ITEM_NARROW);
        return;
    }
    if (high - low > CONTENT_WINDOW_MAX)
        high = low + CONTENT_WINDOW_MAX;
    asks->find(asks->ctx, &at, low, high, t->asked.prints, t->asked.n_prints,
               content_deadline(x), x->t->loop, on_found, call_new(x, i));
}

/* The target may have times of its own (LogAppendTime), by another clock. */
static void
ask_narrow(struct translating *x, size_t i)
{
    const struct po_position *p = &x->out.v[i].asked;
    const struct translate_asks *asks = &x->t->asks;
    const struct content_place at = target_place(x, i);
    const int64_t time_ms = p->prints[p->n_prints - 1].timestamp_ms;
    asks->log_at_time(asks->ctx, &at,
                      time_ms > CLOCKS_DIFFER_MS ? time_ms - CLOCKS_DIFFER_MS
                                                 : 0,
                      x->t->loop, on_narrowed, call_new(x, i));
}

/* ---- groups ----------------------------------------------------------- */

static void
copy_positions(struct po_question *q, const struct po_position *v, size_t n)
{
    q->positions = xcalloc(n + 1, sizeof(*q->positions));
    for (q->n = 0; q->n < n; q->n++) {
        struct po_position *p = &q->positions[q->n];
        p->topic = xstrdup(v[q->n].topic);
        p->partition = v[q->n].partition;
        p->offset = v[q->n].offset;
    }
}

static void
on_group(void *arg, const struct po_position *v, size_t n,
         const struct err *err)
{
    size_t i;
    struct translating *x = back_take(arg, &i);
    if (!x)
        return;
    if (err) {
        translating_end(x, err);
    } else {
        copy_positions(&x->q, v, n);
        translating_take_positions(x);
    }
    (void)translating_step(x);
}

void
translate_ask_group(struct translating *x)
{
    const struct translate_asks *asks = &x->t->asks;
    asks->group(asks->ctx, x->q.from, x->q.group, content_deadline(x),
                x->t->loop, on_group, call_new(x, 0));
}

/* ----------------------------------------------------------------------- */

/* The question has taken so long that this item's turn comes too late. */
static void
too_late(struct translating *x, size_t i)
{
    static const char why[] = "no time was left for it among all positions of "
                              "the question: ask for fewer at a time";
    if (x->items[i].state == ITEM_TIME) {
        answer_none_take(
            &x->out.v[i],
            xasprintf("the offset at this time is not known: %s", why));
        item_to(x, i, ITEM_DONE);
    } else {
        item_say(x, i, "not verified: %s", why);
        item_settle(x, i);
    }
}

void
translate_ask_item(struct translating *x, size_t i)
{
    if (x->items[i].state != ITEM_DONE && clock_mono_ms() >= x->ask_until_ms) {
        too_late(x, i);
        return;
    }
    switch (x->items[i].state) {
    case ITEM_TIME:
        ask_time(x, i);
        break;
    case ITEM_LOG:
        ask_log(x, i, on_log);
        break;
    case ITEM_PRINTS:
        ask_prints(x, i);
        break;
    case ITEM_NARROW:
        ask_narrow(x, i);
        break;
    case ITEM_FIND:
        ask_find(x, i);
        break;
    case ITEM_DONE:
        break; /* its time was up before its turn to ask came */
    case ITEM_LOOK:
    case ITEM_WAIT:
        abort(); /* they ask nobody */
    }
}
