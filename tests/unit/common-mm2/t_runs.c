/*
 * Runs: each rule by itself, then a simulated MirrorMaker 2 against which every
 * answer is judged.
 *
 * The simulation copies a source partition (perhaps with holes) to a target
 * (perhaps with transaction markers), crashes and resumes lower, emits syncs by
 * MM2's rule (mm2.md 4.1) and may lose some.  At any moment the right position
 * of q lies between
 *   first(q)  where the first copy of any record >= q stands, and
 *   safe(q)   the last position from which no record >= q is missed if nothing
 *             is ever copied again.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mm2/runs.h"

#define RUNS 4096

/* What the store does, in an array. */
struct map {
    struct runs_state state;
    struct run v[RUNS];
    size_t n;
    int restarts, backs;
};

static size_t
upto(const struct map *m, int64_t q, bool by_down)
{
    size_t n = 0;
    while (n < m->n && (by_down ? m->v[n].down : m->v[n].up) <= q)
        n++;
    return n;
}

static void
keep(struct map *m, const struct run *r)
{
    if (m->n && m->v[m->n - 1].up == r->up)
        m->n--;
    ck_assert_uint_lt(m->n, RUNS);
    m->v[m->n++] = *r;
}

static void
check_shape(const struct map *m)
{
    for (size_t i = 1; i < m->n; i++) {
        const struct run *a = &m->v[i - 1], *b = &m->v[i];
        if (a->length <= 0 || b->length <= 0 || a->up + a->length > b->up ||
            a->down + a->length > b->down)
            ck_abort_msg("runs overlap");
    }
    const struct run *last = &m->v[m->n - 1];
    ck_assert_mem_eq(last, &m->state.newest, sizeof(*last));
}

static enum runs_change
sync_in(struct map *m, int64_t up, int64_t down)
{
    struct runs_step step;
    const size_t n = upto(m, up, false);
    ck_assert_int_eq(
        runs_apply(&m->state, n ? &m->v[n - 1] : NULL, up, down, &step), 0);
    if (step.change == RUNS_RESTART) {
        m->n = 0;
        m->restarts++;
    }
    if (step.change == RUNS_BACK) {
        while (m->n && m->v[m->n - 1].up >= step.from)
            m->n--;
        m->backs++;
    }
    if (step.kept.length)
        keep(m, &step.kept);
    if (step.change != RUNS_SAME)
        keep(m, &step.put);
    m->state = step.next;
    check_shape(m);
    return step.change;
}

static struct runs_answer
forward(const struct map *m, int64_t q)
{
    struct runs_answer a;
    const size_t n = upto(m, q, false);
    runs_forward(&m->state, n ? &m->v[n - 1] : NULL, n < m->n ? &m->v[n] : NULL,
                 q, RUNS_END_UNKNOWN, &a);
    return a;
}

static struct runs_answer
reverse(const struct map *m, int64_t q)
{
    struct runs_answer a;
    const size_t n = upto(m, q, true);
    runs_reverse(&m->state, n ? &m->v[n - 1] : NULL, n < m->n ? &m->v[n] : NULL,
                 q, RUNS_END_UNKNOWN, &a);
    return a;
}

static void
is(struct runs_answer a, enum runs_quality quality, int64_t position,
   int64_t low, int64_t high)
{
    ck_assert_int_eq(a.quality, quality);
    ck_assert_int_eq(a.position, position);
    ck_assert_int_eq(a.low, low);
    ck_assert_int_eq(a.high, high);
    ck_assert_int_ne(a.reason[0], '\0');
}

START_TEST(nothing_known)
{
    struct map m = {0};
    is(forward(&m, 7), RUNS_NONE, -1, -1, -1);
    is(reverse(&m, 7), RUNS_NONE, -1, -1, -1);
}
END_TEST

START_TEST(one_sync)
{
    struct map m = {0};
    ck_assert_int_eq(sync_in(&m, 100, 50), RUNS_NEW);
    is(forward(&m, 99), RUNS_BEFORE, 0, 0, 50);
    is(forward(&m, 100), RUNS_EXACT, 50, 50, 50);
    is(forward(&m, 101), RUNS_EXACT, 51, 51, 51);
    is(forward(&m, 111), RUNS_BOUNDED, 51, 51, 61);
    is(reverse(&m, 49), RUNS_BEFORE, 0, 0, 100);
    is(reverse(&m, 50), RUNS_EXACT, 100, 100, 100);
    is(reverse(&m, 51), RUNS_EXACT, 101, 101, 101);
    is(reverse(&m, 61), RUNS_BOUNDED, 101, 101, 111);
    is(forward(&m, INT64_MAX), RUNS_BOUNDED, 51, 51, INT64_MAX - 50);
    ck_assert_str_eq(forward(&m, 121).reason,
                     "20 records after the sync 100 -> 50");
}
END_TEST

