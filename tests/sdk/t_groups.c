/* Groups as their coordinator sees them: static members that move, an
 * application that does not poll. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define N       20
#define WAIT_MS 60000

static int seen[REAL_PARTITIONS][3 * N];
static int revokes;

static void
poll_once(shunt_t *rk)
{
    char value[16] = "";
    rd_kafka_message_t *m = shunt_consumer_poll(rk, 20);
    if (!m)
        return;
    if (!m->err) {
        memcpy(value, m->payload, m->len);
        seen[m->partition][atoi(value)]++;
    }
    rd_kafka_message_destroy(m);
}

static int
missing(int partition, int to)
{
    int n = 0;
    for (int i = 0; i < to; i++)
        n += seen[partition][i] == 0;
    return n;
}

/* Until all have 0..to-1 of each partition. */
static void
read_all(shunt_t **rk, int n, int partitions, int to)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    for (int p = 0; p < partitions; p++)
        while (missing(p, to) > 0) {
            ck_assert_msg(real_now_ms() < end_ms,
                          "%d of partition %d are missing", missing(p, to), p);
            for (int i = 0; i < n; i++)
                poll_once(rk[i]);
        }
}

static void
follow(shunt_t **rk, int n, const char *cluster)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    for (int i = 0; i < n; i++)
        while (strcmp(shunt_cluster(rk[i]), cluster) != 0) {
            ck_assert_int_lt(real_now_ms(), end_ms);
            for (int j = 0; j < n; j++)
                poll_once(rk[j]);
        }
}

static void
once(int partitions, int to)
{
    for (int p = 0; p < partitions; p++)
        for (int i = 0; i < to; i++)
            ck_assert_msg(seen[p][i] == 1,
                          "%d of partition %d was read %d times", i, p,
                          seen[p][i]);
}

static void
produce_all(const char *cluster, const char *topic, int from)
{
    for (int p = 0; p < REAL_PARTITIONS; p++)
        real_produce(cluster, topic, p, from, N);
}

/* ---- what the coordinator says ------------------------------------------ */

static int
members_at(const char *cluster, const char *group)
{
    const struct rd_kafka_group_list *l = NULL;
    rd_kafka_t *rk = real_bare(RD_KAFKA_PRODUCER, cluster, NULL);
    ck_assert_int_eq(rd_kafka_list_groups(rk, group, &l, WAIT_MS), 0);
    ck_assert_int_eq(l->group_cnt, 1);
    const int n = l->groups[0].member_cnt;
    rd_kafka_group_list_destroy(l);
    rd_kafka_destroy(rk);
    return n;
}

static bool
is_listed(shunt_t *rk, const char *group, int members)
{
    const struct rd_kafka_group_list *l = NULL;
    ck_assert_int_eq(shunt_list_groups(rk, group, &l, WAIT_MS), 0);
    ck_assert_int_eq(l->group_cnt, 1);
    const struct rd_kafka_group_info *g = &l->groups[0];
    ck_assert_str_eq(g->group, group);
    const bool is = strcmp(g->state, "Stable") == 0 &&
                    strcmp(g->protocol_type, "consumer") == 0 &&
                    g->member_cnt == members;
    rd_kafka_group_list_destroy(l);
    return is;
}

static bool
is_among_all(shunt_t *rk, const char *group)
{
    const struct rd_kafka_group_list *l = NULL;
    bool is = false;
    ck_assert_int_eq(shunt_list_groups(rk, NULL, &l, WAIT_MS), 0);
    for (int i = 0; i < l->group_cnt; i++)
        is = is || strcmp(l->groups[i].group, group) == 0;
    rd_kafka_group_list_destroy(l);
    return is;
}

/* Until the group has both, and no rebalance. */
static void
settle(shunt_t **rk, const char *group)
{
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    while (!is_listed(rk[0], group, 2)) {
        ck_assert_int_lt(real_now_ms(), end_ms);
        poll_once(rk[0]);
        poll_once(rk[1]);
    }
    ck_assert(is_among_all(rk[0], group));
}

