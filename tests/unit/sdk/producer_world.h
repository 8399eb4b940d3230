/*
 * What the tests of the producer engine share: two embedded clusters, and a
 * control thread replaced by a fake, whose routes are set by hand.
 *
 * Every record's value is its number, its opaque the number plus one.
 */
#ifndef SHUNT_TESTS_PRODUCER_WORLD_H
#define SHUNT_TESTS_PRODUCER_WORLD_H

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

static inline struct counted_route *
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
/* What tests may change before start_producer(). */
static enum engine_reports reports_wanted;
static int64_t flush_ms;
static bool fence; /* of the next route */

static int reports[RECORDS];
static rd_kafka_resp_err_t verdict[RECORDS];
static rd_kafka_msg_status_t reported_status[RECORDS];
static int n_events[ENGINE_PHASE + 1];

static inline void
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

static inline void
site_stop(struct site *s)
{
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
}

static inline void
note_report(const rd_kafka_message_t *m)
{
    const size_t i = (size_t)(uintptr_t)m->_private - 1;
    ck_assert_uint_lt(i, RECORDS);
    reports[i]++;
    verdict[i] = m->err;
    reported_status[i] = rd_kafka_message_status(m);
    ck_assert_ptr_nonnull(m->rkt);
    /* An offset of a cluster, or none. */
    ck_assert(m->offset < INT32_MAX);
    ck_assert(m->err || m->offset >= 0);
}

/* Instead of note_report(). */
static void (*see_report)(const rd_kafka_message_t *m);

static inline void
on_delivery(const rd_kafka_message_t *m, void *opaque, void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(m->_private, opaque);
    if (see_report)
        see_report(m);
    else
        note_report(m);
}

static inline void
on_event(const struct engine_event *e, void *arg)
{
    (void)arg;
    __atomic_add_fetch(&n_events[e->type], 1, __ATOMIC_SEQ_CST);
}

static inline void
setting(const char *key, const char *value)
{
    char text[256];
    ck_assert_msg(rd_kafka_conf_set(template, key, value, text, sizeof(text)) ==
                      RD_KAFKA_CONF_OK,
                  "%s", text);
}

static inline void
start_all(void)
{
    memset(reports, 0, sizeof(reports));
    memset(verdict, 0, sizeof(verdict));
    memset(n_events, 0, sizeof(n_events));
    revision = 0;
    reports_wanted = REPORTS_CALLBACK;
    flush_ms = 3000;
    fence = false;
    site_start(&a);
    site_start(&b);
    template = rd_kafka_conf_new();
    setting("linger.ms", "0");
    ck_assert_int_eq(worker_start(&worker, NULL), 0);
}

static inline void
start_producer(void)
{
    const struct engine e = {
        .template = template,
        .control = &control,
        .worker = worker,
        .flush_ms = flush_ms,
        .on_event = on_event,
        .reports = reports_wanted,
        .on_delivery = on_delivery,
        .client.instance = (char[]){"i1"},
    };
    ck_assert_int_eq(producer_new(&e, &producer, NULL), 0);
}

static inline void
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

static inline struct pt_route
route_to(const char *topic, const char *cluster)
{
    return (struct pt_route){
        .topic = strdup(topic),
        .cluster = cluster ? strdup(cluster) : NULL,
        .rule = cluster ? strdup("r") : NULL,
        .since = revision,
        .fence = fence,
    };
}

static inline struct pt_cluster
cluster_of(const char *name, const struct site *s)
{
    return (struct pt_cluster){
        .name = strdup(name),
        .bootstrap_servers = strdup(rd_kafka_mock_cluster_bootstraps(s->mock)),
    };
}

static inline void
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

static inline void
flip(const char *cluster)
{
    set_routes(cluster, cluster);
}

/* ---- records ------------------------------------------------------------- */

static inline rd_kafka_resp_err_t
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

static inline rd_kafka_resp_err_t
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

static inline void
send_some(int from, int to)
{
    for (int i = from; i < to; i++)
        ck_assert_int_eq(try_send("orders", i), 0);
}

static inline void
flush(void)
{
    ck_assert_int_eq(producer_flush(producer, DEADLINE_MS), 0);
    ck_assert_int_eq(producer_outq_len(producer), 0);
}

static inline void
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

static inline rd_kafka_t *
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

static inline void
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
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
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

static inline void
read_topic(const struct site *s, const char *topic, struct log *logs)
{
    rd_kafka_t *rk = reader_of(s);
    for (int p = 0; p < PARTS; p++)
        read_partition(rk, topic, p, &logs[p]);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

static inline void
read_all(const struct site *s, struct log *logs)
{
    read_topic(s, "orders", logs);
}

/* Of topics_on_two_clusters(): every second pair of numbers. */
static inline void
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
static inline void
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

static inline bool
is_on(void *arg)
{
    const char *cluster = producer_cluster(producer);
    (void)producer_poll(producer, 5);
    return cluster && strcmp(cluster, arg) == 0;
}

static inline bool
had_event(void *arg)
{
    (void)producer_poll(producer, 5);
    return __atomic_load_n(&n_events[*(int *)arg], __ATOMIC_SEQ_CST) > 0;
}

/* ---- what stands where ---------------------------------------------------- */

/* Each cluster has each partition's records in order, any of them at most
 * once; together they have all `total`, some perhaps on both. */
static inline void
expect_all_in_order(const struct log *first, const struct log *second,
                    int total)
{
    static bool seen[RECORDS];
    memset(seen, 0, sizeof(seen));
    const struct log *const logs[] = {first, second};
    for (int k = 0; k < 2; k++)
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < logs[k][p].n; i++) {
                const int v = logs[k][p].v[i];
                ck_assert_int_eq(v % PARTS, p);
                if (i > 0)
                    ck_assert_msg(logs[k][p].v[i - 1] < v,
                                  "cluster %d, partition %d: %d after %d", k, p,
                                  v, logs[k][p].v[i - 1]);
                seen[v] = true;
            }
    for (int i = 0; i < total; i++)
        ck_assert_msg(seen[i], "record %d is lost", i);
}

static inline void
all_down(const struct site *s, bool down)
{
    if (down)
        rd_kafka_mock_broker_set_down(s->mock, 1);
    else
        rd_kafka_mock_broker_set_up(s->mock, 1);
}

#endif
