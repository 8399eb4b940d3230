/*
 * The consumer engine against two embedded clusters and a control thread
 * replaced by a fake; see consumer_world.h.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/consumer_ops.h"
#include "tests/support/support.h"
#include "tests/unit/sdk/consumer_member.h"

static void
member_start(struct member *m, const char *cluster, int64_t since,
             const char *previous)
{
    member_make(m);
    member_subscribe(m);
    if (cluster)
        member_route(m, cluster, since, previous);
}

/* Polls all members until each record from..to-1 was seen, then some more. */
static bool
all_seen(int born_b, int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            if (seen[born_b][p][i] == 0)
                return false;
    return true;
}

static void
read_all(struct member **m, int n, int born_b, int from, int to)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!all_seen(born_b, from, to)) {
        ck_assert_msg(clock_mono_ms() < end, "records %d..%d are missing", from,
                      to);
        for (int i = 0; i < n; i++)
            member_poll(m[i]);
    }
}

static void
wait_switched(struct member **m, int n, int times)
{
    const int64_t end = clock_mono_ms() + 40000;
    for (int done = 0; done < n;) {
        ck_assert_msg(clock_mono_ms() < end, "no switch");
        done = 0;
        for (int i = 0; i < n; i++) {
            member_poll(m[i]);
            done += m[i]->switched >= times;
        }
    }
}

static void
assert_once(int born_b, int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            ck_assert_msg(seen[born_b][p][i] == 1,
                          "record %d of partition %d read %d times", i, p,
                          seen[born_b][p][i]);
}

static void
assert_cluster(struct member *m, const char *name)
{
    char buf[16];
    consumer_cluster(m->c, buf, sizeof(buf));
    ck_assert_str_eq(buf, name);
}

/* ---- tests --------------------------------------------------------------- */

START_TEST(a_restart_goes_on_where_it_was)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 20);
    member_start(&m, NULL, 0, NULL);
    ck_assert_ptr_null(consumer_poll(m.c, 50)); /* no route yet */
    member_route(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 20);
    ck_assert_int_eq(m.routed, 1);
    assert_cluster(&m, "a");
    member_stop(&m);
    produce(&a, "orders", 20, 40);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 20, 40);
    member_stop(&m);
    assert_once(0, 0, 40);
}
END_TEST

START_TEST(flip_and_flip_back_read_each_record_once)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 60);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    assert_cluster(&m, "b");
    ck_assert_int_eq(m.bound, 0);
    ck_assert_int_lt(m.stall_ms, 1000);
    produce(&b, "a.orders", 60, 80);
    produce(&a, "orders", 60, 80);
    produce(&b, "orders", 0, 30);
    produce(&a, "b.orders", 0, 30);
    read_all(all, 1, 0, 60, 80);
    read_all(all, 1, 1, 0, 30);
    member_route(&m, "a", 5, "b");
    wait_switched(all, 1, 2);
    assert_cluster(&m, "a");
    produce(&a, "orders", 80, 100);
    produce(&a, "b.orders", 30, 40);
    read_all(all, 1, 0, 80, 100);
    read_all(all, 1, 1, 30, 40);
    member_stop(&m);
    ck_assert_int_eq(m.warnings, 0);
    assert_once(0, 0, 100);
    assert_once(1, 0, 40);
    ck_assert_int_ge(metrics_get(&m.metrics, METRIC_MAPPINGS_EXACT), 2 * PARTS);
    ck_assert_int_ge(metrics_get(&m.metrics, METRIC_PARTITIONS_MOVED),
                     2 * PARTS);
    ck_assert_int_eq(metrics_get(&m.metrics, METRIC_MAPPINGS_FAILED), 0);
}
END_TEST

static void
flip_without_translation(enum mapper how, bool and_back)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    mapper = how;
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    read_all(all, 1, 0, 60, 80);
    ck_assert_int_eq(m.bound, -1);
    ck_assert_int_ge(m.warnings, 1);
    ck_assert_int_ge(metrics_get(&m.metrics, METRIC_MAPPINGS_FAILED), 1);
    if (and_back) {
        mapper = MAPPER_EXACT;
        produce(&a, "orders", 60, 90);
        member_route(&m, "a", 5, "b");
        wait_switched(all, 1, 2);
        read_all(all, 1, 0, 80, 90);
    }
    member_stop(&m);
    assert_once(0, 60, and_back ? 90 : 80);
}