/* ---- static members ------------------------------------------------------ */

static void
count(shunt_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *l,
      void *opaque)
{
    const bool given = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    (void)opaque;
    revokes += !given;
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

/* They keep their names over there, so one that restarts disturbs nobody there
 * either; nor does a return to where the broker still knows them. */
START_TEST(static_members_move)
{
    const char *topic = real_topic(), *code = real_name("code"),
               *group = real_name("g");
    shunt_t *rk[2];
    real_rule(code, "a");
    produce_all("a", topic, 0);
    rk[0] = member(code, group, topic, "first");
    rk[1] = member(code, group, topic, "second");
    read_all(rk, 2, REAL_PARTITIONS, N);
    settle(rk, group);
    real_copied("a", "b", topic);
    real_flip(code, "b");
    follow(rk, 2, "b");
    produce_all("b", topic, N);
    read_all(rk, 2, REAL_PARTITIONS, 2 * N);
    settle(rk, group);
    ck_assert_int_eq(members_at("b", group), 2);
    shunt_destroy(rk[1]);
    const int before = revokes;
    rk[1] = member(code, group, topic, "second");
    real_copied("b", "a", topic);
    produce_all("b", topic, 2 * N);
    read_all(rk, 2, REAL_PARTITIONS, 3 * N);
    ck_assert_int_eq(revokes, before);
    once(REAL_PARTITIONS, 3 * N);
    real_copied("b", "a", topic);
    real_flip(code, "a");
    follow(rk, 2, "a");
    memset(seen, 0, sizeof(seen));
    produce_all("a", topic, 0);
    read_all(rk, 2, REAL_PARTITIONS, N);
    once(REAL_PARTITIONS, N);
    ck_assert_int_eq(members_at("a", group), 2);
    shunt_destroy(rk[0]);
    shunt_destroy(rk[1]);
}
END_TEST

/* ---- who does not poll --------------------------------------------------- */

static int64_t
committed_of(shunt_t *rk, const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, 0);
    ck_assert_int_eq(shunt_committed(rk, l, WAIT_MS), 0);
    const int64_t offset = l->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(l);
    return offset;
}

static bool
is_thrown_out(void *group)
{
    return members_at("a", group) == 0;
}

/* The old group has thrown it out, and the route has moved meanwhile. */
START_TEST(a_flip_while_nobody_polls)
{
    const char *topic = real_topic(), *code = real_name("code"),
               *group = real_name("g");
    real_rule(code, "a");
    real_produce("a", topic, 0, 0, N);
    shunt_conf_t *conf = real_conf(code);
    real_set(conf, "session.timeout.ms", "6000");
    real_set(conf, "max.poll.interval.ms", "6000");
    real_set(conf, "auto.commit.interval.ms", "100");
    shunt_t *rk = real_consumer_take(conf, group, topic);
    read_all(&rk, 1, 1, N);
    const int64_t end_ms = real_now_ms() + WAIT_MS;
    while (committed_of(rk, topic) < N && real_now_ms() < end_ms)
        poll_once(rk);
    real_copied("a", "b", topic);
    real_flip(code, "b");
    real_produce("b", topic, 0, N, N);
    ck_assert(real_wait(is_thrown_out, (void *)(uintptr_t)group, WAIT_MS));
    read_all(&rk, 1, 1, 2 * N);
    ck_assert_str_eq(shunt_cluster(rk), "b");
    ck_assert_int_eq(members_at("b", group), 1);
    once(1, 2 * N);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("groups");
    TCase *c = real_case(s, "static", 240);
    tcase_add_test(c, static_members_move);
    c = real_case(s, "away", 240);
    tcase_add_test(c, a_flip_while_nobody_polls);
    return real_run(s);
}
