/*
 * Reads a topic and says where and when: the time of the last record of each
 * partition from one place, and of its first from another.  Over libshunt a
 * place is a cluster, and the route moves the reader.  Over librdkafka, where
 * nothing follows, each line of standard input names the bootstrap servers to
 * close and open on: how an application moves without Shunt.
 *
 * {"last":P,"place":"a","at_us":N}, {"first":P,"place":"b","at_us":N}; an event
 * of libshunt: {"event":...}.  Times are of the machine's monotonic clock.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/tools/bench_sdk/port.h"

#define PARTITIONS 64

static volatile sig_atomic_t stopping;

/* Of each partition: when its last record came, and from where. */
static struct {
    int64_t last_us;
    const char *place;
} seen[PARTITIONS];
static const char *place;

static void
on_signal(int signo)
{
    (void)signo;
    stopping = 1;
}

static void
say(const char *what, int partition, const char *where, int64_t at_us)
{
    (void)printf("{\"%s\":%d,\"place\":\"%s\",\"at_us\":%lld}\n", what,
                 partition, where, (long long)at_us);
}

/* Whoever reads a partition next may be another process. */
static void
say_left(void)
{
    for (int p = 0; p < PARTITIONS; p++)
        if (seen[p].place && seen[p].place != place) {
            say("last", p, seen[p].place, seen[p].last_us);
            seen[p].place = NULL;
        }
}

static void
take(const rd_kafka_message_t *m, const char *from)
{
    if (m->err || m->partition < 0 || m->partition >= PARTITIONS)
        return;
    const int64_t now_us = clock_mono_us();
    if (place != from) {
        place = from;
        say_left();
    }
    if (!seen[m->partition].place)
        say("first", m->partition, place, now_us);
    seen[m->partition].place = place;
    seen[m->partition].last_us = now_us;
}

static void
read_one(handle_t *rk, const char *from)
{
    rd_kafka_message_t *m = K(consumer_poll)(rk, 100);
    if (!m)
        return;
#ifndef BARE
    from = shunt_cluster(rk);
#endif
    take(m, from);
    rd_kafka_message_destroy(m);
}

#ifdef BARE
static bool
told_to_move(char *servers, int size)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return false;
    if (!fgets(servers, size, stdin)) {
        stopping = 1;
        return false;
    }
    servers[strcspn(servers, "\n")] = '\0';
    return true;
}

static handle_t *
open_at(const struct job *j, const char *servers)
{
    config_t *conf = job_conf(j);
    if (servers)
        job_set(conf, "bootstrap.servers", servers);
    handle_t *rk = job_open(RD_KAFKA_CONSUMER, conf);
    (void)rd_kafka_poll_set_consumer(rk);
    job_subscribe(rk, j->topic);
    return rk;
}

static void
follow(const struct job *j)
{
    static char servers[2][512]; /* in turn: a place is told by its address */
    const char *from = "start";
    int at = 0;
    handle_t *rk = open_at(j, NULL);
    while (!stopping) {
        read_one(rk, from);
        if (!told_to_move(servers[at], sizeof(servers[at])))
            continue;
        (void)rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        from = servers[at];
        rk = open_at(j, from);
        at = !at;
    }
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}
#else
static void
on_event(shunt_t *rk, const shunt_event_t *e, void *opaque)
{
    (void)rk;
    (void)opaque;
    const char *to = shunt_event_to(e);
    (void)printf("{\"event\":\"%s\",\"to\":\"%s\",\"stall_ms\":%lld,"
                 "\"reread\":%lld,\"at_us\":%lld,\"text\":\"%s\"}\n",
                 shunt_event_name(e), to ? to : "",
                 (long long)shunt_event_stall_ms(e),
                 (long long)shunt_event_reread_bound(e),
                 (long long)clock_mono_us(), shunt_event_text(e));
}

static void
follow(const struct job *j)
{
    config_t *conf = job_conf(j);
    shunt_conf_set_event_cb(conf, on_event);
    handle_t *rk = job_open(RD_KAFKA_CONSUMER, conf);
    job_subscribe(rk, j->topic);
    while (!stopping)
        read_one(rk, NULL);
    (void)shunt_consumer_close(rk);
    shunt_destroy(rk);
}
#endif

void
run_follow(const struct job *j)
{
    const struct sigaction act = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigaction(SIGINT, &act, NULL);
    follow(j);
}
