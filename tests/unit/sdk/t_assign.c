/*
 * Assignments by hand, positions that are given back on another cluster, seek,
 * pause, store: against two embedded clusters, see consumer_world.h.  No group
 * is joined, which an embedded cluster does slowly; t_rebalance.c has groups.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/consumer_ops.h"
#include "sdk/src/consumer/place.h"
#include "tests/support/support.h"
#include "tests/unit/sdk/consumer_member.h"

static struct member m;

static void
set_up(void)
{
    start_all();
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    produce(&b, "orders", 0, 5);
}

static void
tear_down(void)
{
    stop_all();
}

/* ---- lists --------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
at(const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, partition)->offset = offset;
    return l;
}

static void
assign_take(rd_kafka_topic_partition_list_t *l)
{
    ck_assert_ptr_null(consumer_assign(m.c, CONSUMER_ASSIGN, l));
    if (l)
        rd_kafka_topic_partition_list_destroy(l);
}

static rd_kafka_topic_partition_list_t *
positions(void)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(consumer_assignment(m.c, &l), 0);
    ck_assert_int_eq(consumer_position(m.c, l), 0);
    return l;
}

static int64_t
position(const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *l = at(topic, partition, 0);
    ck_assert_int_eq(consumer_position(m.c, l), 0);
    const int64_t offset = l->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(l);
    return offset;
}

static int64_t
committed(const char *topic, char **words)
{
    rd_kafka_topic_partition_list_t *l = at(topic, 0, 0);
    ck_assert_int_eq(consumer_committed(m.c, l, DEADLINE_MS), 0);
    const int64_t offset = l->elems[0].offset;
    if (words)
        *words = l->elems[0].metadata
                     ? strndup(l->elems[0].metadata, l->elems[0].metadata_size)
                     : NULL;
    rd_kafka_topic_partition_list_destroy(l);
    return offset;
}

static rd_kafka_resp_err_t
seek_to(const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = at(topic, 0, offset);
    ck_assert_ptr_null(consumer_seek(m.c, l, DEADLINE_MS));
    const rd_kafka_resp_err_t code = l->elems[0].err;
    rd_kafka_topic_partition_list_destroy(l);
    return code;
}

/* ---- by hand ------------------------------------------------------------- */

START_TEST(what_is_assigned_before_there_is_a_route_is_read_later)
{
    member_make(&m);
    assign_take(at("orders", 0, 20));
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(consumer_assignment(m.c, &l), 0);
    ck_assert_int_eq(l->cnt, 1);
    rd_kafka_topic_partition_list_destroy(l);
    member_route(&m, "a", 3, NULL);
    member_read(&m, 0, 0, 20, 60);
    ck_assert_int_eq(position("orders", 0), 60);
    ck_assert_int_eq(position("orders", 1), RD_KAFKA_OFFSET_INVALID);
    ck_assert_int_eq(seen[0][0][19] + seen[0][1][20], 0);
    member_stop(&m);
}
END_TEST

START_TEST(an_assignment_by_hand_moves)
{
    member_make(&m);
    assign_take(at("orders", 0, 0));
    member_route(&m, "a", 3, NULL);
    member_read(&m, 0, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 60, 80); /* the rest of the copy */
    member_read(&m, 1, 0, 0, 5);   /* and what was born there */
    ck_assert_int_eq(position("a.orders", 0), 80 - SHIFT);
    ck_assert_int_eq(position("orders", 0), 5);
    ck_assert_int_eq(m.bound, 0);
    member_once(0, 0, 0, 80);
    for (int i = 0; i < 80; i++)
        ck_assert_int_eq(seen[0][1][i], 0); /* never assigned */
    member_stop(&m);
}
END_TEST

/* Its handle is connected and knows its topics before the old one stops. */
START_TEST(a_move_by_hand_costs_no_second)
{
    member_make(&m);
    assign_take(at("orders", 0, 0));
    member_route(&m, "a", 3, NULL);
    member_read(&m, 0, 0, 0, 60);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    const int64_t from = clock_mono_ms();
    member_read(&m, 0, 0, 60, 61);
    ck_assert_int_lt(clock_mono_ms() - from, 500);
    member_stop(&m);
}
END_TEST

