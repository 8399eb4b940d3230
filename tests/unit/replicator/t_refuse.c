/*
 * Records that the target refuses, partitions that it cannot take, records
 * that would go round: the guilty one alone is treated as the file says, and
 * nothing is left out that is not told of.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "replicator/parts.h"
#include "tests/unit/replicator/world.h"

#define PRODUCE 0
/* Nothing but records is written to b, those read together in a batch. */
#define ALONE                                                                  \
    "b.producer.linger.ms = 20\n"                                              \
    "emit.heartbeats.enabled = false\n"                                        \
    "emit.checkpoints.enabled = false\n"                                       \
    "b.offset.flush.interval.ms = 600000\n"
#define REFUSED  RD_KAFKA_RESP_ERR_INVALID_RECORD
#define TOO_BIG  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
#define LETTERS  "a.dead-letter"
#define MANY     120000 /* more than may wait for answers */
#define BY_BATCH 1      /* refusals until the guilty record is alone */

static void
refuse(const struct world *w, size_t n, rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < n; i++)
        rd_kafka_mock_push_request_errors_array(w->mock[1], PRODUCE, 1, &code);
}

static void
put_range(const struct world *w, int32_t p, int from, int to)
{
    for (int i = from; i < to; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "%d", i);
        put(w, p, value);
        (void)rd_kafka_poll(w->rk[0], 0);
    }
    ck_assert_int_eq(rd_kafka_flush(w->rk[0], DEADLINE_MS), 0);
}

/* What stands in partition 0 of the copy, in its order. */
struct values {
    int v[64];
    size_t n;
};

static void
add_value(const rd_kafka_message_t *m, void *arg)
{
    struct values *vs = arg;
    char text[16] = "";
    if (m->partition != 0 || vs->n == 64)
        return;
    memcpy(text, m->payload, m->len < 15 ? m->len : 15);
    vs->v[vs->n++] = atoi(text);
}

static void
expect_range(const struct world *w, int from, int to)
{
    struct values vs = {0};
    read_topic(w, 1, "a.orders", add_value, &vs);
    ck_assert_uint_eq(vs.n, (size_t)(to - from));
    for (int i = from; i < to; i++)
        ck_assert_int_eq(vs.v[i - from], i);
}

struct letter {
    int n;
    char value[16], topic[16], offset[16], error[64];
    bool bare;
};

static void
header(const rd_kafka_headers_t *h, const char *name, char *to, size_t cap)
{
    const void *value;
    size_t len;
    if (rd_kafka_header_get_last(h, name, &value, &len) == 0 && len < cap)
        memcpy(to, value, len);
}

static void
look_at_letter(const rd_kafka_message_t *m, void *arg)
{
    struct letter *l = arg;
    rd_kafka_headers_t *h;
    l->n++;
    l->bare = !m->payload;
    memcpy(l->value, m->payload ? m->payload : "", m->len < 15 ? m->len : 15);
    ck_assert_int_eq(rd_kafka_message_headers(m, &h), 0);
    header(h, "shunt.topic", l->topic, sizeof(l->topic));
    header(h, "shunt.offset", l->offset, sizeof(l->offset));
    header(h, "shunt.error", l->error, sizeof(l->error));
}

static struct letter
letter_of(const struct world *w)
{
    struct letter l = {0};
    read_topic(w, 1, LETTERS, look_at_letter, &l);
    return l;
}

static bool
is_dead(void *flow)
{
    return sum_of(flow).dead == 1;
}

static struct flow *
flow_with_dead(const struct world *w)
{
    struct flow *f = ready_flow(w);
    ck_assert(wait_until(is_dead, f, DEADLINE_MS));
    await_one(w, "a.orders", 0, 9);
    return f;
}

START_TEST(the_guilty_one_becomes_a_letter)
{
    struct world w;
    world_make(&w, ALONE "shunt.on.refused = dead-letter\n");
    put_range(&w, 0, 0, 10);
    refuse(&w, BY_BATCH + 1, REFUSED);
    struct flow *f = flow_with_dead(&w);
    flow_free(f); /* writes the position */
    expect_range(&w, 1, 10);
    const struct letter l = letter_of(&w);
    ck_assert_int_eq(l.n, 1);
    ck_assert_str_eq(l.value, "0");
    ck_assert_str_eq(l.topic, "orders");
    ck_assert_str_eq(l.offset, "0");
    ck_assert_str_eq(l.error, "INVALID_RECORD");
    put_range(&w, 0, 10, 20);
    f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 19);
    flow_free(f);
    expect_range(&w, 1, 20);
    ck_assert_int_eq(letter_of(&w).n, 1);
    world_remove(&w);
}
END_TEST

