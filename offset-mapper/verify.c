/*
 * A sample goes step by step, each ended by a callback on the loop:
 * where the source's log begins and ends; a position in it, and the mapper's
 * answer; the records around it there; those around the answer on the target;
 * the verdict.  A bad verdict is looked into once more, a little later, with a
 * new answer: a topic that has just been made anew is not the mapper's fault.
 *
 * A run (struct job) keeps PARALLEL samples going; the flow's timer one.
 */
#include "offset-mapper/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/xmem.h"
#include "offset-mapper/answer.h"

#define PARALLEL     8
#define AROUND       64   /* offsets of the source, each way */
#define MARGIN       1000 /* offsets of the target beyond the answer's bounds */
#define SPAN_MAX     50000 /* of the bounds, to be read at all */
#define READ_MS      5000
#define AGAIN_MS     2000
#define PARTS_AGE_MS 10000

struct part {
    char *topic;
    int32_t partition;
};

struct flow_state {
    const struct flow *flow;
    struct verify_tally tally;
    bool sampling; /* by the timer */
    struct part *parts;
    size_t n_parts, cap_parts;
    int64_t parts_at_ms; /* when they were listed; 0: never */
};

struct job {
    struct verify *v;
    struct flow_state *f;
    int64_t wanted, started, running;
    int64_t until_ms;
    struct verify_tally tally;
    verify_fn *fn;
    void *arg;
};

struct sample {
    struct verify *v;
    struct flow_state *f;
    struct job *job; /* NULL: the timer's */
    char *topic;
    int32_t partition;
    int64_t q;
    struct po_translated answer;
    struct po_print *here;
    size_t n_here;
    bool again;
    struct loop_timer *timer; /* until it is looked at again */
    struct sample *prev, *next;
};

struct verify {
    struct verify_parts parts;
    int64_t interval_ms;
    struct loop_timer *timer;
    struct flow_state *flows; /* as in the configuration */
    struct sample *samples;
    size_t n_jobs;
    uint64_t seed;
    bool stopping;
};

static void go_on(struct job *job);
static void ask_range(struct sample *s);

/* ---- chance --------------------------------------------------------------- */

/* Evenly enough from 0..n-1 (splitmix64). */
static int64_t
pick(struct verify *v, int64_t n)
{
    uint64_t z = v->seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)n);
}

/* ---- partitions ------------------------------------------------------------ */

static void
drop_parts(struct flow_state *f)
{
    for (size_t i = 0; i < f->n_parts; i++)
        free(f->parts[i].topic);
    f->n_parts = 0;
}

static void
add_part(const struct store_part *part, const struct store_info *info,
         void *arg)
{
    struct flow_state *f = arg;
    if (!info->known)
        return;
    if (f->n_parts == f->cap_parts) {
        f->cap_parts = f->cap_parts ? 2 * f->cap_parts : 64;
        f->parts = xreallocarray(f->parts, f->cap_parts, sizeof(*f->parts));
    }
    f->parts[f->n_parts++] =
        (struct part){xstrdup(part->topic), part->partition};
}

/* Any of the flow's partitions with a sync; NULL: there is none. */
static const struct part *
pick_part(struct verify *v, struct flow_state *f)
{
    const int64_t now_ms = clock_mono_ms();
    if (f->parts_at_ms == 0 || now_ms - f->parts_at_ms > PARTS_AGE_MS ||
        f->n_parts == 0) {
        struct store_view *view;
        struct err err = {0};
        int rc = store_view_open(v->parts.store, &view, &err);
        if (rc == 0) {
            drop_parts(f);
            rc = store_view_parts(view, f->flow->name, add_part, f, &err);
            store_view_close(view);
        }
        if (rc)
            log_warn("verify of flow %s: %s", f->flow->name, err.text);
        f->parts_at_ms = now_ms;
    }
    return f->n_parts ? &f->parts[pick(v, (int64_t)f->n_parts)] : NULL;
}

/* ---- the end of a sample ---------------------------------------------------- */

static void
forget_answer(struct sample *s)
{
    struct po_translation t = {.v = xcalloc(1, sizeof(*t.v)), .n = 1};
    t.v[0] = s->answer;
    po_translation_fini(&t);
    s->answer = (struct po_translated){0};
    free(s->here);
    s->here = NULL;
    s->n_here = 0;
}