START_TEST(a_cluster_that_does_not_answer_is_not_moved_to)
{
    member_make(&m);
    assign_take(at("orders", 0, 0));
    member_route(&m, "a", 3, NULL);
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_mock_broker_set_down(b.mock, 1);
    member_route(&m, "b", 4, "a");
    member_polls(&m, 1500);
    produce(&a, "orders", 60, 61);
    member_read(&m, 0, 0, 60, 61); /* still from a */
    ck_assert_int_eq(m.switched, 0);
    rd_kafka_mock_broker_set_up(b.mock, 1);
    member_switched(&m, 1);
    member_read(&m, 0, 0, 61, 80);
    member_once(0, 0, 0, 80);
    member_stop(&m);
}
END_TEST

START_TEST(nothing_is_assigned_any_more)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    assign_take(NULL);
    produce(&a, "orders", 60, 61);
    member_polls(&m, 200);
    ck_assert_int_eq(seen[0][0][60], 0);
    assign_take(at("orders", 1, 59));
    member_read(&m, 0, 1, 59, 61);
    ck_assert_int_eq(seen[0][0][60] + seen[0][1][58], 0);
    member_stop(&m);
}
END_TEST

START_TEST(partitions_come_and_go)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 50));
    rd_kafka_topic_partition_list_t *more = at("orders", 1, 58);
    ck_assert_ptr_null(consumer_assign(m.c, CONSUMER_ADD, more));
    member_read(&m, 0, 0, 50, 60);
    member_read(&m, 0, 1, 58, 60);
    rd_kafka_error_t *e = consumer_assign(m.c, CONSUMER_ADD, more);
    ck_assert_int_eq(rd_kafka_error_code(e), RD_KAFKA_RESP_ERR__CONFLICT);
    rd_kafka_error_destroy(e);
    ck_assert_ptr_null(consumer_assign(m.c, CONSUMER_DROP, more));
    e = consumer_assign(m.c, CONSUMER_DROP, more);
    ck_assert_int_eq(rd_kafka_error_code(e), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_error_destroy(e);
    rd_kafka_topic_partition_list_destroy(more);
    produce(&a, "orders", 60, 62);
    member_read(&m, 0, 0, 60, 62);
    member_once(0, 0, 50, 62);
    ck_assert_int_eq(seen[0][1][60], 0);
    member_stop(&m);
}
END_TEST

START_TEST(bad_lists_are_refused)
{
    static const int64_t offsets[] = {-3, -999, -1002};
    member_make(&m);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        rd_kafka_topic_partition_list_t *l = at("orders", 0, offsets[i]);
        rd_kafka_error_t *e = consumer_assign(m.c, CONSUMER_ASSIGN, l);
        ck_assert_int_eq(rd_kafka_error_code(e),
                         RD_KAFKA_RESP_ERR__INVALID_ARG);
        rd_kafka_error_destroy(e);
        rd_kafka_topic_partition_list_destroy(l);
    }
    member_stop(&m);
}
END_TEST

START_TEST(logical_starts)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    rd_kafka_topic_partition_list_t *l =
        at("orders", 0, RD_KAFKA_OFFSET_TAIL(3));
    rd_kafka_topic_partition_list_add(l, "orders", 1)->offset =
        RD_KAFKA_OFFSET_END;
    assign_take(l);
    member_read(&m, 0, 0, 57, 60);
    member_polls(&m, 300);
    produce(&a, "orders", 60, 61);
    member_read(&m, 0, 1, 60, 61);
    ck_assert_int_eq(seen[0][0][56] + seen[0][1][59], 0);
    assign_take(at("orders", 0, RD_KAFKA_OFFSET_BEGINNING));
    member_read(&m, 0, 0, 0, 57);
    member_stop(&m);
}
END_TEST