/* The four golden syncs of MM2 4.1. */
START_TEST(a_run_grows)
{
    struct map m = {0};
    ck_assert_int_eq(sync_in(&m, 0, 0), RUNS_NEW);
    ck_assert_int_eq(sync_in(&m, 101, 101), RUNS_PUT);
    ck_assert_int_eq(sync_in(&m, 404, 404), RUNS_PUT);
    ck_assert_int_eq(sync_in(&m, 404, 404), RUNS_SAME);
    ck_assert_uint_eq(m.n, 1);
    is(forward(&m, 300), RUNS_EXACT, 300, 300, 300);
    is(forward(&m, 405), RUNS_EXACT, 405, 405, 405);
    is(forward(&m, 500), RUNS_BOUNDED, 405, 405, 500);
}
END_TEST

START_TEST(hole_upstream)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 10, 10);
    ck_assert_int_eq(sync_in(&m, 20, 15), RUNS_NEW);
    is(forward(&m, 11), RUNS_EXACT, 11, 11, 11);
    is(forward(&m, 15), RUNS_BOUNDED, 11, 11, 15);
    is(forward(&m, 20), RUNS_EXACT, 15, 15, 15);
    is(reverse(&m, 13), RUNS_BOUNDED, 11, 11, 20);
    is(reverse(&m, 15), RUNS_EXACT, 20, 20, 20);
}
END_TEST

START_TEST(target_made_anew)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 500, 500);
    ck_assert_int_eq(sync_in(&m, 600, 3), RUNS_RESTART);
    ck_assert_uint_eq(m.n, 1);
    is(forward(&m, 100), RUNS_BEFORE, 0, 0, 3);
    is(forward(&m, 600), RUNS_EXACT, 3, 3, 3);
}
END_TEST

/* Everything made anew alike: what lies beyond the sync is not known again. */
START_TEST(newest_run_cut_short)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 500, 500);
    ck_assert_int_eq(sync_in(&m, 100, 100), RUNS_PUT);
    is(forward(&m, 101), RUNS_EXACT, 101, 101, 101);
    is(forward(&m, 300), RUNS_BOUNDED, 101, 101, 300);
    ck_assert_int_eq(sync_in(&m, 500, 500), RUNS_PUT);
    is(forward(&m, 300), RUNS_EXACT, 300, 300, 300);
}
END_TEST

/* MM2 copied 0..99, crashed, resumed at 50: 50.. stands again at 100.. */
START_TEST(copy_goes_back)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 99, 99);
    ck_assert_int_eq(sync_in(&m, 50, 100), RUNS_BACK);
    is(forward(&m, 49), RUNS_EXACT, 49, 49, 49);
    /* 51..99 may never be copied again: only 50 is certain. */
    is(forward(&m, 75), RUNS_BOUNDED, 50, 50, 125);
    is(forward(&m, 50), RUNS_BOUNDED, 50, 50, 100);
    (void)sync_in(&m, 98, 148);
    is(forward(&m, 75), RUNS_BOUNDED, 50, 50, 125);
    (void)sync_in(&m, 99, 149);
    is(forward(&m, 75), RUNS_EXACT, 125, 125, 125);
    is(forward(&m, 50), RUNS_EXACT, 100, 100, 100);
    is(forward(&m, 49), RUNS_EXACT, 49, 49, 49);
    /* Back: the records read before target offset 75 are 0..74. */
    is(reverse(&m, 75), RUNS_BOUNDED, 50, 50, 75);
    is(reverse(&m, 125), RUNS_EXACT, 75, 75, 75);
}
END_TEST

/* The same where no sync had told of 51..99. */
START_TEST(copy_goes_back_unseen)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    ck_assert_int_eq(sync_in(&m, 50, 100), RUNS_NEW);
    is(forward(&m, 75), RUNS_BOUNDED, 1, 1, 125);
    is(forward(&m, 50), RUNS_BOUNDED, 1, 1, 100);
    (void)sync_in(&m, 151, 201);
    is(forward(&m, 75), RUNS_EXACT, 125, 125, 125);
}
END_TEST

