/*
 * Callbacks of a configuration reach the application with its own opaque and
 * its own handle, whichever thread of librdkafka makes them.
 */
#include <check.h>
#include <errno.h>
#include <netdb.h>
#include <shunt/shunt.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/sdk/disk_world.h"

static char mine; /* the opaque */
static atomic_int sockets, connects, closes, resolves, strangers;
static int reported, consumed;

static void
look_at(const void *opaque)
{
    if (opaque != &mine)
        atomic_fetch_add(&strangers, 1);
}

static int
on_socket(int domain, int type, int protocol, void *opaque)
{
    look_at(opaque);
    atomic_fetch_add(&sockets, 1);
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

static int
on_connect(int sockfd, const struct sockaddr *addr, int addrlen, const char *id,
           void *opaque)
{
    (void)id;
    look_at(opaque);
    atomic_fetch_add(&connects, 1);
    /* librdkafka's sockets do not block */
    const bool begun =
        connect(sockfd, addr, (socklen_t)addrlen) == 0 || errno == EINPROGRESS;
    return begun ? 0 : errno;
}

static int
on_close(int sockfd, void *opaque)
{
    look_at(opaque);
    atomic_fetch_add(&closes, 1);
    return close(sockfd);
}

static int
on_resolve(const char *node, const char *service, const struct addrinfo *hints,
           struct addrinfo **res, void *opaque)
{
    look_at(opaque);
    atomic_fetch_add(&resolves, 1);
    if (node || service)
        return getaddrinfo(node, service, hints, res);
    freeaddrinfo(*res);
    return 0;
}

static void
on_report(shunt_t *rk, void *payload, size_t len, rd_kafka_resp_err_t err,
          void *opaque, void *msg_opaque)
{
    look_at(opaque);
    ck_assert_ptr_eq(shunt_opaque(rk), &mine);
    ck_assert_int_eq(err, 0);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(memcmp(payload, "hello", 5), 0);
    ck_assert_ptr_eq(msg_opaque, &reported);
    reported++;
}

static void
on_record(rd_kafka_message_t *m, void *opaque)
{
    look_at(opaque);
    ck_assert_int_eq(m->err, 0);
    ck_assert_uint_eq(m->len, 5);
    ck_assert_str_eq(shunt_topic_name(m->rkt), "orders");
    consumed++;
}

static shunt_conf_t *
conf_with_callbacks(void)
{
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_opaque(conf, &mine);
    shunt_conf_set_log_cb(conf, NULL);
    shunt_conf_set_socket_cb(conf, on_socket);
    shunt_conf_set_connect_cb(conf, on_connect);
    shunt_conf_set_closesocket_cb(conf, on_close);
    shunt_conf_set_resolve_cb(conf, on_resolve);
    atomic_store(&sockets, 0);
    atomic_store(&connects, 0);
    atomic_store(&closes, 0);
    atomic_store(&resolves, 0);
    return conf;
}

static void
expect_all_called(void)
{
    ck_assert_int_gt(atomic_load(&sockets), 0);
    ck_assert_int_gt(atomic_load(&connects), 0);
    ck_assert_int_gt(atomic_load(&resolves), 0);
    ck_assert_int_eq(atomic_load(&strangers), 0);
}

START_TEST(of_a_producer)
{
    shunt_conf_t *conf = conf_with_callbacks();
    shunt_conf_set_dr_cb(conf, on_report);
    shunt_t *rk = disk_handle_take(RD_KAFKA_PRODUCER, conf);
    ck_assert_ptr_eq(shunt_conf(rk), conf);
    ck_assert_int_eq(shunt_type(rk), RD_KAFKA_PRODUCER);
    disk_produce(rk, "hello", &reported);
    ck_assert_int_eq(shunt_flush(rk, DEADLINE_MS), 0);
    ck_assert_int_eq(reported, 1);
    expect_all_called();
    shunt_destroy(rk);
    ck_assert_int_gt(atomic_load(&closes), 0);
    ck_assert_int_eq(atomic_load(&strangers), 0);
}
END_TEST

/* Of the one partition that had the record. */
static void
expect_gauges(shunt_t *rk)
{
    char *text = shunt_metrics_text(rk);
    ck_assert_msg(strstr(text, "topic=\"orders\"") && strstr(text, "} 1\n"),
                  "%s", text);
    ck_assert_ptr_nonnull(strstr(text, ",origin=\"a\"} 0\n"));
    free(text);
}

START_TEST(of_a_consumer)
{
    shunt_t *p = disk_handle_take(RD_KAFKA_PRODUCER, shunt_conf_new());
    disk_produce(p, "hello", NULL);
    ck_assert_int_eq(shunt_flush(p, DEADLINE_MS), 0);
    shunt_destroy(p);
    shunt_conf_t *conf = conf_with_callbacks();
    shunt_conf_set_consume_cb(conf, on_record);
    shunt_t *rk = disk_handle_take(RD_KAFKA_CONSUMER, conf);
    disk_subscribe(rk);
    const int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (!consumed && clock_mono_ms() < until_ms)
        ck_assert_ptr_null(shunt_consumer_poll(rk, 100));
    ck_assert_int_eq(consumed, 1);
    expect_all_called();
    expect_gauges(rk);
    ck_assert_int_eq(shunt_consumer_close(rk), 0);
    shunt_destroy(rk);
    ck_assert_int_eq(atomic_load(&strangers), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sdk/conf_cb");
    TCase *t = tcase_create("callbacks");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, disk_world_start, disk_world_stop);
    tcase_add_test(t, of_a_producer);
    tcase_add_test(t, of_a_consumer);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
