/* Positions byte for byte, against records that MirrorMaker 2 has written
 * (../shared/reference/mm2_golden_4.1.txt, mm2.md 6.2). */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/positions.h"

static const char golden_key[] =
    "[\"MirrorSourceConnector\",{\"cluster\":\"a\",\"partition\":5,"
    "\"topic\":\"orders\"}]";
static const char golden_key_hex[] =
    "5b224d6972726f72536f75726365436f6e6e6563746f72222c7b22636c7573746572223a22"
    "61222c22706172746974696f6e223a352c22746f706963223a226f7264657273227d5d";
static const char golden_value_hex[] = "7b226f6666736574223a3731397d";

static void
expect_hex(const char *got, const char *hex)
{
    char text[512] = "";
    for (size_t i = 0; got[i]; i++)
        (void)snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x",
                       (unsigned)(unsigned char)got[i]);
    ck_assert_str_eq(text, hex);
}

START_TEST(golden_bytes)
{
    char *key, *value;
    ck_assert_int_eq(position_key("a", "orders", 5, &key), 0);
    ck_assert_int_eq(position_value(719, &value), 0);
    expect_hex(key, golden_key_hex);
    expect_hex(value, golden_value_hex);
    ck_assert_str_eq(key, golden_key);
    free(key);
    free(value);
}
END_TEST

START_TEST(odd_names)
{
    char *key;
    ck_assert_int_eq(position_key("B- /\"\xc3\xbc", "t", 0, &key), 0);
    ck_assert_str_eq(key, "[\"MirrorSourceConnector\",{\"cluster\":"
                          "\"B- /\\\"\xc3\xbc\",\"partition\":0,"
                          "\"topic\":\"t\"}]");
    free(key);
}
END_TEST

static int32_t
partition_of(const char *cluster, const char *topic, int32_t partition)
{
    char *key;
    ck_assert_int_eq(position_key(cluster, topic, partition, &key), 0);
    const int32_t p = rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key),
                                                       25, NULL, NULL);
    free(key);
    return p;
}

START_TEST(partitions)
{
    ck_assert_int_eq(partition_of("A", "t1", 0), 4);
    ck_assert_int_eq(partition_of("source", "london", 1), 14);
    ck_assert_int_eq(partition_of("a", "orders", 5), 0);
    ck_assert_int_eq(partition_of("a", "heartbeats", 0), 3);
}
END_TEST

static int
record(struct positions *p, const char *key, const char *value)
{
    return positions_record(p, "a", key, strlen(key), value,
                            value ? strlen(value) : 0, NULL);
}

START_TEST(reading)
{
    struct positions p = {0};
    ck_assert_int_eq(positions_get(&p, "orders", 5), -1);
    ck_assert_int_eq(record(&p, golden_key, "{\"offset\":719}"), 0);
    ck_assert_int_eq(positions_get(&p, "orders", 5), 719);
    ck_assert_int_eq(positions_get(&p, "orders", 4), -1);
    ck_assert_int_eq(record(&p, golden_key, "{\"offset\":5000000000}"), 0);
    ck_assert_int_eq(positions_get(&p, "orders", 5), 5000000000);
    ck_assert_int_eq(record(&p, golden_key, NULL), 0);
    ck_assert_int_eq(positions_get(&p, "orders", 5), -1);
    ck_assert_int_eq(record(&p, golden_key, "{\"offset\":-1}"), 0);
    ck_assert_int_eq(positions_get(&p, "orders", 5), -1);
    positions_fini(&p);
}
END_TEST

START_TEST(others_are_left_alone)
{
    struct positions p = {0};
    static const char *const others[] = {
        "[\"MirrorSourceConnector\",{\"cluster\":\"b\",\"partition\":5,"
        "\"topic\":\"orders\"}]",
        "[\"MirrorCheckpointConnector\",{\"partition\":0,\"topic\":\"a.t1\","
        "\"group\":\"g\"}]",
        "[\"MirrorHeartbeatConnector\",{\"sourceClusterAlias\":\"a\","
        "\"targetClusterAlias\":\"b\"}]",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_int_eq(record(&p, others[i], "{\"offset\":0}"), ERR_NOTFOUND);
    ck_assert_ptr_null(p.table);
}
END_TEST

START_TEST(damaged_records)
{
    struct positions p = {0};
    static const char *const keys[] = {
        "",
        "[",
        "{}",
        "[\"MirrorSourceConnector\"]",
        "[\"MirrorSourceConnector\",7]",
        "[\"MirrorSourceConnector\",{\"cluster\":\"a\",\"topic\":\"t\"}]",
        "[\"MirrorSourceConnector\",{\"cluster\":\"a\",\"partition\":-1,"
        "\"topic\":\"t\"}]",
        "[\"MirrorSourceConnector\",{\"cluster\":1,\"partition\":0,"
        "\"topic\":\"t\"}]",
    };
    static const char *const values[] = {"", "7", "{}", "{\"offset\":\"7\"}",
                                         "{\"offset\":3.14}"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        ck_assert_msg(record(&p, keys[i], "{\"offset\":1}") != 0, "%s",
                      keys[i]);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        ck_assert_msg(record(&p, golden_key, values[i]) != 0, "%s", values[i]);
    ck_assert_int_eq(positions_record(&p, "a", NULL, 0, "{}", 2, NULL),
                     ERR_PARSE);
    ck_assert_ptr_null(p.table);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator positions");
    TCase *t = tcase_create("positions");
    tcase_add_test(t, golden_bytes);
    tcase_add_test(t, odd_names);
    tcase_add_test(t, partitions);
    tcase_add_test(t, reading);
    tcase_add_test(t, others_are_left_alone);
    tcase_add_test(t, damaged_records);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
