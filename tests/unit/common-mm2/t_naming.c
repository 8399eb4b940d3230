/*
 * Topic names of MirrorMaker 2's policies: the tables of mm2.md 11.4, 11.5
 * and 11.7.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/mm2/naming.h"

static const struct naming def = {NAMING_DEFAULT, ".", true};
static const struct naming wide = {NAMING_DEFAULT, "__", true};
static const struct naming wide_dots = {NAMING_DEFAULT, "__", false};
static const struct naming under = {NAMING_DEFAULT, "_", true};
static const struct naming identity = {NAMING_IDENTITY, ".", true};

static const char *
remote(const struct naming *n, const char *source, const char *topic)
{
    static char out[300];
    ck_assert_int_eq(naming_remote(n, source, topic, out, sizeof(out)), 0);
    return out;
}

START_TEST(remote_names)
{
    ck_assert_str_eq(remote(&def, "source1", "topic3"), "source1.topic3");
    ck_assert_str_eq(remote(&def, "source1", "source6.topic7"),
                     "source1.source6.topic7");
    ck_assert_str_eq(remote(&wide, "b", "topic1"), "b__topic1");
    ck_assert_str_eq(remote(&identity, "primary", "topic1"), "topic1");
    ck_assert_str_eq(remote(&identity, "backup", "heartbeats"),
                     "backup.heartbeats");
    char small[8];
    ck_assert_int_eq(naming_remote(&def, "abc", "defg", small, 8), ERR_LIMIT);
    ck_assert_int_eq(naming_remote(&def, "abc", "def", small, 8), 0);
}
END_TEST

static const char *
upstream(const struct naming *n, const char *source, const char *topic)
{
    const char *up = NULL;
    return naming_is_copy_from(n, source, topic, &up) ? up : "-";
}

START_TEST(copies)
{
    ck_assert_str_eq(upstream(&def, "target2", "target2.topic3"), "topic3");
    ck_assert_str_eq(upstream(&def, "a", "a.b.orders"), "b.orders");
    ck_assert_str_eq(upstream(&def, "b", "a.b.orders"), "-");
    ck_assert_str_eq(upstream(&def, "a", "orders"), "-");
    ck_assert_str_eq(upstream(&def, "a", "a"), "-");
    ck_assert_str_eq(upstream(&def, "a", "a."), "-");
    ck_assert_str_eq(upstream(&def, "a", "a.."), "-");
    ck_assert_str_eq(upstream(&def, "a", "ab.orders"), "-");
    ck_assert_str_eq(upstream(&under, "us_west", "us_west_orders"), "orders");
    ck_assert_str_eq(upstream(&wide, "b", "b__topic1"), "topic1");
    ck_assert_str_eq(upstream(&identity, "a", "a.orders"), "-");
    ck_assert_str_eq(upstream(&identity, "a", "a.heartbeats"), "heartbeats");
}
END_TEST

static const char *
syncs_topic(const struct naming *n)
{
    static char out[100];
    ck_assert_int_eq(naming_offset_syncs(n, "CLUSTER", out, sizeof(out)), 0);
    return out;
}

static const char *
checkpoints_topic(const struct naming *n)
{
    static char out[100];
    ck_assert_int_eq(naming_checkpoints(n, "CLUSTER", out, sizeof(out)), 0);
    return out;
}

START_TEST(internal_topics)
{
    ck_assert_str_eq(syncs_topic(&def), "mm2-offset-syncs.CLUSTER.internal");
    ck_assert_str_eq(syncs_topic(&wide), "mm2-offset-syncs__CLUSTER__internal");
    ck_assert_str_eq(syncs_topic(&wide_dots),
                     "mm2-offset-syncs.CLUSTER.internal");
    ck_assert_str_eq(checkpoints_topic(&def), "CLUSTER.checkpoints.internal");
    ck_assert_str_eq(checkpoints_topic(&wide),
                     "CLUSTER__checkpoints__internal");
    ck_assert_str_eq(checkpoints_topic(&wide_dots),
                     "CLUSTER.checkpoints.internal");
    char small[10];
    ck_assert_int_eq(naming_offset_syncs(&def, "b", small, 10), ERR_LIMIT);
    ck_assert_int_eq(naming_checkpoints(&def, "b", small, 10), ERR_LIMIT);
}
END_TEST

START_TEST(which_are_internal)
{
    static const char *const yes[] = {
        "__consumer_offsets", ".hiddentopic", "mm2-offsets.CLUSTER.internal",
        "source1.checkpoints.internal", "source2.source1.checkpoints.internal"};
    static const char *const no[] = {"mm2-offsets_CLUSTER_internal",
                                     "mm2-offsets-CLUSTER-internal",
                                     "checkpoints.internal",
                                     "checkpoints-internal",
                                     "checkpoints.internal!",
                                     "!checkpoints.internal",
                                     "source1checkpointsinternal",
                                     "orders.internal",
                                     "orders-internal",
                                     "internal",
                                     "mm2internal",
                                     "orders"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        ck_assert_msg(naming_is_internal(&def, yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert_msg(!naming_is_internal(&def, no[i]), "%s", no[i]);
    ck_assert(naming_is_internal(&wide, "A__checkpoints__internal"));
    ck_assert(!naming_is_internal(&wide, "mm2-offsets.A.internal"));
    ck_assert(naming_is_internal(&wide_dots, "mm2-offsets.A.internal"));
}
END_TEST

START_TEST(which_are_heartbeats)
{
    static const char *const yes[] = {"heartbeats", "source1.heartbeats",
                                      "source2.source1.heartbeats"};
    static const char *const no[] = {"heartbeats!", "!heartbeats",
                                     "source1heartbeats", "source1-heartbeats"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        ck_assert(naming_is_heartbeats(&def, yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert(!naming_is_heartbeats(&def, no[i]));
    ck_assert(naming_is_heartbeats(&under, "heartbeats"));
    ck_assert(!naming_is_heartbeats(&under, "us-west.heartbeats"));
    ck_assert(naming_is_heartbeats(&identity, "a.heartbeats"));
}
END_TEST

START_TEST(cycles)
{
    static const char *const yes[] = {
        "target.topic1", "target.source.topic1", "source.target.topic1",
        "target.source.target.topic1", "source.target.source.topic1"};
    static const char *const no[] = {"topic1",
                                     "source.topic1",
                                     "othersource.topic1",
                                     ".b",
                                     "target",
                                     "target.",
                                     "",
                                     "..",
                                     "."};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        ck_assert_msg(naming_is_cycle(&def, "target", yes[i]), "%s", yes[i]);
        ck_assert(!naming_is_cycle(&identity, "target", yes[i]));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert_msg(!naming_is_cycle(&def, "target", no[i]), "%s", no[i]);
    ck_assert(naming_is_cycle(&identity, "target", "target.heartbeats"));
    ck_assert(naming_is_cycle(&identity, "target", "source.target.heartbeats"));
    ck_assert(!naming_is_cycle(&identity, "target", "heartbeats"));
    ck_assert(!naming_is_cycle(&identity, "target", "othersource.heartbeats"));
}
END_TEST

START_TEST(policies)
{
    ck_assert_int_eq(naming_policy_of("default"), NAMING_DEFAULT);
    ck_assert_int_eq(naming_policy_of("identity"), NAMING_IDENTITY);
    ck_assert_int_eq(naming_policy_of("Default"), -1);
    ck_assert_int_eq(naming_policy_of(""), -1);
    ck_assert_int_eq(naming_policy_of(NULL), -1);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mm2 naming");
    TCase *t = tcase_create("names");
    tcase_add_test(t, remote_names);
    tcase_add_test(t, copies);
    tcase_add_test(t, internal_topics);
    tcase_add_test(t, which_are_internal);
    tcase_add_test(t, which_are_heartbeats);
    tcase_add_test(t, cycles);
    tcase_add_test(t, policies);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
