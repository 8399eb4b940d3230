/*
 * One of librdkafka's mock clusters, and records in it, for the tests that
 * read content.  It knows neither transactions nor compaction: what those do
 * is tested on real brokers, and on made-up windows.
 */
#ifndef SHUNT_TESTS_KAFKA_WORLD_H
#define SHUNT_TESTS_KAFKA_WORLD_H

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KAFKA_FLUSH_MS 20000

struct kafka_world {
    rd_kafka_t *rk; /* a producer, with the cluster inside it */
    rd_kafka_mock_cluster_t *cluster;
    char bootstrap[256];
};

static inline void
kafka_set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    ck_assert_int_eq(rd_kafka_conf_set(conf, key, value, why, sizeof(why)),
                     RD_KAFKA_CONF_OK);
}

static inline void
kafka_up(struct kafka_world *k)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_set(conf, "test.mock.num.brokers", "1");
    kafka_set(conf, "log_level", "0");
    kafka_set(conf, "linger.ms", "0");
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(k->rk);
    k->cluster = rd_kafka_handle_mock_cluster(k->rk);
    ck_assert_ptr_nonnull(k->cluster);
    (void)snprintf(k->bootstrap, sizeof(k->bootstrap), "%s",
                   rd_kafka_mock_cluster_bootstraps(k->cluster));
}

static inline void
kafka_gone(struct kafka_world *k)
{
    rd_kafka_destroy(k->rk);
}

static inline void
kafka_topic(struct kafka_world *k, const char *topic, int partitions)
{
    ck_assert_int_eq(
        rd_kafka_mock_topic_create(k->cluster, topic, partitions, 1), 0);
}

struct kafka_record {
    int64_t time_ms;
    const char *key, *value; /* NULL: null */
};

/* Sent, not awaited. */
static inline void
kafka_send(struct kafka_world *k, const char *topic, int32_t partition,
           const struct kafka_record *r)
{
    const size_t key_len = r->key ? strlen(r->key) : 0;
    const size_t value_len = r->value ? strlen(r->value) : 0;
    ck_assert_int_eq(
        rd_kafka_producev(
            k->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY(r->key, key_len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value, value_len),
            RD_KAFKA_V_TIMESTAMP(r->time_ms),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
}

static inline void
kafka_flush(struct kafka_world *k)
{
    ck_assert_int_eq(rd_kafka_flush(k->rk, KAFKA_FLUSH_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

#endif
