/*
 * The follower beside one of librdkafka's mock clusters, which plays both `a` and
 * `b`.  It makes every topic that is asked for, with an empty log: syncs that
 * must hold need fill()ed topics.
 */
#ifndef SHUNT_TESTS_FOLLOW_WORLD_H
#define SHUNT_TESTS_FOLLOW_WORLD_H

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "offset-mapper/config.h"
#include "offset-mapper/follow.h"
#include "tests/support/support.h"

#define TOPIC       "mm2-offset-syncs.b.internal"
#define CHECKPOINTS "a.checkpoints.internal"
#define COPIED      "a.heartbeats"

static struct tmpdir dir;
static rd_kafka_t *rk; /* producer, and the cluster inside it */
static rd_kafka_mock_cluster_t *cluster;
static struct config config;
static struct store *store;
static struct logs *logs;
static struct follow *follow;
static const struct follow_options follow_options = {20, 3000, 50};

static inline void
quiet(enum log_level level, const char *line)
{
    (void)level;
    (void)line;
}

/* `flows` are JSON objects with ' for ". */
static inline void
cluster_of_flows(const char *flows)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof(why)),
        RD_KAFKA_CONF_OK);
    ck_assert_int_eq(
        rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why)),
        RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(rk);
    cluster = rd_kafka_handle_mock_cluster(rk);
    ck_assert_ptr_nonnull(cluster);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, TOPIC, 1, 1), 0);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, CHECKPOINTS, 1, 1), 0);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, COPIED, 1, 1), 0);
    ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, "heartbeats", 1, 1),
                     0);
    char json[2048], *own = json_text(flows);
    (void)snprintf(json, sizeof(json),
                   "{\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"%s\"},{\"name\":\"b\",\"bootstrap.servers\":\"%s\"}],"
                   "\"flows\":[%s]}",
                   rd_kafka_mock_cluster_bootstraps(cluster),
                   rd_kafka_mock_cluster_bootstraps(cluster), own);
    free(own);
    struct err err;
    ck_assert_msg(config_parse(json, strlen(json), &config, &err) == 0, "%s",
                  err.text);
}

static inline void
cluster_up(void)
{
    cluster_of_flows("{'source':'a','target':'b'}");
}

static inline void
cluster_gone(void)
{
    config_fini(&config);
    rd_kafka_destroy(rk);
}

static inline void
mapper_up(void)
{
    struct err err = {0};
    ck_assert_msg(store_open(tmpdir_file(&dir, "store"), &store, &err) == 0,
                  "%s", err.text);
    ck_assert_msg(logs_start(&config, &logs, &err) == 0, "%s", err.text);
    ck_assert_msg(
        follow_new(&config, store, logs, &follow_options, &follow, &err) == 0,
        "%s", err.text);
    ck_assert_msg(follow_start(follow, &err) == 0, "%s", err.text);
}

static inline void
mapper_gone(void)
{
    follow_free(follow);
    logs_free(logs);
    store_close(store);
}

static inline void
setup(void)
{
    log_set_sink(quiet);
    tmpdir_make(&dir);
    cluster_up();
}

static inline void
teardown(void)
{
    cluster_gone();
    tmpdir_remove(&dir);
}

static inline void
produce_to(const char *topic, const void *key, size_t key_len,
           const void *value, size_t value_len)
{
    ck_assert_int_eq(
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_KEY(key, key_len),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static inline void
produce(const void *key, size_t key_len, const void *value, size_t value_len)
{
    produce_to(TOPIC, key, key_len, value, value_len);
}

static inline void
sync_out(const char *topic, int partition, int64_t up, int64_t down)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s", topic);
    const struct mm2_offset_sync s = {name, partition, up, down};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &b), 0);
    produce(b.key, b.key_len, b.value, b.value_len);
    mm2_bytes_fini(&b);
}

/* Records in a log, so that its end fits the syncs. */
static inline void
fill(const char *topic, int32_t partition, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_VALUE((void *)(uintptr_t) "x", 1), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static int64_t wanted;

static inline bool
has_read(void *arg)
{
    (void)arg;
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    return st.progress.position >= wanted && st.ready;
}

static inline struct follow_status
read_up_to(int64_t position)
{
    wanted = position;
    ck_assert(wait_until(has_read, NULL, DEADLINE_MS));
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    return st;
}

#endif
