/* Patterns: which logical names of a cluster's topics match. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/pattern.h"

static char mm2[] = "default", identity[] = "identity", dot[] = ".";
static char a[] = "a", b[] = "b", c[] = "c";
static struct pt_flow flows[] = {
    {.source = a, .target = b, .policy = mm2, .separator = dot},
    {.source = c, .target = b, .policy = identity, .separator = dot},
};
static const struct pt_answer answer = {.flows = flows, .n_flows = 2};

static struct strlist
pick(const char *pattern, const char *black, const char *cluster)
{
    static const char *const topics[] = {"orders", "a.orders", "a.goods",
                                         "stock", "__consumer_offsets"};
    struct patterns p = {0}, none = {0};
    struct strlist physical = {0}, out = {0};
    ck_assert_int_eq(patterns_add(&p, pattern, NULL), 0);
    ck_assert_int_eq(patterns_add_list(&none, black, NULL), 0);
    for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++)
        ck_assert_int_eq(strlist_add(&physical, topics[i]), 0);
    ck_assert_int_eq(
        pattern_pick(&p.v[0], &none, &answer, cluster, &physical, &out), 0);
    strlist_fini(&physical);
    patterns_fini(&p);
    patterns_fini(&none);
    return out;
}

START_TEST(copies_match_by_their_logical_name)
{
    struct strlist l = pick("^(orders|goods)", "", "b");
    ck_assert_uint_eq(l.n, 2);
    ck_assert_str_eq(l.v[0], "goods");
    ck_assert_str_eq(l.v[1], "orders");
    strlist_fini(&l);
    l = pick("^a\\.", "", "b"); /* no such logical name */
    ck_assert_uint_eq(l.n, 0);
    strlist_fini(&l);
    l = pick("^a\\.", "", "c"); /* there it is one */
    ck_assert_uint_eq(l.n, 2);
    strlist_fini(&l);
}
END_TEST

START_TEST(the_blacklist_wins)
{
    struct strlist l = pick("^.*", "^_, ^st", "b");
    ck_assert_uint_eq(l.n, 2);
    ck_assert(!strlist_has(&l, "stock"));
    ck_assert(!strlist_has(&l, "__consumer_offsets"));
    strlist_fini(&l);
}
END_TEST

START_TEST(what_is_no_pattern_is_said)
{
    struct patterns p = {0};
    struct err err = {0};
    ck_assert_int_eq(patterns_add(&p, "^(", &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "^("));
    ck_assert_int_eq(patterns_add(&p, "^ok$", &err), 0);
    ck_assert(patterns_match(&p, "ok"));
    ck_assert(!patterns_match(&p, "okay"));
    patterns_fini(&p);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("pattern");
    TCase *t = tcase_create("pattern");
    tcase_add_test(t, copies_match_by_their_logical_name);
    tcase_add_test(t, the_blacklist_wins);
    tcase_add_test(t, what_is_no_pattern_is_said);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
