/*
 * A record carries its number and the time at which it was produced; two
 * threads read, one the original and one the copy, and note how long each has
 * taken.  `added` is by how much later the copy of a record has come.  Prints
 *   {"copy":{"p50_us":..,"p99_us":..},"original":{...},"added":{...},"n":..}
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "tests/tools/bench_replicator/bench_replicator.h"
#include "tests/tools/wire/wire.h"

#define SIZE_B  100
#define POLL_MS 100
#define LATE_US 30000000

struct stamp {
    int64_t number, sent_us;
};

struct reader {
    const struct latency_job *job;
    const char *bootstrap, *topic;
    int64_t *us; /* by number, from the first that counts; -1: not here yet */
    int64_t n;
    pthread_t thread;
};

static int64_t
first_counted(const struct latency_job *j)
{
    return j->rate * j->warm_up_s;
}

static rd_kafka_t *
open_reader(const struct reader *r)
{
    const char *const options[] = {"group.id", "bench", "enable.auto.commit",
                                   "false", NULL};
    rd_kafka_t *rk = open_client(RD_KAFKA_CONSUMER, r->bootstrap, options);
    rd_kafka_topic_partition_list_t *all =
        rd_kafka_topic_partition_list_new(r->job->partitions);
    for (int32_t p = 0; p < r->job->partitions; p++)
        rd_kafka_topic_partition_list_add(all, r->topic, p)->offset =
            RD_KAFKA_OFFSET_END;
    if (rd_kafka_assign(rk, all))
        die("%s cannot be read", r->topic);
    rd_kafka_topic_partition_list_destroy(all);
    (void)rd_kafka_poll_set_consumer(rk); /* it is a consumer */
    return rk;
}

/* Is it one that counts, and the first time that it comes? */
static bool
note(struct reader *r, const rd_kafka_message_t *m)
{
    struct stamp s;
    if (m->err || m->len != SIZE_B)
        return false;
    memcpy(&s, m->payload, sizeof(s));
    const int64_t i = s.number - first_counted(r->job);
    if (i < 0 || i >= r->n || r->us[i] >= 0)
        return false;
    r->us[i] = clock_mono_us() - s.sent_us;
    return true;
}

static void *
read_all(void *arg)
{
    struct reader *r = arg;
    rd_kafka_t *rk = open_reader(r);
    const int64_t end_us = clock_mono_us() +
                           (r->job->warm_up_s + r->job->seconds) * 1000000 +
                           LATE_US;
    for (int64_t got = 0; got < r->n;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, POLL_MS);
        if (clock_mono_us() > end_us)
            die("%s: %lld of %lld records have come", r->topic, (long long)got,
                (long long)r->n);
        if (!m)
            continue;
        got += note(r, m);
        rd_kafka_message_destroy(m);
    }
    rd_kafka_destroy(rk);
    return NULL;
}

static void
wait_until(int64_t at_us)
{
    const struct timespec at = {.tv_sec = at_us / 1000000,
                                .tv_nsec = at_us % 1000000 * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void
write_all(const struct latency_job *j)
{
    /* linger.ms is what both Java and librdkafka begin with: a request for each
     * record would measure the broker. */
    const char *const options[] = {"linger.ms", "5",
                                   "delivery.report.only.error", "true", NULL};
    rd_kafka_t *rk = open_client(RD_KAFKA_PRODUCER, j->source, options);
    rd_kafka_topic_t *to = rd_kafka_topic_new(rk, j->topic, NULL);
    const int64_t start_us = clock_mono_us();
    const int64_t n = j->rate * (j->warm_up_s + j->seconds);
    for (int64_t i = 0; i < n; i++) {
        char value[SIZE_B] = {0};
        wait_until(start_us + i * 1000000 / j->rate);
        const struct stamp s = {.number = i, .sent_us = clock_mono_us()};
        memcpy(value, &s, sizeof(s));
        put_record(rk, to, (int32_t)(i % j->partitions), value, sizeof(value));
        (void)rd_kafka_poll(rk, 0);
    }
    flush_all(rk);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(rk);
}

static void
start_reader(struct reader *r)
{
    r->n = r->job->rate * r->job->seconds;
    r->us = xcalloc((size_t)r->n, sizeof(*r->us));
    for (int64_t i = 0; i < r->n; i++)
        r->us[i] = -1;
    if (pthread_create(&r->thread, NULL, read_all, r) != 0)
        die("cannot start a thread");
}

static void
tell(const char *who, int64_t *us, int64_t n)
{
    qsort(us, (size_t)n, sizeof(*us), compare_i64);
    (void)printf("\"%s\":{\"p50_us\":%lld,\"p99_us\":%lld},", who,
                 (long long)us[n / 2], (long long)us[n * 99 / 100]);
}

void
measure_latency(const struct latency_job *j)
{
    struct reader copy = {j, j->target, j->remote, NULL, 0, 0};
    struct reader original = {j, j->source, j->topic, NULL, 0, 0};
    start_reader(&copy);
    start_reader(&original);
    write_all(j);
    (void)pthread_join(copy.thread, NULL);
    (void)pthread_join(original.thread, NULL);
    int64_t *added = xcalloc((size_t)copy.n, sizeof(*added));
    for (int64_t i = 0; i < copy.n; i++)
        added[i] = copy.us[i] - original.us[i];
    (void)printf("{");
    tell("copy", copy.us, copy.n);
    tell("original", original.us, copy.n);
    tell("added", added, copy.n);
    (void)printf("\"n\":%lld}\n", (long long)copy.n);
    free(added);
    free(copy.us);
    free(original.us);
}
