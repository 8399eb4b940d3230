/*
 * See handle.h.  No state; any thread.
 */
#include "offset-mapper/handle.h"

#include "common/kafka/kconf.h"

/* What every handle of the mapper wants: it commits nothing, and looks often
 * for a cluster that is away. */
static const char *const all[][2] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "10000"},
};

static int
set_each(rd_kafka_conf_t *conf, const char *const kv[][2], size_t n,
         struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = kconf_set(conf, kv[i][0], kv[i][1], err);
    return rc;
}

int
handle_open(const struct pt_cluster *cluster, const char *const own[][2],
            size_t n,
            void (*on_error)(rd_kafka_t *rk, int code, const char *reason,
                             void *opaque),
            void *opaque, rd_kafka_t **out, struct err *err)
{
    *out = NULL;
    rd_kafka_conf_t *conf;
    int rc = kconf_new(cluster->bootstrap_servers, NULL, &conf, err);
    if (rc)
        return rc;
    rc = kconf_set_all_refs(conf, &cluster->properties, err);
    if (rc == 0)
        rc = set_each(conf, all, sizeof(all) / sizeof(all[0]), err);
    if (rc == 0)
        rc = set_each(conf, own, n, err);
    if (rc) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    rd_kafka_conf_set_opaque(conf, opaque);
    if (on_error)
        rd_kafka_conf_set_error_cb(conf, on_error);
    kconf_log_to_base(conf);
    return kafka_new_take(RD_KAFKA_CONSUMER, conf, out, err);
}