/* Once the mapper is there again, the way back is exact. */
START_TEST(without_a_mapper_nothing_is_skipped)
{
    flip_without_translation(MAPPER_DOWN, true);
}
END_TEST

START_TEST(a_lying_mapper_is_not_believed)
{
    flip_without_translation(MAPPER_NEGATIVE, false);
}
END_TEST

/* As when the log was cut, or the topic made anew: reading starts over, and
 * what stands there is no repetition to be dropped. */
START_TEST(a_position_past_the_log_end_skips_nothing)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    mapper = MAPPER_BEYOND;
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    assert_once(0, 60, 80);
}
END_TEST

/* The documented way of who commits by hand and in batches. */
static enum engine_answer
commit_on_revoke(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
                 void *arg)
{
    struct member *m = arg;
    (void)l;
    if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        ck_assert_int_eq(consumer_commit(m->c, NULL, false), 0);
    return ENGINE_NOBODY;
}

static void
member_start_by_hand(struct member *m, bool on_revoke)
{
    struct err err;
    member_start(m, NULL, 0, NULL);
    consumer_free(m->c);
    m->e.auto_commit = false;
    m->e.position = SWITCH_COMMITTED;
    m->e.on_rebalance = on_revoke ? commit_on_revoke : NULL;
    ck_assert_int_eq(consumer_new(&m->e, &m->c, &err), 0);
    member_subscribe(m);
    member_route(m, "a", 3, NULL);
}

static rd_kafka_resp_err_t
commit_at(struct member *m, const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, 0)->offset = offset;
    const rd_kafka_resp_err_t code = consumer_commit(m->c, l, false);
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

START_TEST(what_is_committed_when_revoked_is_carried_over)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    produce(&b, "orders", 0, 5);
    member_start_by_hand(&m, true);
    read_all(all, 1, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    read_all(all, 1, 0, 60, 80);
    read_all(all, 1, 1, 0, 5);
    /* An offset of a's topic of the same name would skip b's. */
    ck_assert_int_eq(commit_at(&m, "orders", 60),
                     RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    ck_assert_int_eq(commit_at(&m, "orders", 5), 0);
    member_stop(&m);
    assert_once(0, 0, 80);
    assert_once(1, 0, 5);
}
END_TEST

/* What was polled only is lost with an application that dies after the flip,
 * if the flip lands it. */
START_TEST(what_is_not_committed_is_read_again)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start_by_hand(&m, false);
    read_all(all, 1, 0, 0, 60);
    ck_assert_int_eq(commit_at(&m, "orders", 40), 0); /* of partition 0 */
    track_report(m.c->track); /* tells what would be carried over */
    ck_assert_int_eq(m.control.at[0], 40);
    ck_assert_int_eq(m.control.at[1], -1); /* began at the log start */
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    ck_assert_int_eq(m.bound, 20 + 60);
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    for (int i = SHIFT; i < 80; i++) {
        ck_assert_int_eq(seen[0][0][i], i < 40 || i >= 60 ? 1 : 2);
        ck_assert_int_eq(seen[0][1][i], i < 60 ? 2 : 1);
    }
    memset(seen, 0, sizeof(seen)); /* it died before it committed anything */
    member_start(&m, "b", 4, "a");
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    ck_assert_int_eq(seen[0][0][39], 0);
    ck_assert_int_eq(seen[0][0][40], 1);
    ck_assert_int_eq(seen[0][1][SHIFT], 1);
}
END_TEST

/* Though it was never stored. */
START_TEST(what_is_delivered_is_carried_over)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start(&m, NULL, 0, NULL);
    consumer_free(m.c);
    m.e.store_by_hand = true;
    m.e.position = SWITCH_DELIVERED;
    ck_assert_int_eq(consumer_new(&m.e, &m.c, NULL), 0);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    ck_assert_int_eq(m.bound, 0);
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    assert_once(0, 0, 80);
}
END_TEST

static rd_kafka_topic_partition_list_t *
beginnings_of(const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    for (int32_t p = 0; p < PARTS; p++)
        rd_kafka_topic_partition_list_add(l, topic, p)->offset = 0;
    return l;
}

