/* Moves of a consumer between real clusters at the edge: a topic that is not
 * there yet, a standby when the old cluster dies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define N       40
#define WAIT_MS 60000

static int seen[2 * N];
static int n_seen; /* different ones */
static int switched, stuck;
static int64_t first_ms; /* of the first record since it was 0 */

static void
on_event(shunt_t *rk, const shunt_event_t *event, void *opaque)
{
    (void)rk;
    (void)opaque;
    switched += shunt_event_type(event) == SHUNT_EVENT_SWITCHED;
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
        n_seen += seen[atoi(value)]++ == 0;
        first_ms = first_ms ? first_ms : real_now_ms();
    }
    rd_kafka_message_destroy(m);
}

static void
read_to(shunt_t *rk, int n)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    while (n_seen < n) {
        ck_assert_msg(real_now_ms() < end_ms, "%d of %d read", n_seen, n);
        read_some(rk);
    }
}

static void
read_until(shunt_t *rk, const int *told)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    while (*told == 0) {
        ck_assert_int_lt(real_now_ms(), end_ms);
        read_some(rk);
    }
}

static shunt_t *
consumer(const char *code, const char *topic, const char *standby)
{
    shunt_conf_t *conf = real_conf(code);
    shunt_conf_set_event_cb(conf, on_event);
    real_set(conf, "session.timeout.ms", "10000");
    real_set(conf, "auto.commit.interval.ms", "300");
    real_set(conf, "topic.metadata.refresh.interval.ms", "1000");
    real_set(conf, "switch.standby", standby);
    return real_consumer_take(conf, real_name("group"), topic);
}

/* Until it is there, reading goes on where it is. */
START_TEST(a_topic_that_is_not_there_yet)
{
    const char *topic = real_name("late");
    const char *code = real_name("code");
    real_do("pause mm2");
    real_do("topic a %s %d", topic, REAL_PARTITIONS);
    real_rule(code, "a");
    real_produce("a", topic, 2, 0, N);
    shunt_t *rk = consumer(code, topic, "none");
    read_to(rk, N);
    real_flip(code, "b");
    read_until(rk, &stuck);
    ck_assert_str_eq(shunt_cluster(rk), "a");
    real_produce("a", topic, 2, N, N / 2);
    read_to(rk, N + N / 2);
    real_do("resume mm2");
    read_until(rk, &switched);
    ck_assert_str_eq(shunt_cluster(rk), "b");
    real_produce("a", topic, 2, N + N / 2, N / 2);
    read_to(rk, 2 * N);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
}
END_TEST

static void
route_with_standby(const char *code, const char *cluster, const char *standby)
{
    real_do("change [{\"op\":\"put\",\"rule\":{\"id\":\"%s\",\"priority\":100,"
            "\"cluster\":\"%s\",\"standby\":\"%s\",\"match\":{\"cluster.code\":"
            "\"%s\"}}}]",
            code, cluster, standby, code);
}

/* What stands on b already and was not read on a is read at once. */
START_TEST(a_failover_to_a_member_that_is_there)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    route_with_standby(code, "a", "b");
    real_produce("a", topic, 1, 0, N);
    shunt_t *rk = consumer(code, topic, "join");
    read_to(rk, N);
    const int64_t end_ms = real_now_ms() + 8000;
    while (real_now_ms() < end_ms)
        read_some(rk); /* the standby joins: 3 s and more with Kafka's delay */
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, 1);
    ck_assert_int_eq(shunt_pause_partitions(rk, l), 0);
    real_produce("a", topic, 1, N, N);
    real_copied("a", "b", topic);
    real_kill("a");
    ck_assert_int_eq(shunt_resume_partitions(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    first_ms = 0;
    const int64_t push_ms = real_now_ms();
    route_with_standby(code, "b", "a");
    read_to(rk, 2 * N);
    (void)printf("  from the change of the route to the first record: %d ms\n",
                 (int)(first_ms - push_ms));
    ck_assert_int_lt(first_ms - push_ms, 2000);
    for (int i = 0; i < 2 * N; i++)
        ck_assert_int_eq(seen[i], 1);
    real_revive("a");
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("moves");
    TCase *c = real_case(s, "moves", 150);
    tcase_add_test(c, a_topic_that_is_not_there_yet);
    tcase_add_test(c, a_failover_to_a_member_that_is_there);
    return real_run(s);
}
