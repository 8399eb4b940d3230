/*
 * Flips at bad moments, fence: the consumer engine against two
 * embedded clusters and a control thread replaced by a fake (consumer_world.h).
 *
 * Record s stands at offset s of orders on a and at s - SHIFT of a.orders on b;
 * whatever happens, each is read once.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "tests/unit/sdk/consumer_world.h"

#define RECORDS 200

struct member {
    struct control control;
    struct engine e;
    struct consumer *c;
    int switches, switched, stuck, warnings, lost_polls;
    int revokes;      /* counted by count_revokes() */
    int strangers;    /* commits of another generation of the group */
    int64_t ms[16];   /* by phase, as phase_of() counts */
    int64_t first_ms; /* its first record since it was 0 */
    void (*on_call)(struct member *m, rd_kafka_resp_err_t code); /* rebalance */
};

static int seen[PARTS][RECORDS]; /* by all members, of origin a */

/* ---- a member ------------------------------------------------------------ */

static int
phase_of(const char *name)
{
    static const char *const names[] = {"joined",    "prepared",  "stopped",
                                        "mapped",    "caught-up", "committed",
                                        "delivering"};
    for (int i = 0; i < 7; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    ck_abort_msg("phase %s", name);
}

static void
on_event(const struct engine_event *e, void *arg)
{
    struct member *m = arg;
    m->switches += e->type == ENGINE_SWITCH;
    m->switched += e->type == ENGINE_SWITCHED;
    m->stuck += e->type == ENGINE_STUCK;
    m->warnings += e->type == ENGINE_WARNING;
    if (e->type == ENGINE_PHASE)
        m->ms[phase_of(e->phase)] = e->ms;
}

static void
on_log(int level, const char *fac, const char *text, void *arg)
{
    struct member *m = arg;
    if (strstr(text, "group generation id is not valid"))
        m->strangers++;
    if (getenv("T_LOG"))
        (void)fprintf(stderr, "%lld %p %d %s %s\n", (long long)clock_mono_ms(),
                      arg, level, fac, text);
}

static enum engine_answer
on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
             void *arg)
{
    struct member *m = arg;
    (void)l;
    if (m->on_call)
        m->on_call(m, code);
    return ENGINE_NOBODY;
}

static void
give(struct member *m, struct route *r)
{
    route_unref(m->control.route);
    m->control.route = r;
    consumer_news(m->c);
}

static void
flip(struct member *m, const char *cluster, int64_t since)
{
    give_route(&m->control, cluster, since,
               strcmp(cluster, "a") == 0 ? "b" : "a");
    consumer_news(m->c);
}

static void
configure(struct member *m)
{
    static const char *const conf[][2] = {
        {"group.id", "g"},
        {"session.timeout.ms", "4000"},
        {"max.poll.interval.ms", "4500"},
        {"heartbeat.interval.ms", "200"},
        {"auto.offset.reset", "earliest"},
        {"fetch.wait.max.ms", "10"},
    };
    *m = (struct member){0};
    m->e.template = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof(conf) / sizeof(*conf); i++)
        ck_assert_int_eq(
            rd_kafka_conf_set(m->e.template, conf[i][0], conf[i][1], NULL, 0),
            RD_KAFKA_CONF_OK);
    m->e.control = &m->control;
    m->e.worker = worker;
    m->e.auto_commit = true;
    m->e.auto_commit_interval_ms = 300;
    m->e.settle_ms = 9000;
    m->e.mapping_ms = 20000;
    /* The embedded broker may leave who joins without an answer: 8 s. */
    m->e.close_ms = 30000;
    m->e.on_event = on_event;
    m->e.on_log = on_log;
    m->e.arg = m;
}

static void
start(struct member *m)
{
    struct err err;
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_new(&m->e, &m->c, &err), 0);
    ck_assert_int_eq(consumer_subscribe(m->c, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
    give(m, make_route("a", 3, NULL));
}

static void
stop(struct member *m)
{
    ck_assert_int_eq(consumer_close(m->c), 0);
    consumer_free(m->c);
    rd_kafka_conf_destroy(m->e.template);
    route_unref(m->control.route);
}

static void
take_record(struct member *m, rd_kafka_message_t *r)
{
    char value[32] = "";
    if (!r->err) {
        memcpy(value, r->payload, r->len);
        seen[r->partition][atoi(value)]++;
        if (m->first_ms == 0)
            m->first_ms = clock_mono_ms();
    }
    m->lost_polls += r->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED;
    rd_kafka_message_destroy(r);
}

static void
poll_one(struct member *m)
{
    rd_kafka_message_t *r = consumer_poll(m->c, 10);
    if (r)
        take_record(m, r);
}

static bool
all_seen(int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < to; i++)
            if (seen[p][i] == 0)
                return false;
    return true;
}

