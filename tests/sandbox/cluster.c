/*
 * Owns an rd_kafka_t that does nothing but carry its mock cluster; this is
 * the only file that includes librdkafka.  Calls into the mock wait for its
 * thread and are therefore made one at a time, by the main thread.
 */
#include "tests/sandbox/cluster.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/base/xmem.h"
#include "tests/sandbox/ports.h"

#define ALL_BROKERS      (-1)
#define TOPIC_NAME_CHARS 249

struct cluster {
    char *name;
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    bool up;
    int rtt_ms;
};

static const char topic_alphabet[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._-";

static int
carrier_new(rd_kafka_t **out, struct err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* Else it complains that it was given no bootstrap servers. */
    if (rd_kafka_conf_set(conf, "log_level", "3", why, sizeof(why)))
        goto bad;
    *out = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (*out)
        return 0; /* which took conf */
bad:
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_KAFKA, "librdkafka can't start: %s", why);
}

int
cluster_new(const char *name, int brokers, int port, struct cluster **out,
            struct err *err)
{
    int rc = port ? ports_check(port, brokers, err) : 0;
    if (rc)
        return rc;
    struct cluster *c = xcalloc(1, sizeof(*c));
    c->name = xstrdup(name);
    rc = carrier_new(&c->rk, err);
    if (rc)
        goto out;
    ports_arm(port);
    c->mock = rd_kafka_mock_cluster_new(c->rk, brokers);
    ports_disarm();
    rc = c->mock ? cluster_set_up(c, false, err)
                 : err_set(err, ERR_KAFKA,
                           "the embedded cluster %s does not start", name);
out:
    if (rc) {
        cluster_free(c);
        c = NULL;
    }
    *out = c;
    return rc;
}

void
cluster_free(struct cluster *c)
{
    if (!c)
        return;
    if (c->mock)
        rd_kafka_mock_cluster_destroy(c->mock);
    if (c->rk)
        rd_kafka_destroy(c->rk);
    free(c->name);
    free(c);
}

const char *
cluster_name(const struct cluster *c)
{
    return c->name;
}

const char *
cluster_bootstrap(const struct cluster *c)
{
    return rd_kafka_mock_cluster_bootstraps(c->mock);
}

bool
cluster_is_up(const struct cluster *c)
{
    return c->up;
}

int
cluster_rtt_ms(const struct cluster *c)
{
    return c->rtt_ms;
}

int
cluster_add_topic(struct cluster *c, const char *topic, int partitions,
                  struct err *err)
{
    const size_t len = strlen(topic);
    if (len == 0 || len > TOPIC_NAME_CHARS ||
        strspn(topic, topic_alphabet) != len)
        return err_field(err, ERR_INVALID, "topic", topic,
                         "\"%s\" is no topic name: 1 to %d letters, digits, "
                         "'.', '_' and '-'",
                         topic, TOPIC_NAME_CHARS);
    const rd_kafka_resp_err_t kerr =
        rd_kafka_mock_topic_create(c->mock, topic, partitions, 1);
    if (kerr == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return err_field(err, ERR_CONFLICT, "topic", topic,
                         "topic %s is already there on cluster %s", topic,
                         c->name);
    if (kerr)
        return err_set(err, ERR_KAFKA, "topic %s on cluster %s: %s", topic,
                       c->name, rd_kafka_err2str(kerr));
    return 0;
}

/* Looks for one by a change that changes nothing: there is no other way. */
static bool
has_partition(struct cluster *c, const char *topic, int partition)
{
    return rd_kafka_mock_partition_set_follower_wmarks(c->mock, topic,
                                                       partition, -1, -1) == 0;
}

int
cluster_want_topic(struct cluster *c, const char *topic, int partitions,
                   struct err *err)
{
    const int rc = cluster_add_topic(c, topic, partitions, err);
    if (rc != ERR_CONFLICT)
        return rc;
    if (has_partition(c, topic, partitions - 1) &&
        !has_partition(c, topic, partitions))
        return 0;
    return err_field(err, ERR_CONFLICT, "topic", topic,
                     "topic %s is already there on cluster %s, with another "
                     "number of partitions than %d",
                     topic, c->name, partitions);
}

int
cluster_set_up(struct cluster *c, bool up, struct err *err)
{
    const rd_kafka_resp_err_t kerr =
        up ? rd_kafka_mock_broker_set_up(c->mock, ALL_BROKERS)
           : rd_kafka_mock_broker_set_down(c->mock, ALL_BROKERS);
    if (kerr)
        return err_set(err, ERR_KAFKA, "cluster %s %s: %s", c->name,
                       up ? "up" : "down", rd_kafka_err2str(kerr));
    c->up = up;
    return 0;
}

int
cluster_set_rtt(struct cluster *c, int rtt_ms, struct err *err)
{
    const rd_kafka_resp_err_t kerr =
        rd_kafka_mock_broker_set_rtt(c->mock, ALL_BROKERS, rtt_ms);
    if (kerr)
        return err_set(err, ERR_KAFKA, "cluster %s slow %d: %s", c->name,
                       rtt_ms, rd_kafka_err2str(kerr));
    c->rtt_ms = rtt_ms;
    return 0;
}
