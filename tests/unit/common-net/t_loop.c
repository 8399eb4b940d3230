/* The loop: work posted from other threads, timers, descriptors, signals. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/net/loop.h"

#define POSTS 20000

static struct loop *loop;
static int next_expected, out_of_order, ticks, signals, readable;
static struct loop_timer *timer;
static int numbers[POSTS];

static void
setup(void)
{
    struct err err;
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    next_expected = out_of_order = ticks = signals = readable = 0;
}

static void
teardown(void)
{
    loop_free(loop);
}

static void
take_number(void *arg)
{
    const int n = *(const int *)arg;
    out_of_order += n != next_expected;
    next_expected = n + 1;
    if (n == POSTS - 1)
        loop_stop(loop);
}

static void *
post_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < POSTS; i++) {
        numbers[i] = i;
        if (loop_post(loop, take_number, &numbers[i]) != 0)
            abort();
    }
    return NULL;
}

START_TEST(runs_posts_in_order)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, post_all, NULL), 0);
    loop_run(loop);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(next_expected, POSTS);
    ck_assert_int_eq(out_of_order, 0);
}
END_TEST

static void
on_tick(void *arg)
{
    (void)arg;
    if (++ticks == 3) {
        loop_timer_free(timer);
        loop_stop(loop);
    }
}

START_TEST(repeats_timers_until_freed)
{
    timer = loop_timer_new(loop, 1, on_tick, NULL);
    ck_assert_ptr_nonnull(timer);
    loop_run(loop);
    ck_assert_int_eq(ticks, 3);
    loop_timer_free(NULL);
}
END_TEST

static void
post_again(void *arg)
{
    ck_assert_int_eq(loop_post(loop, post_again, arg), 0);
}

/* Endless posting does not keep a timer from running. */
START_TEST(does_not_starve)
{
    timer = loop_timer_new(loop, 1, on_tick, NULL);
    ck_assert_int_eq(loop_post(loop, post_again, NULL), 0);
    loop_run(loop);
    ck_assert_int_eq(ticks, 3);
}
END_TEST

static void
on_signal(void *arg)
{
    (void)arg;
    signals++;
    loop_stop(loop);
}

START_TEST(takes_signals)
{
    ck_assert_int_eq(loop_on_signal(loop, SIGTERM, on_signal, NULL), 0);
    ck_assert_int_eq(raise(SIGTERM), 0);
    loop_run(loop);
    ck_assert_int_eq(signals, 1);
}
END_TEST

static void
on_readable(void *arg)
{
    char c;
    ck_assert_int_eq(read(*(const int *)arg, &c, 1), 1);
    if (++readable == 2)
        loop_stop(loop);
}

START_TEST(watches_descriptors)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(loop_on_readable(loop, fds[0], on_readable, &fds[0]), 0);
    ck_assert_int_eq(write(fds[1], "ab", 2), 2);
    loop_run(loop);
    ck_assert_int_eq(readable, 2);
    ck_assert_int_eq(close(fds[0]), 0);
    ck_assert_int_eq(close(fds[1]), 0);
}
END_TEST

START_TEST(survives_broken_pipes)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(close(fds[0]), 0);
    ck_assert_int_eq(write(fds[1], "a", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(close(fds[1]), 0);
}
END_TEST

START_TEST(stops_before_it_runs)
{
    loop_stop(loop);
    loop_run(loop);
    ck_assert_int_eq(loop_post(loop, post_again, NULL), 0); /* freed unrun */
    loop_free(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tc = tcase_create("loop");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, runs_posts_in_order);
    tcase_add_test(tc, repeats_timers_until_freed);
    tcase_add_test(tc, does_not_starve);
    tcase_add_test(tc, takes_signals);
    tcase_add_test(tc, watches_descriptors);
    tcase_add_test(tc, survives_broken_pipes);
    tcase_add_test(tc, stops_before_it_runs);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
