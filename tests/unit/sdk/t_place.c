/* What travels with offsets as metadata: there and back, and nonsense. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/consumer/handover.h"
#include "sdk/src/consumer/place.h"

static rd_kafka_topic_partition_list_t *list;
static rd_kafka_topic_partition_t *t;

static void
set_up(void)
{
    list = rd_kafka_topic_partition_list_new(1);
    t = rd_kafka_topic_partition_list_add(list, "a.orders", 3);
}

static void
tear_down(void)
{
    rd_kafka_topic_partition_list_destroy(list);
}

static void
set(const char *text)
{
    place_metadata_take(t, text ? strdup(text) : NULL);
}

START_TEST(a_place_comes_back)
{
    struct place p;
    struct po_print print;
    po_print_make(&print, 41, 1700000000000, "k", 1, "v", 1);
    const struct place in = {(char[]){"b"}, (char[]){"orders"}, (char[]){"a"},
                             &print, 1};
    ck_assert(place_set(t, &in));
    ck_assert(place_of(t, &p));
    ck_assert_str_eq(p.cluster, "b");
    ck_assert_str_eq(p.logical, "orders");
    ck_assert_str_eq(p.origin, "a");
    ck_assert_uint_eq(p.n_prints, 1);
    ck_assert(po_print_same(&p.prints[0], &print));
    ck_assert_int_eq(p.prints[0].offset, 41);
    place_fini(&p);
    const struct place bare = {.cluster = (char[]){"b"}};
    ck_assert(place_set(t, &bare));
    ck_assert(place_of(t, &p));
    ck_assert_ptr_null(p.logical);
    ck_assert_ptr_null(p.origin);
    place_fini(&p);
}
END_TEST

START_TEST(what_is_no_place_is_none)
{
    static const char *const texts[] = {
        NULL,
        "",
        "checkpoint 7",
        "{}",
        "[]",
        "{\"cluster\":\"a\"}",
        "{\"shunt\":2,\"cluster\":\"a\"}",
        "{\"shunt\":1}",
        "{\"shunt\":1,\"since\":4}",
        "{\"shunt\":1,\"cluster\":5}",
        "{\"shunt\":1,\"cluster\":\"a\",\"logical\":[]}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct place p;
        set(texts[i]);
        ck_assert_msg(!place_of(t, &p), "%s", texts[i] ? texts[i] : "(none)");
        ck_assert_ptr_null(p.cluster);
        place_fini(&p);
    }
}
END_TEST

static void
commit(const char *app)
{
    char *text = NULL;
    ck_assert_int_eq(place_commit(42, app, app ? strlen(app) : 0, &text, NULL),
                     0);
    place_metadata_take(t, text);
    ck_assert_int_eq(handover_since(t->metadata, t->metadata_size), 42);
}

START_TEST(a_commit_keeps_the_application_s_words)
{
    static const char *const words[] = {"x", "{\"my\":\"json\"}",
                                        "\"quoted\\\"", "\xc3\xa4\n\t",
                                        "{\"shunt\":2}"};
    char *app = NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        commit(words[i]);
        ck_assert(place_app(t, &app));
        ck_assert_str_eq(app, words[i]);
        free(app);
    }
}
END_TEST

START_TEST(a_commit_without_words_has_none)
{
    char *app = NULL;
    commit(NULL);
    ck_assert(!place_app(t, &app));
    ck_assert_ptr_null(app);
    commit("{\"shunt\":1,\"cluster\":\"a\"}"); /* a place has served */
    ck_assert(!place_app(t, &app));
    set(NULL);
    ck_assert(!place_app(t, &app));
}
END_TEST

START_TEST(somebody_else_s_metadata_is_given_back)
{
    char *app = NULL;
    set("by kafka-consumer-groups.sh");
    ck_assert(place_app(t, &app));
    ck_assert_str_eq(app, "by kafka-consumer-groups.sh");
    free(app);
}
END_TEST

START_TEST(what_kafka_cannot_keep_is_refused)
{
    struct err err = {0};
    char *text = NULL;
    ck_assert_int_eq(place_commit(1, "a\0b", 3, &text, &err), ERR_INVALID);
    ck_assert_str_eq(err.text, "metadata of a commit: a zero byte at 1");
    ck_assert_int_eq(place_commit(1, "\xff\xfe", 2, &text, &err), ERR_INVALID);
    ck_assert_ptr_null(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("place");
    TCase *c = tcase_create("place");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_place_comes_back);
    tcase_add_test(c, what_is_no_place_is_none);
    tcase_add_test(c, a_commit_keeps_the_application_s_words);
    tcase_add_test(c, a_commit_without_words_has_none);
    tcase_add_test(c, somebody_else_s_metadata_is_given_back);
    tcase_add_test(c, what_kafka_cannot_keep_is_refused);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
