/*
 * Owns nothing.  fetch.wait.max.ms is short because embedded clusters do not
 * wake a waiting fetch; queued.min.messages is out of reach because a consumer
 * that passes it sleeps a second (librdkafka 2.0.2), unless it is the one that
 * copies, which appetite.c wakes.
 */
#include "replicator/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"
#include "common/kafka/kconf.h"
#include "replicator/java.h"

#define POLL_INTERVAL_MS 300000
#define LEVEL_DEBUG      7 /* syslog's */

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

/* How far the one that copies reads ahead: little, for its memory. */
static const struct pair copier_defaults[] = {
    {"queued.min.messages", "10000"},
    {"queued.max.messages.kbytes", "4096"},
    {"fetch.message.max.bytes", "524288"},
    {"fetch.max.bytes", "2097152"},
    {NULL, NULL},
};

static const struct pair consumer_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {NULL, NULL},
};

/* Units are taken away one by one, not all at every change of the group. */
static const struct pair member_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"reconnect.backoff.max.ms", "2000"},
    {NULL, NULL},
};

static const struct pair producer_defaults[] = {
    {"linger.ms", "0"}, /* under load, batches fill while others are sent */
    {"message.max.bytes", "104857600"}, /* the broker's limit decides */
    {"queue.buffering.max.messages", "1000000"}, /* backlog.c bounds it */
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
put_settings(struct props *to, const struct client_settings *c)
{
    for (size_t i = 0; i < c->n; i++)
        put(to, c->v[i].key, c->v[i].value);
}

/* As MirrorMaker 2: what the user calls it, then what it is. */
static void
put_id(struct props *to, const char *id)
{
    const char *users = props_get(to, "client.id");
    char *both = users ? xasprintf("%s|%s", users, id) : xstrdup(id);
    put(to, "client.id", both);
    free(both);
}

/* They may hold secrets. */
static void
wipe(struct props *p)
{
    for (size_t i = 0; i < p->n; i++)
        explicit_bzero(p->v[i].value, strlen(p->v[i].value));
    props_fini(p);
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct flight *flight = m->_private;
    (void)rk;
    (void)opaque;
    flight->done(flight, m);
}

static void
put_int(struct props *to, const char *key, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    put(to, key, text);
}

static int
conf_take(struct props *props, rd_kafka_conf_t **out, struct err *err)
{
    const char *servers = props_get(props, "bootstrap.servers");
    const int rc = kconf_new(servers ? servers : "", props, out, err);
    wipe(props);
    if (rc == 0)
        kconf_log_to_base(*out);
    return rc;
}

static int
make_take(rd_kafka_type_t type, struct props *props, rd_kafka_t **out,
          struct err *err)
{
    rd_kafka_conf_t *conf;
    const int rc = conf_take(props, &conf, err);
    if (rc != 0)
        return rc;
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return kafka_new_take(type, conf, out, err);
}

static void
put_level(struct props *p)
{
    const char *type = props_get(p, "compression.type");
    const char *codec = type ? type : props_get(p, "compression.codec");
    if (codec && strcmp(codec, "zstd") == 0 &&
        !props_get(p, "compression.level"))
        put(p, "compression.level", CLIENT_ZSTD_LEVEL);
}

int
client_producer(const struct client_settings *c, const struct props *over,
                const char *id, rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_pairs(&p, producer_defaults);
    put_settings(&p, c);
    put_all(&p, over);
    put_pairs(&p, producer_fixed);
    put_level(&p);
    put_id(&p, id);
    return make_take(RD_KAFKA_PRODUCER, &p, out, err);
}

/* Without "debug" in the file its lines are for us alone. */
static void
hear(const rd_kafka_t *rk, int level, const char *fac, const char *line)
{
    struct codecs *codecs = rk ? rd_kafka_opaque(rk) : NULL;
    if (codecs && level == LEVEL_DEBUG)
        codecs_hear(codecs, fac, line);
    else
        kconf_log_line(rk, level, fac, line);
}

static void
hear_and_log(const rd_kafka_t *rk, int level, const char *fac, const char *line)
{
    hear(rk, level, fac, line);
    if (rk && level == LEVEL_DEBUG)
        kconf_log_line(rk, level, fac, line);
}

static void
put_debug(struct props *p)
{
    const char *users = props_get(p, "debug");
    char *both = users ? xasprintf("%s,msg", users) : NULL;
    put(p, "debug", both ? both : "msg");
    free(both);
}

static void
put_consumer(struct props *p, const struct client_settings *c, const char *id)
{
    put_settings(p, c);
    put_pairs(p, consumer_fixed);
    put(p, "enable.partition.eof", "true");
    put_id(p, id);
    put(p, "group.id", id); /* rd_kafka_assign() wants one */
}

int
client_copier(const struct client_settings *c, const char *id,
              struct codecs *codecs, rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    rd_kafka_conf_t *conf;
    put_pairs(&p, consumer_defaults);
    put_pairs(&p, copier_defaults);
    put_consumer(&p, c, id);
    /* Whoever copies must know what it skips. */
    put(&p, "auto.offset.reset", "error");
    const bool debugs = props_get(&p, "debug");
    if (codecs)
        put_debug(&p);
    const int rc = conf_take(&p, &conf, err);
    if (rc != 0)
        return rc;
    if (codecs) {
        rd_kafka_conf_set_log_cb(conf, debugs ? hear_and_log : hear);
        rd_kafka_conf_set_opaque(conf, codecs);
    }
    return kafka_new_take(RD_KAFKA_CONSUMER, conf, out, err);
}

int
client_consumer(const struct client_settings *c, const char *id,
                rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_pairs(&p, consumer_defaults);
    put_consumer(&p, c, id);
    put(&p, "auto.offset.reset", "earliest");
    put(&p, "isolation.level", "read_committed"); /* aborted: never said */
    return make_take(RD_KAFKA_CONSUMER, &p, out, err);
}

int
client_of_group(const struct client_settings *c, const char *group,
                rd_kafka_t **out, struct err *err)
{
    struct props p = {0};
    put_settings(&p, c);
    put_pairs(&p, consumer_fixed);
    put(&p, "group.id", group);
    return make_take(RD_KAFKA_CONSUMER, &p, out, err);
}

int
client_member(const struct flow_settings *f, const char *group, const char *id,
              client_rebalance on_rebalance, void *opaque, rd_kafka_t **out,
              struct err *err)
{
    const int64_t session_ms = f->target->session_timeout_ms;
    struct props p = {0};
    rd_kafka_conf_t *conf;
    put_settings(&p, &f->clients[ROLE_TARGET_CONSUMER]);
    put_pairs(&p, member_fixed);
    put_int(&p, "session.timeout.ms", session_ms);
    put_int(&p, "heartbeat.interval.ms", f->target->heartbeat_interval_ms);
    put_int(&p, "max.poll.interval.ms",
            session_ms > POLL_INTERVAL_MS ? session_ms : POLL_INTERVAL_MS);
    put(&p, "group.id", group);
    put_id(&p, id);
    const int rc = conf_take(&p, &conf, err);
    if (rc != 0)
        return rc;
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, opaque);
    return kafka_new_take(RD_KAFKA_CONSUMER, conf, out, err);
}

