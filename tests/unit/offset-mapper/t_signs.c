/*
 * What following sees beside syncs, on librdkafka's mock cluster: checkpoints,
 * heartbeats, log ends that contradict the syncs, log starts that move; two
 * flows at once, a topic that is denied, a broker that dies mid-batch.
 */
#include "common/base/clock.h"
#include "offset-mapper/store_checkpoints.h"
#include "tests/unit/offset-mapper/follow_world.h"

static struct follow_status
status(void)
{
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    return st;
}

/* ---- checkpoints ------------------------------------------------------- */

static void
checkpoint_out(const char *group, const char *topic, int64_t up, int64_t down)
{
    char g[64], t[64], m[] = "meta";
    (void)snprintf(g, sizeof(g), "%s", group);
    (void)snprintf(t, sizeof(t), "%s", topic);
    const struct mm2_checkpoint c = {g, t, 2, up, down, m};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_checkpoint_encode(&c, &b), 0);
    produce_to(CHECKPOINTS, b.key, b.key_len, b.value, b.value_len);
    mm2_bytes_fini(&b);
}

/* Of a version that nobody has written yet. */
static void
future_checkpoint(void)
{
    char g[] = "billing", t[] = "a.orders", m[] = "";
    const struct mm2_checkpoint c = {g, t, 2, 9999, 9999, m};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_checkpoint_encode(&c, &b), 0);
    ((uint8_t *)b.value)[1] = 7;
    produce_to(CHECKPOINTS, b.key, b.key_len, b.value, b.value_len);
    produce_to(CHECKPOINTS, b.key, b.key_len, NULL, 0);
    mm2_bytes_fini(&b);
}

static bool
checkpoints_read(void *arg)
{
    const int64_t *n = arg;
    return status().checkpoints.position >= *n;
}

static void
read_checkpoints(int64_t n)
{
    ck_assert(wait_until(checkpoints_read, &n, DEADLINE_MS));
}

static void
add_up(const struct store_checkpoint *c, void *arg)
{
    int64_t *sum = arg;
    ck_assert_int_eq(c->partition, 2);
    ck_assert(strcmp(c->topic, "a.orders") == 0 ||
              strcmp(c->topic, "a.payments") == 0);
    ck_assert_int_gt(c->time_ms, 0);
    *sum += c->downstream;
}

static void
check_checkpoints(void)
{
    struct store_view *v;
    struct store_checkpoint c;
    bool found;
    int64_t sum = 0;
    ck_assert_int_eq(store_view_open(store, &v, NULL), 0);
    ck_assert_int_eq(
        store_checkpoint_each(v, "a->b", "billing", add_up, &sum, NULL), 0);
    ck_assert_int_eq(sum, 190 + 7);
    ck_assert_int_eq(store_checkpoint_get(v, "a->b", "billing", "a.orders", 2,
                                          &found, &c, NULL),
                     0);
    ck_assert(found);
    ck_assert_int_eq(c.upstream, 200);
    ck_assert_int_eq(c.downstream, 190);
    ck_assert_int_eq(store_checkpoint_get(v, "a->b", "billing", "a.orders", 3,
                                          &found, &c, NULL),
                     0);
    ck_assert(!found);
    ck_assert_int_eq(store_checkpoint_get(v, "b->a", "billing", "a.orders", 2,
                                          &found, &c, NULL),
                     0);
    ck_assert(!found);
    store_view_close(v);
}

START_TEST(newest_checkpoints_are_kept)
{
    mapper_up();
    checkpoint_out("billing", "a.orders", 100, 90);
    checkpoint_out("billing", "a.orders", 200, 190);
    future_checkpoint();
    checkpoint_out("billing", "a.payments", 8, 7);
    checkpoint_out("billin", "a.orders", 1, 1);
    produce_to(CHECKPOINTS, "x", 1, "y", 1);
    read_checkpoints(7);
    ck_assert_int_eq(status().checkpoints.undecodable, 2);
    ck_assert_int_eq(status().checkpoints.tombstones, 1);
    ck_assert_int_eq(status().checkpoints_kept, 4);
    check_checkpoints();
    mapper_gone();
    mapper_up();
    read_checkpoints(7);
    ck_assert_int_eq(status().checkpoints_kept, 4);
    check_checkpoints();
    mapper_gone();
}
END_TEST

