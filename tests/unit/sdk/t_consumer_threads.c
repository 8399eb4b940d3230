/*
 * One consumer engine, many threads: see consumer_world.h.  Runs under
 * SAN=thread too.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/consumer_ops.h"
#include "tests/unit/sdk/consumer_world.h"

#define THREADS 24
#define RECORDS 2000

struct member {
    struct control control;
    struct engine e;
    struct consumer *c;
    atomic_int switched;
};

static atomic_int seen[PARTS][RECORDS];
static atomic_bool done;

static void
on_event(const struct engine_event *e, void *arg)
{
    struct member *m = arg;
    atomic_fetch_add(&m->switched, e->type == ENGINE_SWITCHED);
}

static void
on_log(int level, const char *fac, const char *text, void *arg)
{
    (void)arg;
    if (getenv("T_LOG"))
        (void)fprintf(stderr, "%d %s %s\n", level, fac, text);
}

static void
member_route(struct member *m, const char *cluster, int64_t since,
             const char *previous)
{
    give_route(&m->control, cluster, since, previous);
    consumer_news(m->c);
}

static void
member_start(struct member *m, int64_t auto_commit_interval_ms)
{
    static const char *const conf[][2] = {{"group.id", "g"},
                                          {"session.timeout.ms", "6000"},
                                          {"heartbeat.interval.ms", "200"},
                                          {"auto.offset.reset", "earliest"},
                                          {"fetch.wait.max.ms", "10"}};
    struct err err;
    memset(m, 0, sizeof(*m));
    m->e.template = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof(conf) / sizeof(*conf); i++)
        ck_assert_int_eq(
            rd_kafka_conf_set(m->e.template, conf[i][0], conf[i][1], NULL, 0),
            RD_KAFKA_CONF_OK);
    m->e.control = &m->control;
    m->e.worker = worker;
    m->e.auto_commit = true;
    m->e.auto_commit_interval_ms = auto_commit_interval_ms;
    m->e.settle_ms = 3000;
    m->e.mapping_ms = 700;
    m->e.close_ms = 5000;
    m->e.on_event = on_event;
    m->e.on_log = on_log;
    m->e.arg = m;
    ck_assert_int_eq(consumer_new(&m->e, &m->c, &err), 0);
}

static void
member_subscribe(struct member *m)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_subscribe(m->c, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
member_stop(struct member *m)
{
    ck_assert_int_eq(consumer_close(m->c), 0);
    consumer_free(m->c);
    rd_kafka_conf_destroy(m->e.template);
    route_unref(m->control.route);
}

/* The record's number, its partition in *partition; -1: nothing came. */
static int
poll_one(struct member *m, int timeout_ms, int32_t *partition)
{
    int number = -1;
    rd_kafka_message_t *r = consumer_poll(m->c, timeout_ms);
    if (r && !r->err) {
        char value[32] = "";
        memcpy(value, r->payload, r->len < 31 ? r->len : 31);
        number = atoi(value);
        *partition = r->partition;
        ck_assert_str_eq(
            consumer_logical_name(m->c, rd_kafka_topic_name(r->rkt)), "orders");
    }
    if (r)
        rd_kafka_message_destroy(r);
    return number;
}

static rd_kafka_topic_partition_list_t *
both(const char *topic)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new(PARTS);
    for (int p = 0; p < PARTS; p++)
        rd_kafka_topic_partition_list_add(l, topic, p);
    return l;
}

/* ---- everything at once -------------------------------------------------- */

static void *
poller(void *arg)
{
    struct member *m = arg;
    for (int n = 0; !atomic_load(&done); n++) {
        int32_t p = 0;
        const int i = poll_one(m, 20, &p);
        if (i >= 0)
            atomic_fetch_add(&seen[p][i], 1);
        if (n % 10 == 0)
            (void)consumer_commit(m->c, NULL, n % 20 == 0);
    }
    return NULL;
}

