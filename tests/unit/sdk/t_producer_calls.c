/*
 * The producer engine, its calls: arguments, kinds of values, topic objects,
 * batches, limits, who takes reports.  producer_world.h.
 */
#include "tests/unit/sdk/producer_world.h"

/* ---- arguments and limits ------------------------------------------------ */

START_TEST(bad_arguments_are_refused)
{
    start_producer();
    const rd_kafka_vu_t none[] = {{.vtype = RD_KAFKA_VTYPE_PARTITION}};
    ck_assert_int_eq(produce(none, 1), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_t *foreign = rd_kafka_topic_new(a.host, "orders", NULL);
    const rd_kafka_vu_t rkt[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = foreign}};
    ck_assert_int_eq(produce(rkt, 1), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_destroy(foreign);
    rd_kafka_headers_t *h = rd_kafka_headers_new(1);
    const rd_kafka_vu_t both[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "orders"},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = h},
        {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"k", "v", 1}},
    };
    ck_assert_int_eq(produce(both, 3), RD_KAFKA_RESP_ERR__CONFLICT);
    rd_kafka_headers_destroy(h); /* still ours */
    char name[600];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    const rd_kafka_vu_t too_long[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = name}};
    ck_assert_int_eq(produce(too_long, 1), RD_KAFKA_RESP_ERR__INVALID_ARG);
    ck_assert_int_eq(producer_outq_len(producer), 0);
}
END_TEST

START_TEST(a_full_queue_refuses)
{
    setting("queue.buffering.max.messages", "100");
    start_producer();
    send_some(0, 100);
    ck_assert_int_eq(try_send("orders", 100), RD_KAFKA_RESP_ERR__QUEUE_FULL);
    ck_assert_int_eq(producer_outq_len(producer), 100);
    flip("a");
    flush();
    send_some(100, 200);
    flush();
    expect_one_report_each(0, 200, 0);
    read_all(&a, on_a);
    on_b[0].n = on_b[1].n = 0;
    expect_all_once_in_order(on_a, on_b, 200);
}
END_TEST

START_TEST(without_a_route_records_wait)
{
    start_producer();
    send_some(0, 10);
    ck_assert_int_eq(producer_flush(producer, 50),
                     RD_KAFKA_RESP_ERR__TIMED_OUT);
    ck_assert_int_eq(reports[0], 0);
    set_routes(NULL, NULL); /* no rule matches */
    ck_assert_int_eq(producer_flush(producer, 50),
                     RD_KAFKA_RESP_ERR__TIMED_OUT);
    flip("a");
    flush();
    expect_one_report_each(0, 10, 0);
}
END_TEST

START_TEST(a_record_that_waits_too_long_fails)
{
    setting("message.timeout.ms", "300");
    start_producer();
    send_some(0, 10);
    flush();
    expect_one_report_each(0, 10, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
    ck_assert_int_eq(reported_status[0], RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
}
END_TEST

START_TEST(purge_gives_up_what_waits)
{
    start_producer();
    send_some(0, 10);
    ck_assert_int_eq(producer_purge(producer, RD_KAFKA_PURGE_F_QUEUE), 0);
    flush();
    expect_one_report_each(0, 10, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
}
END_TEST

static rd_kafka_resp_err_t
send_flagged(int i, void *value, size_t size, int flags)
{
    const rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "orders"},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = i % PARTS},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, size}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)(i + 1)},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = flags},
    };
    return produce(vus, 5);
}

/* 100 records of 1,000 bytes are the limit: on a dead cluster, while its
 * records are carried, and on the next one. */