/* ---- heartbeats -------------------------------------------------------- */

static void
heartbeat_out(const char *topic, const char *source, const char *target,
              int64_t age_ms)
{
    char s[8], t[8];
    (void)snprintf(s, sizeof(s), "%s", source);
    (void)snprintf(t, sizeof(t), "%s", target);
    const struct mm2_heartbeat h = {s, t, clock_wall_ms() - age_ms};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_heartbeat_encode(&h, &b), 0);
    produce_to(topic, b.key, b.key_len, b.value, b.value_len);
    mm2_bytes_fini(&b);
}

static bool
is_alive(void *arg)
{
    (void)arg;
    return status().alive == BEATS_YES;
}

static bool
is_dead(void *arg)
{
    (void)arg;
    return status().alive == BEATS_NO;
}

static bool
heartbeats_at_end(void *arg)
{
    (void)arg;
    return status().heartbeats.end >= 0;
}

START_TEST(a_flow_lives_and_dies)
{
    mapper_up();
    ck_assert(wait_until(heartbeats_at_end, NULL, DEADLINE_MS));
    ck_assert_int_eq(status().alive, BEATS_UNKNOWN);
    ck_assert_int_eq(status().latency_ms, -1);
    heartbeat_out(COPIED, "b", "a", 40);
    ck_assert(wait_until(is_alive, NULL, DEADLINE_MS));
    const struct follow_status st = status();
    ck_assert_int_ge(st.latency_ms, 40);
    ck_assert_int_lt(st.latency_ms, 2000);
    ck_assert_int_ge(st.last_heartbeat_ms, clock_wall_ms() - DEADLINE_MS);
    ck_assert(wait_until(is_dead, NULL, DEADLINE_MS));
    sync_out("orders", 1, 1, 1); /* it copies all the same */
    ck_assert(wait_until(is_alive, NULL, DEADLINE_MS));
    mapper_gone();
}
END_TEST

/* An old heartbeat that is read at the start is no sign of life. */
START_TEST(old_heartbeats_are_old)
{
    produce_to(COPIED, "x", 1, "y", 1);
    heartbeat_out(COPIED, "b", "a", 3600000);
    mapper_up();
    ck_assert(wait_until(is_dead, NULL, DEADLINE_MS));
    ck_assert_int_eq(status().heartbeats.undecodable, 1);
    mapper_gone();
}
END_TEST

/* Where heartbeats are not copied, those of the worker tell. */
START_TEST(heartbeats_of_the_worker)
{
    mapper_up();
    heartbeat_out("heartbeats", "c", "b", 0); /* of a flow that is not ours */
    heartbeat_out("heartbeats", "a", "b", 0);
    ck_assert(wait_until(is_alive, NULL, DEADLINE_MS));
    ck_assert_int_eq(status().latency_ms, -1);
    ck_assert(wait_until(is_dead, NULL, DEADLINE_MS));
    mapper_gone();
}
END_TEST

/* ---- incarnations ------------------------------------------------------ */

static struct store_info
info_of(const char *topic, int32_t partition)
{
    struct store_view *v;
    struct store_info info;
    const struct store_part part = {"a->b", topic, partition};
    ck_assert_int_eq(store_view_open(store, &v, NULL), 0);
    ck_assert_int_eq(store_view_info(v, &part, &info, NULL), 0);
    store_view_close(v);
    return info;
}

static bool
has_begun(void *arg)
{
    const enum store_begun *why = arg;
    return status().begun[*why] > 0;
}

static void
wait_begun(enum store_begun why)
{
    ck_assert(wait_until(has_begun, &why, DEADLINE_MS));
}

