/* Which property reaches which Kafka handle, under which name (mm2.md 7.4 and
 * the facts of MirrorMakerConfigTest, 11.6), and what is refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "replicator/clients.h"
#include "replicator/jaas.h"
#include "replicator/settings.h"
#include "tests/support/support.h"

#define HEAD                                                                   \
    "clusters = a, b\n"                                                        \
    "a.bootstrap.servers = servers-one:1\n"                                    \
    "b.bootstrap.servers = servers-two:2\n"                                    \
    "a->b.enabled = true\n"

static struct settings
loaded(const char *text)
{
    struct settings s;
    struct err err = {0};
    ck_assert_msg(settings_load(text, strlen(text), &s, &err) == 0 &&
                      clients_check(&s, &err) == 0,
                  "%s: %s", text, err.text);
    return s;
}

static bool
warned(const struct settings *s, const char *words)
{
    for (size_t i = 0; i < s->warnings.n; i++)
        if (strstr(s->warnings.v[i], words))
            return true;
    return false;
}

static void
has(const struct settings *s, enum client_role role, const char *key,
    const char *value)
{
    const struct flow_settings *f = settings_flow(s, "a", "b");
    const char *is = client_settings_get(&f->clients[role], key);
    ck_assert_msg(str_equal(is, value), "%s %s: %s instead of %s",
                  client_role_name(role), key, is ? is : "(none)",
                  value ? value : "(none)");
}

static void
refused(const char *more, int code, const char *field, const char *words)
{
    char text[4096];
    struct settings s;
    struct err err = {0};
    (void)snprintf(text, sizeof(text), HEAD "%s", more);
    int rc = settings_load(text, strlen(text), &s, &err);
    if (rc == 0) {
        rc = clients_check(&s, &err);
        settings_fini(&s);
    }
    ck_assert_msg(rc == code, "%s: %d %s", more, rc, err.text);
    ck_assert_str_eq(err.field, field);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s: %s", more, err.text);
    ck_assert_msg(!strstr(err.text, "s3cret"), "%s", err.text);
}

/* ---- precedence -------------------------------------------------------- */

START_TEST(security_falls_back)
{
    struct settings s = loaded(HEAD "security.protocol = SSL\n"
                                    "a.security.protocol = PLAINTEXT\n"
                                    "a.producer.security.protocol = SSL\n"
                                    "a.xxx = yyy\n");
    has(&s, ROLE_SOURCE_CONSUMER, "bootstrap.servers", "servers-one:1");
    has(&s, ROLE_TARGET_PRODUCER, "bootstrap.servers", "servers-two:2");
    has(&s, ROLE_SOURCE_ADMIN, "security.protocol", "PLAINTEXT");
    has(&s, ROLE_SOURCE_CONSUMER, "security.protocol", "PLAINTEXT");
    has(&s, ROLE_SOURCE_PRODUCER, "security.protocol", "SSL");
    for (int role = ROLE_TARGET_CONSUMER; role < ROLES; role++)
        has(&s, (enum client_role)role, "security.protocol", "SSL");
    has(&s, ROLE_SOURCE_CONSUMER, "xxx", NULL);
    ck_assert(warned(&s, "a.xxx: unknown key"));
    settings_fini(&s);
}
END_TEST

/* Each line wins over those above it. */
START_TEST(consumer_precedence)
{
    static const char *const lines[] = {
        "a->b.source.cluster.ssl.key.password",
        "a->b.consumer.ssl.key.password",
        "ssl.key.password",
        "a.ssl.key.password",
        "a.consumer.ssl.key.password",
        "a->b.source.consumer.ssl.key.password",
    };
    for (size_t n = 1; n <= sizeof(lines) / sizeof(lines[0]); n++) {
        char text[2048] = HEAD, value[16];
        /* The winner first: the order of the file must not matter. */
        for (size_t i = n; i-- > 0;) {
            const size_t len = strlen(text);
            (void)snprintf(text + len, sizeof(text) - len, "%s = v%zu\n",
                           lines[i], i + 1);
        }
        (void)snprintf(value, sizeof(value), "v%zu", n);
        struct settings s = loaded(text);
        has(&s, ROLE_SOURCE_CONSUMER, "ssl.key.password", value);
        settings_fini(&s);
    }
}
END_TEST