/* Where an earlier visit has left a commit. */
START_TEST(a_seek_to_the_beginning_is_carried_over)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 60);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    member_route(&m, "a", 5, "b");
    wait_switched(all, 1, 2);
    memset(seen, 0, sizeof(seen));
    rd_kafka_topic_partition_list_t *l = beginnings_of("orders");
    consumer_pause(m.c, l, true); /* it is moved before it has read */
    ck_assert_ptr_null(consumer_seek(m.c, l, DEADLINE_MS));
    rd_kafka_topic_partition_list_destroy(l);
    member_route(&m, "b", 6, "a");
    wait_switched(all, 1, 3);
    ck_assert_int_eq(seen[0][0][SHIFT], 0);
    l = beginnings_of("a.orders");
    consumer_pause(m.c, l, false);
    rd_kafka_topic_partition_list_destroy(l);
    read_all(all, 1, 0, SHIFT, 60);
    member_stop(&m);
}
END_TEST

START_TEST(an_unknown_position_starts_at_the_log_start)
{
    flip_without_translation(MAPPER_NONE, false);
}
END_TEST

/* The first records of a partition were written just now: neither they nor word
 * of them has arrived.  Without the wait they are all read again. */
START_TEST(what_the_mapper_has_not_heard_of_yet_is_waited_for)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start(&m, "a", 3, NULL);
    m.c->track->e.catchup_ms = 30000;
    read_all(all, 1, 0, 0, 60);
    mapper = MAPPER_NONE;
    member_route(&m, "b", 4, "a");
    const struct handover *hand = &m.c->track->hand;
    const int64_t end_ms = clock_mono_ms() + 40000;
    while (hand->again_ms == 0 && clock_mono_ms() < end_ms)
        member_poll(&m);
    const int64_t again_ms = hand->again_ms;
    while (hand->again_ms == again_ms && clock_mono_ms() < end_ms)
        member_poll(&m);
    mapper = MAPPER_EXACT;
    wait_switched(all, 1, 1);
    ck_assert_int_gt(m.c->track->catchup_ms, 0);
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    ck_assert_int_eq(m.warnings, 0);
    assert_once(0, 0, 80);
}
END_TEST

/* The oldest that the mapper knows of is behind the position. */
START_TEST(an_early_position_is_looked_for_by_content)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    mapper = MAPPER_BEFORE;
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    read_all(all, 1, 0, 60, 80);
    member_stop(&m);
    ck_assert_int_eq(m.warnings, 0);
    assert_once(0, 0, 80);
}
END_TEST

START_TEST(a_dead_cluster_is_left)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 60);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 60);
    rd_kafka_mock_broker_set_down(a.mock, 1);
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    produce(&b, "a.orders", 60, 80);
    read_all(all, 1, 0, 60, 80);
    const int64_t before = clock_mono_ms();
    member_stop(&m);
    ck_assert_int_lt(clock_mono_ms() - before, 9000);
    assert_once(0, 0, 80);
}
END_TEST

START_TEST(a_flip_called_off_changes_nothing)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 20);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 20);
    member_route(&m, "b", 4, "a");
    member_poll(&m);
    ck_assert_str_eq(m.control.state, "switching");
    member_route(&m, "a", 5, "b");
    produce(&a, "orders", 20, 40);
    read_all(all, 1, 0, 20, 40);
    ck_assert_int_eq(m.switched, 0);
    ck_assert_str_eq(m.control.state, "running");
    member_stop(&m);
    assert_once(0, 0, 40);
}
END_TEST

static void
poll_until_state(struct member *m, const char *state)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (strcmp(m->control.state, state) != 0) {
        ck_assert_msg(clock_mono_ms() < end, "%s", m->control.state);
        member_poll(m);
    }
}

static void
set_property(struct member *m, const char *key, const char *value)
{
    struct pt_cluster *c = &m->control.route->answer.clusters[1];
    ck_assert_int_eq(props_set(&c->properties, key, value), 0);
}

/* What was wrong is mended without a new route. */
START_TEST(a_cluster_that_cannot_be_opened_is_tried_again)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&a, "orders", 0, 20);
    produce(&b, "a.orders", SHIFT, 60);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 20);
    member_route(&m, "b", 4, "a");
    set_property(&m, "security.protocol", "nonsense");
    poll_until_state(&m, "stuck");
    ck_assert_ptr_nonnull(strstr(m.control.detail, "security.protocol"));
    produce(&a, "orders", 20, 40);
    read_all(all, 1, 0, 20, 40);
    ck_assert_int_eq(m.stuck, 1);
    ck_assert_str_eq(m.control.state, "stuck");
    set_property(&m, "security.protocol", "plaintext");
    wait_switched(all, 1, 1);
    ck_assert_str_eq(m.control.state, "running");
    ck_assert_str_eq(m.control.detail, "");
    read_all(all, 1, 0, 40, 60);
    member_stop(&m);
    assert_once(0, 0, 60);
}
END_TEST

