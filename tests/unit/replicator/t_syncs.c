/* When syncs are written (mm2.md 11.3), what runs answer, which checkpoints
 * are news. */
#include <check.h>
#include <stdlib.h>

#include "replicator/checkpoint_rule.h"
#include "replicator/runs.h"
#include "replicator/syncs.h"

struct vector {
    int64_t up, down;
    bool due, reset;
};

static void
follow(const struct vector *v, size_t n, int64_t lag)
{
    struct sync_state s;
    sync_init(&s);
    for (size_t i = 0; i < n; i++) {
        const struct sync_point at = {v[i].up, v[i].down};
        ck_assert_msg(sync_rule(&s, lag, at) == v[i].due,
                      "(%lld,%lld) lag %lld", (long long)v[i].up,
                      (long long)v[i].down, (long long)lag);
        if (v[i].reset)
            sync_reset(&s);
    }
}

/* MirrorSourceTaskTest.testOffsetSync; three times the flag sticks. */
START_TEST(mirror_maker_lag_50)
{
    static const struct vector v[] = {
        {0, 100, true, true},   {2, 102, true, true},  {3, 152, false, true},
        {4, 153, true, true},   {5, 154, false, true}, {6, 203, false, true},
        {7, 204, true, true},   {2, 206, true, true},  {3, 207, false, true},
        {4, 3, true, true},     {5, 4, false, false},  {7, 6, true, false},
        {7, 6, true, false},    {8, 7, true, false},   {10, 57, true, true},
        {11, 58, false, false},
    };
    follow(v, sizeof(v) / sizeof(v[0]), 50);
}
END_TEST

START_TEST(mirror_maker_lag_0)
{
    static const int64_t v[][2] = {
        {0, 100}, {2, 102}, {3, 153}, {4, 154}, {5, 155},
        {6, 207}, {2, 208}, {3, 209}, {4, 3},   {5, 4},
        {7, 6},   {7, 6},   {8, 7},   {10, 57}, {11, 58},
    };
    struct sync_state s;
    sync_init(&s);
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        const struct sync_point at = {v[i][0], v[i][1]};
        ck_assert(sync_rule(&s, 0, at));
        sync_reset(&s);
    }
}
END_TEST

static void
expect_syncs(struct sync_state *s, int64_t lag, struct sync_point at, size_t n,
             struct sync_point first, struct sync_point second)
{
    struct sync_point out[2] = {{-9, -9}, {-9, -9}};
    ck_assert_uint_eq(sync_acked(s, lag, at, out), n);
    if (n > 0) {
        ck_assert_int_eq(out[0].up, first.up);
        ck_assert_int_eq(out[0].down, first.down);
    }
    if (n > 1) {
        ck_assert_int_eq(out[1].up, second.up);
        ck_assert_int_eq(out[1].down, second.down);
    }
}

#define P(u, d) ((struct sync_point){(u), (d)})
#define NONE    P(0, 0)

START_TEST(both_sides_of_a_break)
{
    struct sync_state s;
    sync_init(&s);
    expect_syncs(&s, 100, P(0, 0), 1, P(0, 0), NONE);
    expect_syncs(&s, 100, P(1, 1), 0, NONE, NONE);
    expect_syncs(&s, 100, P(2, 2), 0, NONE, NONE);
    /* A hole on the source. */
    expect_syncs(&s, 100, P(4, 3), 2, P(2, 2), P(4, 3));
    /* One on the target, right behind a sync: its side is told already. */
    expect_syncs(&s, 100, P(5, 6), 1, P(5, 6), NONE);
    expect_syncs(&s, 100, P(6, 7), 0, NONE, NONE);
    /* The same hole on both sides still hides what lies in it. */
    expect_syncs(&s, 100, P(9, 10), 2, P(6, 7), P(9, 10));
    /* Copied again after a crash or a refusal. */
    expect_syncs(&s, 100, P(10, 11), 0, NONE, NONE);
    expect_syncs(&s, 100, P(8, 12), 2, P(10, 11), P(8, 12));
    /* The target was made anew. */
    expect_syncs(&s, 100, P(9, 0), 1, P(9, 0), NONE);
}
END_TEST

START_TEST(lag_counts_from_the_last_sync)
{
    struct sync_state s;
    sync_init(&s);
    expect_syncs(&s, 2, P(0, 0), 1, P(0, 0), NONE);
    expect_syncs(&s, 2, P(1, 1), 0, NONE, NONE);
    expect_syncs(&s, 2, P(2, 2), 0, NONE, NONE);
    expect_syncs(&s, 2, P(3, 3), 1, P(3, 3), NONE);
    expect_syncs(&s, 2, P(4, 4), 0, NONE, NONE);
}
END_TEST