START_TEST(a_flows_own_clients)
{
    struct settings s = loaded(HEAD "a.consumer.fetch.max.bytes = 1000\n"
                                    "a->b.consumer.fetch.max.bytes = 2000\n"
                                    "a->b.consumer.fetch.min.bytes = 7\n"
                                    "a->b.producer.linger.ms = 1\n"
                                    "b.producer.linger.ms = 2\n"
                                    "a.producer.batch.size = 5000\n"
                                    "a->b.producer.override.linger.ms = 3\n"
                                    "a->b.target.producer.linger.ms = 4\n"
                                    "a->b.admin.retry.backoff.ms = 50\n"
                                    "a->b.target.admin.retry.backoff.ms = 60\n"
                                    "a->b.consumer.poll.timeout.ms = 9\n"
                                    "a->b.admin.timeout.ms = 9000\n");
    /* As in MirrorMaker 2, A.consumer. is more than A->B.consumer. */
    has(&s, ROLE_SOURCE_CONSUMER, "fetch.max.bytes", "1000");
    has(&s, ROLE_SOURCE_CONSUMER, "fetch.min.bytes", "7");
    has(&s, ROLE_TARGET_CONSUMER, "fetch.max.bytes", "2000");
    has(&s, ROLE_SOURCE_PRODUCER, "linger.ms", "1");
    has(&s, ROLE_SOURCE_PRODUCER, "batch.size", "5000");
    /* The records' producer is the worker's. */
    has(&s, ROLE_TARGET_PRODUCER, "linger.ms", "3");
    ck_assert(warned(&s, "a->b.target.producer.linger.ms: ignored"));
    has(&s, ROLE_SOURCE_ADMIN, "retry.backoff.ms", "50");
    has(&s, ROLE_TARGET_ADMIN, "retry.backoff.ms", "60");
    has(&s, ROLE_SOURCE_CONSUMER, "poll.timeout.ms", NULL);
    ck_assert_int_eq(settings_flow(&s, "a", "b")->admin_timeout_ms, 9000);
    has(&s, ROLE_SOURCE_ADMIN, "timeout.ms", NULL);
    settings_fini(&s);
}
END_TEST

START_TEST(of_the_worker)
{
    struct settings s = loaded(HEAD "offset.storage.replication.factor = 123\n"
                                    "b.offset.storage.replication.factor = 4\n"
                                    "b.offset.storage.partitions = 5\n"
                                    "b.producer.client.id = client-one\n"
                                    "b.security.protocol = PLAINTEXT\n"
                                    "b.producer.security.protocol = SASL_SSL\n"
                                    "producer.linger.ms = 1\n"
                                    "a->b.offset.storage.partitions = 9\n");
    ck_assert_int_eq(settings_cluster(&s, "b")->positions_replication, 123);
    ck_assert_int_eq(settings_cluster(&s, "b")->positions_partitions, 5);
    has(&s, ROLE_TARGET_PRODUCER, "client.id", "client-one");
    has(&s, ROLE_TARGET_PRODUCER, "security.protocol", "SASL_SSL");
    has(&s, ROLE_TARGET_CONSUMER, "security.protocol", "PLAINTEXT");
    has(&s, ROLE_TARGET_PRODUCER, "linger.ms", NULL);
    ck_assert(warned(&s, "producer.linger.ms: has no effect without"));
    ck_assert(warned(&s, "a->b.offset.storage.partitions: has no effect"));
    settings_fini(&s);
}
END_TEST

/* ---- levels ------------------------------------------------------------ */

static void
expect_level(const char *more, const char *codec, const char *level)
{
    char text[1024], is[32];
    size_t len = sizeof(is);
    struct err err = {0};
    rd_kafka_t *rk;
    (void)snprintf(text, sizeof(text), HEAD "%s", more);
    struct settings s = loaded(text);
    ck_assert_int_eq(
        client_producer(
            &settings_flow(&s, "a", "b")->clients[ROLE_TARGET_PRODUCER], NULL,
            "x", &rk, &err),
        0);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);
    ck_assert_int_eq(
        rd_kafka_conf_get(rd_kafka_conf(rk), "compression.codec", is, &len), 0);
    ck_assert_str_eq(is, codec);
    len = sizeof(is);
    ck_assert_int_eq(
        rd_kafka_topic_conf_get(conf, "compression.level", is, &len), 0);
    ck_assert_str_eq(is, level);
    rd_kafka_topic_conf_destroy(conf);
    rd_kafka_destroy(rk);
    settings_fini(&s);
}

