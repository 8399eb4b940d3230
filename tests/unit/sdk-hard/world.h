/*
 * The world of the programs here, which only know libshunt's public header: a
 * route service and a mapper made here, in one HTTP server on a loop thread,
 * and two embedded clusters.
 *
 * Record s of partition p stands at offset s of orders on a and, its copy, at
 * offset s - SHIFT of a.orders on b; what is produced on b later is b's own.
 */
#ifndef SHUNT_TESTS_SDK_HARD_WORLD_H
#define SHUNT_TESTS_SDK_HARD_WORLD_H

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/js.h"
#include "common/net/http_server.h"
#include "common/proto/offset.h"
#include "shunt/shunt.h"
#include "tests/support/support.h"

#define PARTS        2
#define SHIFT        3
#define WAIT_MS      60000
#define MAYBE_UNUSED __attribute__((unused))

/* ---- clusters ------------------------------------------------------------ */

struct site {
    rd_kafka_t *host, *producer;
    rd_kafka_mock_cluster_t *mock;
};

static struct site site_a, site_b;

static void
site_start(struct site *s, const char *copy)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    s->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    s->mock = rd_kafka_mock_cluster_new(s->host, 1);
    rd_kafka_mock_topic_create(s->mock, "orders", PARTS, 1);
    rd_kafka_mock_topic_create(s->mock, copy, PARTS, 1);
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "bootstrap.servers",
                      rd_kafka_mock_cluster_bootstraps(s->mock), NULL, 0);
    rd_kafka_conf_set(conf, "linger.ms", "1", NULL, 0);
    s->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
}

static void
site_stop(struct site *s)
{
    rd_kafka_destroy(s->producer);
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
}

/* Of record 0; the same on both clusters: what is on b stands for copies. */
#define FIRST_MS INT64_C(1700000000000)

/* Records from..to-1 of every partition; the value is the number. */
MAYBE_UNUSED static void
fill(struct site *s, const char *topic, int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++) {
            char value[32];
            (void)snprintf(value, sizeof(value), "%d", i);
            ck_assert_int_eq(
                rd_kafka_producev(s->producer, RD_KAFKA_V_TOPIC(topic),
                                  RD_KAFKA_V_PARTITION(p),
                                  RD_KAFKA_V_VALUE(value, strlen(value)),
                                  RD_KAFKA_V_TIMESTAMP(FIRST_MS + i),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_END),
                0);
        }
    ck_assert_int_eq(rd_kafka_flush(s->producer, DEADLINE_MS), 0);
}

/* ---- the services -------------------------------------------------------- */

enum mapper {
    MAPPER_EXACT,
    MAPPER_SLOW,      /* answers after MAPPER_SLOW_MS */
    MAPPER_SILENT,    /* never answers */
    MAPPER_DOWN,      /* 503 */
    MAPPER_NO_JSON,   /* garbage */
    MAPPER_NO_ANSWER, /* JSON, but no answer */
    MAPPER_SHORT,     /* fewer positions than were asked about */
    MAPPER_OTHER,     /* of another topic */
    MAPPER_NEGATIVE,
    MAPPER_BEYOND,  /* past the log end */
    MAPPER_HUGE,    /* the largest number there is */
    MAPPER_UPSIDE,  /* low above high */
    MAPPER_NONE,    /* knows nothing */
    MAPPER_ENDLESS, /* megabytes of it */
    MAPPER_COUNT
};

#define MAPPER_SLOW_MS 300

static struct loop *loop;
static struct http_server *server;
static pthread_t loop_thread;
static char url[128];
static atomic_int n_questions[MAPPER_COUNT], n_watches;
/* Loop thread. */
static struct listener {
    struct http_stream *stream;
    int mapper; /* that it is sent to */
} listeners[64];
#define LISTENERS (sizeof(listeners) / sizeof(*listeners))
static int now_revision;
static const char *now_on;

static char *route_text(int revision, const char *cluster, int mapper);

static void
forget_stream(void *arg, const char *why)
{
    struct listener *l = arg;
    (void)why;
    l->stream = NULL;
}

static void
tell(struct listener *l)
{
    char *text = route_text(now_revision, now_on, l->mapper);
    if (l->stream)
        http_stream_send(l->stream, "route", "1", text);
    free(text);
}

/* A client of cluster code "mapper-N" is sent to the N-th kind. */
static int
mapper_of(struct http_req *req)
{
    static const char word[] = "\"mapper-";
    size_t len;
    const char *body = http_req_body(req, &len);
    const char *at = strstr(body, word);
    return at ? atoi(at + strlen(word)) : MAPPER_EXACT;
}