static void *
meddler(void *arg)
{
    struct member *m = arg;
    while (!atomic_load(&done)) {
        rd_kafka_topic_partition_list_t *l = both("orders"), *all = NULL;
        char cluster[16];
        (void)consumer_committed(m->c, l, 1000);
        (void)consumer_position(m->c, l);
        (void)consumer_commit(m->c, l, true);
        rd_kafka_topic_partition_list_destroy(l);
        ck_assert_int_eq(consumer_assignment(m->c, &all), 0);
        rd_kafka_topic_partition_list_destroy(all);
        ck_assert_int_eq(consumer_subscription(m->c, &all), 0);
        ck_assert_int_eq(all->cnt, 1);
        rd_kafka_topic_partition_list_destroy(all);
        consumer_cluster(m->c, cluster, sizeof(cluster));
        member_subscribe(m);
        generation_unref(consumer_hold(m->c, "orders"));
    }
    return NULL;
}

static bool
all_seen(int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            if (atomic_load(&seen[p][i]) == 0)
                return false;
    return true;
}

static void
wait_seen(int from, int to)
{
    const int64_t end = clock_mono_ms() + 60000;
    while (!all_seen(from, to)) {
        ck_assert_msg(clock_mono_ms() < end, "records are missing");
        (void)poll(NULL, 0, 5);
    }
}

/* What stands twice was in some thread's hand at the flip. */
START_TEST(threads_lose_nothing)
{
    struct member m;
    pthread_t t[THREADS];
    int twice = 0;
    atomic_store(&done, false);
    produce(&a, "orders", 0, 1000);
    produce(&b, "a.orders", SHIFT, 1500);
    member_start(&m, 50);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(
            pthread_create(&t[i], NULL, i % 3 < 2 ? poller : meddler, &m), 0);
    wait_seen(0, 1000);
    member_route(&m, "b", 4, "a");
    wait_seen(1000, 1500);
    atomic_store(&done, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    ck_assert_int_eq(atomic_load(&m.switched), 1);
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < 1500; i++)
            twice += atomic_load(&seen[p][i]) - 1;
    ck_assert_int_le(twice, THREADS);
    member_stop(&m);
}
END_TEST

/* ---- seeking ------------------------------------------------------------- */

struct seeking {
    struct member *m;
    atomic_int times;
};

static void *
seeker(void *arg)
{
    struct seeking *s = arg;
    for (int n = 0; !atomic_load(&done); n++) {
        rd_kafka_topic_partition_list_t *l =
            rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(l, "orders", n % PARTS)->offset =
            n * 37 % 400;
        rd_kafka_error_t *error = consumer_seek(s->m->c, l, 1000);
        if (!error && !l->elems[0].err)
            atomic_fetch_add(&s->times, 1);
        if (error)
            rd_kafka_error_destroy(error);
        rd_kafka_topic_partition_list_destroy(l);
        (void)poll(NULL, 0, 2);
    }
    return NULL;
}

/* Back and forth; what comes after the last seek is read. */
START_TEST(threads_seek_while_others_poll)
{
    struct member m;
    struct seeking s = {.m = &m};
    pthread_t t[THREADS];
    atomic_store(&done, false);
    produce(&a, "orders", 0, 400);
    member_start(&m, 50);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL,
                                        i % 3 < 2 ? poller : seeker,
                                        i % 3 < 2 ? (void *)&m : &s),
                         0);
    const int64_t end = clock_mono_ms() + 60000;
    while (atomic_load(&s.times) < 300) {
        ck_assert_int_lt(clock_mono_ms(), end);
        (void)poll(NULL, 0, 5);
    }
    atomic_store(&done, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    atomic_store(&done, false);
    produce(&a, "orders", 400, 500);
    ck_assert_int_eq(pthread_create(&t[0], NULL, poller, &m), 0);
    wait_seen(400, 500);
    atomic_store(&done, true);
    pthread_join(t[0], NULL);
    member_stop(&m);
}
END_TEST

/* ---- in hand ------------------------------------------------------------- */

struct holder {
    struct member *m;
    pthread_barrier_t turn; /* has its record; may go on; has gone on */
    int32_t partition;
    int number;
};

static void *
hold_one(void *arg)
{
    struct holder *h = arg;
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    do {
        h->number = poll_one(h->m, 50, &h->partition);
    } while (h->number < 0 && clock_mono_ms() < end);
    pthread_barrier_wait(&h->turn);
    pthread_barrier_wait(&h->turn);
    int32_t other;
    (void)poll_one(h->m, 0, &other);
    pthread_barrier_wait(&h->turn);
    return NULL;
}

