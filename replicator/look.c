/*
 * Owns what a part tells of itself, and what is concluded from it.
 *
 * A position is the offset behind the last record acknowledged.  Where a log
 * ends in what is no record (markers of transactions, what compaction took),
 * the consumer tells that it has met the end: once all is acknowledged that it
 * handed out before, the position is there, and nothing lags.
 *
 * How long a part lags: since it was last at the end, or since its last record
 * was written, whichever is later; both may be unknown or wrong alone.
 */
#include "replicator/look.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "replicator/parts.h"

#define PROBLEM_MAX_BYTES 512
/* Holds that come and go while a part is copied. */
#define HOLDS_BRIEF ((unsigned)HOLD_BACKLOG)

const int64_t look_buckets_ms[LOOK_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 1000, 2500, 10000, 60000};

void
sight_init(struct sight *s)
{
    *s = (struct sight){.last_timestamp = -1,
                        .end_met = -1,
                        .passed = -1,
                        .passed_at_ms = -1,
                        .first_low = -1,
                        .first_end = -1,
                        .asked_end = -1};
}

void
sight_anew(struct sight *s)
{
    s->last_timestamp = s->end_met = s->passed = s->passed_at_ms = -1;
}

void
sight_fini(struct sight *s)
{
    free(s->problem);
    s->problem = NULL;
}

/* ---- the flow's thread --------------------------------------------------- */

/* `words` are taken; NULL: none.  Only the flow's thread writes here, so that
 * it may look without the lock. */
static void
set_problem_take(struct part *p, char *words)
{
    pthread_mutex_lock(&p->flow->lock);
    if (!p->sight.problem)
        p->sight.problem_since_ms = clock_wall_ms();
    free(p->sight.problem);
    p->sight.problem = words;
    pthread_mutex_unlock(&p->flow->lock);
}

void
part_problem(struct part *p, const char *fmt, ...)
{
    char words[PROBLEM_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap); /* cut: still words */
    va_end(ap);
    if (!p->sight.problem || strcmp(p->sight.problem, words) != 0)
        set_problem_take(p, xstrdup(words));
}

void
part_well(struct part *p)
{
    if (p->sight.problem)
        set_problem_take(p, NULL);
}

/* Is all acknowledged that was taken from the consumer? */
static bool
all_acked(const struct part *p)
{
    return p->inflight == 0 && (p->next < 0 || p->acked >= p->next - 1);
}

/* Under the lock. */
static void
pass_end(struct part *p)
{
    if (p->sight.end_met < 0 || !all_acked(p))
        return;
    p->sight.passed = p->sight.end_met;
    p->sight.passed_at_ms = clock_coarse_ms();
}

void
part_at_end(struct part *p, int64_t offset)
{
    pthread_mutex_lock(&p->flow->lock);
    p->sight.end_met = offset;
    pass_end(p);
    pthread_mutex_unlock(&p->flow->lock);
}

void
part_seen_rewound(struct part *p)
{
    pthread_mutex_lock(&p->flow->lock);
    p->sight.end_met = p->sight.passed = -1;
    pthread_mutex_unlock(&p->flow->lock);
}

int64_t
look_count_age(struct latencies *l, int64_t timestamp_ms, int64_t now_ms,
               uint64_t n)
{
    if (timestamp_ms <= 0)
        return 0;
    const int64_t age = now_ms > timestamp_ms ? now_ms - timestamp_ms : 0;
    size_t i = 0;
    while (i < LOOK_BUCKETS && age > look_buckets_ms[i])
        i++;
    /* Nobody else writes: no locked instruction is needed. */
    atomic_store_explicit(
        &l->n[i], atomic_load_explicit(&l->n[i], memory_order_relaxed) + n,
        memory_order_relaxed);
    return age * (int64_t)n;
}

void
part_seen_acked(struct part *p, const struct copied *c)
{
    struct sight *s = &p->sight;
    if (c && c->timestamp > 0) {
        s->last_timestamp = c->timestamp;
        s->latency_ms += c->age_ms;
    }
    if (s->end_met > p->acked)
        pass_end(p);
}

/* ---- conclusions (pure) -------------------------------------------------- */

