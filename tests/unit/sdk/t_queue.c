/*
 * Queues and events of whole handles on an embedded cluster: what comes to
 * which queue, and that an event loop hears of it.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/sdk/disk_world.h"

#define N 5

static shunt_t *rk;
static shunt_queue_t *mainq, *consumerq;
static int pipe_fds[2];

static shunt_conf_t *
conf_of(int events)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_log_cb(conf, NULL);
    shunt_conf_set_events(conf, events);
    return conf;
}

static void
start_take(rd_kafka_type_t type, shunt_conf_t *conf)
{
    rk = disk_handle_take(type, conf);
    mainq = shunt_queue_get_main(rk);
    consumerq = shunt_queue_get_consumer(rk);
    ck_assert_ptr_nonnull(mainq);
    ck_assert(!consumerq == (type == RD_KAFKA_PRODUCER));
}

static void
end(void)
{
    shunt_queue_destroy(mainq);
    shunt_queue_destroy(consumerq);
    shunt_destroy(rk);
}

static void
watch(shunt_queue_t *q)
{
    ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
    shunt_queue_io_event_enable(q, pipe_fds[1], "!", 1);
}

/* Like an event loop: only looks at the queue when it has been woken. */
static shunt_event_t *
next_by_fd(shunt_queue_t *q)
{
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    char buf[64];
    for (;;) {
        shunt_event_t *e = shunt_queue_poll(q, 0);
        if (e)
            return e;
        struct pollfd fd = {.fd = pipe_fds[0], .events = POLLIN};
        ck_assert_msg(clock_mono_ms() < until_ms, "no event, no wake");
        if (poll(&fd, 1, DEADLINE_MS) == 1)
            (void)!read(pipe_fds[0], buf, sizeof(buf));
    }
}

static void
fill(void)
{
    shunt_t *p = disk_handle_take(RD_KAFKA_PRODUCER, shunt_conf_new());
    for (int i = 0; i < N; i++)
        disk_produce(p, "hello", NULL);
    ck_assert_int_eq(shunt_flush(p, DEADLINE_MS), 0);
    shunt_destroy(p);
}

static int64_t
sum_committed(void)
{
    rd_kafka_topic_partition_list_t *all = NULL;
    int64_t sum = 0;
    ck_assert_int_eq(shunt_assignment(rk, &all), 0);
    ck_assert_int_eq(shunt_committed(rk, all, DEADLINE_MS), 0);
    for (int i = 0; i < all->cnt; i++)
        sum += all->elems[i].offset > 0 ? all->elems[i].offset : 0;
    rd_kafka_topic_partition_list_destroy(all);
    return sum;
}

/* ---- producer ----------------------------------------------------------- */

START_TEST(delivery_reports_by_event)
{
    int seen = 0, marks[N];
    start_take(RD_KAFKA_PRODUCER, conf_of(RD_KAFKA_EVENT_DR));
    watch(mainq); /* before there is a cluster */
    for (int i = 0; i < N; i++)
        disk_produce(rk, "hello", &marks[i]);
    while (seen < N) {
        const rd_kafka_message_t *m;
        shunt_event_t *e = next_by_fd(mainq);
        ck_assert_int_eq(shunt_event_type(e), RD_KAFKA_EVENT_DR);
        ck_assert_str_eq(shunt_event_name(e), "DeliveryReport");
        ck_assert_uint_gt(shunt_event_message_count(e), 0);
        for (; (m = shunt_event_message_next(e)); seen++) {
            ck_assert_int_eq(m->err, 0);
            ck_assert(m->_private >= (void *)&marks[0] &&
                      m->_private <= (void *)&marks[N - 1]);
            ck_assert_str_eq(shunt_message_origin(m), "a");
        }
        shunt_event_destroy(e);
    }
    ck_assert_int_eq(shunt_outq_len(rk), 0);
    end();
}
END_TEST

static void
on_report(shunt_t *handle, const rd_kafka_message_t *m, void *opaque)
{
    (void)handle;
    (void)opaque;
    ck_assert_int_eq(m->err, 0);
    *(int *)m->_private += 1;
}

