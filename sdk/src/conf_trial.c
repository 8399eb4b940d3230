/*
 * Properties that librdkafka takes one by one and refuses together would show
 * only when there is a route, as a move that is stuck for ever.  So a handle is
 * made of them at once, to see whether it can be, and destroyed: two threads
 * for about a millisecond.
 *
 * What concerns connections is left out: a cluster's properties may complete it
 * (credentials, certificates), and loading certificates is slow.
 */
#include "sdk/src/conf.h"

static rd_kafka_conf_t *
conf_of_trial(const shunt_conf_t *conf)
{
    static const char *left_out[] = {"security.protocol", "ssl", "sasl",
                                     "debug", "internal.termination.signal"};
    rd_kafka_conf_t *trial = rd_kafka_conf_dup_filter(
        conf->rk, sizeof(left_out) / sizeof(*left_out), left_out);
    /* It would complain that it has no brokers. */
    rd_kafka_conf_set_log_cb(trial, NULL);
    return trial;
}

int
conf_trial(const shunt_conf_t *conf, rd_kafka_type_t type, struct err *err)
{
    char why[sizeof(err->text)];
    rd_kafka_conf_t *trial = conf_of_trial(conf);
    rd_kafka_t *rk = rd_kafka_new(type, trial, why, sizeof(why));
    if (rk) {
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return 0;
    }
    rd_kafka_conf_destroy(trial); /* taken only on success */
    return err_set(err, ERR_INVALID, "%s", why);
}
