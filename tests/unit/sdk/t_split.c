/*
 * A consumer whose topics are not all on one cluster: two topics, orders and
 * goods, each routed by itself.  See consumer_world.h; goods is like orders.
 */
#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/consumer_ops.h"
#include "tests/unit/sdk/consumer_member.h"

enum { ORDERS, GOODS, TOPICS };
static const char *const names[] = {"orders", "goods"};

/* [topic][origin is b][partition][number] */
static int got[TOPICS][2][PARTS][RECORDS];

static void
start_both(void)
{
    start_all();
    rd_kafka_mock_topic_create(a.mock, "goods", PARTS, 1);
    rd_kafka_mock_topic_create(a.mock, "b.goods", PARTS, 1);
    rd_kafka_mock_topic_create(b.mock, "goods", PARTS, 1);
    rd_kafka_mock_topic_create(b.mock, "a.goods", PARTS, 1);
}

/* ---- routes -------------------------------------------------------------- */

struct leg {
    const char *cluster;
    int64_t since;
    const char *previous;
};

static void
rename_topic(char **name, const char *from, const char *to)
{
    char *at = strstr(*name, from), *all = NULL;
    ck_assert_int_ge(asprintf(&all, "%.*s%s", (int)(at - *name), *name, to), 0);
    free(*name);
    *name = all;
}

/* Takes the route of `from` over, for goods. */
static void
append_goods(struct pt_answer *to, struct pt_answer *from)
{
    to->routes = realloc(to->routes, 2 * sizeof(*to->routes));
    to->routes[1] = from->routes[0];
    to->n_routes = 2;
    from->n_routes = 0;
    rename_topic(&to->routes[1].topic, "orders", "goods");
    for (size_t i = 0; i < to->routes[1].n_view; i++)
        rename_topic(&to->routes[1].view[i].topic, "orders", "goods");
    if (from->revision > to->revision)
        to->revision = from->revision;
}

static void
route_both(struct member *m, struct leg orders, struct leg goods)
{
    struct route *r = make_route(orders.cluster, orders.since, orders.previous);
    struct route *second =
        make_route(goods.cluster, goods.since, goods.previous);
    append_goods(&r->answer, &second->answer);
    route_unref(second);
    pthread_mutex_lock(&route_mutex);
    struct route *old = m->control.route;
    m->control.route = r;
    pthread_mutex_unlock(&route_mutex);
    route_unref(old);
    consumer_news(m->c);
}

/* ---- a member ------------------------------------------------------------ */

static void
subscribe_to(struct member *m, int n)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(2);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(l, names[i], RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_subscribe(m->c, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

static void
start(struct member *m)
{
    member_make(m);
    m->e.settle_ms = 3000;
    member_renew(m);
    subscribe_to(m, TOPICS);
}

static void
poll_one(struct member *m)
{
    rd_kafka_message_t *r = consumer_poll(m->c, 20);
    if (r && !r->err) {
        char value[32] = "";
        memcpy(value, r->payload, r->len);
        const char *topic = rd_kafka_topic_name(r->rkt);
        const bool born_b = strcmp(consumer_origin(m->c, topic), "b") == 0;
        const bool goods =
            strcmp(consumer_logical_name(m->c, topic), "goods") == 0;
        got[goods][born_b][r->partition][atoi(value)]++;
    }
    if (r)
        rd_kafka_message_destroy(r);
}

static bool
has_all(int topic, int born_b, int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            if (got[topic][born_b][p][i] == 0)
                return false;
    return true;
}

static void
wait_for(struct member *m, int topic, int born_b, int from, int to)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!has_all(topic, born_b, from, to)) {
        ck_assert_msg(clock_mono_ms() < end, "%s %d..%d are missing",
                      names[topic], from, to);
        poll_one(m);
    }
}

static void
wait_for_switch(struct member *m, int times)
{
    const int64_t end = clock_mono_ms() + 40000;
    while (m->switched < times) {
        ck_assert_msg(clock_mono_ms() < end, "no switch");
        poll_one(m);
    }
}

static void
poll_for(struct member *m, int64_t ms)
{
    const int64_t end = clock_mono_ms() + ms;
    while (clock_mono_ms() < end)
        poll_one(m);
}

static void
once(int topic, int born_b, int from, int to)
{
    for (int p = 0; p < PARTS; p++)
        for (int i = from; i < to; i++)
            ck_assert_msg(got[topic][born_b][p][i] == 1,
                          "%s %d of partition %d read %d times", names[topic],
                          i, p, got[topic][born_b][p][i]);
}

static int
count_tracks(const struct member *m)
{
    int n = 0;
    for (const struct track *tr = m->c->track; tr; tr = tr->more)
        n++;
    return n;
}