static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
lag_ms_of(const struct part_look *p, const struct sight *s, struct look_clock c)
{
    const int64_t at_end =
        s->passed_at_ms >= 0 ? max64(c.now_ms - s->passed_at_ms, 0) : -1;
    const int64_t written =
        s->last_timestamp >= 0 ? max64(c.wall_ms - s->last_timestamp, 0) : -1;
    if (p->lag <= 0)
        return p->lag;
    return at_end < 0 || written < 0 ? max64(at_end, written)
                                     : min64(at_end, written);
}

void
look_judge(struct part_look *p, const struct sight *s, int64_t high,
           struct look_clock clock)
{
    p->position = max64(p->position, s->passed);
    if (p->position < 0)
        p->position = s->first_low;
    /* A part that is read, with pauses, knows its end best; or nobody does. */
    p->end = p->holds & HOLDS_BRIEF ? max64(high, s->asked_end)
             : high >= 0            ? high
                                    : s->asked_end;
    p->lag =
        p->end < 0 || p->position < 0 ? -1 : max64(p->end - p->position, 0);
    p->lag_ms = lag_ms_of(p, s, clock);
    p->of = s->first_end >= 0 && s->first_low >= 0
                ? max64(s->first_end - s->first_low, 0)
                : -1;
    p->first = p->of < 0 || p->position < 0
                   ? -1
                   : max64(min64(p->position - s->first_low, p->of), 0);
}

bool
part_look_mine(const struct part_look *p)
{
    return !(p->holds & (HOLD_NOT_MINE | HOLD_UNWANTED));
}

const char *
part_look_state(const struct part_look *p)
{
    static const struct {
        enum hold hold;
        const char *word;
    } states[] = {{HOLD_UNWANTED, "unselected"}, {HOLD_NOT_MINE, "elsewhere"},
                  {HOLD_GONE, "gone"},           {HOLD_STOPPED, "stopped"},
                  {HOLD_PAUSED, "paused"},       {HOLD_BROKEN, "retrying"},
                  {HOLD_NEW, "waiting"},         {HOLD_BACKLOG, "copying"}};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (p->holds & states[i].hold)
            return states[i].word;
    return "copying";
}

void
look_sum_add(struct look_sum *sum, const struct part_look *p)
{
    sum->parts++;
    sum->records += p->records;
    sum->bytes += p->bytes;
    sum->refused += p->refused;
    sum->missed += p->missed;
    sum->looped += p->looped;
    sum->dead += p->dead;
    sum->latency_ms += p->latency_ms;
    if (!part_look_mine(p))
        return;
    sum->mine++;
    sum->held += (p->holds & ~HOLDS_BRIEF) != 0;
    sum->ill += p->problem != NULL;
    sum->unknown += p->lag < 0;
    sum->lag += max64(p->lag, 0);
    sum->lag_ms = max64(sum->lag_ms, p->lag_ms);
    sum->of_unknown += p->of < 0;
    sum->first += max64(p->first, 0);
    sum->of += max64(p->of, 0);
}

/* ---- a copy of it all ---------------------------------------------------- */

static void
copy_part(const struct part *p, struct part_look *to)
{
    *to = (struct part_look){
        .topic = p->topic->name,
        .remote = p->topic->remote,
        .partition = p->partition,
        .unit = p->unit ? p->unit->id : -1,
        .holds = atomic_load(&p->holds),
        .position = p->acked >= 0 ? p->acked + 1 : -1,
        .saved = p->saved >= 0 ? p->saved + 1 : -1,
        .records = p->records,
        .bytes = p->bytes,
        .refused = p->refused,
        .missed = p->missed,
        .looped = p->looped,
        .dead = p->dead,
        .latency_ms = p->sight.latency_ms,
        .last_timestamp = p->sight.last_timestamp,
        .problem = p->sight.problem ? xstrdup(p->sight.problem) : NULL,
        .problem_since_ms = p->sight.problem_since_ms,
    };
}

static size_t
count_parts(const struct flow *f, const char *only)
{
    size_t n = 0;
    for (const struct topic *t = f->topics; t; t = t->hh.next)
        if (!only || strcmp(t->name, only) == 0)
            n += (size_t)t->n_parts;
    return n;
}

const char *
flow_name(const struct flow *flow)
{
    return flow->conf->name;
}

