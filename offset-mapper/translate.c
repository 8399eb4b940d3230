/*
 * The life of a question: looks in the store, and item_to(), which is where
 * every position moves on.  A question is freed only from translating_step()'s
 * end, translating_cancel() or the last call that comes back to it.
 */
#include "offset-mapper/translate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "offset-mapper/translate_impl.h"

/* ---- queues ----------------------------------------------------------- */

static void
queue_init(struct queue *q, size_t cap)
{
    *q = (struct queue){.v = xcalloc(cap + 1, sizeof(*q->v)), .cap = cap};
}

static void
queue_put(struct queue *q, size_t i)
{
    q->v[(q->head + q->n++) % q->cap] = (uint32_t)i;
}

static size_t
queue_get(struct queue *q)
{
    const size_t i = q->v[q->head];
    q->head = (q->head + 1) % q->cap;
    q->n--;
    return i;
}

/* ---- items ------------------------------------------------------------ */

void
item_to(struct translating *x, size_t i, enum item_state state)
{
    struct item *item = &x->items[i];
    if (item->state == ITEM_DONE)
        abort(); /* nothing comes after it */
    item->state = state;
    if (state == ITEM_DONE)
        x->done++;
    else if (state == ITEM_LOOK)
        queue_put(&x->to_look, i);
    else if (state != ITEM_WAIT)
        queue_put(&x->to_ask, i);
}