/* A secret that is not where the table says: named, and tried again. */
START_TEST(a_reference_that_cannot_be_resolved_is_tried_again)
{
    struct member m;
    struct member *all[] = {&m};
    struct tmpdir dir;
    char reference[600];
    tmpdir_make(&dir);
    (void)snprintf(reference, sizeof(reference), "${file:%s:user}",
                   tmpdir_file(&dir, "secrets"));
    produce(&a, "orders", 0, 20);
    produce(&b, "a.orders", SHIFT, 40);
    member_start(&m, "a", 3, NULL);
    read_all(all, 1, 0, 0, 20);
    member_route(&m, "b", 4, "a");
    set_property(&m, "sasl.username", reference);
    poll_until_state(&m, "stuck");
    ck_assert_ptr_nonnull(strstr(m.control.detail, "sasl.username"));
    ck_assert_ptr_nonnull(strstr(m.control.detail, reference));
    ck_assert_int_eq(file_replace(dir.file, "user=ann\n", 9, NULL), 0);
    wait_switched(all, 1, 1);
    ck_assert_str_eq(m.control.state, "running");
    member_stop(&m);
    tmpdir_remove(&dir);
}
END_TEST

static int
count_seen(void)
{
    int n = 0;
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < 20; i++)
            n += seen[0][p][i];
    return n;
}

START_TEST(lag_is_what_is_not_delivered_and_positions_what_is)
{
    struct member m;
    struct member *all[] = {&m};
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    produce(&a, "orders", 0, 20);
    member_start(&m, "a", 3, NULL);
    while (!m.c->track->cur || generation_lag(m.c->track->cur) < 0) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
    }
    ck_assert_int_eq(generation_lag(m.c->track->cur),
                     PARTS * 20 - count_seen());
    read_all(all, 1, 0, 0, 20);
    ck_assert_int_eq(generation_lag(m.c->track->cur), 0);
    ck_assert_ptr_null(consumer_poll(m.c, 0)); /* the last one is finished */
    track_report(m.c->track);
    for (int p = 0; p < PARTS; p++)
        ck_assert_int_eq(m.control.at[p], 20);
    member_stop(&m);
}
END_TEST

START_TEST(a_first_cluster_that_cannot_be_opened_is_tried_again)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&b, "a.orders", SHIFT, 20);
    member_start(&m, "b", 3, NULL);
    set_property(&m, "security.protocol", "nonsense");
    poll_until_state(&m, "stuck");
    ck_assert_int_eq(m.routed, 0);
    set_property(&m, "security.protocol", "plaintext");
    read_all(all, 1, 0, SHIFT, 20);
    ck_assert_int_eq(m.stuck, 1);
    ck_assert_int_eq(m.routed, 1);
    ck_assert_str_eq(m.control.state, "running");
    member_stop(&m);
}
END_TEST

START_TEST(a_cluster_that_has_moved_is_told_of)
{
    struct member m;
    struct member *all[] = {&m};
    produce(&b, "a.orders", SHIFT, 20);
    member_start(&m, "b", 3, NULL);
    read_all(all, 1, 0, SHIFT, 20);
    for (int64_t revision = 4; revision < 6; revision++) {
        member_route(&m, "b", revision, NULL);
        set_property(&m, "client.rack", "r2");
        member_poll(&m);
        ck_assert_int_eq(m.warnings, 1);
        ck_assert_ptr_nonnull(strstr(m.control.detail, "client restarts"));
    }
    member_route(&m, "b", 6, NULL);
    member_poll(&m);
    produce(&b, "a.orders", 20, 40);
    read_all(all, 1, 0, 20, 40);
    ck_assert_int_eq(m.warnings, 1);
    member_stop(&m);
    assert_once(0, SHIFT, 40);
}
END_TEST

