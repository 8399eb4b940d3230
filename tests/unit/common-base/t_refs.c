/* References to secrets: their form. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/refs.h"

static const char *const well_formed[] = {
    "",
    "ssl",
    "a$b",
    "$",
    "{}",
    "${file:/a}",
    "${file:/run/secrets/kafka}",
    "${file:/run/secrets/kafka:sasl.password}",
    "${env:KAFKA_PASSWORD}",
    "${env:_x1}",
    "user-${env:REGION}.${file:/etc/zone:name}",
    "${env:A}${env:B}",
};

START_TEST(accepted)
{
    struct err err;
    ck_assert_msg(refs_check(well_formed[_i], &err) == 0, "%s: %s",
                  well_formed[_i], err.text);
}
END_TEST

static const char *const bad[] = {
    "${",
    "${}",
    "s3cret${",
    "${file:/a",
    "${file:}",
    "${file:/}",
    "${file:s3cret}",
    "${file:./s3cret}",
    "${file:/s3cret:}",
    "${file:/s3cret:a:b}",
    "${file:/s3\ncret}",
    "${env:}",
    "${env:1s3cret}",
    "${env:s3-cret}",
    "${s3cret}",
    "${vault:/s3cret}",
    "${env:A}${s3cret}",
    "${FILE:/s3cret}",
};

START_TEST(refused)
{
    struct err err;
    ck_assert_int_eq(refs_check(bad[_i], &err), ERR_INVALID);
    ck_assert_msg(strstr(err.text, "${env:NAME}") != NULL, "%s", err.text);
    ck_assert_msg(!strstr(err.text, "s3"), "%s", err.text);
    ck_assert_str_eq(err.field, "");
    ck_assert_str_eq(err.value, "");
    ck_assert(!refs_is_one(bad[_i]));
}
END_TEST

START_TEST(parsed)
{
    struct ref r;
    ck_assert_int_eq(ref_parse("${file:/a/b:k.l}x", &r, NULL), 0);
    ck_assert_int_eq((int)r.kind, (int)REF_FILE);
    ck_assert(r.name_len == 4 && memcmp(r.name, "/a/b", 4) == 0);
    ck_assert(r.key_len == 3 && memcmp(r.key, "k.l", 3) == 0);
    ck_assert_str_eq(r.end, "x");
    ck_assert_int_eq(ref_parse("${file:/a}", &r, NULL), 0);
    ck_assert(r.name_len == 2 && !r.key && *r.end == '\0');
    ck_assert_int_eq(ref_parse("${env:HOME}", &r, NULL), 0);
    ck_assert_int_eq((int)r.kind, (int)REF_ENV);
    ck_assert(r.name_len == 4 && memcmp(r.name, "HOME", 4) == 0);
}
END_TEST

START_TEST(just_one)
{
    ck_assert(refs_is_one("${file:/a}"));
    ck_assert(refs_is_one("${file:/a:k}"));
    ck_assert(refs_is_one("${env:A}"));
    ck_assert(!refs_is_one(""));
    ck_assert(!refs_is_one("secret"));
    ck_assert(!refs_is_one("${env:A}x"));
    ck_assert(!refs_is_one("x${env:A}"));
    ck_assert(!refs_is_one("${env:A}${env:B}"));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
    Suite *s = suite_create("references");
    TCase *t = tcase_create("references");
    tcase_add_loop_test(t, accepted, 0, COUNT(well_formed));
    tcase_add_loop_test(t, refused, 0, COUNT(bad));
    tcase_add_test(t, parsed);
    tcase_add_test(t, just_one);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