START_TEST(levels_of_codecs)
{
#define TYPE(t) "b.producer.compression.type = " t "\n"
    expect_level("", "none", "-1");
    expect_level(TYPE("lz4"), "lz4", "-1");
    expect_level(TYPE("zstd"), "zstd", "2");
    expect_level(TYPE("zstd") "b.producer.compression.zstd.level = 9\n", "zstd",
                 "9");
    expect_level(TYPE("zstd") "b.producer.compression.zstd.level = 19\n",
                 "zstd", "12");
    expect_level(TYPE("zstd") "b.producer.compression.zstd.level = -7\n",
                 "zstd", "1");
    expect_level(TYPE("gzip") "b.producer.compression.zstd.level = 9\n", "gzip",
                 "-1");
}
END_TEST

/* ---- names ------------------------------------------------------------- */

START_TEST(java_names)
{
    struct settings s =
        loaded(HEAD "a.consumer.fetch.max.wait.ms = 100\n"
                    "a.consumer.fetch.max.bytes = 2147483647\n"
                    "a.consumer.request.timeout.ms = 40000\n"
                    "a.consumer.receive.buffer.bytes = -1\n"
                    "a.consumer.max.poll.records = 5\n"
                    "a.consumer.isolation.level = read_uncommitted\n"
                    "a.consumer.what.is.this = 1\n"
                    "a.consumer.queued.min.messages = 77\n"
                    "b.producer.max.request.size = 5000000\n"
                    "b.producer.buffer.memory = 67108864\n"
                    "b.producer.batch.size = 0\n"
                    "b.producer.compression.type = gzip\n"
                    "b.producer.compression.gzip.level = 3\n"
                    "b.producer.compression.lz4.level = 4\n"
                    "b.producer.acks = -1\n"
                    "b.producer.retries = 2147483647\n"
                    "b.producer.delivery.timeout.ms = 9\n"
                    "b.producer.max.in.flight.requests.per.connection = 9\n"
                    "b.ssl.endpoint.identification.algorithm =\n");
    has(&s, ROLE_SOURCE_CONSUMER, "fetch.wait.max.ms", "100");
    has(&s, ROLE_SOURCE_CONSUMER, "fetch.max.bytes", "2147483135");
    ck_assert(warned(&s, "line 6: a.consumer.fetch.max.bytes: = 2147483647"));
    has(&s, ROLE_SOURCE_CONSUMER, "socket.timeout.ms", "40000");
    has(&s, ROLE_SOURCE_CONSUMER, "socket.receive.buffer.bytes", "0");
    ck_assert(!warned(&s, "receive.buffer"));
    has(&s, ROLE_SOURCE_CONSUMER, "max.poll.records", NULL);
    ck_assert(warned(&s, "a.consumer.max.poll.records: ignored: records are"));
    has(&s, ROLE_SOURCE_CONSUMER, "isolation.level", "read_uncommitted");
    ck_assert(warned(&s, "a.consumer.what.is.this: ignored: neither Java's"));
    has(&s, ROLE_SOURCE_CONSUMER, "queued.min.messages", "77");
    has(&s, ROLE_TARGET_PRODUCER, "message.max.bytes", "5000000");
    has(&s, ROLE_TARGET_PRODUCER, "queue.buffering.max.kbytes", "65536");
    has(&s, ROLE_TARGET_PRODUCER, "batch.size", "1");
    has(&s, ROLE_TARGET_PRODUCER, "compression.level", "3");
    ck_assert(!warned(&s, "acks") && !warned(&s, "retries"));
    ck_assert(warned(&s, "b.producer.delivery.timeout.ms: ignored: no record"));
    has(&s, ROLE_TARGET_PRODUCER, "max.in.flight.requests.per.connection", "5");
    has(&s, ROLE_TARGET_ADMIN, "ssl.endpoint.identification.algorithm", "none");
    settings_fini(&s);
}
END_TEST

