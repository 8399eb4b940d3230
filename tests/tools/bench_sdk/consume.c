/* Consuming what stands in a topic, as fast as it goes. */
#include "tests/tools/bench_sdk/port.h"

#define BATCH   1000
#define WAIT_MS 1000
#define WAITS   30

static bool
take(rd_kafka_message_t *m)
{
    const bool record = m->err == 0;
    if (!record && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        die("consume: %s", rd_kafka_message_errstr(m));
    rd_kafka_message_destroy(m);
    return record;
}

static int64_t
take_one(handle_t *rk)
{
    rd_kafka_message_t *m = K(consumer_poll)(rk, WAIT_MS);
    return m ? take(m) : 0;
}

static int64_t
take_batch(line_t *line)
{
    rd_kafka_message_t *v[BATCH];
    int64_t taken = 0;
    const ssize_t n = K(consume_batch_queue)(line, WAIT_MS, v, BATCH);
    for (ssize_t i = 0; i < n; i++)
        taken += take(v[i]);
    return taken;
}

/* From the first record on: the group's first join takes what it takes. */
void
run_consume(const struct job *j)
{
    handle_t *rk = job_open(RD_KAFKA_CONSUMER, job_conf(j));
#ifdef BARE
    (void)rd_kafka_poll_set_consumer(rk);
#endif
    line_t *line = j->batch ? K(queue_get_consumer)(rk) : NULL;
    struct span since = span_now();
    int64_t begun = 0;
    job_subscribe(rk, j->topic);
    for (int64_t n = 0, waits = 0; n < j->n + begun;) {
        const int64_t got = line ? take_batch(line) : take_one(rk);
        waits = got ? 0 : waits + 1;
        if (waits > WAITS)
            die("%lld records of %lld", (long long)n, (long long)j->n);
        if (n == 0 && got > 0) {
            begun = got;
            since = span_now();
        }
        n += got;
    }
    span_print(&since, j->n);
    if (line)
        K(queue_destroy)(line);
    (void)K(consumer_close)(rk);
    K(destroy)(rk);
}
