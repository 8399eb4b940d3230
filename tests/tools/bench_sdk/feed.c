/* What readers read: each partition gets a record every few milliseconds. */
#include <string.h>
#include <time.h>

#include "tests/tools/bench_sdk/port.h"

#define PARTITIONS 6
#define PAUSE_US   10000
#define FLUSH_MS   30000

static void
put_round(handle_t *rk, const char *topic)
{
    static char value[100];
    static int64_t n;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        n++; /* no two alike: a mapper knows records by their bytes */
        memcpy(value, &n, sizeof(n));
        const rd_kafka_resp_err_t rc = K(producev)(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
            RD_KAFKA_V_VALUE(value, sizeof(value)),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (rc && rc != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce: %s", rd_kafka_err2str(rc));
    }
}

void
run_feed(const struct job *j)
{
    told_start();
    handle_t *rk = job_open(RD_KAFKA_PRODUCER, job_conf(j));
    int64_t due_us = wall_us();
    while (!told_to_stop()) {
        put_round(rk, j->topic);
        due_us += PAUSE_US;
        for (int64_t now_us; (now_us = wall_us()) < due_us;)
            (void)K(poll)(rk, (int)((due_us - now_us + 999) / 1000));
    }
    (void)K(flush)(rk, FLUSH_MS);
    K(destroy)(rk);
}
