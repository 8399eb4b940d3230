/*
 * Runs, rule by rule.  t_runs_truth.c judges every answer beside the truth.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/runs_map.h"

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

static struct runs_answer
forward(const struct runs_map *m, int64_t q)
{
    return runs_map_forward(m, q, RUNS_END_UNKNOWN);
}

static struct runs_answer
reverse(const struct runs_map *m, int64_t q)
{
    return runs_map_reverse(m, q, RUNS_END_UNKNOWN);
}

START_TEST(nothing_known)
{
    struct runs_map m = {0};
    is(forward(&m, 7), RUNS_NONE, -1, -1, -1);
    is(reverse(&m, 7), RUNS_NONE, -1, -1, -1);
    runs_map_fini(&m);
}
END_TEST

START_TEST(one_sync)
{
    struct runs_map m = {0};
    ck_assert_int_eq(runs_map_sync(&m, 100, 50), RUNS_NEW);
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
    runs_map_fini(&m);
}
END_TEST

/* The four golden syncs of MM2 4.1. */
START_TEST(a_run_grows)
{
    struct runs_map m = {0};
    ck_assert_int_eq(runs_map_sync(&m, 0, 0), RUNS_NEW);
    ck_assert_int_eq(runs_map_sync(&m, 101, 101), RUNS_PUT);
    ck_assert_int_eq(runs_map_sync(&m, 404, 404), RUNS_PUT);
    ck_assert_int_eq(runs_map_sync(&m, 404, 404), RUNS_SAME);
    ck_assert_uint_eq(m.n, 1);
    is(forward(&m, 300), RUNS_EXACT, 300, 300, 300);
    is(forward(&m, 405), RUNS_EXACT, 405, 405, 405);
    is(forward(&m, 500), RUNS_BOUNDED, 405, 405, 500);
    runs_map_fini(&m);
}
END_TEST

START_TEST(hole_upstream)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 10, 10);
    ck_assert_int_eq(runs_map_sync(&m, 20, 15), RUNS_NEW);
    is(forward(&m, 11), RUNS_EXACT, 11, 11, 11);
    is(forward(&m, 15), RUNS_BOUNDED, 11, 11, 15);
    is(forward(&m, 20), RUNS_EXACT, 15, 15, 15);
    is(reverse(&m, 13), RUNS_BOUNDED, 11, 11, 20);
    is(reverse(&m, 15), RUNS_EXACT, 20, 20, 20);
    runs_map_fini(&m);
}
END_TEST

START_TEST(target_made_anew)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 500, 500);
    ck_assert_int_eq(runs_map_sync(&m, 600, 3), RUNS_RESTART);
    ck_assert_uint_eq(m.n, 1);
    is(forward(&m, 100), RUNS_BEFORE, 0, 0, 3);
    is(forward(&m, 600), RUNS_EXACT, 3, 3, 3);
    runs_map_fini(&m);
}
END_TEST

/* Everything made anew alike: what lies beyond the sync is not known again. */
START_TEST(newest_run_cut_short)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 500, 500);
    ck_assert_int_eq(runs_map_sync(&m, 100, 100), RUNS_PUT);
    is(forward(&m, 101), RUNS_EXACT, 101, 101, 101);
    is(forward(&m, 300), RUNS_BOUNDED, 101, 101, 300);
    ck_assert_int_eq(runs_map_sync(&m, 500, 500), RUNS_PUT);
    is(forward(&m, 300), RUNS_EXACT, 300, 300, 300);
    runs_map_fini(&m);
}
END_TEST

/* MM2 copied 0..99, crashed, resumed at 50: 50.. stands again at 100.. */
START_TEST(copy_goes_back)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 99, 99);
    ck_assert_int_eq(runs_map_sync(&m, 50, 100), RUNS_BACK);
    is(forward(&m, 49), RUNS_EXACT, 49, 49, 49);
    /* 51..99 may never be copied again: only 50 is certain. */
    is(forward(&m, 75), RUNS_BOUNDED, 50, 50, 125);
    is(forward(&m, 50), RUNS_BOUNDED, 50, 50, 100);
    (void)runs_map_sync(&m, 98, 148);
    is(forward(&m, 75), RUNS_BOUNDED, 50, 50, 125);
    (void)runs_map_sync(&m, 99, 149);
    is(forward(&m, 75), RUNS_EXACT, 125, 125, 125);
    is(forward(&m, 50), RUNS_EXACT, 100, 100, 100);
    is(forward(&m, 49), RUNS_EXACT, 49, 49, 49);
    /* Back: the records read before target offset 75 are 0..74. */
    is(reverse(&m, 75), RUNS_BOUNDED, 50, 50, 75);
    is(reverse(&m, 125), RUNS_EXACT, 75, 75, 75);
    runs_map_fini(&m);
}
END_TEST

