/*
 * When is it proven that a topic was made anew or cut?  And: is a flow alive?
 */
#include <check.h>
#include <stdlib.h>

#include "offset-mapper/beats.h"
#include "offset-mapper/incarnation.h"

/* A partition whose newest sync is source 149 -> target 99, in a run of 50. */
static struct store_info info;
static struct incarnation_watch watch;
static struct log_range source, target, syncs;
static int64_t syncs_read;

static void
setup(void)
{
    info = (struct store_info){.known = true,
                               .incarnation = 1,
                               .newest = {.up = 100, .down = 50, .length = 50}};
    watch = (struct incarnation_watch){0};
    source = (struct log_range){true, 0, 500, 0};
    target = (struct log_range){true, 0, 300, 0};
    syncs = (struct log_range){true, 0, 10, 0};
    syncs_read = 10;
}

/* All ranges as fresh as they can be. */
static enum store_begun
judge(int64_t now_ms)
{
    const struct incarnation_look l = {&info,  &source,    &target,
                                       &syncs, syncs_read, now_ms};
    return incarnation_judge(&watch, &l);
}

static enum store_begun
judge_thrice(int64_t now_ms)
{
    ck_assert_int_eq(judge(now_ms), STORE_FIRST);      /* seen */
    ck_assert_int_eq(judge(now_ms + 10), STORE_FIRST); /* suspected */
    return judge(now_ms + 10 + INCARNATION_SURE_MS);
}

START_TEST(logs_that_fit)
{
    ck_assert_int_eq(judge_thrice(1000), STORE_FIRST);
    source.end = 150;
    target.end = 100;
    ck_assert_int_eq(judge_thrice(2000), STORE_FIRST);
}
END_TEST

/* A copy that goes on a second time, of records that are no more. */
START_TEST(a_doubt_about_records_that_are_gone)
{
    struct doubt_watch w = {0};
    const struct incarnation_look first = {&info,  &source,    &target,
                                           &syncs, syncs_read, 1000};
    struct incarnation_look l = first;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* there is none */
    info.doubt = true;
    info.doubt_until = 499;
    source.end = 200;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* seen */
    l.now_ms = 1010;
    source.age_ms = 20;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* asked before */
    source.age_ms = 0;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* for a moment */
    l.now_ms += INCARNATION_SURE_MS;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), 200);
    source.end = 500;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* all are there */
    source.end = 200;
    info.doubt_until = 600;
    ck_assert_int_eq(incarnation_cuts_doubt(&w, &l), -1); /* another one */
}
END_TEST

START_TEST(what_the_ends_say)
{
    static const struct {
        int64_t source_start, source_end, target_start, target_end;
        enum store_begun why;
    } cases[] = {
        {0, 500, 0, 0, STORE_TARGET_ANEW},  {0, 500, 0, 50, STORE_TARGET_ANEW},
        {0, 500, 0, 99, STORE_TARGET_CUT},  /* ends in the newest run */
        {0, 500, 20, 40, STORE_TARGET_CUT}, /* begins above 0 */
        {0, 0, 0, 300, STORE_SOURCE_ANEW},  {0, 100, 0, 300, STORE_SOURCE_ANEW},
        {0, 149, 0, 300, STORE_SOURCE_CUT}, {90, 95, 0, 300, STORE_SOURCE_CUT},
        {0, 0, 0, 0, STORE_TARGET_ANEW},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup();
        source.start = cases[i].source_start;
        source.end = cases[i].source_end;
        target.start = cases[i].target_start;
        target.end = cases[i].target_end;
        ck_assert_msg(judge_thrice(1000) == cases[i].why, "case %zu", i);
    }
}
END_TEST

/* An end that was asked for before the sync was seen proves nothing. */
START_TEST(old_ends_prove_nothing)
{
    target.end = 0;
    target.age_ms = 25;
    ck_assert_int_eq(judge(1000), STORE_FIRST);
    ck_assert_int_eq(judge(1010), STORE_FIRST);
    ck_assert_int_eq(judge(1024), STORE_FIRST);
    ck_assert_int_eq(watch.suspect_ms, 0);
    target.known = false;
    target.age_ms = 0;
    ck_assert_int_eq(judge(1030), STORE_FIRST);
    ck_assert_int_eq(watch.suspect_ms, 0);
}
END_TEST

/* While syncs of the old incarnation may be unread, it goes on. */
START_TEST(unread_syncs_come_first)
{
    target.end = 0;
    syncs_read = 9;
    ck_assert_int_eq(judge_thrice(1000), STORE_FIRST);
    syncs_read = 10;
    syncs.age_ms = 3000; /* asked before it was suspected */
    ck_assert_int_eq(judge(4000), STORE_FIRST);
    syncs.known = false; /* the cluster of the syncs is away */
    ck_assert_int_eq(judge(5000), STORE_FIRST);
    syncs = (struct log_range){true, 0, 10, 0};
    ck_assert_int_eq(judge(6000), STORE_TARGET_ANEW);
}
END_TEST

