/*
 * What a consumer knows of the transactions that commit its positions: against
 * two embedded clusters, see consumer_world.h.  That all is there once is tested
 * on real brokers (tests/sdk/t_txn.c).
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/place.h"
#include "tests/unit/sdk/consumer_member.h"

#define OFFSET_COMMIT 8 /* ApiKey */

static struct member m;

/* Commits only what transactions do; has read `to` records of each. */
static void
start_reading(int to)
{
    produce(&a, "orders", 0, to);
    produce(&b, "a.orders", SHIFT, to);
    member_make(&m);
    m.e.auto_commit = false;
    m.e.position = SWITCH_COMMITTED;
    member_renew(&m);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    for (int p = 0; p < PARTS; p++)
        member_read(&m, 0, p, 0, to);
}

static rd_kafka_topic_partition_list_t *
both(const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new(PARTS);
    for (int p = 0; p < PARTS; p++)
        rd_kafka_topic_partition_list_add(l, topic, p)->offset = offset;
    return l;
}

static enum consumer_txn
begin(const char *topic, int64_t offset, uint64_t since)
{
    rd_kafka_topic_partition_list_t *l = both(topic, offset), *out = NULL;
    const char *cluster;
    const enum consumer_txn answer =
        consumer_txn_begin(m.c, l, since, 10000, &out, &cluster);
    if (out)
        rd_kafka_topic_partition_list_destroy(out);
    rd_kafka_topic_partition_list_destroy(l);
    return answer;
}

/* A transaction that is committed at once. */
static void
commit(const char *topic, int64_t offset, uint64_t since)
{
    rd_kafka_topic_partition_list_t *l = both(topic, offset);
    ck_assert_int_eq(begin(topic, offset, since), CONSUMER_TXN_HELD);
    consumer_txn_end(m.c, l, *topic == 'a' ? "b" : "a");
    rd_kafka_topic_partition_list_destroy(l);
}

/* Until the copies are read so far, on b. */
static void
read_on(int64_t to)
{
    const int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    struct generation *g = m.c->track->cur;
    for (int p = 0; p < PARTS; p++)
        while (generation_find(g, "a.orders", p)->next < to) {
            ck_assert_int_lt(clock_mono_ms(), end_ms);
            member_poll(&m);
        }
}

/* ---- what is delivered twice ---------------------------------------------- */

START_TEST(what_was_read_before_a_move_is_not_committed_behind_it)
{
    const uint64_t since = consumer_txn_moment();
    start_reading(60);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_int_eq(m.bound, 2 * 60);
    ck_assert_int_eq(begin("a.orders", 50, since), CONSUMER_TXN_REWOUND);
    read_on(50);
    ck_assert_int_eq(begin("a.orders", 50, consumer_txn_moment()),
                     CONSUMER_TXN_HELD);
    consumer_txn_end(m.c, NULL, NULL);
    member_stop(&m);
}
END_TEST

START_TEST(a_move_of_what_is_committed_is_none_of_a_transaction)
{
    const uint64_t since = consumer_txn_moment();
    start_reading(60);
    commit("orders", 60, since);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_int_eq(m.bound, 0);
    commit("a.orders", 60 - SHIFT, since);
    member_stop(&m);
}
END_TEST

/* As librdkafka wants it: its rebalance callback ends the transaction. */
static bool committing;
static uint64_t ended;

static enum engine_answer
end_it(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l, void *arg)
{
    (void)l;
    (void)arg;
    if (code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || ended)
        return ENGINE_NOBODY;
    if (committing)
        commit("orders", 60, 0);
    ended = consumer_txn_moment();
    return ENGINE_NOBODY;
}

static void
end_in_the_callback(bool commits)
{
    committing = commits;
    ended = 0;
    start_reading(60);
    m.c->track->e.on_rebalance = end_it;
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_int_eq(m.bound, commits ? 0 : 2 * 60);
    read_on(50);
    commit("a.orders", 50, ended);
    member_stop(&m);
}

START_TEST(a_callback_that_commits_is_enough)
{
    end_in_the_callback(true);
}
END_TEST

START_TEST(a_callback_that_aborts_is_enough)
{
    end_in_the_callback(false);
}
END_TEST

/* ---- what is committed right behind a move --------------------------------- */

static void
commit_on_b(int64_t offset)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers",
                                       rd_kafka_mock_cluster_bootstraps(b.mock),
                                       NULL, 0) +
                         rd_kafka_conf_set(conf, "group.id", "g", NULL, 0),
                     0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rd_kafka_topic_partition_list_t *l = both("a.orders", offset);
    ck_assert_int_eq(rd_kafka_commit(rk, l, 0), 0);
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_destroy(rk);
}

static void
expect_committed(int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = both("a.orders", -1);
    ck_assert_int_eq(consumer_committed(m.c, l, 20000), 0);
    for (int i = 0; i < l->cnt; i++)
        ck_assert_int_eq(l->elems[i].offset, offset);
    rd_kafka_topic_partition_list_destroy(l);
}

/* An application that aborts goes back to what is committed: not to that of an
 * earlier visit, whether the positions handed over stand there already or not. */
