/*
 * Clients that are made and closed, again and again: no thread, descriptor or
 * memory stays behind.
 *
 * The first cycles are not counted: libraries keep what they make once.
 */
#include <dirent.h>
#include <malloc.h>

#include "tests/unit/sdk-hard/client.h"

#define WARM_UP  30
#define KEPT_MAX (64 << 10) /* bytes; an object a cycle would be more */

#define CYCLES   1000
#define TOGETHER 5 /* clients live at once: closing is mostly waiting */

static int
entries(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

struct usage {
    int threads, files;
    size_t bytes;
};

static struct usage
usage_now(void)
{
    return (struct usage){entries("/proc/self/task"), entries("/proc/self/fd"),
                          mallinfo2().uordblks};
}

static bool
is_back(void *arg)
{
    const struct usage *first = arg;
    const struct usage now = usage_now();
    return now.threads <= first->threads && now.files <= first->files &&
           now.bytes <= first->bytes + KEPT_MAX;
}

static void
expect_nothing_stays(void (*cycle)(int i))
{
    for (int i = 0; i < WARM_UP; i += TOGETHER)
        cycle(i);
    struct usage first = usage_now();
    for (int i = 0; i < CYCLES; i += TOGETHER)
        cycle(i);
    const bool back = wait_until(is_back, &first, WAIT_MS);
    const struct usage now = usage_now();
    ck_assert_msg(
        back,
        "after %d cycles: threads %d -> %d, files %d -> %d, bytes %zu "
        "-> %zu",
        CYCLES, first.threads, now.threads, first.files, now.files, first.bytes,
        now.bytes);
}

static shunt_t *
client_new(rd_kafka_type_t type, shunt_conf_t *conf)
{
    char why[256];
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

/* Some are closed at once, some when they are on their cluster. */
static void
wait_routed(shunt_t *rk, int i)
{
    for (int n = 0; i % 4 == 0 && n < 1000 && !shunt_cluster(rk); n++) {
        rd_kafka_message_t *m = shunt_consumer_poll(rk, 5);
        if (m)
            rd_kafka_message_destroy(m);
    }
}

static shunt_t *
consumer_made(int i)
{
    shunt_conf_t *conf = client_conf("orders");
    client_conf_consumer(conf, "readers");
    shunt_t *rk = client_new(RD_KAFKA_CONSUMER, conf);
    if (i % 3 == 0)
        return rk; /* and nothing is done with it */
    ck_assert_int_eq(client_subscribe(rk), 0);
    wait_routed(rk, i);
    return rk;
}

static void
consumer_cycles(int first)
{
    shunt_t *made[TOGETHER];
    for (int i = 0; i < TOGETHER; i++)
        made[i] = consumer_made(first + i);
    for (int i = 0; i < TOGETHER; i++) {
        if ((first + i) % 2)
            ck_assert_int_eq(shunt_consumer_close(made[i]), 0);
        shunt_destroy(made[i]);
    }
}

/* The embedded cluster keeps in this process what is sent to it: only some of
 * them do. */
static shunt_t *
producer_made(int i)
{
    static char value[] = "x"; /* not copied, and sent when we have returned */
    shunt_t *rk = client_new(RD_KAFKA_PRODUCER, client_conf("orders"));
    if (i % 50 < 2) /* without a topic it has no route */
        ck_assert_int_eq(shunt_producev(rk, RD_KAFKA_V_TOPIC("orders"),
                                        RD_KAFKA_V_VALUE(value, 1),
                                        RD_KAFKA_V_END),
                         0);
    if (i % 50 < 1)
        ck_assert_int_eq(shunt_flush(rk, WAIT_MS), 0);
    return rk;
}

static void
producer_cycles(int first)
{
    shunt_t *made[TOGETHER];
    for (int i = 0; i < TOGETHER; i++)
        made[i] = producer_made(first + i);
    for (int i = 0; i < TOGETHER; i++)
        shunt_destroy(made[i]);
}

START_TEST(consumers_leave_nothing_behind)
{
    expect_nothing_stays(consumer_cycles);
}
END_TEST

START_TEST(producers_leave_nothing_behind)
{
    expect_nothing_stays(producer_cycles);
}
END_TEST

static void
tests(TCase *t)
{
    tcase_add_test(t, consumers_leave_nothing_behind);
    tcase_add_test(t, producers_leave_nothing_behind);
}

HARD_MAIN("cycles", tests)
