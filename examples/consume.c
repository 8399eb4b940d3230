/*
 * A topic to standard output, as a routed member of a group:
 *
 *   consume http://127.0.0.1:7070 orders billing orders [KEY=VALUE...]
 *
 * (route service, cluster code, group, topic, properties).  Flip the route while it runs:
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

int
main(int argc, char **argv)
{
    if (argc < 5) {
        (void)fprintf(stderr, "usage: consume ROUTE-SERVICE CODE GROUP TOPIC "
                              "[KEY=VALUE...]\n");
        return 2;
    }
    const char *const props[][2] = {
        {"group.id", argv[3]}, {"auto.offset.reset", "earliest"}, {NULL, NULL}};
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, also in a pipe */
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    shunt_t *rk =
        connect_take(RD_KAFKA_CONSUMER, shunt_conf_new(), argv, 5, props);
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
