/*
 * The producer engine against two embedded clusters, with a control thread
 * replaced by a fake: routes are set by hand.
 *
 * Every record's value is its number, its opaque the number plus one.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/producer/producer.h"
#include "tests/support/support.h"

#define PARTS   2
#define RECORDS 20000

/* ---- fake control -------------------------------------------------------- */

struct control {
    pthread_mutex_t mutex;
    struct route *route;
    char state[16];
    size_t n_topics;
};

struct counted_route {
    struct route r;
    int refs;
};

static struct control control = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct counted_route *
counted(struct route *r)
{
    return (struct counted_route *)(void *)r;
}

void
route_ref(struct route *r)
{
    __atomic_add_fetch(&counted(r)->refs, 1, __ATOMIC_SEQ_CST);
}

void
route_unref(struct route *r)
{
    if (!r || __atomic_sub_fetch(&counted(r)->refs, 1, __ATOMIC_SEQ_CST) > 0)
        return;
    pt_answer_fini(&r->answer);
    free(counted(r));
}

struct route *
control_route(struct control *c)
{
    pthread_mutex_lock(&c->mutex);
    struct route *r = c->route;
    if (r)
        route_ref(r);
    pthread_mutex_unlock(&c->mutex);
    return r;
}

int
control_set_topics(struct control *c, const struct strlist *topics)
{
    pthread_mutex_lock(&c->mutex);
    c->n_topics = topics->n;
    pthread_mutex_unlock(&c->mutex);
    return 0;
}

int
control_report(struct control *c, const struct pt_report *r)
{
    pthread_mutex_lock(&c->mutex);
    (void)snprintf(c->state, sizeof(c->state), "%s", r->state);
    pthread_mutex_unlock(&c->mutex);
    return 0;
}

/* ---- clusters ------------------------------------------------------------ */

struct site {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
};

static struct site a, b;
static struct worker *worker;
static struct producer *producer;
static rd_kafka_conf_t *template;
static int64_t revision;

static int reports[RECORDS];
static rd_kafka_resp_err_t verdict[RECORDS];
static rd_kafka_msg_status_t reported_status[RECORDS];
static int n_events[5];

static void
site_start(struct site *s)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    s->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    ck_assert_ptr_nonnull(s->host);
    s->mock = rd_kafka_mock_cluster_new(s->host, 1);
    rd_kafka_mock_topic_create(s->mock, "orders", PARTS, 1);
    rd_kafka_mock_topic_create(s->mock, "other", PARTS, 1);
}

static void
site_stop(struct site *s)
{
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
}

static void
on_delivery(const rd_kafka_message_t *m, void *opaque, void *arg)
{
    (void)arg;
    const size_t i = (size_t)(uintptr_t)opaque - 1;
    ck_assert_uint_lt(i, RECORDS);
    ck_assert_ptr_eq(m->_private, opaque);
    reports[i]++;
    verdict[i] = m->err;
    reported_status[i] = rd_kafka_message_status(m);
    ck_assert_ptr_nonnull(m->rkt);
}

static void
on_event(const struct engine_event *e, void *arg)
{
    (void)arg;
    __atomic_add_fetch(&n_events[e->type], 1, __ATOMIC_SEQ_CST);
}

static void
setting(const char *key, const char *value)
{
    char text[256];
    ck_assert_msg(rd_kafka_conf_set(template, key, value, text, sizeof(text)) ==
                      RD_KAFKA_CONF_OK,
                  "%s", text);
}

static void
start_all(void)
{
    memset(reports, 0, sizeof(reports));
    memset(verdict, 0, sizeof(verdict));
    memset(n_events, 0, sizeof(n_events));
    revision = 0;
    site_start(&a);
    site_start(&b);
    template = rd_kafka_conf_new();
    setting("linger.ms", "0");
    ck_assert_int_eq(worker_start(&worker, NULL), 0);
}

static void
start_producer(void)
{
    const struct engine e = {
        .template = template,
        .control = &control,
        .worker = worker,
        .flush_ms = 3000,
        .on_event = on_event,
        .reports = REPORTS_CALLBACK,
        .on_delivery = on_delivery,
        .client.instance = (char[]){"i1"},
    };
    ck_assert_int_eq(producer_new(&e, &producer, NULL), 0);
}