/* The same where no sync had told of 51..99. */
START_TEST(copy_goes_back_unseen)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    ck_assert_int_eq(runs_map_sync(&m, 50, 100), RUNS_NEW);
    is(forward(&m, 75), RUNS_BOUNDED, 1, 1, 125);
    is(forward(&m, 50), RUNS_BOUNDED, 1, 1, 100);
    (void)runs_map_sync(&m, 151, 201);
    is(forward(&m, 75), RUNS_EXACT, 125, 125, 125);
    runs_map_fini(&m);
}
END_TEST

START_TEST(marker_brings_no_doubt)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 9, 9);
    (void)runs_map_sync(&m, 10, 11);
    ck_assert(!m.state.doubt);
    is(forward(&m, 10), RUNS_EXACT, 11, 11, 11);
    is(reverse(&m, 10), RUNS_EXACT, 10, 10, 10);
    runs_map_fini(&m);
}
END_TEST

/* Who reads the syncs knows that some are missing: only the next one counts. */
START_TEST(no_extension_over_missing_syncs)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    m.state.gap = true;
    ck_assert_int_eq(runs_map_sync(&m, 50, 50), RUNS_NEW);
    is(forward(&m, 25), RUNS_BOUNDED, 1, 1, 50);
    ck_assert_int_eq(runs_map_sync(&m, 90, 90), RUNS_PUT);
    m.state.gap = true; /* nothing can stand between neighbours */
    ck_assert_int_eq(runs_map_sync(&m, 91, 91), RUNS_PUT);
    runs_map_fini(&m);
}
END_TEST

/* Both kinds of break seen: same delta proves nothing about what is between. */
START_TEST(no_extension_after_both_breaks)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 11, 10);
    (void)runs_map_sync(&m, 12, 12);
    ck_assert_int_eq(runs_map_sync(&m, 112, 112), RUNS_NEW);
    is(forward(&m, 50), RUNS_BOUNDED, 13, 13, 112);
    ck_assert_int_eq(runs_map_sync(&m, 113, 113), RUNS_PUT);
    runs_map_fini(&m);
}
END_TEST

/* Between the runs there is no room on the target. */
START_TEST(nothing_between)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 10, 10);
    ck_assert_int_eq(runs_map_sync(&m, 20, 11), RUNS_NEW);
    for (int64_t q = 11; q <= 20; q++)
        is(forward(&m, q), RUNS_EXACT, 11, 11, 11);
    is(reverse(&m, 11), RUNS_EXACT, 20, 20, 20);
    is(reverse(&m, 12), RUNS_EXACT, 21, 21, 21);
    runs_map_fini(&m);
}
END_TEST

START_TEST(ahead_of_the_copy)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 99, 99);
    /* 110 asked: 100..109 are needed. */
    is(runs_map_forward(&m, 110, 100), RUNS_AHEAD, 100, 100, 100);
    is(runs_map_forward(&m, 110, 109), RUNS_AHEAD, 100, 100, 109);
    is(runs_map_forward(&m, 110, 110), RUNS_BOUNDED, 100, 100, 110);
    is(runs_map_forward(&m, 110, 500), RUNS_BOUNDED, 100, 100, 110);
    is(runs_map_forward(&m, 100, 100), RUNS_EXACT, 100, 100, 100);
    is(runs_map_forward(&m, INT64_MAX, 500), RUNS_AHEAD, 100, 100, 500);
    ck_assert_str_eq(runs_map_forward(&m, 110, 104).reason,
                     "10 records after the sync 99 -> 99, of which 4 at most "
                     "have arrived");
    ck_assert_int_eq(runs_map_forward(&m, 110, 104).coming, 6);
    ck_assert_int_eq(runs_map_forward(&m, 110, 110).coming, 0);
    /* Others write into the target: how far it can be is not known. */
    (void)runs_map_sync(&m, 100, 105);
    is(runs_map_forward(&m, 110, 500), RUNS_BOUNDED, 100, 100, 500);
    runs_map_fini(&m);
}
END_TEST

