/*
 * The world of t_consumer.c: a control thread replaced by a fake, two embedded
 * clusters, routes made by hand.
 *
 * Record s of partition p stands at offset s of orders on a, and at offset
 * s - SHIFT of a.orders on b: translations are computed.
 */
#ifndef SHUNT_TESTS_SDK_CONSUMER_WORLD_H
#define SHUNT_TESTS_SDK_CONSUMER_WORLD_H

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
#include "sdk/src/consumer/consumer_ops.h"
#include "tests/support/support.h"

#define PARTS 2
#define SHIFT 10

/* ---- fake control -------------------------------------------------------- */

enum mapper {
    MAPPER_EXACT,
    MAPPER_DOWN,
    MAPPER_NEGATIVE,
    MAPPER_BEYOND, /* past the log end */
    MAPPER_NONE,
    MAPPER_BEFORE /* all it knows of; but it can look at the records */
};

struct control {
    struct route *route;
    struct consumer *consumer;
    char state[16], cluster[16], detail[512]; /* of the last report */
    int64_t at[PARTS]; /* its positions in "orders"; -1: none */
};

struct counted_route {
    struct route r;
    atomic_int refs;
};

struct asking {
    const struct po_question *q;
    int64_t deadline_ms;
};

static enum mapper mapper;
__attribute__((unused)) static int questions; /* that the mapper was asked */

void
route_ref(struct route *r)
{
    atomic_fetch_add(&((struct counted_route *)r)->refs, 1);
}

void
route_unref(struct route *r)
{
    struct counted_route *c = (struct counted_route *)r;
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    pt_answer_fini(&c->r.answer);
    free(c);
}

static pthread_mutex_t route_mutex = PTHREAD_MUTEX_INITIALIZER;

struct route *
control_route(struct control *c)
{
    pthread_mutex_lock(&route_mutex);
    struct route *r = c->route;
    if (r)
        route_ref(r);
    pthread_mutex_unlock(&route_mutex);
    return r;
}

int
control_set_topics(struct control *c, const struct strlist *topics)
{
    (void)c;
    ck_assert_uint_ge(topics->n, 1);
    return 0;
}

int
control_report(struct control *c, const struct pt_report *r)
{
    (void)snprintf(c->state, sizeof(c->state), "%s", r->state);
    (void)snprintf(c->cluster, sizeof(c->cluster), "%s",
                   r->cluster ? r->cluster : "");
    (void)snprintf(c->detail, sizeof(c->detail), "%s",
                   r->detail ? r->detail : "");
    for (int i = 0; i < PARTS; i++)
        c->at[i] = -1;
    for (size_t i = 0; i < r->n_positions; i++)
        if (strcmp(r->positions[i].topic, "orders") == 0)
            c->at[r->positions[i].partition] = r->positions[i].offset;
    return 0;
}

int
control_ask(struct control *c, const struct po_question *q, int64_t deadline_ms,
            struct asking **out, struct err *err)
{
    (void)c;
    (void)err;
    __atomic_add_fetch(&questions, 1, __ATOMIC_SEQ_CST);
    *out = calloc(1, sizeof(**out));
    **out = (struct asking){q, deadline_ms};
    return 0;
}

static void
translate(const struct po_position *p, const char *to, bool verify,
          struct po_translated *t)
{
    const bool forward = strcmp(to, "b") == 0;
    const char *copied =
        forward ? "b." : "a."; /* of a stream born over there */
    const bool goes_home = strncmp(p->topic, copied, 2) == 0;
    char topic[64];
    (void)snprintf(topic, sizeof(topic), "%s%s",
                   goes_home ? ""
                   : forward ? "a."
                             : "b.",
                   goes_home ? p->topic + 2 : p->topic);
    const bool born_a = forward != goes_home;
    const int64_t shift = !born_a ? 0 : forward ? -SHIFT : SHIFT;
    int64_t at = p->offset + shift;
    if (mapper == MAPPER_NEGATIVE)
        at = -5;
    if (mapper == MAPPER_BEYOND)
        at += 1000;
    t->asked = *p;
    t->asked.topic = strdup(p->topic);
    t->quality = mapper == MAPPER_NONE ? PO_NONE : PO_EXACT;
    t->topic = mapper == MAPPER_NONE ? NULL : strdup(topic);
    t->position = t->low = t->high = mapper == MAPPER_NONE ? -1 : at;
    if (mapper == MAPPER_BEFORE && !verify) {
        t->quality = PO_BEFORE;
        t->position = t->low = 0;
    }
}

int
asking_result(struct asking *a, struct po_translation *out, struct err *err)
{
    if (mapper == MAPPER_DOWN)
        return clock_mono_ms() < a->deadline_ms
                   ? 1
                   : err_set(err, ERR_UNAVAILABLE, "no mapper answers");
    out->v = calloc(a->q->n, sizeof(*out->v));
    out->n = a->q->n;
    for (size_t i = 0; i < a->q->n; i++)
        translate(&a->q->positions[i], a->q->to, a->q->verify, &out->v[i]);
    return 0;
}

