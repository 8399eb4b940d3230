/*
 * Lines of standard input to a topic, as a routed producer:
 *
 *   produce http://127.0.0.1:7070 orders orders [KEY=VALUE...] <file
 *
 * (route service, cluster code, topic, properties).  Flip the route while it runs: the
 * records go on arriving, on the other cluster.
 */
#include "connect.h"

static int failed;

static void
on_delivery(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)opaque;
    if (!m->err)
        return;
    failed++;
    (void)fprintf(stderr, "%s: a record is lost: %s\n", shunt_name(rk),
                  rd_kafka_err2str(m->err));
}

static shunt_t *
connect_to(char **argv)
{
    const char *const props[][2] = {{"enable.idempotence", "true"},
                                    {NULL, NULL}};
    shunt_conf_t *conf = shunt_conf_new();
    if (conf)
        shunt_conf_set_dr_msg_cb(conf, on_delivery);
    return connect_take(RD_KAFKA_PRODUCER, conf, argv, 4, props);
}

/* A full queue only means: wait for reports. */
static rd_kafka_resp_err_t
send_line(shunt_t *rk, const char *topic, char *line, size_t len)
{
    for (;;) {
        const rd_kafka_resp_err_t rc = shunt_producev(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(line, len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (rc != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return rc;
        (void)shunt_poll(rk, 100);
    }
}

int
main(int argc, char **argv)
{
    char line[65536];
    if (argc < 4) {
        (void)fprintf(stderr, "usage: produce ROUTE-SERVICE CODE TOPIC "
                              "[KEY=VALUE...]\n");
        return 2;
    }
    shunt_t *rk = connect_to(argv);
    if (!rk)
        return 1;
    while (fgets(line, sizeof(line), stdin)) {
        const size_t len = strcspn(line, "\n");
        const rd_kafka_resp_err_t rc = send_line(rk, argv[3], line, len);
        if (rc) {
            failed++;
            (void)fprintf(stderr, "not accepted: %s\n", rd_kafka_err2str(rc));
        }
        (void)shunt_poll(rk, 0);
    }
    if (shunt_flush(rk, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failed += shunt_outq_len(rk);
        (void)fprintf(stderr, "%d records were not acknowledged within 60 s\n",
                      shunt_outq_len(rk));
    }
    shunt_destroy(rk);
    return failed ? 1 : 0;
}
