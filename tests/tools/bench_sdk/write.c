/*
 * Produces at a steady rate, to the partitions in turn, and tells the pauses
 * between its delivery reports that are longer than a few milliseconds, and how
 * long produce calls took that blocked:
 *
 * {"gap_us":N,"at_us":N}      no report for that long, until then
 * {"call_us":N,"at_us":N}     a produce call that took that long
 * {"wait_us":N,"at_us":N}     the longest from a produce call to its report
 * {"acked":"b","at_us":N}     the first report from there
 *
 * Over librdkafka each line of standard input names the bootstrap servers to
 * go to: flush, close, open.
 */
#include <stdio.h>
#include <string.h>

#include "tests/tools/bench_sdk/port.h"

#define TELL_US    5000
#define FLUSH_MS   30000
#define PARTITIONS 6

static int64_t last_us;    /* when the last report came; 0: none yet */
static const char *place;  /* which cluster gave it */
static const char *target; /* bare: where it produces to */
static int64_t failed;

static void
tell(const char *what, int64_t us, int64_t now_us)
{
    if (us > TELL_US)
        (void)printf("{\"%s\":%lld,\"at_us\":%lld}\n", what, (long long)us,
                     (long long)now_us);
}

static const char *
acked_by(const rd_kafka_message_t *m)
{
#ifdef BARE
    (void)m;
    return target;
#else
    const char *cluster = shunt_message_origin(m);
    return cluster ? cluster : "";
#endif
}

static void
on_delivery(handle_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    const int64_t now_us = wall_us();
    int64_t sent_us = now_us;
    failed += m->err != 0;
    if (m->len == sizeof(sent_us))
        memcpy(&sent_us, m->payload, sizeof(sent_us));
    if (last_us)
        tell("gap_us", now_us - last_us, now_us);
    tell("wait_us", now_us - sent_us, now_us);
    last_us = now_us;
    const char *by = acked_by(m);
    if (!place || strcmp(place, by) != 0)
        (void)printf("{\"acked\":\"%s\",\"at_us\":%lld}\n", by,
                     (long long)now_us);
    place = by;
}

static void
put(handle_t *rk, const char *topic, int64_t i)
{
    int64_t now_us = wall_us();
    const int64_t called_us = now_us;
    const rd_kafka_resp_err_t rc =
        K(producev)(rk, RD_KAFKA_V_TOPIC(topic),
                    RD_KAFKA_V_PARTITION((int32_t)(i % PARTITIONS)),
                    RD_KAFKA_V_VALUE(&now_us, sizeof(now_us)),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (rc)
        die("produce: %s", rd_kafka_err2str(rc));
    tell("call_us", wall_us() - called_us, wall_us());
}

static handle_t *
open_at(const struct job *j)
{
    config_t *conf = job_conf(j);
    K(conf_set_dr_msg_cb)(conf, on_delivery);
#ifdef BARE
    if (strcmp(target, "start") != 0)
        job_set(conf, "bootstrap.servers", target);
#else
    told_events(conf);
#endif
    return job_open(RD_KAFKA_PRODUCER, conf);
}

static void
shut(handle_t *rk)
{
    if (K(flush)(rk, FLUSH_MS) != 0)
        die("not everything was acknowledged");
    K(destroy)(rk);
}

static handle_t *
moved(handle_t *rk, const struct job *j)
{
#ifdef BARE
    static char servers[2][512]; /* in turn: the old one is still named */
    static int at;
    if (!told_to_move(servers[at], sizeof(servers[at])))
        return rk;
    shut(rk);
    target = servers[at];
    at = !at;
    return open_at(j);
#else
    (void)j;
    return rk;
#endif
}

/* One record at a time: when the next is due, reports that came meanwhile have
 * been taken the moment they came. */
void
run_write(const struct job *j)
{
    told_start();
    target = "start";
    handle_t *rk = open_at(j);
    const int64_t pause_us = 1000000 / j->n;
    int64_t due_us = wall_us();
    for (int64_t i = 0; !told_to_stop();) {
        const int64_t now_us = wall_us();
        if (now_us < due_us) {
            (void)K(poll)(rk, (int)((due_us - now_us + 999) / 1000));
            continue;
        }
        put(rk, j->topic, i++);
        due_us += pause_us;
        rk = moved(rk, j);
    }
    shut(rk);
    if (failed)
        die("%lld records failed", (long long)failed);
}
