/*
 * The mapper's messages: both ways, and everything that a decoder must refuse.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/js.h"
#include "common/proto/offset.h"

static struct json_t *
json(const char *text)
{
    struct json_t *j;
    ck_assert_int_eq(js_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

static void
question_text(const char *text, const char *wanted)
{
    struct json_t *j = json(text);
    struct po_question q;
    ck_assert_int_eq(po_question_decode(j, &q, NULL), 0);
    js_free(j);
    j = po_question_encode(&q);
    char *out = js_dump(j);
    ck_assert_str_eq(out, wanted);
    free(out);
    js_free(j);
    po_question_fini(&q);
}

START_TEST(question_both_ways)
{
    const char *const one =
        "{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"orders\","
        "\"partition\":0,\"offset\":1234},{\"topic\":\"x\",\"partition\":"
        "2147483647,\"offset\":9223372036854775807}]}";
    question_text(one, one);
    const char *const full =
        "{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"t\","
        "\"partition\":0,\"timestamp\":1700000000000},{\"topic\":\"t\","
        "\"partition\":1,\"offset\":9,\"fingerprints\":[{\"offset\":8,"
        "\"timestamp\":-1,\"key\":null,\"value\":\"00000000000000ff\","
        "\"length\":3}]}],\"wait_ms\":600000,\"explain\":true,"
        "\"verify\":true}";
    question_text(full, full);
    question_text("{\"group\":\"g\",\"to\":\"b\",\"from\":\"a\"}",
                  "{\"from\":\"a\",\"to\":\"b\",\"group\":\"g\"}");
    question_text("{\"from\":\"a\",\"to\":\"b\",\"positions\":[],"
                  "\"explain\":false,\"wait_ms\":0}",
                  "{\"from\":\"a\",\"to\":\"b\",\"positions\":[]}");
}
END_TEST

#define AB       "{\"from\":\"a\",\"to\":\"b\","
#define AT0      AB "\"positions\":[{\"topic\":\"t\",\"partition\":0"
#define POSITION "{\"topic\":\"t\",\"partition\":0,\"offset\":1}"

static const struct {
    const char *text;
    int code;
    const char *field;
} bad_questions[] = {
    {"[]", ERR_INVALID, ""},
    {"{}", ERR_INVALID, "from"},
    {"{\"from\":1,\"to\":\"b\",\"positions\":[]}", ERR_INVALID, "from"},
    {"{\"from\":\"\",\"to\":\"b\",\"positions\":[]}", ERR_INVALID, "from"},
    {"{\"from\":\"a\",\"positions\":[]}", ERR_INVALID, "to"},
    {"{\"from\":\"a\",\"to\":\"b\"}", ERR_INVALID, "positions"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":{}}", ERR_INVALID,
     "positions"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[1]}", ERR_INVALID,
     "positions[0]"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[" POSITION
     ",{\"topic\":\"t\",\"partition\":-1,\"offset\":1}]}",
     ERR_INVALID, "positions[1].partition"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"t\","
     "\"partition\":0,\"offset\":-1}]}",
     ERR_INVALID, "positions[0].offset"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"t\","
     "\"partition\":0,\"offset\":1.5}]}",
     ERR_INVALID, "positions[0].offset"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"\","
     "\"partition\":0,\"offset\":1}]}",
     ERR_INVALID, "positions[0].topic"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[{\"topic\":\"t\","
     "\"partition\":0,\"offset\":1,\"x\":2}]}",
     ERR_INVALID, "positions[0].x"},
    {"{\"from\":\"a\",\"to\":\"b\",\"positions\":[],\"x\":1}", ERR_INVALID,
     "x"},
    {AB "\"positions\":[],\"wait_ms\":-1}", ERR_INVALID, "wait_ms"},
    {AB "\"positions\":[],\"wait_ms\":600001}", ERR_INVALID, "wait_ms"},
    {AB "\"positions\":[],\"wait_ms\":\"5\"}", ERR_INVALID, "wait_ms"},
    {AB "\"positions\":[],\"explain\":1}", ERR_INVALID, "explain"},
    {AB "\"positions\":[],\"verify\":\"yes\"}", ERR_INVALID, "verify"},
    {AB "\"positions\":[],\"group\":\"g\"}", ERR_INVALID, "group"},
    {AB "\"group\":\"\"}", ERR_INVALID, "group"},
    {AB "\"group\":null}", ERR_INVALID, "group"},
    {AT0 "}]}", ERR_INVALID, "positions[0].offset"},
    {AT0 ",\"offset\":1,\"timestamp\":2}]}", ERR_INVALID,
     "positions[0].offset"},
    {AT0 ",\"timestamp\":-2}]}", ERR_INVALID, "positions[0].timestamp"},
    {AT0 ",\"timestamp\":2,\"fingerprints\":[]}]}", ERR_INVALID,
     "positions[0].fingerprints"},
    {AT0 ",\"offset\":1,\"fingerprints\":{}}]}", ERR_INVALID,
     "positions[0].fingerprints"},
    {AT0 ",\"offset\":8,\"fingerprints\":[{\"offset\":8,\"timestamp\":1,"
         "\"key\":null,\"value\":null,\"length\":0}]}]}",
     ERR_INVALID, "positions[0].fingerprints[0].offset"},
    {AT0 ",\"offset\":1,\"fingerprint\":[]}]}", ERR_INVALID,
     "positions[0].fingerprint"},
};

START_TEST(bad_question)
{
    struct json_t *j = json(bad_questions[_i].text);
    struct po_question q;
    struct err err = {0};
    ck_assert_int_eq(po_question_decode(j, &q, &err), bad_questions[_i].code);
    ck_assert_str_eq(err.field, bad_questions[_i].field);
    ck_assert_int_ne(err.text[0], '\0');
    ck_assert_ptr_null(q.from);
    ck_assert_uint_eq(q.n, 0);
    js_free(j);
}
END_TEST

static struct json_t *
with_positions(size_t n)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 24);
    buf_puts(&b, "{\"from\":\"a\",\"to\":\"b\",\"positions\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s" POSITION, i ? "," : "");
    buf_puts(&b, "]}");
    ck_assert(!buf_failed(&b));
    struct json_t *j = json(b.data);
    buf_fini(&b);
    return j;
}

START_TEST(too_many_positions)
{
    struct po_question q;
    struct err err;
    struct json_t *j = with_positions(10000);
    ck_assert_int_eq(po_question_decode(j, &q, &err), 0);
    ck_assert_uint_eq(q.n, 10000);
    po_question_fini(&q);
    js_free(j);
    j = with_positions(10001);
    ck_assert_int_eq(po_question_decode(j, &q, &err), ERR_LIMIT);
    ck_assert_str_eq(err.field, "positions");
    ck_assert_str_eq(err.value, "10001");
    js_free(j);
}
END_TEST

static char *
written(const struct po_translation *t)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    po_translation_write(&b, t);
    char *text = buf_take(&b);
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(translation_both_ways)
{
    const char *const text =
        "{\"positions\":[{\"topic\":\"orders\",\"partition\":0,\"offset\":"
        "1234,\"quality\":\"bounded\",\"to_topic\":\"a.orders\",\"position\":"
        "1213,\"low\":1213,\"high\":1234,\"reason\":\"20 records after\","
        "\"verified\":true,\"incarnation\":1,\"sync_age_ms\":250,\"lag\":0},"
        "{\"topic\":\"x\",\"partition\":3,\"offset\":-1,\"timestamp\":7,"
        "\"quality\":\"none\","
        "\"to_topic\":null,\"position\":-1,\"low\":-1,\"high\":-1,"
        "\"reason\":\"no sync\",\"verified\":false,\"incarnation\":null,"
        "\"sync_age_ms\":null,\"lag\":null}]}";
    struct json_t *j = json(text);
    struct po_translation t;
    ck_assert_int_eq(po_translation_decode(j, &t, NULL), 0);
    js_free(j);
    ck_assert_uint_eq(t.n, 2);
    ck_assert_int_eq(t.v[0].quality, PO_BOUNDED);
    ck_assert_int_eq(t.v[0].position, 1213);
    ck_assert_ptr_null(t.v[1].topic);
    char *out = written(&t);
    ck_assert_str_eq(out, text);
    free(out);
    po_translation_fini(&t);
}
END_TEST

/* What a mapper of version 1 answers, as first released. */
START_TEST(older_server)
{
    struct json_t *j = json(
        "{\"positions\":[{\"topic\":\"t\",\"partition\":0,\"offset\":1,"
        "\"quality\":\"exact\",\"to_topic\":\"t\",\"position\":2,\"low\":2,"
        "\"high\":2,\"reason\":\"r\"}]}");
    struct po_translation t;
    ck_assert_int_eq(po_translation_decode(j, &t, NULL), 0);
    js_free(j);
    ck_assert(!t.v[0].verified);
    ck_assert_int_eq(t.v[0].incarnation, -1);
    ck_assert_int_eq(t.v[0].sync_age_ms, -1);
    ck_assert_int_eq(t.v[0].lag, -1);
    po_translation_fini(&t);
}
END_TEST