void
item_say(struct translating *x, size_t i, const char *fmt, ...)
{
    char words[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    struct po_translated *t = &x->out.v[i];
    char *reason = xasprintf("%s%s%s", t->reason ? t->reason : "",
                             t->reason ? "; " : "", words);
    free(t->reason);
    t->reason = reason;
}

static bool
is_dead(const struct translating *x, const struct item *item)
{
    const struct translate_asks *asks = &x->t->asks;
    return item->flow && asks->flow_dead &&
           asks->flow_dead(asks->ctx, item->flow);
}

void
item_settle(struct translating *x, size_t i)
{
    const struct item *item = &x->items[i];
    const bool ahead = x->out.v[i].quality == PO_AHEAD;
    if (ahead && is_dead(x, item))
        item_say(x, i, "flow %s is dead", item->flow->name);
    else if (ahead && clock_mono_ms() < x->deadline_ms) {
        item_to(x, i, ITEM_WAIT);
        return;
    }
    item_to(x, i, ITEM_DONE);
}

/* The first hop that is not certain, or the last one. */
static const struct hop *
open_hop(const struct path *p)
{
    size_t i = 0;
    while (i + 1 < p->n && p->hops[i].at.quality == RUNS_EXACT)
        i++;
    return &p->hops[i];
}

/* A log end tells more of what is beyond the newest sync. The first time it is
 * asked for anyway, later if the one that is known is too old. */
static bool
wants_log(const struct translating *x, const struct item *item,
          const struct hop *h)
{
    if (!x->t->asks.log || h->reverse || h->at.has_after)
        return false;
    if (h->at.quality != RUNS_BOUNDED && h->at.quality != RUNS_AHEAD)
        return false;
    return !item->fresh && (!item->woken || h->old_end);
}

static void
note_hop(struct item *item, const struct hop *h)
{
    item->flow = h->flow;
    item->log_cluster = hop_cluster(h);
    if (!item->log_topic || strcmp(item->log_topic, h->topic) != 0) {
        free(item->log_topic);
        item->log_topic = xstrdup(h->topic);
    }
    const struct log_range *r = h->reverse ? &h->up_log : &h->down_log;
    const int64_t end = r->known ? r->end : -1;
    if (end != item->log_end) {
        item->proven_end = -1;
        item->read = false;
    }
    item->log_end = end;
}

/* Content has shown it already, and the log has not grown since. */
static void
settle_proven(struct translating *x, size_t i)
{
    struct po_translated *t = &x->out.v[i];
    t->quality = PO_AHEAD;
    t->position = t->low = t->high = x->items[i].proven_end;
    t->verified = true;
    item_settle(x, i);
}

/* By content: what is not certain, or everything if it is to be verified. */
static bool
wants_content(const struct translating *x, size_t i)
{
    const struct po_translated *t = &x->out.v[i];
    if (t->quality == PO_NONE || t->high == 0)
        return false;
    return x->q.verify || (t->asked.n_prints && t->quality != PO_EXACT);
}

/* Where an answered item goes from LOOK. */
static void
go_on(struct translating *x, size_t i, const struct path *p)
{
    struct item *item = &x->items[i];
    const bool content = wants_content(x, i);
    if (p->n == 0 || (!content && !x->deadline_ms)) {
        item_to(x, i, ITEM_DONE);
        return;
    }
    note_hop(item, open_hop(p));
    if (wants_log(x, item, open_hop(p)))
        item_to(x, i, ITEM_LOG);
    else if (item->proven_end >= 0 && x->out.v[i].quality == PO_AHEAD)
        settle_proven(x, i);
    else if (!content || (item->read && x->out.v[i].quality == PO_AHEAD))
        item_settle(x, i);
    else
        item_to(x, i, x->out.v[i].asked.n_prints ? ITEM_FIND : ITEM_PRINTS);
}

/* ---- looking ---------------------------------------------------------- */

static int
look_all_in(struct translating *x, const struct answering *a, struct err *err)
{
    struct path p;
    int rc = 0;
    while (x->to_look.n && rc == 0) {
        const size_t i = queue_get(&x->to_look);
        rc = answer_one(a, &x->out.v[i], &p, err);
        if (rc == 0)
            go_on(x, i, &p);
    }
    return rc;
}

/* All that is to be looked up, in one view: the answers fit each other. */
static int
look_all(struct translating *x, struct err *err)
{
    const struct translator *t = x->t;
    struct answering a = {
        .env.config = t->config,
        .env.logs = {x->deadline_ms ? t->asks.log_known : t->asks.log_look,
                     t->asks.ctx},
        .env.flows = {t->asks.flow_unread, t->asks.ctx},
        .env.now_ms = clock_wall_ms(),
        .from = x->q.from,
        .to = x->q.to,
        .explain = x->q.explain};
    int rc = store_view_open(t->store, &a.env.view, err);
    if (rc)
        return rc;
    rc = look_all_in(x, &a, err);
    store_view_close(a.env.view);
    return rc;
}

/* ---- life ------------------------------------------------------------- */

#define BUSY_MAX 32 /* calls of one question at a time */

static void
free_it(struct translating *x)
{
    for (size_t i = 0; x->items && i < x->out.n; i++)
        free(x->items[i].log_topic);
    free(x->items);
    free(x->to_look.v);
    free(x->to_ask.v);
    po_question_fini(&x->q);
    po_translation_fini(&x->out);
    free(x);
}

static void
leave(struct translating *x)
{
    x->over = true;
    translate_wait_remove(x);
    TAILQ_REMOVE(&x->t->all, x, link);
}

void
translating_end(struct translating *x, const struct err *err)
{
    leave(x);
    x->fn(x->arg, err ? NULL : &x->out, err);
}

bool
translating_step(struct translating *x)
{
    struct err err;
    if (x->stepping)
        return true;
    x->stepping = true;
    while (!x->over && (x->to_look.n || (x->to_ask.n && x->busy < BUSY_MAX))) {
        if (x->to_ask.n && x->busy < BUSY_MAX)
            translate_ask_item(x, queue_get(&x->to_ask));
        else if (look_all(x, &err) != 0)
            translating_end(x, &err);
    }
    if (!x->over && x->items && x->done == x->out.n)
        translating_end(x, NULL);
    x->stepping = false;
    if (!x->over)
        return true;
    if (!x->busy)
        free_it(x);
    return false;
}

void
translating_cancel(struct translating *x)
{
    leave(x);
    if (!x->busy && !x->stepping)
        free_it(x);
}

/* ---- beginning -------------------------------------------------------- */

void
translating_take_positions(struct translating *x)
{
    x->out.n = x->q.n;
    x->out.v = xcalloc(x->q.n + 1, sizeof(*x->out.v));
    x->items = xcalloc(x->q.n + 1, sizeof(*x->items));
    queue_init(&x->to_look, x->q.n);
    queue_init(&x->to_ask, x->q.n);
    for (size_t i = 0; i < x->q.n; i++) {
        x->out.v[i].asked = x->q.positions[i];
        x->items[i].log_end = x->items[i].proven_end = -1;
        item_to(x, i, x->q.positions[i].by_time ? ITEM_TIME : ITEM_LOOK);
    }
    translate_wait_count(x, x->q.n);
    x->q.n = 0;
}

/* A part that is not there is not asked: tests leave some out. */
static int
check_positions(const struct translator *t, const struct po_question *q,
                struct err *err)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct po_position *p = &q->positions[i];
        if ((p->n_prints && !t->asks.find) ||
            (p->by_time && !t->asks.log_at_time))
            return err_field(err, ERR_UNSUPPORTED, "positions", p->topic,
                             "this mapper does not read %s",
                             p->by_time ? "logs" : "records");
    }
    return 0;
}

