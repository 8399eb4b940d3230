/* What has changed, as lines. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "ctl/diff.h"

static struct json_t *
parse(const char *text)
{
    struct json_t *j = NULL;
    struct err err;
    ck_assert_msg(js_parse(text, strlen(text), &j, &err) == 0, "%s", err.text);
    return j;
}

static void
renders_in(const struct diff_colors *colors, const char *text,
           const char *expected)
{
    struct buf b;
    struct json_t *changed = parse(text);
    buf_init(&b, 1 << 20);
    diff_render(&b, changed, colors);
    ck_assert_str_eq(b.data ? b.data : "", expected);
    buf_fini(&b);
    js_free(changed);
}

static void
renders(const char *text, const char *expected)
{
    const struct diff_colors none = {"", "", ""};
    renders_in(&none, text, expected);
}

#define PUT "\"op\":\"put\",\"kind\":\"rule\",\"key\":\"r\","

START_TEST(nothing)
{
    renders("[]", "");
}
END_TEST

START_TEST(whole_objects)
{
    renders("[{" PUT "\"before\":null,\"after\":{\"id\":\"r\"}},"
            "{\"op\":\"delete\",\"kind\":\"flow\",\"key\":\"a->b\","
            "\"before\":{\"source\":\"a\"},\"after\":null}]",
            "+ rule r {\"id\":\"r\"}\n- flow a->b {\"source\":\"a\"}\n");
}
END_TEST

START_TEST(members_that_differ)
{
    renders("[{" PUT
            "\"before\":{\"id\":\"r\",\"priority\":0,\"cluster\":\"a\","
            "\"match\":{\"topic\":[\"t\"],\"group\":[\"g\"]}},"
            "\"after\":{\"priority\":0,\"id\":\"r\",\"cluster\":\"b\","
            "\"match\":{\"topic\":[\"t\",\"u\"],\"not\":{\"role\":[\"p\"]}}}}]",
            "  rule r\n"
            "-   cluster: \"a\"\n"
            "+   cluster: \"b\"\n"
            "-   match.group: [\"g\"]\n"
            "+   match.not.role: [\"p\"]\n"
            "-   match.topic: [\"t\"]\n"
            "+   match.topic: [\"t\",\"u\"]\n");
}
END_TEST

START_TEST(in_colors)
{
    const struct diff_colors some = {"<R>", "<G>", "<0>"};
    renders_in(&some, "[{" PUT "\"before\":{\"a\":1},\"after\":{\"a\":2}}]",
               "  rule r\n<R>-   a: 1<0>\n<G>+   a: 2<0>\n");
}
END_TEST

/* A service that sends less than it should. */
START_TEST(incomplete_lists)
{
    renders("[{}]", "- ? ? \n");
    renders("[7]", "- ? ? \n");
    renders("{}", "");
}
END_TEST

START_TEST(counts)
{
    char words[96];
    struct json_t *changed =
        parse("[{\"before\":null,\"after\":{}},{\"before\":{},\"after\":{}},"
              "{\"before\":{},\"after\":{}},{\"before\":{},\"after\":null}]");
    diff_words(changed, words, sizeof(words));
    ck_assert_str_eq(words, "1 added, 2 changed, 1 deleted");
    js_free(changed);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("diff");
    TCase *t = tcase_create("diff");
    tcase_add_test(t, nothing);
    tcase_add_test(t, whole_objects);
    tcase_add_test(t, members_that_differ);
    tcase_add_test(t, in_colors);
    tcase_add_test(t, incomplete_lists);
    tcase_add_test(t, counts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
