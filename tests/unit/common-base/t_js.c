/* JSON: what is refused, and that the error names the field and the value. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"

static struct err err;

static struct json_t *
parse(const char *text)
{
    struct json_t *v = NULL;
    ck_assert_msg(js_parse(text, strlen(text), &v, &err) == 0, "%s: %s", text,
                  err.text);
    return v;
}

START_TEST(refuses_malformed)
{
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\":}",
        "{\"a\":1,}",
        "nul",
        "{'a':1}",
        "[1 2]",
        "{\"a\":1}x",
        "\"\\u0000\"",
        "\"\xff\"",
        "01",
        "{\"a\":1,\"a\":2}",
        "{\"\\u0000\":1}",
        "1e999",
        "99999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct json_t *v = NULL;
        ck_assert_msg(js_parse(bad[i], strlen(bad[i]), &v, &err) == ERR_PARSE,
                      "%s", bad[i]);
        ck_assert_ptr_null(v);
        ck_assert_msg(strstr(err.text, "not valid JSON: ") == err.text, "%s",
                      err.text);
        ck_assert_msg(strstr(err.text, "line 1") != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(refuses_deep_nesting)
{
    static char deep[100000];
    struct json_t *v;
    memset(deep, '[', sizeof(deep));
    ck_assert_int_eq(js_parse(deep, sizeof(deep), &v, &err), ERR_PARSE);
}
END_TEST

START_TEST(says_where_it_broke)
{
    struct json_t *v;
    const char text[] = "{\n  \"a\": 1,\n  \"b\" 2\n}";
    ck_assert_int_eq(js_parse(text, sizeof(text) - 1, &v, &err), ERR_PARSE);
    ck_assert_msg(strstr(err.text, "line 3") != NULL, "%s", err.text);
}
END_TEST

static void
check_named(int rc, const char *field, const char *value)
{
    ck_assert_int_eq(rc, ERR_INVALID);
    ck_assert_str_eq(err.field, field);
    ck_assert_str_eq(err.value, value);
    ck_assert_msg(strstr(err.text, field) != NULL, "%s", err.text);
}

START_TEST(names_wrong_types_by_path)
{
    struct json_t *v = parse("{\"s\":1,\"i\":\"x\",\"f\":1.5,\"b\":0,\"o\":[],"
                             "\"a\":{},\"l\":[\"x\",2],\"p\":{\"k\":[]},"
                             "\"n\":null,\"z\":\"a\"}");
    const char *s = "kept";
    int64_t i = 7;
    bool b = true;
    struct strlist l = {0};
    struct props p = {0};
    struct json_t *sub = NULL;
    check_named(js_get_str(v, "", "s", JS_REQUIRED, &s, &err), "s", "1");
    check_named(js_get_str(v, "ops[0].rule", "s", JS_OPTIONAL, &s, &err),
                "ops[0].rule.s", "1");
    check_named(js_get_str(v, "r", "none", JS_REQUIRED, &s, &err), "r.none",
                "");
    check_named(js_get_str(v, "r", "n", JS_REQUIRED, &s, &err), "r.n", "");
    check_named(js_get_int(v, "", "i", JS_REQUIRED, 0, 9, &i, &err), "i",
                "\"x\"");
    check_named(js_get_int(v, "", "f", JS_REQUIRED, 0, 9, &i, &err), "f",
                "1.5");
    check_named(js_get_int(v, "", "s", JS_REQUIRED, 2, 9, &i, &err), "s", "1");
    check_named(js_get_bool(v, "", "b", JS_REQUIRED, &b, &err), "b", "0");
    check_named(js_get_object(v, "", "o", JS_REQUIRED, &sub, &err), "o", "[]");
    check_named(js_get_array(v, "", "a", JS_REQUIRED, &sub, &err), "a", "{}");
    check_named(js_get_strs(v, "m", "l", JS_REQUIRED, &l, &err), "m.l[1]", "2");
    check_named(js_get_props(v, "m", "p", JS_REQUIRED, &p, &err), "m.p.k",
                "[]");
    ck_assert_str_eq(s, "kept");
    ck_assert_int_eq(i, 7);
    ck_assert(b);
    ck_assert_ptr_null(sub);
    ck_assert_int_eq(js_get_str(v, "", "n", JS_OPTIONAL, &s, &err), 0);
    ck_assert_str_eq(s, "kept");
    strlist_fini(&l);
    props_fini(&p);
    js_free(v);
}
END_TEST

START_TEST(refuses_what_is_no_object)
{
    static const char *const keys[] = {"a", "b", NULL};
    const char *s;
    struct json_t *v = parse("[1]");
    check_named(js_expect_object(v, "identity", &err), "identity", "[1]");
    check_named(js_get_str(v, "identity", "a", JS_OPTIONAL, &s, &err),
                "identity", "[1]");
    check_named(js_only_keys(v, "identity", keys, &err), "identity", "[1]");
    js_free(v);
    ck_assert_int_eq(js_expect_object(NULL, "", &err), ERR_INVALID);
}
END_TEST

START_TEST(refuses_unknown_keys)
{
    static const char *const keys[] = {"a", "b", NULL};
    struct json_t *v = parse("{\"a\":1,\"bb\":{\"c\":2}}");
    check_named(js_only_keys(v, "rule", keys, &err), "rule.bb", "{\"c\":2}");
    js_free(v);
    v = parse("{\"b\":1}");
    ck_assert_int_eq(js_only_keys(v, "rule", keys, &err), 0);
    js_free(v);
}
END_TEST

START_TEST(cuts_huge_values)
{
    const size_t len = 1 << 20;
    char *text = malloc(len + 16);
    const char *s;
    struct json_t *v;
    int64_t i = 0;
    (void)strcpy(text, "{\"s\":\"");
    memset(text + 6, 'x', len);
    (void)strcpy(text + 6 + len, "\"}");
    v = parse(text);
    ck_assert_int_eq(js_get_str(v, "", "s", JS_REQUIRED, &s, &err), 0);
    ck_assert_uint_eq(strlen(s), len);
    ck_assert_int_eq(js_get_int(v, "", "s", JS_REQUIRED, 0, 1, &i, &err),
                     ERR_INVALID);
    ck_assert_uint_eq(strlen(err.value), sizeof(err.value) - 1);
    js_free(v);
    free(text);
}
END_TEST

START_TEST(reads_and_writes_the_same)
{
    const char text[] = "{\"z\":\"\xc3\xa9\\n\",\"i\":-9223372036854775808,"
                        "\"b\":true,\"n\":null,\"l\":[\"x\",\"y\"],"
                        "\"p\":{\"k\":\"v\"}}";
    struct strlist l = {0};
    struct props p = {0};
    struct json_t *v = js_object();
    ck_assert_int_eq(strlist_split(&l, "x,y", ","), 0);
    ck_assert_int_eq(props_set(&p, "k", "v"), 0);
    int rc = js_put_str(v, "z", "\xc3\xa9\n");
    rc |= js_put_int(v, "i", INT64_MIN);
    rc |= js_put_bool(v, "b", true);
    rc |= js_put_str(v, "n", NULL);
    rc |= js_put_strs(v, "l", &l);
    rc |= js_put_props(v, "p", &p);
    ck_assert_int_eq(rc, 0);
    char *dumped = js_dump(v);
    ck_assert_str_eq(dumped, text);
    js_free(v);
    v = parse(dumped);
    struct strlist l2 = {0};
    struct props p2 = {0};
    int64_t i = 0;
    ck_assert_int_eq(js_get_strs(v, "", "l", JS_REQUIRED, &l2, &err), 0);
    ck_assert_int_eq(js_get_props(v, "", "p", JS_REQUIRED, &p2, &err), 0);
    ck_assert_int_eq(
        js_get_int(v, "", "i", JS_REQUIRED, INT64_MIN, 0, &i, &err), 0);
    ck_assert(strlist_equal(&l, &l2) && props_equal(&p, &p2));
    ck_assert_int_eq(i, INT64_MIN);
    js_free(v);
    free(dumped);
    strlist_fini(&l);
    strlist_fini(&l2);
    props_fini(&p);
    props_fini(&p2);
}
END_TEST

START_TEST(refuses_too_many_properties)
{
    struct json_t *v = js_object(), *many = js_object();
    struct props p = {0};
    for (int i = 0; i <= JS_PROPS_MAX; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        ck_assert_int_eq(js_put_str(many, key, ""), 0);
    }
    ck_assert_int_eq(js_put_take(v, "m", many), 0);
    ck_assert_int_eq(js_get_props(v, "x", "m", JS_REQUIRED, &p, &err),
                     ERR_LIMIT);
    ck_assert_str_eq(err.field, "x.m");
    ck_assert_uint_eq(p.n, 0);
    js_free(v);
}
END_TEST

START_TEST(words_need_not_be_utf8)
{
    struct json_t *v = js_object();
    ck_assert_int_eq(js_put_words(v, "whole", "caf\xc3\xa9"), 0);
    ck_assert_int_eq(js_put_words(v, "cut", "caf\xc3"), 0);
    char *text = js_dump(v);
    ck_assert_str_eq(text, "{\"whole\":\"caf\xc3\xa9\",\"cut\":\"caf?\"}");
    free(text);
    js_free(v);
}
END_TEST

START_TEST(takes_numbers_as_properties)
{
    struct props p = {0};
    struct json_t *v = parse("{\"p\":{\"i\":5,\"b\":false,\"s\":\"x\"}}");
    ck_assert_int_eq(js_get_props(v, "", "p", JS_REQUIRED, &p, &err), 0);
    ck_assert_str_eq(props_get(&p, "i"), "5");
    ck_assert_str_eq(props_get(&p, "b"), "false");
    ck_assert_str_eq(props_get(&p, "s"), "x");
    props_fini(&p);
    js_free(v);
}
END_TEST

START_TEST(reports_what_cannot_be_built)
{
    struct json_t *v = js_object();
    ck_assert_int_eq(js_put_str(v, "k", "\xff"), ERR_NOMEM); /* not UTF-8 */
    ck_assert_int_eq(js_put_take(v, "k", NULL), ERR_NOMEM);
    ck_assert_int_eq(js_put_take(NULL, "k", js_object()), ERR_NOMEM);
    js_free(v);
    js_free(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("js");
    TCase *tc = tcase_create("js");
    tcase_add_test(tc, refuses_malformed);
    tcase_add_test(tc, refuses_deep_nesting);
    tcase_add_test(tc, says_where_it_broke);
    tcase_add_test(tc, names_wrong_types_by_path);
    tcase_add_test(tc, refuses_what_is_no_object);
    tcase_add_test(tc, refuses_unknown_keys);
    tcase_add_test(tc, cuts_huge_values);
    tcase_add_test(tc, reads_and_writes_the_same);
    tcase_add_test(tc, refuses_too_many_properties);
    tcase_add_test(tc, words_need_not_be_utf8);
    tcase_add_test(tc, takes_numbers_as_properties);
    tcase_add_test(tc, reports_what_cannot_be_built);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