static int
check(const struct translator *t, const struct po_question *q, struct err *err)
{
    int rc = path_check(t->config, q->from, q->to, err);
    if (rc == 0 && q->group && !t->asks.group)
        rc = err_field(err, ERR_UNSUPPORTED, "group", q->group,
                       "this mapper does not read groups");
    if (rc == 0 && q->verify && !(t->asks.prints && t->asks.find))
        rc = err_field(err, ERR_UNSUPPORTED, "verify", NULL,
                       "this mapper does not read records");
    if (rc == 0)
        rc = check_positions(t, q, err);
    if (rc == 0 && q->wait_ms)
        rc = translate_wait_check(t, q->n, err);
    return rc;
}

static struct translating *
begin_take(struct translator *t, struct po_question *q, translate_fn *fn,
           void *arg)
{
    struct translating *x = xcalloc(1, sizeof(*x));
    x->t = t;
    x->fn = fn;
    x->arg = arg;
    x->q = *q;
    *q = (struct po_question){0};
    const int64_t now_ms = clock_mono_ms();
    TAILQ_INSERT_TAIL(&t->all, x, link);
    x->ask_until_ms =
        now_ms + (x->q.wait_ms > t->asking_ms ? x->q.wait_ms : t->asking_ms);
    if (x->q.wait_ms) {
        x->deadline_ms = now_ms + x->q.wait_ms;
        translate_wait_add(x);
    }
    return x;
}

struct translating *
translator_ask_take(struct translator *t, struct po_question *q,
                    translate_fn *fn, void *arg)
{
    struct err err;
    if (check(t, q, &err) != 0) {
        po_question_fini(q);
        fn(arg, NULL, &err);
        return NULL;
    }
    struct translating *x = begin_take(t, q, fn, arg);
    x->stepping = true; /* until all is set up, whatever calls back at once */
    if (x->q.group)
        translate_ask_group(x);
    else
        translating_take_positions(x);
    x->stepping = false;
    return translating_step(x) ? x : NULL;
}

/* ---- the translator --------------------------------------------------- */

int
translator_new(struct loop *loop, const struct config *config,
               struct store *store, const struct translate_asks *asks,
               struct translator **out, struct err *err)
{
    (void)err; /* out of memory ends the process */
    struct translator *t = xcalloc(1, sizeof(*t));
    t->loop = loop;
    t->config = config;
    t->store = store;
    t->asks = *asks;
    t->asking_ms = TRANSLATE_ASKING_MS;
    TAILQ_INIT(&t->all);
    TAILQ_INIT(&t->waiting);
    *out = t;
    return 0;
}

void
translator_free(struct translator *t)
{
    struct err err;
    if (!t)
        return;
    (void)err_set(&err, ERR_CLOSED, "the offset mapper is stopping");
    for (struct translating *x; (x = TAILQ_FIRST(&t->all));) {
        translating_end(x, &err);
        free_it(x);
    }
    loop_timer_free(t->tick);
    free(t);
}

size_t
translator_waiting(const struct translator *t)
{
    return t->n_waiting;
}
