/* Option tables: command line, file, help. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/opt.h"
#include "tests/support/support.h"

struct conf {
    char *listen, *data_dir;
    int64_t limit;
    bool verbose;
};

static const struct opt table[] = {
    {"listen", OPT_STR, offsetof(struct conf, listen), "127.0.0.1:0", 0, 0,
     "ADDR", "where to listen"},
    {"data.dir", OPT_STR, offsetof(struct conf, data_dir), NULL, 0, 0, "DIR",
     "folder of the store"},
    {"limit", OPT_INT, offsetof(struct conf, limit), "5", -1, 100, "N",
     "how many"},
    {"verbose", OPT_BOOL, offsetof(struct conf, verbose), "false", 0, 0, NULL,
     "say more"},
    {0},
};

static struct conf conf;
static struct err err;
static int next;

static void
setup(void)
{
    memset(&conf, 0, sizeof(conf));
    ck_assert_int_eq(opt_defaults(table, &conf, &err), 0);
}

static void
teardown(void)
{
    opt_fini(table, &conf);
}

/* The words of one command line; the first is the program. */
static int
args(const char *line)
{
    char text[512], *argv[16];
    int argc = 0;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    return opt_args(table, &conf, argc, argv, &next, &err);
}

START_TEST(takes_defaults_and_words)
{
    ck_assert_str_eq(conf.listen, "127.0.0.1:0");
    ck_assert_ptr_null(conf.data_dir);
    ck_assert_int_eq(conf.limit, 5);
    ck_assert_int_eq(
        args("x --listen a:1 --limit=-1 --verbose --data.dir=/d=e rest"), 0);
    ck_assert_str_eq(conf.listen, "a:1");
    ck_assert_str_eq(conf.data_dir, "/d=e");
    ck_assert_int_eq(conf.limit, -1);
    ck_assert(conf.verbose);
    ck_assert_int_eq(next, 6);
    ck_assert_int_eq(args("x --verbose=false -- --limit"), 0);
    ck_assert(!conf.verbose);
    ck_assert_int_eq(next, 3);
}
END_TEST

static void
check_bad(int rc, int code, const char *field, const char *value)
{
    ck_assert_int_eq(rc, code);
    ck_assert_str_eq(err.field, field);
    ck_assert_str_eq(err.value, value);
    ck_assert_msg(strstr(err.text, field) != NULL, "%s", err.text);
}

START_TEST(names_bad_option_and_value)
{
    static const char *const numbers[] = {"101",
                                          "-2",
                                          "x",
                                          "5x",
                                          "0x5",
                                          "+5",
                                          "5.0",
                                          "1e1",
                                          " 5",
                                          "",
                                          "99999999999999999999"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        check_bad(opt_set(table, &conf, "limit", numbers[i], &err), ERR_INVALID,
                  "limit", numbers[i]);
    check_bad(args("x --verbose=yes"), ERR_INVALID, "verbose", "yes");
    check_bad(args("x --no.such=1"), ERR_NOTFOUND, "no.such", "1");
    check_bad(args("x --listen"), ERR_INVALID, "listen", "");
    check_bad(args("x --config"), ERR_INVALID, "config", "");
    ck_assert_int_eq(conf.limit, 5);
    char word[400] = "x --";
    memset(word + 4, 'k', 300);
    ck_assert_int_eq(args(word), ERR_NOTFOUND);
}
END_TEST

START_TEST(reads_files)
{
    static const char good[] = "# comment\n\n listen = h:1 \r\nlimit=7\n"
                               "data.dir = /a b = c";
    struct tmpdir dir;
    char line[600];
    tmpdir_make(&dir);
    ck_assert_int_eq(
        file_replace(tmpdir_file(&dir, "c"), good, strlen(good), &err), 0);
    (void)snprintf(line, sizeof(line), "x --limit 9 --config %s --listen h:2",
                   dir.file);
    ck_assert_int_eq(args(line), 0);
    ck_assert_str_eq(conf.listen, "h:2");
    ck_assert_str_eq(conf.data_dir, "/a b = c");
    ck_assert_int_eq(conf.limit, 7);
    tmpdir_remove(&dir);
}
END_TEST

static void
check_bad_file(const char *text, int code, const char *piece)
{
    struct tmpdir dir;
    tmpdir_make(&dir);
    ck_assert_int_eq(
        file_replace(tmpdir_file(&dir, "c"), text, strlen(text), &err), 0);
    ck_assert_int_eq(opt_load_file(table, &conf, dir.file, &err), code);
    ck_assert_msg(strstr(err.text, piece) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, dir.file) == err.text, "%s", err.text);
    tmpdir_remove(&dir);
}

START_TEST(names_file_and_line)
{
    check_bad_file("limit = 1\n\nlimit = x\n", ERR_INVALID, "/c:3: ");
    check_bad_file("no.such = 1", ERR_NOTFOUND, "/c:1: ");
    check_bad_file("\nwhat is this", ERR_PARSE, "\"what is this\"");
    ck_assert_int_eq(opt_load_file(table, &conf, "/no/such/file", &err),
                     ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, "/no/such/file") != NULL, "%s", err.text);
}
END_TEST

START_TEST(helps)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    opt_help(table, to);
    opt_markdown(table, to);
    ck_assert_int_eq(fclose(to), 0);
    for (const struct opt *o = table; o->key; o++)
        ck_assert(strstr(text, o->key) && strstr(text, o->help));
    ck_assert_ptr_nonnull(strstr(text, "| `limit` | 5 | -1 to 100 | how many"));
    free(text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("opt");
    TCase *tc = tcase_create("opt");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, takes_defaults_and_words);
    tcase_add_test(tc, names_bad_option_and_value);
    tcase_add_test(tc, reads_files);
    tcase_add_test(tc, names_file_and_line);
    tcase_add_test(tc, helps);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
