/*
 * The rebalance callback of the application, which assigns as with librdkafka:
 * against two embedded clusters, see consumer_world.h.
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
#include "tests/unit/sdk/consumer_member.h"

enum { OFFSET_COMMIT = 8, HEARTBEAT = 12 }; /* Kafka's requests */

static struct member m;
static int assigns, revokes;
static rd_kafka_topic_partition_list_t *saved; /* positions kept elsewhere */

static void
set_up(void)
{
    start_all();
    produce(&a, "orders", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    produce(&b, "orders", 0, 5);
    assigns = revokes = 0;
}

static void
tear_down(void)
{
    stop_all();
}

static void start(enum engine_answer (*fn)(rd_kafka_resp_err_t code,
                                           rd_kafka_topic_partition_list_t *l,
                                           void *arg))
{
    m.e.on_rebalance = fn;
    member_renew(&m);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
}

static bool
given(rd_kafka_resp_err_t code)
{
    const bool is = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    assigns += is;
    revokes += !is;
    return is;
}

static void
assign(const rd_kafka_topic_partition_list_t *l)
{
    ck_assert_ptr_null(consumer_assign(m.c, CONSUMER_ASSIGN, l));
}

static int
n_assigned(void)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(consumer_assignment(m.c, &l), 0);
    const int n = l->cnt;
    rd_kafka_topic_partition_list_destroy(l);
    return n;
}

/* ---- eager --------------------------------------------------------------- */

/* One partition at a place of its own, one wherever Shunt says, the copies not
 * at all; after the move all, one of them again from the start. */
static enum engine_answer
choose(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l, void *arg)
{
    (void)arg;
    if (!given(code)) {
        ck_assert_int_eq(l->cnt, assigns == 1 ? 2 : 4);
        assign(NULL);
        return ENGINE_CALLED;
    }
    ck_assert_int_eq(l->cnt, 4);
    for (int i = l->cnt - 1; i >= 0; i--)
        if (assigns == 1 && strcmp(l->elems[i].topic, "orders") != 0)
            rd_kafka_topic_partition_list_del_by_idx(l, i);
    rd_kafka_topic_partition_list_set_offset(
        l, assigns == 1 ? "orders" : "a.orders", 0,
        assigns == 1 ? 30 : RD_KAFKA_OFFSET_BEGINNING);
    assign(l);
    return ENGINE_CALLED;
}

START_TEST(the_callback_assigns)
{
    member_make(&m);
    start(choose);
    produce(&a, "b.orders", 0, 1);
    member_read(&m, 0, 0, 30, 60);
    member_read(&m, 0, 1, 0, 60);
    member_polls(&m, 300);
    ck_assert_int_eq(seen[0][0][29] + seen[1][0][0] + seen[1][1][0], 0);
    ck_assert_int_eq(n_assigned(), 2);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    ck_assert_int_eq(revokes, 1);
    ck_assert_int_eq(assigns, 2);
    member_read(&m, 0, 0, SHIFT, 80);
    member_read(&m, 0, 1, 60, 80);
    member_read(&m, 1, 1, 0, 5);
    member_once(0, 1, 0, 80);
    ck_assert_int_eq(seen[0][0][30], 2);
    /* What it chose not to read on a has no position to carry over. */
    ck_assert_int_le(m.warnings, 1);
    member_stop(&m);
    ck_assert_int_eq(revokes, 2);
}
END_TEST

static enum engine_answer
only_look(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
          void *arg)
{
    (void)l;
    (void)arg;
    (void)given(code);
    return ENGINE_CALLED;
}

START_TEST(a_callback_that_does_not_assign_is_told)
{
    member_make(&m);
    start(only_look);
    member_read(&m, 0, 0, 0, 60);
    member_read(&m, 0, 1, 0, 60);
    ck_assert_int_eq(m.warnings, 1);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 60, 80);
    member_once(0, 0, 0, 80);
    ck_assert_int_eq(m.warnings, 1); /* once */
    member_stop(&m);
}
END_TEST

/* ---- cooperative --------------------------------------------------------- */

static enum engine_answer
more_or_less(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
             void *arg)
{
    (void)arg;
    const enum consumer_assign how = given(code) ? CONSUMER_ADD : CONSUMER_DROP;
    if (how == CONSUMER_DROP)
        ck_assert_int_eq(consumer_commit(m.c, NULL, false), 0);
    ck_assert_ptr_null(consumer_assign(m.c, how, l));
    return ENGINE_CALLED;
}

START_TEST(a_cooperative_callback)
{
    member_make(&m);
    m.e.auto_commit = false;
    m.e.position = SWITCH_COMMITTED;
    member_set(&m, "partition.assignment.strategy", "cooperative-sticky");
    member_set(&m, "enable.partition.eof", "true");
    start(more_or_less);
    member_read(&m, 0, 0, 0, 60);
    member_read(&m, 0, 1, 0, 60);
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (m.eofs < 2 && clock_mono_ms() < end)
        member_poll(&m);
    ck_assert_int_ge(m.eofs, 2);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 0, 1, 60, 80);
    member_read(&m, 1, 0, 0, 5);
    member_once(0, 0, 0, 80);
    member_once(0, 1, 0, 80);
    ck_assert_int_eq(m.warnings, 0);
    ck_assert_int_eq(revokes, 1);
    member_stop(&m);
    ck_assert_int_eq(revokes, 2);
}
END_TEST