static void
stop_all(void)
{
    producer_stop(producer);
    worker_stop(worker);
    producer_free(producer);
    producer = NULL;
    rd_kafka_conf_destroy(template);
    route_unref(control.route);
    control.route = NULL;
    site_stop(&a);
    site_stop(&b);
}

/* ---- routes -------------------------------------------------------------- */

static struct pt_route
route_to(const char *topic, const char *cluster)
{
    return (struct pt_route){
        .topic = strdup(topic),
        .cluster = cluster ? strdup(cluster) : NULL,
        .rule = cluster ? strdup("r") : NULL,
        .since = revision,
    };
}

static struct pt_cluster
cluster_of(const char *name, const struct site *s)
{
    return (struct pt_cluster){
        .name = strdup(name),
        .bootstrap_servers = strdup(rd_kafka_mock_cluster_bootstraps(s->mock)),
    };
}

static void
set_routes(const char *orders, const char *other)
{
    struct counted_route *r = calloc(1, sizeof(*r));
    struct pt_answer *answer = &r->r.answer;
    r->refs = 1;
    answer->revision = ++revision;
    answer->routes = calloc(2, sizeof(*answer->routes));
    answer->n_routes = 2;
    answer->routes[0] = route_to("orders", orders);
    answer->routes[1] = route_to("other", other);
    answer->clusters = calloc(2, sizeof(*answer->clusters));
    answer->n_clusters = 2;
    answer->clusters[0] = cluster_of("a", &a);
    answer->clusters[1] = cluster_of("b", &b);
    pthread_mutex_lock(&control.mutex);
    struct route *old = control.route;
    control.route = &r->r;
    pthread_mutex_unlock(&control.mutex);
    route_unref(old);
    producer_news(producer);
}

static void
flip(const char *cluster)
{
    set_routes(cluster, cluster);
}

/* ---- records ------------------------------------------------------------- */

static rd_kafka_resp_err_t
produce(const rd_kafka_vu_t *vus, size_t n)
{
    struct record_args args;
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR_NO_ERROR;
    record_args_init(&args);
    for (size_t i = 0; i < n && !rc; i++)
        rc = record_args_add(&args, &vus[i]);
    if (!rc)
        rc = producer_produce(producer, &args);
    record_args_fini(&args, !rc);
    return rc;
}

static rd_kafka_resp_err_t
try_send(const char *topic, int i)
{
    char value[16];
    (void)snprintf(value, sizeof(value), "%d", i);
    const rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = i % PARTS},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, strlen(value)}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)(i + 1)},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    return produce(vus, 5);
}

static void
send_some(int from, int to)
{
    for (int i = from; i < to; i++)
        ck_assert_int_eq(try_send("orders", i), 0);
}

static void
flush(void)
{
    ck_assert_int_eq(producer_flush(producer, 20000), 0);
    ck_assert_int_eq(producer_outq_len(producer), 0);
}

static void
expect_one_report_each(int from, int to, rd_kafka_resp_err_t err)
{
    for (int i = from; i < to; i++) {
        ck_assert_msg(reports[i] == 1, "record %d has %d reports", i,
                      reports[i]);
        ck_assert_msg(verdict[i] == err, "record %d: %s", i,
                      rd_kafka_err2name(verdict[i]));
    }
}

struct log {
    int v[4 * RECORDS];
    int n;
};

static struct log on_a[PARTS], on_b[PARTS];

