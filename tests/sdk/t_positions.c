/*
 * What a consumer of libshunt does with partitions on real brokers, where the
 * embedded ones answer nothing or too slowly: times, groups, places.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shunt/event.h>

#include "tests/sdk/real.h"

#define N       50
#define WAIT_MS 30000

/* ---- what was read ------------------------------------------------------- */

static int seen[REAL_PARTITIONS][4 * N];

static void
take(const rd_kafka_message_t *m)
{
    char value[16] = "";
    ck_assert_int_eq(m->err, 0);
    ck_assert_uint_lt(m->len, sizeof(value));
    memcpy(value, m->payload, m->len);
    seen[m->partition][atoi(value)]++;
}

static void
poll_once(shunt_t *rk)
{
    rd_kafka_message_t *m = shunt_consumer_poll(rk, 20);
    if (!m)
        return;
    take(m);
    rd_kafka_message_destroy(m);
}

/* Until each of from..to-1 was seen; all of `rk` are polled. */
static void
read_all(shunt_t **rk, int n, int partition, int from, int to)
{
    const int64_t end = real_now_ms() + WAIT_MS;
    for (int i = from; i < to;) {
        if (seen[partition][i]) {
            i++;
            continue;
        }
        ck_assert_msg(real_now_ms() < end, "record %d of partition %d", i,
                      partition);
        for (int k = 0; k < n; k++)
            poll_once(rk[k]);
    }
}

static void
once(int partition, int from, int to)
{
    for (int i = from; i < to; i++)
        ck_assert_msg(seen[partition][i] == 1, "record %d: %d times", i,
                      seen[partition][i]);
}

static shunt_conf_t *
conf_of(const char *code)
{
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "group.id", real_name("g"));
    real_set(conf, "auto.offset.reset", "earliest");
    return conf;
}

static rd_kafka_topic_partition_list_t *
at(const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, partition)->offset = offset;
    return l;
}

static void
assign_take(shunt_t *rk, rd_kafka_topic_partition_list_t *l)
{
    ck_assert_int_eq(shunt_assign(rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

/* ---- times --------------------------------------------------------------- */

START_TEST(times_are_answered_before_anything_is_assigned)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, 10);
    shunt_t *rk = real_new_take(RD_KAFKA_CONSUMER, conf_of(code));
    rd_kafka_topic_partition_list_t *l = at(topic, 0, 0);
    rd_kafka_topic_partition_list_add(l, topic, 1)->offset = 1;
    ck_assert_int_eq(shunt_offsets_for_times(rk, l, WAIT_MS), 0);
    ck_assert_int_eq(l->elems[0].err, 0);
    ck_assert_int_eq(l->elems[0].offset, 0);
    ck_assert_int_eq(l->elems[1].offset, RD_KAFKA_OFFSET_END);
    ck_assert_ptr_nonnull(strstr(l->elems[0].metadata, "\"cluster\":\"a\""));
    rd_kafka_topic_partition_list_destroy(l);
    int64_t low = -1, high = -1;
    ck_assert_int_eq(
        shunt_query_watermark_offsets(rk, topic, 0, &low, &high, WAIT_MS), 0);
    ck_assert_int_eq(low, 0);
    ck_assert_int_eq(high, 10);
    ck_assert_str_eq(shunt_rebalance_protocol(rk), "NONE");
    ck_assert_int_eq(shunt_poll_set_consumer(rk), 0);
    shunt_destroy(rk);
}
END_TEST

/* ---- by hand ------------------------------------------------------------- */

static bool
is_on_b(void *arg)
{
    const char *cluster = shunt_cluster(arg);
    poll_once(arg);
    return cluster && strcmp(cluster, "b") == 0;
}

START_TEST(an_assignment_by_hand_moves_there_and_back)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_rule(code, "a");
    real_produce("a", topic, 2, 0, N);
    shunt_t *rk = real_new_take(RD_KAFKA_CONSUMER, conf_of(code));
    assign_take(rk, at(topic, 2, RD_KAFKA_OFFSET_BEGINNING));
    read_all(&rk, 1, 2, 0, N);
    real_copied("a", "b", topic);
    real_flip(code, "b");
    ck_assert(real_wait(is_on_b, rk, WAIT_MS));
    real_produce("a", topic, 2, N, N);     /* arrives as a copy */
    real_produce("b", topic, 2, 2 * N, N); /* born there */
    real_copied("b", "a", topic);
    read_all(&rk, 1, 2, 0, 3 * N);
    real_flip(code, "a");
    real_produce("a", topic, 2, 3 * N, N);
    read_all(&rk, 1, 2, 0, 4 * N);
    once(2, 0, 4 * N);
    shunt_destroy(rk);
}
END_TEST

