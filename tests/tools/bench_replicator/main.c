/*
 * bench_replicator: what a bench of replicators has to do to clusters, and to
 * look at.  Owns the command line.
 */
#include "tests/tools/bench_replicator/bench_replicator.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/wire/wire.h"

#define DEADLINE_S   600
#define RECORDS_MAX  1000000000
#define PARTS_MAX    100000
#define SIZE_MAX_B   1000000
#define FLUSH_MS     60000
#define FULL_WAIT_MS 10

static void
on_failure(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (m->err)
        die("a record was not written: %s", rd_kafka_err2str(m->err));
}

rd_kafka_t *
open_client(rd_kafka_type_t type, const char *bootstrap,
            const char *const *options)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_failure);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why,
                          sizeof(why)))
        die("%s", why);
    for (; options[0]; options += 2)
        if (rd_kafka_conf_set(conf, options[0], options[1], why, sizeof(why)))
            die("%s", why);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk)
        die("%s: %s", bootstrap, why);
    return rk;
}

void
put_record(rd_kafka_t *rk, rd_kafka_topic_t *to, int32_t partition, void *value,
           size_t size)
{
    while (rd_kafka_produce(to, partition, RD_KAFKA_MSG_F_COPY, value, size,
                            NULL, 0, NULL)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("cannot write: %s", rd_kafka_err2str(rd_kafka_last_error()));
        (void)rd_kafka_poll(rk, FULL_WAIT_MS);
    }
}

void
flush_all(rd_kafka_t *rk)
{
    if (rd_kafka_flush(rk, FLUSH_MS))
        die("not all was written in %d s", FLUSH_MS / 1000);
}

static void
latency(char **w)
{
    measure_latency(&(struct latency_job){
        .source = w[0],
        .target = w[1],
        .topic = w[2],
        .remote = w[3],
        .partitions = (int32_t)number_of(w[4], PARTS_MAX),
        .rate = number_of(w[5], 1000000),
        .seconds = number_of(w[6], DEADLINE_S),
        .warm_up_s = number_of(w[7], DEADLINE_S),
    });
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char **w = argv + 2;
    (void)alarm(DEADLINE_S);
    if (argc == 8 && strcmp(what, "fill") == 0)
        fill_topic(w[0], w[1], number_of(w[2], RECORDS_MAX),
                   (int32_t)number_of(w[3], PARTS_MAX),
                   (size_t)number_of(w[4], SIZE_MAX_B), w[5]);
    else if (argc == 7 && strcmp(what, "watch") == 0)
        watch_copy(w[0], w[1], number_of(w[2], PARTS_MAX),
                   number_of(w[3], RECORDS_MAX), number_of(w[4], INT32_MAX));
    else if (argc == 10 && strcmp(what, "latency") == 0)
        latency(w);
    else {
        (void)fputs(
            "usage: bench_replicator fill BOOTSTRAP TOPIC RECORDS PARTITIONS "
            "BYTES CODEC\n"
            "       bench_replicator watch BOOTSTRAP TOPIC,... PARTITIONS "
            "RECORDS PID\n"
            "       bench_replicator latency SOURCE TARGET TOPIC REMOTE "
            "PARTITIONS RATE SECONDS WARM_UP_SECONDS\n",
            stderr);
        return 1;
    }
    return 0;
}
