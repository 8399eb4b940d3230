/* References to secrets: what they stand for, and that errors do not tell. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/refs.h"
#include "tests/support/support.h"

static struct tmpdir dir;
static struct err err;

static void
set_up(void)
{
    tmpdir_make(&dir);
    err = (struct err){0};
}

static void
tear_down(void)
{
    tmpdir_remove(&dir);
}

static void
put_file(const char *name, const char *content)
{
    ck_assert_int_eq(
        file_replace(tmpdir_file(&dir, name), content, strlen(content), NULL),
        0);
}

/* @ in `text` is the folder. */
static int
expand(const char *text, char **out)
{
    char full[2048] = "";
    size_t used = 0;
    for (; *text && used + sizeof(dir.path) < sizeof(full); text++) {
        if (*text == '@')
            used += (size_t)snprintf(full + used, sizeof(full) - used, "%s",
                                     dir.path);
        else
            full[used++] = *text;
    }
    full[used] = '\0';
    *out = NULL;
    return refs_expand(full, out, &err);
}

static void
becomes(const char *text, const char *expected)
{
    char *out;
    ck_assert_msg(expand(text, &out) == 0, "%s: %s", text, err.text);
    ck_assert_str_eq(out, expected);
    refs_wipe_take(out);
}

static void
fails(const char *text, int code, const char *word)
{
    char *out;
    ck_assert_msg(expand(text, &out) == code, "%s: %s", text, err.text);
    ck_assert_ptr_null(out);
    ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, "s3cret") == NULL, "%s", err.text);
}

START_TEST(plain_text_stays)
{
    becomes("", "");
    becomes("a$b{c}", "a$b{c}");
}
END_TEST

START_TEST(whole_files)
{
    put_file("one", "s3cret\n");
    put_file("dos", "s3cret\r\n");
    put_file("lines", "a\nb\n\n");
    put_file("empty", "");
    becomes("${file:@/one}", "s3cret");
    becomes("${file:@/dos}", "s3cret");
    becomes("${file:@/lines}", "a\nb\n");
    becomes("${file:@/empty}", "");
    becomes("<${file:@/one}|${file:@/one}>", "<s3cret|s3cret>");
}
END_TEST

START_TEST(keys_of_files)
{
    put_file("props", "# user = commented\n! user=too\n\nuser = ann\n"
                      "  password=a=b c \r\nempty=\nuser2=x\nlast=1\nlast=2");
    becomes("${file:@/props:user}", "ann");
    becomes("${file:@/props:password}", "a=b c");
    becomes("${file:@/props:empty}", "");
    becomes("${file:@/props:last}", "2");
    becomes("u=${file:@/props:user} p=${file:@/props:password}",
            "u=ann p=a=b c");
}
END_TEST

START_TEST(environment)
{
    ck_assert_int_eq(setenv("SHUNT_T_REFS", "from env", 1), 0);
    becomes("${env:SHUNT_T_REFS}!", "from env!");
    ck_assert_int_eq(unsetenv("SHUNT_T_REFS"), 0);
    fails("s3cret${env:SHUNT_T_REFS}", ERR_NOTFOUND, "${env:SHUNT_T_REFS}");
}
END_TEST

START_TEST(failures_name_the_reference_only)
{
    put_file("props", "user=s3cret\n");
    fails("s3cret ${file:@/none}", ERR_NOTFOUND, "/none}");
    fails("s3cret ${file:@/props:nokey}", ERR_NOTFOUND, "/props:nokey}");
    fails("${file:@}", ERR_IO, "cannot be resolved");
    fails("${file:s3cret}", ERR_INVALID, "absolute path");
    fails("${s3cret}", ERR_INVALID, "neither");
    ck_assert_int_eq(
        file_replace(tmpdir_file(&dir, "nul"), "s3cret\0x", 8, NULL), 0);
    fails("${file:@/nul}", ERR_CORRUPT, "NUL");
    char *big = calloc(1, REFS_FILE_MAX + 2);
    memset(big, 'x', REFS_FILE_MAX + 1);
    put_file("big", big);
    free(big);
    fails("${file:@/big}", ERR_LIMIT, "/big}");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("references");
    TCase *t = tcase_create("expand");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, plain_text_stays);
    tcase_add_test(t, whole_files);
    tcase_add_test(t, keys_of_files);
    tcase_add_test(t, environment);
    tcase_add_test(t, failures_name_the_reference_only);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
