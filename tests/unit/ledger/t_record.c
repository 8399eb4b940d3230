/* What stands in a record, and logs that are continued. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"
#include "tests/tools/ledger/args.h"
#include "tests/tools/ledger/logfile.h"
#include "tests/tools/ledger/record.h"

START_TEST(a_record_comes_back)
{
    const struct record r = record_nth("w-1", 997, 123456);
    char value[128], key[128];
    struct record back;
    const size_t n = record_value(&r, value), k = record_key(&r, key);
    ck_assert_int_eq(record_decode(key, k, value, n, &back), 0);
    ck_assert_str_eq(back.writer, "w-1");
    ck_assert_int_eq(back.key, 123456 % 997);
    ck_assert_int_eq(back.key_seq, 123456 / 997);
    ck_assert_int_eq(back.seq, 123456);
}
END_TEST

static const char *const not_records[][2] = {
    {"k1", ""},
    {"k1", "w1"},
    {"k1", "w1,1,2"},
    {"k1", "w1,1,2,3,4"},
    {"k2", "w1,1,2,3"},
    {"k1", ",1,2,3"},
    {"k1", "w 1,1,2,3"},
    {"k1", "w1,1,-2,3"},
    {"k1", "w1,1,2,x"},
    {"", "w1,1,2,3"},
    {"k1x", "w1,1,2,3"},
    {"k1", "w1,1,2,99999999999"},
    {"k1", "an-astonishingly-long-name-of-a-writer,1,2,3"},
};

START_TEST(anything_else_is_refused)
{
    const char *key = not_records[_i][0], *value = not_records[_i][1];
    struct record r;
    ck_assert_int_eq(record_decode(key, strlen(key), value, strlen(value), &r),
                     ERR_PARSE);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused)
{
    struct record r;
    char big[500];
    memset(big, 'x', sizeof(big));
    ck_assert_int_eq(record_decode("k1", 2, "w1,1\0,2,3", 9, &r), ERR_PARSE);
    ck_assert_int_eq(record_decode("k1", 2, big, sizeof(big), &r), ERR_PARSE);
    ck_assert_int_eq(record_decode(NULL, 0, "w1,1,2,3", 8, &r), ERR_PARSE);
    ck_assert_int_eq(record_decode("k1", 2, NULL, 0, &r), ERR_PARSE);
}
END_TEST

static int
count_line(const struct line *l, void *arg, struct err *err)
{
    (void)err;
    ck_assert_int_eq(l->kind, 'W');
    ++*(int *)arg;
    return 0;
}

START_TEST(a_torn_line_is_cut_when_a_log_is_continued)
{
    struct tmpdir dir;
    tmpdir_make(&dir);
    const char *path = tmpdir_file(&dir, "log");
    FILE *f = fopen(path, "w");
    (void)fputs("W 1 1 0 0 0\nW 2 2 1 0 ", f);
    (void)fclose(f);
    ck_assert_int_eq(logfile_open(path, &f, NULL), 0);
    logfile_put(f, 'W', "%d %d %d", 1, 0, 1);
    ck_assert_int_eq(logfile_close(f, path, NULL), 0);
    int lines = 0, torn = 1;
    struct err err;
    ck_assert_msg(logfile_read(path, count_line, &lines, &torn, &err) == 0,
                  "%s", err.text);
    ck_assert_int_eq(lines, 2);
    ck_assert_int_eq(torn, 0);
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_says_so)
{
    FILE *f = NULL;
    struct err err;
    ck_assert_int_eq(logfile_open("/nonexistent/log", &f, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/log"));
}
END_TEST

static int
parse(struct arg *table, const char *words, struct err *err)
{
    struct strlist l = {0};
    ck_assert_int_eq(strlist_split(&l, words, " "), 0);
    const int rc = args_parse(table, (int)l.n, l.v, err);
    strlist_fini(&l);
    return rc;
}

START_TEST(options_take_lists)
{
    struct arg table[] = {{"conf", 1, 9, {0}}, {"rate", 0, 1, {0}}, {0}};
    struct err err;
    int64_t rate = 0;
    ck_assert_int_eq(parse(table, "--conf a=1 b=2 --rate 5 --conf c=3", &err),
                     0);
    ck_assert_uint_eq(args_all(table, "conf")->n, 3);
    ck_assert_int_eq(args_int(table, "rate", 1, 9, &rate, &err), 0);
    ck_assert_int_eq(rate, 5);
    ck_assert_int_eq(args_int(table, "rate", 6, 9, &rate, &err), ERR_INVALID);
    ck_assert_str_eq(err.field, "rate");
    args_fini(table);
}
END_TEST

static const char *const bad_options[] = {"--what 1", "x --conf a=1",
                                          "--rate 1", "--conf a=1 --rate 1 2"};

START_TEST(options_that_are_wrong_are_named)
{
    struct arg table[] = {{"conf", 1, 9, {0}}, {"rate", 0, 1, {0}}, {0}};
    struct err err;
    ck_assert_int_eq(parse(table, bad_options[_i], &err), ERR_INVALID);
    ck_assert_str_ne(err.field, "");
    args_fini(table);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ledger records and logs");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, a_record_comes_back);
    tcase_add_loop_test(tc, anything_else_is_refused, 0,
                        (int)(sizeof(not_records) / sizeof(*not_records)));
    tcase_add_test(tc, bytes_that_are_no_text_are_refused);
    tcase_add_test(tc, a_torn_line_is_cut_when_a_log_is_continued);
    tcase_add_test(tc, a_log_that_cannot_be_opened_says_so);
    tcase_add_test(tc, options_take_lists);
    tcase_add_loop_test(tc, options_that_are_wrong_are_named, 0,
                        (int)(sizeof(bad_options) / sizeof(*bad_options)));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
