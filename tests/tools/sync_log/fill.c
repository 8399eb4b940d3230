/*
 * Owns the producer.  Only failures are reported back, which takes the least
 * of the machine.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/mm2/codec.h"
#include "tests/tools/sync_log/sync_log.h"
#include "tests/tools/wire/wire.h"

#define FLUSH_MS 60000
#define SAMPLES  100000

static void
on_failure(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    die("a record was not written: %s", rd_kafka_err2str(m->err));
}

static rd_kafka_t *
producer(const char *bootstrap)
{
    static const char *const options[][2] = {
        {"delivery.report.only.error", "true"},
        {"queue.buffering.max.messages", "1000000"},
        {"enable.idempotence", "true"},
        {"linger.ms", "20"},
    };
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_failure);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                          sizeof(why)))
        die("%s", why);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (rd_kafka_conf_set(conf, options[i][0], options[i][1], why,
                              sizeof(why)))
            die("%s", why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk)
        die("%s: %s", bootstrap, why);
    return rk;
}

static void
write_one(rd_kafka_t *rk, rd_kafka_topic_t *to, const struct mm2_bytes *b)
{
    while (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, b->value, b->value_len,
                            b->key, b->key_len, NULL)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("cannot write: %s", rd_kafka_err2str(rd_kafka_last_error()));
        (void)rd_kafka_poll(rk, 10);
    }
}

static void
write_sync(rd_kafka_t *rk, rd_kafka_topic_t *to, const struct sync *s)
{
    char topic[32];
    struct mm2_bytes b;
    (void)snprintf(topic, sizeof(topic), "team%u.orders", s->part % TOPICS);
    const struct mm2_offset_sync sync = {topic, (int32_t)(s->part / TOPICS),
                                         s->up, s->down};
    if (mm2_offset_sync_encode(&sync, &b))
        die("a sync cannot be encoded");
    write_one(rk, to, &b);
    mm2_bytes_fini(&b);
}

static void
show_sample(const struct sync *s, bool first)
{
    (void)printf("%s[\"team%u.orders\",%u,%lld,%lld]", first ? "" : ",",
                 s->part % TOPICS, s->part / TOPICS, (long long)s->up,
                 (long long)s->down);
}

/* {"samples":[[topic, partition, up, down]...],"n":..,"seconds":..} */
void
fill_log(const char *bootstrap, const char *topic, int64_t n, size_t parts)
{
    rd_kafka_t *rk = producer(bootstrap);
    rd_kafka_topic_t *to = rd_kafka_topic_new(rk, topic, NULL);
    struct makings *m = makings_new(parts);
    const int64_t start = clock_mono_us();
    const int64_t step = n > SAMPLES ? n / SAMPLES : 1;
    (void)printf("{\"samples\":[");
    for (int64_t i = 0; i < n; i++) {
        const struct sync s = makings_next(m);
        write_sync(rk, to, &s);
        if (i % step == 0)
            show_sample(&s, i == 0);
        if (i % 1000 == 0)
            (void)rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, FLUSH_MS))
        die("%s: not all was written in %d s", topic, FLUSH_MS / 1000);
    (void)printf("],\"n\":%lld,\"seconds\":%.3f}\n", (long long)n,
                 (double)(clock_mono_us() - start) / 1e6);
    makings_free(m);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(rk);
}
