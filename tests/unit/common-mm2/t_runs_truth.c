/*
 * Every answer beside the truth: a simulated MirrorMaker 2 (mm2_sim.h) is asked
 * at random moments, forward and in reverse, with the other log's end unknown,
 * known, or known from a while ago.
 *
 * A position is safe for q when no record >= q stands only before it; with
 * copies made a second time the last one counts, as nothing is ever copied
 * again once everything has died (or, where a mode says that MirrorMaker 2
 * lives, as it will be).  It is right when the record there is the one asked
 * for, or the record before it the one before that.
 *
 *   never past    the position is safe, whatever the quality
 *   exact         it is right, too
 *   bounded       low..high holds a right one
 *   ahead         the record before q has not arrived
 *
 * MM2_SEED=N MM2_MODE=N tells one story again; MM2_SEEDS=N tells more.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/mm2_sim.h"

#define SEEDS        40
#define STEPS        600
#define ASKED_A_STEP 3
#define NEAR         60

/* Every mix but those of the limits in runs.h. With `compacted` both kinds of
 * break have not been shown at first: only the way forward is safe, and not all
 * that is called exact is. */
static const struct sim_mode modes[] = {
    {.name = "clean"},
    {.name = "slow", .slow = true},
    {.name = "losses", .slow = true, .losses = true},
    {.name = "holes", .holes = true},
    {.name = "holes, losses", .holes = true, .slow = true, .losses = true},
    {.name = "markers, losses", .markers = true, .slow = true, .losses = true},
    {.name = "retries, losses", .retries = true, .slow = true, .losses = true},
    {.name = "foreign, losses", .foreign = true, .slow = true, .losses = true},
    {.name = "crashes", .crashes = true},
    {.name = "crashes, losses", .crashes = true, .slow = true, .losses = true},
    {.name = "extras, crashes, losses",
     .markers = true,
     .retries = true,
     .foreign = true,
     .crashes = true,
     .slow = true,
     .losses = true,
     .shown = true},
    {.name = "holes, extras, losses",
     .holes = true,
     .markers = true,
     .retries = true,
     .foreign = true,
     .slow = true,
     .losses = true,
     .shown = true},
    {.name = "holes, markers, compacted",
     .holes = true,
     .markers = true,
     .compacted = true},
    {.name = "holes, crashes", .holes = true, .crashes = true},
    {.name = "holes, extras, crashes",
     .holes = true,
     .markers = true,
     .retries = true,
     .foreign = true,
     .crashes = true,
     .shown = true},
    {.name = "target cut",
     .target_cuts = true,
     .losses = true,
     .slow = true,
     .shown = true},
    {.name = "source cut",
     .source_cuts = true,
     .losses = true,
     .slow = true,
     .shown = true},
    {.name = "everything",
     .holes = true,
     .markers = true,
     .retries = true,
     .foreign = true,
     .crashes = true,
     .slow = true,
     .losses = true,
     .target_cuts = true,
     .source_cuts = true,
     .shown = true,
     .lives = true},
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

struct story {
    struct sim s;
    uint64_t seed;
    int64_t old_end, old_source_end; /* log ends known from a while ago */
    int64_t asked[2][RUNS_NONE + 1];
};

/* What is asked, and the log end that is given. */
struct question {
    int64_t q, end;
};

__attribute__((format(printf, 4, 5))) _Noreturn static void
wrong(const struct story *t, struct question q, const struct runs_answer *a,
      const char *fmt, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    ck_abort_msg("%s: %" PRId64 " with the log end %" PRId64
                 " is quality %d, %" PRId64 " of %" PRId64 "..%" PRId64
                 " (%s): %s\nagain: MM2_MODE=%d MM2_SEED=%" PRIu64,
                 t->s.mode->name, q.q, q.end, (int)a->quality, a->position,
                 a->low, a->high, a->reason, why, (int)(t->s.mode - modes),
                 t->seed);
}

/* ---- the truth ----------------------------------------------------------- */

static bool
is_there(const struct sim *s, int64_t u)
{
    return u < s->source_end && s->exists[u] && !s->lost[u];
}

/* The first source record at or after `u`, or the log's end. */
static int64_t
next_record(const struct sim *s, int64_t u)
{
    while (u < s->source_end && !is_there(s, u))
        u++;
    return u;
}

/* With a target of which [0, end) is there. */
static int64_t
safe(const struct sim *s, int64_t q, int64_t end)
{
    static int64_t last[SIM_SOURCE];
    memset(last, -1, sizeof(last));
    for (int64_t d = 0; d < end; d++)
        if (s->target[d] >= 0)
            last[s->target[d]] = d;
    int64_t best = end;
    for (int64_t u = q; u < SIM_SOURCE; u++) {
        const bool comes_again = s->mode->lives && u >= s->next;
        if (is_there(s, u) && last[u] >= 0 && last[u] < best && !comes_again)
            best = last[u];
    }
    return best;
}

/* Where the next record stands that the source still has. */
static int64_t
skip_extras(const struct sim *s, int64_t d, int64_t end)
{
    while (d < end && (s->target[d] < 0 || !is_there(s, s->target[d])))
        d++;
    return d;
}

/* The least source record of which target [0, p) holds no copy. */
static int64_t
first_unread(const struct sim *s, int64_t p)
{
    static bool seen[SIM_SOURCE];
    memset(seen, 0, sizeof(seen));
    for (int64_t d = 0; d < p && d < s->end; d++)
        if (s->target[d] >= 0)
            seen[s->target[d]] = true;
    int64_t u = next_record(s, 0);
    while (u < s->source_end && seen[u])
        u = next_record(s, u + 1);
    return u;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- judging ------------------------------------------------------------- */

/* Is `high` certain, too? */
static bool
range_is_certain(const struct story *t, struct question q)
{
    const struct runs_state *state = &t->s.map.state;
    if (t->s.mode->lives)
        return false; /* the right one may still have to be written */
    if (q.q < state->newest.up)
        return true;
    if (sim_has_extras(t->s.mode))
        return q.end >= 0 && state->extras;
    return true;
}

static int64_t
record_before(const struct sim *s, int64_t u)
{
    do
        u--;
    while (u >= 0 && !is_there(s, u));
    return u;
}

/* A reader that starts at `p` meets first what was asked for; or `p` comes
 * right after the record before that, and copies made a second time follow. */
static bool
is_place_of(const struct sim *s, int64_t p, int64_t q, int64_t end)
{
    const int64_t d = skip_extras(s, p, end);
    if (d >= end || (s->target[d] >= q && next_record(s, q) >= s->target[d]))
        return true;
    int64_t before = p - 1;
    while (before >= 0 &&
           (s->target[before] < 0 || !is_there(s, s->target[before])))
        before--;
    return before >= 0 && s->target[before] == record_before(s, q);
}

static void
judge_exact(const struct story *t, struct question q,
            const struct runs_answer *a)
{
    const struct sim *s = &t->s;
    if (a->low != a->position || a->high != a->position)
        wrong(t, q, a, "exact has one position");
    if (!is_place_of(s, a->position, q.q, s->end))
        wrong(t, q, a, "another record stands there");
}

static void
judge_range(const struct story *t, struct question q,
            const struct runs_answer *a)
{
    const struct sim *s = &t->s;
    const int64_t end = q.end < 0 ? s->end : q.end;
    const int64_t most = safe(s, q.q, s->end);
    if (a->end_behind || !range_is_certain(t, q))
        return;
    for (int64_t p = a->low; p <= a->high && p <= most; p++)
        if (is_place_of(s, p, q.q, end))
            return;
    wrong(t, q, a, "no right position up to high; %" PRId64 " is one", most);
}

/* A hole of which no sync has told yet lies before `q`. */
static bool
hole_untold(const struct story *t, int64_t q)
{
    const struct run *newest = &t->s.map.state.newest;
    for (int64_t u = newest->up + newest->length; u < q; u++)
        if (u >= t->s.source_end || !is_there(&t->s, u))
            return true;
    return false;
}

static void
judge_ahead(const struct story *t, struct question q,
            const struct runs_answer *a)
{
    const struct sim *s = &t->s;
    if (a->high != q.end)
        wrong(t, q, a, "high is not the log end");
    if (a->low == q.end)
        return; /* nothing has come after the sync: the range says it all */
    if (hole_untold(t, q.q))
        return;
    /* Where it lives, a copy from before a cut counts for nothing. */
    for (int64_t d = s->mode->lives ? a->low : 0; d < q.end; d++)
        if (s->target[d] == q.q - 1)
            wrong(t, q, a, "but %" PRId64 " stands at %" PRId64, q.q - 1, d);
}

static void
judge_forward(struct story *t, struct question q)
{
    const struct sim *s = &t->s;
    const struct runs_answer a = runs_map_forward(&s->map, q.q, q.end);
    t->asked[0][a.quality]++;
    if (a.quality == RUNS_NONE) {
        if (s->map.state.any)
            wrong(t, q, &a, "something is known");
        return;
    }
    if (a.position != a.low || a.low > a.high || a.low < 0)
        wrong(t, q, &a, "no range");
    if (q.end >= 0 && (a.position > q.end || a.high > q.end))
        wrong(t, q, &a, "beyond the log end");
    const int64_t best = safe(s, q.q, s->end);
    if (a.position > best)
        wrong(t, q, &a, "past %" PRId64, best);
    if (s->mode->compacted)
        return;
    if (a.quality == RUNS_EXACT)
        judge_exact(t, q, &a);
    else
        judge_range(t, q, &a);
    if (a.quality == RUNS_AHEAD)
        judge_ahead(t, q, &a);
}

static bool
reverse_is_certain(const struct story *t, struct question p,
                   const struct runs_answer *a)
{
    const struct runs_map *map = &t->s.map;
    const struct sim_mode *m = t->s.mode;
    const bool holes = m->holes || m->target_cuts || m->source_cuts;
    if (a->quality == RUNS_BEFORE)
        return p.end >= 0;
    if (holes && sim_has_extras(m))
        return false;
    return p.q < map->state.newest.down || !holes ||
           (p.end >= 0 && map->state.holes);
}

/* The next record that a reader of the target meets, on the source. */
static void
judge_reverse_place(const struct story *t, struct question p,
                    const struct runs_answer *a)
{
    const struct sim *s = &t->s;
    const int64_t d = skip_extras(s, p.q, s->end);
    int64_t right = d < s->end ? s->target[d] : next_record(s, s->next);
    right = least(right, p.end < 0 ? s->source_end : p.end);
    if (a->quality == RUNS_EXACT) {
        if (next_record(s, a->position) < right)
            wrong(t, p, a, "the record before %" PRId64 " is read already",
                  right);
        return;
    }
    if (!reverse_is_certain(t, p, a))
        return;
    if (a->high < right && next_record(s, a->high) < right)
        wrong(t, p, a, "%" PRId64 " is right, which is beyond high", right);
}

static void
judge_reverse(struct story *t, struct question p)
{
    const struct sim *s = &t->s;
    const struct runs_answer a = runs_map_reverse(&s->map, p.q, p.end);
    t->asked[1][a.quality]++;
    if (a.quality == RUNS_NONE)
        return;
    if (a.position != a.low || a.low > a.high || a.low < 0)
        wrong(t, p, &a, "no range");
    if (p.end >= 0 && (a.position > p.end || a.high > p.end))
        wrong(t, p, &a, "beyond the log end");
    if (s->mode->compacted)
        return;
    const int64_t unread = first_unread(s, p.q);
    if (a.position > unread)
        wrong(t, p, &a, "in reverse, past %" PRId64, unread);
    if (a.quality == RUNS_AHEAD)
        wrong(t, p, &a, "in reverse, nothing is ahead");
    judge_reverse_place(t, p, &a);
}

/* ---- asking -------------------------------------------------------------- */

/* Unknown, as it is, or as it was. */
static int64_t
some_end(struct story *t, int64_t now, int64_t old)
{
    const int64_t which = sim_dice(&t->s, 3);
    return which == 0 ? RUNS_END_UNKNOWN : which == 1 ? now : old;
}

static int64_t
not_below(int64_t least, int64_t x)
{
    return x < least ? least : x;
}

/* Around the head, where doubt is; near it; anywhere. */
static int64_t
some_offset(struct sim *s, int64_t head)
{
    switch (sim_dice(s, 3)) {
    case 0:
        return not_below(0, head + 3 - sim_dice(s, 8));
    case 1:
        return not_below(0, head + 10 - sim_dice(s, NEAR));
    default:
        return sim_dice(s, head + 20);
    }
}

static void
ask(struct story *t)
{
    struct sim *s = &t->s;
    const int64_t up = some_offset(s, s->next);
    judge_forward(t, (struct question){up, some_end(t, s->end, t->old_end)});
    const int64_t down = least(some_offset(s, s->end), s->end);
    judge_reverse(t, (struct question){
                         down, some_end(t, s->source_end, t->old_source_end)});
}

static void
tell(struct story *t, const struct sim_mode *mode, uint64_t seed)
{
    struct sim *s = &t->s;
    t->seed = seed;
    sim_init(s, mode, seed);
    t->old_end = t->old_source_end = RUNS_END_UNKNOWN;
    int cuts = 0;
    for (int step = 0; step < STEPS && !sim_over(s); step++) {
        sim_step(s);
        /* A log end from before a cut: the follower has thrown it away. */
        if (s->cuts != cuts || sim_dice(s, 10) == 0) {
            t->old_end = s->end;
            t->old_source_end = s->source_end;
            cuts = s->cuts;
        }
        for (int i = 0; i < ASKED_A_STEP; i++)
            ask(t);
    }
    sim_fini(s);
}

static uint64_t
from_env(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s ? strtoull(s, NULL, 10) : otherwise;
}

/* A judge that is never asked judges nothing. */
static void
check_asked(const struct story *t, const struct sim_mode *m)
{
    ck_assert_int_gt(t->asked[0][RUNS_EXACT], 1000);
    ck_assert_int_gt(t->asked[0][RUNS_BOUNDED], 100);
    ck_assert_int_gt(t->asked[0][RUNS_AHEAD], 100);
    ck_assert_int_gt(t->asked[1][RUNS_EXACT], 1000);
    ck_assert_int_gt(t->asked[1][RUNS_BOUNDED] + t->asked[0][RUNS_BEFORE], 10);
    (void)m;
}

START_TEST(beside_the_truth)
{
    static struct story t;
    const struct sim_mode *m = &modes[_i];
    if (from_env("MM2_MODE", (uint64_t)_i) != (uint64_t)_i)
        return;
    memset(&t, 0, sizeof(t));
    const uint64_t one = from_env("MM2_SEED", 0);
    if (one) {
        tell(&t, m, one);
        return;
    }
    const uint64_t seeds = from_env("MM2_SEEDS", SEEDS);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        tell(&t, m, seed);
    check_asked(&t, m);
    printf("%-26s seeds 1..%" PRIu64 ": exact %" PRId64 ", bounded %" PRId64
           ", ahead %" PRId64 ", before %" PRId64 "; in reverse %" PRId64
           ", %" PRId64 "\n",
           m->name, seeds, t.asked[0][RUNS_EXACT], t.asked[0][RUNS_BOUNDED],
           t.asked[0][RUNS_AHEAD], t.asked[0][RUNS_BEFORE],
           t.asked[1][RUNS_EXACT], t.asked[1][RUNS_BOUNDED]);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mm2 runs beside the truth");
    TCase *t = tcase_create("truth");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, beside_the_truth, 0, (int)MODES);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