/* The same syncs as of its records one by one. */
START_TEST(a_run_at_once)
{
    static const struct run v[] = {
        {0, 0, 50},      {50, 50, 1},     {51, 51, 900}, {960, 951, 300},
        {1260, 1251, 7}, {100, 1258, 40}, {200, 2, 500}};
    static const int64_t lags[] = {0, 1, 7, 100, 1000000};
    for (size_t l = 0; l < sizeof(lags) / sizeof(lags[0]); l++) {
        struct sync_state one, all;
        sync_init(&one);
        sync_init(&all);
        for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
            struct sync_point want[2000], is[2000];
            size_t n = 0, m;
            for (int64_t k = 0; k < v[i].length; k++)
                n += sync_acked(&one, lags[l], P(v[i].up + k, v[i].down + k),
                                &want[n]);
            m = sync_acked(&all, lags[l], P(v[i].up, v[i].down), is);
            while (sync_goes_on(
                &all, lags[l],
                P(v[i].up + v[i].length - 1, v[i].down + v[i].length - 1),
                &is[m]))
                m++;
            ck_assert_uint_eq(m, n);
            for (size_t k = 0; k < n; k++)
                ck_assert(is[k].up == want[k].up && is[k].down == want[k].down);
        }
        struct sync_point a, b;
        ck_assert_int_eq(sync_trailing(&one, &a), sync_trailing(&all, &b));
    }
}
END_TEST

START_TEST(a_run_added_at_once)
{
    struct runs one = {0}, all = {0};
    static const struct run v[] = {
        {0, 0, 50}, {50, 60, 10}, {30, 70, 40}, {70, 110, 5}, {75, 115, 1}};
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        for (int64_t k = 0; k < v[i].length; k++)
            runs_add(&one, P(v[i].up + k, v[i].down + k));
        runs_add_run(&all, v[i]);
        for (int64_t up = 0; up < 80; up++)
            ck_assert_int_eq(runs_translate(&all, up),
                             runs_translate(&one, up));
    }
    ck_assert_uint_eq(all.n, one.n);
    runs_fini(&one);
    runs_fini(&all);
}
END_TEST

START_TEST(trailing)
{
    struct sync_state s;
    struct sync_point at;
    sync_init(&s);
    ck_assert(!sync_trailing(&s, &at));
    expect_syncs(&s, 100, P(5, 7), 1, P(5, 7), NONE);
    ck_assert(!sync_trailing(&s, &at));
    expect_syncs(&s, 100, P(6, 8), 0, NONE, NONE);
    ck_assert(sync_trailing(&s, &at));
    ck_assert_int_eq(at.up, 6);
    ck_assert_int_eq(at.down, 8);
    ck_assert(!sync_trailing(&s, &at));
}
END_TEST

START_TEST(runs_are_exact)
{
    struct runs r = {0};
    ck_assert_int_eq(runs_translate(&r, 0), -1);
    for (int64_t i = 0; i < 10; i++)
        runs_add(&r, P(100 + i, 50 + i));
    for (int64_t i = 0; i < 5; i++)
        runs_add(&r, P(115 + i, 62 + i));
    ck_assert_uint_eq(r.n, 2);
    ck_assert_int_eq(runs_translate(&r, 99), -1);
    ck_assert_int_eq(runs_translate(&r, 100), 50);
    ck_assert_int_eq(runs_translate(&r, 107), 57);
    ck_assert_int_eq(runs_translate(&r, 110), 60);
    ck_assert_int_eq(runs_translate(&r, 113), 60); /* a hole: never past 62 */
    ck_assert_int_eq(runs_translate(&r, 115), 62);
    ck_assert_int_eq(runs_translate(&r, 120), 67);
    ck_assert_int_eq(runs_translate(&r, 500), 67);
    runs_fini(&r);
}
END_TEST

START_TEST(runs_step_back)
{
    struct runs r = {0};
    for (int64_t i = 0; i < 10; i++)
        runs_add(&r, P(i, i));
    runs_add(&r, P(5, 10)); /* copied again from 5 */
    ck_assert_int_eq(runs_translate(&r, 4), 4);
    /* Should copying end here, 6 to 9 stand only at their old places. */
    ck_assert_int_eq(runs_translate(&r, 5), 5);
    ck_assert_int_eq(runs_translate(&r, 6), 5);
    for (int64_t i = 6; i < 10; i++)
        runs_add(&r, P(i, i + 5));
    ck_assert_int_eq(runs_translate(&r, 5), 10);
    ck_assert_int_eq(runs_translate(&r, 10), 15);
    runs_add(&r, P(6, 0)); /* the target was made anew */
    ck_assert_int_eq(runs_translate(&r, 4), -1);
    ck_assert_int_eq(runs_translate(&r, 6), 0);
    runs_fini(&r);
}
END_TEST