START_TEST(never_beyond_the_log_end)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 1000, 0);
    (void)runs_map_sync(&m, 1099, 99);
    struct runs_answer a = runs_map_forward(&m, 1080, 60);
    is(a, RUNS_BOUNDED, 60, 60, 60);
    ck_assert(a.end_behind);
    a = runs_map_forward(&m, 1050, 60);
    is(a, RUNS_EXACT, 50, 50, 50);
    ck_assert(a.end_behind);
    a = runs_map_forward(&m, 1050, 99); /* the newest sync is of record 99 */
    ck_assert(a.end_behind);
    a = runs_map_forward(&m, 1050, 100);
    ck_assert(!a.end_behind);
    a = runs_map_reverse(&m, 80, 1060);
    is(a, RUNS_BOUNDED, 1060, 1060, 1060);
    ck_assert(a.end_behind);
    a = runs_map_reverse(&m, 150, 1120);
    is(a, RUNS_BOUNDED, 1100, 1100, 1120);
    ck_assert(!a.end_behind);
    is(runs_map_reverse(&m, 110, 1120), RUNS_BOUNDED, 1100, 1100, 1110);
    is(runs_map_forward(&m, 900, 0), RUNS_BEFORE, 0, 0, 0);
    runs_map_fini(&m);
}
END_TEST

START_TEST(the_runs_used)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 10, 0);
    (void)runs_map_sync(&m, 12, 9);
    struct runs_answer a = forward(&m, 11);
    ck_assert(a.has_at && a.has_after);
    ck_assert_int_eq(a.at.up, 10);
    ck_assert_int_eq(a.after.up, 12);
    a = reverse(&m, 4);
    ck_assert(a.has_at && a.has_after);
    ck_assert_int_eq(a.at.down, 0);
    ck_assert_int_eq(a.after.up, 12); /* not swapped */
    a = forward(&m, 3);
    ck_assert(!a.has_at && a.has_after);
    a = forward(&m, 30);
    ck_assert(a.has_at && !a.has_after);
    runs_map_fini(&m);
}
END_TEST

/* d = ld, u > lu: what stood there is gone, all before it stays. */
START_TEST(target_lost_its_last)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 9, 9);
    ck_assert_int_eq(runs_map_sync(&m, 15, 9), RUNS_BACK);
    ck_assert_uint_eq(m.n, 2);
    is(forward(&m, 8), RUNS_EXACT, 8, 8, 8);
    is(forward(&m, 9), RUNS_EXACT, 9, 9, 9);
    is(forward(&m, 12), RUNS_EXACT, 9, 9, 9);
    /* A run of one record goes as a whole. */
    ck_assert_int_eq(runs_map_sync(&m, 20, 9), RUNS_BACK);
    ck_assert_uint_eq(m.n, 2);
    is(forward(&m, 15), RUNS_EXACT, 9, 9, 9);
    runs_map_fini(&m);
}
END_TEST

/* A hole of 20 was lost: u alone would end the doubt at 99 already, but the
 * copies on the target tell that there were more of them. */
START_TEST(doubt_by_two_measures)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 49, 49);
    ck_assert_int_eq(runs_map_sync(&m, 49, 100), RUNS_BACK);
    ck_assert(m.state.doubt);
    ck_assert_int_eq(m.state.doubt_until, 99);
    (void)runs_map_sync(&m, 119, 149);
    ck_assert(m.state.doubt);
    is(forward(&m, 119), RUNS_BOUNDED, 49, 49, 149);
    is(runs_map_forward(&m, 119, 151), RUNS_BOUNDED, 49, 49, 149);
    is(runs_map_forward(&m, 119, RUNS_END_PASSED), RUNS_EXACT, 149, 149, 149);
    (void)runs_map_sync(&m, 120, 150);
    ck_assert(!m.state.doubt);
    is(forward(&m, 119), RUNS_EXACT, 149, 149, 149);
    runs_map_fini(&m);
}
END_TEST

/* Other records on the target make the copies look further than they are. */
START_TEST(doubt_by_source_offsets)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 99, 99);
    (void)runs_map_sync(&m, 50, 100);
    ck_assert(m.state.extras);
    for (int64_t u = 51; u < 99; u++) /* each behind a marker */
        (void)runs_map_sync(&m, u, 100 + 2 * (u - 50));
    is(forward(&m, 75), RUNS_BOUNDED, 50, 50, 150);
    (void)runs_map_sync(&m, 99, 198);
    is(forward(&m, 75), RUNS_EXACT, 150, 150, 150);
    runs_map_fini(&m);
}
END_TEST

