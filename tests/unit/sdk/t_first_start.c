/*
 * A first start on cluster b, which others were on cluster a before: whether
 * there is anything to warn of.  See consumer_member.h.
 */
#include "tests/unit/sdk/consumer_member.h"

/* Of a group that reads all of b; what is not b's own was born on `origin`. */
static int
warnings_of_a_start(bool latest, const char *origin)
{
    struct member m;
    produce(&b, "a.orders", SHIFT, 40);
    produce(&b, "orders", 0, 10);
    member_make(&m);
    m.e.reset_latest = latest;
    m.e.settle_ms = 200;
    member_renew(&m);
    member_subscribe(&m);
    give_route(&m.control, "b", 4, "a");
    struct pt_view *other = &m.control.route->answer.routes[0].view[1];
    free(other->origin);
    other->origin = strdup(origin);
    consumer_news(m.c);
    for (int p = 0; p < PARTS; p++) {
        member_read(&m, 0, p, SHIFT, 40);
        member_read(&m, 1, p, 0, 10);
    }
    member_poll(&m);
    member_stop(&m);
    return m.warnings;
}

START_TEST(a_group_that_never_read_has_nothing_to_fear)
{
    ck_assert_int_eq(warnings_of_a_start(false, "a"), 0);
    for (int p = 0; p < PARTS; p++) {
        member_once(0, p, SHIFT, 40);
        member_once(1, p, 0, 10);
    }
}
END_TEST

START_TEST(what_would_have_been_passed_over_is_warned_of)
{
    ck_assert_int_ge(warnings_of_a_start(true, "a"), 1);
}
END_TEST

START_TEST(commits_that_cannot_be_asked_for_are_warned_of)
{
    rd_kafka_mock_broker_set_down(a.mock, 1);
    ck_assert_int_ge(warnings_of_a_start(false, "a"), 1);
}
END_TEST

/* A third cluster may have commits, and is not asked. */
START_TEST(commits_that_are_not_asked_for_are_warned_of)
{
    ck_assert_int_ge(warnings_of_a_start(false, "c"), 1);
}
END_TEST

static bool
has_committed(void *member)
{
    struct member *m = member;
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new(PARTS);
    for (int p = 0; p < PARTS; p++)
        rd_kafka_topic_partition_list_add(l, "orders", p);
    member_poll(m);
    bool all = consumer_committed(m->c, l, DEADLINE_MS) == 0;
    for (int p = 0; p < PARTS; p++)
        all = all && l->elems[p].offset == 40;
    rd_kafka_topic_partition_list_destroy(l);
    return all;
}

static void
commit_40_on_a(void)
{
    struct member m;
    produce(&a, "orders", 0, 40);
    member_make(&m);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    for (int p = 0; p < PARTS; p++)
        member_read(&m, 0, p, 0, 40);
    ck_assert(wait_until(has_committed, &m, DEADLINE_MS));
    member_stop(&m);
    memset(seen, 0, sizeof(seen));
}

START_TEST(commits_without_a_translation_are_warned_of)
{
    commit_40_on_a();
    mapper = MAPPER_NONE;
    ck_assert_int_ge(warnings_of_a_start(false, "a"), 1);
}
END_TEST

/* The mapper has not heard of the partitions yet. */
START_TEST(a_translation_that_comes_late_is_waited_for)
{
    struct member m;
    commit_40_on_a();
    produce(&b, "a.orders", SHIFT, 60);
    mapper = MAPPER_NONE;
    questions = 0;
    member_make(&m);
    m.e.catchup_ms = DEADLINE_MS;
    m.e.settle_ms = 100;
    member_renew(&m);
    member_subscribe(&m);
    member_route(&m, "b", 4, "a");
    const int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    while (questions < 3) {
        ck_assert_int_lt(clock_mono_ms(), end_ms);
        member_poll(&m);
    }
    mapper = MAPPER_EXACT;
    for (int p = 0; p < PARTS; p++)
        member_read(&m, 0, p, 40, 60);
    ck_assert_int_eq(m.warnings, 0);
    ck_assert_int_eq(seen[0][0][39] + seen[0][1][39], 0);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("first start");
    add(s, "never read", a_group_that_never_read_has_nothing_to_fear);
    add(s, "latest", what_would_have_been_passed_over_is_warned_of);
    add(s, "perhaps", commits_that_cannot_be_asked_for_are_warned_of);
    add(s, "a third", commits_that_are_not_asked_for_are_warned_of);
    add(s, "read before", commits_without_a_translation_are_warned_of);
    add(s, "late", a_translation_that_comes_late_is_waited_for);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