static rd_kafka_t *
reader_of(const struct site *s)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "group.id", "check", NULL, 0);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
    rd_kafka_conf_set(conf, "bootstrap.servers",
                      rd_kafka_mock_cluster_bootstraps(s->mock), NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    ck_assert_ptr_nonnull(rk);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void
read_partition(rd_kafka_t *rk, const char *topic, int partition,
               struct log *log)
{
    int64_t low = 0, high = 0;
    log->n = 0;
    ck_assert_int_eq(rd_kafka_query_watermark_offsets(rk, topic, partition,
                                                      &low, &high, 10000),
                     0);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, partition)->offset = low;
    ck_assert_int_eq(rd_kafka_assign(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    const int64_t until_ms = clock_mono_ms() + 20000;
    for (int64_t at = low; at < high && clock_mono_ms() < until_ms;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m && !m->err) {
            log->v[log->n++] = atoi((const char *)m->payload);
            at = m->offset + 1;
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    ck_assert_int_eq(log->n, (int)(high - low));
}

static void
read_topic(const struct site *s, const char *topic, struct log *logs)
{
    rd_kafka_t *rk = reader_of(s);
    for (int p = 0; p < PARTS; p++)
        read_partition(rk, topic, p, &logs[p]);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

static void
read_all(const struct site *s, struct log *logs)
{
    read_topic(s, "orders", logs);
}

/* Of topics_on_two_clusters(): every second pair of numbers. */
static void
expect_share(const struct log *first, const struct log *second, int which,
             int total)
{
    for (int p = 0; p < PARTS; p++) {
        ck_assert_int_gt(first[p].n, 0);
        ck_assert_int_gt(second[p].n, 0);
        ck_assert_int_eq(first[p].n + second[p].n, total / 2 / PARTS);
        for (int i = 0; i < total / 2 / PARTS; i++) {
            const int v =
                i < first[p].n ? first[p].v[i] : second[p].v[i - first[p].n];
            ck_assert_int_eq(v, 4 * i + 2 * which + p);
        }
    }
}

/* Every record stands once, those on the first cluster before those on the
 * second. */
static void
expect_all_once_in_order(const struct log *first, const struct log *second,
                         int total)
{
    for (int p = 0; p < PARTS; p++) {
        ck_assert_int_eq(first[p].n + second[p].n, total / PARTS);
        for (int i = 0; i < total / PARTS; i++) {
            const int v =
                i < first[p].n ? first[p].v[i] : second[p].v[i - first[p].n];
            ck_assert_int_eq(v, i * PARTS + p);
        }
    }
}

static bool
is_on(void *arg)
{
    const char *cluster = producer_cluster(producer);
    (void)producer_poll(producer, 5);
    return cluster && strcmp(cluster, arg) == 0;
}

static bool
had_event(void *arg)
{
    (void)producer_poll(producer, 5);
    return __atomic_load_n(&n_events[*(int *)arg], __ATOMIC_SEQ_CST) > 0;
}

/* ---- tests --------------------------------------------------------------- */

START_TEST(flip_with_both_alive)
{
    start_producer();
    flip("a");
    send_some(0, 3000);
    ck_assert(wait_until(is_on, (char[]){"a"}, 5000));
    send_some(3000, 6000);
    flip("b");
    send_some(6000, 9000);
    ck_assert(wait_until(is_on, (char[]){"b"}, 5000));
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
    ck_assert(wait_until(is_on, (char[]){"b"}, 10000));
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
    ck_assert(wait_until(had_event, &stuck, 10000));
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
    ck_assert(wait_until(is_on, (char[]){"a"}, 5000));
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
            ck_assert(wait_until(is_on, (char[]){"b"}, 5000));
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

/* Freed with records on a handle, waiting, failed and reported. */
START_TEST(free_in_the_middle)
{
    start_producer();
    flip("a");
    send_some(0, 100);
    ck_assert(wait_until(is_on, (char[]){"a"}, 5000));
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
    tcase_add_test(t, a_full_queue_refuses);
    tcase_add_test(t, without_a_route_records_wait);
    tcase_add_test(t, a_record_that_waits_too_long_fails);
    tcase_add_test(t, purge_gives_up_what_waits);
    tcase_add_test(t, stays_when_the_target_is_dead);
    tcase_add_test(t, flips_to_and_fro);
    tcase_add_test(t, several_threads);
    tcase_add_test(t, topics_on_two_clusters);
    tcase_add_test(t, bad_arguments_are_refused);
    tcase_add_test(t, free_in_the_middle);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    const int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? 1 : 0;
}
