/*
 * Log ranges from librdkafka's mock cluster (two brokers): cached ones and
 * fresh ones, of a topic that cannot be looked up among others that can, of a
 * cluster that is away.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "offset-mapper/logs.h"
#include "tests/support/support.h"

static rd_kafka_t *rk; /* producer, and the cluster inside it */
static rd_kafka_mock_cluster_t *cluster;
static struct config config;
static struct loop *loop;
static struct logs *logs;

static void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

/* "a" is the mock cluster, nobody listens at "dead". */
static void
setup(void)
{
    char why[256], json[1024];
    log_set_sink(quiet);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "test.mock.num.brokers", "2", why, sizeof(why)),
        RD_KAFKA_CONF_OK);
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why)),
        RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(rk);
    cluster = rd_kafka_handle_mock_cluster(rk);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, "orders", 3, 1), 0);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, "other", 1, 1), 0);
    (void)snprintf(
        json, sizeof(json),
        "{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"%s\"},"
        "{\"name\":\"dead\",\"bootstrap.servers\":\"127.0.0.1:1\"}],"
        "\"flows\":[{\"source\":\"a\",\"target\":\"dead\"}]}",
        rd_kafka_mock_cluster_bootstraps(cluster));
    struct err err = {0};
    ck_assert_int_eq(config_parse(json, strlen(json), &config, &err), 0);
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_msg(logs_start(&config, &logs, &err) == 0, "%s", err.text);
}

static void
teardown(void)
{
    logs_stop(logs);
    while (loop_drain(loop))
        continue;
    logs_free(logs);
    loop_free(loop);
    config_fini(&config);
    rd_kafka_destroy(rk);
}

static void
produce(const char *topic, int32_t partition, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_VALUE((void *)(uintptr_t) "x", 1), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* ---- asking ----------------------------------------------------------- */

struct reply {
    int calls;
    struct log_range range;
    int64_t offset;
    struct err err;
};

static int to_come;

static bool
all_came(void *arg)
{
    (void)arg;
    (void)loop_drain(loop);
    return to_come == 0;
}

static void
wait_for_replies(void)
{
    ck_assert(wait_until(all_came, NULL, DEADLINE_MS));
}

static void
on_range(void *arg, const struct log_range *r, const struct err *err)
{
    struct reply *reply = arg;
    reply->calls++;
    reply->range = *r;
    if (err)
        reply->err = *err;
    ck_assert_int_eq(r->known, err == NULL);
    to_come--;
}

static void
on_offset(void *arg, int64_t offset, const struct err *err)
{
    struct reply *reply = arg;
    reply->calls++;
    reply->offset = offset;
    if (err)
        reply->err = *err;
    to_come--;
}

static void
ask(const char *on, const char *topic, int32_t partition, struct reply *r)
{
    *r = (struct reply){0};
    to_come++;
    logs_ask(logs, on, topic, partition, loop, on_range, r);
}

static struct reply
answer(const char *on, const char *topic, int32_t partition)
{
    struct reply r;
    ask(on, topic, partition, &r);
    wait_for_replies();
    ck_assert_int_eq(r.calls, 1);
    return r;
}

START_TEST(fresh_ranges)
{
    produce("orders", 1, 5);
    struct reply r = answer("a", "orders", 1);
    ck_assert_int_eq(r.range.start, 0);
    ck_assert_int_eq(r.range.end, 5);
    ck_assert_int_lt(r.range.age_ms, DEADLINE_MS);
    produce("orders", 1, 2);
    r = answer("a", "orders", 1);
    ck_assert_int_eq(r.range.end, 7);
    ck_assert_int_eq(answer("a", "orders", 0).range.end, 0);
}
END_TEST

/* The range that everybody gets is that of his own partition. */
START_TEST(many_at_once)
{
    static struct reply r[300];
    produce("orders", 0, 1);
    produce("orders", 1, 2);
    produce("orders", 2, 3);
    for (int i = 0; i < 300; i++)
        ask("a", "orders", i % 3, &r[i]);
    wait_for_replies();
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(r[i].calls, 1);
        ck_assert_int_eq(r[i].range.end, i % 3 + 1);
    }
}
END_TEST

static int64_t wanted_end;

static bool
knows(void *arg)
{
    (void)arg;
    struct log_range r;
    return logs_known(logs, "a", "orders", 2, &r) && r.end == wanted_end;
}

START_TEST(known_ranges_are_kept_up_to_date)
{
    struct log_range r;
    ck_assert(!logs_known(logs, "a", "orders", 2, &r));
    ck_assert(!r.known);
    ck_assert(wait_until(knows, NULL, DEADLINE_MS));
    produce("orders", 2, 4);
    wanted_end = 4;
    ck_assert(wait_until(knows, NULL, DEADLINE_MS));
    ck_assert(!logs_known(logs, "nowhere", "orders", 2, &r));
}
END_TEST