static void
wait_revoked(bool is)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!m.c->track->cur || m.c->track->cur->revoked != is) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
    }
}

/* Until the group has given it anew nothing is landed: a commit of the
 * generation that is over would cost it the next one, too. */
START_TEST(a_cooperative_assignment_that_is_lost)
{
    member_make(&m);
    member_set(&m, "partition.assignment.strategy", "cooperative-sticky");
    rd_kafka_mock_push_request_errors(a.mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    start(NULL);
    wait_revoked(true);
    ck_assert_int_eq(n_assigned(), 0);
    wait_revoked(false);
    ck_assert_int_eq(n_assigned(), 4);
    produce(&a, "orders", 60, 80);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 0, 1, 60, 80);
    member_stop(&m);
}
END_TEST

/* ---- by events ----------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *told; /* of the last event */
static rd_kafka_resp_err_t told_code;

static enum engine_answer
later(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l, void *arg)
{
    (void)arg;
    (void)given(code);
    if (told)
        rd_kafka_topic_partition_list_destroy(told);
    told = rd_kafka_topic_partition_list_copy(l);
    told_code = code;
    return ENGINE_LATER;
}

static void
wait_told(int n_assigns, int n_revokes)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (assigns < n_assigns || revokes < n_revokes) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
    }
}

START_TEST(an_event_is_answered_later)
{
    member_make(&m);
    start(later);
    wait_told(1, 0);
    member_polls(&m, 300);
    ck_assert_int_eq(n_assigned(), 0);
    assign(told);
    member_read(&m, 0, 0, 0, 60);
    member_read(&m, 0, 1, 0, 60);
    member_route(&m, "b", 4, "a");
    wait_told(2, 1);
    member_switched(&m, 1);
    assign(NULL); /* to the revocation, which is over */
    ck_assert_int_eq(n_assigned(), 4);
    assign(told);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 0, 1, 60, 80);
    member_once(0, 0, 0, 80);
    member_once(0, 1, 0, 80);
    ck_assert_int_eq(m.warnings, 0);
    member_stop(&m);
    rd_kafka_topic_partition_list_destroy(told);
}
END_TEST

/* The group waits for it, as with librdkafka. */
START_TEST(what_the_group_takes_away_stays_until_the_answer)
{
    struct member other;
    member_make(&m);
    start(later);
    wait_told(1, 0);
    assign(told);
    member_read(&m, 0, 0, 0, 60);
    member_make(&other);
    member_subscribe(&other);
    member_route(&other, "a", 3, NULL);
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (revokes == 0) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
        member_poll(&other);
    }
    member_polls(&m, 300);
    ck_assert_int_eq(n_assigned(), 4);
    assign(NULL);
    ck_assert_int_eq(n_assigned(), 0);
    while (assigns == 1) {
        ck_assert_int_lt(clock_mono_ms(), end);
        member_poll(&m);
        member_poll(&other);
    }
    ck_assert_int_eq(told->cnt, 2);
    assign(told);
    ck_assert_int_eq(n_assigned(), 2);
    member_stop(&m);
    member_stop(&other);
    rd_kafka_topic_partition_list_destroy(told);
}
END_TEST

/* ---- closing without waiting --------------------------------------------- */

static void
begin_to_close(bool answer)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    member_make(&m);
    m.e.on_rebalance = later;
    m.e.close_ms = answer ? 20000 : 300;
    member_renew(&m);
    member_route(&m, "a", 3, NULL);
    rd_kafka_topic_partition_list_add(l, "orders", 0)->offset = 0;
    assign(l);
    rd_kafka_topic_partition_list_destroy(l);
    member_read(&m, 0, 0, 0, 60);
    ck_assert_ptr_null(consumer_close_begin(m.c));
    rd_kafka_error_t *e = consumer_close_begin(m.c);
    ck_assert_int_eq(rd_kafka_error_code(e), RD_KAFKA_RESP_ERR__DESTROY);
    rd_kafka_error_destroy(e);
    wait_told(0, 1);
    ck_assert_int_eq(told_code, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
}

static void
wait_closed(int64_t ms)
{
    const int64_t end = clock_mono_ms() + ms;
    while (!consumer_closed(m.c) && clock_mono_ms() < end)
        member_poll(&m);
    ck_assert(consumer_closed(m.c));
    ck_assert_int_eq(revokes, 1); /* told once */
    member_stop(&m);
    rd_kafka_topic_partition_list_destroy(told);
}

START_TEST(closing_goes_on_when_the_revocation_is_answered)
{
    begin_to_close(true);
    member_polls(&m, 300);
    ck_assert(!consumer_closed(m.c));
    assign(NULL);
    wait_closed(5000);
}
END_TEST

