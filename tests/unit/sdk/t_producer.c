/*
 * The producer engine, its moves: producer_world.h.
 */
#include "tests/unit/sdk/producer_world.h"

/* ---- tests --------------------------------------------------------------- */

START_TEST(flip_with_both_alive)
{
    start_producer();
    flip("a");
    send_some(0, 3000);
    ck_assert(wait_until(is_on, (char[]){"a"}, DEADLINE_MS));
    send_some(3000, 6000);
    flip("b");
    send_some(6000, 9000);
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    send_some(9000, 12000);
    flush();
    expect_one_report_each(0, 12000, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    ck_assert_int_ge(on_a[0].n, 3000);
    ck_assert_int_gt(on_b[0].n, 0);
    expect_all_once_in_order(on_a, on_b, 12000);
    ck_assert_int_eq(n_events[ENGINE_ROUTED], 1);
    ck_assert_int_eq(n_events[ENGINE_SWITCH], 1);
    ck_assert_int_eq(n_events[ENGINE_SWITCHED], 1);
}
END_TEST

/* The application does nothing but produce: it moves all the same. */
START_TEST(flip_without_polls)
{
    start_producer();
    flip("a");
    send_some(0, 2);
    for (int i = 0; i < 500 && !producer_cluster(producer); i++)
        (void)poll(NULL, 0, 10);
    send_some(2, 1000);
    flip("b");
    for (int i = 0; i < 500 && strcmp(producer_cluster(producer), "b") != 0;
         i++)
        (void)poll(NULL, 0, 10);
    ck_assert_str_eq(producer_cluster(producer), "b");
    send_some(1000, 2000);
    ck_assert_int_eq(producer_outq_len(producer), 2000);
    flush();
    expect_one_report_each(0, 2000, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_once_in_order(on_a, on_b, 2000);
}
END_TEST

START_TEST(flip_with_the_old_cluster_down)
{
    setting("enable.idempotence", "true");
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    rd_kafka_mock_broker_set_down(a.mock, 1);
    send_some(100, 5000);
    flip("b");
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    send_some(5000, 6000);
    flush();
    expect_one_report_each(0, 6000, 0);
    rd_kafka_mock_broker_set_up(a.mock, 1);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_once_in_order(on_a, on_b, 6000);
}
END_TEST

static int64_t
first_on_b(rd_kafka_message_t **out)
{
    rd_kafka_t *rk = reader_of(&b);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", 1)->offset = 0;
    ck_assert_int_eq(rd_kafka_assign(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    *out = NULL;
    for (int i = 0; i < 100 && !*out; i++)
        *out = rd_kafka_consumer_poll(rk, 100);
    ck_assert_ptr_nonnull(*out);
    ck_assert_int_eq((*out)->err, 0);
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    ck_assert_int_eq(rd_kafka_message_headers(*out, &headers), 0);
    ck_assert_int_eq(rd_kafka_header_get(headers, 0, "h1", &value, &size), 0);
    ck_assert_uint_eq(size, 2);
    ck_assert_mem_eq(value, "xy", 2);
    ck_assert_int_eq(rd_kafka_header_get(headers, 0, "none", &value, &size), 0);
    ck_assert_ptr_null(value);
    ck_assert_ptr_null((*out)->payload);
    ck_assert_uint_eq((*out)->key_len, 3);
    ck_assert_mem_eq((*out)->key, "key", 3);
    const int64_t timestamp = rd_kafka_message_timestamp(*out, NULL);
    rd_kafka_message_destroy(*out);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return timestamp;
}

START_TEST(all_of_a_record_survives_the_move)
{
    start_producer();
    flip("a");
    send_some(0, 1);
    flush();
    rd_kafka_mock_broker_set_down(a.mock, 1);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_header_add(headers, "h1", -1, "xy", 2);
    rd_kafka_header_add(headers, "none", -1, NULL, 0);
    char key[] = "key";
    const rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "orders"},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 1},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {NULL, 0}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, 3}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = 1234567},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)2},
    };
    ck_assert_int_eq(produce(vus, 7), 0);
    flip("b");
    flush();
    expect_one_report_each(0, 2, 0);
    rd_kafka_message_t *m;
    ck_assert_int_eq(first_on_b(&m), 1234567);
}
END_TEST