static int64_t
committed(struct member *m, int32_t partition)
{
    rd_kafka_topic_partition_list_t *l = both("orders");
    (void)consumer_commit(m->c, NULL, false); /* perhaps there is nothing new */
    ck_assert_int_eq(consumer_committed(m->c, l, DEADLINE_MS), 0);
    const int64_t offset = l->elems[partition].offset;
    rd_kafka_topic_partition_list_destroy(l);
    return offset;
}

START_TEST(what_another_thread_has_in_hand_is_not_committed)
{
    struct member m;
    struct holder h = {.m = &m, .number = -1};
    pthread_t t;
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    produce(&a, "orders", 0, 20);
    member_start(&m, 0);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    pthread_barrier_init(&h.turn, NULL, 2);
    pthread_create(&t, NULL, hold_one, &h);
    pthread_barrier_wait(&h.turn);
    ck_assert_int_ge(h.number, 0);
    for (int n = 1; n < PARTS * 20;) {
        int32_t p;
        ck_assert_int_lt(clock_mono_ms(), end);
        n += poll_one(&m, 50, &p) >= 0;
    }
    ck_assert_int_eq(committed(&m, h.partition), h.number);
    ck_assert_int_eq(committed(&m, 1 - h.partition), 20);
    pthread_barrier_wait(&h.turn);
    pthread_barrier_wait(&h.turn);
    ck_assert_int_eq(committed(&m, h.partition), 20);
    pthread_join(t, NULL);
    pthread_barrier_destroy(&h.turn);
    member_stop(&m);
}
END_TEST

/* ---- the wheel ----------------------------------------------------------- */

static void *
poll_for_ever(void *arg)
{
    struct member *m = arg;
    ck_assert_ptr_null(consumer_poll(m->c, -1));
    return NULL;
}

static bool
assigned(struct member *m)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(consumer_assignment(m->c, &l), 0);
    const bool any = l->cnt > 0;
    rd_kafka_topic_partition_list_destroy(l);
    return any;
}

START_TEST(close_ends_every_poll)
{
    struct member m;
    pthread_t t[4];
    member_start(&m, 50);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, poll_for_ever, &m);
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!assigned(&m)) {
        ck_assert_int_lt(clock_mono_ms(), end);
        (void)poll(NULL, 0, 5);
    }
    const int64_t start = clock_mono_ms();
    ck_assert_int_eq(consumer_close(m.c), 0);
    ck_assert_int_lt(clock_mono_ms() - start, 4000);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    member_stop(&m);
}
END_TEST

static enum engine_answer
leave_when_assigned(rd_kafka_resp_err_t code,
                    rd_kafka_topic_partition_list_t *l, void *arg)
{
    struct member *m = arg;
    (void)l;
    ck_assert_int_eq(consumer_close(m->c), RD_KAFKA_RESP_ERR__IN_PROGRESS);
    ck_assert_ptr_null(consumer_poll(m->c, 0));
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        ck_assert_int_eq(consumer_unsubscribe(m->c), 0);
    return ENGINE_NOBODY;
}

START_TEST(a_callback_may_call_back)
{
    struct member m;
    int32_t p;
    produce(&a, "orders", 0, 20);
    member_start(&m, 50);
    consumer_free(m.c);
    m.e.on_rebalance = leave_when_assigned;
    ck_assert_int_eq(consumer_new(&m.e, &m.c, NULL), 0);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    char cluster[16] = "";
    for (bool left = false; !left;) {
        ck_assert_int_lt(clock_mono_ms(), end);
        const bool was_there = *cluster != '\0';
        ck_assert_int_eq(poll_one(&m, 50, &p), -1);
        consumer_cluster(m.c, cluster, sizeof(cluster));
        left = was_there && !*cluster;
    }
    member_subscribe(&m); /* once more, to be sure that it still works */
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("consumer_threads");
    add(s, "threads", threads_lose_nothing);
    add(s, "seek", threads_seek_while_others_poll);
    add(s, "in hand", what_another_thread_has_in_hand_is_not_committed);
    add(s, "close", close_ends_every_poll);
    add(s, "callback", a_callback_may_call_back);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
