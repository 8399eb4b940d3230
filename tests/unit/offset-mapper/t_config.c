/* The flows file: what it makes, and each way in which it may be wrong. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "offset-mapper/config.h"
#include "tests/support/support.h"

#define CLUSTERS                                                               \
    "\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"h1:1\"},"           \
    "{\"name\":\"b\",\"bootstrap.servers\":\"h2:2\"}]"

#define FLOW(s, t, loc)                                                        \
    "{\"source\":\"" s "\",\"target\":\"" t                                    \
    "\",\"offset-syncs.topic.location\":\"" loc "\"}"

START_TEST(good_file)
{
    const char *const text =
        "{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\","
        "\"mappers\":[\"http://h:1\"]},{\"source\":\"b\",\"target\":\"a\","
        "\"policy\":\"identity\"}]}";
    struct config c;
    struct err err = {0};
    ck_assert_msg(config_parse(text, strlen(text), &c, &err) == 0, "%s",
                  err.text);
    ck_assert_uint_eq(c.n_flows, 2);
    ck_assert_str_eq(c.flows[0].name, "a->b");
    ck_assert_str_eq(c.flows[0].topic, "mm2-offset-syncs.b.internal");
    ck_assert_str_eq(c.flows[0].cluster->name, "a");
    ck_assert_int_eq(c.flows[1].naming.policy, NAMING_IDENTITY);
    ck_assert_ptr_eq(config_flow(&c, "b", "a"), &c.flows[1]);
    ck_assert_ptr_eq(config_flow_named(&c, "a->b"), &c.flows[0]);
    ck_assert_ptr_null(config_flow(&c, "a", "a"));
    ck_assert_ptr_null(config_cluster(&c, "x"));
    config_fini(&c);
}
END_TEST

START_TEST(topic_on_the_target)
{
    const char *const text =
        "{" CLUSTERS ",\"flows\":[" FLOW("a", "b", "target") "]}";
    struct config c;
    ck_assert_int_eq(config_parse(text, strlen(text), &c, NULL), 0);
    ck_assert_str_eq(c.flows[0].topic, "mm2-offset-syncs.a.internal");
    ck_assert_str_eq(c.flows[0].cluster->name, "b");
    config_fini(&c);
}
END_TEST

static const struct {
    const char *more, *syncs, *checkpoints;
    enum naming_policy policy;
} named[] = {
    {"", "mm2-offset-syncs.b.internal", "a.checkpoints.internal",
     NAMING_DEFAULT},
    {"'separator':'__'", "mm2-offset-syncs__b__internal",
     "a__checkpoints__internal", NAMING_DEFAULT},
    {"'separator':'_',"
     "'replication.policy.internal.topic.separator.enabled':false",
     "mm2-offset-syncs.b.internal", "a.checkpoints.internal", NAMING_DEFAULT},
    {"'policy':'legacy'", "mm2-offset-syncs.b.internal",
     "a.checkpoints.internal", NAMING_IDENTITY},
    {"'offset-syncs.topic':'syncs','checkpoints.topic':'points'", "syncs",
     "points", NAMING_DEFAULT},
};

START_TEST(names_of_topics)
{
    char text[1024];
    struct config c;
    struct err err = {0};
    char *more = json_text(named[_i].more);
    (void)snprintf(text, sizeof(text),
                   "{" CLUSTERS ",\"flows\":[{\"source\":\"a\","
                   "\"target\":\"b\"%s%s}]}",
                   *more ? "," : "", more);
    free(more);
    ck_assert_msg(config_parse(text, strlen(text), &c, &err) == 0, "%s",
                  err.text);
    ck_assert_str_eq(c.flows[0].topic, named[_i].syncs);
    ck_assert_str_eq(c.flows[0].checkpoints, named[_i].checkpoints);
    ck_assert_int_eq(c.flows[0].naming.policy, named[_i].policy);
    config_fini(&c);
}
END_TEST

static const struct {
    const char *text, *word;
} bad[] = {
    {"", "not valid JSON"},
    {"{\"clusters\":[", "not valid JSON"},
    {"[]", "object"},
    {"{\"clusters\":[]}", "flows is missing"},
    {"{\"flows\":[]}", "clusters is missing"},
    {"{\"clusters\":[],\"flows\":[],\"rules\":[]}", "rules"},
    {"{\"clusters\":[{\"name\":\"a\"}],\"flows\":[]}", "bootstrap.servers"},
    {"{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"h:1\"},"
     "{\"name\":\"a\",\"bootstrap.servers\":\"h:1\"}],\"flows\":[]}",
     "is there already"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"x\"}]}",
     "no cluster is called \"x\""},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\"}]}", "target"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"a\"}]}",
     "itself"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\"},"
     "{\"source\":\"a\",\"target\":\"b\"}]}",
     "is there already"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\","
     "\"policy\":\"modern\"}]}",
     "policy"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\","
     "\"offset-syncs.topic\":1}]}",
     "flows[0].offset-syncs.topic"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\","
     "\"topics\":[]}]}",
     "flows[0].topics"},
    {"{" CLUSTERS ",\"flows\":[7]}", "flows[0]"},
    {"{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"h:1\"},"
     "{\"name\":\"b\",\"bootstrap.servers\":\"h:2\"},"
     "{\"name\":\"c\",\"bootstrap.servers\":\"h:3\"}],\"flows\":["
     "{\"source\":\"a\",\"target\":\"c\",\"checkpoints.topic\":\"p\"},"
     "{\"source\":\"b\",\"target\":\"c\",\"checkpoints.topic\":\"p\"}]}",
     "both use p on cluster c"},
    {"{" CLUSTERS ",\"flows\":[{\"source\":\"a\",\"target\":\"b\","
     "\"offset-syncs.topic\":\"s\"},{\"source\":\"b\",\"target\":\"a\","
     "\"offset-syncs.topic\":\"s\",\"offset-syncs.topic.location\":\"target\"}]}",
     "both use s on cluster a"},
    {"{" CLUSTERS ",\"flows\":[" FLOW("a", "b", "middle") "]}", "location"},
    /* mm2.md section 2: both use mm2-offset-syncs.b.internal on a. */
    {"{" CLUSTERS
     ",\"flows\":[" FLOW("a", "b", "source") "," FLOW("b", "a", "target") "]}",
     "both use mm2-offset-syncs.b.internal on cluster a"},
};

