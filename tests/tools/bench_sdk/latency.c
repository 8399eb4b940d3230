/*
 * From the produce call to the application of the consumer, at a steady rate:
 * the record carries the time at which it was produced.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "tests/tools/bench_sdk/port.h"

#define FLUSH_MS 30000

struct sender {
    const struct job *job;
    atomic_bool read; /* the consumer has seen a record */
    atomic_bool done;
};

/* Properties that only the other kind knows are refused or warned of: each
 * gets those that begin with "p." or "c.", and those without. */
static handle_t *
open_as(rd_kafka_type_t type, const struct job *j)
{
    const char *mine = type == RD_KAFKA_PRODUCER ? "p." : "c.";
    config_t *conf = K(conf_new)();
    for (int i = 0; i < j->n_props; i++) {
        char *key = j->props[i];
        char *value = strchr(key, '=');
        if (!value || (key[1] == '.' && strncmp(key, mine, 2) != 0))
            continue;
        *value = '\0';
        job_set(conf, key[1] == '.' ? key + 2 : key, value + 1);
        *value = '=';
    }
    return job_open(type, conf);
}

static void
put(handle_t *rk, const char *topic)
{
    int64_t now = clock_mono_us();
    const rd_kafka_resp_err_t rc = K(producev)(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(&now, sizeof(now)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (rc)
        die("produce: %s", rd_kafka_err2str(rc));
    (void)K(poll)(rk, 0);
}

static void
wait_until(int64_t at_us)
{
    const struct timespec at = {.tv_sec = at_us / 1000000,
                                .tv_nsec = at_us % 1000000 * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void *
send_all(void *arg)
{
    struct sender *s = arg;
    const struct job *j = s->job;
    handle_t *rk = open_as(RD_KAFKA_PRODUCER, j);
    const int64_t pause_us = 1000000 / j->n;
    while (!atomic_load(&s->read)) { /* until the consumer is there */
        put(rk, j->topic);
        wait_until(clock_mono_us() + 50000);
    }
    const int64_t start_us = clock_mono_us();
    const int64_t n = j->n * (int64_t)j->size;
    for (int64_t i = 0; i < n; i++) {
        wait_until(start_us + i * pause_us);
        put(rk, j->topic);
    }
    if (K(flush)(rk, FLUSH_MS) != 0)
        die("not everything was acknowledged");
    atomic_store(&s->done, true);
    K(destroy)(rk);
    return NULL;
}

static bool
measure(const rd_kafka_message_t *m, int64_t *us)
{
    int64_t sent;
    if (m->err || m->len != sizeof(sent))
        return false;
    memcpy(&sent, m->payload, sizeof(sent));
    *us = clock_mono_us() - sent;
    return true;
}

/* The first second is not counted. */
void
run_latency(const struct job *j)
{
    struct sender s = {.job = j};
    const size_t max = (size_t)j->n * j->size;
    int64_t *us = calloc(max + 1, sizeof(*us));
    size_t n = 0, skip = (size_t)j->n;
    pthread_t thread;
    if (!us || max <= skip)
        die("RATE 1 or more, SECONDS 2 or more");
    handle_t *rk = open_as(RD_KAFKA_CONSUMER, j);
    job_subscribe(rk, j->topic);
    if (pthread_create(&thread, NULL, send_all, &s) != 0)
        die("cannot start a thread");
    for (bool over = false; n < max && !over;) {
        rd_kafka_message_t *m = K(consumer_poll)(rk, 1000);
        over = !m && atomic_load(&s.done);
        if (!m)
            continue;
        if (measure(m, &us[n])) {
            atomic_store(&s.read, true);
            if (skip > 0)
                skip--;
            else
                n++;
        }
        rd_kafka_message_destroy(m);
    }
    (void)pthread_join(thread, NULL);
    print_quantiles(us, n);
    (void)K(consumer_close)(rk);
    K(destroy)(rk);
    free(us);
}
