/* The parser of event streams: cut anywhere, ended by anything. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/sse.h"

struct seen {
    char text[512];
    int n;
};

static void
on_event(const struct sse_event *e, void *arg)
{
    struct seen *seen = arg;
    const size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s/%s/%s;",
                   e->event, e->id, e->data);
    seen->n++;
}

/* The same bytes in two pieces, cut at `at`, or one by one. */
static void
check_cut(const char *bytes, size_t len, size_t at, const char *expected)
{
    struct seen seen = {0};
    struct sse s;
    int rc = 0;
    sse_init(&s, 1024, on_event, &seen);
    if (at <= len) {
        rc |= sse_feed(&s, bytes, at);
        rc |= sse_feed(&s, bytes + at, len - at);
    } else {
        for (size_t i = 0; i < len; i++)
            rc |= sse_feed(&s, bytes + i, 1);
    }
    sse_fini(&s);
    ck_assert_int_eq(rc, 0);
    ck_assert_str_eq(seen.text, expected);
}

static void
check(const char *bytes, const char *expected)
{
    const size_t len = strlen(bytes);
    for (size_t at = 0; at <= len + 1; at++)
        check_cut(bytes, len, at, expected);
}

START_TEST(reads_events_cut_anywhere)
{
    check("event: route\nid: 7\ndata: {\"a\":1}\n\ndata: x\n\n",
          "route/7/{\"a\":1};message/7/x;");
    check("event: route\r\nid: 7\r\ndata: a\r\ndata: b\r\n\r\n",
          "route/7/a\nb;");
    check("event: route\rdata: a\r\rdata:b\r\r", "route//a;message//b;");
    check("\xef\xbb\xbf"
          "data: bom\n\ndata: \xef\xbb\xbf\n\n",
          "message//bom;message//\xef\xbb\xbf;");
    check("data: mixed\r\n\ndata: more\n\r\n", "message//mixed;message//more;");
}
END_TEST

START_TEST(reads_odd_lines)
{
    check(": comment\n\n:\n\nretry: 5\n\nunknown: x\n\n", "");
    check("event: lost\n\ndata: kept\n\n", "message//kept;");
    check("data\n\ndata:\n\n", "message//;message//;");
    check("data:  two blanks\n\n", "message// two blanks;");
    check("data: a:b: c\n\n", "message//a:b: c;");
    check("id: 1\ndata: x\n\nid\ndata: y\n\n", "message/1/x;message//y;");
    check("data: never ended\n", "");
    check(" data: x\n\n", "");
}
END_TEST

START_TEST(survives_any_bytes)
{
    unsigned char bytes[4096];
    uint32_t x = 1;
    for (int round = 0; round < 500; round++) {
        struct seen seen = {0};
        struct sse s;
        sse_init(&s, 256, on_event, &seen);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            x = x * 1664525u + 1013904223u;
            const unsigned char b = (unsigned char)(x >> 24);
            bytes[i] = b % 7 == 0 ? (unsigned char)"\r\n:d"[b % 4] : b;
        }
        const int rc = sse_feed(&s, (const char *)bytes, sizeof(bytes));
        ck_assert(rc == 0 || rc == ERR_LIMIT);
        sse_fini(&s);
    }
}
END_TEST

START_TEST(takes_nul_bytes)
{
    static const char bytes[] = "data: a\0b\n\n\0\n\ndata: c\n\n";
    check_cut(bytes, sizeof(bytes) - 1, 3, "message//a;message//c;");
}
END_TEST

START_TEST(caps_lines_and_data)
{
    struct seen seen = {0};
    struct sse s;
    sse_init(&s, 20, on_event, &seen);
    ck_assert_int_eq(sse_feed(&s, "data: 0123456789\n", 17), 0);
    ck_assert_int_eq(sse_feed(&s, "data: 0123456789\n", 17), ERR_LIMIT);
    ck_assert_int_eq(sse_feed(&s, "\n\n", 2), ERR_LIMIT);
    sse_fini(&s);
    sse_init(&s, 20, on_event, &seen);
    ck_assert_int_eq(sse_feed(&s, ":0123456789", 11), 0);
    ck_assert_int_eq(sse_feed(&s, "0123456789", 10), ERR_LIMIT);
    sse_fini(&s);
    ck_assert_int_eq(seen.n, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sse");
    TCase *tc = tcase_create("sse");
    tcase_add_test(tc, reads_events_cut_anywhere);
    tcase_add_test(tc, reads_odd_lines);
    tcase_add_test(tc, survives_any_bytes);
    tcase_add_test(tc, takes_nul_bytes);
    tcase_add_test(tc, caps_lines_and_data);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
