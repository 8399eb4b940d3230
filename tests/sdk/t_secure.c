/* Clusters that want a login or a certificate, over TLS: what is needed comes
 * with the route, secrets by reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define N       20
#define WAIT_MS 60000

static int seen[3 * N];
static int stuck;

static void
on_event(shunt_t *rk, const shunt_event_t *event, void *opaque)
{
    (void)rk;
    (void)opaque;
    stuck += shunt_event_type(event) == SHUNT_EVENT_STUCK;
}

static void
read_some(shunt_t *rk)
{
    char value[16] = "";
    rd_kafka_message_t *m = shunt_consumer_poll(rk, 50);
    if (!m)
        return;
    if (!m->err) {
        memcpy(value, m->payload, m->len);
        seen[atoi(value)]++;
    }
    rd_kafka_message_destroy(m);
}

static void
read_to(shunt_t *rk, int n)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    for (int i = 0; i < n; i++)
        while (seen[i] == 0) {
            ck_assert_msg(real_now_ms() < end_ms, "%d did not come", i);
            read_some(rk);
        }
}

static void
follow(shunt_t *rk, const char *code, const char *cluster)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    real_flip(code, cluster);
    while (strcmp(shunt_cluster(rk), cluster) != 0) {
        ck_assert_int_lt(real_now_ms(), end_ms);
        read_some(rk);
    }
}

static shunt_t *
consumer(const char *code, const char *topic)
{
    shunt_conf_t *conf = real_conf(code);
    shunt_conf_set_event_cb(conf, on_event);
    return real_consumer_take(conf, real_name("g"), topic);
}

static void
write_all(shunt_t *rk, const char *topic, int from)
{
    char value[16];
    for (int i = from; i < from + N; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        ck_assert_int_eq(
            shunt_producev(rk, RD_KAFKA_V_TOPIC(topic),
                           RD_KAFKA_V_VALUE(value, strlen(value)),
                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_END),
            0);
    }
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
}

/* No flow is known between clusters of these names: they read from the start
 * on. */
START_TEST(from_a_login_to_a_certificate)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_do("secret right");
    real_rule(code, "a-login");
    shunt_t *p = real_new_take(RD_KAFKA_PRODUCER, real_conf(code));
    shunt_t *c = consumer(code, topic);
    write_all(p, topic, 0);
    read_to(c, N);
    ck_assert_str_eq(shunt_cluster(c), "a-login");
    follow(c, code, "b-certified");
    write_all(p, topic, N);
    read_to(c, 2 * N);
    while (strcmp(shunt_cluster(p), "b-certified") != 0)
        (void)shunt_poll(p, 10);
    write_all(p, topic, 2 * N);
    read_to(c, 3 * N);
    shunt_destroy(p);
    shunt_destroy(c);
    ck_assert_uint_ge(real_read("b", topic, NULL, NULL), N);
}
END_TEST

/* It stays where it is until the secret is right. */
START_TEST(a_wrong_secret)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_do("secret wrong");
    real_rule(code, "b-certified");
    real_produce("b", topic, 0, 0, N);
    shunt_t *rk = consumer(code, topic);
    read_to(rk, N);
    real_flip(code, "a-login");
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    while (stuck == 0 && real_now_ms() < end_ms)
        read_some(rk);
    ck_assert_int_gt(stuck, 0);
    real_produce("b", topic, 0, N, N);
    read_to(rk, 2 * N);
    ck_assert_str_eq(shunt_cluster(rk), "b-certified");
    real_do("secret right");
    follow(rk, code, "a");
    follow(rk, code, "a-login"); /* the next handle reads it again */
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("secure");
    TCase *c = real_case(s, "secure", 180);
    tcase_add_test(c, from_a_login_to_a_certificate);
    tcase_add_test(c, a_wrong_secret);
    return real_run(s);
}