static void
read_to(struct member *m, int n, int to)
{
    const int64_t end = clock_mono_ms() + 40000;
    while (!all_seen(to)) {
        ck_assert_msg(clock_mono_ms() < end, "not all of %d read", to);
        for (int i = 0; i < n; i++)
            poll_one(&m[i]);
    }
}

static void
assert_once(int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < to; i++)
            ck_assert_msg(seen[p][i] == 1, "record %d of %d read %d times", i,
                          p, seen[p][i]);
}

#define POLL_UNTIL(m, n, condition)                                            \
    do {                                                                       \
        const int64_t end_ = clock_mono_ms() + 40000;                          \
        while (!(condition)) {                                                 \
            ck_assert_msg(clock_mono_ms() < end_, "never: %s", #condition);    \
            for (int i_ = 0; i_ < (n); i_++)                                   \
                poll_one(&(m)[i_]);                                            \
        }                                                                      \
    } while (0)

static bool
is_on(struct member *m, const char *cluster)
{
    char name[16];
    consumer_cluster(m->c, name, sizeof(name));
    return strcmp(name, cluster) == 0;
}

/* Records from..to-1 stand on both clusters. */
static void
produce_both(int from, int to)
{
    produce(&a, "orders", from, to);
    produce(&b, "a.orders", from < SHIFT ? SHIFT : from, to);
}

static void
start_reading(struct member *m, int to)
{
    produce_both(0, to);
    start(m);
    read_to(m, 1, to);
}

/* ---- flips that are taken back ------------------------------------------- */

START_TEST(ten_flips_in_a_second_end_at_the_last)
{
    struct member m;
    configure(&m);
    start_reading(&m, 40);
    for (int round = 0; round < 2; round++) {
        const int64_t since = 4 + 20 * round;
        for (int i = 0; i < 10; i++) {
            flip(&m, (i + round) % 2 == 0 ? "b" : "a", since + i);
            for (int turn = 0; turn < 5; turn++)
                poll_one(&m); /* 50 ms */
        }
        flip(&m, round == 0 ? "b" : "a", since + 10);
        POLL_UNTIL(&m, 1,
                   is_on(&m, round == 0 ? "b" : "a") && !m.c->track->next);
        produce_both(40 + 20 * round, 60 + 20 * round);
        read_to(&m, 1, 60 + 20 * round);
    }
    stop(&m);
    assert_once(80);
}
END_TEST

/* The mapper does not answer, so the member stands between the clusters. */
START_TEST(a_flip_back_while_positions_are_looked_up_goes_on_at_once)
{
    struct member m;
    configure(&m);
    start_reading(&m, 40);
    mapper = MAPPER_DOWN;
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.c->track->state == TRACK_MAPPING);
    produce_both(40, 60);
    for (int i = 0; i < 10; i++)
        poll_one(&m);
    ck_assert_int_eq(seen[0][40], 0); /* it has stopped */
    flip(&m, "a", 5);
    const int64_t back_ms = clock_mono_ms();
    read_to(&m, 1, 60);
    ck_assert_int_lt(clock_mono_ms() - back_ms, 1000);
    ck_assert_int_eq(m.switched, 0);
    mapper = MAPPER_EXACT;
    flip(&m, "b", 6);
    POLL_UNTIL(&m, 1, m.switched == 1);
    produce_both(60, 70);
    read_to(&m, 1, 70);
    stop(&m);
    assert_once(70);
}
END_TEST

/* The handle that was left is still a member there. */
START_TEST(a_flip_back_right_after_a_switch_joins_nothing_anew)
{
    struct member m;
    configure(&m);
    start_reading(&m, 40);
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.switched == 1);
    produce_both(40, 50);
    read_to(&m, 1, 50);
    const int64_t back_ms = clock_mono_ms();
    flip(&m, "a", 5);
    POLL_UNTIL(&m, 1, m.switched == 2);
    ck_assert_int_lt(clock_mono_ms() - back_ms, 1000);
    produce_both(50, 60);
    read_to(&m, 1, 60);
    stop(&m);
    ck_assert_int_eq(m.warnings, 0);
    assert_once(60);
}
END_TEST

/* ---- bad moments --------------------------------------------------------- */

static void
count_revokes(struct member *m, rd_kafka_resp_err_t code)
{
    m->revokes += code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
}

