/*
 * Memory runs out: every place in libshunt that allocates fails once, over the
 * whole life of a client, a switch and its end.  A call that fails says so and
 * may be repeated; what fails inside is tried again by libshunt.  No record is
 * skipped, none is left without its report, and (under SAN=address) nothing
 * leaks.
 *
 * Then some of all allocations fail, by a few seeds.
 */
#include "tests/support/torture.h"
#include "tests/unit/sdk-hard/client.h"

#define FIRST          40
#define ALL            60
#define TRIES          200 /* of one call; each has fewer allocations than that */
#define SEEDS          1
#define SITES_AT_LEAST 60 /* else the renaming of the Makefile is broken */

/* ---- making a client ----------------------------------------------------- */

struct setting {
    const char *key, *value;
};

static const struct setting common[] = {
    {"cluster.code", "orders"},
    {"route.cache.dir", ""},
    {"route.request.timeout.ms", "1000"},
    {"client.name", "torture"},
    {"attr.zone", "z1"},
    {0},
};
static const struct setting consumer[] = {
    {"group.id", "readers"},
    {"auto.offset.reset", "earliest"},
    {"session.timeout.ms", "4000"},
    {"heartbeat.interval.ms", "300"},
    {"fetch.wait.max.ms", "10"},
    {"auto.commit.interval.ms", "100"},
    {"switch.mapping.timeout.ms", "2000"},
    {"switch.group.settle.ms", "0"},
    {0},
};
static const struct setting producer[] = {
    {"linger.ms", "1"}, {"enable.idempotence", "true"}, {0}};

static bool
set_all(shunt_conf_t *conf, const struct setting *s)
{
    for (; s->key; s++) {
        int tries = 0;
        while (shunt_conf_set(conf, s->key, s->value, NULL, 0) !=
               RD_KAFKA_CONF_OK)
            if (++tries == TRIES)
                return false;
    }
    return true;
}

static shunt_t *
try_new(rd_kafka_type_t type, const struct setting *more,
        void (*call_back)(shunt_conf_t *conf))
{
    const struct setting service[] = {{"route.service", url}, {0}};
    shunt_conf_t *conf = shunt_conf_new();
    if (!conf)
        return NULL;
    ck_assert(set_all(conf, common) && set_all(conf, service) &&
              set_all(conf, more));
    if (!getenv("HARD_LOG"))
        shunt_conf_set_log_cb(conf, NULL);
    call_back(conf);
    shunt_t *rk = shunt_new(type, conf, NULL, 0);
    if (!rk)
        shunt_conf_destroy(conf);
    return rk;
}

static shunt_t *
new_in_the_end(rd_kafka_type_t type, const struct setting *more,
               void (*call_back)(shunt_conf_t *conf))
{
    shunt_t *rk = NULL;
    for (int i = 0; i < TRIES && !rk; i++)
        rk = try_new(type, more, call_back);
    ck_assert_ptr_nonnull(rk);
    return rk;
}

static void
say(const char *what)
{
    (void)printf("%s: %lld of %lld allocations failed\n", what,
                 (long long)torture_failed(), (long long)torture_asked());
}

/* ---- consumer ------------------------------------------------------------ */

static void
no_callbacks(shunt_conf_t *conf)
{
    (void)conf;
}

/* What an application asks now and then; each answer may be "no memory". */
static void
ask_everything(shunt_t *rk)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    int tries = 0;
    while (shunt_assignment(rk, &list) != 0)
        ck_assert_int_lt(++tries, TRIES);
    for (int i = 0; i < 20; i++)
        (void)shunt_position(rk,
                             list); /* of what is not ours any more: says so */
    for (int i = 0; i < 20; i++)
        (void)shunt_committed(rk, list, 1000);
    rd_kafka_topic_partition_list_destroy(list);
    for (tries = 0; shunt_subscription(rk, &list) != 0;)
        ck_assert_int_lt(++tries, TRIES);
    ck_assert_int_eq(list->cnt, 1);
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < 20; i++)
        (void)shunt_commit(rk, NULL, 0);
}