START_TEST(syncs_of_one_distance)
{
    struct runs r = {0};
    runs_add(&r, P(0, 0));
    runs_add(&r, P(101, 101));
    ck_assert_int_eq(runs_translate(&r, 50), 50);
    ck_assert_int_eq(runs_translate(&r, 103), 102);
    runs_gap(&r); /* of the syncs before the next one nobody knows */
    runs_add(&r, P(201, 201));
    ck_assert_int_eq(runs_translate(&r, 150), 102);
    ck_assert_int_eq(runs_translate(&r, 201), 201);
    runs_add(&r, P(202, 202)); /* goes on where the last one was */
    ck_assert_int_eq(runs_translate(&r, 203), 203);
    runs_fini(&r);
}
END_TEST

START_TEST(older_runs_grow_coarse)
{
    struct runs r = {.max = 64};
    for (int64_t i = 0; i < 1000; i++) /* each a run of its own */
        runs_add(&r, P(2 * i, i));
    ck_assert_uint_le(r.n, 64);
    ck_assert_int_eq(runs_translate(&r, 2 * 999), 999);
    ck_assert_int_eq(runs_translate(&r, 2 * 980), 980);
    int64_t last = 0;
    for (int64_t up = 0; up < 2000; up++) {
        const int64_t down = runs_translate(&r, up);
        ck_assert_int_ge(down, last);
        ck_assert_int_le(down, (up + 1) / 2);
        last = down;
    }
    runs_fini(&r);
}
END_TEST

static bool
news(struct checkpoint_memory *m, int64_t up, int64_t down)
{
    static char group[] = "g", topic[] = "a.t", metadata[] = "";
    const struct mm2_checkpoint cp = {.group = group,
                                      .topic = topic,
                                      .partition = 0,
                                      .upstream = up,
                                      .downstream = down,
                                      .metadata = metadata};
    const bool is = checkpoint_is_news(m, &cp);
    if (is)
        checkpoint_remember(m, &cp);
    return is;
}

START_TEST(checkpoints_only_forward)
{
    struct checkpoint_memory m = {0};
    ck_assert(news(&m, 13, 6));
    ck_assert(!news(&m, 13, 5)); /* less is known now */
    ck_assert(!news(&m, 14, 6)); /* no further on the target */
    ck_assert(news(&m, 12, 5));  /* the group went back */
    ck_assert(news(&m, 20, 9));
    checkpoint_memory_fini(&m);
}
END_TEST

START_TEST(what_landed)
{
    struct checkpoint_memory m = {0};
    ck_assert_int_eq(checkpoint_landed(&m, "g", "a.t", 0), -1);
    checkpoint_land(&m, "g", "a.t", 0, 7);
    ck_assert_int_eq(checkpoint_landed(&m, "g", "a.t", 0), 7);
    ck_assert(news(&m, 0, 0)); /* which is no checkpoint */
    ck_assert_int_eq(checkpoint_landed(&m, "g", "a.t", 0), 7);
    ck_assert_int_eq(checkpoint_landed(&m, "h", "a.t", 0), -1);
    checkpoint_forget_landed(&m);
    ck_assert_int_eq(checkpoint_landed(&m, "g", "a.t", 0), -1);
    ck_assert(!news(&m, 0, 0));
    checkpoint_memory_fini(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator syncs and runs");
    TCase *t = tcase_create("syncs and runs");
    tcase_add_test(t, mirror_maker_lag_50);
    tcase_add_test(t, mirror_maker_lag_0);
    tcase_add_test(t, both_sides_of_a_break);
    tcase_add_test(t, lag_counts_from_the_last_sync);
    tcase_add_test(t, a_run_at_once);
    tcase_add_test(t, a_run_added_at_once);
    tcase_add_test(t, trailing);
    tcase_add_test(t, runs_are_exact);
    tcase_add_test(t, runs_step_back);
    tcase_add_test(t, syncs_of_one_distance);
    tcase_add_test(t, older_runs_grow_coarse);
    tcase_add_test(t, what_landed);
    tcase_add_test(t, checkpoints_only_forward);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
