/* A consumer with topics on both clusters: each moves by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sdk/real.h"

#define N 200

/* What was read: [topic][origin is b][number]. */
static int seen[2][2][N];
static const char *topics[2];
static shunt_t *rk;
static int switched;

static void
on_event(shunt_t *handle, const shunt_event_t *event, void *opaque)
{
    (void)handle;
    (void)opaque;
    switched += shunt_event_type(event) == SHUNT_EVENT_SWITCHED;
}

static void
take(const rd_kafka_message_t *m)
{
    char value[16] = "";
    ck_assert_uint_lt(m->len, sizeof(value));
    memcpy(value, m->payload, m->len);
    const char *origin = shunt_message_origin(m);
    const bool second = strcmp(shunt_topic_name(m->rkt), topics[1]) == 0;
    ck_assert_ptr_nonnull(origin);
    seen[second][strcmp(origin, "b") == 0][atoi(value)]++;
}

static void
poll_one(void)
{
    rd_kafka_message_t *m = shunt_consumer_poll(rk, 20);
    if (m && !m->err)
        take(m);
    if (m)
        rd_kafka_message_destroy(m);
}

struct want {
    int topic, born_b, from, to;
};

static bool
has(void *arg)
{
    const struct want *w = arg;
    poll_one();
    for (int i = w->from; i < w->to; i++)
        if (!seen[w->topic][w->born_b][i])
            return false;
    return true;
}

static void
wait_for(int topic, int born_b, int from, int to)
{
    struct want w = {topic, born_b, from, to};
    ck_assert(real_wait(has, &w, 60000));
}

static bool
has_switched(void *arg)
{
    (void)arg;
    poll_one();
    return switched > 0;
}

static void
once(int topic, int born_b, int to)
{
    for (int i = 0; i < to; i++)
        ck_assert_msg(seen[topic][born_b][i] == 1, "%d of %s was read %d times",
                      i, topics[topic], seen[topic][born_b][i]);
}

static void
open_consumer(const char *code, const char *group)
{
    shunt_conf_t *conf = real_conf(code);
    shunt_conf_set_event_cb(conf, on_event);
    real_set(conf, "group.id", group);
    real_set(conf, "auto.offset.reset", "earliest");
    rk = real_new_take(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(2);
    for (int i = 0; i < 2; i++)
        rd_kafka_topic_partition_list_add(l, topics[i], RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(shunt_subscribe(rk, l), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
close_consumer(void)
{
    ck_assert_int_eq(shunt_consumer_close(rk), RD_KAFKA_RESP_ERR_NO_ERROR);
    shunt_destroy(rk);
}

/* The other one is read on where it is, then the handle is opened anew. */
START_TEST(a_topic_moves_alone)
{
    const char *code = real_name("code"), *group = real_name("group");
    topics[0] = real_topic();
    topics[1] = real_topic();
    real_do("rule %s a topic=%s", code, topics[0]);
    real_do("rule %s a topic=%s", code, topics[1]);
    real_produce("a", topics[0], 1, 0, 50);
    real_produce("a", topics[1], 1, 0, 50);
    open_consumer(code, group);
    wait_for(0, 0, 0, 50);
    wait_for(1, 0, 0, 50);
    real_copied("a", "b", topics[1]);
    real_do("flip %s:topic.%s b", code, topics[1]);
    ck_assert(real_wait(has_switched, NULL, 60000));
    real_produce("a", topics[0], 1, 50, 50);
    real_produce("b", topics[1], 2, 0, 50);
    real_produce("a", topics[1], 1, 50, 50); /* comes by replication */
    wait_for(0, 0, 50, 100);
    wait_for(1, 1, 0, 50);
    wait_for(1, 0, 50, 100);
    close_consumer();
    open_consumer(code, group);
    real_produce("a", topics[0], 1, 100, 10);
    real_produce("b", topics[1], 2, 50, 10);
    wait_for(0, 0, 100, 110);
    wait_for(1, 1, 50, 60);
    close_consumer();
    once(0, 0, 110);
    once(1, 0, 100);
    once(1, 1, 60);
}
END_TEST

/* The pattern is routed by the rule for all topics, what it matches by its own. */
START_TEST(a_pattern_reads_what_matches)
{
    const char *code = real_name("code"), *group = real_name("group");
    char pattern[128];
    topics[0] = real_topic();
    topics[1] = real_topic();
    real_rule(code, "a");
    real_do("rule %s b topic=%s", code, topics[1]);
    real_produce("a", topics[0], 0, 0, 50);
    real_produce("b", topics[1], 0, 0, 50);
    const char *const names[] = {topics[0], topics[1]};
    (void)snprintf(pattern, sizeof(pattern), "^(%s|%s)$", names[0], names[1]);
    topics[0] = pattern;
    open_consumer(code, group);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, pattern, RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(shunt_subscribe(rk, l), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(l);
    wait_for(0, 0, 0, 50);
    wait_for(1, 1, 0, 50);
    close_consumer();
    once(0, 0, 50);
    once(1, 1, 50);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("clusters");
    TCase *c = real_case(s, "clusters", 150);
    tcase_add_test(c, a_topic_moves_alone);
    tcase_add_test(c, a_pattern_reads_what_matches);
    return real_run(s);
}
