/* What is kept ready on the cluster that the route names as standby.  See
 * consumer_world.h. */
#include "common/base/clock.h"
#include "sdk/src/consumer/consumer_impl.h"
#include "sdk/src/consumer/gauges.h"
#include "tests/unit/sdk/consumer_member.h"

static void
route(struct member *m, const char *cluster, int64_t since,
      const char *previous, const char *standby)
{
    struct route *r = make_route(cluster, since, previous);
    struct pt_route *t = &r->answer.routes[0];
    const bool on_a = standby && strcmp(standby, "a") == 0;
    if (standby) {
        t->standby = strdup(standby);
        t->standby_view = calloc(2, sizeof(*t->standby_view));
        t->n_standby_view = 2;
        t->standby_view[0] =
            (struct pt_view){strdup("orders"), strdup(standby)};
        t->standby_view[1] = (struct pt_view){
            strdup(on_a ? "b.orders" : "a.orders"), strdup(on_a ? "b" : "a")};
    }
    route_unref(m->control.route);
    m->control.route = r;
    consumer_news(m->c);
}

static void
begin(struct member *m, enum switch_standby standby)
{
    member_make(m);
    m->e.standby = standby;
    member_renew(m);
    member_subscribe(m);
    produce(&a, "orders", 0, 20);
    produce(&b, "a.orders", SHIFT, 20);
    route(m, "a", 3, NULL, "b");
}

static void
read_to(struct member *m, int to)
{
    for (int p = 0; p < PARTS; p++)
        member_read(m, 0, p, 0, to);
}

static void
end(struct member *m, int read)
{
    member_stop(m);
    for (int p = 0; p < PARTS; p++)
        member_once(0, p, 0, read);
}

static const struct generation *
standby_of(struct member *m)
{
    return m->c->track->standby;
}

static bool
ready(struct member *m)
{
    bool is;
    return consumer_standby(m->c, &is) && is;
}

#define POLL_UNTIL(m, condition)                                               \
    do {                                                                       \
        const int64_t end_ms = clock_mono_ms() + DEADLINE_MS;                  \
        while (!(condition)) {                                                 \
            ck_assert_msg(clock_mono_ms() < end_ms, #condition);               \
            member_poll(m);                                                    \
        }                                                                      \
    } while (0)

START_TEST(a_failover_to_a_standby_joins_nothing)
{
    struct member m;
    begin(&m, STANDBY_JOIN);
    read_to(&m, 20);
    POLL_UNTIL(&m, m.standbys == 1);
    ck_assert(ready(&m));
    const struct generation *kept = standby_of(&m);
    ck_assert(kept->joined);
    produce(&b, "a.orders", 20, 40);
    rd_kafka_mock_broker_set_down(a.mock, 1);
    route(&m, "b", 4, "a", "a");
    read_to(&m, 40);
    ck_assert_int_eq(m.switched, 1);
    ck_assert_ptr_eq(m.c->track->cur, kept);
    ck_assert(!ready(&m));
    rd_kafka_mock_broker_set_up(a.mock, 1);
    POLL_UNTIL(&m, m.standbys == 2); /* the next one, on a */
    ck_assert_str_eq(standby_of(&m)->cluster, "a");
    end(&m, 40);
}
END_TEST

START_TEST(a_standby_says_whether_it_is_ready)
{
    struct member m;
    begin(&m, STANDBY_CONNECT);
    POLL_UNTIL(&m, m.standbys == 1);
    ck_assert(!standby_of(&m)->subscribed);
    rd_kafka_mock_broker_set_down(b.mock, 1);
    POLL_UNTIL(&m, !ready(&m));
    rd_kafka_mock_broker_set_up(b.mock, 1);
    POLL_UNTIL(&m, m.standbys == 2);
    ck_assert(ready(&m));
    read_to(&m, 20);
    end(&m, 20);
}
END_TEST

START_TEST(a_standby_follows_the_route)
{
    struct member m;
    begin(&m, STANDBY_CONNECT);
    POLL_UNTIL(&m, standby_of(&m));
    route(&m, "a", 3, NULL, NULL);
    POLL_UNTIL(&m, !standby_of(&m));
    route(&m, "a", 4, NULL, "a"); /* it is there */
    read_to(&m, 20);
    ck_assert_ptr_null(standby_of(&m));
    route(&m, "a", 4, NULL, "b");
    POLL_UNTIL(&m, standby_of(&m));
    route(&m, "b", 5, "a", NULL);
    POLL_UNTIL(&m, m.switched == 1);
    produce(&a, "orders", 20, 40);
    produce(&b, "a.orders", 20, 40);
    read_to(&m, 40);
    end(&m, 40);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("standby");
    add(s, "failover", a_failover_to_a_standby_joins_nothing);
    add(s, "ready", a_standby_says_whether_it_is_ready);
    add(s, "follow", a_standby_follows_the_route);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