/* What has no event comes to its callback, from whichever call polls. */
START_TEST(callbacks_from_a_queue)
{
    int seen = 0;
    shunt_conf_t *conf = conf_of(SHUNT_EVENT_ROUTE);
    shunt_conf_set_dr_msg_cb(conf, on_report);
    start_take(RD_KAFKA_PRODUCER, conf);
    watch(mainq);
    disk_produce(rk, "hello", &seen);
    shunt_event_t *e = next_by_fd(mainq);
    ck_assert_int_eq(shunt_event_type(e), SHUNT_EVENT_ROUTED);
    ck_assert_str_eq(shunt_event_to(e), "a");
    shunt_event_destroy(e);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (seen == 0 && clock_mono_ms() < until_ms)
        (void)shunt_queue_poll_callback(mainq, 100);
    ck_assert_int_eq(seen, 1);
    end();
}
END_TEST

static atomic_int in_background;
static pthread_t tester;

static void
on_background(shunt_t *handle, shunt_event_t *e, void *opaque)
{
    (void)handle;
    (void)opaque;
    ck_assert(!pthread_equal(pthread_self(), tester));
    if (shunt_event_type(e) == RD_KAFKA_EVENT_DR)
        atomic_fetch_add(&in_background, (int)shunt_event_message_count(e));
    shunt_event_destroy(e);
}

START_TEST(a_thread_serves_what_is_forwarded_to_it)
{
    shunt_conf_t *conf = conf_of(RD_KAFKA_EVENT_DR);
    shunt_conf_set_background_event_cb(conf, on_background);
    tester = pthread_self();
    start_take(RD_KAFKA_PRODUCER, conf);
    shunt_queue_t *q = shunt_queue_get_background(rk);
    shunt_queue_forward(mainq, q);
    for (int i = 0; i < N; i++)
        disk_produce(rk, "hello", NULL);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (atomic_load(&in_background) < N && clock_mono_ms() < until_ms)
        (void)shunt_flush(rk, 10);
    ck_assert_int_eq(atomic_load(&in_background), N);
    shunt_queue_destroy(q);
    end();
}
END_TEST

/* ---- consumer ----------------------------------------------------------- */

START_TEST(records_by_event)
{
    int seen = 0;
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(0));
    watch(consumerq); /* before the first route */
    disk_subscribe(rk);
    while (seen < N) {
        shunt_event_t *e = next_by_fd(consumerq);
        ck_assert_int_eq(shunt_event_type(e), RD_KAFKA_EVENT_FETCH);
        rd_kafka_topic_partition_t *t = shunt_event_topic_partition(e);
        const rd_kafka_message_t *m = shunt_event_message_next(e);
        ck_assert_ptr_nonnull(m);
        ck_assert_str_eq(t->topic, "orders");
        ck_assert_int_eq(t->partition, m->partition);
        ck_assert_str_eq(shunt_topic_name(m->rkt), "orders");
        ck_assert_ptr_null(shunt_event_message_next(e));
        rd_kafka_topic_partition_destroy(t);
        shunt_event_destroy(e);
        seen++;
    }
    end();
}
END_TEST

/* Nothing comes from the cluster then: time alone makes them due. */
START_TEST(automatic_commits_of_an_event_loop)
{
    int64_t committed = 0;
    fill();
    shunt_conf_t *conf = conf_of(RD_KAFKA_EVENT_OFFSET_COMMIT);
    disk_set(conf, "auto.commit.interval.ms", "50");
    start_take(RD_KAFKA_CONSUMER, conf);
    watch(consumerq);
    disk_subscribe(rk);
    while (committed < N) {
        shunt_event_t *e = next_by_fd(consumerq);
        if (shunt_event_type(e) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
            rd_kafka_topic_partition_list_t *l =
                shunt_event_topic_partition_list(e);
            ck_assert_int_eq(shunt_event_error(e), 0);
            ck_assert_int_le(l->cnt, 2);
            committed = sum_committed();
        }
        shunt_event_destroy(e);
    }
    end();
}
END_TEST

