/*
 * Which records of an offset-syncs topic count, and what a gap does to runs.
 */
#include <check.h>
#include <stdlib.h>

#include "offset-mapper/reading.h"
#include "tests/support/support.h"

START_TEST(missing_offsets_are_counted)
{
    struct store_progress p = {0};
    ck_assert(reading_step(&p, 0, 100));
    ck_assert(reading_step(&p, 1, 100));
    ck_assert_int_eq(p.gaps, 0);
    ck_assert(reading_step(&p, 5, 100));
    ck_assert(reading_step(&p, 6, 100));
    ck_assert_int_eq(p.gaps, 1);
    ck_assert_int_eq(p.position, 7);
    ck_assert_int_eq(p.last_ms, 100);
}
END_TEST

START_TEST(markers_at_the_end_are_no_gap)
{
    struct store_progress p = {0};
    ck_assert(reading_step(&p, 0, 100));
    reading_end(&p, 3);
    ck_assert(p.complete);
    ck_assert(reading_step(&p, 3, 101));
    ck_assert_int_eq(p.gaps, 0);
}
END_TEST

/* A topic that lost its end: the syncs that stand there still are not news. */
START_TEST(what_was_read_before_is_passed_over)
{
    struct store_progress p = {0};
    for (int64_t i = 0; i < 10; i++)
        ck_assert(reading_step(&p, i, 1000 + i));
    reading_reset(&p);
    ck_assert_int_eq(p.gaps, 1);
    for (int64_t i = 0; i < 8; i++)
        ck_assert(!reading_step(&p, i, 1000 + i));
    ck_assert_int_eq(p.stale, 8);
    ck_assert(reading_step(&p, 8, 1020));
    ck_assert_int_eq(p.resets, 1);
    ck_assert_int_eq(p.gaps, 1);
}
END_TEST

/* ... and of a new topic all are. */
START_TEST(a_topic_made_anew_is_read_from_its_start)
{
    struct store_progress p = {0};
    for (int64_t i = 0; i < 10; i++)
        ck_assert(reading_step(&p, i, 1000 + i));
    reading_reset(&p);
    ck_assert(reading_step(&p, 0, 1009));
    ck_assert(reading_step(&p, 1, 1010));
    ck_assert_int_eq(p.stale, 0);
}
END_TEST

/* A writer's clock that went back hides nothing behind the end. */
START_TEST(the_end_ends_it)
{
    struct store_progress p = {0};
    ck_assert(reading_step(&p, 0, 5000));
    reading_reset(&p);
    ck_assert(!reading_step(&p, 0, 1000));
    reading_end(&p, 1);
    ck_assert(reading_step(&p, 1, 1001));
    ck_assert_int_eq(p.last_ms, 5000);
}
END_TEST

static struct tmpdir dir;
static struct store *store;
static const struct store_part part = {"a->b", "orders", 3};

static void
setup(void)
{
    tmpdir_make(&dir);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, NULL), 0);
}

static void
teardown(void)
{
    store_close(store);
    tmpdir_remove(&dir);
}

static void
sync_in(struct store_progress *p, int64_t up, int64_t down)
{
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(store, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &part, up, down, 1, p, &change, NULL),
                     0);
    ck_assert_int_eq(store_batch_commit_take(b, "a->b", "s", p, NULL), 0);
}

static struct runs_answer
ask(int64_t q)
{
    struct store_view *v;
    struct store_info info;
    struct runs_answer a;
    ck_assert_int_eq(store_view_open(store, &v, NULL), 0);
    ck_assert_int_eq(store_view_forward(v, &part, q, -1, &info, &a, NULL), 0);
    store_view_close(v);
    return a;
}

/* A hole and a foreign offset may hide in it, so nothing between is exact; what
 * comes after it is a run again. */
START_TEST(no_run_goes_over_a_gap)
{
    struct store_progress p = {0};
    sync_in(&p, 0, 0);
    sync_in(&p, 100, 100);
    ck_assert_int_eq(ask(50).quality, RUNS_EXACT);
    p.gaps++;
    sync_in(&p, 200, 200);
    ck_assert_int_eq(ask(150).quality, RUNS_BOUNDED);
    ck_assert_int_eq(ask(150).position, 101);
    sync_in(&p, 300, 300);
    ck_assert_int_eq(ask(250).quality, RUNS_EXACT);
    ck_assert_int_eq(ask(250).position, 250);
    ck_assert_int_eq(p.runs, 2);
}
END_TEST

/* A store that is opened again knows of it, too. */
START_TEST(a_gap_while_it_was_down)
{
    struct store_progress p = {0}, q;
    sync_in(&p, 0, 0);
    sync_in(&p, 100, 100);
    store_close(store);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, NULL), 0);
    ck_assert_int_eq(store_progress_load(store, "a->b", "s", &q, NULL), 0);
    ck_assert_mem_eq(&p, &q, sizeof(p));
    q.gaps++;
    sync_in(&q, 101, 101); /* right behind the last one: nothing between */
    ck_assert_int_eq(q.runs, 1);
    q.gaps++;
    sync_in(&q, 200, 200);
    ck_assert_int_eq(q.runs, 2);
}
END_TEST

START_TEST(a_gap_is_over_with_the_next_sync)
{
    struct runs_state s = {0};
    struct runs_step step;
    ck_assert_int_eq(runs_apply(&s, NULL, 0, 0, &step), 0);
    s = step.next;
    s.gap = true;
    ck_assert_int_eq(runs_apply(&s, &s.newest, 50, 50, &step), 0);
    ck_assert_int_eq(step.change, RUNS_NEW);
    ck_assert(!step.next.gap);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("reading");
    TCase *t = tcase_create("records");
    tcase_add_test(t, missing_offsets_are_counted);
    tcase_add_test(t, markers_at_the_end_are_no_gap);
    tcase_add_test(t, what_was_read_before_is_passed_over);
    tcase_add_test(t, a_topic_made_anew_is_read_from_its_start);
    tcase_add_test(t, the_end_ends_it);
    suite_add_tcase(s, t);
    TCase *g = tcase_create("gaps in the store");
    tcase_add_checked_fixture(g, setup, teardown);
    tcase_add_test(g, no_run_goes_over_a_gap);
    tcase_add_test(g, a_gap_while_it_was_down);
    tcase_add_test(g, a_gap_is_over_with_the_next_sync);
    suite_add_tcase(s, g);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
