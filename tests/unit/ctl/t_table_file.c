/* The table as a file: equal tables are equal bytes, and what is written is
 * read. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "ctl/table_file.h"

static struct err err;

static struct json_t *
parse(const char *text)
{
    struct json_t *j = NULL;
    ck_assert_msg(js_parse(text, strlen(text), &j, &err) == 0, "%s", err.text);
    return j;
}

static void
is_written(const char *table, const char *expected)
{
    struct json_t *j = parse(table);
    char *text = table_file_text(j);
    ck_assert_str_eq(text, expected);
    free(text);
    js_free(j);
}

#define FILE_OF_TWO                                                            \
    "{\n"                                                                      \
    "\"clusters\": [\n"                                                        \
    "{\"name\":\"a\",\"bootstrap.servers\":\"h:1\",\"properties\":"            \
    "{\"b.x\":\"2\",\"c\":\"1\"}},\n"                                          \
    "{\"name\":\"b\",\"bootstrap.servers\":\"h:2\"}\n"                         \
    "],\n"                                                                     \
    "\"flows\": [],\n"                                                         \
    "\"rules\": [\n"                                                           \
    "{\"id\":\"r1\",\"priority\":1,\"match\":{\"attributes\":{\"a\":[\"1\"],"  \
    "\"z\":[\"2\"]},\"topic\":[\"u\",\"t\"]},\"cluster\":\"a\",\"new\":true}"  \
    "\n"                                                                       \
    "]\n"                                                                      \
    "}\n"

START_TEST(sorted_whatever_the_order)
{
    is_written(
        "{\"revision\":7,\"rules\":[{\"new\":true,\"cluster\":\"a\",\"match\":"
        "{\"topic\":[\"u\",\"t\"],\"attributes\":{\"z\":[\"2\"],\"a\":[\"1\"]}}"
        ",\"priority\":1,\"id\":\"r1\"}],\"flows\":[],\"clusters\":["
        "{\"bootstrap.servers\":\"h:2\",\"name\":\"b\"},{\"properties\":"
        "{\"c\":\"1\",\"b.x\":\"2\"},\"bootstrap.servers\":\"h:1\","
        "\"name\":\"a\"}]}",
        FILE_OF_TWO);
}
END_TEST

START_TEST(an_empty_table)
{
    is_written("{\"revision\":0,\"clusters\":[],\"flows\":[],\"rules\":[]}",
               "{\n\"clusters\": [],\n\"flows\": [],\n\"rules\": []\n}\n");
}
END_TEST

START_TEST(written_read_and_written_again)
{
    struct json_t *j = NULL;
    ck_assert_int_eq(
        table_file_parse(FILE_OF_TWO, strlen(FILE_OF_TWO), &j, &err), 0);
    char *text = table_file_text(j);
    ck_assert_str_eq(text, FILE_OF_TWO);
    free(text);
    js_free(j);
}
END_TEST

START_TEST(a_revision_is_dropped)
{
    static const char file[] =
        "{\"revision\":7,\"clusters\":[],\"flows\":[],\"rules\":[]}";
    struct json_t *j = NULL;
    ck_assert_int_eq(table_file_parse(file, strlen(file), &j, &err), 0);
    char *text = js_dump(j);
    ck_assert_str_eq(text, "{\"clusters\":[],\"flows\":[],\"rules\":[]}");
    free(text);
    js_free(j);
}
END_TEST

static const struct {
    const char *text, *word;
} bad[] = {
    {"", "JSON"},
    {"[]", "object"},
    {"{\"clusters\":[],\"flows\":[]}", "\"rules\" is missing"},
    {"{\"clusters\":[],\"flows\":[],\"rules\":[],\"rulez\":[]}", "rulez"},
    {"{\"clusters\":{},\"flows\":[],\"rules\":[]}", "clusters"},
    {"{\"clusters\":[],\"clusters\":[],\"flows\":[],\"rules\":[]}", "clusters"},
    {"{\"clusters\":[],\"flows\":[],\"rules\":[]", "line 1"},
};

START_TEST(refused)
{
    struct json_t *j = NULL;
    const char *text = bad[_i].text;
    ck_assert_int_ne(table_file_parse(text, strlen(text), &j, &err), 0);
    ck_assert_ptr_null(j);
    ck_assert_msg(strstr(err.text, bad[_i].word) != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_file_is_named)
{
    struct json_t *j = NULL;
    ck_assert_int_eq(table_file_read("/nonexistent/table.json", &j, &err),
                     ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/table.json"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("table file");
    TCase *t = tcase_create("table file");
    tcase_add_test(t, sorted_whatever_the_order);
    tcase_add_test(t, an_empty_table);
    tcase_add_test(t, written_read_and_written_again);
    tcase_add_test(t, a_revision_is_dropped);
    tcase_add_loop_test(t, refused, 0, (int)(sizeof(bad) / sizeof(*bad)));
    tcase_add_test(t, a_file_is_named);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
