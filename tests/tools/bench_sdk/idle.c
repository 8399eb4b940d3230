/* What handles cost that do nothing but stay connected. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/tools/bench_sdk/port.h"

#define SETTLE_MS 12000

static int64_t
rss_bytes(void)
{
    char line[256];
    long long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f)
        die("no /proc/self/status");
    while (kib < 0 && fgets(line, sizeof(line), f))
        (void)sscanf(line, "VmRSS: %lld", &kib);
    (void)fclose(f); /* only read */
    return kib * 1024;
}

static void
touch(handle_t *rk, rd_kafka_type_t type, const char *topic)
{
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_message_t *m = K(consumer_poll)(rk, 10);
        if (m)
            rd_kafka_message_destroy(m);
        return;
    }
    (void)topic;
    (void)K(poll)(rk, 10);
}

static void
begin(handle_t *rk, rd_kafka_type_t type, const char *topic)
{
    if (type == RD_KAFKA_CONSUMER) {
        job_subscribe(rk, topic);
        return;
    }
    static char value[] = "x";
    (void)K(producev)(rk, RD_KAFKA_V_TOPIC(topic),
                      RD_KAFKA_V_VALUE(value, sizeof(value)),
                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (K(flush)(rk, 30000) != 0)
        die("the first record was not acknowledged");
}

/* {"count":N,"first_bytes":..,"each_bytes":..}: the resident size of the process
 * with one handle, and by how much each further one raises it. */
void
run_idle(rd_kafka_type_t type, const struct job *j)
{
    handle_t **all = calloc((size_t)j->n + 1, sizeof(*all));
    int64_t first = 0;
    if (!all || j->n < 2)
        die("COUNT 2 or more");
    for (int64_t i = 0; i < j->n; i++) {
        all[i] = job_open(type, job_conf(j));
        begin(all[i], type, j->topic);
        const int64_t wait_ms = i == 0 || i == j->n - 1 ? SETTLE_MS : 50;
        for (const int64_t end = clock_mono_ms() + wait_ms;
             clock_mono_ms() < end;)
            for (int64_t k = 0; k <= i; k++)
                touch(all[k], type, j->topic);
        if (i == 0)
            first = rss_bytes();
    }
    (void)printf("{\"count\":%lld,\"first_bytes\":%lld,\"each_bytes\":%lld}\n",
                 (long long)j->n, (long long)first,
                 (long long)((rss_bytes() - first) / (j->n - 1)));
    for (int64_t i = 0; i < j->n; i++)
        K(destroy)(all[i]);
    free(all);
}