static void
sample_free(struct sample *s)
{
    DL_DELETE(s->v->samples, s);
    loop_timer_free(s->timer);
    forget_answer(s);
    free(s->topic);
    free(s);
}

static void
end_sample(struct sample *s)
{
    struct job *job = s->job;
    if (!job)
        s->f->sampling = false;
    sample_free(s);
    if (!job)
        return;
    job->running--;
    go_on(job);
}

static void
each_tally(struct sample *s,
           void (*fn)(struct verify_tally *t, const void *arg), const void *arg)
{
    fn(&s->f->tally, arg);
    if (s->job)
        fn(&s->job->tally, arg);
}

static void
count_empty(struct verify_tally *t, const void *arg)
{
    (void)arg;
    t->samples++;
    t->empty++;
}

static void
count_unread(struct verify_tally *t, const void *arg)
{
    const struct err *err = arg;
    t->samples++;
    t->unread++;
    memcpy(t->error, err->text, sizeof(t->error));
}

static void
end_unread(struct sample *s, const struct err *err)
{
    each_tally(s, count_unread, err);
    end_sample(s);
}

/* What an answer came to; `judged` NULL: it had no position to judge. */
struct outcome {
    const struct sample *sample;
    const struct judge_result *judged;
};

static bool
is_wrong(const struct judge_result *r)
{
    return r->verdict != JUDGE_RIGHT && r->verdict != JUDGE_UNDECIDED;
}

static struct verify_wrong
wrong_of(const struct sample *s, const struct judge_result *r)
{
    const struct po_translated *a = &s->answer;
    return (struct verify_wrong){.topic = s->topic,
                                 .partition = s->partition,
                                 .offset = s->q,
                                 .to_topic = a->topic,
                                 .quality = a->quality,
                                 .position = a->position,
                                 .low = a->low,
                                 .high = a->high,
                                 .judged = *r,
                                 .found_ms = clock_wall_ms()};
}

static void
count_outcome(struct verify_tally *t, const void *arg)
{
    const struct outcome *o = arg;
    const enum po_quality quality = o->sample->answer.quality;
    t->samples++;
    t->by_quality[quality]++;
    if (!o->judged)
        return;
    t->by_verdict[o->judged->verdict]++;
    if (o->judged->verdict == JUDGE_RIGHT) {
        t->exact_right += quality == PO_EXACT;
        t->reread += o->judged->reread;
    }
    if (!is_wrong(o->judged))
        return;
    const struct verify_wrong w = wrong_of(o->sample, o->judged);
    tally_keep_wrong(t, &w);
}

static void
alert(const struct sample *s, const struct judge_result *r)
{
    const struct verify_wrong w = wrong_of(s, r);
    char *words = tally_wrong_words(&w);
    log_error("verify of flow %s: %s", s->f->flow->name, words);
    free(words);
}

static void
end_judged(struct sample *s, const struct judge_result *r)
{
    const struct outcome o = {s, r};
    if (r && is_wrong(r))
        alert(s, r);
    each_tally(s, count_outcome, &o);
    end_sample(s);
}

static int64_t
read_deadline(void)
{
    return clock_mono_ms() + READ_MS;
}

/* ---- steps ------------------------------------------------------------------ */

static void
look_again(void *arg)
{
    struct sample *s = arg;
    loop_timer_free(s->timer);
    s->timer = NULL;
    ask_range(s);
}

static void
verdict(struct sample *s, const struct judge_result *r)
{
    if (!is_wrong(r) || s->again || s->v->stopping) {
        end_judged(s, r);
        return;
    }
    forget_answer(s);
    s->again = true;
    s->timer =
        must_have(loop_timer_new(s->v->parts.loop, AGAIN_MS, look_again, s));
}

static void
on_there(void *arg, const struct content_window *w)
{
    struct sample *s = arg;
    if (w->err) {
        end_unread(s, w->err);
        return;
    }
    const struct judge_case c = {.q = s->q,
                                 .here = s->here,
                                 .n_here = s->n_here,
                                 .there = w,
                                 .quality = s->answer.quality,
                                 .position = s->answer.position,
                                 .low = s->answer.low,
                                 .high = s->answer.high};
    struct judge_result r;
    judge(&c, &r);
    verdict(s, &r);
}

