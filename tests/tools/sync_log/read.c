/*
 * Owns a consumer with librdkafka's own defaults: what reading a topic costs
 * whoever does nothing with it.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "tests/tools/sync_log/sync_log.h"
#include "tests/tools/wire/wire.h"

#define BATCH   10000
#define POLL_MS 100

static rd_kafka_t *
consumer(const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                          sizeof(why)))
        die("%s", why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!rk)
        die("%s: %s", bootstrap, why);
    return rk;
}

static double
cpu_seconds(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u))
        die("getrusage");
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* How many records are among them. */
static int64_t
drop_all(rd_kafka_message_t **v, ssize_t n)
{
    int64_t records = 0;
    for (ssize_t i = 0; i < n; i++) {
        records += v[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_message_destroy(v[i]);
    }
    return records;
}

/* {"n":..,"seconds":..,"cpu_s":..} */
void
read_log(const char *bootstrap, const char *topic, int64_t n)
{
    static rd_kafka_message_t *v[BATCH];
    rd_kafka_t *rk = consumer(bootstrap);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    const int64_t start = clock_mono_us();
    if (rd_kafka_consume_start(rkt, 0, RD_KAFKA_OFFSET_BEGINNING))
        die("%s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
    int64_t got = 0;
    while (got < n)
        got += drop_all(v, rd_kafka_consume_batch(rkt, 0, POLL_MS, v, BATCH));
    (void)printf("{\"n\":%lld,\"seconds\":%.3f,\"cpu_s\":%.3f}\n",
                 (long long)got, (double)(clock_mono_us() - start) / 1e6,
                 cpu_seconds());
    (void)rd_kafka_consume_stop(rkt, 0); /* it was started */
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
}
