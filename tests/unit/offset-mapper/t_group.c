/* Which position of a group counts, what clients tell of it, and what becomes
 * of one that is to be landed. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "offset-mapper/group.h"
#include "offset-mapper/land.h"
#include "tests/support/support.h"

enum { NO = -1 };

static const struct {
    int64_t live;
    bool connected;
    int64_t commit, checkpoint;
    bool reachable;
    enum group_source used;
    int64_t position;
} cases[] = {
    /* What is of now: the furthest. */
    {120, true, 100, 90, true, GROUP_LIVE, 120},
    {100, true, 100, 90, true, GROUP_COMMIT, 100},
    {90, true, 100, 110, true, GROUP_COMMIT, 100},
    {NO, false, 100, 110, true, GROUP_COMMIT, 100},
    /* A member that has left: somebody may have set the commit back since. */
    {120, false, 100, NO, true, GROUP_COMMIT, 100},
    /* The source is dead, or has forgotten the group. */
    {120, true, NO, 90, false, GROUP_LIVE, 120},
    {120, false, NO, 90, false, GROUP_LIVE, 120},
    {80, true, NO, 90, false, GROUP_CHECKPOINT, 90},
    {NO, false, NO, 90, false, GROUP_CHECKPOINT, 90},
    {NO, false, NO, 90, true, GROUP_CHECKPOINT, 90},
    {120, true, NO, NO, true, GROUP_LIVE, 120},
    {NO, false, NO, NO, true, GROUP_NONE, NO},
};

START_TEST(the_one_that_counts)
{
    struct group g = {0};
    struct group_stream *s = group_stream(&g, "orders", 3);
    s->live.known = cases[_i].live != NO;
    s->live.connected = cases[_i].connected;
    s->live.offset = cases[_i].live;
    s->has_commit = cases[_i].commit != NO;
    s->commit = cases[_i].commit;
    s->checkpoint.known = cases[_i].checkpoint != NO;
    s->checkpoint.offset = cases[_i].checkpoint;
    group_choose(&g, cases[_i].reachable);
    ck_assert_int_eq(s->used, cases[_i].used);
    ck_assert_int_eq(s->position, cases[_i].position);
    ck_assert_ptr_nonnull(s->why);
    group_fini(&g);
}
END_TEST

START_TEST(streams_are_one_each_and_sorted)
{
    struct group g = {0};
    struct group_stream *s = group_stream(&g, "orders", 10);
    ck_assert_ptr_eq(group_stream(&g, "orders", 10), s);
    (void)group_stream(&g, "orders", 2);
    (void)group_stream(&g, "audit", 7);
    ck_assert_uint_eq(HASH_COUNT(g.streams), 3);
    group_choose(&g, true);
    ck_assert_str_eq(g.streams->topic, "audit");
    s = g.streams->hh.next;
    ck_assert_int_eq(s->partition, 2);
    group_fini(&g);
}
END_TEST

#define CLIENT(instance, group, cluster, connected, age, positions)            \
    "{'client':{'instance':'" instance "'},'identity':{'cluster.code':'c',"    \
    "'role':'consumer','topics':[],'group':'" group                            \
    "'},'connected':" connected                                                \
    ",'address':'x','since_ms':1,'revision':1,'behind':false,"                 \
    "'report':{'instance':'" instance "','revision':1,'cluster':'" cluster     \
    "','state':'running','detail':null,'since':1,'switch_ms':-1,"              \
    "'reread_bound':-1,'lag':-1,'positions':[" positions "]},"                 \
    "'report_age_ms':" age "}"
#define AT(topic, partition, offset)                                           \
    "{'topic':'" topic "','partition':" partition ",'offset':" offset "}"

static size_t
take(struct group *g, const char *clients, const char *next)
{
    char *text = NULL;
    struct err err = {0};
    size_t members = 0;
    char *after = NULL;
    ck_assert_int_gt(
        asprintf(&text, "{'clients':[%s],'total':9,'next':%s}", clients, next),
        0);
    struct json_t *j = json_of(text);
    ck_assert_msg(group_take_clients(g, j, "g", "a", &members, &after, &err) ==
                      0,
                  "%s", err.text);
    if (strcmp(next, "null") == 0)
        ck_assert_ptr_null(after);
    else
        ck_assert_str_eq(after, "m9");
    free(after);
    free(text);
    js_free(j);
    return members;
}

