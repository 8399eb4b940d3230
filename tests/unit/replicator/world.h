/*
 * Two of librdkafka's mock clusters, a and b, and a flow a->b between them.
 */
#ifndef SHUNT_TESTS_REPLICATOR_WORLD_H
#define SHUNT_TESTS_REPLICATOR_WORLD_H

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "replicator/flow.h"
#include "replicator/look.h"
#include "replicator/topics.h"
#include "tests/support/support.h"

#define PARTITIONS  2
#define SYNCS_TOPIC "mm2-offset-syncs.b.internal"

/* ---- clusters ---------------------------------------------------------- */

struct world {
    rd_kafka_t *rk[2]; /* of cluster a, of cluster b; also producers */
    rd_kafka_mock_cluster_t *mock[2];
    struct settings settings;
    char text[4096];
};

static atomic_bool never;

static inline void
quiet(enum log_level level, const char *line)
{
    if (getenv("SHUNT_TEST_LOG"))
        (void)fprintf(stderr, "%d %s\n", (int)level, line);
}

static inline void
log_nothing(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk, (void)level, (void)fac, (void)text;
}

static inline rd_kafka_t *
new_producer(const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    if (bootstrap)
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                                sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

/* A producer that has not asked for a topic finds it only a second later. */
static inline void
warm_up(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    ck_assert_int_eq(rd_kafka_metadata(rk, 0, rkt, &md, DEADLINE_MS), 0);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
}

static inline void
world_make(struct world *w, const char *more)
{
    static const char *const topics[2][3] = {
        {"orders", "b.orders", "unrelated"}, {"a.orders", "orders", "x"}};
    struct err err = {0};
    log_set_sink(quiet);
    for (int i = 0; i < 2; i++) {
        w->rk[i] = new_producer(NULL);
        w->mock[i] = rd_kafka_mock_cluster_new(w->rk[i], 1);
        for (int t = 0; t < 3; t++)
            rd_kafka_mock_topic_create(w->mock[i], topics[i][t], PARTITIONS, 1);
        rd_kafka_t *rk =
            new_producer(rd_kafka_mock_cluster_bootstraps(w->mock[i]));
        w->rk[i] = rk;
        warm_up(rk, topics[i][0]);
    }
    (void)snprintf(w->text, sizeof(w->text),
                   "clusters = a, b\n"
                   "a.bootstrap.servers = %s\n"
                   "b.bootstrap.servers = %s\n"
                   "a->b.enabled = true\n"
                   "topics = orders\n"
                   "groups = g1\n"
                   "b.offset.flush.interval.ms = 50\n"
                   "emit.checkpoints.interval.seconds = 1\n%s",
                   rd_kafka_mock_cluster_bootstraps(w->mock[0]),
                   rd_kafka_mock_cluster_bootstraps(w->mock[1]), more);
    ck_assert_msg(settings_load(w->text, strlen(w->text), &w->settings, &err) ==
                      0,
                  "%s", err.text);
}

/* The embedded clusters end with the process: taking one down waits up to ten
 * seconds for a sleeping thread of its own. */
static inline void
world_remove(struct world *w)
{
    settings_fini(&w->settings);
    for (int i = 0; i < 2; i++)
        rd_kafka_destroy(w->rk[i]);
}

static inline void
put(const struct world *w, int32_t partition, const char *value)
{
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        w->rk[0], RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("k", 1),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
        RD_KAFKA_V_END);
    ck_assert_int_eq(code, 0);
}

static inline void
put_numbers(const struct world *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "%d", i);
        for (int32_t p = 0; p < PARTITIONS; p++)
            put(w, p, value);
    }
    ck_assert_int_eq(rd_kafka_flush(w->rk[0], DEADLINE_MS), 0);
}

static inline int64_t
end_of(const struct world *w, int cluster, const char *topic, int32_t p)
{
    int64_t low = 0, high = 0;
    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        w->rk[cluster], topic, p, &low, &high, 5000);
    return code ? -1 : high;
}

struct awaited {
    const struct world *w;
    const char *topic;
    int32_t partition;
    int64_t count, end;
};

static inline bool
has_come(void *arg)
{
    struct awaited *a = arg;
    a->end = end_of(a->w, 1, a->topic, a->partition);
    return a->end >= a->count;
}

static inline void
await_one(const struct world *w, const char *topic, int32_t p, int64_t count)
{
    struct awaited a = {w, topic, p, count, 0};
    ck_assert_msg(wait_until(has_come, &a, DEADLINE_MS), "%s[%d]: %lld", topic,
                  (int)p, (long long)a.end);
}

/* That many in each of the first `partitions`. */
static inline void
await(const struct world *w, const char *topic, int32_t partitions,
      int64_t count)
{
    for (int32_t p = 0; p < partitions; p++)
        await_one(w, topic, p, count);
}

static inline void
read_topic(const struct world *w, int cluster, const char *topic,
           void (*record)(const rd_kafka_message_t *, void *), void *arg)
{
    struct err err = {0};
    const struct client_settings *clients =
        settings_flow(&w->settings, "a", "b")->clients;
    ck_assert_msg(topics_read(&clients[cluster == 0 ? ROLE_SOURCE_CONSUMER
                                                    : ROLE_TARGET_CONSUMER],
                              "test", topic, &never, record, arg, &err) == 0,
                  "%s", err.text);
}

static inline bool
is_ready(void *flow)
{
    return flow_ready(flow);
}

static inline struct flow *
started(const struct world *w)
{
    struct err err = {0};
    struct flow *f;
    ck_assert_msg(
        flow_start(settings_flow(&w->settings, "a", "b"), false, &f, &err) == 0,
        "%s", err.text);
    return f;
}

static inline struct flow *
ready_flow(const struct world *w)
{
    struct flow *f = started(w);
    ck_assert(wait_until(is_ready, f, DEADLINE_MS));
    return f;
}

/* What all its parts come to. */
static inline struct look_sum
sum_of(struct flow *f)
{
    struct flow_look l;
    struct look_sum sum = {0};
    flow_look(f, NULL, &l);
    for (size_t i = 0; i < l.n; i++)
        look_sum_add(&sum, &l.parts[i]);
    flow_look_fini(&l);
    return sum;
}

static inline bool
syncs_are_refused(void *flow)
{
    struct flow_look l;
    flow_look(flow, NULL, &l);
    const bool refused = l.syncs.refused > 0;
    flow_look_fini(&l);
    return refused;
}

#endif
