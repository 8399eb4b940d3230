/* Positions in words and in files. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "ctl/positions.h"

static struct json_t *list;
static struct err err;

static void
setup(void)
{
    list = js_array();
    err = (struct err){0};
}

static void
teardown(void)
{
    js_free(list);
}

static void
lists(const char *wanted)
{
    char *text = js_dump(list);
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(words)
{
    ck_assert_int_eq(positions_word("a.b:c:7:123", -1, list, &err), 0);
    ck_assert_int_eq(positions_word("t:0", 1700, list, &err), 0);
    ck_assert_int_eq(positions_word("a:b:0", 1700, list, &err), 0);
    lists("[{\"topic\":\"a.b:c\",\"partition\":7,\"offset\":123},"
          "{\"topic\":\"t\",\"partition\":0,\"timestamp\":1700},"
          "{\"topic\":\"a:b\",\"partition\":0,\"timestamp\":1700}]");
}
END_TEST

static const char *const bad_words[] = {"",
                                        "t",
                                        "t:1",
                                        ":1:2",
                                        "t::2",
                                        "t:1:",
                                        "t:-1:2",
                                        "t:1:-2",
                                        "t:x:2",
                                        "t:1:x",
                                        "t:1:2 ",
                                        "t:1.5:2",
                                        "::",
                                        ":::",
                                        "t:2147483648:1",
                                        "t:1:9223372036854775808"};

START_TEST(bad_word)
{
    ck_assert_int_eq(positions_word(bad_words[_i], -1, list, &err),
                     ERR_INVALID);
    ck_assert_str_eq(err.value, bad_words[_i]);
    ck_assert_ptr_nonnull(strstr(err.text, "TOPIC:PARTITION:OFFSET"));
    ck_assert_uint_eq(js_len(list), 0);
}
END_TEST

START_TEST(lines)
{
    static const char csv[] = "topic,partition,offset,comment\r\n"
                              "# what billing had read\n"
                              "orders,0,12\r\n"
                              "\n"
                              "orders,1,13,exact\n"
                              "a:b,2,14";
    ck_assert_int_eq(positions_csv(csv, -1, list, &err), 0);
    lists("[{\"topic\":\"orders\",\"partition\":0,\"offset\":12},"
          "{\"topic\":\"orders\",\"partition\":1,\"offset\":13},"
          "{\"topic\":\"a:b\",\"partition\":2,\"offset\":14}]");
}
END_TEST

START_TEST(lines_with_a_time)
{
    ck_assert_int_eq(positions_csv("orders,0\norders,1,9\n", 5, list, &err), 0);
    lists("[{\"topic\":\"orders\",\"partition\":0,\"timestamp\":5},"
          "{\"topic\":\"orders\",\"partition\":1,\"timestamp\":5}]");
}
END_TEST

static const char *const bad_lines[] = {
    "orders,0",   "orders",    "orders,0,x", ",0,1",
    "orders,x,1", "orders,0,", "orders 0 1", "orders,-1,1"};

START_TEST(bad_line)
{
    char csv[64];
    (void)snprintf(csv, sizeof(csv), "t,0,1\n%s\nt,0,2\n", bad_lines[_i]);
    ck_assert_int_eq(positions_csv(csv, -1, list, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "line 2, \""));
}
END_TEST

START_TEST(a_line_without_end)
{
    char *csv = malloc(100001);
    memset(csv, 'x', 100000);
    csv[100000] = '\0';
    ck_assert_int_eq(positions_csv(csv, -1, list, &err), ERR_INVALID);
    free(csv);
}
END_TEST

START_TEST(times)
{
    int64_t ms = 0;
    ck_assert_int_eq(positions_time("2026-12-01T03:00:00Z", &ms, &err), 0);
    ck_assert_int_eq(ms, 1796094000000);
    ck_assert_int_eq(positions_time("1700000000000", &ms, &err), 0);
    ck_assert_int_eq(ms, 1700000000000);
    ck_assert_int_eq(positions_time("yesterday", &ms, &err), ERR_INVALID);
    ck_assert_int_eq(positions_time("-1", &ms, &err), ERR_INVALID);
    ck_assert_int_eq(positions_time("", &ms, &err), ERR_INVALID);
}
END_TEST

START_TEST(files)
{
    ck_assert_int_eq(positions_file("/no/such/file", -1, list, &err),
                     ERR_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "/no/such/file"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ctl positions");
    TCase *t = tcase_create("positions");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, words);
    tcase_add_loop_test(t, bad_word, 0,
                        sizeof(bad_words) / sizeof(bad_words[0]));
    tcase_add_test(t, lines);
    tcase_add_test(t, lines_with_a_time);
    tcase_add_loop_test(t, bad_line, 0,
                        sizeof(bad_lines) / sizeof(bad_lines[0]));
    tcase_add_test(t, a_line_without_end);
    tcase_add_test(t, times);
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