START_TEST(a_letter_too_large_goes_without_its_value)
{
    struct world w;
    world_make(&w, ALONE "shunt.on.refused = dead-letter\n");
    put_range(&w, 0, 0, 10);
    refuse(&w, BY_BATCH + 1, REFUSED);
    refuse(&w, 1, TOO_BIG); /* the letter */
    flow_free(flow_with_dead(&w));
    expect_range(&w, 1, 10);
    const struct letter l = letter_of(&w);
    ck_assert_int_eq(l.n, 1);
    ck_assert(l.bare);
    ck_assert_str_eq(l.offset, "0");
    world_remove(&w);
}
END_TEST

START_TEST(a_letter_refused_waits)
{
    struct world w;
    world_make(&w, ALONE "shunt.on.refused = dead-letter\n");
    put_range(&w, 0, 0, 10);
    refuse(&w, BY_BATCH + 3, REFUSED); /* two letters */
    flow_free(flow_with_dead(&w));
    expect_range(&w, 1, 10);
    const struct letter l = letter_of(&w);
    ck_assert_int_eq(l.n, 1);
    ck_assert_str_eq(l.value, "0");
    world_remove(&w);
}
END_TEST

/* The producer itself refuses it, before it has sent anything. */
START_TEST(one_that_is_refused_at_once)
{
    struct world w;
    static char large[5001];
    memset(large, 'L', sizeof(large) - 1);
    world_make(&w, ALONE "b.producer.message.max.bytes = 2000\n"
                         "shunt.on.refused = dead-letter\n");
    put(&w, 0, large);
    put_range(&w, 0, 1, 8); /* in the same batch */
    struct flow *f = ready_flow(&w);
    ck_assert(wait_until(is_dead, f, DEADLINE_MS));
    await_one(&w, "a.orders", 0, 7);
    flow_free(f);
    expect_range(&w, 1, 8);
    const struct letter l = letter_of(&w);
    ck_assert_int_eq(l.n, 1);
    ck_assert(l.bare);
    ck_assert_str_eq(l.offset, "0");
    world_remove(&w);
}
END_TEST

static atomic_int refused_said;

static void
count_refused(enum log_level level, const char *line)
{
    refused_said += level == LOG_ERROR &&
                    strstr(line, "record 0 of orders/0 was refused") != NULL;
    quiet(level, line);
}

START_TEST(it_waits_and_says_so_once)
{
    struct world w;
    refused_said = 0;
    world_make(&w, ALONE);
    log_set_sink(count_refused);
    put_range(&w, 0, 0, 10);
    refuse(&w, BY_BATCH + 3, REFUSED);
    struct flow *f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 10);
    ck_assert_uint_ge(sum_of(f).refused, 4);
    flow_free(f);
    expect_range(&w, 0, 10);
    ck_assert_int_eq(refused_said, 1);
    world_remove(&w);
}
END_TEST

/* Smaller and smaller groups, and the smallest pass. */
START_TEST(what_is_too_large_together_goes_apart)
{
    struct world w;
    world_make(&w, ALONE);
    put_range(&w, 0, 0, 10);
    refuse(&w, 6, TOO_BIG);
    struct flow *f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 10);
    flow_free(f);
    expect_range(&w, 0, 10);
    world_remove(&w);
}
END_TEST

/* Does a part have this hold? */
struct wanted {
    struct flow *f;
    unsigned hold;
};

static bool
is_held(void *arg)
{
    const struct wanted *want = arg;
    struct flow_look l;
    bool held = false;
    flow_look(want->f, NULL, &l);
    for (size_t i = 0; i < l.n; i++)
        held = held ||
               (l.parts[i].partition == 0 && l.parts[i].holds & want->hold);
    flow_look_fini(&l);
    return held;
}

static void
await_hold(struct flow *f, unsigned hold)
{
    struct wanted want = {f, hold};
    ck_assert(wait_until(is_held, &want, DEADLINE_MS));
}

START_TEST(it_stops_until_it_is_resumed)
{
    struct world w;
    struct err err = {0};
    world_make(&w, ALONE "shunt.on.refused = stop\n");
    put_range(&w, 0, 0, 10);
    refuse(&w, BY_BATCH + 1, REFUSED);
    struct flow *f = ready_flow(&w);
    await_hold(f, HOLD_STOPPED);
    put_range(&w, 1, 0, 5); /* the other partition goes on */
    await_one(&w, "a.orders", 1, 5);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), 0);
    ck_assert_int_eq(flow_resume(f, "orders", &err), 0);
    await_one(&w, "a.orders", 0, 10);
    flow_free(f);
    expect_range(&w, 0, 10);
    world_remove(&w);
}
END_TEST

