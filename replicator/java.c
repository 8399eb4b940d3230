/*
 * Owns the table of Java's client properties.  Pure.  A row without `special`:
 * with `to`, the value is passed on, within [min, max] if max is not 0; without,
 * it is told of or refused unless its value is one of `allowed`.
 */
#include "replicator/java.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmem.h"

enum { CONSUMER = 1, PRODUCER = 2, ADMIN = 4, ALL = 7 };
enum act { PASS, TELL, REFUSE };

struct java_key {
    const char *key; /* ending with *: all that begin so */
    unsigned who;
    enum act act;
    const char *to;
    int64_t min, max;
    const char *text; /* TELL, REFUSE: why; PASS: what is different */
    const char *allowed;
    int (*special)(struct java *j, const struct client_setting *c,
                   struct err *err);
};

static int special_acks(struct java *j, const struct client_setting *c,
                        struct err *err);
static int special_memory(struct java *j, const struct client_setting *c,
                          struct err *err);
static int special_level(struct java *j, const struct client_setting *c,
                         struct err *err);
static int special_zstd(struct java *j, const struct client_setting *c,
                        struct err *err);

#define NOT_RUN        "it would not be run"
#define BYTES_ONLY     "records are copied as bytes"
#define ASSIGNED       "partitions are assigned by the flow"
#define NEVER_GIVES_UP "no record is given up: it is sent until it is there"
#define KEPT           "a record keeps its partition"
#define NO_LIMIT       "nothing is waited for without a bound of its own"

