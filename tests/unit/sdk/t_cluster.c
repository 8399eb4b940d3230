/* Questions about the cluster in use, and what is passed on to its handles. */
#include <check.h>
#include <shunt/shunt.h>
#include <stdio.h>

#include "sdk/src/handle.h"
#include "tests/unit/sdk/disk_world.h"

static int reports;

static void
on_report(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)m;
    (void)opaque;
    reports++;
    shunt_yield(rk);
}

static shunt_t *
new_handle(rd_kafka_type_t type)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    if (type == RD_KAFKA_PRODUCER)
        shunt_conf_set_dr_msg_cb(conf, on_report);
    reports = 0;
    return disk_handle_take(type, conf);
}

static void
expect_nothing_yet(shunt_t *rk)
{
    const struct rd_kafka_metadata *md;
    const struct rd_kafka_group_list *groups;
    ck_assert_int_eq(shunt_metadata(rk, 1, NULL, &md, 1000),
                     RD_KAFKA_RESP_ERR__STATE);
    ck_assert_ptr_null(md);
    ck_assert_int_eq(shunt_list_groups(rk, NULL, &groups, 1000),
                     RD_KAFKA_RESP_ERR__STATE);
    ck_assert_ptr_null(groups);
    ck_assert_ptr_null(shunt_clusterid(rk, 1000));
    ck_assert_int_eq(shunt_controllerid(rk, 1000), -1);
    ck_assert_int_eq(
        shunt_test_fatal_error(
            rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "x"),
        RD_KAFKA_RESP_ERR__STATE);
    ck_assert_int_eq(shunt_fatal_error(rk, NULL, 0), 0);
}

static void
expect_answers(shunt_t *rk)
{
    const struct rd_kafka_metadata *md = NULL;
    ck_assert_int_eq(shunt_metadata(rk, 1, NULL, &md, DEADLINE_MS), 0);
    ck_assert_int_eq(md->broker_cnt, 1);
    bool found = false;
    for (int i = 0; i < md->topic_cnt; i++)
        found |= strcmp(md->topics[i].topic, "orders") == 0 &&
                 md->topics[i].partition_cnt == 2;
    ck_assert(found);
    rd_kafka_metadata_destroy(md);
    char *id = shunt_clusterid(rk, 10000);
    ck_assert_ptr_nonnull(id);
    rd_kafka_mem_free(NULL, id);
    ck_assert_int_ge(shunt_controllerid(rk, 10000), 0);
}

static void
expect_dump(shunt_t *rk, const char *first)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    shunt_dump(f, rk);
    (void)fclose(f);
    ck_assert_msg(strstr(text, first) && strstr(text, shunt_name(rk)), "%s",
                  text);
    ck_assert_ptr_nonnull(strstr(text, "rd_kafka_t"));
    free(text);
}

START_TEST(a_producer)
{
    shunt_t *rk = new_handle(RD_KAFKA_PRODUCER);
    expect_nothing_yet(rk);
    disk_produce(rk, "x", NULL);
    while (shunt_outq_len(rk) > 0)
        (void)shunt_poll(rk, 100);
    expect_answers(rk);
    rd_kafka_topic_t *t = shunt_topic_new(rk, "orders", NULL);
    const struct rd_kafka_metadata *md = NULL;
    ck_assert_int_eq(shunt_metadata(rk, 0, t, &md, DEADLINE_MS), 0);
    ck_assert_int_eq(md->topic_cnt, 1);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(t);
    expect_dump(rk, "producer, cluster a, revision 7 (from disk)");
    shunt_destroy(rk);
}
END_TEST

START_TEST(a_consumer)
{
    shunt_t *rk = new_handle(RD_KAFKA_CONSUMER);
    expect_nothing_yet(rk);
    disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (!shunt_cluster(rk) && clock_mono_ms() < until_ms)
        ck_assert_ptr_null(shunt_consumer_poll(rk, 10));
    expect_answers(rk);
    expect_dump(rk, "consumer, cluster a, revision 7 (from disk)");
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
}
END_TEST