/* Before so many records are copied. */
static int
most_unanswered(struct flow *f, uint64_t records)
{
    for (int most = 0;;) {
        const int n = rd_kafka_outq_len(f->producer);
        if (sum_of(f).records >= records)
            return most;
        most = n > most ? n : most;
    }
}

/* librdkafka's thread never rests while it has more than what is on its way. */
START_TEST(a_group_at_a_time)
{
    struct world w;
    world_make(&w, ALONE);
    put_range(&w, 0, 0, 1);
    struct flow *f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 1);
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 500);
    put_range(&w, 0, 1, 2);
    while (rd_kafka_outq_len(f->producer) == 0)
        ;
    put_range(&w, 0, 2, 40);                    /* read within some ms */
    ck_assert_int_le(most_unanswered(f, 2), 2); /* its answer counts, too */
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 0);
    await_one(&w, "a.orders", 0, 40);
    flow_free(f);
    expect_range(&w, 0, 40);
    world_remove(&w);
}
END_TEST

/* A target that takes long: too much waits, then all goes on. */
START_TEST(what_waits_too_long_goes_on)
{
    struct world w;
    world_make(&w, ALONE);
    for (int32_t p = 0; p < PARTITIONS; p++)
        put_range(&w, p, 0, MANY);
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 300);
    struct flow *f = ready_flow(&w);
    await_hold(f, HOLD_BACKLOG);
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 1);
    await(&w, "a.orders", PARTITIONS, MANY);
    flow_free(f);
    world_remove(&w);
}
END_TEST

/* Those that wait for their turn are read again. */
START_TEST(a_pause_among_groups_leaves_nothing_out)
{
    struct world w;
    struct err err = {0};
    world_make(&w, ALONE);
    put_range(&w, 0, 0, 10);
    refuse(&w, 1, REFUSED); /* from now on one by one */
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 200);
    struct flow *f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 2);
    ck_assert_int_eq(flow_pause(f, "orders", &err), 0);
    await_hold(f, HOLD_PAUSED);
    ck_assert_int_eq(flow_resume(f, "orders", &err), 0);
    rd_kafka_mock_broker_set_rtt(w.mock[1], 1, 0);
    await_one(&w, "a.orders", 0, 10);
    flow_free(f);
    expect_range(&w, 0, 10);
    world_remove(&w);
}
END_TEST

/* With "latest" as well: the end is that of the beginning. */
START_TEST(a_pause_leaves_nothing_out)
{
    struct world w;
    struct err err = {0};
    world_make(&w, ALONE "a.consumer.auto.offset.reset = latest\n");
    put_range(&w, 0, 0, 5);
    struct flow *f = ready_flow(&w);
    ck_assert_int_eq(flow_pause(f, "orders", &err), 0);
    await_hold(f, HOLD_PAUSED);
    put_range(&w, 0, 5, 10);
    ck_assert_int_eq(flow_resume(f, "orders", &err), 0);
    await_one(&w, "a.orders", 0, 5);
    flow_free(f);
    expect_range(&w, 5, 10);
    world_remove(&w);
}
END_TEST

static bool
is_ill(void *flow)
{
    return sum_of(flow).ill == 1;
}

static bool
is_well(void *flow)
{
    return sum_of(flow).ill == 0;
}

/* It has its share of memory, and the others go on. */
START_TEST(a_partition_without_a_leader)
{
    struct world w;
    world_make(&w, ALONE
               "refresh.topics.interval.seconds = 1\n"
               "a->b.producer.override.topic.metadata.refresh.interval.ms = "
               "200\n");
    struct flow *f = ready_flow(&w);
    put_numbers(&w, 0, 10);
    await(&w, "a.orders", PARTITIONS, 10);
    rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", 0, -1);
    put_range(&w, 0, 10, MANY);
    await_hold(f, HOLD_BACKLOG);
    put_range(&w, 1, 10, 5000);
    await_one(&w, "a.orders", 1, 5000);
    ck_assert(wait_until(is_ill, f, DEADLINE_MS));
    rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", 0, 1);
    await_one(&w, "a.orders", 0, MANY);
    ck_assert(wait_until(is_well, f, DEADLINE_MS));
    flow_free(f);
    world_remove(&w);
}
END_TEST

/* A record at a time; with each comes a fetch, which it keeps in memory. */
struct trickle {
    struct wanted wanted; /* first */
    const struct world *w;
    int n;
};

static bool
is_held_amid(void *arg)
{
    struct trickle *t = arg;
    put_range(t->w, 0, t->n, t->n + 1);
    t->n++;
    return is_held(&t->wanted);
}