static bool
all_committed(const struct member *m, int64_t to)
{
    struct generation *g = m->c->track->cur;
    for (int p = 0; p < PARTS; p++)
        if (generation_find(g, "orders", p)->acked != to)
            return false;
    return true;
}

static bool
has_joined_b(const struct member *m)
{
    const struct track *tr = m->c->track;
    const struct generation *g = tr->next ? tr->next : tr->cur;
    return strcmp(g->cluster, "b") == 0 && g->joined && !g->revoked;
}

START_TEST(a_flip_during_a_rebalance)
{
    struct member m[2];
    configure(&m[0]);
    configure(&m[1]);
    m[0].e.mapping_ms = m[1].e.mapping_ms = 60000;
    m[0].e.on_rebalance = on_rebalance;
    m[0].on_call = count_revokes;
    start_reading(&m[0], 40);
    /* The embedded broker refuses commits while it rebalances. */
    POLL_UNTIL(m, 1, all_committed(&m[0], 40));
    start(&m[1]); /* the group rebalances for some seconds */
    /* So what is read from now on is none that it could not commit before the
     * other one gets it.  It may still lose that to a second rebalance, which
     * gives it back: the embedded broker begins one when the other one's
     * SyncGroup comes behind its own.  For the same reason both go on with b
     * only when both have joined there. */
    POLL_UNTIL(m, 2, m[0].revokes > 0);
    produce_both(40, 50);
    mapper = MAPPER_DOWN;
    flip(&m[0], "b", 4);
    flip(&m[1], "b", 4);
    POLL_UNTIL(m, 2, has_joined_b(&m[0]) && has_joined_b(&m[1]));
    mapper = MAPPER_EXACT;
    POLL_UNTIL(m, 2, m[0].switched == 1 && m[1].switched == 1);
    produce_both(50, 60);
    read_to(m, 2, 60);
    stop(&m[0]);
    stop(&m[1]);
    assert_once(60);
}
END_TEST

/* The positions that are handed over are committed when it is over, not into
 * it: librdkafka would join anew for each that fails. */
START_TEST(a_hand_over_during_a_rebalance_there)
{
    struct member m[2];
    configure(&m[0]);
    configure(&m[1]);
    m[0].e.mapping_ms = 60000;
    start_reading(&m[0], 40);
    mapper = MAPPER_DOWN;
    flip(&m[0], "b", 4);
    POLL_UNTIL(m, 1, m[0].c->track->state == TRACK_MAPPING);
    start(&m[1]);
    flip(&m[1], "b", 4);
    POLL_UNTIL(m, 2, m[0].c->track->next->revoked);
    mapper = MAPPER_EXACT;
    POLL_UNTIL(m, 2, is_on(&m[0], "b") && m[0].c->track->n_landings == 0);
    produce_both(40, 60);
    read_to(m, 2, 60);
    ck_assert_int_eq(m[0].strangers, 0);
    stop(&m[0]);
    stop(&m[1]);
    assert_once(60);
}
END_TEST

START_TEST(a_flip_during_a_commit)
{
    struct member m;
    configure(&m);
    m.e.auto_commit_interval_ms = 0; /* else there may be nothing left */
    start_reading(&m, 40);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 400);
    poll_one(&m); /* finishes the last one */
    ck_assert_int_eq(consumer_commit(m.c, NULL, true), 0);
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.switched == 1);
    rd_kafka_mock_broker_set_rtt(a.mock, 1, 0);
    produce_both(40, 60);
    read_to(&m, 1, 60);
    stop(&m);
    assert_once(60);
}
END_TEST

/* Back before the assignment of the new cluster is told to its end. */
static void
flip_back_once(struct member *m, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || !is_on(m, "b"))
        return;
    m->on_call = NULL;
    flip(m, "a", 5);
}

START_TEST(a_flip_back_inside_a_callback)
{
    struct member m;
    configure(&m);
    m.e.on_rebalance = on_rebalance;
    start_reading(&m, 40);
    m.on_call = flip_back_once;
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, !m.on_call);
    POLL_UNTIL(&m, 1, is_on(&m, "a") && !m.c->track->next);
    produce_both(40, 60);
    read_to(&m, 1, 60);
    stop(&m);
    assert_once(60);
}
END_TEST

/* Another thread has a record in hand when the flip comes. */
static atomic_bool go_on;

