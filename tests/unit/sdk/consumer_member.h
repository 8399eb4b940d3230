/* One consumer in the world of consumer_world.h, and what it has seen. */
#ifndef SHUNT_TESTS_SDK_CONSUMER_MEMBER_H
#define SHUNT_TESTS_SDK_CONSUMER_MEMBER_H

#include "tests/unit/sdk/consumer_world.h"

#define RECORDS      200
#define MAYBE_UNUSED __attribute__((unused))

struct member {
    struct control control;
    struct engine e;
    struct metrics metrics;
    struct consumer *c;
    int switched, warnings, routed, errors, stuck, standbys, eofs;
    int64_t bound, stall_ms;
};

/* [origin is b][partition][number] */
static int seen[2][PARTS][RECORDS];

static void
on_event(const struct engine_event *e, void *arg)
{
    struct member *m = arg;
    m->switched += e->type == ENGINE_SWITCHED;
    m->warnings += e->type == ENGINE_WARNING;
    m->standbys += e->type == ENGINE_STANDBY;
    m->routed += e->type == ENGINE_ROUTED;
    m->stuck += e->type == ENGINE_STUCK;
    if (e->type == ENGINE_SWITCHED) {
        m->bound = e->reread_bound;
        m->stall_ms = e->stall_ms;
    }
}

static void
on_log(int level, const char *fac, const char *text, void *arg)
{
    if (getenv("T_LOG"))
        (void)fprintf(stderr, "%lld %p %d %s %s\n", (long long)clock_mono_ms(),
                      arg, level, fac, text);
}

static void
on_error(rd_kafka_resp_err_t code, const char *text, void *arg)
{
    struct member *m = arg;
    (void)text;
    m->errors += code == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

MAYBE_UNUSED static void
member_route(struct member *m, const char *cluster, int64_t since,
             const char *previous)
{
    give_route(&m->control, cluster, since, previous);
    consumer_news(m->c);
}

MAYBE_UNUSED static void
member_set(struct member *m, const char *name, const char *value)
{
    ck_assert_int_eq(rd_kafka_conf_set(m->e.template, name, value, NULL, 0),
                     RD_KAFKA_CONF_OK);
}

/* Again, with what has been set since. */
MAYBE_UNUSED static void
member_renew(struct member *m)
{
    consumer_free(m->c);
    ck_assert_int_eq(consumer_new(&m->e, &m->c, NULL), 0);
}

/* Without a route or a subscription. */
MAYBE_UNUSED static void
member_make(struct member *m)
{
    static const char *const conf[][2] = {
        {"group.id", "g"},
        {"session.timeout.ms", "4000"},
        {"heartbeat.interval.ms", "200"},
        {"auto.offset.reset", "earliest"},
        {"fetch.wait.max.ms", "10"},
    };
    *m = (struct member){.bound = -2};
    m->e.template = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof(conf) / sizeof(*conf); i++)
        member_set(m, conf[i][0], conf[i][1]);
    if (getenv("T_DEBUG"))
        member_set(m, "debug", getenv("T_DEBUG"));
    m->e.control = &m->control;
    m->e.worker = worker;
    m->e.auto_commit = true;
    m->e.auto_commit_interval_ms = 300;
    m->e.settle_ms = 9000;
    m->e.mapping_ms = 700;
    m->e.close_ms = 5000;
    m->e.on_event = on_event;
    m->e.on_log = on_log;
    m->e.on_error = on_error;
    m->e.arg = m;
    ck_assert_int_eq(metrics_init(&m->metrics), 0);
    m->e.metrics = &m->metrics;
    ck_assert_int_eq(consumer_new(&m->e, &m->c, NULL), 0);
}

MAYBE_UNUSED static void
member_subscribe(struct member *m)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, "orders", RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_subscribe(m->c, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

MAYBE_UNUSED static void
member_stop(struct member *m)
{
    ck_assert_int_eq(consumer_close(m->c), 0);
    consumer_free(m->c);
    rd_kafka_conf_destroy(m->e.template);
    route_unref(m->control.route);
}

MAYBE_UNUSED static void
member_poll(struct member *m)
{
    rd_kafka_message_t *r = consumer_poll(m->c, 20);
    if (!r)
        return;
    m->eofs += r->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (!r->err) {
        char value[32] = "";
        ck_assert_uint_lt(r->len, sizeof(value));
        memcpy(value, r->payload, r->len);
        const char *topic = rd_kafka_topic_name(r->rkt);
        const bool born_b = strcmp(consumer_origin(m->c, topic), "b") == 0;
        ck_assert_str_eq(consumer_logical_name(m->c, topic), "orders");
        seen[born_b][r->partition][atoi(value)]++;
    }
    rd_kafka_message_destroy(r);
}

/* For so long, whatever comes. */
MAYBE_UNUSED static void
member_polls(struct member *m, int64_t ms)
{
    const int64_t end = clock_mono_ms() + ms;
    while (clock_mono_ms() < end)
        member_poll(m);
}

/* Until each record from..to-1 of the partition was seen. */
MAYBE_UNUSED static void
member_read(struct member *m, int born_b, int partition, int from, int to)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    for (int i = from; i < to;) {
        if (seen[born_b][partition][i]) {
            i++;
            continue;
        }
        ck_assert_msg(clock_mono_ms() < end, "record %d is missing", i);
        member_poll(m);
    }
}

MAYBE_UNUSED static void
member_switched(struct member *m, int times)
{
    const int64_t end = clock_mono_ms() + 40000;
    while (m->switched < times) {
        ck_assert_msg(clock_mono_ms() < end, "no switch");
        member_poll(m);
    }
}

MAYBE_UNUSED static void
member_once(int born_b, int partition, int from, int to)
{
    for (int i = from; i < to; i++)
        ck_assert_msg(seen[born_b][partition][i] == 1,
                      "record %d of partition %d read %d times", i, partition,
                      seen[born_b][partition][i]);
}

#endif