START_TEST(a_target_that_ends_before_the_syncs)
{
    fill("orders", 1, 200);
    fill("a.orders", 1, 20);
    sync_out("orders", 1, 0, 0);
    sync_out("orders", 1, 99, 99);
    sync_out("orders", 1, 101, 150);
    mapper_up();
    (void)read_up_to(3);
    wait_begun(STORE_TARGET_ANEW);
    struct store_info info = info_of("orders", 1);
    ck_assert(!info.known);
    ck_assert_int_eq(info.incarnation, 2);
    ck_assert_int_eq(info.why, STORE_TARGET_ANEW);
    ck_assert_int_eq(status().progress.runs, 0);
    sync_out("orders", 1, 120, 5); /* the copy goes on into the new topic */
    (void)read_up_to(4);
    info = info_of("orders", 1);
    ck_assert(info.known);
    ck_assert_int_eq(info.newest.up, 120);
    ck_assert_int_eq(info.newest.down, 5);
    ck_assert_int_eq(status().progress.runs, 1);
    mapper_gone();
    mapper_up();
    ck_assert_int_eq(info_of("orders", 1).incarnation, 2);
    mapper_gone();
}
END_TEST

START_TEST(a_source_that_ends_before_the_syncs)
{
    fill("orders", 1, 20);
    fill("a.orders", 1, 200);
    sync_out("orders", 1, 0, 0);
    sync_out("orders", 1, 99, 99);
    fill("payments", 1, 200);
    fill("a.payments", 1, 200);
    sync_out("payments", 1, 99, 99);
    mapper_up();
    (void)read_up_to(3);
    wait_begun(STORE_SOURCE_CUT);
    ck_assert(!info_of("orders", 1).known);
    ck_assert_int_eq(info_of("orders", 1).why, STORE_SOURCE_CUT);
    ck_assert(info_of("payments", 1).known); /* the others are let alone */
    ck_assert_int_eq(info_of("payments", 1).incarnation, 1);
    mapper_gone();
}
END_TEST

/* ---- pruning ----------------------------------------------------------- */

/* The mock cluster keeps 5 MiB of a partition. */
static void
push_out(const char *topic, int32_t partition)
{
    const size_t size = 600000;
    char *big = calloc(1, size);
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_VALUE(big, size),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
        ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    free(big);
}

static bool
has_pruned(void *arg)
{
    (void)arg;
    const struct follow_status st = status();
    return st.pruned >= 250 && st.progress.runs <= 51;
}

START_TEST(what_retention_has_dropped_is_pruned)
{
    fill("orders", 1, 400);
    fill("a.orders", 1, 700);
    for (int64_t i = 0; i < 300; i++)
        sync_out("orders", 1, i, 2 * i);
    sync_out("orders", 1, 402, 650);
    push_out("orders", 1);
    mapper_up();
    (void)read_up_to(301);
    ck_assert_msg(wait_until(has_pruned, NULL, DEADLINE_MS),
                  "pruned %lld of %lld", (long long)status().pruned,
                  (long long)status().progress.runs);
    ck_assert(info_of("orders", 1).known);
    mapper_gone();
}
END_TEST

/* ---- all at once ------------------------------------------------------- */

static int changes;

static void
on_change(void *arg)
{
    ck_assert_ptr_eq(arg, &changes);
    changes++;
}

START_TEST(changes_are_told_once)
{
    struct loop *loop;
    struct err err;
    ck_assert_int_eq(loop_new(&loop, &err), 0);
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "store"), &store, &err), 0);
    ck_assert_int_eq(logs_start(&config, &logs, &err), 0);
    ck_assert_int_eq(
        follow_new(&config, store, logs, &follow_options, &follow, &err), 0);
    follow_on_change(follow, loop, on_change, &changes);
    ck_assert_int_eq(follow_start(follow, &err), 0);
    for (int64_t i = 0; i < 20; i++)
        sync_out("orders", 9, i, i);
    (void)read_up_to(20);
    while (loop_drain(loop))
        continue;
    ck_assert_int_eq(changes, 1);
    sync_out("orders", 9, 20, 20);
    (void)read_up_to(21);
    follow_stop(follow);
    while (loop_drain(loop))
        continue;
    ck_assert_int_eq(changes, 2);
    mapper_gone();
    loop_free(loop);
}
END_TEST

static bool
checkpoints_denied(void *arg)
{
    (void)arg;
    return strstr(status().checkpoints.error, "grant it READ") != NULL;
}