START_TEST(bad_file)
{
    struct config c;
    struct err err = {0};
    ck_assert_int_ne(config_parse(bad[_i].text, strlen(bad[_i].text), &c, &err),
                     0);
    ck_assert_msg(strstr(err.text, bad[_i].word) != NULL, "%s", err.text);
    ck_assert_uint_eq(c.n_flows, 0);
    ck_assert_uint_eq(c.n_clusters, 0);
}
END_TEST

START_TEST(file_is_named)
{
    struct tmpdir dir;
    struct config c;
    struct err err;
    tmpdir_make(&dir);
    ck_assert_int_eq(config_load(tmpdir_file(&dir, "none"), &c, &err),
                     ERR_NOTFOUND);
    ck_assert_int_eq(file_replace(tmpdir_file(&dir, "f.json"), "{}", 2, &err),
                     0);
    ck_assert_int_eq(config_load(tmpdir_file(&dir, "f.json"), &c, &err),
                     ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "f.json: clusters is missing"));
    ck_assert_str_eq(err.field, "clusters");
    tmpdir_remove(&dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mapper config");
    TCase *t = tcase_create("flows file");
    tcase_add_test(t, good_file);
    tcase_add_test(t, topic_on_the_target);
    tcase_add_loop_test(t, names_of_topics, 0,
                        sizeof(named) / sizeof(named[0]));
    tcase_add_loop_test(t, bad_file, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, file_is_named);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