START_TEST(logins)
{
    struct settings s = loaded(
        HEAD "sasl.mechanism = SCRAM-SHA-512\n"
             "sasl.jaas.config = org.apache.kafka.common.security.scram."
             "ScramLoginModule required username=\"bob\" "
             "password=\"s3\\\\\"cret;\" ;\n"
             "a.consumer.sasl.jaas.config = PlainLoginModule   required \\\n"
             "   username='al ice'\\\n   password=pw;\n");
    has(&s, ROLE_TARGET_PRODUCER, "sasl.username", "bob");
    has(&s, ROLE_TARGET_PRODUCER, "sasl.password", "s3\"cret;");
    has(&s, ROLE_TARGET_PRODUCER, "sasl.mechanism", "SCRAM-SHA-512");
    has(&s, ROLE_TARGET_PRODUCER, "sasl.jaas.config", NULL);
    has(&s, ROLE_SOURCE_CONSUMER, "sasl.username", "al ice");
    has(&s, ROLE_SOURCE_CONSUMER, "sasl.password", "pw");
    has(&s, ROLE_SOURCE_ADMIN, "sasl.username", "bob");
    settings_fini(&s);
}
END_TEST

START_TEST(jaas_texts)
{
    static const char *const bad[] = {
        "",
        "A",
        "A required",
        "A required x;",
        "A required x=\"s3cret;",
        "A required x=;",
        "A required =y;",
        "A required x=y; B required;",
        "a. required x=y;",
    };
    struct jaas j;
    struct err err = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(jaas_parse(bad[i], &j, &err) == ERR_PARSE, "%s", bad[i]);
        ck_assert_msg(!strstr(err.text, "s3cret"), "%s", err.text);
    }
    ck_assert_int_eq(
        jaas_parse(" x.y.Z required a='\\101\\n\\q\"' b=1.5/x@y ;\n", &j, &err),
        0);
    ck_assert_str_eq(j.module, "Z");
    ck_assert_str_eq(props_get(&j.options, "a"), "A\nq\"");
    ck_assert_str_eq(props_get(&j.options, "b"), "1.5/x@y");
    jaas_fini(&j);
}
END_TEST

static void
put_file(struct tmpdir *dir, const char *name, const char *content, size_t len)
{
    ck_assert_int_eq(file_replace(tmpdir_file(dir, name), content, len, NULL),
                     0);
}

START_TEST(stores)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n";
    static const char jks[] = "\xfe\xed\xfe\xed\0\0\0\2";
    static const char p12[] = "\x30\x82";
    char text[2048];
    struct tmpdir dir;
    tmpdir_make(&dir);
    put_file(&dir, "pem", pem, sizeof(pem) - 1);
    put_file(&dir, "jks", jks, sizeof(jks) - 1);
    put_file(&dir, "p12", p12, sizeof(p12) - 1);
    (void)snprintf(text, sizeof(text),
                   HEAD "a.ssl.truststore.location = %s/pem\n"
                        "a.ssl.truststore.type = PEM\n"
                        "a.ssl.truststore.password = s3cret\n"
                        "a.ssl.keystore.location = %s/p12\n"
                        "a.ssl.keystore.password = s3cret\n"
                        "b.ssl.keystore.location = %s/pem\n"
                        "b.ssl.keystore.password = s3cret\n"
                        "b.ssl.truststore.certificates = CERT\n",
                   dir.path, dir.path, dir.path);
    struct settings s = loaded(text);
    has(&s, ROLE_SOURCE_CONSUMER, "ssl.ca.location", tmpdir_file(&dir, "pem"));
    has(&s, ROLE_SOURCE_CONSUMER, "ssl.keystore.location",
        tmpdir_file(&dir, "p12"));
    has(&s, ROLE_SOURCE_CONSUMER, "ssl.keystore.password", "s3cret");
    has(&s, ROLE_TARGET_PRODUCER, "ssl.certificate.location",
        tmpdir_file(&dir, "pem"));
    has(&s, ROLE_TARGET_PRODUCER, "ssl.key.location", tmpdir_file(&dir, "pem"));
    has(&s, ROLE_TARGET_PRODUCER, "ssl.keystore.password", NULL);
    has(&s, ROLE_TARGET_PRODUCER, "ssl.ca.pem", "CERT");
    ck_assert_uint_eq(s.warnings.n, 0);
    settings_fini(&s);
    (void)snprintf(text, sizeof(text), "b.ssl.truststore.location = %s\n",
                   tmpdir_file(&dir, "jks"));
    refused(text, ERR_CORRUPT, "b.ssl.truststore.location", "keytool");
    (void)snprintf(text, sizeof(text), "b.ssl.keystore.location = %s\n",
                   tmpdir_file(&dir, "jks"));
    refused(text, ERR_UNSUPPORTED, "b.ssl.keystore.location", "PKCS12");
    tmpdir_remove(&dir);
}
END_TEST

