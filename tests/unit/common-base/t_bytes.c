/* Buffers, cursors, errors, lists of strings, globs, backoff. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/backoff.h"
#include "common/base/buf.h"
#include "common/base/cursor.h"
#include "common/base/err.h"
#include "common/base/glob.h"
#include "common/base/strs.h"

START_TEST(buffer_stops_at_its_cap)
{
    struct buf b;
    buf_init(&b, 10);
    buf_append(&b, "01234", 5);
    buf_printf(&b, "%d", 56789);
    ck_assert(!buf_failed(&b));
    ck_assert_str_eq(b.data, "0123456789");
    buf_puts(&b, "");
    ck_assert(!buf_failed(&b));
    buf_puts(&b, "x");
    ck_assert(buf_failed(&b));
    ck_assert_str_eq(b.data, "0123456789");
    buf_puts(&b, "");
    ck_assert(buf_failed(&b));
    ck_assert_ptr_null(buf_take(&b));
    buf_append(&b, "abc", 3); /* taken: usable again */
    buf_consume(&b, 1);
    ck_assert_str_eq(b.data, "bc");
    buf_consume(&b, 99);
    ck_assert_str_eq(b.data, "");
    buf_append(&b, "x", SIZE_MAX);
    ck_assert(buf_failed(&b));
    buf_reset(&b);
    ck_assert(!buf_failed(&b));
    char *s = buf_take(&b);
    ck_assert_str_eq(s, "");
    free(s);
    buf_fini(&b);
}
END_TEST

START_TEST(cursor_round_trip_at_every_length)
{
    uint8_t bytes[64], other[8];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, 0xfe);
    write_i16(&w, -2);
    write_i32(&w, INT32_MIN);
    write_u32(&w, UINT32_MAX);
    write_i64(&w, INT64_MIN);
    write_u64(&w, 0x0102030405060708u);
    write_str(&w, "name", 4);
    ck_assert(!w.failed);
    ck_assert_uint_eq(w.len, 1 + 2 + 4 + 4 + 8 + 8 + 6);
    for (size_t len = 0; len <= w.len; len++) {
        struct reader r = reader_of(bytes, len);
        const uint8_t u8 = read_u8(&r);
        const int16_t i16 = read_i16(&r);
        const int32_t i32 = read_i32(&r);
        const uint32_t u32 = read_u32(&r);
        const int64_t i64 = read_i64(&r);
        const uint64_t u64 = read_u64(&r);
        char *s = read_str_dup(&r);
        ck_assert(r.failed == (len < w.len));
        ck_assert((s == NULL) == r.failed);
        if (!r.failed) {
            ck_assert(u8 == 0xfe && i16 == -2 && i32 == INT32_MIN);
            ck_assert(u32 == UINT32_MAX && i64 == INT64_MIN);
            ck_assert(u64 == 0x0102030405060708u && r.left == 0);
            ck_assert_str_eq(s, "name");
        }
        free(s);
        struct writer small = writer_of(other, len % 6);
        write_str(&small, "name", 4);
        ck_assert(small.failed);
    }
    ck_assert_uint_eq(bytes[1], 0xff); /* big-endian */
    ck_assert_uint_eq(bytes[2], 0xfe);
}
END_TEST

START_TEST(cursor_refuses_bad_strings)
{
    size_t len;
    struct reader r = reader_of("\xff\xff", 2); /* null string */
    ck_assert_ptr_null(read_str(&r, &len));
    ck_assert(r.failed);
    ck_assert_uint_eq(read_u8(&r), 0); /* latched */
    r = reader_of("\x7f\xff"
                  "abc",
                  5);
    ck_assert_ptr_null(read_str(&r, &len));
    r = reader_of("\0\3a\0b", 5);
    ck_assert_ptr_null(read_str_dup(&r));
    ck_assert(r.failed);
    r = reader_of(NULL, 5);
    (void)read_u8(&r);
    ck_assert(r.failed);
    static uint8_t large[40000];
    struct writer w = writer_of(large, sizeof(large));
    write_str(&w, (const char *)large, 32768);
    ck_assert(w.failed);
    ck_assert_uint_eq(w.len, 0);
}
END_TEST