/* ---- tests --------------------------------------------------------------- */

static int64_t
offset_in(rd_kafka_topic_partition_list_t *l, const char *topic)
{
    return rd_kafka_topic_partition_list_find(l, topic, 0)->offset;
}

START_TEST(topics_of_two_clusters_are_read_by_one_handle)
{
    struct member m;
    rd_kafka_topic_partition_list_t *l = NULL;
    produce(&a, "orders", 0, 40);
    produce(&b, "goods", 0, 30);
    produce(&b, "a.goods", SHIFT, 30);
    start(&m);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 40);
    wait_for(&m, GOODS, 1, 0, 30);
    wait_for(&m, GOODS, 0, SHIFT, 30);
    ck_assert_int_eq(count_tracks(&m), 2);
    (void)consumer_commit(m.c, NULL, false); /* perhaps it was done by time */
    ck_assert_int_eq(consumer_assignment(m.c, &l), 0);
    ck_assert_int_eq(l->cnt, 4 * PARTS);
    ck_assert_int_eq(consumer_position(m.c, l), 0);
    ck_assert_int_eq(offset_in(l, "orders"), 40);
    ck_assert_int_eq(offset_in(l, "goods"), 30);
    ck_assert_int_eq(offset_in(l, "a.goods"), 30 - SHIFT);
    ck_assert_int_eq(consumer_committed(m.c, l, DEADLINE_MS), 0);
    ck_assert_int_eq(offset_in(l, "orders"), 40);
    ck_assert_int_eq(offset_in(l, "goods"), 30);
    rd_kafka_topic_partition_list_destroy(l);
    member_stop(&m);
    once(ORDERS, 0, 0, 40);
    once(GOODS, 1, 0, 30);
    once(GOODS, 0, SHIFT, 30);
}
END_TEST

/* Orders goes on where it is. */
START_TEST(a_topic_that_moves_alone_is_read_once)
{
    struct member m;
    produce(&a, "orders", 0, 40);
    produce(&a, "goods", 0, 60);
    produce(&b, "a.goods", SHIFT, 60);
    start(&m);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 40);
    wait_for(&m, GOODS, 0, 0, 60);
    ck_assert_int_eq(count_tracks(&m), 1);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 4, "a"});
    poll_one(&m);
    produce(&a, "orders", 40, 60);
    wait_for(&m, ORDERS, 0, 40, 60);
    wait_for_switch(&m, 1);
    ck_assert_int_eq(m.bound, 0);
    ck_assert_int_eq(count_tracks(&m), 2);
    produce(&b, "a.goods", 60, 80);
    produce(&b, "goods", 0, 20);
    produce(&a, "goods", 60, 80); /* not for us any more */
    produce(&a, "orders", 60, 80);
    wait_for(&m, GOODS, 0, 60, 80);
    wait_for(&m, GOODS, 1, 0, 20);
    wait_for(&m, ORDERS, 0, 60, 80);
    poll_for(&m, 2 * m.e.settle_ms); /* the group of a is left alone by goods */
    produce(&a, "orders", 80, 100);
    produce(&b, "a.goods", 80, 100);
    wait_for(&m, ORDERS, 0, 80, 100);
    wait_for(&m, GOODS, 0, 80, 100);
    ck_assert_uint_eq(m.c->track->cur->n_views, 2);
    member_stop(&m);
    once(ORDERS, 0, 0, 100);
    once(GOODS, 0, 0, 100);
    once(GOODS, 1, 0, 20);
    start(&m); /* again: everything is committed where it is */
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 4, "a"});
    produce(&a, "orders", 100, 110);
    produce(&b, "a.goods", 100, 110);
    wait_for(&m, ORDERS, 0, 100, 110);
    wait_for(&m, GOODS, 0, 100, 110);
    member_stop(&m);
    once(ORDERS, 0, 0, 110);
    once(GOODS, 0, 0, 110);
}
END_TEST

START_TEST(a_topic_whose_move_is_called_off_stays)
{
    struct member m;
    produce(&a, "orders", 0, 20);
    produce(&a, "goods", 0, 20);
    start(&m);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 20);
    wait_for(&m, GOODS, 0, 0, 20);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 4, "a"});
    poll_one(&m);
    ck_assert_int_eq(count_tracks(&m), 2);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"a", 5, "b"});
    produce(&a, "orders", 20, 40);
    produce(&a, "goods", 20, 40);
    wait_for(&m, ORDERS, 0, 20, 40);
    wait_for(&m, GOODS, 0, 20, 40);
    ck_assert_int_eq(count_tracks(&m), 1);
    ck_assert_int_eq(m.switched, 0);
    ck_assert_str_eq(m.control.state, "running");
    member_stop(&m);
    once(ORDERS, 0, 0, 40);
    once(GOODS, 0, 0, 40);
}
END_TEST