/* The target is dead: it stays where it is, and the route comes back. */
START_TEST(stays_when_the_target_is_dead)
{
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    rd_kafka_mock_broker_set_down(b.mock, 1);
    flip("b");
    send_some(100, 200);
    flush();
    int stuck = ENGINE_STUCK;
    ck_assert(wait_until(had_event, &stuck, DEADLINE_MS));
    ck_assert_str_eq(producer_cluster(producer), "a");
    send_some(200, 300);
    flush();
    flip("a");
    send_some(300, 400);
    flush();
    expect_one_report_each(0, 400, 0);
    read_all(&a, on_a);
    on_b[0].n = on_b[1].n = 0;
    expect_all_once_in_order(on_a, on_b, 400);
    ck_assert_int_eq(n_events[ENGINE_SWITCH], 0);
}
END_TEST

START_TEST(flips_to_and_fro)
{
    start_producer();
    flip("a");
    for (int i = 0; i < 10; i++) {
        send_some(i * 500, i * 500 + 250);
        flip(i % 2 ? "a" : "b");
        send_some(i * 500 + 250, i * 500 + 500);
    }
    flush();
    expect_one_report_each(0, 5000, 0);
    ck_assert(wait_until(is_on, (char[]){"a"}, DEADLINE_MS));
    read_all(&a, on_a);
    read_all(&b, on_b);
    for (int p = 0; p < PARTS; p++) {
        ck_assert_int_eq(on_a[p].n + on_b[p].n, 5000 / PARTS);
        for (int i = 1; i < on_a[p].n; i++)
            ck_assert_int_lt(on_a[p].v[i - 1], on_a[p].v[i]);
        for (int i = 1; i < on_b[p].n; i++)
            ck_assert_int_lt(on_b[p].v[i - 1], on_b[p].v[i]);
    }
}
END_TEST

/* One thread for each partition, while another polls and the route flips. */
static void *
send_every_second(void *arg)
{
    for (int i = *(int *)arg; i < 10000; i += PARTS) {
        ck_assert_int_eq(try_send("orders", i), 0);
        if (i % 50 == 0)
            (void)poll(NULL, 0, 1);
    }
    return NULL;
}