START_TEST(marker_brings_no_doubt)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 9, 9);
    (void)sync_in(&m, 10, 11);
    ck_assert(!m.state.doubt);
    is(forward(&m, 10), RUNS_EXACT, 11, 11, 11);
    is(reverse(&m, 10), RUNS_EXACT, 10, 10, 10);
}
END_TEST

/* Both kinds of break seen: same delta proves nothing about what is between. */
START_TEST(no_extension_after_both_breaks)
{
    struct map m = {0};
    (void)sync_in(&m, 0, 0);
    (void)sync_in(&m, 11, 10);
    (void)sync_in(&m, 12, 12);
    ck_assert_int_eq(sync_in(&m, 112, 112), RUNS_NEW);
    is(forward(&m, 50), RUNS_BOUNDED, 13, 13, 112);
    ck_assert_int_eq(sync_in(&m, 113, 113), RUNS_PUT);
}
END_TEST

START_TEST(out_of_range)
{
    const struct runs_state s = {0};
    struct runs_step step;
    ck_assert_int_eq(runs_apply(&s, NULL, -1, 0, &step), ERR_INVALID);
    ck_assert_int_eq(runs_apply(&s, NULL, 0, -1, &step), ERR_INVALID);
    ck_assert_int_eq(runs_apply(&s, NULL, RUNS_OFFSET_MAX + 1, 0, &step),
                     ERR_INVALID);
    ck_assert_int_eq(runs_apply(&s, NULL, 0, INT64_MAX, &step), ERR_INVALID);
    ck_assert_int_eq(
        runs_apply(&s, NULL, RUNS_OFFSET_MAX, RUNS_OFFSET_MAX, &step), 0);
}
END_TEST

/* ---- against a simulated truth ---------------------------------------- */

#define SOURCE 1200
#define TARGET 4000

struct mode {
    const char *name;
    bool holes, markers, crashes, losses;
};

/* Every mix but holes with losses and extras: the limit of the header. */
static const struct mode modes[] = {
    {"clean", false, false, false, false},
    {"losses", false, false, false, true},
    {"crashes", false, false, true, false},
    {"crashes, losses", false, false, true, true},
    {"markers, crashes, losses", false, true, true, true},
    {"holes", true, false, false, false},
    {"holes, losses", true, false, false, true},
    {"holes, crashes", true, false, true, false},
    {"holes, markers, crashes", true, true, true, false},
};

struct sim {
    const struct mode *mode;
    unsigned seed;
    bool exists[SOURCE];
    int64_t target[TARGET]; /* source offset, or -1: marker */
    int64_t end;
    int64_t next, committed;
    int64_t prev_up, last_sync_down, lag;
    struct map map;
};

static int
dice(struct sim *s, int sides)
{
    s->seed = s->seed * 1103515245u + 12345u;
    return (int)((s->seed >> 16 & 0x7fff) % (unsigned)sides);
}

static void
sim_init(struct sim *s, const struct mode *mode, unsigned seed)
{
    memset(s, 0, sizeof(*s));
    s->mode = mode;
    s->seed = seed;
    s->prev_up = s->last_sync_down = -1;
    s->lag = dice(s, 3) ? dice(s, 20) : 0;
    for (int u = 0; u < SOURCE; u++)
        s->exists[u] = !mode->holes || dice(s, 10) != 0;
}

static void
emit(struct sim *s, int64_t up, int64_t down)
{
    const bool due = s->last_sync_down < 0 ||
                     down - (s->last_sync_down + 1) >= s->lag ||
                     up - s->prev_up != 1;
    s->prev_up = up;
    if (!due)
        return;
    s->last_sync_down = down;
    /* The very first is never lost: limit (5) of the header. */
    if (!s->mode->losses || !s->map.state.any || dice(s, 3) != 0)
        (void)sync_in(&s->map, up, down);
}

static void
copy_one(struct sim *s)
{
    while (s->next < SOURCE && !s->exists[s->next])
        s->next++;
    if (s->next >= SOURCE)
        return;
    if (s->mode->markers && dice(s, 12) == 0)
        s->target[s->end++] = -1;
    const int64_t up = s->next++, down = s->end++;
    s->target[down] = up;
    emit(s, up, down);
    if (dice(s, 25) == 0)
        s->committed = s->next;
}

static void
crash(struct sim *s)
{
    s->next = s->committed;
    s->prev_up = s->last_sync_down = -1;
}

static int64_t
first_of(const struct sim *s, int64_t q)
{
    for (int64_t d = 0; d < s->end; d++)
        if (s->target[d] >= q)
            return d;
    return s->end;
}