int
asking_wait(struct asking *a, struct po_translation *out, struct err *err)
{
    int rc;
    while ((rc = asking_result(a, out, err)) > 0)
        (void)poll(NULL, 0, 1);
    return rc;
}

void
asking_free(struct asking *a)
{
    free(a);
}

/* ---- two clusters -------------------------------------------------------- */

struct site {
    rd_kafka_t *host, *producer;
    rd_kafka_mock_cluster_t *mock;
};

static struct site a, b;
static struct worker *worker;

static void
site_start(struct site *s, const char *copy)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    s->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    s->mock = rd_kafka_mock_cluster_new(s->host, 1);
    rd_kafka_mock_topic_create(s->mock, "orders", PARTS, 1);
    rd_kafka_mock_topic_create(s->mock, copy, PARTS, 1);
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "bootstrap.servers",
                      rd_kafka_mock_cluster_bootstraps(s->mock), NULL, 0);
    s->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
}

static void
site_stop(struct site *s)
{
    rd_kafka_destroy(s->producer);
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
}

static void
start_all(void)
{
    struct err err;
    mapper = MAPPER_EXACT;
    site_start(&a, "b.orders");
    site_start(&b, "a.orders");
    ck_assert_int_eq(worker_start(&worker, &err), 0);
}

static void
stop_all(void)
{
    worker_stop(worker);
    site_stop(&a);
    site_stop(&b);
}

/* Else the first record of a topic waits for up to a second. */
static void
look_up(struct site *s, const char *topic)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(s->producer, topic, NULL);
    ck_assert_int_eq(rd_kafka_metadata(s->producer, 0, rkt, &md, DEADLINE_MS),
                     0);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
}

/* Records from..to-1 of every partition. */
__attribute__((unused)) static void
produce(struct site *s, const char *topic, int from, int to)
{
    look_up(s, topic);
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++) {
            char value[32];
            (void)snprintf(value, sizeof(value), "%d", i);
            ck_assert_int_eq(
                rd_kafka_producev(s->producer, RD_KAFKA_V_TOPIC(topic),
                                  RD_KAFKA_V_PARTITION(p),
                                  RD_KAFKA_V_VALUE(value, strlen(value)),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_END),
                0);
        }
    ck_assert_int_eq(rd_kafka_flush(s->producer, DEADLINE_MS), 0);
}

/* ---- routes -------------------------------------------------------------- */

static void
set_cluster(struct pt_cluster *c, const char *name, struct site *s)
{
    c->name = strdup(name);
    c->bootstrap_servers = strdup(rd_kafka_mock_cluster_bootstraps(s->mock));
}

static void
set_flow(struct pt_flow *f, const char *source, const char *target)
{
    f->source = strdup(source);
    f->target = strdup(target);
    f->policy = strdup("default");
    f->separator = strdup(".");
    f->syncs_location = strdup("source");
}

static struct route *
make_route(const char *cluster, int64_t since, const char *previous)
{
    struct counted_route *c = calloc(1, sizeof(*c));
    struct pt_answer *w = &c->r.answer;
    const bool on_a = strcmp(cluster, "a") == 0;
    atomic_init(&c->refs, 1);
    w->revision = since;
    w->n_routes = 1;
    w->routes = calloc(1, sizeof(*w->routes));
    w->routes[0] = (struct pt_route){
        .topic = strdup("orders"),
        .cluster = strdup(cluster),
        .rule = strdup("r"),
        .since = since,
        .previous = previous ? strdup(previous) : NULL,
        .n_view = 2,
        .view = calloc(2, sizeof(struct pt_view)),
    };
    w->routes[0].view[0] = (struct pt_view){strdup("orders"), strdup(cluster)};
    w->routes[0].view[1] = (struct pt_view){
        strdup(on_a ? "b.orders" : "a.orders"), strdup(on_a ? "b" : "a")};
    w->clusters = calloc(2, sizeof(*w->clusters));
    w->n_clusters = 2;
    set_cluster(&w->clusters[0], "a", &a);
    set_cluster(&w->clusters[1], "b", &b);
    w->flows = calloc(2, sizeof(*w->flows));
    w->n_flows = 2;
    set_flow(&w->flows[0], "a", "b");
    set_flow(&w->flows[1], "b", "a");
    return &c->r;
}

/* Takes the place of the route that is there. */
__attribute__((unused)) static void
give_route(struct control *c, const char *cluster, int64_t since,
           const char *previous)
{
    struct route *r = make_route(cluster, since, previous);
    pthread_mutex_lock(&route_mutex);
    struct route *old = c->route;
    c->route = r;
    pthread_mutex_unlock(&route_mutex);
    route_unref(old);
}

/* A case of its own for each test, so that CK_RUN_CASE picks one. */
__attribute__((unused)) static void
add_in(void (*start)(void), Suite *s, const char *name, const TTest *test)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, start, stop_all);
    tcase_add_test(t, test);
    suite_add_tcase(s, t);
}

__attribute__((unused)) static void
add(Suite *s, const char *name, const TTest *test)
{
    add_in(start_all, s, name, test);
}

#endif
