/*
 * Owns nothing.  fetch.wait.max.ms is short because embedded clusters do not
 * wake a waiting fetch; queued.min.messages is out of reach because a consumer
 * that passes it sleeps a second (librdkafka 2.0.2).
 */
#include "replicator/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "common/kafka/kconf.h"

struct pair {
    const char *key, *value;
};

static const struct pair consumer_defaults[] = {
    {"fetch.wait.max.ms", "50"},
    {"fetch.error.backoff.ms", "50"},
    {"queued.min.messages", "1000000"},
    {"queued.max.messages.kbytes", "262144"},
    {"reconnect.backoff.max.ms", "2000"},
    {NULL, NULL},
};

static const struct pair consumer_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {NULL, NULL},
};

static const struct pair producer_defaults[] = {
    {"linger.ms", "5"},
    {"message.max.bytes", "104857600"}, /* the broker's limit decides */
    {"reconnect.backoff.max.ms", "2000"},
    {NULL, NULL},
};

static const struct pair producer_fixed[] = {
    {"acks", "all"},
    {"enable.idempotence", "true"},
    {"message.timeout.ms", "0"},
    {"partitioner", "murmur2_random"},
    {NULL, NULL},
};

static void
put(struct props *to, const char *key, const char *value)
{
    if (props_set(to, key, value) != 0)
        abort();
}

static void
put_pairs(struct props *to, const struct pair *pairs)
{
    for (; pairs->key; pairs++)
        put(to, pairs->key, pairs->value);
}

static void
put_all(struct props *to, const struct props *from)
{
    for (size_t i = 0; from && i < from->n; i++)
        put(to, from->v[i].key, from->v[i].value);
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct flight *flight = m->_private;
    (void)rk;
    (void)opaque;
    flight->done(flight, m);
}

static int
make(rd_kafka_type_t type, const struct cluster_settings *c,
     const struct props *props, rd_kafka_t **out, struct err *err)
{
    rd_kafka_conf_t *conf;
    const int rc = kconf_new(c->bootstrap_servers, props, &conf, err);
    if (rc != 0)
        return rc;
    kconf_log_to_base(conf);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return kafka_new_take(type, conf, out, err);
}

int
client_producer(const struct cluster_settings *c, const struct props *over,
                const char *id, rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_pairs(&p, producer_defaults);
    put_all(&p, &c->client);
    put_all(&p, &c->producer);
    put_all(&p, over);
    put_pairs(&p, producer_fixed);
    put(&p, "client.id", id);
    const int rc = make(RD_KAFKA_PRODUCER, c, &p, out, err);
    props_fini(&p);
    return rc;
}

int
client_consumer(const struct cluster_settings *c, const struct props *over,
                const char *id, bool eof, rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_pairs(&p, consumer_defaults);
    put_all(&p, &c->client);
    put_all(&p, &c->consumer);
    put_all(&p, over);
    put_pairs(&p, consumer_fixed);
    /* "error": whoever copies must know what it skips. */
    put(&p, "auto.offset.reset", eof ? "earliest" : "error");
    put(&p, "enable.partition.eof", eof ? "true" : "false");
    put(&p, "client.id", id);
    put(&p, "group.id", id); /* rd_kafka_assign() wants one */
    const int rc = make(RD_KAFKA_CONSUMER, c, &p, out, err);
    props_fini(&p);
    return rc;
}

int
client_of_group(const struct cluster_settings *c, const char *group,
                rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_all(&p, &c->client);
    put_pairs(&p, consumer_fixed);
    put(&p, "group.id", group);
    const int rc = make(RD_KAFKA_CONSUMER, c, &p, out, err);
    props_fini(&p);
    return rc;
}

static bool
is_security(const char *key)
{
    return str_starts_with(key, "security.") || str_starts_with(key, "ssl.") ||
           str_starts_with(key, "sasl.");
}

/* 0 and *known; ERR_INVALID: known, but not with this value. */
static int
try_property(const struct prop *p, bool *known, struct err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const rd_kafka_conf_res_t res =
        rd_kafka_conf_set(conf, p->key, p->value, why, sizeof(why));
    *known = res != RD_KAFKA_CONF_UNKNOWN;
    const bool bad =
        res == RD_KAFKA_CONF_INVALID || (!*known && is_security(p->key));
    const int rc = bad ? kconf_set(conf, p->key, p->value, err) : 0;
    rd_kafka_conf_destroy(conf);
    return rc;
}

static int
check_props(struct settings *s, const char *prefix, struct props *props,
            struct err *err)
{
    struct props kept = {0};
    struct err why = {0};
    int rc = 0;
    for (size_t i = 0; i < props->n && rc == 0; i++) {
        const struct prop *p = &props->v[i];
        bool known;
        rc = try_property(p, &known, &why);
        if (rc == 0 && known) {
            put(&kept, p->key, p->value);
        } else if (rc == 0) {
            char *line = xasprintf("%s.%s: librdkafka has no such property, "
                                   "ignored",
                                   prefix, p->key);
            rc = strlist_add(&s->warnings, line);
            free(line);
        }
    }
    if (rc != 0) {
        props_fini(&kept);
        return err_field(err, rc, why.field, why.value, "%s: %s", prefix,
                         why.text);
    }
    props_fini(props);
    *props = kept;
    return 0;
}

static int
check_three(struct settings *s, const char *name, struct props *client,
            struct props *consumer, struct props *producer, struct err *err)
{
    char *as_consumer = xasprintf("%s.consumer", name);
    char *as_producer = xasprintf("%s.producer", name);
    int rc = client ? check_props(s, name, client, err) : 0;
    if (rc == 0)
        rc = check_props(s, as_consumer, consumer, err);
    if (rc == 0)
        rc = check_props(s, as_producer, producer, err);
    free(as_consumer);
    free(as_producer);
    return rc;
}

int
clients_check(struct settings *s, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_clusters && rc == 0; i++) {
        struct cluster_settings *c = &s->clusters[i];
        rc = check_three(s, c->name, &c->client, &c->consumer, &c->producer,
                         err);
    }
    for (size_t i = 0; i < s->n_flows && rc == 0; i++) {
        struct flow_settings *f = &s->flows[i];
        rc = check_three(s, f->name, NULL, &f->consumer, &f->producer, err);
    }
    return rc;
}