/* One after the other, and together back. */
START_TEST(topics_follow_each_other)
{
    struct member m;
    produce(&a, "orders", 0, 40);
    produce(&a, "goods", 0, 40);
    produce(&b, "a.orders", SHIFT, 40);
    produce(&b, "a.goods", SHIFT, 40);
    start(&m);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 40);
    wait_for(&m, GOODS, 0, 0, 40);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 4, "a"});
    wait_for_switch(&m, 1);
    route_both(&m, (struct leg){"b", 5, "a"}, (struct leg){"b", 4, "a"});
    wait_for_switch(&m, 2);
    produce(&b, "a.orders", 40, 60);
    produce(&b, "a.goods", 40, 60);
    produce(&a, "orders", 40, 60);
    produce(&a, "goods", 40, 60);
    wait_for(&m, ORDERS, 0, 40, 60);
    wait_for(&m, GOODS, 0, 40, 60);
    route_both(&m, (struct leg){"a", 6, "b"}, (struct leg){"a", 6, "b"});
    wait_for_switch(&m, 4);
    produce(&a, "orders", 60, 80);
    produce(&a, "goods", 60, 80);
    wait_for(&m, ORDERS, 0, 60, 80);
    wait_for(&m, GOODS, 0, 60, 80);
    subscribe_to(&m, 1);
    poll_for(&m, 500);
    ck_assert_int_eq(count_tracks(&m), 1);
    produce(&a, "goods", 80, 90);
    produce(&a, "orders", 80, 90);
    wait_for(&m, ORDERS, 0, 80, 90);
    member_stop(&m);
    once(ORDERS, 0, 0, 90);
    once(GOODS, 0, 0, 80);
    ck_assert_int_eq(got[GOODS][0][0][85], 0);
}
END_TEST

/* The second begins to move before the first has arrived. */
START_TEST(topics_overtake_each_other)
{
    struct member m;
    produce(&a, "orders", 0, 60);
    produce(&a, "goods", 0, 60);
    produce(&b, "a.orders", SHIFT, 80);
    produce(&b, "a.goods", SHIFT, 80);
    start(&m);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 60);
    wait_for(&m, GOODS, 0, 0, 60);
    route_both(&m, (struct leg){"a", 3, NULL}, (struct leg){"b", 4, "a"});
    poll_one(&m);
    route_both(&m, (struct leg){"b", 5, "a"}, (struct leg){"b", 4, "a"});
    wait_for(&m, ORDERS, 0, 60, 80);
    wait_for(&m, GOODS, 0, 60, 80);
    member_stop(&m);
    once(ORDERS, 0, 0, 80);
    once(GOODS, 0, 0, 80);
}
END_TEST

/* Each flip finds the ones before under way; nothing may be lost. */
START_TEST(topics_flip_at_random)
{
    static const char *const clusters[] = {"a", "b"};
    struct member m;
    struct leg leg[TOPICS] = {{"a", 3, NULL}, {"a", 3, NULL}};
    const char *const given = getenv("T_SEED");
    unsigned seed = given ? (unsigned)atoi(given) : 7;
    produce(&a, "orders", 0, 60);
    produce(&a, "goods", 0, 60);
    produce(&b, "a.orders", SHIFT, 60);
    produce(&b, "a.goods", SHIFT, 60);
    start(&m);
    route_both(&m, leg[0], leg[1]);
    wait_for(&m, ORDERS, 0, 0, 60);
    wait_for(&m, GOODS, 0, 0, 60);
    for (int64_t i = 0; i < 20; i++) {
        const int which = rand_r(&seed) % TOPICS;
        const bool at_a = strcmp(leg[which].cluster, "a") == 0;
        leg[which] = (struct leg){clusters[at_a], 4 + i, clusters[!at_a]};
        route_both(&m, leg[0], leg[1]);
        poll_for(&m, rand_r(&seed) % 900);
    }
    leg[ORDERS] = (struct leg){"b", 40, "a"};
    leg[GOODS] = (struct leg){"a", 40, "b"};
    route_both(&m, leg[0], leg[1]);
    produce(&a, "goods", 60, 80);
    produce(&b, "a.goods", 60, 80);
    produce(&a, "orders", 60, 80);
    produce(&b, "a.orders", 60, 80);
    wait_for(&m, ORDERS, 0, 60, 80);
    wait_for(&m, GOODS, 0, 60, 80);
    member_stop(&m);
}
END_TEST

/* ---- patterns ------------------------------------------------------------ */