static int64_t
safe_of(const struct sim *s, int64_t q)
{
    int64_t last[SOURCE];
    memset(last, -1, sizeof(last));
    for (int64_t d = 0; d < s->end; d++)
        if (s->target[d] >= 0)
            last[s->target[d]] = d;
    int64_t safe = s->end;
    for (int64_t u = q; u < SOURCE; u++)
        if (last[u] >= 0 && last[u] < safe)
            safe = last[u];
    return safe;
}

static int64_t
first_unread(const struct sim *s, int64_t p)
{
    bool read[SOURCE] = {false};
    for (int64_t d = 0; d < p && d < s->end; d++)
        if (s->target[d] >= 0)
            read[s->target[d]] = true;
    for (int64_t u = 0; u < SOURCE; u++)
        if (s->exists[u] && !read[u])
            return u;
    return SOURCE;
}

static bool
only_markers(const struct sim *s, int64_t from, int64_t to)
{
    while (from < to && s->target[from] < 0)
        from++;
    return from >= to;
}

static void
judge_forward(struct sim *s, int64_t q)
{
    const struct runs_answer a = forward(&s->map, q);
    if (a.quality == RUNS_NONE)
        return;
    const int64_t first = first_of(s, q), safe = safe_of(s, q);
    ck_assert_msg(a.position <= safe,
                  "%s: %lld answered as %lld, past %lld (%s)", s->mode->name,
                  (long long)q, (long long)a.position, (long long)safe,
                  a.reason);
    ck_assert_int_eq(a.position, a.low);
    const bool extras = s->mode->markers || s->mode->crashes;
    if (!extras && a.quality == RUNS_EXACT)
        ck_assert_int_eq(a.position, first);
    if (!extras && a.quality == RUNS_BOUNDED)
        ck_assert(a.low <= first && first <= a.high);
    if (a.quality == RUNS_BEFORE)
        ck_assert(first <= a.high);
    const struct run *newest = &s->map.state.newest;
    if (a.quality == RUNS_BOUNDED && q < newest->up)
        ck_assert(only_markers(s, a.high, first) || first <= a.high);
}

static void
judge_reverse(struct sim *s, int64_t p)
{
    const struct runs_answer a = reverse(&s->map, p);
    if (a.quality == RUNS_NONE)
        return;
    const int64_t unread = first_unread(s, p);
    ck_assert_msg(a.position <= unread, "%s: %lld back to %lld, past %lld",
                  s->mode->name, (long long)p, (long long)a.position,
                  (long long)unread);
    if (s->mode->markers || s->mode->crashes)
        return;
    for (int64_t u = a.position; u < unread && a.quality == RUNS_EXACT; u++)
        if (s->exists[u])
            ck_abort_msg("exact, but %lld is read already", (long long)u);
    if (a.quality == RUNS_BOUNDED && p < s->map.state.newest.down)
        ck_assert(a.low <= unread && unread <= a.high);
}

START_TEST(never_past_the_right_position)
{
    static struct sim s;
    for (unsigned seed = 1; seed <= 60; seed++) {
        sim_init(&s, &modes[_i], seed * 7919u);
        for (int step = 0; step < 1500 && s.end < TARGET - 2; step++) {
            copy_one(&s);
            if (s.mode->crashes && dice(&s, 60) == 0)
                crash(&s);
            if (dice(&s, 8) != 0)
                continue;
            /* Near the head, where doubt is, and anywhere. */
            const int64_t near = s.next - dice(&s, 60);
            judge_forward(&s, near > 0 ? near : 0);
            judge_forward(&s, dice(&s, (int)s.next + 20));
            if (!(s.mode->holes && s.mode->markers)) /* limit (1) */
                judge_reverse(&s, dice(&s, (int)s.end + 1));
        }
        ck_assert_int_eq(s.map.restarts, 0);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mm2 runs");
    TCase *t = tcase_create("rules");
    tcase_add_test(t, nothing_known);
    tcase_add_test(t, one_sync);
    tcase_add_test(t, a_run_grows);
    tcase_add_test(t, hole_upstream);
    tcase_add_test(t, target_made_anew);
    tcase_add_test(t, newest_run_cut_short);
    tcase_add_test(t, copy_goes_back);
    tcase_add_test(t, copy_goes_back_unseen);
    tcase_add_test(t, marker_brings_no_doubt);
    tcase_add_test(t, no_extension_after_both_breaks);
    tcase_add_test(t, out_of_range);
    suite_add_tcase(s, t);
    t = tcase_create("truth");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, never_past_the_right_position, 0,
                        sizeof(modes) / sizeof(modes[0]));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
