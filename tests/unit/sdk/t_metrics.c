/* What handles count, and Prometheus' text of it. */
#include <check.h>
#include <shunt/shunt.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/src/metrics_text.h"

static struct metrics m;

static void
set_up(void)
{
    ck_assert_int_eq(metrics_init(&m), 0);
}

static void
tear_down(void)
{
    metrics_fini(&m);
}

START_TEST(counters_add_up)
{
    metrics_add(&m, METRIC_COMMITS, 2);
    metrics_add(&m, METRIC_COMMITS, 3);
    metrics_add_locked(&m, METRIC_RECORDS_DELIVERED, 7);
    metrics_add_locked(&m, METRIC_RECORDS_DELIVERED, 1);
    ck_assert_int_eq(metrics_get(&m, METRIC_COMMITS), 5);
    ck_assert_int_eq(metrics_get(&m, METRIC_RECORDS_DELIVERED), 8);
    ck_assert_int_eq(metrics_get(&m, METRIC_WARNINGS), 0);
    metrics_add(NULL, METRIC_COMMITS, 1);
    metrics_add_locked(NULL, METRIC_COMMITS, 1);
    metrics_switch_begins(NULL, "b");
    metrics_phase(NULL, "b", "joined", 1);
    metrics_switched(NULL, 1, 1);
}
END_TEST

START_TEST(phases_are_of_the_last_move_to_each_cluster)
{
    char to[2] = "b"; /* it may be anybody's */
    metrics_switch_begins(&m, to);
    metrics_phase(&m, to, "prepared", 5);
    *to = 'x';
    metrics_phase(&m, "b", "joined", 9);
    metrics_phase(&m, "b", "joined", 11);
    metrics_switch_begins(&m, "a");
    metrics_phase(&m, "a", "prepared", 3);
    ck_assert_uint_eq(m.n_phases, 3);
    metrics_switch_begins(&m, "b");
    ck_assert_uint_eq(m.n_phases, 1);
    ck_assert_str_eq(m.phases[0].to, "a");
    static const char *const names[] = {"p", "q", "r", "s", "t", "u", "v", "w"};
    static const char *const others[] = {"1", "2", "3", "4", "5",
                                         "6", "7", "8", "9"};
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < 8; k++)
            metrics_phase(&m, others[i], names[k], 1);
    ck_assert_uint_eq(m.n_phases, METRIC_PHASES_MAX);
}
END_TEST

START_TEST(a_stall_counts_only_when_something_was_left)
{
    metrics_switched(&m, 4, -1);
    ck_assert_int_eq(m.since, 4);
    ck_assert_int_eq(m.stall_ms, -1);
    ck_assert_int_eq(metrics_get(&m, METRIC_SWITCHES), 0);
    metrics_switched(&m, 5, 30);
    metrics_switched(&m, 6, 0);
    ck_assert_int_eq(m.stall_ms, 0);
    ck_assert_int_eq(metrics_get(&m, METRIC_SWITCHES), 2);
    ck_assert_int_eq(metrics_get(&m, METRIC_SWITCH_STALL_MS), 30);
}
END_TEST

static char *
rendered(const struct metrics_shot *shots, size_t n)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    metrics_render(&b, shots, n);
    char *text = buf_take(&b);
    ck_assert_ptr_nonnull(text);
    return text;
}