START_TEST(queues_of_ones_own)
{
    int records = 0, routed = 0;
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(SHUNT_EVENT_ROUTE));
    shunt_queue_t *q = shunt_queue_new(rk);
    shunt_queue_forward(mainq, consumerq);
    shunt_queue_forward(consumerq, q);
    shunt_queue_forward(q, mainq); /* a ring: nothing happens */
    watch(q);
    disk_subscribe(rk);
    while (records < N || routed < 1) {
        shunt_event_t *e = next_by_fd(q);
        records += shunt_event_type(e) == RD_KAFKA_EVENT_FETCH;
        routed += shunt_event_type(e) == SHUNT_EVENT_ROUTED;
        shunt_event_destroy(e);
    }
    ck_assert_int_eq(records, N);
    shunt_queue_destroy(q);
    end();
}
END_TEST

/* As in librdkafka the application assigns; until then nothing is read. */
START_TEST(rebalances_by_event)
{
    int seen = 0;
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(RD_KAFKA_EVENT_REBALANCE));
    watch(consumerq);
    disk_subscribe(rk);
    shunt_event_t *e = next_by_fd(consumerq);
    ck_assert_int_eq(shunt_event_type(e), RD_KAFKA_EVENT_REBALANCE);
    ck_assert_int_eq(shunt_event_error(e),
                     RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    rd_kafka_topic_partition_list_t *l = shunt_event_topic_partition_list(e);
    ck_assert_int_eq(l->cnt, 2);
    ck_assert_ptr_null(shunt_queue_poll(consumerq, 300));
    ck_assert_int_eq(shunt_assign(rk, l), 0);
    shunt_event_destroy(e);
    for (; seen < N; seen++) {
        e = next_by_fd(consumerq);
        ck_assert_int_eq(shunt_event_type(e), RD_KAFKA_EVENT_FETCH);
        shunt_event_destroy(e);
    }
    end();
}
END_TEST

static void
expect_one_committed(const rd_kafka_topic_partition_list_t *l, int64_t offset)
{
    ck_assert_ptr_nonnull(l);
    ck_assert_int_eq(l->cnt, 1);
    ck_assert_int_eq(l->elems[0].err, 0);
    ck_assert_int_eq(l->elems[0].offset, offset);
    ck_assert_ptr_null(l->elems[0].metadata);
}

static void
on_committed(shunt_t *handle, rd_kafka_resp_err_t err,
             rd_kafka_topic_partition_list_t *l, void *opaque)
{
    ck_assert_ptr_eq(handle, rk);
    ck_assert_int_eq(err, 0);
    expect_one_committed(l, 2);
    ++*(int *)opaque;
}

START_TEST(a_commit_and_the_end_on_a_queue)
{
    int called = 0;
    fill();
    shunt_conf_t *conf = conf_of(0);
    disk_set(conf, "enable.auto.commit", "false");
    start_take(RD_KAFKA_CONSUMER, conf);
    disk_subscribe(rk);
    rd_kafka_message_t *m = shunt_consumer_poll(rk, DEADLINE_MS);
    ck_assert_ptr_nonnull(m);
    rd_kafka_message_destroy(m);
    shunt_queue_t *q = shunt_queue_new(rk);
    ck_assert_int_eq(shunt_commit_queue(rk, NULL, q, NULL, &called), 0);
    shunt_event_t *e = shunt_queue_poll(q, DEADLINE_MS);
    ck_assert_int_eq(shunt_event_type(e), RD_KAFKA_EVENT_OFFSET_COMMIT);
    ck_assert_int_eq(shunt_event_error(e), 0);
    ck_assert_ptr_eq(shunt_event_opaque(e), &called);
    expect_one_committed(shunt_event_topic_partition_list(e), 1);
    shunt_event_destroy(e);
    m = shunt_consumer_poll(rk, DEADLINE_MS);
    ck_assert_ptr_nonnull(m);
    rd_kafka_message_destroy(m);
    ck_assert_int_eq(shunt_commit_queue(rk, NULL, q, on_committed, &called), 0);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (called == 0 && clock_mono_ms() < until_ms)
        ck_assert_ptr_null(shunt_queue_poll(q, 50));
    ck_assert_int_eq(called, 1);
    ck_assert_ptr_null(shunt_consumer_close_queue(rk, q));
    rd_kafka_error_t *error = shunt_consumer_close_queue(rk, q);
    ck_assert_int_eq(rd_kafka_error_code(error), RD_KAFKA_RESP_ERR__DESTROY);
    rd_kafka_error_destroy(error);
    while (!shunt_consumer_closed(rk) && clock_mono_ms() < until_ms)
        shunt_event_destroy(shunt_queue_poll(q, 50));
    ck_assert(shunt_consumer_closed(rk));
    shunt_queue_destroy(q);
    end();
}
END_TEST

