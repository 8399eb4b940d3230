/* Positions of a group as CSV and JSON, there and back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "ctl/group_file.h"
#include "tests/support/support.h"

static const char answer[] =
    "{'group':'g','from':'a','to':'b','streams':["
    "{'topic':'orders','partition':3,'used':'live','offset':1234,'mapped':"
    "{'to_topic':'a.orders','position':1213,'low':1213,'high':1220,'quality':"
    "'bounded'}},"
    "{'topic':'new','partition':0,'used':'commit','offset':7,'mapped':"
    "{'to_topic':null,'position':-1,'low':-1,'high':-1,'quality':'none'}},"
    "{'topic':'lost','partition':0,'used':'none','offset':-1,'mapped':"
    "{'to_topic':null,'position':-1,'low':-1,'high':-1,'quality':'none'}}]}";

static void
reads(const char *text, const char *expected)
{
    struct json_t *list = NULL;
    struct err err = {0};
    ck_assert_msg(group_file_parse(text, strlen(text), &list, &err) == 0, "%s",
                  err.text);
    char *got = js_dump(list);
    char *wanted = json_text(expected);
    ck_assert_str_eq(got, wanted);
    free(got);
    free(wanted);
    js_free(list);
}

#define BOTH                                                                   \
    "[{'topic':'orders','partition':3,'offset':1234},"                         \
    "{'topic':'new','partition':0,'offset':7}]"

START_TEST(csv_there_and_back)
{
    size_t n;
    struct json_t *j = json_of(answer);
    char *text = group_file_csv(j, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(text, "topic,partition,offset,used,to_topic,position,low,"
                           "high,quality\n"
                           "orders,3,1234,live,a.orders,1213,1213,1220,"
                           "bounded\n"
                           "new,0,7,commit,,-1,-1,-1,none\n");
    reads(text, BOTH);
    free(text);
    js_free(j);
}
END_TEST

START_TEST(json_there_and_back)
{
    size_t n;
    struct json_t *j = json_of(answer);
    char *text = group_file_json(j, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_nonnull(strstr(text, "\"to_topic\": \"a.orders\""));
    reads(text, BOTH);
    free(text);
    js_free(j);
}
END_TEST

static const struct {
    const char *text, *words;
} bad[] = {
    {"", "there are no positions"},
    {"topic,partition,offset\n", "there are no positions"},
    {"topic,partition,offset\nt,0,1\nt,one,1\n", "line 3"},
    {"topic;partition;offset\nt;0;1\n", "line 1"},
    {"topic,partition,offset\nt,0,-1\n", "line 2"},
    {"topic,partition,offset\nt,0\n", "line 2"},
    {"topic,partition,offset\n,0,1\n", "line 2"},
    {"{\"positions\":[]}", "there are no positions"},
    {"{\"positions\":7}", "positions"},
    {"{\"position\":[]}", "positions"},
    {"{\"positions\":[{\"topic\":\"t\",\"partition\":0}]}", "has no offset"},
    {"{\"positions\":[7]}", "has no topic"},
    {"{", "line 1"},
};

START_TEST(refuses_with_the_line)
{
    struct json_t *list = NULL;
    struct err err = {0};
    ck_assert_int_ne(
        group_file_parse(bad[_i].text, strlen(bad[_i].text), &list, &err), 0);
    ck_assert_msg(strstr(err.text, bad[_i].words) != NULL, "%s", err.text);
    ck_assert_ptr_null(list);
}
END_TEST

START_TEST(names_tell_the_format)
{
    ck_assert(group_file_is_json("x/groups.json"));
    ck_assert(!group_file_is_json("groups.csv"));
    ck_assert(!group_file_is_json(NULL));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("group file");
    TCase *t = tcase_create("group file");
    tcase_add_test(t, csv_there_and_back);
    tcase_add_test(t, json_there_and_back);
    tcase_add_loop_test(t, refuses_with_the_line, 0,
                        sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, names_tell_the_format);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
