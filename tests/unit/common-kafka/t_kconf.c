/* Configuration, errors, logs and the queue's descriptor; no broker. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/kafka/kconf.h"
#include "tests/support/support.h"

static void
has_value(rd_kafka_conf_t *conf, const char *key, const char *expected)
{
    char value[256];
    size_t size = sizeof(value);
    ck_assert_int_eq(rd_kafka_conf_get(conf, key, value, &size),
                     RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, expected);
}

START_TEST(takes_properties)
{
    struct props p = {0};
    rd_kafka_conf_t *conf;
    struct err err;
    ck_assert_int_eq(props_set(&p, "client.id", "c1"), 0);
    ck_assert_int_eq(props_set(&p, "bootstrap.servers", "h2:2"), 0);
    ck_assert_int_eq(kconf_new("h1:1", &p, &conf, &err), 0);
    has_value(conf, "client.id", "c1");
    has_value(conf, "bootstrap.servers", "h2:2"); /* later ones win */
    rd_kafka_conf_destroy(conf);
    ck_assert_int_eq(kconf_new("h1:1", NULL, &conf, &err), 0);
    has_value(conf, "bootstrap.servers", "h1:1");
    rd_kafka_conf_destroy(conf);
    props_fini(&p);
}
END_TEST

/* A table's values are references; what they stand for is never shown. */
START_TEST(resolves_references)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct err err = {0};
    ck_assert_int_eq(setenv("SHUNT_T_KCONF", "s3cret", 1), 0);
    ck_assert_int_eq(
        kconf_set_refs(conf, "client.id", "c-${env:SHUNT_T_KCONF}", &err), 0);
    has_value(conf, "client.id", "c-s3cret");
    ck_assert_int_eq(kconf_set_refs(conf, "client.id", "plain", &err), 0);
    has_value(conf, "client.id", "plain");
    ck_assert_int_eq(
        kconf_set_refs(conf, "fetch.min.bytes", "${env:SHUNT_T_KCONF}", &err),
        ERR_INVALID);
    ck_assert_str_eq(err.field, "fetch.min.bytes");
    ck_assert_ptr_nonnull(strstr(err.text, "${env:SHUNT_T_KCONF}"));
    ck_assert_ptr_null(strstr(err.text, "s3cret"));
    ck_assert_int_eq(unsetenv("SHUNT_T_KCONF"), 0);
    ck_assert_int_eq(
        kconf_set_refs(conf, "client.id", "s3cret-${env:SHUNT_T_KCONF}", &err),
        ERR_NOTFOUND);
    ck_assert_str_eq(err.field, "client.id");
    ck_assert_ptr_nonnull(strstr(err.text, "SHUNT_T_KCONF"));
    ck_assert_ptr_null(strstr(err.text, "s3cret"));
    rd_kafka_conf_destroy(conf);
}
END_TEST

START_TEST(names_bad_property_and_value)
{
    struct props p = {0};
    rd_kafka_conf_t *conf = NULL;
    struct err err;
    ck_assert_int_eq(props_set(&p, "no.such.thing", "x1"), 0);
    ck_assert_int_eq(kconf_new("h1:1", &p, &conf, &err), ERR_INVALID);
    ck_assert_ptr_null(conf);
    ck_assert_str_eq(err.field, "no.such.thing");
    ck_assert_str_eq(err.value, "x1");
    ck_assert(strstr(err.text, "no.such.thing") && strstr(err.text, "x1"));
    props_fini(&p);
    ck_assert_int_eq(props_set(&p, "fetch.min.bytes", "many"), 0);
    ck_assert_int_eq(kconf_new("h1:1", &p, &conf, &err), ERR_INVALID);
    ck_assert_str_eq(err.field, "fetch.min.bytes");
    ck_assert_str_eq(err.value, "many");
    ck_assert_int_eq(kconf_new("h1:1", &p, &conf, NULL), ERR_INVALID);
    props_fini(&p);
}
END_TEST

START_TEST(hides_passwords)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct err err;
    ck_assert_int_eq(kconf_set(conf, "sasl.passwordd", "hunter2", &err),
                     ERR_INVALID);
    ck_assert_str_eq(err.field, "sasl.passwordd");
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
    ck_assert_ptr_null(strstr(err.value, "hunter2"));
    rd_kafka_conf_destroy(conf);
}
END_TEST