/* The sync rules have begun a new incarnation, or the copy just went on. */
START_TEST(a_new_sync_begins_it_all_again)
{
    target.end = 60;
    ck_assert_int_eq(judge(1000), STORE_FIRST);
    ck_assert_int_eq(judge(1010), STORE_FIRST);
    ck_assert_int_ne(watch.suspect_ms, 0);
    info.newest.length = 51;
    ck_assert_int_eq(judge(1020), STORE_FIRST);
    ck_assert_int_eq(watch.suspect_ms, 0);
    info.incarnation = 2;
    info.newest = (struct run){.up = 160, .down = 10, .length = 1};
    ck_assert_int_eq(judge_thrice(1030), STORE_FIRST);
}
END_TEST

/* A new leader's high watermark may lag for a moment. */
START_TEST(a_contradiction_that_goes_away)
{
    target.end = 60;
    ck_assert_int_eq(judge(1000), STORE_FIRST);
    ck_assert_int_eq(judge(1010), STORE_FIRST);
    target.end = 100;
    ck_assert_int_eq(judge(1020), STORE_FIRST);
    target.end = 60;
    ck_assert_int_eq(judge(3000), STORE_FIRST);
    ck_assert_int_eq(judge(3000 + INCARNATION_SURE_MS - 1), STORE_FIRST);
    ck_assert_int_ne(judge(3000 + INCARNATION_SURE_MS), STORE_FIRST);
}
END_TEST

START_TEST(what_is_not_known_is_not_judged)
{
    info.known = false;
    target.end = source.end = 0;
    ck_assert_int_eq(judge_thrice(1000), STORE_FIRST);
}
END_TEST

static int64_t
prunable(void)
{
    const struct incarnation_look l = {&info,  &source,    &target,
                                       &syncs, syncs_read, 1020};
    return incarnation_prunable(&watch, &l);
}

START_TEST(pruning_waits_for_certainty)
{
    source.start = 120;
    ck_assert_int_eq(prunable(), 0); /* nothing seen yet */
    ck_assert_int_eq(judge(1000), STORE_FIRST);
    ck_assert_int_eq(prunable(), 120);
    source.end = 100;
    ck_assert_int_eq(prunable(), 0); /* begins behind its end */
    source.end = 140;
    ck_assert_int_eq(judge(1010), STORE_FIRST);
    ck_assert_int_eq(prunable(), 0); /* suspected */
    setup();
    ck_assert_int_eq(judge(1000), STORE_FIRST);
    source.known = false;
    ck_assert_int_eq(prunable(), 0);
}
END_TEST

START_TEST(signs_of_life)
{
    static const struct {
        struct beats_signs signs;
        enum beats_alive alive;
    } cases[] = {
        {{0, 0, 0, false}, BEATS_UNKNOWN},
        {{95000, 0, 0, false}, BEATS_YES},
        {{80000, 0, 0, false}, BEATS_NO},
        {{80000, 99000, 0, false}, BEATS_NO},  /* it runs and copies nothing */
        {{80000, 0, 99000, false}, BEATS_YES}, /* syncs come */
        {{0, 99000, 0, false}, BEATS_YES},
        {{0, 80000, 0, false}, BEATS_NO},
        {{0, 0, 80000, false}, BEATS_UNKNOWN}, /* perhaps nothing is written */
        {{80000, 80000, 0, true}, BEATS_UNKNOWN},
        {{95000, 0, 0, true}, BEATS_YES},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(beats_judge(&cases[i].signs, 100000, 10000) ==
                          cases[i].alive,
                      "case %zu", i);
}
END_TEST

START_TEST(when_a_heartbeat_was_alive)
{
    ck_assert_int_eq(beats_seen_ms(true, 1, 9000, 500), 500);
    ck_assert_int_eq(beats_seen_ms(false, 8800, 9000, 500), 300);
    ck_assert_int_eq(beats_seen_ms(false, 9100, 9000, 500), 500);
    ck_assert_int_eq(beats_seen_ms(false, 1, 9000, 500), 1); /* before us */
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("incarnation");
    TCase *t = tcase_create("judging");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, logs_that_fit);
    tcase_add_test(t, what_the_ends_say);
    tcase_add_test(t, a_doubt_about_records_that_are_gone);
    tcase_add_test(t, old_ends_prove_nothing);
    tcase_add_test(t, unread_syncs_come_first);
    tcase_add_test(t, a_new_sync_begins_it_all_again);
    tcase_add_test(t, a_contradiction_that_goes_away);
    tcase_add_test(t, what_is_not_known_is_not_judged);
    tcase_add_test(t, pruning_waits_for_certainty);
    tcase_add_test(t, signs_of_life);
    tcase_add_test(t, when_a_heartbeat_was_alive);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
