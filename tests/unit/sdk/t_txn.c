/*
 * Transactions on an embedded cluster, which answers everything and keeps no
 * promise: states, errors, reports.  What they are for is tested on real
 * brokers (tests/sdk/t_txn.c).
 */
#include <pthread.h>

#include "sdk/src/producer/txn_error.h"
#include "tests/unit/sdk/disk_world.h"

static int delivered, failed;

static void
on_report(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (m->err)
        failed++;
    else
        delivered++;
}

static shunt_t *
start(const char *linger_ms)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    shunt_conf_set_dr_msg_cb(conf, on_report);
    disk_set(conf, "transactional.id", "t");
    disk_set(conf, "linger.ms", linger_ms);
    delivered = failed = 0;
    return disk_handle_take(RD_KAFKA_PRODUCER, conf);
}

static void
expect_no(rd_kafka_error_t *error)
{
    ck_assert_msg(error == NULL, "%s: %s", rd_kafka_error_name(error),
                  rd_kafka_error_string(error));
}

static void
expect(rd_kafka_error_t *error, rd_kafka_resp_err_t code)
{
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(rd_kafka_error_code(error) == code, "%s: %s",
                  rd_kafka_error_name(error), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

START_TEST(errors_have_their_flags)
{
    for (int i = 0; i < 3; i++) {
        rd_kafka_error_t *a =
            txn_error_abort(RD_KAFKA_RESP_ERR__STATE, "the words");
        rd_kafka_error_t *r =
            txn_error_retry(RD_KAFKA_RESP_ERR__TIMED_OUT, "other words");
        ck_assert(rd_kafka_error_txn_requires_abort(a));
        ck_assert(!rd_kafka_error_is_retriable(a));
        ck_assert(!rd_kafka_error_is_fatal(a));
        ck_assert_str_eq(rd_kafka_error_string(a), "the words");
        ck_assert_int_eq(rd_kafka_error_code(a), RD_KAFKA_RESP_ERR__STATE);
        ck_assert(rd_kafka_error_is_retriable(r));
        ck_assert(!rd_kafka_error_txn_requires_abort(r));
        ck_assert(!rd_kafka_error_is_fatal(r));
        ck_assert_str_eq(rd_kafka_error_string(r), "other words");
        rd_kafka_error_destroy(a);
        rd_kafka_error_destroy(r);
    }
}
END_TEST

START_TEST(committed_and_aborted)
{
    shunt_t *rk = start("0");
    expect(shunt_begin_transaction(rk), RD_KAFKA_RESP_ERR__STATE);
    expect_no(shunt_init_transactions(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    disk_produce(rk, "1", NULL);
    disk_produce(rk, "2", NULL);
    expect_no(shunt_commit_transaction(rk, DEADLINE_MS));
    ck_assert_int_eq(delivered, 2);
    expect(shunt_commit_transaction(rk, DEADLINE_MS), RD_KAFKA_RESP_ERR__STATE);
    expect(shunt_abort_transaction(rk, DEADLINE_MS), RD_KAFKA_RESP_ERR__STATE);
    expect_no(shunt_begin_transaction(rk));
    expect_no(shunt_abort_transaction(rk, DEADLINE_MS));
    shunt_destroy(rk);
}
END_TEST

/* What waits to be sent is given up, and reported by the call itself. */
START_TEST(an_abort_reports_what_was_not_sent)
{
    shunt_t *rk = start("5000");
    expect_no(shunt_init_transactions(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    disk_produce(rk, "0", NULL);
    expect_no(
        shunt_commit_transaction(rk, DEADLINE_MS)); /* the topic is known */
    expect_no(shunt_begin_transaction(rk));
    for (int i = 0; i < 5; i++)
        disk_produce(rk, "1", NULL);
    const int64_t start_ms = clock_mono_ms();
    expect_no(shunt_abort_transaction(rk, DEADLINE_MS));
    ck_assert_int_lt(clock_mono_ms() - start_ms, 4000);
    ck_assert_int_eq(delivered + failed, 6);
    ck_assert_int_eq(failed, 5);
    ck_assert_int_eq(shunt_outq_len(rk), 0);
    shunt_destroy(rk);
}
END_TEST

START_TEST(a_lost_record_wants_an_abort)
{
    shunt_t *rk = start("5000");
    expect_no(shunt_init_transactions(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    disk_produce(rk, "1", NULL); /* held: the topic's route is asked for */
    ck_assert_int_eq(shunt_purge(rk, RD_KAFKA_PURGE_F_QUEUE), 0);
    rd_kafka_error_t *error = shunt_commit_transaction(rk, DEADLINE_MS);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(rd_kafka_error_txn_requires_abort(error), "%s",
                  rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    expect_no(shunt_abort_transaction(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    expect_no(shunt_abort_transaction(rk, DEADLINE_MS));
    shunt_destroy(rk);
}
END_TEST

/* The cluster is down: the call comes back, and is resumed. */
START_TEST(a_commit_is_resumed)
{
    shunt_t *rk = start("0");
    expect_no(shunt_init_transactions(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    disk_produce(rk, "1", NULL);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    rd_kafka_mock_broker_set_down(disk_mock, 1);
    rd_kafka_error_t *error = shunt_commit_transaction(rk, 300);
    ck_assert_ptr_nonnull(error);
    ck_assert(rd_kafka_error_is_retriable(error));
    rd_kafka_error_destroy(error);
    expect(shunt_begin_transaction(rk), RD_KAFKA_RESP_ERR__STATE);
    rd_kafka_mock_broker_set_up(disk_mock, 1);
    expect_no(shunt_commit_transaction(rk, DEADLINE_MS));
    ck_assert_int_eq(delivered, 1);
    shunt_destroy(rk);
}
END_TEST

/* Nobody waits for a dead cluster at the end. */
START_TEST(destroyed_in_the_middle)
{
    shunt_t *rk = start("0");
    expect_no(shunt_init_transactions(rk, DEADLINE_MS));
    expect_no(shunt_begin_transaction(rk));
    disk_produce(rk, "1", NULL);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    rd_kafka_mock_broker_set_down(disk_mock, 1);
    rd_kafka_error_t *error = shunt_commit_transaction(rk, 100);
    ck_assert_ptr_nonnull(error);
    rd_kafka_error_destroy(error);
    const int64_t start_ms = clock_mono_ms();
    shunt_destroy(rk);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 5000);
    rd_kafka_mock_broker_set_up(disk_mock, 1);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/txn");
    TCase *t = tcase_create("transactions");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, disk_world_start, disk_world_stop);
    tcase_add_test(t, errors_have_their_flags);
    tcase_add_test(t, committed_and_aborted);
    tcase_add_test(t, an_abort_reports_what_was_not_sent);
    tcase_add_test(t, a_lost_record_wants_an_abort);
    tcase_add_test(t, a_commit_is_resumed);
    tcase_add_test(t, destroyed_in_the_middle);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? 1 : 0;
}