START_TEST(the_limits_hold_across_a_move)
{
    static char value[1000];
    setting("queue.buffering.max.kbytes", "98");
    flush_ms = 60000;
    start_producer();
    flip("a");
    send_some(0, 1);
    flush();
    all_down(&a, true);
    all_down(&b, true);
    memset(value, '1', sizeof(value));
    int n = 1;
    while (send_flagged(n, value, sizeof(value), RD_KAFKA_MSG_F_COPY) == 0)
        n++;
    ck_assert_int_eq(n - 1, 98 * 1024 / 1000);
    fence = true; /* they leave the handle, and wait */
    flip("b");
    int switching = ENGINE_SWITCH;
    int stuck = ENGINE_STUCK;
    ck_assert(wait_until(had_event, &switching, DEADLINE_MS));
    ck_assert(wait_until(had_event, &stuck, DEADLINE_MS));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(
            send_flagged(n, value, sizeof(value), RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_RESP_ERR__QUEUE_FULL);
    ck_assert_int_eq(producer_outq_len(producer), n - 1);
    all_down(&b, false);
    flush();
    expect_one_report_each(0, n, 0);
    ck_assert_int_eq(send_flagged(n, value, sizeof(value), RD_KAFKA_MSG_F_COPY),
                     0);
    flush();
}
END_TEST

static void *
poll_for_a_while(void *arg)
{
    while (!__atomic_load_n((bool *)arg, __ATOMIC_SEQ_CST))
        (void)producer_poll(producer, 10);
    return NULL;
}

/* F_BLOCK waits for room that another thread makes, moves or not. */
START_TEST(a_full_queue_can_be_waited_for)
{
    char value[] = "1";
    pthread_t poller;
    bool stop = false;
    setting("queue.buffering.max.messages", "50");
    start_producer();
    flip("a");
    ck_assert_int_eq(pthread_create(&poller, NULL, poll_for_a_while, &stop), 0);
    for (int i = 0; i < 5000; i++) {
        if (i % 1000 == 500)
            flip(i / 1000 % 2 ? "a" : "b");
        ck_assert_int_eq(
            send_flagged(i, value, 1,
                         RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
            0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(poller, NULL);
    flush();
    expect_one_report_each(0, 5000, 0);
}
END_TEST

/* ---- kinds of values ----------------------------------------------------- */

#define KINDS 3000

static char *borrowed[KINDS];
static int same_pointer;

static void
see_pointer(const rd_kafka_message_t *m)
{
    note_report(m);
    const int i = (int)(uintptr_t)m->_private - 1;
    ck_assert_uint_gt(m->len, 0);
    ck_assert_int_eq(atoi(m->payload), i);
    if (i % 3 == 2) {
        ck_assert_ptr_eq(m->payload, borrowed[i]);
        same_pointer++;
    }
}

/* Copied, given, borrowed; the first of a kind in a different order. */
static void
send_kind(int i)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%d", i);
    if (i % 3 == 0) {
        ck_assert_int_eq(
            send_flagged(i, text, strlen(text) + 1, RD_KAFKA_MSG_F_COPY), 0);
        memset(text, 'x', sizeof(text));
        return;
    }
    char *own = strdup(text);
    if (i % 3 == 2)
        borrowed[i] = own;
    ck_assert_int_eq(send_flagged(i, own, strlen(own) + 1,
                                  i % 3 == 1 ? RD_KAFKA_MSG_F_FREE : 0),
                     0);
}

/* _i is how the first 30 records are sent: some orders of the kinds. */
START_TEST(values_of_all_kinds_are_carried)
{
    see_report = see_pointer;
    start_producer();
    flip("a");
    for (int i = 0; i < 30; i++)
        if (i % 3 == _i)
            send_kind(i);
    (void)producer_flush(producer, 10000);
    for (int i = 0; i < 30; i++)
        if (i % 3 != _i)
            send_kind(i);
    flush();
    for (int k = 0; k < 3; k++) { /* twice on the way, the second time again */
        struct site *old = k % 2 ? &b : &a;
        all_down(old, true);
        all_down(k % 2 ? &a : &b, false);
        for (int i = 30 + 900 * k; i < 930 + 900 * k; i++)
            send_kind(i);
        flip(k % 2 ? "a" : "b");
        ck_assert(wait_until(is_on, k % 2 ? (char[]){"a"} : (char[]){"b"},
                             DEADLINE_MS));
    }
    flush();
    expect_one_report_each(0, 2730, 0);
    ck_assert_int_eq(same_pointer, 2730 / 3);
    for (int i = 2; i < 2730; i += 3)
        free(borrowed[i]);
}
END_TEST

/* What waits and is given up is freed, or given back, as well. */
START_TEST(values_of_all_kinds_fail)
{
    see_report = see_pointer;
    start_producer();
    for (int i = 0; i < 30; i++)
        send_kind(i);
    ck_assert_int_eq(producer_purge(producer, RD_KAFKA_PURGE_F_QUEUE), 0);
    flush();
    expect_one_report_each(0, 30, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    ck_assert_int_eq(same_pointer, 10);
    for (int i = 2; i < 30; i += 3)
        free(borrowed[i]);
}
END_TEST

/* ---- topic objects ------------------------------------------------------- */

static int calls;
static char partitioner_opaque;

static int32_t
by_opaque(const rd_kafka_topic_t *rkt, const void *key, size_t key_len,
          int32_t n, void *rkt_opaque, void *msg_opaque)
{
    (void)key;
    (void)key_len;
    ck_assert_ptr_eq(rkt_opaque, &partitioner_opaque);
    ck_assert_str_eq(rd_kafka_topic_name(rkt), "orders");
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    return (int32_t)(((uintptr_t)msg_opaque - 1) % (uintptr_t)n);
}

static rd_kafka_topic_t *
topic_with_partitioner(void)
{
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    rd_kafka_topic_conf_set_partitioner_cb(conf, by_opaque);
    rd_kafka_topic_conf_set_opaque(conf, &partitioner_opaque);
    rd_kafka_topic_t *rkt = producer_topic(producer, "orders", conf);
    ck_assert_ptr_nonnull(rkt);
    ck_assert(producer_of_topic(rkt) == producer);
    return rkt;
}

/* Its conf holds on every cluster; batches, while it waits and straight. */
START_TEST(topic_objects_and_batches)
{
    start_producer();
    rd_kafka_topic_t *rkt = topic_with_partitioner();
    ck_assert_ptr_null(producer_topic(producer, "", NULL));
    rd_kafka_topic_t *same = producer_topic(producer, "orders", NULL);
    ck_assert_ptr_eq(same, rkt);
    rd_kafka_topic_destroy(same);
    static rd_kafka_message_t v[1000];
    static char text[1000][16];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 1000; i++) {
            (void)snprintf(text[i], sizeof(text[i]), "%d", 1000 * k + i);
            v[i] = (rd_kafka_message_t){
                .payload = text[i],
                .len = strlen(text[i]),
                ._private = (void *)(uintptr_t)(1000 * k + i + 1),
            };
        }
        ck_assert_int_eq(producer_batch(producer, rkt, RD_KAFKA_PARTITION_UA,
                                        RD_KAFKA_MSG_F_COPY, v, 1000),
                         1000);
        flip(k == 1 ? "b" : "a");
        flush();
    }
    expect_one_report_each(0, 3000, 0);
    ck_assert_int_ge(__atomic_load_n(&calls, __ATOMIC_SEQ_CST), 3000);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_in_order(on_a, on_b, 3000);
    rd_kafka_topic_destroy(rkt);
}
END_TEST

/* Who waits for room in a batch keeps those behind it waiting. */
START_TEST(a_batch_that_waits_for_room_stays_in_order)
{
    pthread_t poller;
    bool stop = false;
    static rd_kafka_message_t v[5000];
    static char text[5000][16];
    setting("queue.buffering.max.messages", "50");
    setting("linger.ms", "0");
    start_producer();
    flip("a");
    rd_kafka_topic_t *rkt = topic_with_partitioner();
    ck_assert_int_eq(pthread_create(&poller, NULL, poll_for_a_while, &stop), 0);
    for (int k = 0; k < 2; k++) {
        for (int i = 2500 * k; i < 2500 * (k + 1); i++) {
            (void)snprintf(text[i], sizeof(text[i]), "%d", i);
            v[i] = (rd_kafka_message_t){
                .payload = text[i],
                .len = strlen(text[i]),
                ._private = (void *)(uintptr_t)(i + 1),
            };
        }
        ck_assert_int_eq(
            producer_batch(producer, rkt, RD_KAFKA_PARTITION_UA,
                           RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK,
                           &v[2500 * k], 2500),
            2500);
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(poller, NULL);
    flush();
    expect_one_report_each(0, 5000, 0);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_in_order(on_a, on_b, 5000);
    rd_kafka_topic_destroy(rkt);
}
END_TEST

START_TEST(a_batch_says_what_was_refused)
{
    setting("queue.buffering.max.messages", "10");
    start_producer();
    rd_kafka_topic_t *rkt = producer_topic(producer, "orders", NULL);
    static char one[] = "1";
    rd_kafka_message_t v[30];
    for (int k = 0; k < 2; k++) { /* waiting, straight */
        for (int i = 0; i < 30; i++)
            v[i] = (rd_kafka_message_t){
                .payload = one,
                .len = 1,
                .partition = i < 2 ? 7 : i % PARTS, /* the first two: nowhere */
                ._private = (void *)(uintptr_t)(30 * k + i + 1),
            };
        const int good = producer_batch(
            producer, rkt, 0, RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, v,
            30);
        ck_assert_int_eq(good, 10);
        ck_assert_int_eq(v[29].err, RD_KAFKA_RESP_ERR__QUEUE_FULL);
        ck_assert_int_eq(v[5].err, 0);
        /* What waits may yet be accepted by some cluster. */
        ck_assert_int_eq(v[0].err,
                         k ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : 0);
        flip("a");
        flush();
    }
    expect_one_report_each(0, 2, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    expect_one_report_each(2, 10, 0);
    expect_one_report_each(32, 42, 0);
    ck_assert_int_eq(reports[10] + reports[31], 0);
    rd_kafka_topic_destroy(rkt);
}
END_TEST

/* ---- who takes reports --------------------------------------------------- */

static bool
took_events(void *arg)
{
    rd_kafka_event_t *ev = producer_event(producer, 10);
    const rd_kafka_message_t *m;
    if (ev && rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
        while ((m = rd_kafka_event_message_next(ev)))
            note_report(m);
    rd_kafka_event_destroy(ev);
    (void)arg;
    return producer_outq_len(producer) == 0;
}

static bool
took_until_on(void *arg)
{
    const char *cluster = producer_cluster(producer);
    (void)took_events(NULL);
    return cluster && strcmp(cluster, arg) == 0;
}

/* Both alive, then one dead: genuine events of either, and of records that
 * had no cluster. */
START_TEST(reports_as_events)
{
    reports_wanted = REPORTS_EVENT;
    setting("delivery.report.only.error", _i ? "true" : "false");
    start_producer();
    send_some(0, 10);
    ck_assert_int_eq(producer_purge(producer, RD_KAFKA_PURGE_F_QUEUE), 0);
    flip("a");
    send_some(10, 1000);
    ck_assert(wait_until(took_until_on, (char[]){"a"}, DEADLINE_MS));
    flip("b");
    send_some(1000, 2000);
    ck_assert(wait_until(took_until_on, (char[]){"b"}, DEADLINE_MS));
    all_down(&b, true);
    send_some(2000, 4000);
    flip("a");
    ck_assert(wait_until(took_until_on, (char[]){"a"}, DEADLINE_MS));
    ck_assert(wait_until(took_events, NULL, DEADLINE_MS));
    expect_one_report_each(0, 10, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    if (!_i)
        expect_one_report_each(10, 4000, 0);
    all_down(&b, false);
    send_some(0, 10);
    ck_assert(wait_until(took_events, NULL, DEADLINE_MS));
    read_all(&a, on_a);
    read_all(&b, on_b);
    ck_assert_int_eq(on_a[0].n + on_a[1].n + on_b[0].n + on_b[1].n, 4000);
}
END_TEST

static bool
is_empty(void *arg)
{
    (void)arg;
    (void)poll(NULL, 0, 5);
    return producer_outq_len(producer) == 0;
}

/* Nobody wants reports, nobody polls: nothing piles up, and moves carry. */
START_TEST(reports_for_nobody)
{
    reports_wanted = REPORTS_NONE;
    setting("message.timeout.ms", "2000");
    start_producer();
    flip("a");
    send_some(0, 2000);
    ck_assert(wait_until(is_empty, NULL, DEADLINE_MS));
    all_down(&a, true);
    send_some(2000, 4000);
    flip("b");
    ck_assert(wait_until(is_empty, NULL, DEADLINE_MS));
    ck_assert_str_eq(producer_cluster(producer), "b");
    all_down(&b, true);
    send_some(4000, 4100);
    ck_assert(wait_until(is_empty, NULL, DEADLINE_MS)); /* they time out */
    all_down(&a, false);
    all_down(&b, false);
    read_all(&a, on_a);
    read_all(&b, on_b);
    expect_all_once_in_order(on_a, on_b, 4000);
}
END_TEST

/* ---- many threads -------------------------------------------------------- */

#define THREADS 24
#define EACH    400

static void *
send_share(void *arg)
{
    const int t = *(int *)arg;
    for (int i = 0; i < EACH; i++) {
        ck_assert_int_eq(try_send(t % 2 ? "other" : "orders", t * EACH + i), 0);
        if (i % 20 == 0)
            (void)producer_poll(producer, i % 40 ? 0 : 1);
        if (i % 50 == 0)
            (void)producer_outq_len(producer);
    }
    return NULL;
}

/* The records of each thread and topic in order, whatever moves meanwhile. */
START_TEST(many_threads_across_flips)
{
    pthread_t thread[THREADS];
    int number[THREADS];
    flush_ms = 100; /* some moves cut, some do not */
    setting("enable.idempotence", "true");
    start_producer();
    flip("a");
    for (int t = 0; t < THREADS; t++) {
        number[t] = t;
        ck_assert_int_eq(
            pthread_create(&thread[t], NULL, send_share, &number[t]), 0);
    }
    for (int i = 0; i < 30; i++) {
        rd_kafka_mock_broker_set_rtt(i % 2 ? b.mock : a.mock, 1, i % 3 * 60);
        set_routes(i % 2 ? "a" : "b", i % 5 ? "b" : "a");
        for (int k = 0; k < 5; k++)
            (void)producer_poll(producer, 5);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    rd_kafka_mock_broker_set_rtt(b.mock, 1, 0);
    flush();
    expect_one_report_each(0, THREADS * EACH, 0);
    static const char *const topics[] = {"orders", "other"};
    for (int k = 0; k < 2; k++) {
        const struct site *sites[] = {&a, &b};
        for (int s = 0; s < 2; s++) {
            read_topic(sites[s], topics[k], on_a);
            for (int p = 0; p < PARTS; p++) {
                int last[THREADS];
                memset(last, -1, sizeof(last));
                for (int i = 0; i < on_a[p].n; i++) {
                    const int v = on_a[p].v[i];
                    ck_assert_int_eq(v / EACH % 2, k);
                    ck_assert_int_gt(v, last[v / EACH]);
                    last[v / EACH] = v;
                }
            }
        }
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("producer_calls");
    TCase *t = tcase_create("producer_calls");
    tcase_set_timeout(t, 90);
    tcase_add_checked_fixture(t, start_all, stop_all);
    tcase_add_test(t, bad_arguments_are_refused);
    tcase_add_test(t, a_full_queue_refuses);
    tcase_add_test(t, without_a_route_records_wait);
    tcase_add_test(t, a_record_that_waits_too_long_fails);
    tcase_add_test(t, purge_gives_up_what_waits);
    tcase_add_test(t, the_limits_hold_across_a_move);
    tcase_add_test(t, a_full_queue_can_be_waited_for);
    tcase_add_loop_test(t, values_of_all_kinds_are_carried, 0, 3);
    tcase_add_test(t, values_of_all_kinds_fail);
    tcase_add_test(t, topic_objects_and_batches);
    tcase_add_test(t, a_batch_that_waits_for_room_stays_in_order);
    tcase_add_test(t, a_batch_says_what_was_refused);
    tcase_add_loop_test(t, reports_as_events, 0, 2);
    tcase_add_test(t, reports_for_nobody);
    tcase_add_test(t, many_threads_across_flips);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
