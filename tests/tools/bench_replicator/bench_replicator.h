/*
 * What the files of bench_replicator share: its commands, and clients.
 */
#ifndef BENCH_REPLICATOR_H
#define BENCH_REPLICATOR_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* Ends the program with a sentence when it cannot be made.  `options`: names
 * and values in turn, ended by NULL. */
rd_kafka_t *open_client(rd_kafka_type_t type, const char *bootstrap,
                        const char *const *options);
void put_record(rd_kafka_t *rk, rd_kafka_topic_t *to, int32_t partition,
                void *value, size_t size);
void flush_all(rd_kafka_t *rk);

/* Writes `n` records of `size` bytes, in turn to all partitions. */
void fill_topic(const char *bootstrap, const char *topic, int64_t n,
                int32_t partitions, size_t size, const char *codec);
/* Looks at the process and at what stands in the topics, which have so many
 * partitions together, until `n` records do. */
void watch_copy(const char *bootstrap, const char *topics, int64_t partitions,
                int64_t n, int64_t pid);
struct latency_job {
    const char *source, *target; /* bootstrap servers */
    const char *topic, *remote;
    int32_t partitions;
    int64_t rate, seconds, warm_up_s;
};
/* How long a record takes from the call that produces it to a reader of the
 * copy, and to one of the original. */
void measure_latency(const struct latency_job *job);

#endif