/* A group's commit is where it starts when the application does not say. */
START_TEST(the_commit_is_the_start_if_nothing_is_said)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 40);
    ck_assert_int_eq(consumer_commit(m.c, l, false), 0);
    rd_kafka_topic_partition_list_destroy(l);
    memset(seen, 0, sizeof(seen));
    assign_take(NULL);
    assign_take(at("orders", 0, RD_KAFKA_OFFSET_STORED));
    member_read(&m, 0, 0, 60 - 1, 60);
    ck_assert_int_eq(seen[0][0][39], 0);
    member_stop(&m);
}
END_TEST

/* Somebody else's, of the same group. */
static void
commit_elsewhere(struct site *s, const char *topic, int64_t offset)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "group.id", "g", NULL, 0);
    rd_kafka_conf_set(conf, "bootstrap.servers",
                      rd_kafka_mock_cluster_bootstraps(s->mock), NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    ck_assert_ptr_nonnull(rk);
    rd_kafka_topic_partition_list_t *l = at(topic, 0, offset);
    ck_assert_int_eq(rd_kafka_commit(rk, l, 0), 0);
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_destroy(rk);
}

/* As librdkafka: what this consumer once had is not where the group is. */
START_TEST(who_comes_back_starts_where_the_group_is)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    assign_take(NULL);
    commit_elsewhere(&a, "orders", 20);
    memset(seen, 0, sizeof(seen));
    assign_take(at("orders", 0, RD_KAFKA_OFFSET_STORED));
    member_read(&m, 0, 0, 20, 60);
    ck_assert_int_eq(seen[0][0][19], 0);
    member_stop(&m);
}
END_TEST

START_TEST(a_subscription_follows)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 59));
    member_read(&m, 0, 0, 59, 60);
    member_subscribe(&m);
    member_read(&m, 0, 1, 0, 60);
    ck_assert_int_eq(seen[0][0][58], 0); /* 60 is committed by then */
    member_stop(&m);
}
END_TEST

/* ---- positions elsewhere ------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
saved_on_a(void)
{
    member_make(&m);
    assign_take(at("orders", 0, 0));
    member_route(&m, "a", 3, NULL);
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = positions();
    struct place p;
    ck_assert(place_of(&l->elems[0], &p));
    ck_assert_str_eq(p.cluster, "a");
    ck_assert_str_eq(p.logical, "orders");
    ck_assert_str_eq(p.origin, "a");
    place_fini(&p);
    member_stop(&m);
    return l;
}

START_TEST(a_saved_position_is_given_back_on_another_cluster)
{
    rd_kafka_topic_partition_list_t *l = saved_on_a();
    member_make(&m);
    assign_take(l);
    member_route(&m, "b", 4, "a");
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 1, 0, 0, 5); /* as after a move: what was born there */
    member_once(0, 0, 0, 80);
    member_once(1, 0, 0, 5);
    ck_assert_int_eq(m.warnings, 0);
    member_stop(&m);
}
END_TEST

/* A stream that had no record yet has no position to be kept: that of the copy
 * alone stands for the partition. */
START_TEST(a_kept_partition_is_read_whole)
{
    const struct place here = {.cluster = (char[]){"b"},
                               .logical = (char[]){"orders"},
                               .origin = (char[]){"a"}};
    rd_kafka_topic_partition_list_t *l = at("a.orders", 0, 60 - SHIFT);
    ck_assert(place_set(&l->elems[0], &here));
    member_make(&m);
    assign_take(l);
    member_route(&m, "b", 4, NULL);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 1, 0, 0, 5);
    member_once(0, 0, 60, 80);
    member_once(1, 0, 0, 5);
    ck_assert_int_eq(seen[1][1][0], 0);
    memset(seen, 0, sizeof(seen));
    assign_take(at("a.orders", 0, 60 - SHIFT)); /* said to be all */
    member_read(&m, 0, 0, 60, 80);
    rd_kafka_topic_partition_list_t *left = positions();
    ck_assert_int_eq(left->cnt, 1);
    rd_kafka_topic_partition_list_destroy(left);
    member_stop(&m);
}
END_TEST

/* The first records of the partition were written just before: without the
 * wait they are all read again. */
