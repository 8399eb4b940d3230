/*
 * Two flows that keep names: records of both origins in partition 0 of T, on a
 * and on b.  A reader of b goes on on a, where the first record of a that b
 * does not have is the last one at which he may begin.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "offset-mapper/path.h"
#include "tests/support/support.h"

static struct tmpdir dir;
static struct config config;
static struct store *store;

static const char flows[] =
    "{'clusters':[{'name':'a','bootstrap.servers':'h:1'},"
    "{'name':'b','bootstrap.servers':'h:1'}],"
    "'flows':[{'source':'a','target':'b','policy':'identity'},"
    "{'source':'b','target':'a','policy':'identity'}]}";

static void
setup(void)
{
    struct err err = {0};
    char *text = json_text(flows);
    tmpdir_make(&dir);
    ck_assert_msg(config_parse(text, strlen(text), &config, &err) == 0, "%s",
                  err.text);
    free(text);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "s"), &store, &err), 0);
}

static void
teardown(void)
{
    store_close(store);
    config_fini(&config);
    tmpdir_remove(&dir);
}

static void
put(const char *flow, int64_t up, int64_t down)
{
    const struct store_part part = {flow, "T", 0};
    struct store_progress p = {0};
    struct store_batch *b;
    enum runs_change change;
    ck_assert_int_eq(store_batch_begin(store, &b, NULL), 0);
    ck_assert_int_eq(store_batch_sync(b, &part, up, down, 1, &p, &change, NULL),
                     0);
    ck_assert_int_eq(store_batch_commit_take(b, flow, "t", &p, NULL), 0);
}

/* Records up..up_last of the flow's source are down.. of its target. */
static void
copied(const char *flow, int64_t up, int64_t up_last, int64_t down)
{
    put(flow, up, down);
    put(flow, up_last, down + up_last - up);
}

/* Of a reader of b at q, on a. */
static void
assert_on_a(int64_t q, enum runs_quality quality, int64_t position)
{
    struct path p;
    struct path_env env = {.config = &config, .now_ms = 10};
    ck_assert_int_eq(store_view_open(store, &env.view, NULL), 0);
    ck_assert_int_eq(path_find(&env, "b", "a", "T", 0, q, &p, NULL), 0);
    store_view_close(env.view);
    ck_assert_uint_eq(p.n, 1);
    const struct runs_answer *at = &p.hops[0].at;
    ck_assert_msg(at->quality == quality && at->position == position &&
                      at->low == position,
                  "quality %d, %lld, low %lld: %s", (int)at->quality,
                  (long long)at->position, (long long)at->low, at->reason);
}

/* a: 10..14 were never copied, b's 10..14 came behind them. */
START_TEST(records_of_a_that_b_does_not_have)
{
    copied("a->b", 0, 9, 0);
    copied("b->a", 10, 14, 15);
    assert_on_a(12, RUNS_BOUNDED, 10);
    assert_on_a(7, RUNS_EXACT, 7); /* one of a */
}
END_TEST

/* What stands on a behind the last record of a are copies from b. */
START_TEST(copies_from_b_are_no_records_of_a)
{
    copied("a->b", 0, 9, 0);
    copied("b->a", 10, 14, 10);
    assert_on_a(13, RUNS_EXACT, 13);
    copied("b->a", 15, 19, 20); /* 15..19 of a were never copied */
    assert_on_a(13, RUNS_EXACT, 13);
    assert_on_a(17, RUNS_BOUNDED, 15);
}
END_TEST

/* As many follow on a as on b: they are those after the newest sync. */
START_TEST(the_last_records_before_b_took_over)
{
    copied("a->b", 0, 9, 0);
    copied("b->a", 15, 19, 15);
    assert_on_a(17, RUNS_EXACT, 17);
}
END_TEST

START_TEST(one_more_on_a_was_never_copied)
{
    copied("a->b", 0, 9, 0);
    copied("b->a", 15, 19, 16);
    assert_on_a(17, RUNS_BOUNDED, 10);
}
END_TEST

/* One sync shows nothing of what a->b writes. */
START_TEST(no_more_than_the_syncs_have_shown)
{
    put("a->b", 0, 0);
    copied("b->a", 15, 19, 15);
    assert_on_a(17, RUNS_BOUNDED, 1);
}
END_TEST

/* Hidden by a marker on b: just as many follow. */
START_TEST(a_marker_hides_one_that_was_never_copied)
{
    copied("a->b", 0, 4, 0);
    copied("a->b", 5, 19, 6); /* b: a marker at 5; and one at 26 */
    copied("b->a", 27, 31, 26);
    assert_on_a(29, RUNS_BOUNDED, 20);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("records of two origins");
    TCase *t = tcase_create("mixed");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, records_of_a_that_b_does_not_have);
    tcase_add_test(t, copies_from_b_are_no_records_of_a);
    tcase_add_test(t, the_last_records_before_b_took_over);
    tcase_add_test(t, one_more_on_a_was_never_copied);
    tcase_add_test(t, no_more_than_the_syncs_have_shown);
    tcase_add_test(t, a_marker_hides_one_that_was_never_copied);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