static void
count_one(rd_kafka_message_t *m, void *opaque)
{
    ck_assert_int_eq(m->err, 0);
    ++*(int *)opaque;
}

START_TEST(records_of_a_queue_without_events)
{
    int seen = 0;
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(0));
    disk_subscribe(rk);
    rd_kafka_message_t *m = shunt_consume_queue(consumerq, DEADLINE_MS);
    ck_assert_ptr_nonnull(m);
    rd_kafka_message_destroy(m);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (seen < N - 1 && clock_mono_ms() < until_ms)
        (void)shunt_consume_callback_queue(consumerq, -1, count_one, &seen);
    ck_assert_int_eq(seen, N - 1);
    end();
}
END_TEST

START_TEST(batches_of_a_queue)
{
    rd_kafka_message_t *v[N + 1];
    ssize_t seen = 0;
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(0));
    disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (seen < N && clock_mono_ms() < until_ms) {
        const ssize_t n = shunt_consume_batch_queue(consumerq, 500, v, N + 1);
        for (ssize_t i = 0; i < n; i++) {
            ck_assert_int_eq(v[i]->err, 0);
            rd_kafka_message_destroy(v[i]);
        }
        seen += n;
    }
    ck_assert_int_eq(seen, N);
    ck_assert_int_eq(shunt_consume_batch_queue(mainq, 50, v, N + 1), 0);
    end();
}
END_TEST

static bool in_batch;

static int
poll_and_commit(shunt_t *handle, char *json, size_t len, void *opaque)
{
    (void)json;
    (void)len;
    if (!in_batch || shunt_queue_length(consumerq) > 0)
        return 0; /* no record is in its hand yet */
    ck_assert_ptr_null(shunt_consumer_poll(handle, 0));
    (void)shunt_commit(handle, NULL, 0); /* there may be nothing to commit */
    ++*(int *)opaque;
    return 0;
}

static bool
is_assigned(void *arg)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_ptr_null(shunt_consumer_poll(arg, 50));
    ck_assert_int_eq(shunt_assignment(arg, &l), 0);
    const int n = l->cnt;
    rd_kafka_topic_partition_list_destroy(l);
    return n > 0;
}

static bool
holds_all(void *q)
{
    return shunt_queue_length(q) >= N;
}

/* The application has not seen the records of a batch that waits for more. */
START_TEST(a_callback_amid_a_batch_finishes_nothing)
{
    rd_kafka_message_t *v[N + 1];
    int calls = 0, before;
    int64_t finished = 0;
    shunt_conf_t *conf = conf_of(0);
    disk_set(conf, "enable.auto.commit", "false");
    disk_set(conf, "statistics.interval.ms", "50");
    shunt_conf_set_stats_cb(conf, poll_and_commit);
    shunt_conf_set_opaque(conf, &calls);
    start_take(RD_KAFKA_CONSUMER, conf);
    disk_subscribe(rk);
    ck_assert(wait_until(is_assigned, rk, DEADLINE_MS));
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    do {
        fill();
        ck_assert(wait_until(holds_all, consumerq, DEADLINE_MS));
        before = calls;
        in_batch = true;
        ssize_t n = shunt_consume_batch_queue(consumerq, 1000, v, N + 1);
        in_batch = false;
        ck_assert_int_le(sum_committed(), finished);
        for (finished += n; n > 0;)
            rd_kafka_message_destroy(v[--n]);
    } while (calls == before && clock_mono_ms() < until_ms);
    ck_assert_int_gt(calls, before);
    (void)shunt_commit(rk, NULL, 0); /* the callback may have done it */
    ck_assert_int_eq(sum_committed(), finished);
    end();
}
END_TEST