START_TEST(what_is_handed_over_counts_as_committed)
{
    start_reading(60);
    commit("orders", 60, 0);
    commit_on_b(5);
    rd_kafka_mock_push_request_errors(
        b.mock, OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_uint_gt(m.c->track->n_landings, 0);
    expect_committed(60 - SHIFT);
    const int64_t end_ms = clock_mono_ms() + 20000;
    while (m.c->track->n_landings > 0 && clock_mono_ms() < end_ms)
        member_poll(&m);
    ck_assert_uint_eq(m.c->track->n_landings, 0);
    expect_committed(60 - SHIFT);
    member_stop(&m);
}
END_TEST

/* Nor while it is not known yet where its partitions go on. */
START_TEST(what_is_committed_is_not_told_before_it_is_known)
{
    produce(&b, "a.orders", SHIFT, 60);
    commit_on_b(5);
    member_make(&m);
    m.e.auto_commit = false;
    m.e.position = SWITCH_COMMITTED;
    m.e.settle_ms = 500;
    member_renew(&m);
    member_subscribe(&m);
    member_route(&m, "b", 4, "a"); /* the group had read on b before */
    const int64_t end_ms = clock_mono_ms() + 20000;
    while (!track_start_pending(m.c->track) && clock_mono_ms() < end_ms)
        member_poll(&m);
    expect_committed(5); /* for want of anything better: with a warning */
    ck_assert(!track_start_pending(m.c->track));
    member_stop(&m);
}
END_TEST

/* The outcome of the commit of what was handed over comes when a transaction
 * has gone on from there. */
START_TEST(a_late_outcome_undoes_nothing)
{
    start_reading(60);
    commit("orders", 60, 0);
    rd_kafka_mock_broker_set_rtt(b.mock, 1, 200);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_uint_gt(m.c->track->n_landings, 0);
    rd_kafka_topic_partition_list_t *l = both("a.orders", 55);
    consumer_txn_end(m.c, l, "b");
    rd_kafka_topic_partition_list_destroy(l);
    const int64_t end_ms = clock_mono_ms() + 20000;
    while (m.c->track->n_landings > 0 && clock_mono_ms() < end_ms)
        member_poll(&m);
    const struct track *tr = m.c->track;
    for (int p = 0; p < PARTS; p++)
        ck_assert_int_eq(
            track_carry(tr, generation_find(tr->cur, "a.orders", p)), 55);
    member_stop(&m);
}
END_TEST

/* Of a transaction that was too long to be waited for: `orders` of the new
 * cluster is another topic. */
START_TEST(what_is_committed_late_is_of_the_cluster_that_was_left)
{
    produce(&b, "orders", 0, 70);
    start_reading(60);
    commit("orders", 60, 0);
    rd_kafka_topic_partition_list_t *l = both("orders", 60);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    consumer_txn_end(m.c, l, "a");
    rd_kafka_topic_partition_list_destroy(l);
    const struct track *tr = m.c->track;
    for (int p = 0; p < PARTS; p++)
        ck_assert_int_lt(track_carry(tr, generation_find(tr->cur, "orders", p)),
                         60);
    member_stop(&m);
}
END_TEST

START_TEST(offsets_of_the_old_cluster_are_none_of_the_new_one)
{
    start_reading(60);
    commit("orders", 60, 0);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_int_eq(begin("orders", 60, consumer_txn_moment()),
                     CONSUMER_TXN_MOVING);
    ck_assert_int_eq(begin("a.orders", 60 - SHIFT, consumer_txn_moment()),
                     CONSUMER_TXN_HELD);
    consumer_txn_end(m.c, NULL, NULL);
    member_stop(&m);
}
END_TEST

static enum consumer_txn
begin_with(const char *words, char **kept)
{
    rd_kafka_topic_partition_list_t *l = both("orders", 60), *out = NULL;
    const char *cluster;
    place_metadata_take(&l->elems[1], strdup(words));
    const enum consumer_txn answer =
        consumer_txn_begin(m.c, l, 0, 10000, &out, &cluster);
    if (out)
        (void)place_app(&out->elems[1], kept);
    if (out)
        rd_kafka_topic_partition_list_destroy(out);
    rd_kafka_topic_partition_list_destroy(l);
    return answer;
}

START_TEST(the_application_s_metadata_is_kept)
{
    char *kept = NULL;
    start_reading(60);
    ck_assert_int_eq(begin_with("batch 7", &kept), CONSUMER_TXN_HELD);
    consumer_txn_end(m.c, NULL, NULL);
    ck_assert_str_eq(kept, "batch 7");
    free(kept);
    ck_assert_int_eq(begin_with("\xff", &kept), CONSUMER_TXN_INVALID);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("consumer/txn");
    TCase *t = tcase_create("transactions");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, start_all, stop_all);
    tcase_add_test(t, what_was_read_before_a_move_is_not_committed_behind_it);
    tcase_add_test(t, a_move_of_what_is_committed_is_none_of_a_transaction);
    tcase_add_test(t, a_callback_that_commits_is_enough);
    tcase_add_test(t, a_callback_that_aborts_is_enough);
    tcase_add_test(t, what_is_handed_over_counts_as_committed);
    tcase_add_test(t, what_is_committed_is_not_told_before_it_is_known);
    tcase_add_test(t, a_late_outcome_undoes_nothing);
    tcase_add_test(t, what_is_committed_late_is_of_the_cluster_that_was_left);
    tcase_add_test(t, offsets_of_the_old_cluster_are_none_of_the_new_one);
    tcase_add_test(t, the_application_s_metadata_is_kept);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
