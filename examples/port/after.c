/*
 * Copies the records that have a key from a topic to another, and commits what
 * has arrived.  usage: after SERVICES GROUP FROM TO
 */
#include <shunt/shunt.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stopping;
static int lost;

static void
on_signal(int signo)
{
    (void)signo;
    stopping = 1;
}

static void
on_delivery(shunt_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)opaque;
    if (m->err && ++lost)
        (void)fprintf(stderr, "%s: %s\n", shunt_name(rk),
                      rd_kafka_err2str(m->err));
}

static void
on_rebalance(shunt_t *rk, rd_kafka_resp_err_t err,
             rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    (void)opaque;
    (void)fprintf(stderr, "%s: %s %d partitions\n", shunt_name(rk),
                  rd_kafka_err2name(err), partitions->cnt);
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        (void)shunt_assign(rk, partitions);
    else
        (void)shunt_assign(rk, NULL);
}

static shunt_t *
connect_to(rd_kafka_type_t type, const char *services, const char *group)
{
    const char *const set[][2] = {{"route.service", services},
                                  {"cluster.code", "orders"},
                                  {"group.id", group},
                                  {"auto.offset.reset", "earliest"},
                                  {"enable.auto.commit", "false"}};
    char why[512];
    shunt_conf_t *conf = shunt_conf_new();
    shunt_conf_set_dr_msg_cb(conf, on_delivery);
    shunt_conf_set_rebalance_cb(conf, on_rebalance);
    for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++)
        if (shunt_conf_set(conf, set[i][0], set[i][1], why, sizeof(why)) !=
            RD_KAFKA_CONF_OK)
            goto failed;
    shunt_t *rk = shunt_new(type, conf, why, sizeof(why));
    if (rk)
        return rk;
failed:
    (void)fprintf(stderr, "%s\n", why);
    shunt_conf_destroy(conf);
    return NULL;
}

static rd_kafka_resp_err_t
copy(shunt_t *to, const char *topic, const rd_kafka_message_t *m)
{
    if (m->err)
        (void)fprintf(stderr, "%s\n", rd_kafka_message_errstr(m));
    if (m->err || !m->key)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    return shunt_producev(
        to, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(m->key, m->key_len),
        RD_KAFKA_V_VALUE(m->payload, m->len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

/* One record, all the way: what is committed has arrived. */
static rd_kafka_resp_err_t
step(shunt_t *from, shunt_t *to, const char *topic)
{
    rd_kafka_message_t *m = shunt_consumer_poll(from, 200);
    if (!m)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t rc = copy(to, topic, m);
    if (!rc)
        rc = shunt_flush(to, 60000);
    if (!rc && !lost && !m->err)
        rc = shunt_commit_message(from, m, 0);
    rd_kafka_message_destroy(m);
    return rc;
}

int
main(int argc, char **argv)
{
    rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR__FAIL;
    if (argc != 5)
        return 2;
    (void)signal(SIGTERM, on_signal);
    shunt_t *from = connect_to(RD_KAFKA_CONSUMER, argv[1], argv[2]);
    shunt_t *to = connect_to(RD_KAFKA_PRODUCER, argv[1], argv[2]);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(l, argv[3], RD_KAFKA_PARTITION_UA);
    if (from && to)
        rc = shunt_subscribe(from, l);
    rd_kafka_topic_partition_list_destroy(l);
    while (!rc && !lost && !stopping)
        rc = step(from, to, argv[4]);
    if (rc)
        (void)fprintf(stderr, "%s\n", rd_kafka_err2str(rc));
    if (from && shunt_consumer_close(from) != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = RD_KAFKA_RESP_ERR__FAIL;
    if (from)
        shunt_destroy(from);
    if (to)
        shunt_destroy(to);
    return rc || lost ? 1 : 0;
}