START_TEST(refusals)
{
    refused("b.security.protocol = abc\n", ERR_INVALID, "b.security.protocol",
            "line 5: b.security.protocol: = abc");
    refused("b.ssl.truststore.location = /does/not/exist.jks\n", ERR_NOTFOUND,
            "b.ssl.truststore.location", "cannot be read");
    refused("b.ssl.what = x\n", ERR_INVALID, "b.ssl.what", "no such property");
    refused("ssl.enabled.protocols = TLSv1.3\n", ERR_UNSUPPORTED,
            "ssl.enabled.protocols", "TLSv1.2 too");
    refused("ssl.cipher.suites = TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n",
            ERR_UNSUPPORTED, "ssl.cipher.suites", "Java's names");
    refused("ssl.engine.factory.class = x.Y\n", ERR_UNSUPPORTED,
            "ssl.engine.factory.class", "not be run");
    refused("a.consumer.interceptor.classes = x.Y\n", ERR_UNSUPPORTED,
            "a.consumer.interceptor.classes", "not be run");
    refused("a.consumer.auto.offset.reset = none\n", ERR_UNSUPPORTED,
            "a.consumer.auto.offset.reset", "earliest and latest");
    refused("a.consumer.fetch.min.bytes = many\n", ERR_INVALID,
            "a.consumer.fetch.min.bytes", "no whole number");
    refused("sasl.jaas.config = x.OAuthBearerLoginModule required "
            "clientSecret=\"s3cret\";\n",
            ERR_UNSUPPORTED, "sasl.jaas.config", "OAuthBearerLoginModule");
    refused("sasl.jaas.config = x.PlainLoginModule required "
            "password=\"s3cret\";\n",
            ERR_INVALID, "sasl.jaas.config", "no option \"username\"");
    refused("sasl.jaas.config = x.ScramLoginModule required username=\"a\" "
            "password=\"s3cret\" tokenauth=true;\n",
            ERR_UNSUPPORTED, "sasl.jaas.config", "delegation");
}
END_TEST

START_TEST(a_handle_can_be_made)
{
    struct settings s =
        loaded(HEAD "a.consumer.fetch.max.bytes = 2147483647\n"
                    "a.consumer.max.partition.fetch.bytes = 2147483647\n"
                    "b.producer.max.request.size = 2147483647\n"
                    "b.producer.client.id = mine\n");
    const struct flow_settings *f = settings_flow(&s, "a", "b");
    struct err err = {0};
    rd_kafka_t *rk;
    ck_assert_msg(client_copier(&f->clients[ROLE_SOURCE_CONSUMER], "x", NULL,
                                &rk, &err) == 0,
                  "%s", err.text);
    rd_kafka_destroy(rk);
    ck_assert_msg(client_producer(&f->clients[ROLE_TARGET_PRODUCER], NULL, "x",
                                  &rk, &err) == 0,
                  "%s", err.text);
    ck_assert_msg(strstr(rd_kafka_name(rk), "mine|x") != NULL, "%s",
                  rd_kafka_name(rk));
    rd_kafka_destroy(rk);
    settings_fini(&s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("replicator clients");
    TCase *t = tcase_create("clients");
    tcase_add_test(t, security_falls_back);
    tcase_add_test(t, consumer_precedence);
    tcase_add_test(t, a_flows_own_clients);
    tcase_add_test(t, of_the_worker);
    tcase_add_test(t, levels_of_codecs);
    tcase_add_test(t, java_names);
    tcase_add_test(t, logins);
    tcase_add_test(t, jaas_texts);
    tcase_add_test(t, stores);
    tcase_add_test(t, refusals);
    tcase_add_test(t, a_handle_can_be_made);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