START_TEST(refuses_what_librdkafka_refuses)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    struct err err;
    ck_assert_int_eq(kconf_new("h1:1", NULL, &conf, &err), 0);
    ck_assert_int_eq(kconf_set(conf, "enable.idempotence", "true", &err), 0);
    ck_assert_int_eq(kconf_set(conf, "acks", "1", &err), 0);
    ck_assert_int_eq(kafka_new_take(RD_KAFKA_PRODUCER, conf, &rk, &err),
                     ERR_KAFKA);
    ck_assert_ptr_null(rk);
    ck_assert_msg(strstr(err.text, "cannot make a Kafka producer: ") ==
                          err.text &&
                      strstr(err.text, "acks"),
                  "%s", err.text);
}
END_TEST

START_TEST(words_kafka_errors)
{
    struct err err;
    ck_assert_int_eq(
        err_kafka(&err, RD_KAFKA_RESP_ERR__TRANSPORT, "cannot read %s", "x"),
        ERR_KAFKA);
    ck_assert_int_eq(err.code, ERR_KAFKA);
    ck_assert_str_eq(err.text, "cannot read x: Local: Broker transport "
                               "failure (_TRANSPORT)");
    ck_assert_int_eq(err_kafka(NULL, RD_KAFKA_RESP_ERR__TRANSPORT, "x"),
                     ERR_KAFKA);
    char large[2000];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    (void)err_kafka(&err, RD_KAFKA_RESP_ERR_UNKNOWN, "%s", large);
    ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

static bool
readable_within(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static rd_kafka_t *
new_producer(void (*set_up)(rd_kafka_conf_t *conf), const char *servers)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    struct err err;
    ck_assert_int_eq(kconf_new(servers, NULL, &conf, &err), 0);
    set_up(conf);
    ck_assert_int_eq(kafka_new_take(RD_KAFKA_PRODUCER, conf, &rk, &err), 0);
    return rk;
}

static void
be_silent(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, NULL);
}

/* Rings for what stands in the queue already, then for what is new. */
START_TEST(rings_when_the_queue_fills)
{
    struct err err;
    int fd;
    rd_kafka_t *rk = new_producer(be_silent, "127.0.0.1:9");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    ck_assert_int_eq(kqueue_fd(queue, &fd, &err), 0);
    ck_assert(readable_within(fd, 0));
    kqueue_drain_fd(fd);
    kqueue_drain_fd(fd); /* an empty one does not block */
    ck_assert(!readable_within(fd, 0));
    for (int i = 0; i < 3; i++) {
        rd_kafka_DeleteTopic_t *del = rd_kafka_DeleteTopic_new("t");
        rd_kafka_AdminOptions_t *opts =
            rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DELETETOPICS);
        char why[256];
        ck_assert_int_eq(rd_kafka_AdminOptions_set_request_timeout(opts, 1, why,
                                                                   sizeof(why)),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_DeleteTopics(rk, &del, 1, opts, queue); /* times out */
        rd_kafka_AdminOptions_destroy(opts);
        rd_kafka_DeleteTopic_destroy(del);
        ck_assert(readable_within(fd, 10000));
        kqueue_drain_fd(fd);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 0);
        ck_assert_ptr_nonnull(event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

static int lines;
static char line_seen[256];

static void
take_line(enum log_level level, const char *line)
{
    if (level > LOG_WARN || __atomic_load_n(&lines, __ATOMIC_ACQUIRE))
        return;
    (void)snprintf(line_seen, sizeof(line_seen), "%s", line);
    __atomic_store_n(&lines, 1, __ATOMIC_RELEASE);
}

static bool
has_line(void *arg)
{
    (void)arg;
    return __atomic_load_n(&lines, __ATOMIC_ACQUIRE) > 0;
}

START_TEST(logs_through_base)
{
    char servers[64];
    (void)snprintf(servers, sizeof(servers), "127.0.0.1:%d", free_port());
    log_set_sink(take_line);
    rd_kafka_t *rk = new_producer(kconf_log_to_base, servers);
    ck_assert(wait_until(has_line, NULL, DEADLINE_MS));
    ck_assert_msg(strstr(line_seen, "rdkafka#producer-1: FAIL: ") != NULL, "%s",
                  line_seen);
    rd_kafka_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kconf");
    TCase *tc = tcase_create("kconf");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, takes_properties);
    tcase_add_test(tc, resolves_references);
    tcase_add_test(tc, names_bad_property_and_value);
    tcase_add_test(tc, hides_passwords);
    tcase_add_test(tc, refuses_what_librdkafka_refuses);
    tcase_add_test(tc, words_kafka_errors);
    tcase_add_test(tc, rings_when_the_queue_fills);
    tcase_add_test(tc, logs_through_base);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