static const struct java_key table[] = {
    {"client.id", ALL, PASS, "client.id", .text = "before our own, as MM2"},
    {"receive.buffer.bytes", ALL, PASS, "socket.receive.buffer.bytes", .min = 0,
     .max = 100000000},
    {"send.buffer.bytes", ALL, PASS, "socket.send.buffer.bytes", .min = 0,
     .max = 100000000},
    {"request.timeout.ms", CONSUMER | ADMIN, PASS, "socket.timeout.ms",
     .min = 10, .max = 300000},
    {"request.timeout.ms", PRODUCER, PASS, "request.timeout.ms", .min = 1,
     .max = 900000},
    {"reconnect.backoff.ms", ALL, PASS, "reconnect.backoff.ms", .min = 0,
     .max = 3600000},
    {"retry.backoff.ms", ALL, PASS, "retry.backoff.ms", .min = 1,
     .max = 300000},
    {"metadata.max.age.ms", ALL, PASS, "metadata.max.age.ms", .min = 1,
     .max = 86400000},
    {"connections.max.idle.ms", ALL, PASS, "connections.max.idle.ms", .min = 0,
     .max = INT32_MAX},
    {"socket.connection.setup.timeout.ms", ALL, PASS,
     "socket.connection.setup.timeout.ms", .min = 1000, .max = INT32_MAX},
    {"socket.connection.setup.timeout.max.ms", ALL, TELL,
     .text = "librdkafka 2.0.2 has no counterpart"},
    {"retry.backoff.max.ms", ALL, TELL,
     .text = "librdkafka 2.0.2 has no counterpart"},
    {"client.dns.lookup", ALL, TELL,
     .text = "librdkafka 2.0.2 tries all addresses of a name",
     .allowed = "use_all_dns_ips"},
    {"default.api.timeout.ms", CONSUMER | ADMIN, TELL, .text = NO_LIMIT},
    {"metric*", ALL, TELL, .text = "metrics are at /metrics (--listen)"},
    {"enable.metrics.push", ALL, TELL,
     .text = "metrics are at /metrics (--listen)"},
    {"auto.include.jmx.reporter", ALL, TELL,
     .text = "metrics are at /metrics (--listen)"},
    {"interceptor.classes", CONSUMER | PRODUCER, REFUSE, .text = NOT_RUN,
     .allowed = ""},
    {"bootstrap.controllers", ADMIN, REFUSE,
     .text = "librdkafka 2.0.2 has no counterpart"},

    {"fetch.max.wait.ms", CONSUMER, PASS, "fetch.wait.max.ms", .min = 0,
     .max = 300000},
    {"fetch.min.bytes", CONSUMER, PASS, "fetch.min.bytes", .min = 1,
     .max = 100000000},
    {"fetch.max.bytes", CONSUMER, PASS, "fetch.max.bytes", .min = 0,
     .max = 2147483135},
    {"max.partition.fetch.bytes", CONSUMER, PASS, "max.partition.fetch.bytes",
     .min = 1, .max = 1000000000},
    {"auto.offset.reset", CONSUMER, REFUSE,
     .text = "there are earliest and latest", .allowed = "earliest,latest"},
    {"max.poll.records", CONSUMER, TELL,
     .text = "records are taken as they come; memory is bounded in bytes"},
    {"max.poll.interval.ms", CONSUMER, TELL, .text = ASSIGNED},
    {"group.*", CONSUMER, TELL, .text = ASSIGNED},
    {"session.timeout.ms", CONSUMER, TELL,
     .text = ASSIGNED "; processes share them by B.session.timeout.ms"},
    {"heartbeat.interval.ms", CONSUMER, TELL,
     .text = ASSIGNED "; processes share them by B.heartbeat.interval.ms"},
    {"partition.assignment.strategy", CONSUMER, TELL, .text = ASSIGNED},
    {"enable.auto.commit", CONSUMER, TELL,
     .text = "positions are kept in offset.storage.topic",
     .allowed = "false,False,FALSE"},
    {"auto.commit.interval.ms", CONSUMER, TELL,
     .text = "positions are kept in offset.storage.topic"},
    {"exclude.internal.topics", CONSUMER, TELL, .text = ASSIGNED},
    {"key.deserializer", CONSUMER, TELL, .text = BYTES_ONLY,
     .allowed = "ByteArrayDeserializer"},
    {"value.deserializer", CONSUMER, TELL, .text = BYTES_ONLY,
     .allowed = "ByteArrayDeserializer"},

    {"acks", PRODUCER, TELL, .text = "acks is always all",
     .special = special_acks},
    {"buffer.memory", PRODUCER, PASS, "queue.buffering.max.kbytes",
     .text = "divided by 1024", .special = special_memory},
    {"batch.size", PRODUCER, PASS, "batch.size", .min = 1, .max = INT32_MAX},
    {"linger.ms", PRODUCER, PASS, "linger.ms", .min = 0, .max = 900000},
    {"max.request.size", PRODUCER, PASS, "message.max.bytes", .min = 1000,
     .max = 1000000000},
    {"max.in.flight.requests.per.connection", PRODUCER, PASS,
     "max.in.flight.requests.per.connection", .min = 1, .max = 5},
    {"compression.gzip.level", PRODUCER, PASS, "compression.level",
     .text = "where compression.type is gzip", .special = special_level},
    {"compression.lz4.level", PRODUCER, PASS, "compression.level",
     .text = "where compression.type is lz4", .special = special_level},
    {"compression.zstd.level", PRODUCER, PASS, "compression.level",
     .text = "where compression.type is zstd: from 1 to 12, else the nearest",
     .special = special_zstd},
    {"retries", PRODUCER, TELL, .text = NEVER_GIVES_UP,
     .allowed = "2147483647"},
    {"delivery.timeout.ms", PRODUCER, TELL, .text = NEVER_GIVES_UP},
    {"message.timeout.ms", PRODUCER, TELL, .text = NEVER_GIVES_UP},
    {"max.block.ms", PRODUCER, TELL, .text = NEVER_GIVES_UP},
    {"enable.idempotence", PRODUCER, TELL,
     .text = "producers are always idempotent", .allowed = "true,True,TRUE"},
    {"transactional.id", PRODUCER, TELL,
     .text = "exactly once gives its own, those of MirrorMaker 2"},
    {"partitioner*", PRODUCER, TELL, .text = KEPT},
    {"metadata.max.idle.ms", PRODUCER, TELL,
     .text = "librdkafka 2.0.2 has no counterpart"},
    {"metadata.recovery.*", ALL, TELL,
     .text = "librdkafka 2.0.2 has no counterpart"},
    {"key.serializer", PRODUCER, TELL, .text = BYTES_ONLY,
     .allowed = "ByteArraySerializer"},
    {"value.serializer", PRODUCER, TELL, .text = BYTES_ONLY,
     .allowed = "ByteArraySerializer"},

    {"sasl.mechanism", ALL, PASS, "sasl.mechanism",
     .text = "SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer, which is "
             "told of",
     .special = java_mechanism},
    {"sasl.jaas.config", ALL, PASS, "sasl.username, sasl.password",
     .text = "of PlainLoginModule and ScramLoginModule; principal and keyTab "
             "of Krb5LoginModule; others are refused",
     .special = java_jaas},
    {"sasl.client.callback.handler.class", ALL, REFUSE, .text = NOT_RUN},
    {"sasl.login.callback.handler.class", ALL, REFUSE, .text = NOT_RUN},
    {"sasl.login.class", ALL, REFUSE, .text = NOT_RUN},
    {"sasl.login.*", ALL, TELL, .text = "librdkafka has no counterpart"},
    {"sasl.kerberos.kinit.cmd", ALL, TELL,
     .text = "librdkafka has a command line of its own there"},
    {"sasl.kerberos.ticket.*", ALL, TELL,
     .text = "librdkafka renews tickets by its own rule"},
    {"security.providers", ALL, REFUSE, .text = NOT_RUN, .allowed = ""},
    {"ssl.truststore.location", ALL, PASS, "ssl.ca.location",
     .text = "PEM; the certificates of JKS and PKCS12 go to ssl.ca.pem",
     .special = java_truststore},
    {"ssl.truststore.certificates", ALL, PASS, "ssl.ca.pem", .text = NULL},
    {"ssl.truststore.type", ALL, PASS, .special = java_truststore,
     .text = "the file itself tells"},
    {"ssl.truststore.password", ALL, PASS, .special = java_truststore,
     .text = "of JKS and PKCS12"},
    {"ssl.keystore.location", ALL, PASS,
     "ssl.keystore.location; of PEM ssl.certificate.location, "
     "ssl.key.location",
     .text = "PKCS12 and PEM; JKS is refused, with the command that converts",
     .special = java_keystore},
    {"ssl.keystore.type", ALL, PASS, .special = java_keystore,
     .text = "the file itself tells"},
    {"ssl.keystore.password", ALL, PASS, "ssl.keystore.password",
     .text = "of PKCS12", .special = java_keystore_password},
    {"ssl.keystore.key", ALL, PASS, "ssl.key.pem", .text = NULL},
    {"ssl.keystore.certificate.chain", ALL, PASS, "ssl.certificate.pem",
     .text = NULL},
    {"ssl.endpoint.identification.algorithm", ALL, PASS,
     "ssl.endpoint.identification.algorithm", .text = "empty is none",
     .special = java_hostname_check},
    {"ssl.enabled.protocols", ALL, PASS, .special = java_protocols,
     .text = "TLSv1.2 and TLSv1.3 are what there is; refused where TLSv1.3 "
             "alone is asked for"},
    {"ssl.protocol", ALL, TELL,
     .text = "OpenSSL takes the highest of both "
             "sides",
     .allowed = "TLS,TLSv1.2,TLSv1.3"},
    {"ssl.cipher.suites", ALL, PASS, "ssl.cipher.suites",
     .text = "OpenSSL's names; Java's are refused", .special = java_ciphers},
    {"ssl.engine.factory.class", ALL, REFUSE, .text = NOT_RUN},
    {"ssl.provider", ALL, TELL, .text = "TLS is OpenSSL's"},
    {"ssl.secure.random.implementation", ALL, TELL, .text = "TLS is OpenSSL's"},
    {"ssl.keymanager.algorithm", ALL, TELL, .text = "TLS is OpenSSL's"},
    {"ssl.trustmanager.algorithm", ALL, TELL, .text = "TLS is OpenSSL's"},
    {0},
};

