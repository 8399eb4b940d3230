/*
 * Handles that end while librdkafka is in the middle of something: a rebalance
 * that nobody has served, or partitions that are being stopped.  In 2.0.2 the
 * one can wait for ever for an answer, the other one aborts.
 */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "sdk/src/consumer/generation.h"
#include "sdk/src/consumer/reaper.h"
#include "tests/unit/sdk/consumer_world.h"

#define HANDLES 40
#define MANY    300 /* partitions */
#define TIMES   20

static bool
enter(void *arg)
{
    (void)arg;
    return false;
}

static void
leave(void *arg, bool entered)
{
    (void)arg;
    (void)entered;
}

static void
on_assign(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          void *arg)
{
    (void)l;
    (void)arg;
    generation_take_granted(g);
}

static bool
on_revoke(struct generation *g, const rd_kafka_topic_partition_list_t *l,
          bool lost, void *arg)
{
    (void)g;
    (void)l;
    (void)lost;
    (void)arg;
    return true;
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    ck_assert_int_eq(rd_kafka_conf_set(conf, name, value, NULL, 0), 0);
}

/* A handle on a. */
static struct generation *
open_one(const char *group, const char *strategy)
{
    const struct generation_hooks hooks = {.on_assign = on_assign,
                                           .on_revoke = on_revoke,
                                           .enter = enter,
                                           .leave = leave};
    struct generation *g = NULL;
    struct route *r = make_route("a", 3, NULL);
    const struct target to = {.cluster = &r->answer.clusters[0], .since = 3};
    struct engine e = {.template = rd_kafka_conf_new()};
    set(e.template, "group.id", group);
    set(e.template, "partition.assignment.strategy", strategy);
    set(e.template, "topic.metadata.refresh.sparse", "false");
    ck_assert_int_eq(generation_new(&e, &to, &hooks, &g, NULL), 0);
    rd_kafka_conf_destroy(e.template);
    route_unref(r);
    return g;
}

static void
subscribe(struct generation *g, const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(rd_kafka_subscribe(g->rk, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
end_within_deadline(struct reaper *r)
{
    ck_assert_msg(reaper_wait(r, clock_mono_ms() + DEADLINE_MS),
                  "a handle does not end");
    reaper_unref(r);
}

/* Each is given its partitions, and is not polled. */
static void
close_unserved(const char *strategy)
{
    struct generation *v[HANDLES];
    struct reaper *r = NULL;
    char group[32];
    ck_assert_int_eq(reaper_new(&r, NULL), 0);
    for (int i = 0; i < HANDLES; i++) {
        (void)snprintf(group, sizeof(group), "%s-%d", strategy, i);
        v[i] = open_one(group, strategy);
        subscribe(v[i], "orders");
    }
    const int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    for (int i = 0; i < HANDLES; i++)
        while (rd_kafka_queue_length(v[i]->queue) == 0)
            ck_assert_int_lt(clock_mono_ms(), end_ms);
    for (int i = 0; i < HANDLES; i++)
        generation_close_take(v[i], r);
    end_within_deadline(r);
}

START_TEST(a_rebalance_that_nobody_served)
{
    close_unserved("range");
}
END_TEST

START_TEST(a_rebalance_that_nobody_served_cooperative)
{
    close_unserved("cooperative-sticky");
}
END_TEST

static void
start_many(struct generation *g)
{
    for (int i = 0; i < MANY; i++) {
        struct part *p = generation_part(g, "many", i);
        ck_assert_ptr_nonnull(p);
        generation_start_at(g, p, RD_KAFKA_OFFSET_BEGINNING);
    }
    generation_fetch(g);
}

START_TEST(partitions_that_are_being_stopped)
{
    struct reaper *r = NULL;
    ck_assert_int_eq(reaper_new(&r, NULL), 0);
    rd_kafka_mock_topic_create(a.mock, "many", MANY, 1);
    for (int n = 0; n < TIMES; n++) {
        struct generation *g = open_one("g", "range");
        g->by_hand = true;
        for (int i = 0; i < 3 + n % 2; i++)
            start_many(g);
        generation_close_take(g, r);
    }
    end_within_deadline(r);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("closing");
    add(s, "unserved", a_rebalance_that_nobody_served);
    add(s, "cooperative", a_rebalance_that_nobody_served_cooperative);
    add(s, "stops", partitions_that_are_being_stopped);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