static void
consumer_life(void)
{
    struct reader r = {0};
    r.rk = new_in_the_end(RD_KAFKA_CONSUMER, consumer, no_callbacks);
    int tries = 0;
    while (client_subscribe(r.rk) != 0)
        ck_assert_int_lt(++tries, TRIES);
    reader_expect(&r, 0, FIRST);
    ask_everything(r.rk);
    route_to(2, "b");
    reader_expect(&r, FIRST, ALL);
    ask_everything(r.rk);
    route_to(3, "a");
    fill(&site_a, "b.orders", 0, 1); /* number 0 again, of b */
    fill(&site_a, "orders", ALL, ALL + 5);
    reader_expect(&r, ALL, ALL + 5);
    (void)shunt_consumer_close(r.rk); /* may have had no memory for the last
                                         commit, and says so */
    shunt_destroy(r.rk);
}

static void
fill_both(void)
{
    fill(&site_a, "orders", 0, FIRST);
    fill(&site_b, "a.orders", SHIFT, ALL);
}

START_TEST(a_consumer_for_each_site)
{
    fill_both();
    torture_each_site();
    consumer_life();
    torture_off();
    say("consumer");
    ck_assert_int_ge(torture_failed(), SITES_AT_LEAST);
}
END_TEST

START_TEST(a_consumer_by_seed)
{
    fill_both();
    torture_some((unsigned)_i + 1, 10);
    consumer_life();
    torture_off();
    say("consumer");
}
END_TEST

/* ---- producer ------------------------------------------------------------ */

static int reports[ALL];

static void
on_report_of(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    reports[(intptr_t)m->_private]++;
    ck_assert_msg(!m->err, "%s", rd_kafka_err2name(m->err));
}

static void
report_callback(shunt_conf_t *conf)
{
    shunt_conf_set_dr_msg_cb(conf, on_report_of);
}

static void
produce(shunt_t *rk, int from, int to)
{
    char value[] = "7";
    for (int i = from; i < to; i++) {
        int tries = 0;
        while (shunt_producev(rk, RD_KAFKA_V_TOPIC("orders"),
                              RD_KAFKA_V_VALUE(value, 1),
                              RD_KAFKA_V_HEADER("h", value, 1),
                              RD_KAFKA_V_OPAQUE((void *)(intptr_t)i),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_END) != 0)
            ck_assert_int_lt(++tries, TRIES);
        (void)shunt_poll(rk, 1);
    }
}

static void
producer_life(void)
{
    memset(reports, 0, sizeof(reports));
    shunt_t *rk = new_in_the_end(RD_KAFKA_PRODUCER, producer, report_callback);
    produce(rk, 0, FIRST / 2);
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    produce(rk, FIRST / 2, FIRST);
    route_to(2, "b");
    produce(rk, FIRST, ALL);
    ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    for (int i = 0; i < ALL; i++)
        ck_assert_msg(reports[i] == 1, "record %d has %d reports", i,
                      reports[i]);
    shunt_destroy(rk);
}

START_TEST(a_producer_for_each_site)
{
    torture_each_site();
    producer_life();
    torture_off();
    say("producer");
    ck_assert_int_ge(torture_failed(), SITES_AT_LEAST);
}
END_TEST

START_TEST(a_producer_by_seed)
{
    torture_some((unsigned)_i + 1, 10);
    producer_life();
    torture_off();
    say("producer");
}
END_TEST

static void
tests(TCase *t)
{
    tcase_add_test(t, a_consumer_for_each_site);
    tcase_add_loop_test(t, a_consumer_by_seed, 0, SEEDS);
    tcase_add_test(t, a_producer_for_each_site);
    tcase_add_loop_test(t, a_producer_by_seed, 0, SEEDS);
}

HARD_MAIN("torture", tests)