/* ---- specials ---------------------------------------------------------- */

void
java_put(struct java *j, const char *key, const char *value,
         const struct client_setting *of)
{
    client_settings_put(j->to, key, value, of->from);
}

static int
special_acks(struct java *j, const struct client_setting *c, struct err *err)
{
    (void)err;
    if (strcmp(c->value, "all") != 0 && strcmp(c->value, "-1") != 0)
        settings_warn(j->s, c->from, "ignored: acks is always all");
    return 0;
}

static int
special_memory(struct java *j, const struct client_setting *c, struct err *err)
{
    int64_t bytes;
    if (!str_to_i64(c->value, 0, INT64_MAX, &bytes))
        return settings_refuse(err, c->from, ERR_INVALID,
                               "= %s: is no number of bytes",
                               property_shown(c->from));
    const int64_t kib = bytes / 1024;
    char *text = xasprintf("%lld", (long long)(kib < 1           ? 1
                                               : kib > INT32_MAX ? INT32_MAX
                                                                 : kib));
    java_put(j, "queue.buffering.max.kbytes", text, c);
    free(text);
    return 0;
}

/* "compression.gzip.level" counts where compression.type is gzip. */
static int
special_level(struct java *j, const struct client_setting *c, struct err *err)
{
    const char *type = client_settings_get(j->from, "compression.type");
    const char *codec = c->key + strlen("compression.");
    const size_t len = strcspn(codec, ".");
    (void)err;
    if (type && strlen(type) == len && strncasecmp(type, codec, len) == 0)
        java_put(j, "compression.level", c->value, c);
    return 0;
}

/* Java knows levels from -131072 to 22. */
static int
special_zstd(struct java *j, const struct client_setting *c, struct err *err)
{
    static char one[] = "1", twelve[] = "12";
    struct client_setting within = *c;
    char *end;
    const long level = strtol(c->value, &end, 10);
    if (end != c->value && !*end)
        within.value = level < 1 ? one : level > 12 ? twelve : c->value;
    return special_level(j, &within, err);
}

/* ---- the table at work ------------------------------------------------- */

static bool
is_key(const struct java_key *k, const char *key)
{
    const size_t len = strlen(k->key);
    return k->key[len - 1] == '*' ? strncmp(k->key, key, len - 1) == 0
                                  : strcmp(k->key, key) == 0;
}