START_TEST(errors_keep_code_field_and_words)
{
    struct err err;
    char large[2000];
    memset(large, 'y', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    ck_assert_int_eq(
        err_field(&err, ERR_INVALID, "a.b", large, "bad %s", large),
        ERR_INVALID);
    ck_assert_str_eq(err.field, "a.b");
    ck_assert_uint_eq(strlen(err.value), sizeof(err.value) - 1);
    ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
    ck_assert_int_eq(err_errno(&err, ERR_IO, ENOENT, "cannot open %s", "x"),
                     ERR_IO);
    ck_assert_str_eq(err.text, "cannot open x: No such file or directory");
    ck_assert_str_eq(err.field, "");
    (void)err_errno(&err, ERR_IO, ENOENT, "%s", large);
    ck_assert_int_eq(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
    ck_assert_int_eq(err_field(NULL, ERR_BUSY, "f", "v", "x"), ERR_BUSY);
    ck_assert_int_eq(err_errno(NULL, ERR_BUSY, ENOENT, "x"), ERR_BUSY);
    ck_assert_int_eq(err_nomem(NULL), ERR_NOMEM);
    ck_assert_str_eq(err_name(ERR_INVALID), "INVALID");
    ck_assert_str_eq(err_text(ERR_INVALID), "invalid value");
    ck_assert_str_eq(err_name(12345), "UNKNOWN");
    ck_assert_str_eq(err_text(0), "unknown error");
}
END_TEST

START_TEST(splits_and_compares_lists)
{
    struct strlist l = {0}, copy;
    ck_assert_int_eq(strlist_split(&l, " b ,, a\t;c , ;", ",;"), 0);
    ck_assert_uint_eq(l.n, 3);
    strlist_sort(&l);
    ck_assert_str_eq(l.v[0], "a");
    ck_assert(strlist_has(&l, "c") && !strlist_has(&l, "d"));
    ck_assert_int_eq(strlist_copy(&copy, &l), 0);
    ck_assert(strlist_equal(&copy, &l));
    ck_assert_int_eq(strlist_add(&copy, ""), 0);
    ck_assert(!strlist_equal(&copy, &l));
    strlist_fini(&copy);
    strlist_fini(&l);
    ck_assert_int_eq(strlist_split(&l, "", ","), 0);
    ck_assert_uint_eq(l.n, 0);
    strlist_sort(&l);
    strlist_fini(&l);
}
END_TEST

START_TEST(replaces_properties)
{
    struct props p = {0}, q;
    ck_assert_int_eq(props_set(&p, "k", "1") | props_set(&p, "k2", "2"), 0);
    ck_assert_int_eq(props_set(&p, "k", "3"), 0);
    ck_assert_uint_eq(p.n, 2);
    ck_assert_str_eq(props_get(&p, "k"), "3");
    ck_assert_ptr_null(props_get(&p, "K"));
    ck_assert_int_eq(props_copy(&q, &p), 0);
    ck_assert(props_equal(&p, &q));
    ck_assert_int_eq(props_set(&q, "k", "4"), 0);
    ck_assert(!props_equal(&p, &q));
    props_fini(&p);
    props_fini(&q);
}
END_TEST

START_TEST(asks_strings)
{
    int64_t n;
    ck_assert(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n));
    ck_assert_int_eq(n, INT64_MIN);
    ck_assert(!str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n));
    ck_assert(!str_to_i64("-", INT64_MIN, INT64_MAX, &n));
    ck_assert(!str_to_i64("--1", INT64_MIN, INT64_MAX, &n));
    ck_assert(str_starts_with("abc", "ab") && !str_starts_with("a", "ab"));
    ck_assert(str_ends_with("abc", "bc") && !str_ends_with("c", "bc"));
    ck_assert(str_equal(NULL, NULL) && !str_equal("a", NULL));
}
END_TEST

START_TEST(matches_globs)
{
    static const char *const yes[][2] = {
        {"*", ""},
        {"*", "x/y"},
        {"a*c", "abbc"},
        {"a?c", "abc"},
        {"*-orders", "-orders"},
        {"a.b", "a.b"},
        {"**", "x"},
        {"a*b*c", "a--b--c"},
        {"*", ".hidden"},
        {"{x}!", "{x}!"},
        {"caf?", "caf\xc3\xa9"},
        {"?x", "\xe2\x82\xacx"},
        {"*?", "\xe2\x82\xac"},
    };
    static const char *const no[][2] = {
        {"a?c", "ac"}, {"a.c", "abc"}, {"a", "A"},
        {"a*", "ba"},  {"?", ""},      {"??", "\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        ck_assert_msg(glob_match(yes[i][0], yes[i][1]), "%s", yes[i][0]);
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        ck_assert_msg(!glob_match(no[i][0], no[i][1]), "%s", no[i][0]);
    ck_assert(glob_valid("a*?") && glob_is_literal("a.b"));
    ck_assert(!glob_is_literal("a*") && !glob_is_literal("?"));
    ck_assert(!glob_valid("") && !glob_valid("[a]") && !glob_valid("a]"));
    ck_assert(!glob_valid("a\\b"));
}
END_TEST

/* A client's words must not make a pattern expensive: with fnmatch this would
 * outlive the test's time limit. */
START_TEST(many_wildcards_are_cheap)
{
    char text[2001] = {0};
    memset(text, 'a', sizeof(text) - 1);
    ck_assert(!glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
    ck_assert(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a", text));
}
END_TEST

START_TEST(backs_off_within_limits)
{
    struct backoff b;
    backoff_init(&b, 10, 1000, 42);
    int64_t limit_ms = 10, longest_ms = 0;
    for (int i = 0; i < 200; i++) {
        const int64_t wait_ms = backoff_next_ms(&b);
        ck_assert_int_ge(wait_ms, 1);
        ck_assert_int_le(wait_ms, limit_ms);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
        limit_ms = limit_ms * 2 < 1000 ? limit_ms * 2 : 1000;
    }
    ck_assert_int_gt(longest_ms, 500);
    backoff_reset(&b);
    ck_assert_int_le(backoff_next_ms(&b), 10);
    backoff_init(&b, 0, INT64_MAX, 0);
    for (int i = 0; i < 200; i++)
        ck_assert_int_ge(backoff_next_ms(&b), 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tc = tcase_create("bytes");
    tcase_add_test(tc, buffer_stops_at_its_cap);
    tcase_add_test(tc, cursor_round_trip_at_every_length);
    tcase_add_test(tc, cursor_refuses_bad_strings);
    tcase_add_test(tc, errors_keep_code_field_and_words);
    tcase_add_test(tc, splits_and_compares_lists);
    tcase_add_test(tc, replaces_properties);
    tcase_add_test(tc, asks_strings);
    tcase_add_test(tc, matches_globs);
    tcase_add_test(tc, many_wildcards_are_cheap);
    tcase_add_test(tc, backs_off_within_limits);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