static void
read_there(struct sample *s)
{
    const struct po_translated *a = &s->answer;
    const int64_t high = a->high > a->position ? a->high : a->position;
    const int64_t low = a->low < a->position ? a->low : a->position;
    const struct content_place at = {s->f->flow->def.target, a->topic,
                                     s->partition};
    if (high - low > SPAN_MAX) {
        const struct judge_result r = {JUDGE_UNDECIDED, -1, -1, 0};
        end_judged(s, &r);
        return;
    }
    content_read(s->v->parts.content, &at, low > MARGIN ? low - MARGIN : 0,
                 high + MARGIN, read_deadline(), s->v->parts.loop, on_there, s);
}

static void
on_here(void *arg, const struct content_window *w)
{
    struct sample *s = arg;
    if (w->err) {
        end_unread(s, w->err);
        return;
    }
    s->n_here = w->n;
    s->here = xcalloc(w->n + 1, sizeof(*s->here));
    if (w->n > 0)
        memcpy(s->here, w->v, w->n * sizeof(*s->here));
    read_there(s);
}

static bool
log_known(void *arg, const char *cluster, const char *topic, int32_t partition,
          struct log_range *out)
{
    return logs_known(arg, cluster, topic, partition, out);
}

static bool
flow_unread(void *arg, const struct flow *flow)
{
    return arg && follow_unread(arg, flow);
}

/* What anybody else would be answered. */
static int
ask_mapper(struct sample *s, struct err *err)
{
    const struct verify_parts *p = &s->v->parts;
    const struct flow *f = s->f->flow;
    struct answering a = {
        .env = {.config = p->config,
                .logs = {.known = log_known, .arg = p->logs},
                .flows = {.unread = flow_unread, .arg = p->follow},
                .now_ms = clock_wall_ms()},
        .from = f->def.source,
        .to = f->def.target,
    };
    int rc = store_view_open(p->store, &a.env.view, err);
    if (rc)
        return rc;
    s->answer.asked.topic = xstrdup(s->topic);
    s->answer.asked.partition = s->partition;
    s->answer.asked.offset = s->q;
    rc = answer_one(&a, &s->answer, NULL, err);
    store_view_close(a.env.view);
    return rc;
}

static void
ask_and_read(struct sample *s)
{
    struct err err = {0};
    if (ask_mapper(s, &err)) {
        end_unread(s, &err);
        return;
    }
    if (s->answer.quality == PO_NONE || s->answer.quality == PO_BEFORE) {
        end_judged(s, NULL);
        return;
    }
    const struct content_place at = {s->f->flow->def.source, s->topic,
                                     s->partition};
    content_read(s->v->parts.content, &at, s->q > AROUND ? s->q - AROUND : 0,
                 s->q + AROUND, read_deadline(), s->v->parts.loop, on_here, s);
}

static void
on_range(void *arg, const struct log_range *r, const struct err *err)
{
    struct sample *s = arg;
    if (err) {
        end_unread(s, err);
        return;
    }
    if (r->end <= r->start) {
        each_tally(s, count_empty, NULL);
        end_sample(s);
        return;
    }
    if (!s->again || s->q <= r->start || s->q > r->end)
        s->q = r->start + 1 + pick(s->v, r->end - r->start);
    ask_and_read(s);
}

static void
ask_range(struct sample *s)
{
    logs_ask(s->v->parts.logs, s->f->flow->def.source, s->topic, s->partition,
             s->v->parts.loop, on_range, s);
}

/* False: the flow has no partition yet. */
static bool
start_sample(struct verify *v, struct flow_state *f, struct job *job)
{
    const struct part *part = pick_part(v, f);
    if (!part)
        return false;
    struct sample *s = xcalloc(1, sizeof(*s));
    s->v = v;
    s->f = f;
    s->job = job;
    s->topic = xstrdup(part->topic);
    s->partition = part->partition;
    DL_APPEND(v->samples, s);
    ask_range(s);
    return true;
}

/* ---- runs --------------------------------------------------------------------- */