static const struct java_key *
find(const char *key, unsigned who)
{
    for (const struct java_key *k = table; k->key; k++)
        if ((k->who & who) && is_key(k, key))
            return k;
    return NULL;
}

static bool
is_allowed(const char *allowed, const char *value)
{
    struct strlist all = {0};
    const char *dot = strrchr(value, '.');
    if (!allowed)
        return false;
    if (strlist_split(&all, allowed, ",") != 0)
        abort();
    const bool is = (all.n == 0 && !*value) || strlist_has(&all, value) ||
                    (dot && strlist_has(&all, dot + 1));
    strlist_fini(&all);
    return is;
}

/* Java's range is often wider: the nearest that librdkafka takes. */
static int
pass(struct java *j, const struct java_key *k, const struct client_setting *c,
     struct err *err)
{
    int64_t n;
    if (k->max == 0) {
        java_put(j, k->to, c->value, c);
        return 0;
    }
    if (!str_to_i64(c->value, INT64_MIN, INT64_MAX, &n))
        return settings_refuse(err, c->from, ERR_INVALID,
                               "= %s: is no whole number",
                               property_shown(c->from));
    const int64_t taken = n < k->min ? k->min : n > k->max ? k->max : n;
    char *text = xasprintf("%lld", (long long)taken);
    if (taken != n && !(n == -1 && k->min == 0)) /* -1: the system's */
        settings_warn(j->s, c->from,
                      "= %s: librdkafka's %s is from %lld to %lld; %s it is",
                      property_shown(c->from), k->to, (long long)k->min,
                      (long long)k->max, text);
    java_put(j, k->to, text, c);
    free(text);
    return 0;
}

static int
translate_one(struct java *j, unsigned who, const struct client_setting *c,
              struct err *err)
{
    const struct java_key *k = find(c->key, who);
    if (!k) {
        java_put(j, c->key, c->value, c);
        return 0;
    }
    if (k->special)
        return k->special(j, c, err);
    if (k->act == PASS)
        return pass(j, k, c, err);
    if (is_allowed(k->allowed, c->value)) {
        if (strcmp(c->key, "auto.offset.reset") == 0)
            java_put(j, c->key, c->value, c);
        return 0;
    }
    if (k->act == REFUSE)
        return settings_refuse(err, c->from, ERR_UNSUPPORTED,
                               "= %s: not supported: %s",
                               property_shown(c->from), k->text);
    settings_warn(j->s, c->from, "ignored: %s", k->text);
    return 0;
}

static int
translate(struct settings *s, struct client_settings *c, unsigned who,
          struct err *err)
{
    struct client_settings to = {0};
    struct java j = {.s = s, .from = c, .to = &to};
    int rc = 0;
    for (size_t i = 0; i < c->n && rc == 0; i++)
        rc = translate_one(&j, who, &c->v[i], err);
    client_settings_fini(c);
    *c = to;
    return rc;
}

int
java_translate(struct settings *s, struct err *err)
{
    static const unsigned who[ROLES] = {
        [ROLE_SOURCE_CONSUMER] = CONSUMER, [ROLE_SOURCE_PRODUCER] = PRODUCER,
        [ROLE_SOURCE_ADMIN] = ADMIN,       [ROLE_TARGET_CONSUMER] = CONSUMER,
        [ROLE_TARGET_PRODUCER] = PRODUCER, [ROLE_TARGET_ADMIN] = ADMIN,
    };
    int rc = 0;
    for (size_t i = 0; i < s->n_flows; i++)
        for (int role = 0; role < ROLES && rc == 0; role++)
            rc = translate(s, &s->flows[i].clients[role], who[role], err);
    return rc;
}

/* ---- documents --------------------------------------------------------- */

static void
print_row(const struct java_key *k, FILE *to)
{
    static const char *const who[] = {
        "",      "consumer",        "producer", "consumer, producer",
        "admin", "consumer, admin", "",         "all"};
    (void)fprintf(to, "| `%s` | %s | ", k->key, who[k->who]);
    if (k->act != PASS && k->allowed && *k->allowed)
        (void)fprintf(to, "other than `%s`: ", k->allowed);
    if (k->act != PASS)
        (void)fputs(k->act == REFUSE ? "refused" : "ignored", to);
    else if (k->to)
        (void)fprintf(to, "`%s`", k->to);
    else
        (void)fputs("looked at", to);
    if (k->max > 0)
        (void)fprintf(to, ", %lld to %lld", (long long)k->min,
                      (long long)k->max);
    (void)fprintf(to, "%s%s |\n", k->text ? ": " : "", k->text ? k->text : "");
}

void
java_markdown(FILE *to)
{
    (void)fputs("| property of Java's clients | of | what becomes of it |\n"
                "|---|---|---|\n",
                to);
    for (const struct java_key *k = table; k->key; k++)
        print_row(k, to);
}