START_TEST(two_members_meet_on_the_new_cluster)
{
    struct member m1, m2;
    struct member *all[] = {&m1, &m2};
    produce(&a, "orders", 0, 40);
    produce(&b, "a.orders", SHIFT, 40);
    member_start(&m1, "a", 3, NULL);
    member_start(&m2, "a", 3, NULL);
    read_all(all, 2, 0, 0, 40);
    member_route(&m2, "b", 4, "a");
    member_poll(&m2);
    member_route(&m1, "b", 4, "a");
    wait_switched(all, 2, 1);
    ck_assert_int_lt(m1.stall_ms, 6000); /* nobody waited for settle_ms */
    ck_assert_int_lt(m2.stall_ms, 6000);
    produce(&b, "a.orders", 40, 60);
    produce(&b, "orders", 0, 10);
    read_all(all, 2, 0, 40, 60);
    read_all(all, 2, 1, 0, 10);
    member_stop(&m1);
    member_stop(&m2);
    assert_once(0, 0, 60);
    assert_once(1, 0, 10);
}
END_TEST

static bool
owns(struct member *m, int n)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(consumer_assignment(m->c, &l), 0);
    const bool all = l->cnt == n;
    rd_kafka_topic_partition_list_destroy(l);
    return all;
}

/* Partitions that own a commit after `at`: they have started. */
static bool
committed_at(struct member *m, int64_t at)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(2);
    for (int p = 0; p < PARTS; p++)
        rd_kafka_topic_partition_list_add(l, "orders", p);
    bool all = consumer_committed(m->c, l, 5000) == 0;
    for (int p = 0; p < PARTS; p++)
        all = all && l->elems[p].offset == at;
    rd_kafka_topic_partition_list_destroy(l);
    return all;
}

START_TEST(latest_is_a_position_too)
{
    struct member m;
    struct member *all[] = {&m};
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    produce(&a, "orders", 0, 20);
    produce(&b, "a.orders", SHIFT, 40);
    member_start(&m, NULL, 0, NULL);
    consumer_free(m.c);
    m.e.reset_latest = true;
    struct err err;
    ck_assert_int_eq(consumer_new(&m.e, &m.c, &err), 0);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    while (!owns(&m, 2 * PARTS) || !committed_at(&m, 20)) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
    }
    member_route(&m, "b", 4, "a");
    wait_switched(all, 1, 1);
    read_all(all, 1, 0, 20, 40);
    member_stop(&m);
    ck_assert_int_eq(seen[0][0][19], 0);
    assert_once(0, 20, 40);
}
END_TEST

START_TEST(a_bad_regex_or_an_empty_list_is_refused)
{
    struct member m;
    member_start(&m, NULL, 0, NULL);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    ck_assert_int_eq(consumer_subscribe(m.c, l),
                     RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_partition_list_add(l, "^orders(", RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_subscribe(m.c, l),
                     RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_partition_list_destroy(l);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("consumer");
    add(s, "refused", a_bad_regex_or_an_empty_list_is_refused);
    add(s, "restart", a_restart_goes_on_where_it_was);
    add(s, "flip", flip_and_flip_back_read_each_record_once);
    add(s, "no mapper", without_a_mapper_nothing_is_skipped);
    add(s, "lying mapper", a_lying_mapper_is_not_believed);
    add(s, "beyond", a_position_past_the_log_end_skips_nothing);
    add(s, "by hand", what_is_committed_when_revoked_is_carried_over);
    add(s, "not committed", what_is_not_committed_is_read_again);
    add(s, "delivered", what_is_delivered_is_carried_over);
    add(s, "sought", a_seek_to_the_beginning_is_carried_over);
    add(s, "unknown", an_unknown_position_starts_at_the_log_start);
    add(s, "unheard", what_the_mapper_has_not_heard_of_yet_is_waited_for);
    add(s, "early", an_early_position_is_looked_for_by_content);
    add(s, "dead", a_dead_cluster_is_left);
    add(s, "called off", a_flip_called_off_changes_nothing);
    add(s, "cannot open", a_cluster_that_cannot_be_opened_is_tried_again);
    add(s, "cannot open first",
        a_first_cluster_that_cannot_be_opened_is_tried_again);
    add(s, "no secret", a_reference_that_cannot_be_resolved_is_tried_again);
    add(s, "lag", lag_is_what_is_not_delivered_and_positions_what_is);
    add(s, "moved", a_cluster_that_has_moved_is_told_of);
    add(s, "latest", latest_is_a_position_too);
    add(s, "two members", two_members_meet_on_the_new_cluster);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
