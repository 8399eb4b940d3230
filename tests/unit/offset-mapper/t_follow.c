/*
 * The follower against librdkafka's mock cluster: syncs as MirrorMaker 2 would
 * write them go in, answers come out; a restart, a broken record, a dead
 * broker and a topic made anew change none that they should not.
 */
#include "common/base/clock.h"
#include "offset-mapper/answer.h"
#include "tests/unit/offset-mapper/follow_world.h"

/* Every answer to a fixed set of questions, as one string. */
static char *
all_answers(void)
{
    static char out[65536];
    static const char *const topics[] = {"orders", "payments", "unknown"};
    struct answering a = {.env.config = &config, .from = "a", .to = "b"};
    size_t len = 0;
    ck_assert_int_eq(store_view_open(store, &a.env.view, NULL), 0);
    for (size_t t = 0; t < 3; t++)
        for (int64_t q = 0; q < 320; q += 8) {
            char topic[32];
            (void)snprintf(topic, sizeof(topic), "%s", topics[t]);
            struct po_translated v = {
                .asked = {.topic = topic, .partition = 1, .offset = q}};
            ck_assert_int_eq(answer_one(&a, &v, NULL, NULL), 0);
            len += (size_t)snprintf(
                out + len, sizeof(out) - len, "%s %s %lld %lld %lld %s\n",
                po_quality_text(v.quality), v.topic ? v.topic : "-",
                (long long)v.position, (long long)v.low, (long long)v.high,
                v.reason);
            v.asked.topic = NULL; /* borrowed */
            po_translated_fini(&v);
        }
    store_view_close(a.env.view);
    return strdup(out);
}

/* orders [1] and payments [1] of both clusters have 400 records. */
static void
first_syncs(void)
{
    fill("orders", 1, 400);
    fill("a.orders", 1, 400);
    fill("payments", 1, 400);
    fill("a.payments", 1, 400);
    sync_out("orders", 1, 0, 0);
    sync_out("payments", 1, 7, 3);
    sync_out("orders", 1, 101, 101);
    sync_out("orders", 1, 150, 140);
}

static void
later_syncs(void)
{
    sync_out("orders", 1, 251, 241);
    sync_out("orders", 1, 200, 300);
    sync_out("payments", 1, 9, 1);
}

START_TEST(restart_changes_no_answer)
{
    first_syncs();
    mapper_up();
    (void)read_up_to(4);
    later_syncs();
    const struct follow_status one = read_up_to(7);
    char *never_stopped = all_answers();
    mapper_gone();
    tmpdir_remove(&dir);

    tmpdir_make(&dir);
    mapper_up();
    (void)read_up_to(7);
    mapper_gone();
    mapper_up();
    const struct follow_status two = read_up_to(7);
    char *stopped = all_answers();
    mapper_gone();
    ck_assert_str_eq(never_stopped, stopped);
    ck_assert_ptr_nonnull(strstr(stopped, "exact a.orders 48 "));
    ck_assert_ptr_nonnull(strstr(stopped, "none - -1"));
    ck_assert_int_eq(one.progress.syncs, 7);
    ck_assert_mem_eq(&one.progress, &two.progress, sizeof(one.progress));
    ck_assert_int_eq(two.progress.restarts, 1);
    ck_assert_int_eq(two.progress.backs, 1);
    free(never_stopped);
    free(stopped);
}
END_TEST

START_TEST(syncs_written_while_it_was_down)
{
    first_syncs();
    mapper_up();
    (void)read_up_to(4);
    mapper_gone();
    later_syncs();
    mapper_up();
    const struct follow_status st = read_up_to(7);
    ck_assert_int_eq(st.progress.syncs, 7);
    ck_assert_int_eq(st.syncs.end, 7);
    mapper_gone();
}
END_TEST

START_TEST(bad_records_are_counted_and_skipped)
{
    fill("orders", 1, 400);
    fill("a.orders", 1, 400);
    mapper_up();
    sync_out("orders", 1, 0, 0);
    produce("x", 1, "y", 1);
    produce(NULL, 0, NULL, 0);
    char name[320];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    const struct mm2_offset_sync far = {name, 0, INT64_MAX, 1};
    struct mm2_bytes b;
    ck_assert_int_eq(mm2_offset_sync_encode(&far, &b), 0);
    produce(b.key, b.key_len, b.value, b.value_len);
    mm2_bytes_fini(&b);
    sync_out("orders", 1, 101, 101);
    const struct follow_status st = read_up_to(5);
    ck_assert_int_eq(st.progress.undecodable, 2);
    ck_assert_int_eq(st.progress.tombstones, 1);
    ck_assert_int_eq(st.progress.syncs, 2);
    ck_assert_int_eq(st.progress.runs, 1);
    mapper_gone();
}
END_TEST