START_TEST(who_cannot_send_for_long_keeps_nothing)
{
    struct world w;
    world_make(&w, ALONE
               "a->b.producer.override.topic.metadata.refresh.interval.ms = "
               "200\n");
    struct flow *f = ready_flow(&w);
    struct trickle t = {{f, HOLD_BACKLOG}, &w, 10};
    put_numbers(&w, 0, 10);
    await(&w, "a.orders", PARTITIONS, 10);
    rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", 0, -1);
    ck_assert(wait_until(is_held_amid, &t, DEADLINE_MS));
    rd_kafka_mock_partition_set_leader(w.mock[1], "a.orders", 0, 1);
    put_range(&w, 0, t.n, t.n + 1);
    await_one(&w, "a.orders", 0, t.n + 1);
    flow_free(f);
    ck_assert_int_eq(end_of(&w, 1, "a.orders", 0), t.n + 1);
    world_remove(&w);
}
END_TEST

/* Without key and value, and refused: each alone as well. */
START_TEST(empty_ones_go_apart)
{
    struct world w;
    world_make(&w, ALONE "shunt.on.refused = stop\n");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rd_kafka_producev(w.rk[0], RD_KAFKA_V_TOPIC("orders"),
                                           RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_END),
                         0);
    ck_assert_int_eq(rd_kafka_flush(w.rk[0], DEADLINE_MS), 0);
    refuse(&w, BY_BATCH + 1, REFUSED);
    struct flow *f = ready_flow(&w);
    await_hold(f, HOLD_STOPPED);
    flow_free(f);
    world_remove(&w);
}
END_TEST

/* ---- provenance -------------------------------------------------------- */

static void
put_from(const struct world *w, const char *value, const char *from)
{
    ck_assert_int_eq(
        rd_kafka_producev(
            w->rk[0], RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_PARTITION(0),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
            RD_KAFKA_V_HEADER("x-from", from, -1), RD_KAFKA_V_END),
        0);
}

struct origins {
    char of[8][16];
    int n;
};

static void
look_at_origin(const rd_kafka_message_t *m, void *arg)
{
    struct origins *o = arg;
    rd_kafka_headers_t *h;
    if (m->partition != 0 || o->n == 8)
        return;
    ck_assert_int_eq(rd_kafka_message_headers(m, &h), 0);
    ck_assert_uint_eq(rd_kafka_header_cnt(h), 1);
    header(h, "x-from", o->of[o->n++], sizeof(o->of[0]));
}

static bool
has_looped(void *flow)
{
    return sum_of(flow).looped == 2;
}

START_TEST(a_record_does_not_go_round)
{
    struct world w;
    struct origins o = {0};
    world_make(&w, ALONE "shunt.provenance.header = x-from\n");
    put(&w, 0, "born here");
    put_from(&w, "of c", "c");
    put_from(&w, "of bb", "bb");
    put_from(&w, "of b", "b");
    put_from(&w, "of b, by c", "b,c"); /* the last: its position passes */
    ck_assert_int_eq(rd_kafka_flush(w.rk[0], DEADLINE_MS), 0);
    struct flow *f = ready_flow(&w);
    ck_assert(wait_until(has_looped, f, DEADLINE_MS));
    await_one(&w, "a.orders", 0, 3);
    flow_free(f);
    read_topic(&w, 1, "a.orders", look_at_origin, &o);
    ck_assert_int_eq(o.n, 3);
    ck_assert_str_eq(o.of[0], "a");
    ck_assert_str_eq(o.of[1], "c,a");
    ck_assert_str_eq(o.of[2], "bb,a");
    put(&w, 0, "later");
    ck_assert_int_eq(rd_kafka_flush(w.rk[0], DEADLINE_MS), 0);
    f = ready_flow(&w);
    await_one(&w, "a.orders", 0, 4);
    ck_assert_uint_eq(sum_of(f).looped, 0); /* not read again */
    flow_free(f);
    world_remove(&w);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator refuse");
    TCase *t = tcase_create("refuse");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, the_guilty_one_becomes_a_letter);
    tcase_add_test(t, a_letter_too_large_goes_without_its_value);
    tcase_add_test(t, a_letter_refused_waits);
    tcase_add_test(t, one_that_is_refused_at_once);
    tcase_add_test(t, it_waits_and_says_so_once);
    tcase_add_test(t, what_is_too_large_together_goes_apart);
    tcase_add_test(t, it_stops_until_it_is_resumed);
    tcase_add_test(t, a_group_at_a_time);
    tcase_add_test(t, what_waits_too_long_goes_on);
    tcase_add_test(t, a_pause_among_groups_leaves_nothing_out);
    tcase_add_test(t, a_pause_leaves_nothing_out);
    tcase_add_test(t, a_partition_without_a_leader);
    tcase_add_test(t, who_cannot_send_for_long_keeps_nothing);
    tcase_add_test(t, empty_ones_go_apart);
    tcase_add_test(t, a_record_does_not_go_round);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
