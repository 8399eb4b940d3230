/* KEY=VALUE words become the JSON of the protocols, or are refused by name. */
#include <check.h>
#include <stdlib.h>

#include "common/base/js.h"
#include "common/base/strs.h"
#include "ctl/words.h"

static struct err err;
static struct json_t *made;
static struct strlist words;

/* The words of a command line, ";" between them. */
static void
type(const char *line)
{
    strlist_fini(&words);
    ck_assert_int_eq(strlist_split(&words, line, ";"), 0);
}

static void
is_json(const char *expected)
{
    char *text = js_dump(made);
    ck_assert_str_eq(text, expected);
    free(text);
    js_free(made);
}

START_TEST(cluster_words)
{
    type("bootstrap.servers=h1:9092,h2:9092;sasl.jaas.config=a=b");
    ck_assert_int_eq(words_cluster("a", (int)words.n, words.v, &made, &err), 0);
    is_json("{\"name\":\"a\",\"bootstrap.servers\":\"h1:9092,h2:9092\","
            "\"properties\":{\"sasl.jaas.config\":\"a=b\"}}");
}
END_TEST

START_TEST(flow_words)
{
    type("policy=identity;mappers=http://m1:1, http://m2:1");
    ck_assert_int_eq(words_flow("a", "b", (int)words.n, words.v, &made, &err),
                     0);
    is_json("{\"source\":\"a\",\"target\":\"b\",\"policy\":\"identity\","
            "\"mappers\":[\"http://m1:1\",\"http://m2:1\"]}");
}
END_TEST

START_TEST(rule_words)
{
    type(
        "cluster=b;fence=true;standby=c;priority=-5;enabled=false;topic=t1,t2-*;attr.flink.id=1234");
    ck_assert_int_eq(words_rule("r", (int)words.n, words.v, &made, &err), 0);
    is_json("{\"id\":\"r\",\"cluster\":\"b\",\"fence\":true,"
            "\"standby\":\"c\",\"priority\":-5,"
            "\"enabled\":false,\"match\":{\"topic\":[\"t1\",\"t2-*\"],"
            "\"attributes\":{\"flink.id\":[\"1234\"]}}}");
}
END_TEST

START_TEST(rule_words_of_whom_not)
{
    type("cluster=b;cluster.code=orders;not.topic=t1,t2;not.attr.x=1;"
         "not.client.id=c");
    ck_assert_int_eq(words_rule("r", (int)words.n, words.v, &made, &err), 0);
    is_json("{\"id\":\"r\",\"cluster\":\"b\",\"match\":{\"cluster.code\":"
            "[\"orders\"],\"not\":{\"topic\":[\"t1\",\"t2\"],\"attributes\":"
            "{\"x\":[\"1\"]},\"client.id\":[\"c\"]}}}");
}
END_TEST

START_TEST(rule_words_of_shares_windows_and_properties)
{
    type("cluster=b;share=5;share.by=client.id;valid_from=2026-12-01T03:00:00Z;"
         "valid_until=2026-12-02T03:00:00+01:00;prop.client.rack=r=1;"
         "prop.linger.ms=5");
    ck_assert_int_eq(words_rule("r", (int)words.n, words.v, &made, &err), 0);
    is_json(
        "{\"id\":\"r\",\"cluster\":\"b\",\"match\":{\"share\":5,"
        "\"share.by\":\"client.id\"},\"valid_from\":\"2026-12-01T03:00:00Z\","
        "\"valid_until\":\"2026-12-02T03:00:00+01:00\",\"properties\":{"
        "\"client.rack\":\"r=1\",\"linger.ms\":\"5\"}}");
    type("cluster=b;share=0;share.by=attr.flink.id");
    ck_assert_int_eq(words_rule("r", (int)words.n, words.v, &made, &err), 0);
    is_json("{\"id\":\"r\",\"cluster\":\"b\",\"match\":{\"share\":0,"
            "\"share.by\":\"attributes.flink.id\"}}");
}
END_TEST

START_TEST(filters_become_a_query)
{
    char *path = NULL;
    type("cluster.code=orders;topic=a&b c;instance=h-1_2.3~x;behind=true");
    ck_assert_int_eq(words_filter((int)words.n, words.v, &path, &err), 0);
    ck_assert_str_eq(path, "/v1/clients?cluster.code=orders&topic=a%26b%20c&"
                           "instance=h-1_2.3~x&behind=true");
    free(path);
    ck_assert_int_eq(words_filter(0, NULL, &path, &err), 0);
    ck_assert_str_eq(path, "/v1/clients");
    free(path);
    const char *bad[] = {"colour=red", "topic", "=x", "limit=5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        type(bad[i]);
        ck_assert_int_eq(words_filter(1, words.v, &path, &err), ERR_INVALID);
    }
}
END_TEST

START_TEST(identity_words)
{
    type("topic=t;group=g;attr.x=1");
    ck_assert_int_eq(
        words_identity("orders", (int)words.n, words.v, &made, &err), 0);
    is_json("{\"cluster.code\":\"orders\",\"role\":\"consumer\","
            "\"topics\":[\"t\"],\"group\":\"g\",\"attributes\":{\"x\":\"1\"}}");
}
END_TEST

START_TEST(refuses_by_name)
{
    const char *bad[] = {"colour=red",  "priority=high", "enabled=yes",
                         "just-a-word", "attr.=1",       "=1",
                         "share=half",  "not.colour=1",  "prop.=1"};
    const char *fields[] = {"colour",      "priority",   "enabled",
                            "just-a-word", "attr.",      "",
                            "share",       "not.colour", "prop."};
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        type(bad[i]);
        ck_assert_int_eq(words_rule("r", 1, words.v, &made, &err), ERR_INVALID);
        ck_assert_str_eq(err.field, fields[i]);
    }
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {cluster_words,
                                  flow_words,
                                  rule_words,
                                  rule_words_of_whom_not,
                                  rule_words_of_shares_windows_and_properties,
                                  filters_become_a_query,
                                  identity_words,
                                  refuses_by_name};
    Suite *suite = suite_create("words");
    TCase *tc = tcase_create("words");
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    strlist_fini(&words);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
