/*
 * A flow that copies exactly once, on embedded clusters: they know no aborted
 * transactions and fence nobody, so that only what is written is looked at here
 * (tests/replicator/test_exactly_once.py has the rest).
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/mm2/codec.h"
#include "replicator/flow.h"
#include "replicator/positions.h"
#include "replicator/runs.h"
#include "replicator/topics.h"
#include "tests/support/support.h"
#include "tests/unit/replicator/world.h"

#define ONCE "b.exactly.once.source.support = enabled\n"

struct left {
    struct positions positions;
    int64_t records[PARTITIONS]; /* in all runs of the last position of each */
};

static void
look_at_position(const rd_kafka_message_t *m, void *arg)
{
    struct left *l = arg;
    struct err err = {0};
    struct runs runs = {0};
    rd_kafka_headers_t *h;
    const void *bytes;
    size_t len;
    ck_assert_int_eq(positions_record(&l->positions, "a", m->key, m->key_len,
                                      m->payload, m->len, &err),
                     0);
    ck_assert_int_eq(rd_kafka_message_headers(m, &h), 0);
    ck_assert_int_eq(rd_kafka_header_get_last(h, RUNS_HEADER, &bytes, &len), 0);
    runs_decode(&runs, bytes, len, INT64_MAX);
    for (int p = 0; p < PARTITIONS; p++) {
        char *key;
        ck_assert_int_eq(position_key("a", "orders", p, &key), 0);
        if (strlen(key) == m->key_len && memcmp(key, m->key, m->key_len) == 0) {
            l->records[p] = 0;
            for (size_t i = 0; i < runs.n; i++)
                l->records[p] += runs.v[i].length;
        }
        free(key);
    }
    runs_fini(&runs);
}

static void
stop(struct flow *f)
{
    flow_stop(f);
    flow_free(f);
}

START_TEST(positions_stand_beside_the_records)
{
    struct world w;
    struct left left = {0};
    world_make(&w, ONCE);
    struct flow *f = ready_flow(&w);
    put_numbers(&w, 0, 50);
    await(&w, "a.orders", PARTITIONS, 50);
    put_numbers(&w, 50, 60);
    await(&w, "a.orders", PARTITIONS, 60);
    stop(f);
    read_topic(&w, 1, "mm2-offsets.a.internal", look_at_position, &left);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        ck_assert_int_eq(positions_get(&left.positions, "orders", p), 59);
        ck_assert_int_ge(left.records[p], 1);
        ck_assert_int_le(left.records[p], 60);
    }
    positions_fini(&left.positions);

    f = ready_flow(&w); /* it goes on where the other ended */
    put_numbers(&w, 60, 70);
    await(&w, "a.orders", PARTITIONS, 70);
    stop(f);
    for (int32_t p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(end_of(&w, 1, "a.orders", p), 70);
    world_remove(&w);
}
END_TEST

/* ---- offset syncs -------------------------------------------------------- */

static void
look_at_sync(const rd_kafka_message_t *m, void *arg)
{
    int64_t *last = arg;
    struct mm2_offset_sync s;
    struct err err = {0};
    ck_assert_int_eq(mm2_offset_sync_decode(m->key, m->key_len, m->payload,
                                            m->len, &s, &err),
                     0);
    ck_assert_int_eq(s.upstream, s.downstream);
    last[s.partition] = s.upstream;
    mm2_offset_sync_fini(&s);
}

START_TEST(syncs_follow_the_commit)
{
    struct world w;
    int64_t last[PARTITIONS] = {-1, -1};
    world_make(&w, ONCE "offset.lag.max = 0\n");
    struct flow *f = ready_flow(&w);
    put_numbers(&w, 0, 50);
    await(&w, "a.orders", PARTITIONS, 50);
    stop(f);
    read_topic(&w, 0, SYNCS_TOPIC, look_at_sync, last);
    for (int32_t p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(last[p], 49);
    world_remove(&w);
}
END_TEST

/* The next owner tells what the last transaction of a killed one reached. */
START_TEST(syncs_that_a_crash_lost_are_told_again)
{
    struct world w;
    int64_t last[PARTITIONS] = {-1, -1};
    world_make(&w, ONCE);
    char *key, *value;
    char bytes[RUN_BYTES];
    const struct run run = {.up = 40, .down = 40, .length = 3};
    const struct runs runs = {.v = (struct run *)(uintptr_t)&run, .n = 1};
    runs_encode(&runs, bytes);
    ck_assert_int_eq(position_key("a", "orders", 1, &key), 0);
    ck_assert_int_eq(position_value(42, &value), 0);
    rd_kafka_mock_topic_create(w.mock[1], "mm2-offsets.a.internal", 1, 1);
    warm_up(w.rk[1], "mm2-offsets.a.internal");
    ck_assert_int_eq(
        rd_kafka_producev(
            w.rk[1], RD_KAFKA_V_TOPIC("mm2-offsets.a.internal"),
            RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key, strlen(key)),
            RD_KAFKA_V_VALUE(value, strlen(value)),
            RD_KAFKA_V_HEADER(RUNS_HEADER, bytes, RUN_BYTES), RD_KAFKA_V_END),
        0);
    ck_assert_int_eq(rd_kafka_flush(w.rk[1], DEADLINE_MS), 0);
    free(key);
    free(value);
    struct flow *f = ready_flow(&w);
    stop(f);
    read_topic(&w, 0, SYNCS_TOPIC, look_at_sync, last);
    ck_assert_int_eq(last[0], -1);
    ck_assert_int_eq(last[1], 42);
    world_remove(&w);
}
END_TEST

