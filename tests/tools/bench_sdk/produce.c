/* Producing as fast as it goes, delivery reports and all. */
#include <stdlib.h>
#include <string.h>

#include "tests/tools/bench_sdk/port.h"

#define FLUSH_MS 60000

static int64_t reported, failed;

static void
on_delivery(handle_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    reported++;
    failed += m->err != 0;
}

static void
put(handle_t *rk, const char *topic, void *value, size_t size)
{
    for (;;) {
        const rd_kafka_resp_err_t rc = K(producev)(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(value, size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (!rc)
            return;
        if (rc != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce: %s", rd_kafka_err2str(rc));
        (void)K(poll)(rk, 10);
    }
}

static void
put_all(handle_t *rk, const struct job *j, void *value)
{
    for (int64_t i = 0; i < j->n; i++) {
        put(rk, j->topic, value, j->size);
        if (i % 100 == 0)
            (void)K(poll)(rk, 0);
    }
    if (K(flush)(rk, FLUSH_MS) != 0)
        die("not everything was acknowledged");
}

void
run_produce(const struct job *j)
{
    config_t *conf = job_conf(j);
    char *value = malloc(j->size + 1);
    if (!value)
        die("out of memory");
    memset(value, 'x', j->size + 1);
    K(conf_set_dr_msg_cb)(conf, on_delivery);
    handle_t *rk = job_open(RD_KAFKA_PRODUCER, conf);
    put(rk, j->topic, value, j->size); /* connects; not measured */
    if (K(flush)(rk, FLUSH_MS) != 0)
        die("the first record was not acknowledged");
    const struct span since = span_now();
    put_all(rk, j, value);
    span_print(&since, j->n);
    if (reported != j->n + 1 || failed)
        die("%lld of %lld reports, %lld failed", (long long)reported,
            (long long)j->n + 1, (long long)failed);
    K(destroy)(rk);
    free(value);
}