START_TEST(what_cannot_be_looked_up)
{
    struct reply r[4];
    produce("orders", 0, 3);
    rd_kafka_mock_topic_set_error(cluster, "other",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    ask("a", "other", 0, &r[0]);
    ask("a", "orders", 0, &r[1]);
    ask("a", "orders", 77, &r[2]);
    ask("nowhere", "orders", 0, &r[3]);
    wait_for_replies();
    ck_assert_msg(r[0].err.code == ERR_DENIED, "%s", r[0].err.text);
    ck_assert_ptr_nonnull(strstr(r[0].err.text, "describe other"));
    ck_assert_int_eq(r[1].range.end, 3);
    ck_assert_int_eq(r[2].err.code, ERR_NOTFOUND);
    ck_assert_ptr_nonnull(
        strstr(r[2].err.text, "orders [77] does not exist on cluster a"));
    ck_assert_int_eq(r[3].err.code, ERR_NOTFOUND);
}
END_TEST

START_TEST(dead_cluster_is_said_in_time)
{
    struct reply r;
    for (int i = 0; i < 3; i++) {
        const int64_t begun_ms = clock_mono_ms();
        ask("dead", "orders", 0, &r);
        wait_for_replies();
        ck_assert_int_eq(r.err.code, ERR_UNAVAILABLE);
        ck_assert_int_lt(clock_mono_ms() - begun_ms, LOGS_DEADLINE_MS + 500);
    }
    produce("orders", 0, 1);
    ck_assert_int_eq(answer("a", "orders", 0).range.end, 1);
}
END_TEST

/* One of two brokers is away: its partitions are unknown, the rest is not. */
START_TEST(one_broker_away)
{
    struct reply r[2];
    rd_kafka_mock_partition_set_leader(cluster, "orders", 0, 1);
    rd_kafka_mock_partition_set_leader(cluster, "orders", 1, 2);
    produce("orders", 0, 1);
    produce("orders", 1, 2);
    ask("a", "orders", 0, &r[0]);
    ask("a", "orders", 1, &r[1]);
    wait_for_replies();
    ck_assert_int_eq(r[0].range.end, 1);
    ck_assert_int_eq(r[1].range.end, 2);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(cluster, 2), 0);
    bool right = false;
    for (int i = 0; i < 20 && !right; i++) {
        ask("a", "orders", 0, &r[0]);
        ask("a", "orders", 1, &r[1]);
        wait_for_replies();
        right = r[0].range.known && r[0].range.end == 1 &&
                r[1].err.code == ERR_UNAVAILABLE;
    }
    ck_assert(right);
    ck_assert_int_eq(rd_kafka_mock_broker_set_up(cluster, 2), 0);
}
END_TEST

/* The mock cluster knows no times: it says "none" of all. */
START_TEST(times)
{
    static struct reply r[6];
    for (int i = 0; i < 6; i++) {
        r[i] = (struct reply){0};
        to_come++;
        logs_ask_time(logs, i < 5 ? "a" : "dead", "orders", i % 2, 1000, loop,
                      on_offset, &r[i]);
    }
    wait_for_replies();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(r[i].calls, 1);
        ck_assert_int_eq(r[i].err.code, 0);
        ck_assert_int_eq(r[i].offset, -1);
    }
    ck_assert_int_eq(r[5].err.code, ERR_UNAVAILABLE);
}
END_TEST

START_TEST(stopping_answers_all)
{
    struct reply r[3];
    ask("dead", "orders", 0, &r[0]);
    ask("dead", "orders", 1, &r[1]);
    logs_stop(logs);
    ask("a", "orders", 1, &r[2]);
    while (loop_drain(loop))
        continue;
    ck_assert_int_eq(r[0].calls, 1);
    ck_assert_int_eq(r[1].calls, 1);
    ck_assert_int_eq(r[2].err.code, ERR_CLOSED);
    ck_assert(r[1].err.code == ERR_CLOSED || r[1].err.code == ERR_UNAVAILABLE);
}
END_TEST

START_TEST(bad_property_is_refused)
{
    struct err err;
    struct logs *other;
    ck_assert_int_eq(props_set(&config.clusters[0].properties, "no.such", "1"),
                     0);
    ck_assert_int_ne(logs_start(&config, &other, &err), 0);
    ck_assert_str_eq(err.field, "no.such");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("logs");
    TCase *t = tcase_create("mock cluster");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, fresh_ranges);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, known_ranges_are_kept_up_to_date);
    tcase_add_test(t, what_cannot_be_looked_up);
    tcase_add_test(t, dead_cluster_is_said_in_time);
    tcase_add_test(t, one_broker_away);
    tcase_add_test(t, times);
    tcase_add_test(t, stopping_answers_all);
    tcase_add_test(t, bad_property_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
