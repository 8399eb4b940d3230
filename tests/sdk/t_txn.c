/*
 * Transactions on real brokers: what is committed is there once, whatever flips
 * in between, and nothing of what was not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define WAIT_MS 30000
#define N       300

/* ---- producers ---------------------------------------------------------- */

static void
expect_no(rd_kafka_error_t *error, const char *what)
{
    ck_assert_msg(error == NULL, "%s: %s: %s", what, rd_kafka_error_name(error),
                  rd_kafka_error_string(error));
}

/* The application has to abort; `words` are in the text. */
static void
expect_abort(rd_kafka_error_t *error, const char *words)
{
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(rd_kafka_error_txn_requires_abort(error) &&
                      strstr(rd_kafka_error_string(error), words),
                  "%s: %s", rd_kafka_error_name(error),
                  rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static shunt_t *
new_producer_take(shunt_conf_t *conf, const char *id)
{
    real_set(conf, "transactional.id", id);
    real_set(conf, "linger.ms", "0");
    shunt_t *rk = real_new_take(RD_KAFKA_PRODUCER, conf);
    expect_no(shunt_init_transactions(rk, WAIT_MS), "init");
    return rk;
}

static shunt_t *
new_producer(const char *code, const char *id)
{
    return new_producer_take(real_conf(code), id);
}

static rd_kafka_resp_err_t
try_send(shunt_t *rk, const char *topic, const char *value)
{
    return shunt_producev(
        rk, RD_KAFKA_V_TOPIC(topic),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

static void
send_one(shunt_t *rk, const char *topic, const char *value)
{
    ck_assert_int_eq(try_send(rk, topic, value), 0);
}

/* As often as it takes: a flip may come in between. */
static void
commit_one(shunt_t *rk, const char *topic, const char *value)
{
    for (;;) {
        expect_no(shunt_begin_transaction(rk), "begin");
        (void)!try_send(rk, topic, value); /* the commit tells */
        rd_kafka_error_t *error = shunt_commit_transaction(rk, WAIT_MS);
        if (!error)
            return;
        expect_abort(error, "");
        expect_no(shunt_abort_transaction(rk, WAIT_MS), "abort");
    }
}

static bool
is_on_b(void *arg)
{
    (void)shunt_poll(arg, 0);
    return strcmp(shunt_cluster(arg), "b") == 0;
}

static bool
is_on_a(void *arg)
{
    return !is_on_b(arg);
}

static size_t
count(const char *cluster, const char *topic)
{
    return real_read(cluster, topic, NULL, NULL);
}

START_TEST(between_transactions_a_flip_is_not_noticed)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = new_producer(code, real_name("id"));
    commit_one(rk, topic, "1");
    real_flip(code, "b");
    ck_assert(real_wait(is_on_b, rk, WAIT_MS));
    commit_one(rk, topic, "2");
    real_flip(code, "a"); /* the next begins before or behind the move */
    commit_one(rk, topic, "3");
    shunt_destroy(rk);
    ck_assert_uint_eq(count("a", topic) + count("b", topic), 3);
    ck_assert_uint_ge(count("b", topic), 1);
}
END_TEST

START_TEST(an_open_transaction_is_aborted_by_a_flip)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = new_producer(code, real_name("id"));
    commit_one(rk, topic, "before");
    expect_no(shunt_begin_transaction(rk), "begin");
    send_one(rk, topic, "doomed");
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    real_flip(code, "b");
    while (try_send(rk, topic, "doomed too") == 0)
        (void)shunt_poll(rk, 10);
    expect_abort(shunt_commit_transaction(rk, WAIT_MS), "was left for b");
    expect_no(shunt_abort_transaction(rk, WAIT_MS), "abort");
    commit_one(rk, topic, "after");
    ck_assert_str_eq(shunt_cluster(rk), "b");
    shunt_destroy(rk);
    ck_assert_uint_eq(count("a", topic), 1);
    ck_assert_uint_eq(count("b", topic), 1);
}
END_TEST

/* Nobody waits for the old cluster, not even the abort; what is open there is
 * never seen, also when the route comes back. */
START_TEST(a_fence_aborts_without_the_old_cluster)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "switch.flush.timeout.ms", "600000");
    shunt_t *rk = new_producer_take(conf, real_name("id"));
    commit_one(rk, topic, "1");
    expect_no(shunt_begin_transaction(rk), "begin");
    send_one(rk, topic, "doomed");
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    send_one(rk, topic, "doomed too");
    real_do("pause a");
    real_do("change [{\"op\":\"put\",\"rule\":{\"id\":\"%s\",\"priority\":"
            "100,\"cluster\":\"b\",\"fence\":true,\"match\":{\"cluster.code\":"
            "\"%s\"}}}]",
            code, code);
    while (try_send(rk, topic, "nor this") == 0)
        (void)shunt_poll(rk, 10);
    expect_abort(shunt_commit_transaction(rk, WAIT_MS), "was left for b");
    expect_no(shunt_abort_transaction(rk, WAIT_MS), "abort");
    commit_one(rk, topic, "2");
    ck_assert_str_eq(shunt_cluster(rk), "b");
    real_do("resume a");
    real_flip(code, "a");
    ck_assert(real_wait(is_on_a, rk, WAIT_MS));
    commit_one(rk, topic, "3");
    shunt_destroy(rk);
    ck_assert_uint_eq(count("b", topic), 1);
    ck_assert_uint_eq(count("a", topic), 2);
}
END_TEST

