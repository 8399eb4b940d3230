/* The configuration and shunt_new(): what is refused, and with which words. */
#include <check.h>
#include <fcntl.h>
#include <shunt/shunt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/src/conf.h"

static shunt_conf_t *conf;
static char why[512]; /* the opaque too */

static void
set_up(void)
{
    conf = shunt_conf_new();
    ck_assert_ptr_nonnull(conf);
    *why = '\0';
}

static void
tear_down(void)
{
    shunt_conf_destroy(conf);
}

static rd_kafka_conf_res_t
set(const char *name, const char *value)
{
    return shunt_conf_set(conf, name, value, why, sizeof(why));
}

static void
expect(const char *name, const char *value)
{
    char text[256];
    size_t size = sizeof(text);
    ck_assert_int_eq(shunt_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(text, value);
    ck_assert_uint_eq(size, strlen(value) + 1);
}

START_TEST(refusals)
{
    static const char *const bad[][3] = {
        {"bootstrap.servers", "h:1", "route service"},
        {"metadata.broker.list", "h:1", "route service"},
        {"plugin.library.paths", "x.so", "every move"},
        {"test.mock.num.brokers", "3", "route service"},
        {"switch.position", "somewhere", "stored, committed or delivered"},
        {"switch.flush.timeout.ms", "soon", "soon"},
        {"switch.flush.timeout.ms", "-1", "-1"},
        {"route.request.timeout.ms", "0", "0"},
        {"cluster.code", "", "empty"},
        {"cluster.code", "a\nb", "control character"},
        {"attr.", "x", "name"},
        {"attr.x", "a\tb", "control character"},
        {"attr.x\x7f", "a", "control character"},
        {"batch.size", "x", "batch.size"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert_msg(set(bad[i][0], bad[i][1]) == RD_KAFKA_CONF_INVALID,
                      "%s was accepted", bad[i][0]);
        ck_assert_msg(strstr(why, bad[i][2]) && strstr(why, bad[i][0]),
                      "%s: %s", bad[i][0], why);
        ck_assert_ptr_null(strstr(strstr(why, bad[i][0]) + 1, bad[i][0]));
    }
}
END_TEST

START_TEST(unknown_properties_have_librdkafkas_words)
{
    ck_assert_int_eq(set("no.such", "1"), RD_KAFKA_CONF_UNKNOWN);
    ck_assert_str_eq(why, "No such configuration property: \"no.such\"");
    ck_assert_int_eq(set("switch.flush.timeout", "1"), RD_KAFKA_CONF_UNKNOWN);
    ck_assert_int_eq(shunt_conf_set(conf, "no.such", "1", NULL, 0),
                     RD_KAFKA_CONF_UNKNOWN);
}
END_TEST

START_TEST(values_are_kept)
{
    expect("switch.flush.timeout.ms", "5000");
    ck_assert_int_eq(set("switch.flush.timeout.ms", "7"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("attr.flink.id", "1234"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("linger.ms", "3"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("acks", "1"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("enable.idempotence", "false"), RD_KAFKA_CONF_OK);
    shunt_conf_t *copy = shunt_conf_dup(conf);
    shunt_conf_destroy(conf);
    conf = copy;
    expect("switch.flush.timeout.ms", "7");
    expect("cluster.code", "orders");
    expect("attr.flink.id", "1234");
    expect("linger.ms", "3");
    size_t size = 0;
    ck_assert_int_eq(shunt_conf_get(conf, "attr.none", NULL, &size),
                     RD_KAFKA_CONF_UNKNOWN);
    char small[4];
    size = sizeof(small);
    ck_assert_int_eq(shunt_conf_get(conf, "cluster.code", small, &size),
                     RD_KAFKA_CONF_OK);
    ck_assert_str_eq(small, "ord");
    ck_assert_uint_eq(size, 7);
}
END_TEST

START_TEST(position_follows_automatic_commits)
{
    ck_assert_int_eq(conf_position(conf), SWITCH_STORED);
    ck_assert_int_eq(set("enable.auto.commit", "false"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_position(conf), SWITCH_COMMITTED);
    ck_assert_int_eq(set("enable.auto.offset.store", "false"),
                     RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_position(conf), SWITCH_COMMITTED);
    ck_assert_int_eq(set("switch.position", "stored"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_position(conf), SWITCH_STORED);
    ck_assert_int_eq(set("switch.position", "delivered"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_position(conf), SWITCH_DELIVERED);
    ck_assert_int_eq(conf_standby(conf), STANDBY_NONE);
    ck_assert_int_eq(set("switch.standby", "connect"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_standby(conf), STANDBY_CONNECT);
    ck_assert_int_eq(set("switch.standby", "join"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_standby(conf), STANDBY_JOIN);
    ck_assert_int_eq(set("switch.standby", "warm"), RD_KAFKA_CONF_INVALID);
}
END_TEST

static const char *
value_in(const char **all, size_t n, const char *name)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        if (strcmp(all[i], name) == 0)
            return all[i + 1];
    return NULL;
}

START_TEST(everything_is_dumped)
{
    size_t n;
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("attr.flink.id", "1234"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("fetch.min.bytes", "3"), RD_KAFKA_CONF_OK);
    const char **all = shunt_conf_dump(conf, &n);
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(n % 2, 0);
    ck_assert_str_eq(value_in(all, n, "cluster.code"), "orders");
    ck_assert_str_eq(value_in(all, n, "switch.flush.timeout.ms"), "5000");
    ck_assert_str_eq(value_in(all, n, "attr.flink.id"), "1234");
    ck_assert_str_eq(value_in(all, n, "fetch.min.bytes"), "3");
    ck_assert_ptr_null(value_in(all, n, "route.cache.dir"));
    ck_assert_str_eq(all[0], "cluster.code");
    shunt_conf_dump_free(all, n);
    shunt_conf_dump_free(NULL, 0);
}
END_TEST

static char *
shown(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    shunt_conf_properties_show(f);
    ck_assert_int_eq(fclose(f), 0);
    return text;
}

START_TEST(everything_is_shown)
{
    char *text = shown();
    for (const struct opt *o = conf_options; o->key; o++)
        ck_assert_msg(strstr(text, o->key) && strstr(text, o->help), "%s",
                      o->key);
    ck_assert_ptr_nonnull(strstr(text, "fetch.min.bytes"));
    free(text);
}
END_TEST

START_TEST(copies_leave_out_what_is_filtered)
{
    static const char *filter[] = {"switch.", "attr.x", "opaque", "cluster.c",
                                   "fetch.min"};
    size_t size = 0;
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("client.name", "n"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("switch.flush.timeout.ms", "7"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("attr.x1", "1"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("attr.y", "2"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("fetch.min.bytes", "3"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("fetch.max.bytes", "3000000"), RD_KAFKA_CONF_OK);
    shunt_conf_set_opaque(conf, why);
    shunt_conf_t *copy = shunt_conf_dup_filter(conf, 5, filter);
    ck_assert_ptr_eq(conf->opaque, why);
    shunt_conf_destroy(conf);
    conf = copy;
    ck_assert_ptr_null(conf->opaque);
    expect("switch.flush.timeout.ms", "5000");
    expect("client.name", "n");
    expect("attr.y", "2");
    expect("fetch.min.bytes", "1");
    expect("fetch.max.bytes", "3000000");
    ck_assert_int_eq(shunt_conf_get(conf, "attr.x1", NULL, &size),
                     RD_KAFKA_CONF_UNKNOWN);
    ck_assert_int_eq(shunt_conf_get(conf, "cluster.code", NULL, &size),
                     RD_KAFKA_CONF_UNKNOWN);
}
END_TEST

START_TEST(no_value_means_the_default)
{
    size_t size = 0;
    ck_assert_int_eq(set("switch.flush.timeout.ms", "7"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("switch.flush.timeout.ms", NULL), RD_KAFKA_CONF_OK);
    expect("switch.flush.timeout.ms", "5000");
    ck_assert_int_eq(set("client.name", "n"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("client.name", NULL), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(shunt_conf_get(conf, "client.name", NULL, &size),
                     RD_KAFKA_CONF_UNKNOWN);
    ck_assert_int_eq(set("attr.x", NULL), RD_KAFKA_CONF_INVALID);
    ck_assert_int_eq(set(NULL, "x"), RD_KAFKA_CONF_INVALID);
}
END_TEST

START_TEST(defaults_of_topics)
{
    char text[64];
    size_t size = sizeof(text);
    rd_kafka_topic_conf_t *t = rd_kafka_topic_conf_new();
    ck_assert_int_eq(rd_kafka_topic_conf_set(t, "acks", "1", NULL, 0),
                     RD_KAFKA_CONF_OK);
    ck_assert_ptr_null(shunt_conf_get_default_topic_conf(conf));
    shunt_conf_set_default_topic_conf(conf, t);
    ck_assert_ptr_eq(shunt_conf_get_default_topic_conf(conf), t);
    expect("acks", "1");
    shunt_conf_t *copy = shunt_conf_dup(conf);
    shunt_conf_destroy(conf);
    conf = copy;
    t = shunt_conf_get_default_topic_conf(conf);
    ck_assert_int_eq(rd_kafka_topic_conf_get(t, "acks", text, &size),
                     RD_KAFKA_CONF_OK);
    ck_assert_str_eq(text, "1");
}
END_TEST

START_TEST(cache_folder)
{
    char *path;
    ck_assert_int_eq(setenv("XDG_STATE_HOME", "/x", 1), 0);
    ck_assert_int_eq(conf_cache_dir(conf, &path), 0);
    ck_assert_str_eq(path, "/x/shunt");
    free(path);
    ck_assert_int_eq(unsetenv("XDG_STATE_HOME"), 0);
    ck_assert_int_eq(setenv("HOME", "/h", 1), 0);
    ck_assert_int_eq(conf_cache_dir(conf, &path), 0);
    ck_assert_str_eq(path, "/h/.local/state/shunt");
    free(path);
    ck_assert_int_eq(set("route.cache.dir", ""), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(conf_cache_dir(conf, &path), 0);
    ck_assert_ptr_null(path);
}
END_TEST

static void
expect_no_handle(rd_kafka_type_t type, const char *words)
{
    ck_assert_ptr_null(shunt_new(type, conf, why, sizeof(why)));
    ck_assert_msg(strstr(why, words) != NULL, "%s", why);
}

START_TEST(what_a_handle_needs)
{
    ck_assert_ptr_null(shunt_new(RD_KAFKA_PRODUCER, NULL, why, sizeof(why)));
    expect_no_handle(RD_KAFKA_PRODUCER, "cluster.code");
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    expect_no_handle(RD_KAFKA_PRODUCER, "route.service");
    ck_assert_int_eq(set("route.service", "127.0.0.1:7070"), RD_KAFKA_CONF_OK);
    expect_no_handle(RD_KAFKA_PRODUCER, "http://");
    ck_assert_int_eq(set("route.service", "http://127.0.0.1:1/"),
                     RD_KAFKA_CONF_OK);
    expect_no_handle(RD_KAFKA_CONSUMER, "group.id");
}
END_TEST

START_TEST(what_is_the_url_of_a_service)
{
    static const char *const urls[][2] = {
        {"http://h", NULL},
        {"https://h:7070/behind/a/proxy", NULL},
        {"http://[::1]:7070", NULL},
        {"http://[::1]", NULL},
        {"http://me:secret@h:7070", NULL},
        {"http://127.0.0.1:65535,http://h:1/", NULL},
        {"http://127.0.0.1:99999", "port from 1 to 65535"},
        {"http://127.0.0.1:0", "port from 1 to 65535"},
        {"http://h:", "port from 1 to 65535"},
        {"http://h:7o70", "port from 1 to 65535"},
        {"http://me:secret@h:70700", "port from 1 to 65535"},
        {"http://h:1/x?y", "has a ? or #"},
        {"http://h:1#x", "has a ? or #"},
        {"http://", "http:// or https://"},
        {"http://:7070", "names no host"},
        {"http:///v1", "names no host"},
        {"http://[::1", "[ ]"},
        {"http://[::1]x", "[ ]"},
        {"http://h:1/a\nb", "control character"},
        {"http://h:1,http://h:2?x", "http://h:2?x"},
    };
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        ck_assert_int_eq(set("route.service", urls[i][0]), RD_KAFKA_CONF_OK);
        /* Where it is well, the next thing is missing. */
        expect_no_handle(RD_KAFKA_CONSUMER,
                         urls[i][1] ? urls[i][1] : "group.id");
    }
}
END_TEST

START_TEST(a_type_is_needed)
{
    expect_no_handle((rd_kafka_type_t)7, "type 7");
    ck_assert_ptr_null(strstr(why, "cluster.code"));
}
END_TEST

static void
set_what_is_needed(void)
{
    ck_assert_int_eq(set("cluster.code", "orders"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("route.service", "http://127.0.0.1:1"),
                     RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("route.cache.dir", ""), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("group.id", "g"), RD_KAFKA_CONF_OK);
    shunt_conf_set_opaque(conf, why);
    shunt_conf_set_log_cb(conf, NULL);
}

/* Properties that librdkafka takes one by one, and not together. */
static const struct {
    rd_kafka_type_t type;
    const char *set[2][2];
    const char *mended; /* what the first would have to be */
} quarrels[] = {
    {RD_KAFKA_PRODUCER, {{"acks", "1"}, {"enable.idempotence", "true"}}, "all"},
    {RD_KAFKA_PRODUCER,
     {{"enable.idempotence", "false"}, {"transactional.id", "t"}},
     "true"},
    {RD_KAFKA_PRODUCER,
     {{"linger.ms", "2000"}, {"message.timeout.ms", "1000"}},
     "0"},
    {RD_KAFKA_CONSUMER,
     {{"max.poll.interval.ms", "10000"}, {"session.timeout.ms", "60000"}},
     "60000"},
    {RD_KAFKA_CONSUMER,
     {{"partition.assignment.strategy", "best"}, {"client.id", "x"}},
     "range"},
};

static void
librdkafkas_words(int i, char *text, size_t size)
{
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(rd_kafka_conf_set(c, quarrels[i].set[k][0],
                                           quarrels[i].set[k][1], NULL, 0),
                         RD_KAFKA_CONF_OK);
    ck_assert_int_eq(rd_kafka_conf_set(c, "group.id", "g", NULL, 0),
                     RD_KAFKA_CONF_OK);
    ck_assert_ptr_null(rd_kafka_new(quarrels[i].type, c, text, size));
    rd_kafka_conf_destroy(c);
}

START_TEST(what_librdkafka_would_refuse)
{
    char words[512];
    librdkafkas_words(_i, words, sizeof(words));
    set_what_is_needed();
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(set(quarrels[_i].set[k][0], quarrels[_i].set[k][1]),
                         RD_KAFKA_CONF_OK);
    expect_no_handle(quarrels[_i].type, words);
    ck_assert_str_eq(why, words);
    ck_assert_ptr_null(shunt_new(quarrels[_i].type, conf, NULL, 0));
    /* It is still the caller's, who may mend it. */
    expect(quarrels[_i].set[0][0], quarrels[_i].set[0][1]);
    ck_assert_int_eq(set(quarrels[_i].set[0][0], quarrels[_i].mended),
                     RD_KAFKA_CONF_OK);
    shunt_t *rk = shunt_new(quarrels[_i].type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    conf = NULL;
    shunt_destroy(rk);
}
END_TEST

/* A cluster's properties may complete them: librdkafka alone would miss the
 * credentials and the file. */
START_TEST(connections_are_the_clusters_business)
{
    set_what_is_needed();
    ck_assert_int_eq(set("security.protocol", "sasl_ssl"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("sasl.mechanisms", "PLAIN"), RD_KAFKA_CONF_OK);
    ck_assert_int_eq(set("ssl.ca.location", "/no/such/file"), RD_KAFKA_CONF_OK);
    shunt_t *rk = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    conf = NULL;
    shunt_destroy(rk);
}
END_TEST

static atomic_int lines;

static void
count_line(const shunt_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    (void)level;
    (void)buf;
    if (strcmp(fac, "SHUNTROUTE") != 0)
        lines++;
}

/* What librdkafka says of a handle without brokers, nobody sees. */
START_TEST(a_trial_says_nothing)
{
    char said[4096] = "";
    int fd[2];
    set_what_is_needed();
    ck_assert_int_eq(set("debug", "all"), RD_KAFKA_CONF_OK);
    shunt_conf_set_log_cb(conf, count_line);
    ck_assert_int_eq(pipe2(fd, O_NONBLOCK), 0);
    const int was = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
    shunt_t *rk = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_int_eq(dup2(was, STDERR_FILENO), STDERR_FILENO);
    ck_assert_msg(rk != NULL, "%s", why);
    conf = NULL;
    ck_assert_int_eq(read(fd[0], said, sizeof(said) - 1), -1);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(lines, 0);
    shunt_destroy(rk);
    (void)close(was);
    (void)close(fd[0]);
    (void)close(fd[1]);
}
END_TEST

START_TEST(what_is_not_there_may_be_destroyed)
{
    shunt_destroy(NULL);
    shunt_destroy_flags(NULL, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    shunt_conf_destroy(NULL);
    shunt_queue_destroy(NULL);
    shunt_event_destroy(NULL);
}
END_TEST

static shunt_t *
new_handle(rd_kafka_type_t type)
{
    set_what_is_needed();
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    conf = NULL; /* taken */
    return rk;
}

/* Nothing is there, and nothing waits for it. */
START_TEST(a_producer_lives_alone)
{
    shunt_t *rk = new_handle(RD_KAFKA_PRODUCER);
    ck_assert_ptr_eq(shunt_opaque(rk), why);
    ck_assert_ptr_null(shunt_cluster(rk));
    ck_assert_int_eq(shunt_producev(rk, RD_KAFKA_V_TOPIC("orders"),
                                    RD_KAFKA_V_VALUE(why, 1), RD_KAFKA_V_END),
                     0);
    ck_assert_int_eq(shunt_outq_len(rk), 1);
    ck_assert_int_eq(shunt_poll(rk, 10), 0);
    ck_assert_int_eq(shunt_flush(rk, 10), RD_KAFKA_RESP_ERR__TIMED_OUT);
    ck_assert_int_eq(shunt_unsubscribe(rk), RD_KAFKA_RESP_ERR__INVALID_ARG);
    ck_assert_ptr_null(shunt_consumer_poll(rk, 0));
    rd_kafka_error_t *e = shunt_produceva(rk, NULL, 0);
    ck_assert_int_eq(rd_kafka_error_code(e), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_error_destroy(e);
    shunt_destroy(rk);
}
END_TEST

START_TEST(a_consumer_lives_alone)
{
    shunt_t *rk = new_handle(RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "^or(", -1);
    ck_assert_int_eq(shunt_subscribe(rk, l), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_partition_list_destroy(l);
    l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", -1);
    ck_assert_int_eq(shunt_subscribe(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    ck_assert_ptr_null(shunt_consumer_poll(rk, 10));
    ck_assert_int_eq(shunt_flush(rk, 0), RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED);
    ck_assert_int_eq(
        shunt_producev(rk, RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR__STATE);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("conf");
    TCase *t = tcase_create("conf");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, refusals);
    tcase_add_test(t, unknown_properties_have_librdkafkas_words);
    tcase_add_test(t, values_are_kept);
    tcase_add_test(t, position_follows_automatic_commits);
    tcase_add_test(t, everything_is_dumped);
    tcase_add_test(t, everything_is_shown);
    tcase_add_test(t, copies_leave_out_what_is_filtered);
    tcase_add_test(t, no_value_means_the_default);
    tcase_add_test(t, defaults_of_topics);
    tcase_add_test(t, cache_folder);
    tcase_add_test(t, what_a_handle_needs);
    tcase_add_test(t, a_type_is_needed);
    tcase_add_test(t, what_is_the_url_of_a_service);
    tcase_add_loop_test(t, what_librdkafka_would_refuse, 0,
                        (int)(sizeof(quarrels) / sizeof(*quarrels)));
    tcase_add_test(t, connections_are_the_clusters_business);
    tcase_add_test(t, a_trial_says_nothing);
    tcase_add_test(t, what_is_not_there_may_be_destroyed);
    tcase_add_test(t, a_producer_lives_alone);
    tcase_add_test(t, a_consumer_lives_alone);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
