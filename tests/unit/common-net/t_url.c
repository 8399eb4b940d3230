/* Decoding of paths and queries: pure. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/http_url.h"

static const char *
decoded(const char *text, bool query, bool good)
{
    static char room[64];
    strcpy(room, text);
    ck_assert_int_eq(http_url_decode(room, strlen(text), query), good);
    return room;
}

START_TEST(decodes)
{
    ck_assert_str_eq(decoded("", false, true), "");
    ck_assert_str_eq(decoded("abc", false, true), "abc");
    ck_assert_str_eq(decoded("a%2Fb%2fc", false, true), "a/b/c");
    ck_assert_str_eq(decoded("%41%c3%A9", false, true), "A\xc3\xa9");
    ck_assert_str_eq(decoded("a+b", false, true), "a+b");
    ck_assert_str_eq(decoded("a+b%2B", true, true), "a b+");
    ck_assert_str_eq(decoded("%2525", false, true), "%25");
}
END_TEST

START_TEST(refuses_what_is_no_escape)
{
    ck_assert_str_eq(decoded("a%", false, false), "a");
    ck_assert_str_eq(decoded("a%4", false, false), "a");
    ck_assert_str_eq(decoded("a%zz", false, false), "a");
    ck_assert_str_eq(decoded("a%4gb", true, false), "a");
    ck_assert_str_eq(decoded("a%00b", false, false), "a");
}
END_TEST

/* The byte behind is the caller's until it is ended there. */
START_TEST(does_not_look_behind_its_end)
{
    char room[] = "a%41";
    ck_assert(!http_url_decode(room, 3, false));
    ck_assert_str_eq(room, "a");
}
END_TEST

static void
check_path(const char *target, const char *path)
{
    size_t at;
    const size_t len = http_url_path(target, strlen(target), &at);
    ck_assert_msg(len == strlen(path) && memcmp(target + at, path, len) == 0,
                  "%s: %zu bytes at %zu", target, len, at);
}

START_TEST(finds_the_path)
{
    check_path("/", "/");
    check_path("/a/b?c=d", "/a/b");
    check_path("/a?b?c", "/a");
    check_path("http://host/a?b", "/a");
    check_path("http://host:80/", "/");
    check_path("http://host", "");
    check_path("*", "*");
    check_path("host:443", "host:443");
    check_path("", "");
    check_path("/a://b/c", "/a://b/c");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("url");
    TCase *tc = tcase_create("url");
    tcase_add_test(tc, decodes);
    tcase_add_test(tc, refuses_what_is_no_escape);
    tcase_add_test(tc, does_not_look_behind_its_end);
    tcase_add_test(tc, finds_the_path);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
