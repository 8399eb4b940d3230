/*
 * Runs are kept by upstream offset; the reverse direction is the same question
 * with the two sides of each run swapped.
 */
#include "common/mm2/runs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int64_t
min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* For sums of two offsets; questions may hold any. */
static int64_t
add_capped(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t
last_up(const struct run *r)
{
    return r->up + r->length - 1;
}

static int64_t
last_down(const struct run *r)
{
    return r->down + r->length - 1;
}

static bool
holds(const struct run *r, int64_t up, int64_t down)
{
    return up >= r->up && up <= last_up(r) && down - up == r->down - r->up;
}

/* ---- answers ---------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void
say(struct runs_answer *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->reason, sizeof(a->reason), fmt, ap);
    va_end(ap);
}

static void
answer_none(struct runs_answer *a)
{
    *a = (struct runs_answer){
        .quality = RUNS_NONE, .position = -1, .low = -1, .high = -1};
    say(a, "no sync of this partition");
}

static void
answer_before(const struct run *first, struct runs_answer *a)
{
    *a = (struct runs_answer){.quality = RUNS_BEFORE, .high = first->down};
    say(a, "before the first known sync %lld -> %lld", (long long)first->up,
        (long long)first->down);
}

static void
answer_exact(const struct run *r, int64_t i, struct runs_answer *a)
{
    const int64_t p = r->down + i;
    *a = (struct runs_answer){
        .quality = RUNS_EXACT, .position = p, .low = p, .high = p};
    say(a, "%s the run %lld..%lld -> %lld..%lld",
        i < r->length ? "in" : "right after", (long long)r->up,
        (long long)last_up(r), (long long)r->down, (long long)last_down(r));
}

/* Records between two syncs may be missing on one side, or stand beside
 * others on the other: the right position may be anything between the runs. */
static void
answer_bounded(const struct run *r, int64_t high, int64_t q,
               struct runs_answer *a)
{
    const int64_t low = r->down + r->length;
    *a = (struct runs_answer){.quality = RUNS_BOUNDED,
                              .position = low,
                              .low = low,
                              .high = max64(low, high)};
    say(a, "%lld records after the sync %lld -> %lld",
        (long long)(q - last_up(r)) - 1, (long long)last_up(r),
        (long long)last_down(r));
}

/* False: between or after the runs; the caller knows how far the right
 * position may be. */
static bool
answer_simple(const struct run *at, const struct run *after, int64_t q,
              struct runs_answer *a)
{
    if (!at && !after)
        answer_none(a);
    else if (!at)
        answer_before(after, a);
    else if (q <= last_up(at) + 1)
        answer_exact(at, q - at->up, a);
    else
        return false;
    return true;
}

static int64_t
high_after(const struct run *r, int64_t q)
{
    return add_capped(r->down + r->length, q - last_up(r) - 1);
}

/* Source records that stand between the runs are missing on the target when
 * there is no room for them. */
static void
answer_between(const struct run *at, const struct run *after, int64_t q,
               struct runs_answer *a)
{
    answer_bounded(at, after->down, q, a);
    if (after->down != a->low)
        return;
    a->quality = RUNS_EXACT;
    say(a, "nothing stands between %lld -> %lld and %lld -> %lld",
        (long long)last_up(at), (long long)last_down(at), (long long)after->up,
        (long long)after->down);
}

/* "After the newest sync" in the header. */
static void
answer_after(const struct runs_state *s, const struct run *at, int64_t q,
             int64_t end, struct runs_answer *a)
{
    answer_bounded(at, high_after(at, q), q, a);
    if (end < a->low)
        return; /* unknown, or behind: see to_log_end() */
    const int64_t needed = q - last_up(at) - 1, come = end - a->low;
    if (come < needed) {
        a->quality = RUNS_AHEAD;
        a->high = end;
        a->coming = needed - come;
        say(a,
            "%lld records after the sync %lld -> %lld, of which %lld at "
            "most have arrived",
            (long long)needed, (long long)last_up(at), (long long)last_down(at),
            (long long)come);
    } else if (s->extras) {
        a->high = end;
    }
}

/* A position beyond the log end is none: a client that starts there is sent
 * wherever its auto.offset.reset says. `last` is the newest sync's offset. */
static void
to_log_end(int64_t end, int64_t last, struct runs_answer *a)
{
    if (end < 0 || a->quality == RUNS_NONE)
        return;
    a->end_behind = end <= last;
    a->high = min64(a->high, end);
    if (a->position <= end)
        return;
    if (a->quality == RUNS_EXACT)
        a->quality = RUNS_BOUNDED;
    say(a, "the log ends at %lld, before the newest sync at %lld",
        (long long)end, (long long)last);
    a->position = a->low = end;
}

static void
keep_runs(const struct run *at, const struct run *after, struct runs_answer *a)
{
    a->has_at = at != NULL;
    a->has_after = after != NULL;
    if (at)
        a->at = *at;
    if (after)
        a->after = *after;
}

static bool
in_doubt(const struct runs_state *s, int64_t q, int64_t end)
{
    return s->doubt && q >= s->doubt_from && end != RUNS_END_PASSED;
}

void
runs_forward(const struct runs_state *s, const struct run *at,
             const struct run *after, int64_t q, int64_t down_end,
             struct runs_answer *out)
{
    if (!answer_simple(at, after, q, out)) {
        if (after)
            answer_between(at, after, q, out);
        else
            answer_after(s, at, q, down_end, out);
    }
    if (out->quality != RUNS_NONE && in_doubt(s, q, down_end)) {
        out->quality = RUNS_BOUNDED;
        out->position = out->low = min64(s->doubt_low, out->low);
        say(out,
            "records from %lld on may be being copied a second time; certain "
            "after the sync of %lld",
            (long long)s->doubt_from, (long long)s->doubt_until);
    }
    to_log_end(down_end, last_down(&s->newest), out);
    keep_runs(at, after, out);
}

static struct run
swapped(const struct run *r)
{
    return (struct run){r->down, r->up, r->length};
}

void
runs_reverse(const struct runs_state *s, const struct run *at,
             const struct run *after, int64_t q, int64_t up_end,
             struct runs_answer *out)
{
    struct run a = {0}, b = {0};
    if (at)
        a = swapped(at);
    if (after)
        b = swapped(after);
    if (!answer_simple(at ? &a : NULL, after ? &b : NULL, q, out)) {
        int64_t high = high_after(&a, q);
        /* Where the copy went back, records read may lie beyond the next run.
         * Beyond the newest, holes may let the copy be anywhere. */
        if (after)
            high = max64(high, b.down);
        else if (s->holes && up_end >= 0)
            high = up_end;
        answer_bounded(&a, high, q, out);
    } else if (out->quality == RUNS_BEFORE) {
        /* Perhaps in a copy of which nothing is known any more. */
        out->high = max64(out->high, up_end);
    }
    to_log_end(up_end, last_up(&s->newest), out);
    keep_runs(at, after, out);
}

/* ---- syncs ------------------------------------------------------------ */

static bool
in_range(int64_t offset)
{
    return offset >= 0 && offset <= RUNS_OFFSET_MAX;
}

struct runs_state
runs_anew(const struct runs_state *s)
{
    return (struct runs_state){.holes = s->holes, .extras = s->extras};
}

static void
start_over(const struct runs_state *s, struct runs_step *out)
{
    out->change = RUNS_RESTART;
    out->next = runs_anew(s);
    out->next.any = true;
    out->next.newest = out->put;
}

/* d = ld, u > lu */
static void
target_lost_last(const struct runs_state *s, struct runs_step *out)
{
    out->change = RUNS_BACK;
    out->from = s->newest.up;
    out->kept = s->newest;
    out->kept.length--;
    out->next.holes = true;
    out->next.newest = out->put;
}

/* d <= ld otherwise */
static void
target_back(const struct runs_state *s, int64_t up, int64_t down,
            struct runs_step *out)
{
    if (!holds(&s->newest, up, down)) {
        start_over(s, out);
        return;
    }
    if (up == last_up(&s->newest)) {
        out->change = RUNS_SAME;
        return;
    }
    out->change = RUNS_PUT;
    out->put = s->newest;
    out->put.length = up - s->newest.up + 1;
    out->next.newest = out->put;
}

/* See "Doubt" in the header; `extra` is its k. */
static void
begin_doubt(const struct runs_state *s, const struct run *before, int64_t up,
            int64_t down, int64_t extra, struct runs_state *next)
{
    struct runs_answer a;
    /* A run after `before` is of no matter: only low is used. */
    runs_forward(s, before, before ? NULL : &s->newest, up, RUNS_END_UNKNOWN,
                 &a);
    const int64_t low = min64(a.low, down);
    const int64_t until = add_capped(up, extra - 1);
    const int64_t end = add_capped(down, max64(extra, down - low));
    next->doubt_from = s->doubt ? min64(s->doubt_from, up) : up;
    next->doubt_until = s->doubt ? max64(s->doubt_until, until) : until;
    next->doubt_end = s->doubt ? max64(s->doubt_end, end) : end;
    next->doubt_low = low; /* an older doubt's is in it */
    next->doubt = true;
}

static void
end_doubt(int64_t up, int64_t down, struct runs_state *next)
{
    if (next->doubt && up >= next->doubt_until && down + 1 >= next->doubt_end)
        next->doubt = false;
}

bool
runs_cut_doubt(struct runs_state *s, int64_t up_end)
{
    if (!s->doubt || up_end > s->doubt_until)
        return false;
    s->doubt_until = up_end - 1;
    s->doubt_end = 0; /* what is on the source counts, not how much it was */
    end_doubt(s->newest.up + s->newest.length - 1,
              s->newest.down + s->newest.length - 1, s);
    return true;
}

static bool
extends(const struct runs_state *s, int64_t du, int64_t dd)
{
    return du == dd && (du == 1 || !(s->gap || (s->holes && s->extras)));
}

/* d > ld, u > lu */
static void
both_forward(const struct runs_state *s, int64_t du, int64_t dd,
             struct runs_step *out)
{
    out->next.holes = s->holes || du > dd;
    out->next.extras = s->extras || dd > du;
    if (!extends(s, du, dd)) {
        out->change = RUNS_NEW;
        return;
    }
    out->change = RUNS_PUT;
    out->put = s->newest;
    out->put.length += du;
}

/* d > ld, u <= lu */
static void
source_back(const struct run *before, int64_t up, struct runs_step *out)
{
    out->change = RUNS_BACK;
    out->from = up;
    out->next.extras = true;
    if (!before || before->up == up)
        return;
    out->kept = *before;
    out->kept.length = min64(before->length, up - before->up);
}

int
runs_apply(const struct runs_state *s, const struct run *before, int64_t up,
           int64_t down, struct runs_step *out)
{
    if (!in_range(up) || !in_range(down))
        return ERR_INVALID;
    *out = (struct runs_step){.put = {up, down, 1}, .next = *s};
    out->next.gap = false;
    if (!s->any) {
        out->change = RUNS_NEW;
        out->next.any = true;
        out->next.newest = out->put;
        return 0;
    }
    const int64_t du = up - last_up(&s->newest);
    const int64_t dd = down - last_down(&s->newest);
    if (dd == 0 && du > 0) {
        target_lost_last(s, out);
        return 0;
    }
    if (dd <= 0) {
        target_back(s, up, down, out);
        return 0;
    }
    if (du > 0)
        both_forward(s, du, dd, out);
    else
        source_back(before, up, out);
    const int64_t extra = du < 0 ? add_capped(dd, -du) : dd - du;
    if (extra >= 2)
        begin_doubt(s, before, up, down, extra, &out->next);
    end_doubt(up, down, &out->next);
    out->next.newest = out->put;
    return 0;
}