START_TEST(word_of_the_partition_of_a_saved_position_is_waited_for)
{
    rd_kafka_topic_partition_list_t *l = saved_on_a();
    mapper = MAPPER_NONE;
    member_make(&m);
    m.e.catchup_ms = 30000;
    member_renew(&m);
    assign_take(l);
    member_route(&m, "b", 4, "a");
    const int64_t end_ms = clock_mono_ms() + 30000;
    while (m.c->track->giving.again_ms == 0 && clock_mono_ms() < end_ms)
        member_poll(&m);
    ck_assert_int_gt(m.c->track->giving.again_ms, 0);
    mapper = MAPPER_EXACT;
    member_read(&m, 0, 0, 60, 80);
    member_once(0, 0, 0, 80);
    ck_assert_int_eq(m.warnings, 0);
    member_stop(&m);
}
END_TEST

START_TEST(without_a_translation_it_starts_at_the_beginning)
{
    rd_kafka_topic_partition_list_t *l = saved_on_a();
    memset(seen, 0, sizeof(seen));
    mapper = MAPPER_DOWN;
    member_make(&m);
    assign_take(l);
    member_route(&m, "b", 4, "a");
    member_read(&m, 0, 0, SHIFT, 80);
    ck_assert_int_gt(m.warnings, 0);
    member_stop(&m);
}
END_TEST

START_TEST(a_place_is_sought_and_committed_on_another_cluster)
{
    rd_kafka_topic_partition_list_t *l = saved_on_a();
    int64_t low, high;
    member_make(&m);
    member_route(&m, "b", 4, "a");
    ck_assert_int_eq(
        consumer_query_watermarks(m.c, "orders", 0, &low, &high, DEADLINE_MS),
        0);
    assign_take(at("a.orders", 0, 0)); /* a name of the cluster in use */
    member_read(&m, 0, 0, SHIFT, 80);
    memset(seen, 0, sizeof(seen));
    rd_kafka_topic_partition_list_t *copy =
        rd_kafka_topic_partition_list_copy(l);
    ck_assert_ptr_null(consumer_seek(m.c, copy, DEADLINE_MS));
    ck_assert_int_eq(copy->elems[0].err, 0);
    ck_assert_str_eq(copy->elems[0].topic, "a.orders");
    rd_kafka_topic_partition_list_destroy(copy);
    member_read(&m, 0, 0, 60, 80);
    ck_assert_int_eq(seen[0][0][59], 0);
    ck_assert_int_eq(consumer_commit(m.c, l, false), 0);
    ck_assert_int_eq(committed("a.orders", NULL), 60 - SHIFT);
    mapper = MAPPER_NONE;
    ck_assert_int_eq(consumer_commit(m.c, l, false),
                     RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    rd_kafka_topic_partition_list_destroy(l);
    member_stop(&m);
}
END_TEST

/* ---- seek ---------------------------------------------------------------- */

START_TEST(seeks_go_back_and_forth)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    memset(seen, 0, sizeof(seen));
    ck_assert_int_eq(seek_to("orders", 50), 0);
    member_read(&m, 0, 0, 50, 60);
    ck_assert_int_eq(seen[0][0][49], 0);
    ck_assert_int_eq(seek_to("orders", RD_KAFKA_OFFSET_TAIL(2)), 0);
    member_read(&m, 0, 0, 58, 60);
    ck_assert_int_eq(seek_to("orders", RD_KAFKA_OFFSET_BEGINNING), 0);
    member_read(&m, 0, 0, 0, 50);
    ck_assert_int_eq(seek_to("orders", RD_KAFKA_OFFSET_STORED),
                     RD_KAFKA_RESP_ERR__INVALID_ARG);
    ck_assert_int_eq(seek_to("nonsense", 1),
                     RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    member_stop(&m);
}
END_TEST

/* Also where commits are what a move carries over: none has been made since. */
START_TEST(a_move_goes_on_from_where_it_was_sought)
{
    member_make(&m);
    m.e.position = SWITCH_COMMITTED;
    m.e.auto_commit = false;
    member_renew(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    ck_assert_int_eq(consumer_commit(m.c, NULL, false), 0);
    memset(seen, 0, sizeof(seen));
    ck_assert_int_eq(seek_to("orders", 30), 0);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 30, 80);
    ck_assert_int_eq(seen[0][0][29], 0);
    member_stop(&m);
}
END_TEST

/* What is committed there is of an earlier visit. */
START_TEST(a_seek_to_the_beginning_is_one_on_the_new_cluster_too)
{
    commit_elsewhere(&b, "a.orders", 30);
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 0);
    consumer_pause(m.c, l, true);
    rd_kafka_topic_partition_list_destroy(l);
    ck_assert_int_eq(seek_to("orders", RD_KAFKA_OFFSET_BEGINNING), 0);
    memset(seen, 0, sizeof(seen));
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    l = positions();
    consumer_pause(m.c, l, false);
    rd_kafka_topic_partition_list_destroy(l);
    member_read(&m, 0, 0, SHIFT, 80);
    member_stop(&m);
}
END_TEST

