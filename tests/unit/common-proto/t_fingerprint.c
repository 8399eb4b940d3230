/*
 * Fingerprints: the hashes are those of XXH3-64 with seed 0 as others
 * compute them, so that other languages get the same; both ways through JSON;
 * what a decoder must refuse.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/js.h"
#include "common/proto/fingerprint.h"
#include "tests/support/support.h"

static struct po_print
print_of(const char *key, const char *value, int64_t time_ms)
{
    struct po_print p;
    po_print_make(&p, 7, time_ms, key, key ? strlen(key) : 0, value,
                  value ? strlen(value) : 0);
    return p;
}

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* Made with python-xxhash (xxh3_64_intdigest); one for each way of its code. */
static const struct {
    const char *text;
    uint64_t hash;
} vectors[] = {
    {"", 0x2d06800538d394c2},
    {"a", 0xe6c632b61e964e1f},
    {"order-1", 0x5fc46503368e2876},
    {"{\"id\":17}", 0x986a472fb024dbd5},
    {"xxxxxxxxxxxxxxxxx", 0x89975e6b7d2f5a11}, /* 17 */
    {X64 X64 "x", 0xe4f9742108fe27dc},
    {X64 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     0x14da9e5c301a6a1d}, /* 241 */
};

START_TEST(hashes_are_xxh3)
{
    const struct po_print p = print_of(NULL, vectors[_i].text, 1);
    ck_assert(p.has_value && !p.has_key);
    ck_assert_uint_eq(p.value, vectors[_i].hash);
    ck_assert_uint_eq(p.key, 0);
    ck_assert_int_eq(p.length, (int64_t)strlen(vectors[_i].text));
}
END_TEST

START_TEST(json_is_as_the_protocol_says)
{
    const struct po_print p = print_of("k1", NULL, 1700000000000);
    struct json_t *j = po_print_encode(&p);
    char *text = js_dump(j);
    char wanted[256];
    (void)snprintf(wanted, sizeof(wanted),
                   "{\"offset\":7,\"timestamp\":1700000000000,\"key\":"
                   "\"%016llx\",\"value\":null,\"length\":2}",
                   (unsigned long long)p.key);
    ck_assert_str_eq(text, wanted);
    free(text);
    struct po_print back;
    ck_assert_int_eq(po_print_decode(j, "", &back, NULL), 0);
    ck_assert(back.offset == 7 && back.timestamp_ms == p.timestamp_ms &&
              back.has_key && !back.has_value && back.key == p.key &&
              back.length == 2);
    ck_assert(po_print_same(&back, &p));
    js_free(j);
}
END_TEST

START_TEST(small_hashes_keep_their_zeros)
{
    struct po_print p = print_of("k", "v", 1);
    p.key = 1;
    struct json_t *j = po_print_encode(&p);
    ck_assert_str_eq(js_str(js_any(j, "key")), "0000000000000001");
    js_free(j);
}
END_TEST

START_TEST(null_and_empty_differ)
{
    const struct po_print null = print_of("k", NULL, 1);
    const struct po_print empty = print_of("k", "", 1);
    ck_assert(!po_print_same(&null, &empty));
    ck_assert(po_print_same(&empty, &empty));
    ck_assert(po_print_same(&null, &null));
}
END_TEST

