/* The properties of rules over those of clusters. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "sdk/src/control/effective.h"

#define ROUTE(topic, cluster, properties)                                      \
    "{\"topic\":\"" topic "\",\"cluster\":\"" cluster "\",\"rule\":\"r-" topic \
    "\",\"since\":1,\"previous\":null,\"view\":[],"                            \
    "\"properties\":" properties "}"
#define ANSWER(routes)                                                         \
    "{\"revision\":1,\"routes\":[" routes "],\"clusters\":["                   \
    "{\"name\":\"a\",\"bootstrap.servers\":\"h:1\",\"properties\":"            \
    "{\"ssl.ca.location\":\"r1\",\"socket.timeout.ms\":\"5\"}},"               \
    "{\"name\":\"b\",\"bootstrap.servers\":\"h:2\"}],\"flows\":[]}"

static struct pt_answer answer;
static struct effective_conflict conflict;

static void
read_answer(const char *text)
{
    struct json_t *j = NULL;
    struct err err;
    ck_assert_int_eq(js_parse(text, strlen(text), &j, &err), 0);
    ck_assert_msg(pt_answer_decode(j, &answer, &err) == 0, "%s", err.text);
    js_free(j);
}

static void
has(const char *cluster, const char *key, const char *value)
{
    const struct pt_cluster *c = pt_answer_cluster(&answer, cluster);
    const char *found = props_get(&c->properties, key);
    ck_assert_msg(str_equal(found, value), "%s of %s is %s", key, cluster,
                  found);
}

static void
tear_down(void)
{
    pt_answer_fini(&answer);
    answer = (struct pt_answer){0};
}

START_TEST(over_the_clusters)
{
    read_answer(ANSWER(
        ROUTE("t", "a",
              "{\"socket.timeout.ms\":\"9\",\"sasl.username\":\"${env:U}\"}")));
    for (int i = 0; i < 2; i++) { /* again: no change */
        ck_assert_int_eq(effective_apply(&answer, &conflict), 0);
        has("a", "ssl.ca.location", "r1");
        has("a", "socket.timeout.ms", "9");
        has("a", "sasl.username", "${env:U}");
        has("b", "socket.timeout.ms", NULL);
        ck_assert_ptr_null(conflict.key);
    }
}
END_TEST

#define FIRST ROUTE("t", "a", "{\"socket.timeout.ms\":\"9\"}")
#define SECOND                                                                 \
    ROUTE("u", "a",                                                            \
          "{\"socket.timeout.ms\":\"7\",\"socket.keepalive.enable\":\"1\"}")
#define THIRD ROUTE("v", "b", "{\"sasl.username\":\"1\"}")

START_TEST(the_first_topic_holds)
{
    read_answer(ANSWER(FIRST "," SECOND "," THIRD));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(effective_apply(&answer, &conflict), 0);
        has("a", "socket.timeout.ms", "9");
        has("a", "socket.keepalive.enable", "1");
        has("b", "sasl.username", "1");
        ck_assert_str_eq(conflict.key, "socket.timeout.ms");
        ck_assert_str_eq(conflict.first->topic, "t");
        ck_assert_str_eq(conflict.other->topic, "u");
    }
}
END_TEST

START_TEST(equal_values_are_no_conflict)
{
    read_answer(
        ANSWER(ROUTE("t", "a", "{\"socket.keepalive.enable\":\"1\"}") "," ROUTE(
            "u", "a", "{\"socket.keepalive.enable\":\"1\"}")));
    ck_assert_int_eq(effective_apply(&answer, &conflict), 0);
    has("a", "socket.keepalive.enable", "1");
    ck_assert_ptr_null(conflict.key);
}
END_TEST

START_TEST(without_a_cluster_nothing)
{
    read_answer(ANSWER("{\"topic\":\"t\",\"cluster\":null,\"rule\":null,"
                       "\"since\":0,\"previous\":null,\"view\":[]}"));
    ck_assert_int_eq(effective_apply(&answer, &conflict), 0);
    has("a", "socket.timeout.ms", "5");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("effective");
    TCase *t = tcase_create("effective");
    tcase_add_checked_fixture(t, NULL, tear_down);
    tcase_add_test(t, over_the_clusters);
    tcase_add_test(t, the_first_topic_holds);
    tcase_add_test(t, equal_values_are_no_conflict);
    tcase_add_test(t, without_a_cluster_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
