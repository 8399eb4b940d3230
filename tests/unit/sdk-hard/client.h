/*
 * A consumer of libshunt that counts what it is given, and the configuration
 * that all clients here have.
 */
#ifndef SHUNT_TESTS_SDK_HARD_CLIENT_H
#define SHUNT_TESTS_SDK_HARD_CLIENT_H

#include "tests/unit/sdk-hard/world.h"

#define RECORDS_MAX 400 /* of a partition */

static void
client_set(shunt_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    ck_assert_msg(shunt_conf_set(conf, key, value, why, sizeof(why)) ==
                      RD_KAFKA_CONF_OK,
                  "%s", why);
}

/* NULL: out of memory.  HARD_LOG=debug contexts shows what happens. */
MAYBE_UNUSED static shunt_conf_t *
client_conf(const char *code)
{
    shunt_conf_t *conf = shunt_conf_new();
    ck_assert_ptr_nonnull(conf);
    client_set(conf, "cluster.code", code);
    client_set(conf, "route.service", url);
    client_set(conf, "route.cache.dir", "");
    client_set(conf, "route.request.timeout.ms", "2000");
    if (!getenv("HARD_LOG"))
        shunt_conf_set_log_cb(conf, NULL);
    else if (*getenv("HARD_LOG"))
        client_set(conf, "debug", getenv("HARD_LOG"));
    return conf;
}

/* For consumers, over client_conf(). */
MAYBE_UNUSED static void
client_conf_consumer(shunt_conf_t *conf, const char *group)
{
    client_set(conf, "group.id", group);
    client_set(conf, "auto.offset.reset", "earliest");
    client_set(conf, "session.timeout.ms", "4000"); /* the mock waits 1 s less
                                                       for other members */
    client_set(conf, "heartbeat.interval.ms", "300");
    client_set(conf, "fetch.wait.max.ms", "10");
    client_set(conf, "auto.commit.interval.ms", "100");
    client_set(conf, "switch.mapping.timeout.ms", "3000");
    client_set(conf, "switch.group.settle.ms", "0");
}

struct reader {
    shunt_t *rk;
    int times[PARTS][RECORDS_MAX]; /* that each record was given to us */
};

/* 0 or librdkafka's error. */
MAYBE_UNUSED static rd_kafka_resp_err_t
client_subscribe(shunt_t *rk)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, "orders",
                                            RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = shunt_subscribe(rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code;
}

MAYBE_UNUSED static void
reader_start_take(struct reader *r, shunt_conf_t *conf)
{
    char why[256];
    memset(r->times, 0, sizeof(r->times));
    r->rk = shunt_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_msg(r->rk != NULL, "%s", why);
    ck_assert_int_eq(client_subscribe(r->rk), 0);
}

MAYBE_UNUSED static void
reader_stop(struct reader *r)
{
    ck_assert_int_eq(shunt_consumer_close(r->rk), 0);
    shunt_destroy(r->rk);
}

MAYBE_UNUSED static void
reader_poll(struct reader *r, int timeout_ms)
{
    rd_kafka_message_t *m = shunt_consumer_poll(r->rk, timeout_ms);
    if (m && !m->err) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%.*s", (int)m->len,
                       (const char *)m->payload);
        const int number = atoi(text);
        ck_assert(number >= 0 && number < RECORDS_MAX);
        r->times[m->partition][number]++;
    }
    if (m)
        rd_kafka_message_destroy(m);
}

/* Of the records from..to-1. */
MAYBE_UNUSED static int
reader_misses(const struct reader *r, int from, int to)
{
    int n = 0;
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            n += r->times[p][i] == 0;
    return n;
}

MAYBE_UNUSED static int
reader_read_again(const struct reader *r)
{
    int n = 0;
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < RECORDS_MAX; i++)
            n += r->times[p][i] > 1 ? r->times[p][i] - 1 : 0;
    return n;
}

struct reader_wait {
    struct reader *r;
    int from, to;
};

static bool
reader_has(void *arg)
{
    const struct reader_wait *w = arg;
    for (int n = 0; n < 50; n++)
        reader_poll(w->r, 1);
    return reader_misses(w->r, w->from, w->to) == 0;
}

MAYBE_UNUSED static void
reader_expect(struct reader *r, int from, int to)
{
    struct reader_wait w = {r, from, to};
    ck_assert_msg(wait_until(reader_has, &w, WAIT_MS),
                  "%d of the records %d to %d are missing",
                  reader_misses(r, from, to), from, to);
}

#define HARD_MAIN(title, test)                                                 \
    int main(void)                                                             \
    {                                                                          \
        Suite *s = suite_create(title);                                        \
        TCase *t = tcase_create(title);                                        \
        tcase_add_checked_fixture(t, start_world, stop_world);                 \
        tcase_set_timeout(t, 300);                                             \
        test(t);                                                               \
        suite_add_tcase(s, t);                                                 \
        SRunner *runner = srunner_create(s);                                   \
        srunner_run_all(runner, CK_ENV);                                       \
        const int failed = srunner_ntests_failed(runner);                      \
        srunner_free(runner);                                                  \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                           \
    }

#endif