static void *
take_one(void *arg)
{
    struct member *m = arg;
    rd_kafka_message_t *r = NULL;
    while (!r)
        r = consumer_poll(m->c, 100);
    ck_assert_int_eq(r->err, 0);
    char value[32] = "";
    memcpy(value, r->payload, r->len);
    seen[r->partition][atoi(value)]++;
    rd_kafka_message_destroy(r);
    atomic_store(&go_on, false);
    struct wake *nobody = wake_new();
    while (!atomic_load(&go_on))
        wake_wait(nobody, 5);
    wake_unref(nobody);
    r = consumer_poll(m->c, 0); /* it is finished */
    if (r)
        rd_kafka_message_destroy(r);
    return NULL;
}

START_TEST(what_another_thread_has_in_hand_is_waited_for)
{
    struct member m;
    pthread_t thread;
    configure(&m);
    start_reading(&m, 40);
    atomic_store(&go_on, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_one, &m), 0);
    produce_both(40, 41);
    POLL_UNTIL(&m, 0, !atomic_load(&go_on));
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.c->track->state == TRACK_MAPPING);
    ck_assert(!m.c->track->hand.begun);
    atomic_store(&go_on, true);
    POLL_UNTIL(&m, 1, m.c->track->hand.begun || m.switched == 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    POLL_UNTIL(&m, 1, m.switched == 1);
    produce_both(41, 50);
    read_to(&m, 1, 50);
    stop(&m);
    assert_once(50);
}
END_TEST

/* The records of a batch that waits to be full are in nobody's hand but its
 * own. */
START_TEST(a_flip_amid_a_batch)
{
    struct member m;
    rd_kafka_message_t *v[RECORDS];
    configure(&m);
    start_reading(&m, 40);
    flip(&m, "b", 4);
    produce_both(40, 50);
    const int64_t end_ms = clock_mono_ms() + 40000;
    while (m.switched == 0) {
        ck_assert_int_lt(clock_mono_ms(), end_ms);
        const size_t n = consumer_poll_batch(m.c, 15000, v, RECORDS);
        for (size_t i = 0; i < n; i++)
            take_record(&m, v[i]);
    }
    produce_both(50, 60);
    read_to(&m, 1, 60);
    stop(&m);
    assert_once(60);
}
END_TEST

/* 2 partitions of each topic, 3 members. */
START_TEST(a_member_without_partitions_moves_too)
{
    struct member m[3];
    for (int i = 0; i < 3; i++)
        configure(&m[i]);
    produce_both(0, 40);
    for (int i = 0; i < 3; i++)
        start(&m[i]);
    read_to(m, 3, 40);
    for (int i = 0; i < 3; i++)
        flip(&m[i], "b", 4);
    POLL_UNTIL(m, 3, m[0].switched + m[1].switched + m[2].switched == 3);
    produce_both(40, 60);
    read_to(m, 3, 60);
    for (int i = 0; i < 3; i++)
        stop(&m[i]);
    assert_once(60);
}
END_TEST

/* As one that is stopped in a debugger: its group has given it up. */
START_TEST(a_flip_while_the_application_does_not_poll)
{
    struct member m;
    configure(&m);
    start_reading(&m, 40);
    poll_one(&m);
    const int64_t from_ms = clock_mono_ms();
    struct wake *nobody = wake_new();
    flip(&m, "b", 4);
    produce_both(40, 60);
    while (clock_mono_ms() - from_ms < 6500)
        wake_wait(nobody, 1000); /* the interval itself is what is tested */
    wake_unref(nobody);
    POLL_UNTIL(&m, 1, m.switched == 1);
    read_to(&m, 1, 60);
    ck_assert_int_eq(m.lost_polls, 1);
    stop(&m);
    assert_once(60);
}
END_TEST

/* ---- clusters that cannot be reached ------------------------------------- */

START_TEST(without_the_new_cluster_reading_goes_on)
{
    struct member m;
    configure(&m);
    start_reading(&m, 20);
    rd_kafka_mock_broker_set_down(b.mock, 1);
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.stuck == 1);
    ck_assert_str_eq(m.control.state, "stuck");
    produce(&a, "orders", 20, 40);
    read_to(&m, 1, 40);
    rd_kafka_mock_broker_set_up(b.mock, 1);
    produce(&b, "a.orders", 20, 60);
    POLL_UNTIL(&m, 1, m.switched == 1);
    read_to(&m, 1, 60);
    ck_assert_int_eq(m.stuck, 1);
    stop(&m);
    assert_once(60);
}
END_TEST