/* Anybody may have written there. */
START_TEST(what_cannot_be_a_run_is_left_out)
{
    static const struct run some[] = {
        {.up = 40, .down = 50, .length = 3},
        {.up = 43, .down = 60, .length = INT64_MAX},
        {.up = INT64_MAX, .down = 60, .length = INT64_MAX},
        {.up = 43, .down = 60, .length = RUN_LEN_MAX + 1},
        {.up = -1, .down = 60, .length = 1},
        {.up = 43, .down = -1, .length = 1},
        {.up = 43, .down = 60, .length = 0},
        {.up = 43, .down = 60, .length = 3}, /* behind its position */
        {.up = 43, .down = 60, .length = 2},
    };
    const size_t n = sizeof(some) / sizeof(some[0]);
    const struct runs all = {.v = (struct run *)(uintptr_t)some, .n = n};
    char bytes[sizeof(some) / sizeof(some[0]) * RUN_BYTES];
    struct runs left = {0};
    runs_encode(&all, bytes);
    runs_decode(&left, bytes, sizeof(bytes) - 1, 44);
    ck_assert_uint_eq(left.n, 1); /* half a run is none */
    runs_fini(&left);
    runs_decode(&left, bytes, sizeof(bytes), 44);
    ck_assert_uint_eq(left.n, 2);
    ck_assert_int_eq(left.v[0].up + left.v[0].down + left.v[0].length, 93);
    ck_assert_int_eq(left.v[1].up + left.v[1].down + left.v[1].length, 105);
    runs_fini(&left);
}
END_TEST

/* ---- refusals ------------------------------------------------------------- */

/* Committed, in all partitions. */
static bool
has_thirty(void *flow)
{
    struct flow_look l;
    int n = 0;
    flow_look(flow, NULL, &l);
    for (size_t i = 0; i < l.n; i++)
        n += l.parts[i].position == 30;
    flow_look_fini(&l);
    return n == PARTITIONS;
}

START_TEST(a_refusal_takes_the_whole_transaction_back)
{
    struct world w;
    world_make(&w, ONCE);
    struct flow *f = ready_flow(&w);
    const rd_kafka_resp_err_t too_large = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    put_numbers(&w, 0, 10);
    await(&w, "a.orders", PARTITIONS, 10);
    rd_kafka_mock_push_request_errors_array(w.mock[1], 0 /* Produce */, 1,
                                            &too_large);
    put_numbers(&w, 10, 20); /* a record of them, or a position */
    put_numbers(&w, 20, 30);
    ck_assert(wait_until(has_thirty, f, DEADLINE_MS));
    stop(f);
    struct left left = {0};
    read_topic(&w, 1, "mm2-offsets.a.internal", look_at_position, &left);
    for (int32_t p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(positions_get(&left.positions, "orders", p), 29);
    positions_fini(&left.positions);
    world_remove(&w);
}
END_TEST

struct committed_to {
    struct flow *flow;
    int64_t position[PARTITIONS]; /* -1: wherever it is */
};

static bool
is_committed(void *arg)
{
    const struct committed_to *want = arg;
    struct flow_look l;
    int n = 0;
    flow_look(want->flow, "orders", &l);
    for (size_t i = 0; i < l.n; i++) {
        const int64_t position = want->position[l.parts[i].partition];
        n += position < 0 || l.parts[i].position == position;
    }
    flow_look_fini(&l);
    return n == PARTITIONS;
}

/* Whichever of two units it is: the other goes on committing. */
START_TEST(a_partition_without_a_leader_holds_up_its_unit_only)
{
    struct world w;
    world_make(&w, ONCE "a->b.producer.override.topic.metadata.refresh."
                        "interval.ms = 200\n");
    struct flow *f = ready_flow(&w);
    put_numbers(&w, 0, 10);
    await(&w, "a.orders", PARTITIONS, 10);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct committed_to want = {.flow = f};
        const int done = 10 + p * 20;
        rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", p, -1);
        for (int n = done + 10; n <= done + 20; n += 10) {
            put_numbers(&w, n - 10, n);
            want.position[p] = -1;
            want.position[1 - p] = n;
            ck_assert(wait_until(is_committed, &want, DEADLINE_MS));
        }
        rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", p, 1);
        want.position[p] = done + 20;
        ck_assert(wait_until(is_committed, &want, DEADLINE_MS));
    }
    stop(f);
    for (int32_t p = 0; p < PARTITIONS; p++)
        ck_assert_int_eq(end_of(&w, 1, "a.orders", p), 50);
    world_remove(&w);
}
END_TEST

/* It does not stay open for the longest time that it may. */
START_TEST(it_ends_when_all_is_answered)
{
    struct world w;
    world_make(&w, ONCE "shunt.transaction.ms = 60000\n");
    struct flow *f = ready_flow(&w);
    put_numbers(&w, 0, 10);
    await(&w, "a.orders", PARTITIONS, 10);
    put_numbers(&w, 10, 30);
    ck_assert(wait_until(has_thirty, f, DEADLINE_MS));
    stop(f);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator transactions");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, positions_stand_beside_the_records);
    tcase_add_test(t, syncs_follow_the_commit);
    tcase_add_test(t, syncs_that_a_crash_lost_are_told_again);
    tcase_add_test(t, what_cannot_be_a_run_is_left_out);
    tcase_add_test(t, a_refusal_takes_the_whole_transaction_back);
    tcase_add_test(t, a_partition_without_a_leader_holds_up_its_unit_only);
    tcase_add_test(t, it_ends_when_all_is_answered);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
