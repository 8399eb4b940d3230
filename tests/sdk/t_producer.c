/*
 * Producers on real brokers: an idempotent one across flips with both clusters
 * alive (nothing stands twice) and with the old one killed (nothing is lost,
 * and each cluster has each record once, in order).
 *
 * A record's value is its number, its partition the number's remainder.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define MAX 60000

static int reports[MAX];
static int sent;
static int64_t last_ack_ms, longest_ms;

static void
on_report(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    const int i = (int)(intptr_t)m->_private;
    const int64_t now_ms = real_now_ms();
    (void)rk;
    (void)opaque;
    ck_assert_int_eq(m->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    reports[i]++;
    if (last_ack_ms && now_ms - last_ack_ms > longest_ms)
        longest_ms = now_ms - last_ack_ms;
    last_ack_ms = now_ms;
}

static shunt_t *
idempotent_producer(const char *code)
{
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "enable.idempotence", "true");
    real_set(conf, "switch.flush.timeout.ms", "10000");
    shunt_conf_set_dr_msg_cb(conf, on_report);
    return real_new_take(RD_KAFKA_PRODUCER, conf);
}

static void
send_some(shunt_t *rk, const char *topic, int n)
{
    char value[16];
    for (int end = sent + n; sent < end; sent++) {
        (void)snprintf(value, sizeof(value), "%d", sent);
        ck_assert_int_eq(
            shunt_producev(rk, RD_KAFKA_V_TOPIC(topic),
                           RD_KAFKA_V_PARTITION(sent % REAL_PARTITIONS),
                           RD_KAFKA_V_VALUE(value, strlen(value)),
                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_OPAQUE((void *)(intptr_t)sent),
                           RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
        if (sent % 100 == 0)
            (void)shunt_poll(rk, 0);
    }
}

struct where {
    shunt_t *rk;
    const char *topic, *cluster;
};

/* Records go on all the while. */
static bool
is_there(void *arg)
{
    const struct where *w = arg;
    const char *cluster = shunt_cluster(w->rk);
    send_some(w->rk, w->topic, 5);
    (void)shunt_poll(w->rk, 2);
    return cluster && strcmp(cluster, w->cluster) == 0;
}

static void
wait_for(shunt_t *rk, const char *topic, const char *cluster)
{
    struct where w = {rk, topic, cluster};
    ck_assert(real_wait(is_there, &w, 30000));
}

/* ---- what stands there --------------------------------------------------- */

struct log {
    int last[REAL_PARTITIONS];
    unsigned char times[MAX];
};

static struct log on_a, on_b;

static void
see(const rd_kafka_message_t *m, void *arg)
{
    struct log *log = arg;
    char value[16] = "";
    ck_assert_uint_lt(m->len, sizeof(value));
    memcpy(value, m->payload, m->len);
    const int v = atoi(value);
    ck_assert_int_eq(v % REAL_PARTITIONS, m->partition);
    ck_assert_msg(v > log->last[m->partition], "partition %d: %d after %d",
                  m->partition, v, log->last[m->partition]);
    log->last[m->partition] = v;
    log->times[v]++;
}

static void
read_both(const char *topic)
{
    memset(on_a.last, -1, sizeof(on_a.last));
    memset(on_b.last, -1, sizeof(on_b.last));
    (void)real_read("a", topic, see, &on_a);
    (void)real_read("b", topic, see, &on_b);
}

START_TEST(nothing_twice_with_both_alive)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = idempotent_producer(code);
    send_some(rk, topic, 1000);
    for (int i = 0; i < 6; i++) {
        wait_for(rk, topic, i % 2 ? "b" : "a");
        send_some(rk, topic, 2000);
        real_flip(code, i % 2 ? "a" : "b");
        send_some(rk, topic, 500);
    }
    ck_assert_int_eq(shunt_flush(rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    shunt_destroy(rk);
    read_both(topic);
    for (int i = 0; i < sent; i++) {
        ck_assert_int_eq(reports[i], 1);
        ck_assert_int_eq(on_a.times[i] + on_b.times[i], 1);
    }
}
END_TEST

START_TEST(nothing_lost_when_the_old_one_dies)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = idempotent_producer(code);
    send_some(rk, topic, 1000);
    wait_for(rk, topic, "a");
    send_some(rk, topic, 5000);
    real_kill("a");
    send_some(rk, topic, 5000);
    real_flip(code, "b");
    wait_for(rk, topic, "b");
    send_some(rk, topic, 1000);
    ck_assert_int_eq(shunt_flush(rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    shunt_destroy(rk);
    real_revive("a");
    read_both(topic);
    int both = 0;
    for (int i = 0; i < sent; i++) {
        ck_assert_int_eq(reports[i], 1);
        ck_assert_int_ge(on_a.times[i] + on_b.times[i], 1);
        both += on_a.times[i] + on_b.times[i] > 1;
    }
    printf("%d of %d stand on both: written on a, not acknowledged\n", both,
           sent);
}
END_TEST

/* 20 flips under a steady stream: no ack is further from the next than this. */
START_TEST(acks_go_on_across_flips)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = idempotent_producer(code);
    wait_for(rk, topic, "a");
    for (int i = 0; i < 20; i++) {
        real_flip(code, i % 2 ? "a" : "b");
        wait_for(rk, topic, i % 2 ? "a" : "b");
        if (i == 1) /* both have been visited */
            longest_ms = 0;
    }
    printf("longest between two acks: %lld ms\n", (long long)longest_ms);
    ck_assert_int_lt(longest_ms, 1000);
    ck_assert_int_eq(shunt_flush(rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("producer");
    TCase *c = real_case(s, "producer", 120);
    tcase_add_test(c, nothing_twice_with_both_alive);
    tcase_add_test(c, acks_go_on_across_flips);
    tcase_add_test(c, nothing_lost_when_the_old_one_dies);
    return real_run(s);
}
