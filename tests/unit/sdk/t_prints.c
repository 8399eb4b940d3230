/* Which records' fingerprints go with a position, without a cluster. */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "sdk/src/consumer/prints.h"

static rd_kafka_t *rk;
static rd_kafka_topic_t *rkt;

static void
set_up(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rkt = rd_kafka_topic_new(rk, "orders", NULL);
}

static void
tear_down(void)
{
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
}

static void
push(struct prints *ps, int64_t offset)
{
    struct po_print p;
    po_print_make(&p, offset, 1000 + offset, NULL, 0, &offset, sizeof(offset));
    if (ps->n == PRINTS_KEPT)
        ps->n = 0;
    ps->v[ps->n++] = p;
}

static size_t
before(const struct prints *ps, int64_t position, int64_t *first)
{
    struct po_print *v = NULL;
    size_t n = 0;
    ck_assert_int_eq(prints_before(ps, position, &v, &n), 0);
    *first = n > 0 ? v[0].offset : -1;
    ck_assert(prints_reach(ps, position) == (n > 0));
    free(v);
    return n;
}

/* A later record would be found in front of what has been read already, an
 * earlier one too: both would be taken for the wrong place. */
START_TEST(only_the_record_right_before_a_position_goes_with_it)
{
    struct prints ps = {0};
    int64_t first;
    ck_assert_uint_eq(before(&ps, 5, &first), 0);
    push(&ps, 4);
    push(&ps, 6); /* 5 was a transaction's marker */
    push(&ps, 7);
    ck_assert_uint_eq(before(&ps, 8, &first), 3);
    ck_assert_int_eq(first, 4);
    ck_assert_uint_eq(before(&ps, 7, &first), 2);
    ck_assert_uint_eq(before(&ps, 5, &first), 1);
    ck_assert_uint_eq(before(&ps, 6, &first), 0);
    ck_assert_uint_eq(before(&ps, 9, &first), 0);
    ck_assert_uint_eq(before(&ps, 4, &first), 0);
    ck_assert_uint_eq(before(&ps, 0, &first), 0);
}
END_TEST

START_TEST(they_move_with_the_position)
{
    struct prints a = {0}, b = {0};
    int64_t first;
    push(&a, 104);
    push(&a, 106);
    push(&a, 107);
    prints_carry(&b, &a, 108, 50);
    ck_assert_uint_eq(before(&b, 50, &first), 3);
    ck_assert_int_eq(first, 47);
    ck_assert_uint_eq(b.v[2].value, a.v[2].value);
    prints_carry(&b, &a, 105, 2);
    ck_assert_uint_eq(before(&b, 2, &first), 1);
    prints_carry(&b, &a, 108, 2); /* nothing stands before offset 0 */
    ck_assert_uint_eq(before(&b, 2, &first), 2);
    ck_assert_int_eq(first, 0);
    prints_carry(&b, &a, 200, 50);
    ck_assert_uint_eq(before(&b, 50, &first), 0);
}
END_TEST

/* As librdkafka makes them: a message is the head of something larger. */
struct made {
    rd_kafka_message_t m;
    char more[512];
};

static void
deliver(struct prints *ps, int64_t offset)
{
    static char value[] = "v";
    const struct made made = {
        .m = {.rkt = rkt, .offset = offset, .payload = value, .len = 1}};
    prints_note(ps, rk, &made.m);
}

START_TEST(what_is_delivered_is_kept_until_it_goes_back)
{
    struct prints ps = {0};
    int64_t first;
    for (int64_t offset = 0; offset < 10; offset++)
        deliver(&ps, offset);
    ck_assert_uint_eq(before(&ps, 10, &first), PRINTS_KEPT);
    ck_assert_int_eq(first, 10 - PRINTS_KEPT);
    ck_assert(ps.v[0].has_value && !ps.v[0].has_key);
    ck_assert_int_eq(ps.v[0].length, 1);
    deliver(&ps, 4);
    ck_assert_uint_eq(before(&ps, 5, &first), 1);
    ck_assert_uint_eq(before(&ps, 10, &first), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("prints");
    TCase *t = tcase_create("prints");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, only_the_record_right_before_a_position_goes_with_it);
    tcase_add_test(t, they_move_with_the_position);
    tcase_add_test(t, what_is_delivered_is_kept_until_it_goes_back);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