static atomic_bool polling;

static void *
poll_for_ever(void *arg)
{
    atomic_store(&polling, true);
    return shunt_queue_poll(arg, -1);
}

static void
expect_yield(shunt_queue_t *q)
{
    pthread_t thread;
    void *event;
    atomic_store(&polling, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, poll_for_ever, q), 0);
    while (!atomic_load(&polling))
        ;
    shunt_queue_yield(q);
    ck_assert_int_eq(pthread_join(thread, &event), 0);
    ck_assert_ptr_null(event);
}

/* Nothing comes to its queue any more. */
START_TEST(a_poll_of_a_closed_consumer_ends)
{
    rd_kafka_message_t *v[2];
    shunt_conf_t *conf = conf_of(0);
    shunt_conf_set_consume_cb(conf, count_one);
    start_take(RD_KAFKA_CONSUMER, conf);
    watch(consumerq);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    ck_assert_ptr_null(shunt_queue_poll(consumerq, -1));
    ck_assert_ptr_null(shunt_consume_queue(consumerq, -1));
    ck_assert_ptr_null(shunt_consumer_poll(rk, -1));
    ck_assert_int_eq(shunt_consume_batch_queue(consumerq, -1, v, 2), 0);
    ck_assert_int_eq(shunt_queue_poll_callback(consumerq, -1), 0);
    end();
}
END_TEST

START_TEST(a_poll_is_ended_by_yield)
{
    start_take(RD_KAFKA_CONSUMER, conf_of(0));
    shunt_queue_t *q = shunt_queue_new(rk);
    expect_yield(q);
    expect_yield(mainq);
    expect_yield(consumerq);
    shunt_queue_destroy(q);
    end();
}
END_TEST

static atomic_int wakes;

static void
on_wake(shunt_t *handle, void *opaque)
{
    (void)handle;
    atomic_fetch_add((atomic_int *)opaque, 1);
}

START_TEST(woken_by_a_call)
{
    fill();
    start_take(RD_KAFKA_CONSUMER, conf_of(0));
    shunt_queue_cb_event_enable(consumerq, on_wake, &wakes);
    disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    shunt_event_t *e = NULL;
    while (!e && clock_mono_ms() < until_ms)
        if (atomic_exchange(&wakes, 0) > 0)
            e = shunt_queue_poll(consumerq, 0);
    ck_assert_ptr_nonnull(e);
    shunt_event_destroy(e);
    shunt_queue_cb_event_enable(consumerq, NULL, NULL);
    end();
}
END_TEST

/* ---- both --------------------------------------------------------------- */

static int
on_stats(shunt_t *handle, char *json, size_t len, void *opaque)
{
    (void)opaque;
    ck_assert_ptr_eq(handle, rk);
    ck_assert_uint_eq(strlen(json), len);
    atomic_fetch_add(&wakes, 1);
    free(json);
    return 1;
}

START_TEST(statistics_by_callback)
{
    shunt_conf_t *conf = conf_of(0);
    disk_set(conf, "statistics.interval.ms", "20");
    shunt_conf_set_stats_cb(conf, on_stats);
    start_take(_i == 0 ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf);
    if (_i == 0)
        disk_produce(rk, "hello", NULL);
    else
        disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (atomic_load(&wakes) < 2 && clock_mono_ms() < until_ms) {
        rd_kafka_message_t *m =
            _i ? shunt_consumer_poll(rk, 100) : (shunt_poll(rk, 100), NULL);
        if (m)
            rd_kafka_message_destroy(m);
    }
    ck_assert_int_ge(atomic_load(&wakes), 2);
    end();
}
END_TEST

