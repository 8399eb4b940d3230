/*
 * Looks every few milliseconds at how many records stand in some topics and at
 * what a process has used.  Prints
 *   {"samples":[[MONOTONIC_US, RECORDS, CPU_MS, RESIDENT_BYTES]...]}
 * CPU is of all its threads, also of those that have ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/strs.h"
#include "tests/tools/bench_replicator/bench_replicator.h"
#include "tests/tools/wire/wire.h"

#define PAUSE_NS  10000000
#define ANSWER_MS 5000

struct use {
    long long cpu_ms, resident_bytes;
};

static struct use
use_of(int64_t pid)
{
    char path[64], text[1024] = "";
    unsigned long long user = 0, system = 0;
    long long pages = 0;
    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        die("process %lld has ended", (long long)pid);
    const size_t n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    const char *rest = n > 0 ? strrchr(text, ')') : NULL;
    if (!rest || sscanf(rest + 2,
                        "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu "
                        "%*s %*s %*s %*s %*s %*s %*s %*s %lld",
                        &user, &system, &pages) != 3)
        die("%s is not understood", path);
    const long ticks = sysconf(_SC_CLK_TCK);
    return (struct use){.cpu_ms = (long long)(user + system) * 1000 / ticks,
                        .resident_bytes = pages * sysconf(_SC_PAGESIZE)};
}

static void
add_partitions(rd_kafka_topic_partition_list_t *to, rd_kafka_t *rk,
               const struct strlist *topics)
{
    const struct rd_kafka_metadata *md;
    /* Of all topics: naming one might make it. */
    if (rd_kafka_metadata(rk, 1, NULL, &md, ANSWER_MS))
        return;
    for (int i = 0; i < md->topic_cnt; i++)
        for (int p = 0; strlist_has(topics, md->topics[i].topic) &&
                        p < md->topics[i].partition_cnt;
             p++)
            (void)rd_kafka_topic_partition_list_add(to, md->topics[i].topic, p);
    rd_kafka_metadata_destroy(md);
}

/* The sum of the ends; a partition that does not answer counts as empty. */
static int64_t
records_of(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *parts)
{
    int64_t sum = 0;
    for (int i = 0; i < parts->cnt; i++)
        parts->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (parts->cnt == 0 || rd_kafka_offsets_for_times(rk, parts, ANSWER_MS))
        return 0;
    for (int i = 0; i < parts->cnt; i++)
        if (!parts->elems[i].err && parts->elems[i].offset > 0)
            sum += parts->elems[i].offset;
    return sum;
}

void
watch_copy(const char *bootstrap, const char *topics, int64_t partitions,
           int64_t n, int64_t pid)
{
    const char *const options[] = {"log_level", "0", NULL};
    struct strlist names = {0};
    if (strlist_split(&names, topics, ","))
        die("out of memory");
    rd_kafka_t *rk = open_client(RD_KAFKA_CONSUMER, bootstrap, options);
    rd_kafka_topic_partition_list_t *parts =
        rd_kafka_topic_partition_list_new(16);
    int64_t records = 0;
    for (bool first = true; records < n; first = false) {
        if (parts->cnt < partitions) { /* not all are made */
            rd_kafka_topic_partition_list_destroy(parts);
            parts = rd_kafka_topic_partition_list_new(16);
            add_partitions(parts, rk, &names);
        }
        records = records_of(rk, parts);
        const struct use use = use_of(pid);
        (void)printf("%s[%lld,%lld,%lld,%lld]", first ? "{\"samples\":[" : ",",
                     (long long)clock_mono_us(), (long long)records, use.cpu_ms,
                     use.resident_bytes);
        const struct timespec pause = {.tv_nsec = PAUSE_NS};
        (void)nanosleep(&pause, NULL);
    }
    (void)printf("]}\n");
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_destroy(rk);
    strlist_fini(&names);
}