START_TEST(without_the_topic_reading_goes_on)
{
    struct member m;
    configure(&m);
    start_reading(&m, 20);
    rd_kafka_mock_topic_set_error(b.mock, "a.orders",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.stuck == 1);
    produce(&a, "orders", 20, 40);
    read_to(&m, 1, 40);
    ck_assert_int_eq(m.switched, 0);
    rd_kafka_mock_topic_set_error(b.mock, "a.orders",
                                  RD_KAFKA_RESP_ERR_NO_ERROR);
    produce(&b, "a.orders", 20, 60);
    POLL_UNTIL(&m, 1, m.switched == 1);
    read_to(&m, 1, 60);
    stop(&m);
    assert_once(60);
}
END_TEST

static void
flip_fenced(struct member *m, const char *cluster, int64_t since)
{
    struct route *r = make_route(cluster, since, "a");
    r->answer.routes[0].fence = true;
    give(m, r);
}

START_TEST(a_fence_stops_at_once)
{
    struct member m;
    configure(&m);
    start_reading(&m, 20);
    rd_kafka_mock_broker_set_down(b.mock, 1);
    flip_fenced(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.c->track->cur->stopped);
    produce(&a, "orders", 20, 40);
    POLL_UNTIL(&m, 1, m.stuck == 1);
    ck_assert_int_eq(seen[0][20], 0);
    flip(&m, "a", 5); /* the fence is taken away */
    read_to(&m, 1, 40);
    flip_fenced(&m, "b", 6);
    POLL_UNTIL(&m, 1, m.c->track->cur->stopped);
    rd_kafka_mock_broker_set_up(b.mock, 1);
    produce(&b, "a.orders", 20, 60);
    POLL_UNTIL(&m, 1, m.switched == 1);
    read_to(&m, 1, 60);
    stop(&m);
    assert_once(60);
}
END_TEST

/* Not even its handle can be made. */
START_TEST(a_fence_stops_though_the_new_cluster_cannot_be_opened)
{
    struct member m;
    configure(&m);
    start_reading(&m, 20);
    struct route *r = make_route("b", 4, "a");
    r->answer.routes[0].fence = true;
    ck_assert_int_eq(
        props_set(&r->answer.clusters[1].properties, "security.protocol", "x"),
        0);
    give(&m, r);
    POLL_UNTIL(&m, 1, m.stuck == 1);
    ck_assert(m.c->track->cur->stopped);
    produce(&a, "orders", 20, 40);
    for (int i = 0; i < 20; i++)
        poll_one(&m);
    ck_assert_int_eq(seen[0][20], 0);
    flip(&m, "a", 5);
    read_to(&m, 1, 40);
    stop(&m);
    assert_once(40);
}
END_TEST

/* ---- phases -------------------------------------------------------------- */

START_TEST(phases_are_told_in_order)
{
    struct member m;
    configure(&m);
    start_reading(&m, 20);
    flip(&m, "b", 4);
    POLL_UNTIL(&m, 1, m.switched == 1);
    produce_both(20, 40);
    read_to(&m, 1, 40);
    POLL_UNTIL(&m, 1, m.ms[phase_of("committed")] > 0);
    ck_assert_int_gt(m.ms[phase_of("joined")], 0);
    ck_assert_int_ge(m.ms[phase_of("stopped")], m.ms[phase_of("joined")]);
    ck_assert_int_ge(m.ms[phase_of("mapped")], m.ms[phase_of("stopped")]);
    ck_assert_int_ge(m.ms[phase_of("delivering")], m.ms[phase_of("mapped")]);
    stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("switch");
    add(s, "ten flips", ten_flips_in_a_second_end_at_the_last);
    add(s, "mapping",
        a_flip_back_while_positions_are_looked_up_goes_on_at_once);
    add(s, "back", a_flip_back_right_after_a_switch_joins_nothing_anew);
    add(s, "rebalance", a_flip_during_a_rebalance);
    add(s, "rebalance there", a_hand_over_during_a_rebalance_there);
    add(s, "commit", a_flip_during_a_commit);
    add(s, "callback", a_flip_back_inside_a_callback);
    add(s, "threads", what_another_thread_has_in_hand_is_waited_for);
    add(s, "batch", a_flip_amid_a_batch);
    add(s, "empty", a_member_without_partitions_moves_too);
    add(s, "no poll", a_flip_while_the_application_does_not_poll);
    add(s, "stuck", without_the_new_cluster_reading_goes_on);
    add(s, "no topic", without_the_topic_reading_goes_on);
    add(s, "fence", a_fence_stops_at_once);
    add(s, "fence alone",
        a_fence_stops_though_the_new_cluster_cannot_be_opened);
    add(s, "phases", phases_are_told_in_order);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