static void
subscribe_pattern(struct member *m, const char *pattern)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, pattern, RD_KAFKA_PARTITION_UA);
    ck_assert_int_eq(consumer_subscribe(m->c, l), 0);
    rd_kafka_topic_partition_list_destroy(l);
}

/* The pattern is routed to where goods is, and besides them orders. */
static void
route_pattern(struct member *m, const char *pattern, struct leg orders,
              struct leg goods)
{
    struct route *r = make_route(orders.cluster, orders.since, orders.previous);
    struct route *second =
        make_route(goods.cluster, goods.since, goods.previous);
    append_goods(&r->answer, &second->answer);
    route_unref(second);
    struct pt_answer *w = &r->answer;
    w->routes = realloc(w->routes, 3 * sizeof(*w->routes));
    w->routes[2] = (struct pt_route){.topic = strdup(pattern),
                                     .cluster = strdup(goods.cluster),
                                     .rule = strdup("r"),
                                     .since = goods.since};
    w->n_routes = 3;
    pthread_mutex_lock(&route_mutex);
    struct route *old = m->control.route;
    m->control.route = r;
    pthread_mutex_unlock(&route_mutex);
    route_unref(old);
    consumer_news(m->c);
}

START_TEST(a_pattern_is_matched_on_logical_names)
{
    static const char pattern[] = "^(or|go)[a-z]+s$";
    struct member m;
    rd_kafka_topic_partition_list_t *l = NULL;
    produce(&a, "orders", 0, 20);
    produce(&a, "goods", 0, 40);
    produce(&b, "a.goods", SHIFT, 40);
    member_make(&m);
    m.e.settle_ms = 1000;
    member_set(&m, "topic.metadata.refresh.interval.ms", "200");
    member_renew(&m);
    subscribe_pattern(&m, pattern);
    route_pattern(&m, pattern, (struct leg){"a", 3, NULL},
                  (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 20);
    wait_for(&m, GOODS, 0, 0, 40);
    ck_assert_int_eq(consumer_subscription(m.c, &l), 0);
    ck_assert_int_eq(l->cnt, 1);
    ck_assert_str_eq(l->elems[0].topic, pattern);
    rd_kafka_topic_partition_list_destroy(l);
    route_pattern(&m, pattern, (struct leg){"a", 3, NULL},
                  (struct leg){"b", 4, "a"});
    wait_for_switch(&m, 1);
    produce(&b, "goods", 0, 10);
    produce(&b, "a.goods", 40, 50);
    produce(&a, "orders", 20, 40);
    wait_for(&m, GOODS, 1, 0, 10);
    wait_for(&m, GOODS, 0, 40, 50);
    wait_for(&m, ORDERS, 0, 20, 40);
    member_stop(&m);
    once(ORDERS, 0, 0, 40);
    once(GOODS, 0, 0, 50);
    once(GOODS, 1, 0, 10);
}
END_TEST

START_TEST(what_is_blacklisted_or_made_later)
{
    struct member m;
    produce(&a, "orders", 0, 10);
    produce(&a, "goods", 0, 10);
    member_make(&m);
    member_set(&m, "topic.metadata.refresh.interval.ms", "200");
    member_set(&m, "topic.blacklist", "^x,^goo");
    member_renew(&m);
    subscribe_pattern(&m, "^.*");
    route_pattern(&m, "^.*", (struct leg){"a", 3, NULL},
                  (struct leg){"a", 3, NULL});
    wait_for(&m, ORDERS, 0, 0, 10);
    poll_for(&m, 500);
    ck_assert_int_eq(got[GOODS][0][0][0], 0);
    ck_assert(!strlist_has(&m.c->finders.v[0].found, "later"));
    rd_kafka_mock_topic_create(a.mock, "later", 1, 1);
    const int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!strlist_has(&m.c->finders.v[0].found, "later")) {
        ck_assert_int_lt(clock_mono_ms(), end);
        poll_one(&m);
    }
    ck_assert(!strlist_has(&m.c->track->topics, "later")); /* no route */
    ck_assert_int_eq(consumer_unsubscribe(m.c), 0);
    ck_assert_uint_eq(m.c->finders.n, 0);
    member_stop(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("split");
    add_in(start_both, s, "two", topics_of_two_clusters_are_read_by_one_handle);
    add_in(start_both, s, "alone", a_topic_that_moves_alone_is_read_once);
    add_in(start_both, s, "called off", a_topic_whose_move_is_called_off_stays);
    add_in(start_both, s, "follow", topics_follow_each_other);
    add_in(start_both, s, "overtake", topics_overtake_each_other);
    add_in(start_both, s, "random", topics_flip_at_random);
    add_in(start_both, s, "pattern", a_pattern_is_matched_on_logical_names);
    add_in(start_both, s, "blacklist", what_is_blacklisted_or_made_later);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