START_TEST(statistics_by_event)
{
    int seen = 0;
    shunt_conf_t *conf = conf_of(RD_KAFKA_EVENT_STATS);
    disk_set(conf, "statistics.interval.ms", "20");
    start_take(_i == 0 ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf);
    watch(mainq);
    ck_assert_int_eq(shunt_poll_set_consumer(rk),
                     _i ? 0 : RD_KAFKA_RESP_ERR__UNKNOWN_GROUP);
    if (_i == 0)
        disk_produce(rk, "hello", NULL);
    else
        disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (seen < 2 && clock_mono_ms() < until_ms) {
        shunt_event_t *e = shunt_queue_poll(_i ? consumerq : mainq, 100);
        if (e && shunt_event_type(e) == RD_KAFKA_EVENT_STATS) {
            ck_assert_ptr_nonnull(strstr(shunt_event_stats(e), "\"brokers\""));
            seen++;
        }
        shunt_event_destroy(e);
    }
    ck_assert_int_eq(seen, 2);
    end();
}
END_TEST

START_TEST(log_lines_by_event)
{
    bool seen = false;
    shunt_conf_t *conf = conf_of(RD_KAFKA_EVENT_LOG);
    disk_set(conf, "log.queue", "true");
    disk_set(conf, "debug", "broker");
    start_take(RD_KAFKA_PRODUCER, conf);
    ck_assert_int_eq(shunt_set_log_queue(rk, NULL), 0);
    disk_produce(rk, "hello", NULL);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (!seen && clock_mono_ms() < until_ms) {
        const char *fac, *text;
        int level;
        shunt_event_t *e = shunt_queue_poll(mainq, 100);
        if (e && shunt_event_log(e, &fac, &text, &level) == 0)
            seen = strstr(text, "broker") != NULL && level == 7;
        shunt_event_destroy(e);
    }
    ck_assert(seen);
    end();
}
END_TEST

START_TEST(errors_by_event)
{
    bool seen = false;
    start_take(RD_KAFKA_PRODUCER, conf_of(RD_KAFKA_EVENT_ERROR));
    disk_produce(rk, "hello", NULL);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    rd_kafka_mock_broker_set_down(disk_mock, 1);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (!seen && clock_mono_ms() < until_ms) {
        shunt_event_t *e = shunt_queue_poll(mainq, 100);
        if (e && shunt_event_type(e) == RD_KAFKA_EVENT_ERROR) {
            seen = shunt_event_error(e) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
            ck_assert(*shunt_event_error_string(e));
            ck_assert_int_eq(shunt_event_error_is_fatal(e), 0);
        }
        shunt_event_destroy(e);
    }
    ck_assert(seen);
    rd_kafka_mock_broker_set_up(disk_mock, 1);
    end();
}
END_TEST

/* ---- tokens ------------------------------------------------------------- */

#define TOKEN_LIFE_MS 3600000

static int tokens;

static rd_kafka_resp_err_t
give_token(shunt_t *handle)
{
    char why[256];
    const char *extensions[] = {"a", "b"};
    return shunt_oauthbearer_set_token(
        handle, "token", (int64_t)time(NULL) * 1000 + TOKEN_LIFE_MS, "me",
        extensions, 2, why, sizeof(why));
}

static void
on_token(shunt_t *handle, const char *config, void *opaque)
{
    (void)opaque;
    ck_assert_str_eq(config, "who=me");
    if (tokens++ == 0)
        ck_assert_int_eq(shunt_oauthbearer_set_token_failure(handle, "no"), 0);
    ck_assert_int_eq(give_token(handle), 0);
}

static shunt_conf_t *
oauth_conf(int events)
{
    shunt_conf_t *conf = conf_of(events);
    disk_set(conf, "security.protocol", "sasl_plaintext");
    disk_set(conf, "sasl.mechanism", "OAUTHBEARER");
    disk_set(conf, "sasl.oauthbearer.config", "who=me");
    return conf;
}

