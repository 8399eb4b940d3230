/*
 * The ledger's stalls: made-up logs with one switch or gap each.
 */
#include "tests/unit/ledger/made.h"

/* A record every 10 ms, i in [from, to). */
static void
read_every_10_ms(int from, int to, const char *cluster)
{
    for (int i = from; i < to; i++)
        put_read_at(m.r1, i * 10, cluster, "orders", i, i * KEYS);
}

static void
write_for_ms(int ms)
{
    for (int i = 0; i < ms; i++)
        put_written(i);
}

START_TEST(the_stall_is_the_gap_at_the_switch)
{
    write_for_ms(3000);
    read_every_10_ms(0, 100, "a");
    (void)fputs("S 1000000 0 SWITCH a b 7 -1 -1\n", m.r1);
    read_every_10_ms(140, 300, "b");
    (void)fputs("S 1400000 0 SWITCHED a b 7 390 4\n", m.r1);
    const struct verdict *v = judged(0);
    const struct client_stalls *s = &v->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].stall_us, 410000);
    ck_assert_int_eq(s->v[0].said_stall_ms, 390);
    ck_assert_int_eq(s->v[0].said_bound, 4);
    ck_assert_uint_eq(v->clients[2].n, 0);
}
END_TEST

START_TEST(partitions_that_move_one_by_one_are_one_switch)
{
    write_for_ms(3000);
    read_every_10_ms(0, 100, "a");
    read_every_10_ms(100, 101, "b");
    read_every_10_ms(102, 104, "a");
    read_every_10_ms(130, 300, "b");
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].stall_us, 270000);
}
END_TEST

START_TEST(there_and_soon_back_are_two_switches)
{
    write_for_ms(3000);
    read_every_10_ms(0, 100, "a");
    (void)fputs("S 1000000 0 SWITCH a b 7 -1 -1\n", m.r1);
    read_every_10_ms(103, 200, "b");
    (void)fputs("S 1999000 0 SWITCH b a 8 -1 -1\n", m.r1);
    read_every_10_ms(205, 300, "a");
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 2);
    ck_assert_int_eq(s->v[1].stall_us, 60000);
}
END_TEST

START_TEST(a_gap_far_from_a_switch_is_no_stall)
{
    write_for_ms(9000);
    read_every_10_ms(0, 100, "a");
    read_every_10_ms(200, 400, "a");
    read_every_10_ms(401, 900, "b");
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].stall_us, 20000);
}
END_TEST

START_TEST(a_gap_without_writing_is_no_stall)
{
    write_for_ms(1200);
    read_every_10_ms(0, 100, "a");
    read_every_10_ms(300, 310, "b");
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].stall_us, 1199000 - 990500);
}
END_TEST

START_TEST(a_switch_that_never_came_is_a_stall)
{
    write_for_ms(3000);
    read_every_10_ms(0, 100, "a");
    (void)fputs("S 1000000 0 SWITCH a b 7 -1 -1\n", m.r1);
    (void)fputs("E 2800000 0 0\n", m.r1);
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].to, NO_NAME);
    ck_assert_int_eq(s->v[0].stall_us, 2800000 - 990500);
}
END_TEST

START_TEST(a_record_that_waited_is_told)
{
    write_all();
    put_read(m.r1, 0, 0);
    put_read_at(m.r1, 500, "b", "a.orders", 1, 3);
    const struct client_stalls *s = &judged(0)->clients[1];
    ck_assert_uint_eq(s->n, 1);
    ck_assert_int_eq(s->v[0].wait_us, 500500 - 3100);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ledger stall");
    TCase *tc = new_case(s, "stalls");
    tcase_add_test(tc, the_stall_is_the_gap_at_the_switch);
    tcase_add_test(tc, partitions_that_move_one_by_one_are_one_switch);
    tcase_add_test(tc, there_and_soon_back_are_two_switches);
    tcase_add_test(tc, a_gap_far_from_a_switch_is_no_stall);
    tcase_add_test(tc, a_gap_without_writing_is_no_stall);
    tcase_add_test(tc, a_switch_that_never_came_is_a_stall);
    tcase_add_test(tc, a_record_that_waited_is_told);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