static void
on_watch(struct http_req *req, void *ctx)
{
    (void)ctx;
    size_t i = 0;
    while (listeners[i].stream && i + 1 < LISTENERS)
        i++;
    struct listener *l = &listeners[i];
    if (l->stream)
        http_stream_close(l->stream);
    l->mapper = mapper_of(req);
    l->stream = http_stream_open(req, forget_stream, l);
    atomic_fetch_add(&n_watches, 1);
    if (now_on)
        tell(l);
}

static void
on_report(struct http_req *req, void *ctx)
{
    (void)ctx;
    http_reply_json_take(req, 200, js_object());
}

static int64_t
translated(const struct po_position *p, bool forward, int kind)
{
    const char *copied = forward ? "orders" : "a.orders";
    int64_t at = p->offset;
    if (strcmp(p->topic, copied) == 0)
        at += forward ? -SHIFT : SHIFT;
    if (kind == MAPPER_NEGATIVE)
        return -5;
    if (kind == MAPPER_HUGE)
        return INT64_MAX;
    return (at < 0 ? 0 : at) + (kind == MAPPER_BEYOND ? 1000 : 0);
}

static struct po_translated
translate(const struct po_position *p, bool forward, int kind)
{
    const bool born_a = strcmp(p->topic, forward ? "orders" : "a.orders") == 0;
    const char *topic = forward ? (born_a ? "a.orders" : "orders")
                                : (born_a ? "orders" : "b.orders");
    struct po_translated t = {.asked = *p, .quality = PO_EXACT};
    t.position = t.low = t.high = translated(p, forward, kind);
    t.incarnation = t.sync_age_ms = t.lag = -1;
    t.reason = strdup("made up");
    if (kind == MAPPER_UPSIDE)
        t.low += 7;
    if (kind == MAPPER_NONE) {
        t.quality = PO_NONE;
        t.position = t.low = t.high = -1;
        return t;
    }
    t.topic = strdup(kind == MAPPER_OTHER ? "elsewhere" : topic);
    return t;
}

static void
reply_translated(struct http_req *req, const struct po_question *q, int kind)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    struct po_translation t = {.n = q->n};
    t.v = calloc(q->n + 1, sizeof(*t.v));
    if (kind == MAPPER_SHORT && t.n > 0)
        t.n--;
    for (size_t i = 0; i < t.n; i++)
        t.v[i] = translate(&q->positions[i], strcmp(q->to, "b") == 0, kind);
    po_translation_write(&b, &t);
    http_reply_text(req, 200, "application/json", b.data);
    for (size_t i = 0; i < t.n; i++) {
        free(t.v[i].topic);
        free(t.v[i].reason);
    }
    free(t.v);
    buf_fini(&b);
}

static void
reply_endless(struct http_req *req)
{
    const size_t len = (size_t)40 << 20;
    char *text = malloc(len + 1);
    memset(text, '[', len);
    text[len] = '\0';
    http_reply_text(req, 200, "application/json", text);
    free(text);
}

/* An answer that waits; kept in a list, so that none is lost at the end. */
struct late {
    struct http_req *req;
    struct po_question q;
    struct loop_timer *timer;
    struct late *next;
};
static struct late *lates;

static void
forget_late(void *arg)
{
    ((struct late *)arg)->req = NULL;
}

static void
answer_late(void *arg)
{
    struct late *l = arg;
    struct http_req *req = l->req;
    l->req = NULL;
    if (req)
        reply_translated(req, &l->q, MAPPER_EXACT);
}

static void
free_lates(void)
{
    while (lates) {
        struct late *l = lates;
        lates = l->next;
        loop_timer_free(l->timer);
        po_question_fini(&l->q);
        free(l);
    }
}

static void
keep_waiting(struct http_req *req, const struct po_question *q)
{
    struct late *l = calloc(1, sizeof(*l));
    *l = (struct late){.req = req, .q = *q, .next = lates};
    lates = l;
    http_req_on_close(req, forget_late, l);
    l->timer = loop_timer_new(loop, MAPPER_SLOW_MS, answer_late, l);
}

static void
answer_well(struct http_req *req, int kind)
{
    struct json_t *j;
    struct po_question q;
    struct err err;
    if (http_req_json(req, &j) != 0)
        return;
    const int rc = po_question_decode(j, &q, &err);
    js_free(j);
    if (rc) {
        http_reply_err(req, &err);
        return;
    }
    if (kind == MAPPER_SLOW) {
        keep_waiting(req, &q);
        return;
    }
    reply_translated(req, &q, kind);
    po_question_fini(&q);
}