/* What a database keeps of a position. */
struct kept {
    char topic[64], metadata[1024];
    int64_t offset;
};

static struct kept
keep_position(shunt_t *rk, const char *topic)
{
    struct kept k = {.offset = -1};
    rd_kafka_topic_partition_list_t *l = at(topic, 0, 0);
    ck_assert_int_eq(shunt_position(rk, l), 0);
    (void)snprintf(k.topic, sizeof(k.topic), "%s", l->elems[0].topic);
    ck_assert_uint_lt(l->elems[0].metadata_size, sizeof(k.metadata));
    memcpy(k.metadata, l->elems[0].metadata, l->elems[0].metadata_size);
    k.offset = l->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(l);
    return k;
}

START_TEST(a_position_is_kept_and_given_back_elsewhere)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, N);
    shunt_t *rk = real_new_take(RD_KAFKA_CONSUMER, conf_of(code));
    assign_take(rk, at(topic, 0, 0));
    read_all(&rk, 1, 0, 0, N);
    const struct kept k = keep_position(rk, topic);
    shunt_destroy(rk);
    real_produce("a", topic, 0, N, N);
    real_copied("a", "b", topic);
    real_flip(code, "b");
    rk = real_new_take(RD_KAFKA_CONSUMER, conf_of(code));
    rd_kafka_topic_partition_list_t *l = at(k.topic, 0, k.offset);
    l->elems[0].metadata = strdup(k.metadata);
    l->elems[0].metadata_size = strlen(k.metadata);
    assign_take(rk, l);
    read_all(&rk, 1, 0, N, 2 * N);
    once(0, 0, 2 * N);
    shunt_destroy(rk);
}
END_TEST

/* ---- groups -------------------------------------------------------------- */

static int assigns, revokes;

static void
cooperate(shunt_t *rk, rd_kafka_resp_err_t code,
          rd_kafka_topic_partition_list_t *l, void *opaque)
{
    (void)opaque;
    const bool given = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    assigns += given;
    revokes += !given;
    ck_assert_str_eq(shunt_rebalance_protocol(rk), "COOPERATIVE");
    ck_assert_int_eq(shunt_assignment_lost(rk), 0);
    ck_assert_ptr_null(given ? shunt_incremental_assign(rk, l)
                             : shunt_incremental_unassign(rk, l));
}

static shunt_t *
cooperative(const char *code, const char *group, const char *topic)
{
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "partition.assignment.strategy", "cooperative-sticky");
    shunt_conf_set_rebalance_cb(conf, cooperate);
    return real_consumer_take(conf, group, topic);
}