/* Nobody sought there: who comes back to where a stream was born, of which
 * replication had brought nothing, goes on where it was. */
START_TEST(what_was_never_copied_is_not_read_again)
{
    member_make(&m);
    assign_take(at("orders", 0, 0));
    member_route(&m, "b", 3, NULL);
    member_read(&m, 1, 0, 0, 5);
    mapper = MAPPER_NONE;
    member_route(&m, "a", 4, "b");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 0, 60);
    mapper = MAPPER_EXACT;
    member_route(&m, "b", 5, "a");
    member_switched(&m, 2);
    produce(&b, "orders", 5, 8);
    member_read(&m, 1, 0, 5, 8);
    member_once(1, 0, 0, 8);
    member_stop(&m);
}
END_TEST

/* ---- pause --------------------------------------------------------------- */

START_TEST(a_pause_outlasts_a_move)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 0);
    rd_kafka_topic_partition_list_add(l, "orders", 1);
    consumer_pause(m.c, l, true);
    ck_assert_int_eq(l->elems[0].err, 0);
    ck_assert_int_eq(l->elems[1].err, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    rd_kafka_topic_partition_list_destroy(l);
    produce(&a, "orders", 60, 61);
    member_polls(&m, 300);
    ck_assert_int_eq(seen[0][0][60], 0);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_polls(&m, 500);
    ck_assert_int_eq(seen[0][0][60] + seen[1][0][0], 0);
    l = positions();
    ck_assert_int_eq(l->cnt, 2);
    consumer_pause(m.c, l, false);
    rd_kafka_topic_partition_list_destroy(l);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 1, 0, 0, 5);
    member_once(0, 0, 0, 80);
    member_once(1, 0, 0, 5);
    member_stop(&m);
}
END_TEST

/* ---- stored and committed ------------------------------------------------ */