/* The old cluster stands still: nobody can say whether the commit stands. */
START_TEST(a_commit_in_doubt_says_so)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *rk = new_producer(code, real_name("id"));
    commit_one(rk, topic, "1");
    expect_no(shunt_begin_transaction(rk), "begin");
    send_one(rk, topic, "2");
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    real_do("pause a");
    rd_kafka_error_t *error = shunt_commit_transaction(rk, 500);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(rd_kafka_error_code(error), RD_KAFKA_RESP_ERR__TIMED_OUT);
    ck_assert(rd_kafka_error_is_retriable(error));
    rd_kafka_error_destroy(error);
    real_flip(code, "b");
    expect_abort(shunt_commit_transaction(rk, WAIT_MS), "is not known");
    expect_no(shunt_abort_transaction(rk, WAIT_MS), "abort");
    commit_one(rk, topic, "3");
    shunt_destroy(rk);
    real_do("resume a");
    ck_assert_uint_eq(count("b", topic), 1);
}
END_TEST

START_TEST(an_older_producer_is_fenced)
{
    const char *topic = real_topic();
    const char *code = real_name("code");
    const char *id = real_name("id");
    real_rule(code, "a");
    shunt_t *old = new_producer(code, id);
    expect_no(shunt_begin_transaction(old), "begin");
    send_one(old, topic, "1");
    shunt_t *young = new_producer(code, id);
    rd_kafka_error_t *error = shunt_commit_transaction(old, WAIT_MS);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(rd_kafka_error_is_fatal(error), "%s",
                  rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    commit_one(young, topic, "2");
    shunt_destroy(old);
    shunt_destroy(young);
    ck_assert_uint_eq(count("a", topic), 1);
}
END_TEST

START_TEST(states)
{
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *plain = real_new_take(RD_KAFKA_PRODUCER, real_conf(code));
    rd_kafka_error_t *error = shunt_begin_transaction(plain);
    ck_assert_int_eq(rd_kafka_error_code(error),
                     RD_KAFKA_RESP_ERR__NOT_CONFIGURED);
    rd_kafka_error_destroy(error);
    shunt_destroy(plain);
    shunt_t *rk = new_producer(code, real_name("id"));
    ck_assert_int_eq(try_send(rk, "any", "1"), RD_KAFKA_RESP_ERR__STATE);
    error = shunt_commit_transaction(rk, 1000);
    ck_assert_int_eq(rd_kafka_error_code(error), RD_KAFKA_RESP_ERR__STATE);
    rd_kafka_error_destroy(error);
    expect_no(shunt_begin_transaction(rk), "begin");
    error = shunt_begin_transaction(rk);
    ck_assert_int_eq(rd_kafka_error_code(error), RD_KAFKA_RESP_ERR__STATE);
    rd_kafka_error_destroy(error);
    expect_no(shunt_abort_transaction(rk, WAIT_MS), "abort");
    shunt_destroy(rk);
}
END_TEST

/* ---- consume, process, produce ------------------------------------------ */

static rd_kafka_topic_partition_list_t *
assignment_of(shunt_t *c)
{
    rd_kafka_topic_partition_list_t *l = NULL;
    ck_assert_int_eq(shunt_assignment(c, &l), 0);
    return l;
}

static rd_kafka_error_t *
send_positions(shunt_t *p, shunt_t *c)
{
    rd_kafka_topic_partition_list_t *l = assignment_of(c);
    rd_kafka_consumer_group_metadata_t *m = shunt_consumer_group_metadata(c);
    ck_assert_int_eq(shunt_position(c, l), 0);
    rd_kafka_error_t *error =
        shunt_send_offsets_to_transaction(p, l, m, WAIT_MS);
    rd_kafka_consumer_group_metadata_destroy(m);
    rd_kafka_topic_partition_list_destroy(l);
    return error;
}

/* To where the last transaction that counts has left off. */
static void
rewind_to_committed(shunt_t *c)
{
    rd_kafka_topic_partition_list_t *l = assignment_of(c);
    if (l->cnt > 0 && shunt_committed(c, l, WAIT_MS) == 0) {
        for (int i = 0; i < l->cnt; i++)
            if (l->elems[i].offset < 0)
                l->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_error_t *error = shunt_seek_partitions(c, l, WAIT_MS);
        if (error)
            rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(l);
}

/* A transaction of what there is; false: nothing came. */
static bool
process(shunt_t *p, shunt_t *c, const char *out)
{
    rd_kafka_message_t *m = shunt_consumer_poll(c, 100);
    if (!m)
        return false;
    expect_no(shunt_begin_transaction(p), "begin");
    bool good = true;
    for (int i = 0; m && i < 20; i++) {
        char value[16] = "";
        if (!m->err) {
            memcpy(value, m->payload, m->len);
            good = try_send(p, out, value) == 0 && good;
        }
        rd_kafka_message_destroy(m);
        m = i < 19 ? shunt_consumer_poll(c, 5) : NULL;
    }
    rd_kafka_error_t *error = good ? send_positions(p, c) : NULL;
    if (good && !error)
        error = shunt_commit_transaction(p, WAIT_MS);
    if (good && !error)
        return true;
    ck_assert_msg(!error || rd_kafka_error_txn_requires_abort(error), "%s",
                  rd_kafka_error_string(error));
    if (error)
        rd_kafka_error_destroy(error);
    expect_no(shunt_abort_transaction(p, WAIT_MS), "abort");
    rewind_to_committed(c);
    return true;
}

static void
mark(const rd_kafka_message_t *m, void *arg)
{
    int *seen = arg;
    char value[16] = "";
    memcpy(value, m->payload, m->len);
    const int i = atoi(value);
    ck_assert_int_ge(i, 0);
    ck_assert_int_lt(i, 3 * N);
    seen[i]++;
}

/* Until the outputs have `want` records. */
static void
process_until(shunt_t *p, shunt_t *c, const char *out, size_t want)
{
    const int64_t until_ms = real_now_ms() + 3 * WAIT_MS;
    while (real_now_ms() < until_ms) {
        while (process(p, c, out) && real_now_ms() < until_ms)
            ;
        if (count("a", out) + count("b", out) >= want)
            return;
    }
    ck_abort_msg("%zu of %zu records came out",
                 count("a", out) + count("b", out), want);
}

/* Both have followed the route. */
static void
process_until_on_b(shunt_t *p, shunt_t *c, const char *out)
{
    const int64_t until_ms = real_now_ms() + WAIT_MS;
    while (!is_on_b(p) || strcmp(shunt_cluster(c), "b") != 0) {
        ck_assert_int_lt(real_now_ms(), until_ms);
        (void)process(p, c, out);
    }
}

/* After each flip the first records of a partition are written on the cluster
 * that is left: while it is being left nobody over there has heard of them. */
START_TEST(exactly_once_over_flips)
{
    static int seen[3 * N];
    const char *in = real_topic();
    const char *out = real_topic();
    const char *code = real_name("code");
    real_rule(code, "a");
    shunt_t *p = new_producer(code, real_name("id"));
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "enable.auto.commit", "false");
    shunt_t *c = real_consumer_take(conf, real_name("group"), in);
    real_produce("a", in, 0, 0, N);
    process_until(p, c, out, N / 2);
    real_flip(code, "b");
    real_produce("a", in, 1, N, N);
    process_until(p, c, out, 2 * N);
    process_until_on_b(p, c, out);
    real_produce("b", in, 2, 2 * N, N / 2);
    process_until(p, c, out, 2 * N + N / 2);
    real_flip(code, "a");
    real_produce("b", in, 3, 2 * N + N / 2, N / 2);
    process_until(p, c, out, 3 * N);
    ck_assert_int_eq(shunt_consumer_close(c), 0);
    shunt_destroy(c);
    shunt_destroy(p);
    const size_t on_b = real_read("b", out, mark, seen);
    (void)real_read("a", out, mark, seen);
    for (int i = 0; i < 3 * N; i++)
        ck_assert_msg(seen[i] == 1, "record %d stands %d times", i, seen[i]);
    ck_assert_uint_gt(on_b, 0);
}
END_TEST

static bool
reads_on_b(void *arg)
{
    rd_kafka_message_t *m = shunt_consumer_poll(arg, 10);
    if (m)
        rd_kafka_message_destroy(m);
    return shunt_cluster(arg) && strcmp(shunt_cluster(arg), "b") == 0;
}

/* The consumer has another code, and moves alone. */
START_TEST(offsets_are_never_committed_elsewhere)
{
    const char *in = real_topic();
    const char *out = real_topic();
    const char *reads = real_name("reads"), *writes = real_name("writes");
    real_rule(reads, "a");
    real_rule(writes, "a");
    real_produce("a", in, 0, 0, 1);
    shunt_t *p = new_producer(writes, real_name("id"));
    shunt_conf_t *conf = real_conf(reads);
    real_set(conf, "enable.auto.commit", "false");
    shunt_t *c = real_consumer_take(conf, real_name("group"), in);
    process_until(p, c, out, 1);
    expect_no(shunt_begin_transaction(p), "begin");
    send_one(p, out, "2");
    real_flip(reads, "b");
    ck_assert(real_wait(reads_on_b, c, WAIT_MS));
    expect_abort(send_positions(p, c), "are of cluster b");
    expect_abort(shunt_commit_transaction(p, WAIT_MS), "are of cluster b");
    expect_no(shunt_abort_transaction(p, WAIT_MS), "abort");
    shunt_destroy(c);
    shunt_destroy(p);
    ck_assert_uint_eq(count("a", out), 1);
}
END_TEST

static void
poll_and_send(shunt_t *c, shunt_t *p, const char *out)
{
    rd_kafka_message_t *m = shunt_consumer_poll(c, WAIT_MS);
    ck_assert(m && !m->err);
    char value[16] = "";
    memcpy(value, m->payload, m->len);
    send_one(p, out, value);
    rd_kafka_message_destroy(m);
}

/* What was read before the move and is not committed is read again behind it,
 * into the same transaction: that one must not stand.  The producer is on b
 * already, so nothing else stops it. */
START_TEST(a_transaction_over_a_move_of_its_consumer_is_aborted)
{
    static int seen[3 * N];
    const char *in = real_topic();
    const char *out = real_topic();
    const char *reads = real_name("reads"), *writes = real_name("writes");
    real_rule(reads, "a");
    real_rule(writes, "b");
    real_produce("a", in, 0, 0, 5);
    real_copied("a", "b", in);
    shunt_t *p = new_producer(writes, real_name("id"));
    shunt_conf_t *conf = real_conf(reads);
    real_set(conf, "enable.auto.commit", "false");
    shunt_t *c = real_consumer_take(conf, real_name("group"), in);
    expect_no(shunt_begin_transaction(p), "begin");
    poll_and_send(c, p, out);
    real_flip(reads, "b");
    const int64_t until_ms = real_now_ms() + WAIT_MS;
    while (strcmp(shunt_cluster(c), "b") != 0 && real_now_ms() < until_ms)
        poll_and_send(c, p, out);
    poll_and_send(c, p, out);
    expect_abort(send_positions(p, c), "went back");
    expect_abort(shunt_commit_transaction(p, WAIT_MS), "went back");
    expect_no(shunt_abort_transaction(p, WAIT_MS), "abort");
    rewind_to_committed(c);
    process_until(p, c, out, 5);
    shunt_destroy(c);
    shunt_destroy(p);
    ck_assert_uint_eq(real_read("b", out, mark, seen), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(seen[i], 1);
}
END_TEST

static void
on_phase(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)rk;
    if (shunt_event_phase(e) && strcmp(shunt_event_phase(e), "joined") == 0)
        *(bool *)opaque = true;
}

/* The consumer could move, but a transaction is about to commit its positions:
 * those are where it goes on. */
START_TEST(a_transaction_holds_its_consumer)
{
    bool joined = false;
    const char *in = real_topic();
    const char *out = real_topic();
    const char *reads = real_name("reads"), *writes = real_name("writes");
    real_rule(reads, "a");
    real_rule(writes, "a");
    real_produce("a", in, 0, 0, N);
    real_copied("a", "b", in);
    shunt_t *p = new_producer(writes, real_name("id"));
    shunt_conf_t *conf = real_conf(reads);
    real_set(conf, "enable.auto.commit", "false");
    shunt_conf_set_opaque(conf, &joined);
    shunt_conf_set_event_cb(conf, on_phase);
    shunt_t *c = real_consumer_take(conf, real_name("group"), in);
    for (int i = 0; i < N; i++) {
        rd_kafka_message_t *m = shunt_consumer_poll(c, WAIT_MS);
        ck_assert(m && !m->err);
        rd_kafka_message_destroy(m);
    }
    expect_no(shunt_begin_transaction(p), "begin");
    send_one(p, out, "all");
    expect_no(send_positions(p, c), "send_offsets");
    real_flip(reads, "b");
    const int64_t until_ms = real_now_ms() + WAIT_MS;
    while (!joined && real_now_ms() < until_ms)
        ck_assert_ptr_null(shunt_consumer_poll(c, 10));
    for (int i = 0; i < 50; i++) /* as long as a hand-over takes, and more */
        ck_assert_ptr_null(shunt_consumer_poll(c, 10));
    ck_assert_str_eq(shunt_cluster(c), "a");
    expect_no(shunt_commit_transaction(p, WAIT_MS), "commit");
    while (strcmp(shunt_cluster(c), "b") != 0 && real_now_ms() < until_ms)
        ck_assert_ptr_null(shunt_consumer_poll(c, 10));
    ck_assert_str_eq(shunt_cluster(c), "b");
    real_produce("b", in, 0, N, 1);
    rd_kafka_message_t *m = shunt_consumer_poll(c, WAIT_MS);
    ck_assert(m && !m->err);
    ck_assert_str_eq(rd_kafka_topic_name(m->rkt), in); /* only the new one */
    rd_kafka_message_destroy(m);
    shunt_destroy(c);
    shunt_destroy(p);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("transactions");
    TCase *p = real_case(s, "producer", 120);
    tcase_add_test(p, states);
    tcase_add_test(p, between_transactions_a_flip_is_not_noticed);
    tcase_add_test(p, an_open_transaction_is_aborted_by_a_flip);
    tcase_add_test(p, a_fence_aborts_without_the_old_cluster);
    tcase_add_test(p, a_commit_in_doubt_says_so);
    tcase_add_test(p, an_older_producer_is_fenced);
    TCase *o = real_case(s, "exactly once", 240);
    tcase_add_test(o, exactly_once_over_flips);
    TCase *c = real_case(s, "consumer", 240);
    tcase_add_test(c, offsets_are_never_committed_elsewhere);
    tcase_add_test(c, a_transaction_over_a_move_of_its_consumer_is_aborted);
    tcase_add_test(c, a_transaction_holds_its_consumer);
    return real_run(s);
}