START_TEST(everything_counts_but_the_offset)
{
    const struct po_print p = print_of("k", "v", 5);
    const struct po_print others[] = {
        print_of("k", "w", 5),  print_of("l", "v", 5), print_of("k", "v", 6),
        print_of(NULL, "v", 5), print_of("v", "k", 5),
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert(!po_print_same(&others[i], &p));
    struct po_print longer = p;
    longer.length++;
    ck_assert(!po_print_same(&longer, &p));
    struct po_print copy = p;
    copy.offset = 99;
    ck_assert(po_print_same(&copy, &p));
}
END_TEST

/* A broker with LogAppendTime gives the copy a time of its own; the original's
 * own broker may have done that too, and then it is the record's time. */
START_TEST(times_that_cannot_be_compared)
{
    const struct po_print p = print_of("k", "v", 5);
    struct po_print copy = print_of("k", "v", 6);
    ck_assert(!po_print_same(&copy, &p));
    copy.append_time = true;
    ck_assert(po_print_same(&copy, &p));
    struct po_print original = p;
    original.append_time = true;
    copy.append_time = false;
    ck_assert(!po_print_same(&copy, &original));
    const struct po_print timeless = print_of("k", "v", -1);
    ck_assert(po_print_same(&copy, &timeless));
    ck_assert(po_print_same(&timeless, &copy));
}
END_TEST

#define GOOD "'offset':1,'timestamp':2,'key':null,'value':null,'length':0"
#define HEX  "0123456789abcdef"

static const struct {
    const char *text, *field;
    int code;
} bad[] = {
    {"{'f':[{'timestamp':2,'key':null,'value':null,'length':0}]}",
     "p.f[0].offset", ERR_INVALID},
    {"{'f':[{'offset':1,'key':null,'value':null,'length':0}]}",
     "p.f[0].timestamp", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'value':null,'length':0}]}", "p.f[0].key",
     ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':'" HEX "','length':8}]}",
     "p.f[0].value", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':null,'value':null}]}",
     "p.f[0].length", ERR_INVALID},
    {"{'f':[{'offset':-1,'timestamp':2,'key':null,'value':null,'length':0}]}",
     "p.f[0].offset", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':-2,'key':null,'value':null,'length':0}]}",
     "p.f[0].timestamp", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':7,'value':null,'length':0}]}",
     "p.f[0].key", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':'123','value':null,'length':0}]}",
     "p.f[0].key", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':'" HEX "0','value':null,"
     "'length':0}]}",
     "p.f[0].key", ERR_INVALID},
    {"{'f':[{'offset':1,'timestamp':2,'key':' 123456789abcdef','value':null,"
     "'length':0}]}",
     "p.f[0].key", ERR_INVALID},
    {"{'f':[{" GOOD ",'more':1}]}", "p.f[0].more", ERR_INVALID},
    {"{'f':[3]}", "p.f[0]", ERR_INVALID},
    {"{'f':{}}", "p.f", ERR_INVALID},
    {"{'f':[{" GOOD "},{" GOOD "}]}", "p.f[1]", ERR_INVALID},
};

START_TEST(refuses)
{
    struct json_t *j = json_of(bad[_i].text);
    struct po_print *v;
    size_t n;
    struct err err = {0};
    ck_assert_int_eq(po_prints_decode(j, "p", "f", &v, &n, &err), bad[_i].code);
    ck_assert_str_eq(err.field, bad[_i].field);
    ck_assert_ptr_null(v);
    js_free(j);
}
END_TEST

START_TEST(lists_both_ways)
{
    struct po_print v[PO_PRINTS_MAX + 1];
    for (int i = 0; i <= PO_PRINTS_MAX; i++) {
        v[i] = print_of("k", "v", i);
        v[i].offset = i;
    }
    struct po_print *out;
    size_t n;
    for (size_t wanted = 0; wanted <= PO_PRINTS_MAX + 1; wanted++) {
        struct json_t *j = js_object();
        ck_assert_int_eq(js_put_take(j, "f", po_prints_encode(v, wanted)), 0);
        const int rc = po_prints_decode(j, "", "f", &out, &n, NULL);
        js_free(j);
        ck_assert_int_eq(rc, wanted > PO_PRINTS_MAX ? ERR_LIMIT : 0);
        ck_assert_uint_eq(n, rc ? 0 : wanted);
        for (size_t i = 0; i < n; i++)
            ck_assert(out[i].offset == v[i].offset &&
                      po_print_same(&out[i], &v[i]));
        free(out);
    }
    struct json_t *none = js_object();
    ck_assert_int_eq(po_prints_decode(none, "", "f", &out, &n, NULL), 0);
    ck_assert_ptr_null(out);
    js_free(none);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("fingerprint");
    TCase *tc = tcase_create("fingerprint");
    tcase_add_loop_test(tc, hashes_are_xxh3, 0,
                        sizeof(vectors) / sizeof(vectors[0]));
    tcase_add_test(tc, json_is_as_the_protocol_says);
    tcase_add_test(tc, small_hashes_keep_their_zeros);
    tcase_add_test(tc, null_and_empty_differ);
    tcase_add_test(tc, everything_counts_but_the_offset);
    tcase_add_test(tc, times_that_cannot_be_compared);
    tcase_add_loop_test(tc, refuses, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tc, lists_both_ways);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
