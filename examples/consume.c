/*
 * A topic to standard output, as a routed member of a group:
 *
 *   consume http://127.0.0.1:7070 orders billing orders
 *
 * (route service, cluster code, group, topic).  Flip the route while it runs:
 * the lines go on where they were.  Ctrl-C ends it.
 */
#include <signal.h>

#include "connect.h"

static volatile sig_atomic_t stopping;

static void
on_signal(int signo)
{
    (void)signo;
    stopping = 1;
}

static rd_kafka_resp_err_t
subscribe(shunt_t *rk, const char *topic)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t rc = shunt_subscribe(rk, l);
    rd_kafka_topic_partition_list_destroy(l);
    return rc;
}

static void
print(const rd_kafka_message_t *m)
{
    const char *origin = shunt_message_origin(m);
    if (m->err) {
        (void)fprintf(stderr, "%s\n", rd_kafka_message_errstr(m));
        return;
    }
    (void)printf("%s[%d]@%lld from %s: %.*s\n", shunt_topic_name(m->rkt),
                 (int)m->partition, (long long)m->offset, origin ? origin : "?",
                 (int)m->len, m->payload ? (const char *)m->payload : "");
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr,
                      "usage: consume ROUTE-SERVICE CODE GROUP TOPIC\n");
        return 2;
    }
    const char *props[] = {"route.service",
                           argv[1],
                           "cluster.code",
                           argv[2],
                           "group.id",
                           argv[3],
                           "auto.offset.reset",
                           "earliest",
                           NULL};
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also in a pipe */
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    shunt_t *rk = connect_take(RD_KAFKA_CONSUMER, shunt_conf_new(), props);
    if (!rk)
        return 1;
    rd_kafka_resp_err_t rc = subscribe(rk, argv[4]);
    while (!rc && !stopping) {
        rd_kafka_message_t *m = shunt_consumer_poll(rk, 200);
        if (!m)
            continue;
        print(m);
        rd_kafka_message_destroy(m);
    }
    if (!rc)
        rc = shunt_consumer_close(rk);
    if (rc)
        (void)fprintf(stderr, "%s\n", rd_kafka_err2str(rc));
    shunt_destroy(rk);
    return rc ? 1 : 0;
}