static bool
in_trouble(void *arg)
{
    (void)arg;
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    return st.syncs.error[0] != '\0';
}

START_TEST(goes_on_when_the_broker_is_back)
{
    first_syncs();
    mapper_up();
    (void)read_up_to(4);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    ck_assert(wait_until(in_trouble, NULL, DEADLINE_MS));
    ck_assert_int_eq(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    later_syncs();
    const struct follow_status st = read_up_to(7);
    ck_assert_str_eq(st.syncs.error, "");
    mapper_gone();
}
END_TEST

/* Another cluster, the same store: the position lies beyond the end. */
START_TEST(topic_made_anew)
{
    first_syncs();
    mapper_up();
    (void)read_up_to(4);
    mapper_gone();
    cluster_gone();
    cluster_up();
    fill("orders", 1, 400);
    fill("a.orders", 1, 400);
    sync_out("orders", 1, 10, 5);
    sync_out("orders", 1, 11, 6);
    mapper_up();
    wanted = 2;
    bool reset = false;
    for (int i = 0; i < 200 && !reset; i++) {
        struct follow_status st;
        ck_assert(wait_until(has_read, NULL, DEADLINE_MS));
        follow_status(follow, &config.flows[0], &st);
        reset = st.progress.resets == 1 && st.progress.position == 2;
        if (!reset)
            (void)wait_until(in_trouble, NULL, 50);
    }
    ck_assert(reset);
    char *answers = all_answers();
    ck_assert_ptr_nonnull(strstr(answers, "before a.orders 0 0 5"));
    free(answers);
    mapper_gone();
}
END_TEST

START_TEST(waits_for_a_missing_topic)
{
    rd_kafka_mock_topic_set_error(cluster, TOPIC,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    mapper_up();
    ck_assert(wait_until(in_trouble, NULL, DEADLINE_MS));
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    ck_assert_str_eq(st.syncs.error,
                     "waiting for the topic " TOPIC " on cluster a");
    ck_assert(st.ready);
    rd_kafka_mock_topic_set_error(cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
    first_syncs();
    (void)read_up_to(4);
    mapper_gone();
}
END_TEST

static void
use_dead_clusters(void)
{
    for (size_t i = 0; i < 2; i++) {
        free(config.clusters[i].bootstrap_servers);
        config.clusters[i].bootstrap_servers = strdup("127.0.0.1:1");
    }
}

/* Asking a dead broker takes two seconds, but all wait at once. */
START_TEST(both_clusters_are_away_at_the_start)
{
    use_dead_clusters();
    mapper_up();
    ck_assert(wait_until(in_trouble, NULL, DEADLINE_MS));
    struct follow_status st;
    follow_status(follow, &config.flows[0], &st);
    ck_assert(!st.ready);
    ck_assert_int_eq(st.percent, 0);
    ck_assert_ptr_nonnull(
        strstr(st.syncs.error, "cannot read " TOPIC " on cluster a: "));
    ck_assert_int_eq(st.alive, BEATS_UNKNOWN);
    const int64_t begin_ms = clock_mono_ms();
    mapper_gone();
    ck_assert_int_lt(clock_mono_ms() - begin_ms, 6000);
}
END_TEST

/* ... but what was read to the end once answers. */
START_TEST(ready_from_the_store_without_a_cluster)
{
    first_syncs();
    mapper_up();
    (void)read_up_to(4);
    mapper_gone();
    use_dead_clusters();
    mapper_up();
    struct follow_status st = read_up_to(4);
    ck_assert_int_eq(st.percent, 100);
    ck_assert(wait_until(in_trouble, NULL, DEADLINE_MS));
    mapper_gone();
}
END_TEST

START_TEST(bad_property_is_refused)
{
    struct err err;
    ck_assert_int_eq(store_open(tmpdir_file(&dir, "store"), &store, &err), 0);
    ck_assert_int_eq(logs_start(&config, &logs, &err), 0);
    ck_assert_int_eq(props_set(&config.clusters[1].properties, "no.such", "1"),
                     0);
    ck_assert_int_ne(
        follow_new(&config, store, logs, &follow_options, &follow, &err), 0);
    ck_assert_str_eq(err.field, "no.such");
    logs_free(logs);
    store_close(store);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("follower");
    TCase *t = tcase_create("mock cluster");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, restart_changes_no_answer);
    tcase_add_test(t, syncs_written_while_it_was_down);
    tcase_add_test(t, bad_records_are_counted_and_skipped);
    tcase_add_test(t, goes_on_when_the_broker_is_back);
    tcase_add_test(t, topic_made_anew);
    tcase_add_test(t, waits_for_a_missing_topic);
    tcase_add_test(t, both_clusters_are_away_at_the_start);
    tcase_add_test(t, ready_from_the_store_without_a_cluster);
    tcase_add_test(t, bad_property_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