int64_t
client_limit(rd_kafka_t *rk, const char *key)
{
    char text[32];
    size_t len = sizeof(text);
    if (rd_kafka_conf_get(rd_kafka_conf(rk), key, text, &len) !=
        RD_KAFKA_CONF_OK)
        return 0;
    return strtoll(text, NULL, 10);
}

const char *
client_compression(const struct client_settings *producer)
{
    const char *type = client_settings_get(producer, "compression.type");
    return type ? type : client_settings_get(producer, "compression.codec");
}

/* 0 and *known; ERR_INVALID: known, but not with this value. */
static int
try_property(const struct client_setting *c, bool *known, struct err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const rd_kafka_conf_res_t res =
        rd_kafka_conf_set(conf, c->key, c->value, why, sizeof(why));
    rd_kafka_conf_destroy(conf);
    *known = res != RD_KAFKA_CONF_UNKNOWN;
    if (res == RD_KAFKA_CONF_OK)
        return 0;
    if (!*known && settings_is_security(c->key))
        return settings_refuse(err, c->from, ERR_INVALID,
                               "= %s: librdkafka has no such property",
                               property_shown(c->from));
    if (!*known)
        return 0;
    /* librdkafka's words repeat the value. */
    return settings_refuse(
        err, c->from, ERR_INVALID, "= %s: %s", property_shown(c->from),
        c->from->shown ? "librdkafka does not accept it" : why);
}

static int
check_role(struct settings *s, struct client_settings *c, struct err *err)
{
    struct client_settings kept = {0};
    int rc = 0;
    for (size_t i = 0; i < c->n && rc == 0; i++) {
        bool known;
        rc = try_property(&c->v[i], &known, err);
        if (rc == 0 && known)
            client_settings_put(&kept, c->v[i].key, c->v[i].value,
                                c->v[i].from);
        else if (rc == 0)
            settings_warn(
                s, c->v[i].from,
                "ignored: neither Java's clients nor librdkafka have such "
                "a property");
    }
    client_settings_fini(c);
    *c = kept;
    return rc;
}

int
clients_check(struct settings *s, struct err *err)
{
    int rc = java_translate(s, err);
    for (size_t i = 0; i < s->n_flows; i++)
        for (int role = 0; role < ROLES && rc == 0; role++)
            rc = check_role(s, &s->flows[i].clients[role], err);
    return rc;
}

void
client_empty_producer(rd_kafka_t *rk)
{
    (void)rd_kafka_purge(rk,
                         RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(rk, 1000); /* frees what rides on the records */
}

void
client_end_producer(rd_kafka_t *rk)
{
    if (!rk)
        return;
    client_empty_producer(rk);
    rd_kafka_destroy(rk);
}