START_TEST(only_what_is_stored_is_committed)
{
    member_make(&m);
    m.e.store_by_hand = true;
    member_renew(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 25);
    rd_kafka_topic_partition_list_add(l, "orders", 7)->offset = 1;
    ck_assert_int_eq(consumer_store(m.c, l), 0);
    ck_assert_int_eq(l->elems[0].err, 0);
    ck_assert_int_eq(l->elems[1].err, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    rd_kafka_topic_partition_list_destroy(l);
    member_polls(&m, 500);
    ck_assert_int_eq(committed("orders", NULL), 25);
    member_route(&m, "b", 4, "a");
    memset(seen, 0, sizeof(seen));
    member_switched(&m, 1);
    member_read(&m, 0, 0, 25, 80);
    ck_assert_int_eq(seen[0][0][24], 0);
    member_read(&m, 1, 0, 0, 5);
    /* Of the cluster that was left: it would skip records here. */
    l = at("orders", 0, 60);
    ck_assert_int_eq(consumer_store(m.c, l),
                     RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    rd_kafka_topic_partition_list_destroy(l);
    member_stop(&m);
}
END_TEST

START_TEST(storing_is_refused_where_it_is_automatic)
{
    member_make(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 25);
    ck_assert_int_eq(consumer_store(m.c, l), RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_topic_partition_list_destroy(l);
    member_stop(&m);
}
END_TEST

static void
commit_with(const char *words, rd_kafka_resp_err_t expected)
{
    rd_kafka_topic_partition_list_t *l = at("orders", 0, 33);
    place_metadata_take(&l->elems[0], strdup(words));
    ck_assert_int_eq(consumer_commit(m.c, l, false), expected);
    rd_kafka_topic_partition_list_destroy(l);
}

START_TEST(a_commit_keeps_the_application_s_metadata)
{
    char *words = NULL;
    member_make(&m);
    m.e.auto_commit = false;
    member_renew(&m);
    member_route(&m, "a", 3, NULL);
    assign_take(at("orders", 0, 0));
    member_read(&m, 0, 0, 0, 60);
    commit_with("batch \"7\"", 0);
    ck_assert_int_eq(committed("orders", &words), 33);
    ck_assert_str_eq(words, "batch \"7\"");
    free(words);
    commit_with("\xff", RD_KAFKA_RESP_ERR__INVALID_ARG);
    ck_assert_int_eq(consumer_commit(m.c, NULL, false), 0);
    ck_assert_int_eq(committed("orders", &words), 60);
    ck_assert_str_eq(words, "{\"shunt\":1,\"cluster\":\"a\",\"logical\":"
                            "\"orders\",\"origin\":\"a\"}");
    free(words);
    member_stop(&m);
}
END_TEST

/* ---- questions ----------------------------------------------------------- */

START_TEST(a_consumer_answers_before_it_reads)
{
    int64_t low = -1, high = -1;
    member_make(&m);
    ck_assert_int_eq(
        consumer_query_watermarks(m.c, "orders", 0, &low, &high, 200),
        RD_KAFKA_RESP_ERR__TIMED_OUT); /* no route yet */
    member_route(&m, "a", 3, NULL);
    ck_assert_int_eq(
        consumer_query_watermarks(m.c, "orders", 0, &low, &high, DEADLINE_MS),
        0);
    ck_assert_int_eq(low, 0);
    ck_assert_int_eq(high, 60);
    ck_assert_int_eq(committed("orders", NULL), RD_KAFKA_OFFSET_INVALID);
    assign_take(at("orders", 0, 59));
    member_read(&m, 0, 0, 59, 60);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("assign");
    TCase *c = tcase_create("assign");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, what_is_assigned_before_there_is_a_route_is_read_later);
    tcase_add_test(c, an_assignment_by_hand_moves);
    tcase_add_test(c, a_move_by_hand_costs_no_second);
    tcase_add_test(c, a_cluster_that_does_not_answer_is_not_moved_to);
    tcase_add_test(c, nothing_is_assigned_any_more);
    tcase_add_test(c, partitions_come_and_go);
    tcase_add_test(c, bad_lists_are_refused);
    tcase_add_test(c, logical_starts);
    tcase_add_test(c, the_commit_is_the_start_if_nothing_is_said);
    tcase_add_test(c, who_comes_back_starts_where_the_group_is);
    tcase_add_test(c, a_subscription_follows);
    tcase_add_test(c, a_saved_position_is_given_back_on_another_cluster);
    tcase_add_test(c, a_kept_partition_is_read_whole);
    tcase_add_test(c, word_of_the_partition_of_a_saved_position_is_waited_for);
    tcase_add_test(c, without_a_translation_it_starts_at_the_beginning);
    tcase_add_test(c, a_place_is_sought_and_committed_on_another_cluster);
    tcase_add_test(c, seeks_go_back_and_forth);
    tcase_add_test(c, a_move_goes_on_from_where_it_was_sought);
    tcase_add_test(c, a_seek_to_the_beginning_is_one_on_the_new_cluster_too);
    tcase_add_test(c, what_was_never_copied_is_not_read_again);
    tcase_add_test(c, a_pause_outlasts_a_move);
    tcase_add_test(c, only_what_is_stored_is_committed);
    tcase_add_test(c, storing_is_refused_where_it_is_automatic);
    tcase_add_test(c, a_commit_keeps_the_application_s_metadata);
    tcase_add_test(c, a_consumer_answers_before_it_reads);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