static size_t
times(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

#define HAS(text, words) ck_assert_msg(times(text, words) == 1, "%s", text)
#define NOT(text, words) ck_assert_msg(times(text, words) == 0, "%s", text)

START_TEST(text_of_two_handles)
{
    struct stream_gauge streams[] = {{"a", "b.orders", "b", 3, 70, 5},
                                     {"a", "orders", NULL, 4, -1, -1}};
    struct metrics_shot shots[2] = {
        {.handle = "o\"r\\d\n#consumer-1",
         .role = "consumer",
         .of = METRIC_OF_CONSUMER,
         .cluster = "a",
         .revision = 12,
         .stall_ms = -1,
         .outq = -1,
         .streams = streams,
         .n_streams = 2,
         .standby = "b",
         .n_phases = 1,
         .phases = {{"b", "joined", 17}}},
        {.handle = "p",
         .role = "producer",
         .of = METRIC_OF_PRODUCER,
         .stall_ms = 3,
         .outq = 0},
    };
    shots[0].counters[METRIC_RECORDS_DELIVERED] = 42;
    shots[1].counters[METRIC_WARNINGS] = 2;
    char *text = rendered(shots, 2);
    HAS(text, "\nshunt_sdk_cluster{handle=\"o\\\"r\\\\d\\n#consumer-1\","
              "role=\"consumer\",cluster=\"a\"} 1\n");
    HAS(text, "_records_delivered_total{handle=\"o\\\"r\\\\d\\n#consumer-1\"} "
              "42\n");
    HAS(text, "# TYPE shunt_sdk_records_delivered_total counter\n");
    HAS(text, "# TYPE shunt_sdk_warnings_total counter\n");
    HAS(text, "shunt_sdk_warnings_total{handle=\"p\"} 2\n");
    NOT(text, "shunt_sdk_records_delivered_total{handle=\"p\"}");
    NOT(text, "shunt_sdk_records_accepted_total{handle=\"o");
    HAS(text, "shunt_sdk_outq{handle=\"p\"} 0\n");
    HAS(text, "#consumer-1\",cluster=\"b\"} 0\n"); /* standby_ready */
    HAS(text, ",to=\"b\",phase=\"joined\"} 17\n");
    HAS(text, "shunt_sdk_last_switch_stall_ms{handle=\"p\"} 3\n");
    HAS(text, "shunt_sdk_stream_lag{handle=\"o\\\"r\\\\d\\n#consumer-1\","
              "cluster=\"a\",topic=\"b.orders\",partition=\"3\",origin=\"b\"} "
              "5\n");
    HAS(text, ",partition=\"3\",origin=\"b\"} 70\n");
    NOT(text, "partition=\"4\"");
    NOT(text, "cluster=\"(null)\"");
    free(text);
}
END_TEST

static shunt_t *
handle(rd_kafka_type_t type)
{
    char why[512] = "";
    shunt_conf_t *conf = shunt_conf_new();
    static const char *const props[][2] = {
        {"cluster.code", "orders"},
        {"route.service", "http://127.0.0.1:1"},
        {"route.cache.dir", ""},
        {"group.id", "g"},
    };
    for (size_t i = 0; i < (type == RD_KAFKA_CONSUMER ? 4 : 3); i++)
        ck_assert_int_eq(
            shunt_conf_set(conf, props[i][0], props[i][1], why, sizeof(why)),
            RD_KAFKA_CONF_OK);
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

START_TEST(all_handles_of_the_process)
{
    char *text = shunt_metrics_text(NULL);
    ck_assert_ptr_nonnull(text);
    NOT(text, "handle=");
    free(text);
    shunt_t *one = handle(RD_KAFKA_PRODUCER);
    shunt_t *two = handle(RD_KAFKA_CONSUMER);
    text = shunt_metrics_text(NULL);
    HAS(text, "# TYPE shunt_sdk_switches_total counter\n");
    ck_assert_uint_eq(times(text, "\nshunt_sdk_switches_total{"), 2);
    free(text);
    text = shunt_metrics_text(one);
    ck_assert_uint_eq(times(text, "\nshunt_sdk_switches_total{"), 1);
    ck_assert_ptr_nonnull(strstr(text, shunt_name(one)));
    ck_assert_ptr_null(strstr(text, shunt_name(two)));
    free(text);
    shunt_destroy(one);
    text = shunt_metrics_text(NULL);
    ck_assert_uint_eq(times(text, "\nshunt_sdk_switches_total{"), 1);
    free(text);
    shunt_destroy(two);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, counters_add_up);
    tcase_add_test(t, phases_are_of_the_last_move_to_each_cluster);
    tcase_add_test(t, a_stall_counts_only_when_something_was_left);
    tcase_add_test(t, text_of_two_handles);
    tcase_add_test(t, all_handles_of_the_process);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
