/*
 * bench_sdk (bench_bare): the same work over libshunt (over librdkafka).
 *
 *   bench_sdk produce N SIZE TOPIC [KEY=VALUE...]
 *   bench_sdk consume N SIZE TOPIC [KEY=VALUE...]     shunt_consumer_poll()
 *   bench_sdk batch N SIZE TOPIC [KEY=VALUE...]       1,000 a call
 *   bench_sdk latency RATE SECONDS TOPIC [KEY=VALUE...]
 *   bench_sdk feed 0 0 TOPIC [KEY=VALUE...]           until SIGTERM
 *   bench_sdk write RATE 0 TOPIC [KEY=VALUE...]       pauses, until SIGTERM
 *   bench_sdk producers|consumers COUNT 0 TOPIC [KEY=VALUE...]  memory, idle
 *   bench_sdk follow 0 0 TOPIC [KEY=VALUE...]         gaps, until SIGTERM
 *
 * Each prints one line of JSON; `follow` one for each gap.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/tools/bench_sdk/port.h"

void
die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(1);
}

void
job_set(config_t *conf, const char *key, const char *value)
{
    char why[512];
    if (K(conf_set)(conf, key, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
        die("%s", why);
}

config_t *
job_conf(const struct job *j)
{
    config_t *conf = K(conf_new)();
    if (!conf)
        die("out of memory");
    for (int i = 0; i < j->n_props; i++) {
        char *value = strchr(j->props[i], '=');
        if (!value)
            die("%s is not KEY=VALUE", j->props[i]);
        *value = '\0';
        job_set(conf, j->props[i], value + 1);
        *value = '=';
    }
    return conf;
}

handle_t *
job_open(rd_kafka_type_t type, config_t *conf)
{
    char why[512];
    handle_t *rk = K(new)(type, conf, why, sizeof(why));
    if (!rk)
        die("%s", why);
    return rk;
}

void
job_subscribe(handle_t *rk, const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t rc = K(subscribe)(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    if (rc)
        die("cannot subscribe to %s: %s", topic, rd_kafka_err2str(rc));
}

static int64_t
us_of(const struct timeval *t)
{
    return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

struct span
span_now(void)
{
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) != 0)
        die("getrusage: %s", strerror(errno));
    return (struct span){clock_mono_us(),
                         us_of(&r.ru_utime) + us_of(&r.ru_stime)};
}

void
span_print(const struct span *since, int64_t n)
{
    const struct span now = span_now();
    (void)printf("{\"n\":%lld,\"seconds\":%.6f,\"cpu_us_per_record\":%.4f}\n",
                 (long long)n, (double)(now.wall_us - since->wall_us) / 1e6,
                 (double)(now.cpu_us - since->cpu_us) / (double)n);
}

static int
by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void
print_quantiles(int64_t *us, size_t n)
{
    if (n == 0)
        die("nothing was measured");
    qsort(us, n, sizeof(*us), by_value);
    (void)printf("{\"n\":%zu,\"p50_us\":%lld,\"p99_us\":%lld}\n", n,
                 (long long)us[n / 2], (long long)us[n * 99 / 100]);
}

static int64_t
number(const char *text)
{
    char *end;
    errno = 0;
    const int64_t n = strtoll(text, &end, 10);
    if (errno || *end || n < 0)
        die("%s is not a number", text);
    return n;
}

int
main(int argc, char **argv)
{
    if (argc < 5)
        die("usage: %s produce|consume|batch|latency|feed|write|producers|"
            "consumers|follow N SIZE TOPIC [KEY=VALUE...]",
            argv[0]);
    const char *what = argv[1];
    const struct job j = {.topic = argv[4],
                          .n = number(argv[2]),
                          .size = (size_t)number(argv[3]),
                          .batch = strcmp(what, "batch") == 0,
                          .props = argv + 5,
                          .n_props = argc - 5};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "produce") == 0)
        run_produce(&j);
    else if (strcmp(what, "consume") == 0 || j.batch)
        run_consume(&j);
    else if (strcmp(what, "latency") == 0)
        run_latency(&j);
    else if (strcmp(what, "feed") == 0)
        run_feed(&j);
    else if (strcmp(what, "producers") == 0)
        run_idle(RD_KAFKA_PRODUCER, &j);
    else if (strcmp(what, "consumers") == 0)
        run_idle(RD_KAFKA_CONSUMER, &j);
    else if (strcmp(what, "write") == 0)
        run_write(&j);
    else if (strcmp(what, "follow") == 0)
        run_follow(&j);
    else
        die("there is no %s", what);
    return 0;
}
