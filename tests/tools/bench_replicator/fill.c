/*
 * Owns the producer, and what is in the records: words drawn at random, which a
 * codec makes about half as long.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "tests/tools/bench_replicator/bench_replicator.h"

#define POOL_B     ((size_t)1 << 20)
#define TURN_EVERY 1000

static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Half of the words are from a small vocabulary, half are random hex. */
static char *
pool_new(size_t size)
{
    static const char *const words[] = {"order",   "customer", "amount", "open",
                                        "shipped", "address",  "total",  "EUR"};
    static const char hex[] = "0123456789abcdef";
    uint64_t random = 88172645463325252u;
    char *pool = xcalloc(1, size + 16);
    for (size_t n = 0; n < size;) {
        const uint32_t r = next_random(&random);
        const char *word = words[r >> 8 & 7];
        const size_t len = r & 1 ? strlen(word) : 8;
        for (size_t i = 0; i < len; i++)
            pool[n + i] = r & 1 ? word[i] : hex[next_random(&random) & 15];
        pool[n + len] = ' ';
        n += len + 1;
    }
    return pool;
}

void
fill_topic(const char *bootstrap, const char *topic, int64_t n,
           int32_t partitions, size_t size, const char *codec)
{
    /* The batches that Java's producers make. */
    const char *const options[] = {"compression.type",
                                   codec,
                                   "batch.size",
                                   "16384",
                                   "linger.ms",
                                   "20",
                                   "enable.idempotence",
                                   "true",
                                   "delivery.report.only.error",
                                   "true",
                                   "queue.buffering.max.messages",
                                   "200000",
                                   NULL};
    rd_kafka_t *rk = open_client(RD_KAFKA_PRODUCER, bootstrap, options);
    rd_kafka_topic_t *to = rd_kafka_topic_new(rk, topic, NULL);
    char *pool = pool_new(POOL_B + size);
    for (int64_t i = 0; i < n; i++) {
        const size_t at = (size_t)(i * 7919) % POOL_B;
        put_record(rk, to, (int32_t)(i % partitions), pool + at, size);
        if (i % TURN_EVERY == 0)
            (void)rd_kafka_poll(rk, 0);
    }
    flush_all(rk);
    free(pool);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(rk);
}