static void
poll_some(void)
{
    rd_kafka_message_t *m = consumerq ? shunt_consumer_poll(rk, 100) : NULL;
    if (m)
        rd_kafka_message_destroy(m);
    if (!consumerq)
        (void)shunt_poll(rk, 100);
}

START_TEST(tokens_by_callback)
{
    shunt_conf_t *conf = oauth_conf(0);
    shunt_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
    start_take(_i == 0 ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf);
    if (_i == 0)
        disk_produce(rk, "hello", NULL);
    else
        disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (tokens == 0 && clock_mono_ms() < until_ms)
        poll_some();
    ck_assert_int_ge(tokens, 1);
    end();
}
END_TEST

START_TEST(tokens_by_event)
{
    shunt_conf_t *conf = oauth_conf(RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
    shunt_conf_enable_sasl_queue(conf, 1);
    start_take(RD_KAFKA_CONSUMER, conf);
    shunt_queue_t *q = shunt_queue_get_sasl(rk);
    ck_assert_ptr_nonnull(q);
    disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    shunt_event_t *e = NULL;
    while (!e && clock_mono_ms() < until_ms) {
        poll_some();
        e = shunt_queue_poll(q, 0);
    }
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(shunt_event_type(e),
                     RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
    ck_assert_str_eq(shunt_event_config_string(e), "who=me");
    ck_assert_int_eq(give_token(rk), 0);
    shunt_event_destroy(e);
    shunt_queue_destroy(q);
    end();
}
END_TEST

START_TEST(tokens_on_a_thread)
{
    shunt_conf_t *conf = oauth_conf(0);
    shunt_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
    start_take(RD_KAFKA_PRODUCER, conf);
    ck_assert_ptr_null(shunt_sasl_background_callbacks_enable(rk));
    ck_assert_int_eq(shunt_oauthbearer_set_token_failure(rk, ""),
                     RD_KAFKA_RESP_ERR__INVALID_ARG);
    end();
}
END_TEST

static void
add_case(Suite *s, TCase *t)
{
    tcase_set_timeout(t, 90);
    tcase_add_checked_fixture(t, disk_world_start, disk_world_stop);
    suite_add_tcase(s, t);
}

int
main(void)
{
    Suite *s = suite_create("sdk/queue");
    TCase *p = tcase_create("producer"), *c = tcase_create("consumer"),
          *b = tcase_create("both"), *o = tcase_create("tokens");
    tcase_add_test(p, delivery_reports_by_event);
    tcase_add_test(p, callbacks_from_a_queue);
    tcase_add_test(p, a_thread_serves_what_is_forwarded_to_it);
    tcase_add_test(c, records_by_event);
    tcase_add_test(c, automatic_commits_of_an_event_loop);
    tcase_add_test(c, queues_of_ones_own);
    tcase_add_test(c, rebalances_by_event);
    tcase_add_test(c, a_commit_and_the_end_on_a_queue);
    tcase_add_test(c, records_of_a_queue_without_events);
    tcase_add_test(c, batches_of_a_queue);
    tcase_add_test(c, a_callback_amid_a_batch_finishes_nothing);
    tcase_add_test(c, a_poll_of_a_closed_consumer_ends);
    tcase_add_test(c, a_poll_is_ended_by_yield);
    tcase_add_test(c, woken_by_a_call);
    tcase_add_loop_test(b, statistics_by_callback, 0, 2);
    tcase_add_loop_test(b, statistics_by_event, 0, 2);
    tcase_add_test(b, log_lines_by_event);
    tcase_add_test(b, errors_by_event);
    tcase_add_loop_test(o, tokens_by_callback, 0, 2);
    tcase_add_test(o, tokens_by_event);
    tcase_add_test(o, tokens_on_a_thread);
    add_case(s, p);
    add_case(s, c);
    add_case(s, b);
    add_case(s, o);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