START_TEST(members_tell_where_they_stand)
{
    struct group g = {0};
    const size_t n = take(
        &g,
        CLIENT("m1", "g", "a", "false", "10", AT("orders", "0", "130")) "," CLIENT(
            "m2", "g", "a", "true", "9000",
            AT("orders", "0",
               "120")) "," CLIENT("m3", "g", "a", "true", "4000",
                                  AT("orders", "0", "125") "," AT(
                                      "orders", "1",
                                      "7")) "," CLIENT("m4", "g", "b", "true",
                                                       "1",
                                                       AT("orders", "0",
                                                          "900")) "," CLIENT("m5",
                                                                             "gg",
                                                                             "a",
                                                                             "true",
                                                                             "1",
                                                                             AT("orders",
                                                                                "0",
                                                                                "901")) ","
                                                                                        "{'client':{'instance':'m6'},'identity':{'cluster.code':'c','group':"
                                                                                        "'g'},'connected':true,'report':null,'report_age_ms':null},"
                                                                                        "{'somebody':'else'}",
        "'m9'");
    ck_assert_uint_eq(n, 4); /* m2, m3, m4, m6 */
    const struct group_live *live = &group_stream(&g, "orders", 0)->live;
    ck_assert(live->known && live->connected);
    ck_assert_int_eq(live->offset, 125);
    ck_assert_int_eq(live->age_ms, 4000);
    ck_assert_str_eq(live->member, "m3");
    ck_assert_int_eq(group_stream(&g, "orders", 1)->live.offset, 7);
    ck_assert_uint_eq(HASH_COUNT(g.streams), 2);
    /* Another server has it as gone, with a later report. */
    (void)take(&g,
               CLIENT("m3", "g", "a", "false", "1", AT("orders", "0", "126")),
               "null");
    ck_assert_int_eq(group_stream(&g, "orders", 0)->live.offset, 125);
    group_fini(&g);
}
END_TEST

START_TEST(what_is_no_list_of_clients_is_an_error)
{
    struct group g = {0};
    struct err err = {0};
    size_t members = 0;
    char *after;
    struct json_t *j = json_of("{'clients':7}");
    ck_assert_int_eq(
        group_take_clients(&g, j, "g", "a", &members, &after, &err),
        ERR_INVALID);
    ck_assert_str_eq(err.field, "clients");
    js_free(j);
    group_fini(&g);
}
END_TEST

static const struct {
    int64_t position, was;
    bool backwards, dry_run;
    enum land_result result;
} landings[] = {
    {10, -1, false, false, LAND_LANDED},
    {10, 9, false, false, LAND_LANDED},
    {10, 10, false, false, LAND_SAME},
    {10, 11, false, false, LAND_BACKWARDS},
    {10, 11, true, false, LAND_LANDED},
    {10, 11, true, true, LAND_WOULD},
    {10, -1, false, true, LAND_WOULD},
    {10, 10, true, true, LAND_SAME},
    {10, 11, false, true, LAND_BACKWARDS},
    {-1, 11, true, false, LAND_UNMAPPED},
    {0, -1, false, false, LAND_LANDED},
};

START_TEST(never_backwards_unless_told)
{
    char topic[] = "t";
    const struct land_part p = {.topic = topic,
                                .position = landings[_i].position};
    ck_assert_int_eq(land_decide(&p, landings[_i].was, landings[_i].backwards,
                                 landings[_i].dry_run),
                     landings[_i].result);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("group");
    TCase *t = tcase_create("pure");
    tcase_add_loop_test(t, the_one_that_counts, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(t, streams_are_one_each_and_sorted);
    tcase_add_test(t, members_tell_where_they_stand);
    tcase_add_test(t, what_is_no_list_of_clients_is_an_error);
    tcase_add_loop_test(t, never_backwards_unless_told, 0,
                        sizeof(landings) / sizeof(landings[0]));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
