/*
 * Whole handles without any service: an embedded cluster "a" with the topic
 * "orders", and routes to it on disk, from which handles start.
 */
#ifndef SHUNT_TESTS_SDK_DISK_WORLD_H
#define SHUNT_TESTS_SDK_DISK_WORLD_H

#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <shunt/shunt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/js.h"
#include "sdk/src/control/cache.h"
#include "tests/support/support.h"

#define DISK_SERVICE "http://127.0.0.1:1"

static struct tmpdir disk;
static rd_kafka_t *disk_host;
static rd_kafka_mock_cluster_t *disk_mock;

static void
disk_world_start(void)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    disk_host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(disk_host);
    disk_mock = rd_kafka_mock_cluster_new(disk_host, 1);
    rd_kafka_mock_topic_create(disk_mock, "orders", 2, 1);
    tmpdir_make(&disk);
}

static void
disk_world_stop(void)
{
    rd_kafka_mock_cluster_destroy(disk_mock);
    rd_kafka_destroy(disk_host);
    tmpdir_remove(&disk);
}

static void
disk_route(rd_kafka_type_t type, const char *servers)
{
    char text[1024], code[] = "orders", topic[] = "orders",
                     url[] = DISK_SERVICE;
    char producer[] = "producer", consumer[] = "consumer", group[] = "g";
    char client_id[] = "rdkafka";
    char transactions[] = "(transactions)";
    char *topics[] = {transactions, topic}, *urls[] = {url};
    struct pt_identity id = {
        .cluster_code = code,
        .role = type == RD_KAFKA_PRODUCER ? producer : consumer,
        .group = type == RD_KAFKA_PRODUCER ? NULL : group,
        .client_id = client_id,
    };
    /* A transactional producer begins with the first of them. */
    struct strlist asked[] = {{&topics[1], 1}, {topics, 1}, {topics, 2}};
    const struct strlist list = {urls, 1};
    const struct cache_owner owner = {&list, &id};
    struct pt_answer a = {0};
    struct err err = {0};
    (void)snprintf(text, sizeof(text),
                   "{\"revision\":7,\"routes\":[{\"topic\":\"orders\","
                   "\"cluster\":\"a\",\"rule\":\"r\",\"since\":3,\"previous\":"
                   "null,\"view\":[{\"topic\":\"orders\",\"origin\":\"a\"}]},"
                   "{\"topic\":\"(transactions)\",\"cluster\":\"a\","
                   "\"rule\":\"r\",\"since\":3,\"previous\":null,"
                   "\"view\":[]}],"
                   "\"clusters\":[{\"name\":\"a\",\"bootstrap.servers\":"
                   "\"%s\"}],\"flows\":[]}",
                   servers);
    struct json_t *j = json_of(text);
    ck_assert_int_eq(pt_answer_decode(j, &a, NULL), 0);
    js_free(j);
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        id.topics = asked[i];
        ck_assert_msg(cache_store(disk.path, &owner, &a, &err) == 0, "%s",
                      err.text);
    }
    pt_answer_fini(&a);
}

static void
disk_set(shunt_conf_t *conf, const char *name, const char *value)
{
    char why[256] = "";
    ck_assert_msg(shunt_conf_set(conf, name, value, why, sizeof(why)) ==
                      RD_KAFKA_CONF_OK,
                  "%s", why);
}

/* Takes `conf`. */
static shunt_t *
disk_handle_take(rd_kafka_type_t type, shunt_conf_t *conf)
{
    char why[512] = "";
    disk_route(type, rd_kafka_mock_cluster_bootstraps(disk_mock));
    disk_set(conf, "cluster.code", "orders");
    disk_set(conf, "route.service", DISK_SERVICE);
    disk_set(conf, "route.cache.dir", disk.path);
    if (type == RD_KAFKA_CONSUMER) {
        disk_set(conf, "group.id", "g");
        disk_set(conf, "auto.offset.reset", "earliest");
    }
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

static inline void
disk_subscribe(shunt_t *rk)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(shunt_subscribe(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
disk_produce(shunt_t *rk, const char *value, void *opaque)
{
    ck_assert_int_eq(shunt_producev(rk, RD_KAFKA_V_TOPIC("orders"),
                                    RD_KAFKA_V_VALUE((void *)(uintptr_t)value,
                                                     strlen(value)),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                    RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END),
                     0);
}

#endif
