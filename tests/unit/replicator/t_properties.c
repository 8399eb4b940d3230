/* The syntax of java.util.Properties, and what is refused with its line. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/properties.h"

static struct properties
parsed(const char *text)
{
    struct properties p;
    struct err err = {0};
    ck_assert_msg(properties_parse(text, strlen(text), &p, &err) == 0, "%s: %s",
                  text, err.text);
    return p;
}

static void
expect(const char *text, const char *key, const char *value)
{
    struct properties p = parsed(text);
    ck_assert_msg(p.n == 1, "%s: %zu properties", text, p.n);
    ck_assert_str_eq(p.v[0].key, key);
    ck_assert_str_eq(p.v[0].value, value);
    properties_fini(&p);
}

START_TEST(separators)
{
    expect("a=b", "a", "b");
    expect("a:b", "a", "b");
    expect("a b", "a", "b");
    expect("  a \t = \f b ", "a", "b ");
    expect("a==b", "a", "=b");
    expect("a", "a", "");
    expect("a=", "a", "");
    expect("a = b = c\r\n", "a", "b = c");
    expect("a->b.enabled = true\n", "a->b.enabled", "true");
    expect("fruit   apple: pear", "fruit", "apple: pear");
}
END_TEST

START_TEST(escapes)
{
    expect("a\\ b\\=c\\:d = e", "a b=c:d", "e");
    expect("p = .*\\\\.internal", "p", ".*\\.internal");
    expect("p = C:\\temp\\new", "p", "C:\temp\new");
    expect("p = \\q\\#", "p", "q#");
    expect("p = \\u0041\\u00fc\\u20AC", "p", "A\xc3\xbc\xe2\x82\xac");
    expect("p = \\ud83d\\ude00", "p", "\xf0\x9f\x98\x80");
    expect("p = gr\xc3\xbc\xc3\x9f", "p", "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST(comments_and_continuations)
{
    struct properties p = parsed("# one\n! two \\\n\n"
                                 "topics = a,\\\n   b,\\\r\n\t c\n"
                                 "   # three\r"
                                 "even = x\\\\\n"
                                 "last = y\\");
    ck_assert_uint_eq(p.n, 3);
    ck_assert_str_eq(p.v[0].value, "a,b,c");
    ck_assert_uint_eq(p.v[0].line, 4);
    ck_assert_str_eq(p.v[1].value, "x\\");
    ck_assert_uint_eq(p.v[1].line, 8);
    ck_assert_str_eq(p.v[2].key, "last");
    ck_assert_str_eq(p.v[2].value, "y");
    properties_fini(&p);
    /* A # on a continued line is no comment. */
    expect("a = 1\\\n# 2", "a", "1# 2");
    /* Unless nothing stands before it. */
    expect("\\\n# 2\\\na = 1", "a", "1");
}
END_TEST

START_TEST(nothing)
{
    struct properties p = parsed("");
    ck_assert_uint_eq(p.n, 0);
    p = parsed("\n \n#\n");
    ck_assert_uint_eq(p.n, 0);
    properties_fini(&p);
}
END_TEST

static void
refused(const char *text, size_t len, const char *words)
{
    struct properties p;
    struct err err = {0};
    ck_assert_int_eq(properties_parse(text, len, &p, &err), ERR_PARSE);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    ck_assert_ptr_null(p.v);
}

START_TEST(bad_lines)
{
    static const char zero[] = "a = b\nc = d\0e\n";
    static const char *const bad[][2] = {
        {"a = b\n\nc = \\u12g4\n", "line 3: \\u is not followed"},
        {"a = \\u12", "line 1: \\u is not followed"},
        {"a = \\u0000", "line 1: \\u0000"},
        {"a = \\ud83d", "line 1: \\ud83d is half"},
        {"a = \\ude00\\ud83d", "line 1: \\ude00 is half"},
        {"a = b\n = c\n", "line 2: no key before \"= c\""},
        {"a = b\\\n c\n: d\n", "line 3: no key"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i][0], strlen(bad[i][0]), bad[i][1]);
    refused(zero, sizeof(zero) - 1, "line 2: a zero byte");
}
END_TEST

START_TEST(too_long)
{
    const size_t len = ((size_t)1 << 20) + 16;
    char *text = malloc(len);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', len);
    text[0] = '\n';
    refused(text, len, "line 2: longer than 1 MiB");
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator properties");
    TCase *t = tcase_create("properties");
    tcase_add_test(t, separators);
    tcase_add_test(t, escapes);
    tcase_add_test(t, comments_and_continuations);
    tcase_add_test(t, nothing);
    tcase_add_test(t, bad_lines);
    tcase_add_test(t, too_long);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
