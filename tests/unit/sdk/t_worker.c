/* The worker thread: order, times, posting from a job, stopping. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "sdk/src/worker.h"
#include "tests/support/support.h"

static struct worker *worker;
static atomic_int done;
static int order[16];
static int64_t ran_at_ms;

static void
note(void *arg)
{
    ran_at_ms = clock_mono_ms();
    order[atomic_load(&done)] = *(int *)arg;
    atomic_fetch_add(&done, 1);
}

static bool
all_done(void *arg)
{
    return atomic_load(&done) >= *(int *)arg;
}

static void
start(void)
{
    struct err err;
    atomic_store(&done, 0);
    ck_assert_int_eq(worker_start(&worker, &err), 0);
}

static void
assert_order(int n)
{
    ck_assert(wait_until(all_done, &n, DEADLINE_MS));
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(order[i], i);
}

static int number[] = {0, 1, 2, 3, 4};

START_TEST(jobs_run_in_order_of_posting)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(worker_post(worker, 0, note, &number[i]), 0);
    assert_order(5);
    worker_stop(worker);
}
END_TEST

START_TEST(later_ones_wait_for_their_time)
{
    const int64_t now = clock_mono_ms();
    ck_assert_int_eq(worker_post(worker, now + 60, note, &number[2]), 0);
    ck_assert_int_eq(worker_post(worker, now + 30, note, &number[1]), 0);
    ck_assert_int_eq(worker_post(worker, 0, note, &number[0]), 0);
    ck_assert_int_eq(worker_post(worker, now + 60, note, &number[3]), 0);
    assert_order(4);
    ck_assert_int_ge(ran_at_ms, now + 60);
    worker_stop(worker);
}
END_TEST

static void
post_another(void *arg)
{
    note(arg);
    ck_assert_int_eq(worker_post(worker, 0, note, &number[1]), 0);
}

START_TEST(a_job_may_post)
{
    ck_assert_int_eq(worker_post(worker, 0, post_another, &number[0]), 0);
    assert_order(2);
    worker_stop(worker);
}
END_TEST

START_TEST(stopping_runs_what_is_queued_at_once)
{
    const int64_t now = clock_mono_ms();
    ck_assert_int_eq(worker_post(worker, now + 60000, note, &number[1]), 0);
    ck_assert_int_eq(worker_post(worker, 0, note, &number[0]), 0);
    worker_stop(worker);
    assert_order(2);
    ck_assert_int_lt(clock_mono_ms() - now, 30000);
}
END_TEST

START_TEST(stopping_nothing_is_allowed)
{
    worker_stop(worker);
    worker_stop(NULL);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("worker");
    TCase *t = tcase_create("jobs");
    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, jobs_run_in_order_of_posting);
    tcase_add_test(t, later_ones_wait_for_their_time);
    tcase_add_test(t, a_job_may_post);
    tcase_add_test(t, stopping_runs_what_is_queued_at_once);
    tcase_add_test(t, stopping_nothing_is_allowed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
