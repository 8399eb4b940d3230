/* The harness itself: a consumer and a producer are flipped between real
 * clusters, a cluster dies and comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define N 20

static void
sum_up(const rd_kafka_message_t *m, void *arg)
{
    char value[16] = "";
    ck_assert_uint_lt(m->len, sizeof(value));
    memcpy(value, m->payload, m->len);
    *(int *)arg += atoi(value);
}

START_TEST(records_are_copied_both_ways)
{
    int sum = 0;
    char copy[64];
    const char *topic = real_topic();
    real_produce("a", topic, 3, 0, N);
    real_copied("a", "b", topic);
    (void)snprintf(copy, sizeof(copy), "a.%s", topic);
    ck_assert_uint_eq(real_read("b", copy, sum_up, &sum), N);
    ck_assert_int_eq(sum, N * (N - 1) / 2);
    real_produce("b", topic, 0, 0, 1);
    real_copied("b", "a", topic);
}
END_TEST

static bool
is_on_b(void *arg)
{
    const char *cluster = shunt_cluster(arg);
    (void)shunt_poll(arg, 0);
    return cluster && strcmp(cluster, "b") == 0;
}

static void
send_one(shunt_t *rk, const char *topic)
{
    char value[] = "1";
    ck_assert_int_eq(shunt_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                    RD_KAFKA_V_VALUE(value, 1), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(shunt_flush(rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

START_TEST(a_producer_is_flipped)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = real_new_take(RD_KAFKA_PRODUCER, real_conf(code));
    send_one(rk, topic);
    real_flip(code, "b");
    ck_assert(real_wait(is_on_b, rk, 30000));
    send_one(rk, topic);
    shunt_destroy(rk);
    ck_assert_uint_eq(real_read("a", topic, NULL, NULL), 1);
    ck_assert_uint_eq(real_read("b", topic, NULL, NULL), 1);
}
END_TEST

START_TEST(a_cluster_dies_and_comes_back)
{
    const char *topic = real_topic();
    real_produce("b", topic, 0, 0, N);
    real_kill("b");
    real_revive("b");
    ck_assert_uint_eq(real_read("b", topic, NULL, NULL), N);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("harness");
    TCase *c = real_case(s, "world", 90);
    tcase_add_test(c, records_are_copied_both_ways);
    tcase_add_test(c, a_producer_is_flipped);
    tcase_add_test(c, a_cluster_dies_and_comes_back);
    return real_run(s);
}