START_TEST(path_is_written)
{
    char flow[] = "a->b", topic[] = "a.t", asked[] = "t";
    struct po_hop hop = {.flow = flow,
                         .topic = topic,
                         .quality = PO_AHEAD,
                         .position = 5,
                         .low = 5,
                         .high = 9,
                         .incarnation = 2,
                         .sync_age_ms = -1,
                         .runs = {{1, 2, 3}, {40, 50, 6}},
                         .n_runs = 2};
    struct po_translated one = {.asked.topic = asked,
                                .topic = topic,
                                .path = &hop,
                                .n_path = 1,
                                .lag = INT64_MIN};
    const struct po_translation t = {&one, 1};
    char *out = written(&t);
    ck_assert_ptr_nonnull(
        strstr(out, ",\"lag\":null,\"path\":[{\"flow\":\"a->b\",\"reverse\":"
                    "false,\"quality\":\"ahead\",\"to_topic\":\"a.t\","
                    "\"position\":5,\"low\":5,\"high\":9,\"incarnation\":2,"
                    "\"sync_age_ms\":null,\"runs\":[{\"up\":1,\"down\":2,"
                    "\"length\":3},{\"up\":40,\"down\":50,\"length\":6}],"
                    "\"reason\":\"\"}]}]}"));
    free(out);
}
END_TEST