START_TEST(one_topic_denied)
{
    rd_kafka_mock_topic_set_error(cluster, CHECKPOINTS,
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    mapper_up();
    ck_assert(wait_until(checkpoints_denied, NULL, DEADLINE_MS));
    sync_out("orders", 1, 1, 1);
    ck_assert_str_eq(read_up_to(1).syncs.error, "");
    ck_assert(checkpoints_denied(NULL));
    rd_kafka_mock_topic_set_error(cluster, CHECKPOINTS,
                                  RD_KAFKA_RESP_ERR_NO_ERROR);
    checkpoint_out("billing", "a.orders", 100, 90);
    read_checkpoints(1);
    ck_assert_str_eq(status().checkpoints.error, "");
    mapper_gone();
}
END_TEST

static void
sync_to(const char *to, const char *topic, int64_t up, int64_t down)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s", topic);
    const struct mm2_offset_sync s = {name, 9, up, down};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_offset_sync_encode(&s, &b), 0);
    produce_to(to, b.key, b.key_len, b.value, b.value_len);
    mm2_bytes_fini(&b);
}

static bool
both_read(void *arg)
{
    (void)arg;
    struct follow_status st[2];
    follow_status(follow, &config.flows[0], &st[0]);
    follow_status(follow, &config.flows[1], &st[1]);
    return st[0].progress.syncs == 2 && st[1].progress.syncs == 1;
}

/* One's topics on its target, the other's on its source: all of them on b. */
START_TEST(two_flows_with_a_separator)
{
    cluster_gone();
    cluster_of_flows("{'source':'a','target':'b','separator':'__',"
                     "'offset-syncs.topic.location':'target'},"
                     "{'source':'b','target':'a','policy':'legacy',"
                     "'offset-syncs.topic':'my-syncs'}");
    mapper_up();
    sync_to("mm2-offset-syncs__a__internal", "orders", 10, 20);
    sync_to("mm2-offset-syncs__a__internal", "orders", 11, 21);
    sync_to("my-syncs", "orders", 30, 40);
    ck_assert(wait_until(both_read, NULL, DEADLINE_MS));
    ck_assert_int_eq(info_of("orders", 9).newest.down, 20);
    mapper_gone();
}
END_TEST

static bool
read_all(void *arg)
{
    const int64_t *n = arg;
    return status().progress.syncs >= *n;
}

/* Nothing is missing, and nothing is counted twice. */
START_TEST(a_broker_dies_mid_batch)
{
    int64_t n = 0;
    for (int i = 0; i < 3000; i++, n++) {
        char topic[] = "orders";
        const struct mm2_offset_sync s = {topic, 9, 2 * n, 3 * n};
        struct mm2_bytes b;
        ck_assert_int_eq(mm2_offset_sync_encode(&s, &b), 0);
        ck_assert_int_eq(
            rd_kafka_producev(
                rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0),
                RD_KAFKA_V_KEY(b.key, b.key_len),
                RD_KAFKA_V_VALUE(b.value, b.value_len),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
        mm2_bytes_fini(&b);
        if (i % 100 == 0)
            ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                             RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(rk, DEADLINE_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    mapper_up();
    for (int64_t at = 100; at < n; at += 700) {
        ck_assert(wait_until(read_all, &at, DEADLINE_MS));
        ck_assert_int_eq(rd_kafka_mock_broker_set_down(cluster, 1), 0);
        ck_assert_int_eq(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    }
    ck_assert(wait_until(read_all, &n, DEADLINE_MS));
    ck_assert_int_eq(status().progress.syncs, n);
    ck_assert_int_eq(status().progress.runs, n);
    ck_assert_int_eq(status().progress.gaps, 0);
    mapper_gone();
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("signs");
    TCase *t = tcase_create("mock cluster");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, newest_checkpoints_are_kept);
    tcase_add_test(t, a_flow_lives_and_dies);
    tcase_add_test(t, old_heartbeats_are_old);
    tcase_add_test(t, heartbeats_of_the_worker);
    tcase_add_test(t, a_target_that_ends_before_the_syncs);
    tcase_add_test(t, a_source_that_ends_before_the_syncs);
    tcase_add_test(t, what_retention_has_dropped_is_pruned);
    tcase_add_test(t, changes_are_told_once);
    tcase_add_test(t, one_topic_denied);
    tcase_add_test(t, two_flows_with_a_separator);
    tcase_add_test(t, a_broker_dies_mid_batch);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