START_TEST(a_cooperative_group_shares_and_moves)
{
    const char *topic = real_topic(), *code = real_name("code"),
               *group = real_name("g");
    shunt_t *rk[2];
    real_rule(code, "a");
    for (int p = 0; p < REAL_PARTITIONS; p++)
        real_produce("a", topic, p, 0, N);
    rk[0] = cooperative(code, group, topic);
    read_all(rk, 1, 0, 0, N);
    rk[1] = cooperative(code, group, topic);
    for (int p = 0; p < REAL_PARTITIONS; p++)
        read_all(rk, 2, p, 0, N);
    const int64_t end = real_now_ms() + WAIT_MS;
    for (int n = 0; n == 0;) { /* until the second has its share */
        rd_kafka_topic_partition_list_t *l = NULL;
        ck_assert_int_lt(real_now_ms(), end);
        poll_once(rk[0]);
        poll_once(rk[1]);
        ck_assert_int_eq(shunt_assignment(rk[1], &l), 0);
        n = l->cnt;
        rd_kafka_topic_partition_list_destroy(l);
    }
    char *id = shunt_memberid(rk[1]);
    ck_assert_ptr_nonnull(id);
    rd_kafka_mem_free(NULL, id);
    rd_kafka_consumer_group_metadata_t *md =
        shunt_consumer_group_metadata(rk[1]);
    ck_assert_ptr_nonnull(md);
    rd_kafka_consumer_group_metadata_destroy(md);
    real_copied("a", "b", topic);
    real_flip(code, "b");
    for (int p = 0; p < REAL_PARTITIONS; p++)
        real_produce("b", topic, p, N, N);
    for (int p = 0; p < REAL_PARTITIONS; p++)
        read_all(rk, 2, p, 0, 2 * N);
    for (int p = 0; p < REAL_PARTITIONS; p++)
        once(p, 0, 2 * N);
    ck_assert_int_ge(assigns, 4);
    ck_assert_int_ge(revokes, 3);
    shunt_destroy(rk[0]);
    shunt_destroy(rk[1]);
}
END_TEST

static void
count(shunt_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
      void *opaque)
{
    const bool given = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    (void)opaque;
    revokes += !given;
    assigns += given;
    ck_assert_int_eq(shunt_assign(rk, given ? l : NULL), 0);
}

static shunt_t *
member(const char *code, const char *group, const char *topic, const char *name)
{
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "group.instance.id", name);
    shunt_conf_set_rebalance_cb(conf, count);
    return real_consumer_take(conf, group, topic);
}

/* A static member that restarts disturbs nobody. */
START_TEST(a_static_member_comes_back)
{
    const char *topic = real_topic(), *code = real_name("code"),
               *group = real_name("g");
    shunt_t *rk[2];
    real_rule(code, "a");
    for (int p = 0; p < REAL_PARTITIONS; p++)
        real_produce("a", topic, p, 0, N);
    rk[0] = member(code, group, topic, "first");
    rk[1] = member(code, group, topic, "second");
    for (int p = 0; p < REAL_PARTITIONS; p++)
        read_all(rk, 2, p, 0, N);
    ck_assert_int_eq(assigns, 2);
    shunt_destroy(rk[1]);
    const int before = revokes;
    rk[1] = member(code, group, topic, "second");
    for (int p = 0; p < REAL_PARTITIONS; p++)
        real_produce("a", topic, p, N, N);
    for (int p = 0; p < REAL_PARTITIONS; p++)
        read_all(rk, 2, p, N, 2 * N);
    ck_assert_int_eq(assigns, 3);
    ck_assert_int_eq(revokes, before);
    for (int p = 0; p < REAL_PARTITIONS; p++)
        once(p, 0, 2 * N);
    shunt_destroy(rk[0]);
    shunt_destroy(rk[1]);
}
END_TEST

/* ---- the end ------------------------------------------------------------- */

START_TEST(closing_with_a_message_in_hand_answers)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, 1);
    shunt_conf_t *conf = conf_of(code);
    real_set(conf, "close.timeout.ms", "300");
    shunt_t *rk = real_new_take(RD_KAFKA_CONSUMER, conf);
    assign_take(rk, at(topic, 0, 0));
    rd_kafka_message_t *m = NULL;
    const int64_t end = real_now_ms() + WAIT_MS;
    while (!m && real_now_ms() < end)
        m = shunt_consumer_poll(rk, 100);
    ck_assert_ptr_nonnull(m);
    const int64_t from = real_now_ms();
    ck_assert_int_eq(shunt_consumer_close(rk), RD_KAFKA_RESP_ERR__TIMED_OUT);
    ck_assert_int_lt(real_now_ms() - from, 3000);
    ck_assert_int_eq(shunt_consumer_closed(rk), 1);
    shunt_destroy(rk);
    take(m); /* valid until it is destroyed */
    ck_assert_int_eq(seen[0][0], 1);
    rd_kafka_message_destroy(m);
}
END_TEST