static const struct {
    const char *quality, *to_topic;
    long long position, low, high;
    int code;
} answers[] = {
    {"exact", "\"t\"", 5, 5, 5, 0},
    {"bounded", "\"t\"", 5, 5, 9, 0},
    {"bounded", "\"t\"", 5, 5, -1, 0},
    {"ahead", "\"t\"", 9, 5, 9, 0},
    {"before", "\"t\"", 0, 0, 7, 0},
    {"none", "null", -1, -1, -1, 0},
    {"sure", "\"t\"", 5, 5, 5, ERR_INVALID},
    {"exact", "\"t\"", 5, 4, 5, ERR_INVALID},
    {"exact", "\"t\"", 5, 5, 6, ERR_INVALID},
    {"exact", "\"t\"", -1, -1, -1, ERR_INVALID},
    {"exact", "null", 5, 5, 5, ERR_INVALID},
    {"exact", "\"\"", 5, 5, 5, ERR_INVALID},
    {"exact", "7", 5, 5, 5, ERR_INVALID},
    {"bounded", "\"t\"", 4, 5, 9, ERR_INVALID},
    {"bounded", "\"t\"", 10, 5, 9, ERR_INVALID},
    {"bounded", "\"t\"", -2, 5, 9, ERR_INVALID},
    {"none", "\"t\"", -1, -1, -1, ERR_INVALID},
    {"none", "null", 3, -1, -1, ERR_INVALID},
};

START_TEST(answers_hold_together)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"positions\":[{\"topic\":\"t\",\"partition\":0,"
                   "\"offset\":1,\"quality\":\"%s\",\"to_topic\":%s,"
                   "\"position\":%lld,\"low\":%lld,\"high\":%lld,"
                   "\"reason\":\"r\",\"of_a_later_version\":1}]}",
                   answers[_i].quality, answers[_i].to_topic,
                   answers[_i].position, answers[_i].low, answers[_i].high);
    struct json_t *j = json(text);
    struct po_translation t;
    struct err err = {0};
    ck_assert_int_eq(po_translation_decode(j, &t, &err), answers[_i].code);
    if (answers[_i].code) {
        ck_assert_uint_eq(t.n, 0);
        ck_assert_int_eq(strncmp(err.field, "positions[0]", 12), 0);
    }
    po_translation_fini(&t);
    js_free(j);
}
END_TEST

START_TEST(qualities)
{
    ck_assert_str_eq(po_quality_text(PO_EXACT), "exact");
    ck_assert_str_eq(po_quality_text(PO_NONE), "none");
    ck_assert_str_eq(po_quality_text((enum po_quality)99), "?");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("offset messages");
    TCase *t = tcase_create("json");
    tcase_add_test(t, question_both_ways);
    tcase_add_loop_test(t, bad_question, 0,
                        sizeof(bad_questions) / sizeof(bad_questions[0]));
    tcase_add_test(t, too_many_positions);
    tcase_add_test(t, translation_both_ways);
    tcase_add_test(t, older_server);
    tcase_add_test(t, path_is_written);
    tcase_add_loop_test(t, answers_hold_together, 0,
                        sizeof(answers) / sizeof(answers[0]));
    tcase_add_test(t, qualities);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