START_TEST(a_fatal_error_is_seen)
{
    char words[256] = "";
    shunt_t *rk = new_handle(RD_KAFKA_PRODUCER);
    disk_produce(rk, "x", NULL);
    while (shunt_outq_len(rk) > 0)
        (void)shunt_poll(rk, 100);
    ck_assert_int_eq(
        shunt_test_fatal_error(
            rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up"),
        0);
    ck_assert_int_eq(shunt_fatal_error(rk, words, sizeof(words)),
                     RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    ck_assert_msg(strstr(words, "made up") != NULL, "%s", words);
    shunt_destroy(rk);
}
END_TEST

/* As in librdkafka it has the code of the error itself. */
START_TEST(a_fatal_error_comes_as_an_event)
{
    bool seen = false;
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    shunt_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    shunt_t *rk = disk_handle_take(RD_KAFKA_PRODUCER, conf);
    shunt_queue_t *q = shunt_queue_get_main(rk);
    disk_produce(rk, "x", NULL);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    ck_assert_int_eq(
        shunt_test_fatal_error(
            rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up"),
        0);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (!seen && clock_mono_ms() < until_ms) {
        shunt_event_t *e = shunt_queue_poll(q, 100);
        seen = e && shunt_event_error_is_fatal(e) == 1 &&
               shunt_event_error(e) ==
                   RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        shunt_event_destroy(e);
    }
    ck_assert(seen);
    shunt_queue_destroy(q);
    shunt_destroy(rk);
}
END_TEST

START_TEST(credentials_are_for_handles_to_come_too)
{
    shunt_t *rk = new_handle(RD_KAFKA_PRODUCER);
    rd_kafka_error_t *e = shunt_sasl_set_credentials(rk, "u", NULL);
    ck_assert_int_eq(rd_kafka_error_code(e), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_error_destroy(e);
    ck_assert_ptr_null(shunt_sasl_set_credentials(rk, "u", "p"));
    ck_assert_ptr_null(shunt_sasl_set_credentials(rk, "me", "secret"));
    char text[64];
    size_t size = sizeof(text);
    rd_kafka_conf_t *conf = engine_conf(&rk->engine);
    ck_assert_int_eq(rd_kafka_conf_get(conf, "sasl.username", text, &size), 0);
    ck_assert_str_eq(text, "me");
    rd_kafka_conf_destroy(conf);
    shunt_destroy(rk);
}
END_TEST

static void
on_event(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)e;
    (void)opaque;
    reports++;
    shunt_yield(rk);
}

START_TEST(a_callback_can_end_its_poll)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_event_cb(conf, on_event);
    shunt_t *rk = disk_handle_take(RD_KAFKA_PRODUCER, conf);
    const struct engine_event e = {.type = ENGINE_WARNING, .text = "x"};
    reports = 0;
    for (int i = 0; i < 3; i++)
        rk->engine.on_event(&e, rk);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(shunt_poll(rk, 0), 1);
        ck_assert_int_eq(reports, i);
    }
    ck_assert_int_eq(shunt_poll(rk, 0), 0);
    for (int i = 0; i < 1003; i++) /* nobody polls */
        rk->engine.on_event(&e, rk);
    ck_assert_int_eq(metrics_get(&rk->metrics, METRIC_EVENTS_LOST), 3);
    ck_assert_int_eq(metrics_get(&rk->metrics, METRIC_WARNINGS), 1006);
    ck_assert_int_gt(shunt_thread_cnt(), 0);
    shunt_destroy(rk);
}
END_TEST

START_TEST(only_failures_are_reported_if_asked_for)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_dr_msg_cb(conf, on_report);
    disk_set(conf, "delivery.report.only.error", "true");
    reports = 0;
    shunt_t *rk = disk_handle_take(RD_KAFKA_PRODUCER, conf);
    disk_produce(rk, "x", NULL);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    ck_assert_int_eq(shunt_outq_len(rk), 0);
    ck_assert_int_eq(reports, 0);
    shunt_destroy(rk);
}
END_TEST

static int rebalances, commits;

static void
on_rebalance(shunt_t *rk, rd_kafka_resp_err_t err,
             rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    (void)opaque;
    rebalances++;
    (void)shunt_assign(
        rk, err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? partitions : NULL);
}

static void
on_commit(shunt_t *rk, rd_kafka_resp_err_t err,
          rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    (void)err;
    (void)offsets;
    (void)opaque;
    commits++;
}

/* One record was read and is not committed. */
static void
end_with(int flags)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    shunt_conf_set_rebalance_cb(conf, on_rebalance);
    shunt_conf_set_offset_commit_cb(conf, on_commit);
    disk_set(conf, "auto.commit.interval.ms", "86400000");
    shunt_t *p = disk_handle_take(RD_KAFKA_PRODUCER, shunt_conf_new());
    disk_produce(p, "x", NULL);
    ck_assert_int_eq(shunt_flush(p, DEADLINE_MS), 0);
    shunt_destroy(p);
    shunt_t *rk = disk_handle_take(RD_KAFKA_CONSUMER, conf);
    disk_subscribe(rk);
    rd_kafka_message_t *m;
    while (!(m = shunt_consumer_poll(rk, 100)))
        ;
    rd_kafka_message_destroy(m);
    ck_assert_int_eq(rebalances, 1);
    shunt_destroy_flags(rk, flags);
}

START_TEST(destroying_closes)
{
    end_with(0);
    ck_assert_int_eq(rebalances, 2);
    ck_assert_int_gt(commits, 0);
}
END_TEST

START_TEST(destroying_without_closing_is_silent)
{
    end_with(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    ck_assert_int_eq(rebalances, 1);
    ck_assert_int_eq(commits, 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/cluster");
    TCase *t = tcase_create("cluster");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, disk_world_start, disk_world_stop);
    tcase_add_test(t, a_producer);
    tcase_add_test(t, a_consumer);
    tcase_add_test(t, a_fatal_error_is_seen);
    tcase_add_test(t, a_fatal_error_comes_as_an_event);
    tcase_add_test(t, credentials_are_for_handles_to_come_too);
    tcase_add_test(t, a_callback_can_end_its_poll);
    tcase_add_test(t, only_failures_are_reported_if_asked_for);
    tcase_add_test(t, destroying_closes);
    tcase_add_test(t, destroying_without_closing_is_silent);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