START_TEST(a_consumer_is_closed_by_its_queue)
{
    const char *topic = real_topic(), *code = real_name("code");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, N);
    shunt_conf_t *conf = real_conf(code);
    shunt_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE);
    shunt_t *rk = real_consumer_take(conf, real_name("g"), topic);
    shunt_queue_t *q = shunt_queue_get_consumer(rk), *end = NULL;
    const int64_t until = real_now_ms() + WAIT_MS;
    bool closed = false;
    while (!closed && real_now_ms() < until) {
        shunt_event_t *ev = shunt_queue_poll(end ? end : q, 50);
        if (ev && shunt_event_type(ev) == RD_KAFKA_EVENT_REBALANCE) {
            const bool given =
                shunt_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
            assigns += given;
            revokes += !given;
            ck_assert_int_eq(
                shunt_assign(rk, given ? shunt_event_topic_partition_list(ev)
                                       : NULL),
                0);
        }
        const rd_kafka_message_t *m;
        while (ev && (m = shunt_event_message_next(ev)))
            take(m);
        shunt_event_destroy(ev);
        if (!end && seen[0][N - 1]) {
            end = shunt_queue_new(rk);
            ck_assert_ptr_null(shunt_consumer_close_queue(rk, end));
            rd_kafka_error_t *e = shunt_consumer_close_queue(rk, end);
            ck_assert_ptr_nonnull(e);
            rd_kafka_error_destroy(e);
        }
        closed = end && shunt_consumer_closed(rk);
    }
    ck_assert(closed);
    ck_assert_int_eq(assigns, 1);
    ck_assert_int_eq(revokes, 1);
    once(0, 0, N);
    shunt_queue_destroy(end);
    shunt_queue_destroy(q);
    shunt_destroy(rk);
}
END_TEST

/* ---- stored and committed ------------------------------------------------ */

START_TEST(stored_offsets_are_committed_with_the_residency)
{
    const char *topic = real_topic(), *code = real_name("code"),
               *group = real_name("g");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, N);
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "enable.auto.offset.store", "false");
    real_set(conf, "enable.partition.eof", "true");
    shunt_t *rk = real_consumer_take(conf, group, topic);
    int eofs = 0;
    const int64_t end = real_now_ms() + WAIT_MS;
    while ((eofs == 0 || !seen[0][N - 1]) && real_now_ms() < end) {
        rd_kafka_message_t *m = shunt_consumer_poll(rk, 100);
        if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            eofs++;
        else if (m)
            take(m);
        if (m && !m->err && m->offset == N / 2)
            ck_assert_int_eq(shunt_offset_store(m->rkt, 0, N / 2 - 1), 0);
        if (m)
            rd_kafka_message_destroy(m);
    }
    ck_assert_int_ge(eofs, 1);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
    const char *const more[] = {"group.id", group, NULL};
    rd_kafka_t *bare = real_bare(RD_KAFKA_CONSUMER, "a", more);
    rd_kafka_topic_partition_list_t *l = at(topic, 0, 0);
    ck_assert_int_eq(rd_kafka_committed(bare, l, WAIT_MS), 0);
    ck_assert_int_eq(l->elems[0].offset, N / 2);
    ck_assert_ptr_nonnull(l->elems[0].metadata);
    ck_assert_ptr_nonnull(strstr(l->elems[0].metadata, "\"since\""));
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_destroy(bare);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("positions");
    TCase *c = real_case(s, "partitions", 120);
    tcase_add_test(c, times_are_answered_before_anything_is_assigned);
    tcase_add_test(c, an_assignment_by_hand_moves_there_and_back);
    tcase_add_test(c, a_position_is_kept_and_given_back_elsewhere);
    tcase_add_test(c, closing_with_a_message_in_hand_answers);
    tcase_add_test(c, a_consumer_is_closed_by_its_queue);
    tcase_add_test(c, stored_offsets_are_committed_with_the_residency);
    c = real_case(s, "groups", 120);
    tcase_add_test(c, a_cooperative_group_shares_and_moves);
    tcase_add_test(c, a_static_member_comes_back);
    return real_run(s);
}