static void
end_job(struct job *job)
{
    job->v->n_jobs--;
    job->fn(job->arg, &job->tally);
    tally_fini(&job->tally);
    free(job);
}

static void
say_no_parts(struct job *job)
{
    job->started = job->wanted;
    (void)snprintf(job->tally.error, sizeof(job->tally.error),
                   "flow %s has no sync of any partition yet",
                   job->f->flow->name);
}

/* Begins what is wanted; the last one to end ends the job. */
static void
go_on(struct job *job)
{
    while (job->running < PARALLEL && job->started < job->wanted &&
           clock_mono_ms() < job->until_ms && !job->v->stopping) {
        if (!start_sample(job->v, job->f, job)) {
            say_no_parts(job);
            break;
        }
        job->started++;
        job->running++;
    }
    if (job->running == 0)
        end_job(job);
}

static void
begin_job(void *arg)
{
    go_on(arg);
}

static struct flow_state *
state_of(const struct verify *v, const char *flow)
{
    for (size_t i = 0; i < v->parts.config->n_flows; i++)
        if (strcmp(v->flows[i].flow->name, flow) == 0)
            return &v->flows[i];
    return NULL;
}

int
verify_run(struct verify *v, const char *flow, int64_t samples,
           int64_t timeout_ms, verify_fn *fn, void *arg, struct err *err)
{
    struct flow_state *f = state_of(v, flow);
    if (!f)
        return err_field(err, ERR_NOTFOUND, "flow", flow,
                         "no flow is called \"%s\"", flow);
    if (v->n_jobs >= VERIFY_RUNS_MAX)
        return err_set(err, ERR_BUSY,
                       "%d verifications run already; ask again when one has "
                       "ended",
                       VERIFY_RUNS_MAX);
    struct job *job = xcalloc(1, sizeof(*job));
    *job = (struct job){.v = v,
                        .f = f,
                        .wanted = samples,
                        .until_ms = clock_mono_ms() + timeout_ms,
                        .fn = fn,
                        .arg = arg};
    v->n_jobs++;
    must(loop_post(v->parts.loop, begin_job, job));
    return 0;
}

/* ---- life ----------------------------------------------------------------------- */

static void
on_interval(void *arg)
{
    struct verify *v = arg;
    for (size_t i = 0; i < v->parts.config->n_flows && !v->stopping; i++) {
        struct flow_state *f = &v->flows[i];
        if (f->sampling)
            continue;
        f->sampling = true;
        if (!start_sample(v, f, NULL))
            f->sampling = false;
    }
}

struct verify *
verify_new(const struct verify_parts *parts, int64_t interval_ms)
{
    struct verify *v = xcalloc(1, sizeof(*v));
    v->parts = *parts;
    v->interval_ms = interval_ms;
    v->seed = (uint64_t)clock_mono_us();
    const struct config *c = parts->config;
    v->flows = xcalloc(c->n_flows + 1, sizeof(*v->flows));
    for (size_t i = 0; i < c->n_flows; i++)
        v->flows[i].flow = &c->flows[i];
    if (interval_ms > 0)
        v->timer =
            must_have(loop_timer_new(parts->loop, interval_ms, on_interval, v));
    return v;
}

const struct verify_tally *
verify_tally(const struct verify *v, const char *flow)
{
    const struct flow_state *f = state_of(v, flow);
    return f ? &f->tally : NULL;
}

int64_t
verify_interval_ms(const struct verify *v)
{
    return v->interval_ms;
}

void
verify_stop(struct verify *v)
{
    v->stopping = true;
    loop_timer_free(v->timer);
    v->timer = NULL;
    struct sample *s, *next;
    DL_FOREACH_SAFE(v->samples, s, next)
    {
        struct err err;
        (void)err_set(&err, ERR_CLOSED, "the mapper is stopping");
        if (s->timer)
            end_unread(s, &err);
    }
}

void
verify_free(struct verify *v)
{
    if (!v)
        return;
    while (v->samples)
        sample_free(v->samples);
    for (size_t i = 0; i < v->parts.config->n_flows; i++) {
        tally_fini(&v->flows[i].tally);
        drop_parts(&v->flows[i]);
        free(v->flows[i].parts);
    }
    free(v->flows);
    free(v);
}