START_TEST(several_threads)
{
    pthread_t thread[PARTS];
    int first[PARTS];
    start_producer();
    flip("a");
    for (int i = 0; i < PARTS; i++) {
        first[i] = i;
        ck_assert_int_eq(
            pthread_create(&thread[i], NULL, send_every_second, &first[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)producer_poll(producer, 5);
        (void)producer_poll(producer, 5);
        flip(i % 2 ? "a" : "b");
    }
    for (int i = 0; i < PARTS; i++)
        pthread_join(thread[i], NULL);
    flush();
    expect_one_report_each(0, 10000, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    for (int p = 0; p < PARTS; p++)
        ck_assert_int_eq(on_a[p].n + on_b[p].n, 10000 / PARTS);
}
END_TEST

/* Each topic on its own cluster, then both change places. */
START_TEST(topics_on_two_clusters)
{
    start_producer();
    set_routes("a", "b");
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(try_send(i / 2 % 2 ? "other" : "orders", i), 0);
    flush();
    set_routes("b", "a");
    for (int i = 2000; i < 4000; i++) {
        ck_assert_int_eq(try_send(i / 2 % 2 ? "other" : "orders", i), 0);
        if (i == 3000)
            ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    }
    flush();
    expect_one_report_each(0, 4000, 0);
    read_topic(&a, "orders", on_a);
    read_topic(&b, "orders", on_b);
    expect_share(on_a, on_b, 0, 4000);
    read_topic(&b, "other", on_b);
    read_topic(&a, "other", on_a);
    expect_share(on_b, on_a, 1, 4000);
}
END_TEST

/* Thousands on their way, the cluster that they are on dies, the other one is
 * back: three times. */
START_TEST(flips_from_clusters_that_died)
{
    setting("enable.idempotence", "true");
    setting("linger.ms", "1");
    start_producer();
    flip("a");
    int n = 0;
    for (int i = 0; i < 4; i++) {
        const bool to_b = i % 2 == 0;
        send_some(n, n + 2000);
        if (i == 0)
            ck_assert(wait_until(is_on, (char[]){"a"}, DEADLINE_MS));
        all_down(to_b ? &a : &b, true);
        send_some(n + 2000, n + 4000);
        all_down(to_b ? &b : &a, false);
        flip(to_b ? "b" : "a");
        send_some(n + 4000, n + 5000);
        ck_assert(wait_until(is_on, to_b ? (char[]){"b"} : (char[]){"a"},
                             DEADLINE_MS));
        n += 5000;
    }
    flush();
    expect_one_report_each(0, n, 0);
    all_down(&b, false);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_in_order(on_a, on_b, n);
}
END_TEST

#define SLOW_MS 20000

/* It would answer, but much later than switch.flush.timeout.ms: its line is cut
 * with requests in flight. */
START_TEST(flip_from_a_slow_cluster)
{
    flush_ms = 200;
    setting("enable.idempotence", "true");
    start_producer();
    flip("a");
    send_some(0, 1000);
    flush();
    rd_kafka_mock_broker_set_rtt(a.mock, 1, SLOW_MS);
    for (int i = 1000; i < 9000; i++) {
        send_some(i, i + 1);
        if (i % 1000 == 0) /* several requests, several batches waiting */
            (void)producer_poll(producer, 5);
    }
    const int64_t start_ms = clock_mono_ms();
    flip("b");
    send_some(9000, 10000);
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    ck_assert_int_lt(clock_mono_ms() - start_ms, SLOW_MS / 2);
    flush();
    expect_one_report_each(0, 10000, 0);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    ck_assert_int_gt(on_b[0].n, 3000);
    expect_all_in_order(on_a, on_b, 10000);
}
END_TEST

/* Requests fail and go back into the queue, some more than once, while others
 * have not been sent: then the move. */
START_TEST(flip_amid_retries)
{
    flush_ms = 50;
    setting("enable.idempotence", "true");
    setting("batch.num.messages", "100");
    setting("retry.backoff.ms", "20");
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 20);
    for (int k = 0; k < 40; k++)
        rd_kafka_mock_push_request_errors(
            a.mock, 0, 2, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    for (int i = 100; i < 6000; i++) {
        send_some(i, i + 1);
        if (i % 500 == 0)
            (void)producer_poll(producer, 10);
    }
    flip("b");
    send_some(6000, 7000);
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    flush();
    expect_one_report_each(0, 7000, 0);
    rd_kafka_mock_clear_request_errors(a.mock, 0);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_in_order(on_a, on_b, 7000);
}
END_TEST

/* Nothing is flushed, and the target need not be there. */
START_TEST(a_fence_stops_at_once)
{
    flush_ms = 60000;
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    all_down(&b, true);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 1000);
    send_some(100, 1100);
    (void)producer_poll(producer, 20);
    fence = true;
    flip("b");
    int stuck = ENGINE_STUCK;
    ck_assert(wait_until(had_event, &stuck, DEADLINE_MS));
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    send_some(1100, 1200);
    (void)producer_poll(producer, 50);
    ck_assert_int_eq(reports[1100], 0); /* held, not sent to a */
    all_down(&b, false);
    flush();
    expect_one_report_each(0, 1200, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_in_order(on_a, on_b, 1200);
    for (int p = 0; p < PARTS; p++)
        ck_assert_int_lt(on_a[p].v[on_a[p].n - 1], 1100);
    ck_assert_int_eq(n_events[ENGINE_SWITCH], 1);
    ck_assert_int_eq(n_events[ENGINE_SWITCHED], 1);
}
END_TEST

/* One of two topics leaves a dead cluster; the other one's records come
 * through when it is back. */
START_TEST(one_leaves_and_one_stays)
{
    start_producer();
    flip("a");
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(try_send(i / 2 % 2 ? "other" : "orders", i), 0);
    flush();
    all_down(&a, true);
    for (int i = 100; i < 2000; i++)
        ck_assert_int_eq(try_send(i / 2 % 2 ? "other" : "orders", i), 0);
    set_routes("b", "a");
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    for (int i = 2000; i < 4000; i++)
        ck_assert_int_eq(try_send(i / 2 % 2 ? "other" : "orders", i), 0);
    ck_assert_int_eq(producer_flush(producer, 300),
                     RD_KAFKA_RESP_ERR__TIMED_OUT);
    expect_one_report_each(3996, 3998, 0);
    ck_assert_int_eq(reports[3998], 0);
    all_down(&a, false);
    flush();
    expect_one_report_each(0, 4000, 0);
    read_topic(&a, "other", on_a);
    on_b[0].n = on_b[1].n = 0;
    for (int p = 0; p < PARTS; p++) {
        ck_assert_int_eq(on_a[p].n, 1000);
        for (int i = 0; i < on_a[p].n; i++)
            ck_assert_int_eq(on_a[p].v[i], 4 * i + 2 + p);
    }
}
END_TEST

/* The topic does not exist there: all stay, and go when it does. */
START_TEST(flip_to_where_the_topic_is_not)
{
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    rd_kafka_mock_topic_set_error(b.mock, "orders",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    flip("b");
    int stuck = ENGINE_STUCK;
    ck_assert(wait_until(had_event, &stuck, DEADLINE_MS));
    send_some(100, 200);
    flush();
    ck_assert_str_eq(producer_cluster(producer), "a");
    ck_assert_str_eq(control.state, "stuck");
    rd_kafka_mock_topic_set_error(b.mock, "orders", 0);
    ck_assert(wait_until(is_on, (char[]){"b"}, DEADLINE_MS));
    send_some(200, 300);
    flush();
    expect_one_report_each(0, 300, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    ck_assert_int_eq(on_b[0].n, 50);
    expect_all_once_in_order(on_a, on_b, 300);
}
END_TEST

static bool
is_reported(void *state)
{
    pthread_mutex_lock(&control.mutex);
    const bool is = strcmp(control.state, state) == 0;
    pthread_mutex_unlock(&control.mutex);
    return is;
}

/* Nothing has moved; it is said all the same. */
START_TEST(a_flip_back_of_who_is_stuck)
{
    start_producer();
    flip("a");
    send_some(0, 10);
    flush();
    all_down(&b, true);
    flip("b");
    ck_assert(wait_until(is_reported, (char[]){"stuck"}, DEADLINE_MS));
    flip("a");
    ck_assert(wait_until(is_reported, (char[]){"running"}, DEADLINE_MS));
    ck_assert_str_eq(producer_cluster(producer), "a");
    all_down(&b, false);
}
END_TEST

/* The second flip comes while the first one flushes. */
START_TEST(a_flip_back_while_flushing)
{
    flush_ms = 20000;
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 700);
    send_some(100, 1100);
    flip("b");
    int switching = ENGINE_SWITCH;
    ck_assert(wait_until(had_event, &switching, DEADLINE_MS));
    send_some(1100, 1200);
    flip("a");
    flush();
    expect_one_report_each(0, 1200, 0);
    ck_assert_str_eq(producer_cluster(producer), "a");
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    read_all(&a, on_a);
    on_b[0].n = on_b[1].n = 0;
    expect_all_once_in_order(on_a, on_b, 1200);
    ck_assert_int_eq(n_events[ENGINE_SWITCHED], 0);
    ck_assert_str_eq(control.state, "running");
}
END_TEST

START_TEST(a_purge_during_a_move)
{
    flush_ms = 20000;
    start_producer();
    flip("a");
    send_some(0, 100);
    flush();
    all_down(&a, true);
    send_some(100, 1000);
    flip("b");
    int switching = ENGINE_SWITCH;
    ck_assert(wait_until(had_event, &switching, DEADLINE_MS));
    send_some(1000, 1100);
    ck_assert_int_eq(producer_purge(producer, RD_KAFKA_PURGE_F_QUEUE |
                                                  RD_KAFKA_PURGE_F_INFLIGHT),
                     0);
    flush();
    send_some(1100, 1200);
    flush();
    for (int i = 0; i < 1200; i++)
        ck_assert_int_eq(reports[i], 1);
    expect_one_report_each(1100, 1200, 0);
}
END_TEST

/* Freed with records on a handle, waiting, failed and reported. */
START_TEST(free_in_the_middle)
{
    start_producer();
    flip("a");
    send_some(0, 100);
    ck_assert(wait_until(is_on, (char[]){"a"}, DEADLINE_MS));
    rd_kafka_mock_broker_set_down(a.mock, 1);
    send_some(100, 200);
    flip("b");
    (void)producer_poll(producer, 20);
    send_some(200, 300);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("producer");
    TCase *t = tcase_create("producer");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, start_all, stop_all);
    tcase_add_test(t, flip_with_both_alive);
    tcase_add_test(t, flip_without_polls);
    tcase_add_test(t, flip_with_the_old_cluster_down);
    tcase_add_test(t, all_of_a_record_survives_the_move);
    tcase_add_test(t, stays_when_the_target_is_dead);
    tcase_add_test(t, flips_to_and_fro);
    tcase_add_test(t, several_threads);
    tcase_add_test(t, topics_on_two_clusters);
    tcase_add_test(t, flips_from_clusters_that_died);
    tcase_add_test(t, flip_from_a_slow_cluster);
    tcase_add_test(t, flip_amid_retries);
    tcase_add_test(t, a_fence_stops_at_once);
    tcase_add_test(t, one_leaves_and_one_stays);
    tcase_add_test(t, flip_to_where_the_topic_is_not);
    tcase_add_test(t, a_flip_back_of_who_is_stuck);
    tcase_add_test(t, a_flip_back_while_flushing);
    tcase_add_test(t, a_purge_during_a_move);
    tcase_add_test(t, free_in_the_middle);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