START_TEST(closing_does_not_wait_for_ever_for_the_answer)
{
    begin_to_close(false);
    wait_closed(5000);
}
END_TEST

/* ---- a message that is held ---------------------------------------------- */

static int holding, dead;

static void
on_held_log(int level, const char *fac, const char *text, void *arg)
{
    (void)level, (void)fac, (void)arg;
    holding += strstr(text, "the application still holds messages") != NULL;
    dead += strstr(text, "its cluster does not answer") != NULL;
}

START_TEST(closing_tells_who_is_in_the_way)
{
    rd_kafka_message_t *held = NULL;
    const int64_t end = clock_mono_ms() + 30000;
    holding = dead = 0;
    member_make(&m);
    m.e.close_ms = 1000;
    m.e.on_log = on_held_log;
    member_renew(&m);
    member_subscribe(&m);
    member_route(&m, "a", 3, NULL);
    while (!held || held->err) {
        ck_assert_int_lt(clock_mono_ms(), end);
        if (held)
            rd_kafka_message_destroy(held);
        held = consumer_poll(m.c, 20);
    }
    ck_assert_int_eq(consumer_close(m.c), RD_KAFKA_RESP_ERR__TIMED_OUT);
    ck_assert_int_eq(holding, 1);
    ck_assert_int_eq(dead, 0);
    rd_kafka_message_destroy(held);
    member_stop(&m);
}
END_TEST

/* ---- positions kept elsewhere, with a group ------------------------------ */

/* As of a database: what is saved there is the start. */
static enum engine_answer
from_outside(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
             void *arg)
{
    (void)arg;
    if (!given(code)) {
        if (saved)
            rd_kafka_topic_partition_list_destroy(saved);
        saved = rd_kafka_topic_partition_list_copy(l);
        ck_assert_int_eq(consumer_position(m.c, saved), 0);
        assign(NULL);
        return ENGINE_CALLED;
    }
    for (int i = 0; saved && i < saved->cnt; i++) {
        /* By logical topic and origin, which the place has. */
        const rd_kafka_topic_partition_t *s = &saved->elems[i];
        if (s->offset < 0 || strcmp(s->topic, "orders") != 0)
            continue;
        rd_kafka_topic_partition_list_del(l, "a.orders", s->partition);
        rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_add(l, s->topic, s->partition + 10);
        t->partition = s->partition;
        t->offset = s->offset;
        place_metadata_take(t, strndup(s->metadata, s->metadata_size));
    }
    assign(l);
    return ENGINE_CALLED;
}

START_TEST(the_callback_gives_positions_of_the_cluster_before)
{
    member_make(&m);
    m.e.auto_commit = false;
    start(from_outside);
    member_read(&m, 0, 0, 0, 60);
    member_read(&m, 0, 1, 0, 60);
    member_route(&m, "b", 4, "a");
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 0, 1, 60, 80);
    member_read(&m, 1, 0, 0, 5);
    member_once(0, 0, 0, 80);
    member_once(0, 1, 0, 80);
    member_stop(&m);
    rd_kafka_topic_partition_list_destroy(saved);
}
END_TEST

/* ---- a rebalance that does not end ---------------------------------------- */

/* What could not be committed when the partitions were taken away goes over
 * with whoever had them, while the group has given them to nobody. */
START_TEST(what_the_old_group_was_not_told_of_goes_over)
{
    member_make(&m);
    member_set(&m, "session.timeout.ms", "30000"); /* so long it rebalances */
    m.e.auto_commit_interval_ms = 0;
    m.e.settle_ms = 1000;
    m.e.close_ms = 30000;
    start(NULL);
    member_read(&m, 0, 0, 0, 60);
    member_read(&m, 0, 1, 0, 60);
    rd_kafka_mock_push_request_errors(a.mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    rd_kafka_mock_push_request_errors(a.mock, HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    wait_revoked(true);
    member_route(&m, "b", 4, "a");
    member_switched(&m, 1);
    member_read(&m, 0, 0, 60, 80);
    member_read(&m, 0, 1, 60, 80);
    member_once(0, 0, 0, 80);
    member_once(0, 1, 0, 80);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("rebalance");
    TCase *c = tcase_create("rebalance");
    tcase_set_timeout(c, 90);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, the_callback_assigns);
    tcase_add_test(c, a_callback_that_does_not_assign_is_told);
    tcase_add_test(c, a_cooperative_callback);
    tcase_add_test(c, a_cooperative_assignment_that_is_lost);
    tcase_add_test(c, an_event_is_answered_later);
    tcase_add_test(c, what_the_group_takes_away_stays_until_the_answer);
    tcase_add_test(c, closing_goes_on_when_the_revocation_is_answered);
    tcase_add_test(c, closing_does_not_wait_for_ever_for_the_answer);
    tcase_add_test(c, closing_tells_who_is_in_the_way);
    tcase_add_test(c, the_callback_gives_positions_of_the_cluster_before);
    tcase_add_test(c, what_the_old_group_was_not_told_of_goes_over);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