/* A second crash on the way: the old end is that of the first. */
START_TEST(doubt_within_doubt)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 99, 99);
    (void)runs_map_sync(&m, 50, 100);
    (void)runs_map_sync(&m, 60, 110);
    ck_assert_int_eq(runs_map_sync(&m, 55, 111), RUNS_BACK);
    is(forward(&m, 52), RUNS_BOUNDED, 50, 50, 102);
    is(forward(&m, 90), RUNS_BOUNDED, 50, 50, 146);
    for (int64_t u = 56; u < 99; u++) /* each behind a marker */
        (void)runs_map_sync(&m, u, 111 + 2 * (u - 55));
    is(forward(&m, 90), RUNS_BOUNDED, 50, 50, 181);
    (void)runs_map_sync(&m, 99, 199);
    is(forward(&m, 90), RUNS_EXACT, 181, 181, 181);
    runs_map_fini(&m);
}
END_TEST

/* Records 8 and 9 stand twice, or 9 only before 8's second copy. */
START_TEST(doubt_about_one_record)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 9, 9);
    (void)runs_map_sync(&m, 8, 10);
    is(forward(&m, 9), RUNS_BOUNDED, 8, 8, 11);
    (void)runs_map_sync(&m, 9, 11);
    is(forward(&m, 9), RUNS_EXACT, 11, 11, 11);
    runs_map_fini(&m);
}
END_TEST

START_TEST(habits_outlive_an_incarnation)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 11, 10);
    (void)runs_map_sync(&m, 12, 12);
    ck_assert_int_eq(runs_map_sync(&m, 600, 3), RUNS_RESTART);
    ck_assert(m.state.holes && m.state.extras);
    runs_map_anew(&m);
    ck_assert(m.state.holes && m.state.extras && !m.state.any);
    is(forward(&m, 12), RUNS_NONE, -1, -1, -1);
    (void)runs_map_sync(&m, 0, 0);
    ck_assert_int_eq(runs_map_sync(&m, 100, 100), RUNS_NEW);
    runs_map_fini(&m);
}
END_TEST

/* 500 records, then 200 in a topic made anew: it does not wait for 300 that
 * nobody will write. */
START_TEST(doubt_about_records_that_are_gone)
{
    struct runs_map m = {0};
    (void)runs_map_sync(&m, 0, 0);
    (void)runs_map_sync(&m, 499, 499);
    ck_assert_int_eq(runs_map_sync(&m, 0, 500), RUNS_BACK);
    (void)runs_map_sync(&m, 100, 600);
    is(forward(&m, 50), RUNS_BOUNDED, 0, 0, 550);
    ck_assert(!runs_cut_doubt(&m.state, 500)); /* they are all there */
    ck_assert(runs_cut_doubt(&m.state, 200));
    is(forward(&m, 50), RUNS_BOUNDED, 0, 0, 550); /* 101 to 199 are to come */
    (void)runs_map_sync(&m, 199, 699);
    is(forward(&m, 50), RUNS_EXACT, 550, 550, 550);
    ck_assert(!runs_cut_doubt(&m.state, 200));
    runs_map_fini(&m);
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
    /* No sum overflows (the sanitizers say so). */
    struct runs_map m = {0};
    const int64_t at[] = {0, RUNS_OFFSET_MAX - 9, RUNS_OFFSET_MAX};
    for (size_t i = 0; i < 27; i++) {
        (void)runs_map_sync(&m, at[i % 3], at[i / 3 % 3]);
        for (size_t k = 0; k < 3; k++) {
            (void)runs_map_forward(&m, at[k], at[i % 2]);
            (void)runs_map_forward(&m, INT64_MAX, at[k]);
            (void)runs_map_reverse(&m, INT64_MAX, RUNS_END_UNKNOWN);
        }
    }
    runs_map_fini(&m);
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
    tcase_add_test(t, no_extension_over_missing_syncs);
    tcase_add_test(t, no_extension_after_both_breaks);
    tcase_add_test(t, nothing_between);
    tcase_add_test(t, ahead_of_the_copy);
    tcase_add_test(t, never_beyond_the_log_end);
    tcase_add_test(t, the_runs_used);
    tcase_add_test(t, target_lost_its_last);
    tcase_add_test(t, doubt_by_two_measures);
    tcase_add_test(t, doubt_by_source_offsets);
    tcase_add_test(t, doubt_within_doubt);
    tcase_add_test(t, doubt_about_one_record);
    tcase_add_test(t, habits_outlive_an_incarnation);
    tcase_add_test(t, doubt_about_records_that_are_gone);
    tcase_add_test(t, out_of_range);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