static void
on_translate(struct http_req *req, void *ctx)
{
    const struct err down = {.code = ERR_UNAVAILABLE, .text = "not ready"};
    const int kind = atoi(http_req_param(req, "kind"));
    (void)ctx;
    ck_assert(kind >= 0 && kind < MAPPER_COUNT);
    atomic_fetch_add(&n_questions[kind], 1);
    if (kind == MAPPER_SILENT)
        return;
    if (kind == MAPPER_DOWN)
        http_reply_err(req, &down);
    else if (kind == MAPPER_NO_JSON)
        http_reply_text(req, 200, "text/html", "<html>\x01\xff{{{");
    else if (kind == MAPPER_NO_ANSWER)
        http_reply_text(req, 200, "application/json",
                        "{\"positions\":[{\"position\":\"7\"},null,[]]}");
    else if (kind == MAPPER_ENDLESS)
        reply_endless(req);
    else
        answer_well(req, kind);
}

static void *
run_loop(void *arg)
{
    (void)arg;
    loop_run(loop);
    return NULL;
}

static void
serve_at(const char *addr)
{
    static const struct http_route routes[] = {
        {"POST", "/v1/watch", on_watch},
        {"POST", "/v1/reports", on_report},
        {"POST", "/{kind}/v1/translate", on_translate},
        {0},
    };
    const struct http_limits limits = {
        .body_max_bytes = 1 << 20,
        .header_max_bytes = 1 << 14,
        .connections_max = 200,
        .stream_backlog_max_bytes = 1 << 20,
        .idle_timeout_ms = 60000,
    };
    struct err err = {0};
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_msg(http_server_new(loop, &limits, routes, NULL, &server, &err) ==
                      0,
                  "%s", err.text);
    ck_assert_msg(http_server_listen(server, addr, false, &err) == 0, "%s",
                  err.text);
    (void)snprintf(url, sizeof(url), "%s", http_server_url(server));
    ck_assert_int_eq(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
}

static void
stop_serving(void)
{
    if (!loop)
        return;
    loop_stop(loop);
    pthread_join(loop_thread, NULL);
    http_server_free(server);
    free_lates();
    loop_free(loop);
    loop = NULL;
    memset(listeners, 0, sizeof(listeners));
}

/* ---- routes -------------------------------------------------------------- */

static void
push_now(void *arg)
{
    char *data = arg;
    for (size_t i = 0; i < LISTENERS; i++)
        if (listeners[i].stream)
            http_stream_send(listeners[i].stream, "route", "1", data);
    free(data);
}

/* To everybody who listens; not to who comes later. */
MAYBE_UNUSED static void
push(const char *data)
{
    ck_assert_int_eq(loop_post(loop, push_now, strdup(data)), 0);
}

static char *
route_text(int revision, const char *cluster, int kind)
{
    const bool on_a = strcmp(cluster, "a") == 0;
    const char *other = on_a ? "b" : "a";
    char text[4096], before[8] = "null";
    if (revision > 1)
        (void)snprintf(before, sizeof(before), "\"%s\"", other);
    (void)snprintf(
        text, sizeof(text),
        "{\"revision\":%d,\"routes\":[{\"topic\":\"orders\",\"cluster\":\"%s\","
        "\"rule\":\"r\",\"since\":%d,\"previous\":%s,\"view\":["
        "{\"topic\":\"orders\",\"origin\":\"%s\"},"
        "{\"topic\":\"%s.orders\",\"origin\":\"%s\"}]}],"
        "\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":\"%s\"},"
        "{\"name\":\"b\",\"bootstrap.servers\":\"%s\"}],"
        "\"flows\":[{\"source\":\"a\",\"target\":\"b\",\"mappers\":[\"%s/%d\"]},"
        "{\"source\":\"b\",\"target\":\"a\",\"mappers\":[\"%s/%d\"]}]}",
        revision, cluster, revision, before, cluster, other, other,
        rd_kafka_mock_cluster_bootstraps(site_a.mock),
        rd_kafka_mock_cluster_bootstraps(site_b.mock), url, kind, url, kind);
    return strdup(text);
}

struct told {
    int revision;
    const char *cluster;
};

static void
tell_all(void *arg)
{
    struct told *t = arg;
    now_revision = t->revision;
    now_on = t->cluster;
    free(t);
    for (size_t i = 0; i < LISTENERS; i++)
        tell(&listeners[i]);
}

/* From now on everybody is told this; `cluster` is borrowed for ever. */
static void
route_to(int revision, const char *cluster)
{
    struct told *t = malloc(sizeof(*t));
    *t = (struct told){revision, cluster};
    ck_assert_int_eq(loop_post(loop, tell_all, t), 0);
}

/* ---- all of it ----------------------------------------------------------- */

static void
start_world(void)
{
    now_on = NULL;
    serve_at("127.0.0.1:0");
    site_start(&site_a, "b.orders");
    site_start(&site_b, "a.orders");
    route_to(1, "a");
}

static void
stop_world(void)
{
    stop_serving();
    site_stop(&site_a);
    site_stop(&site_b);
}

#endif