char *
flow_error(struct flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    char *error = flow->complaint[0] ? xstrdup(flow->complaint) : NULL;
    pthread_mutex_unlock(&flow->lock);
    return error;
}

/* What the lock guards; `sights` are copies, without their words. */
static void
copy_parts(struct flow *f, const char *only, struct flow_look *out,
           struct sight **sights)
{
    pthread_mutex_lock(&f->lock);
    const size_t all = count_parts(f, only);
    out->paused = f->paused;
    out->rate = pace_of(&f->pace);
    out->parts = xcalloc(all + 1, sizeof(*out->parts));
    *sights = xcalloc(all + 1, sizeof(**sights));
    for (const struct topic *t = f->topics; t; t = t->hh.next) {
        if (only && strcmp(t->name, only) != 0)
            continue;
        for (int32_t i = 0; i < t->n_parts; i++) {
            (*sights)[out->n] = t->parts[i]->sight;
            copy_part(t->parts[i], &out->parts[out->n++]);
        }
    }
    pthread_mutex_unlock(&f->lock);
}

/* Of what is not read, librdkafka only knows an old end. */
static int64_t
known_end(const struct flow *f, const struct part_look *p)
{
    int64_t low, high = -1;
    if (p->holds & ~HOLDS_BRIEF ||
        rd_kafka_get_watermark_offsets(f->consumer, p->topic, p->partition,
                                       &low, &high) != 0)
        return -1;
    return high;
}

static int
by_name(const void *a, const void *b)
{
    const struct part_look *one = a, *other = b;
    const int rc = strcmp(one->topic, other->topic);
    return rc ? rc : one->partition - other->partition;
}

static int64_t
age(int64_t at_ms)
{
    return at_ms ? max64(clock_coarse_ms() - at_ms, 0) : -1;
}

/* They are there once the flow is ready. */
static int32_t
units_mine(const struct flow *f)
{
    int32_t n = 0;
    for (int32_t i = 0; i < f->n_units; i++)
        n += unit_is_mine(&f->units[i]);
    return n;
}

static struct look_notes
notes_of(const struct refusals *r)
{
    return (struct look_notes){.written = atomic_load(&r->written),
                               .refused = atomic_load(&r->n),
                               .age_ms = age(atomic_load(&r->written_at_ms))};
}

/* Positions and checkpoints are written where they changed: of them it tells
 * when all were last up to date. */
static void
copy_notes(const struct flow *f, struct flow_look *out)
{
    out->syncs = notes_of(&f->syncs.refusals);
    const uint64_t queued = atomic_load(&f->syncs.queued);
    out->syncs.waiting =
        queued > out->syncs.written ? queued - out->syncs.written : 0;
    out->positions = notes_of(&f->refusals[NOTE_POSITION]);
    out->positions.age_ms = age(atomic_load(&f->positions_at_ms));
    out->checkpoints = notes_of(&f->refusals[NOTE_CHECKPOINT]);
    out->checkpoints.age_ms = age(atomic_load(&f->checkpoints_at_ms));
    out->heartbeats = notes_of(&f->refusals[NOTE_HEARTBEAT]);
    for (size_t i = 0; i <= LOOK_BUCKETS; i++)
        out->latency[i] = atomic_load(&f->latencies.n[i]);
}

void
flow_look(struct flow *f, const char *topic, struct flow_look *out)
{
    struct sight *sights;
    *out = (struct flow_look){.name = f->conf->name,
                              .source = f->conf->source->name,
                              .target = f->conf->target->name,
                              .ready = atomic_load(&f->ready),
                              .broken = atomic_load(&f->broken)};
    if (out->ready) {
        out->units = f->n_units;
        out->units_mine = units_mine(f);
    }
    out->error = flow_error(f);
    copy_parts(f, topic, out, &sights);
    copy_notes(f, out);
    const struct look_clock clock = {clock_coarse_ms(), clock_wall_ms()};
    for (size_t i = 0; i < out->n; i++)
        look_judge(&out->parts[i], &sights[i], known_end(f, &out->parts[i]),
                   clock);
    free(sights);
    qsort(out->parts, out->n, sizeof(*out->parts), by_name);
}

void
flow_look_fini(struct flow_look *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->parts[i].problem);
    free(l->parts);
    free(l->error);
    *l = (struct flow_look){0};
}
