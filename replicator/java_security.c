/*
 * Owns nothing.  Java's SASL and TLS properties that need more than another
 * name.  Stores are told apart by their first bytes, not by ssl.*.type, whose
 * default says JKS whatever the file is.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/xmem.h"
#include "replicator/jaas.h"
#include "replicator/java.h"
#include "replicator/stores.h"

#define STORE_MAX_BYTES ((size_t)4 << 20)

/* ---- SASL -------------------------------------------------------------- */

/* Those before repeat the client's nonce, which Kafka 4 does not bear any more
 * (librdkafka's #4895). */
#define SCRAM_WORKS_SINCE 0x020601ff

int
java_mechanism(struct java *j, const struct client_setting *c, struct err *err)
{
    (void)err;
    if (strncasecmp(c->value, "SCRAM-", 6) == 0 &&
        rd_kafka_version() < SCRAM_WORKS_SINCE)
        settings_warn(j->s, c->from,
                      "librdkafka %s cannot log in to Kafka 4 by SCRAM, where "
                      "it is called invalid credentials: 2.6.1 or newer can; "
                      "or use PLAIN or a certificate",
                      rd_kafka_version_str());
    java_put(j, "sasl.mechanism", c->value, c);
    return 0;
}

static int
need(const struct jaas *jaas, const char *option, const char **out,
     const struct client_setting *c, struct err *err)
{
    *out = props_get(&jaas->options, option);
    return *out ? 0
                : settings_refuse(err, c->from, ERR_INVALID,
                                  "%s has no option \"%s\"", jaas->module,
                                  option);
}

static int
put_password(struct java *j, const struct jaas *jaas,
             const struct client_setting *c, struct err *err)
{
    const char *user, *password;
    int rc = need(jaas, "username", &user, c, err);
    if (rc == 0)
        rc = need(jaas, "password", &password, c, err);
    if (rc != 0)
        return rc;
    /* A token of delegation is checked another way. */
    const char *token = props_get(&jaas->options, "tokenauth");
    if (token && strcasecmp(token, "true") == 0)
        return settings_refuse(err, c->from, ERR_UNSUPPORTED,
                               "librdkafka has no delegation tokens");
    java_put(j, "sasl.username", user, c);
    java_put(j, "sasl.password", password, c);
    return 0;
}

static int
put_kerberos(struct java *j, const struct jaas *jaas,
             const struct client_setting *c)
{
    static const char *const names[][2] = {
        {"principal", "sasl.kerberos.principal"},
        {"keyTab", "sasl.kerberos.keytab"},
        {"serviceName", "sasl.kerberos.service.name"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = props_get(&jaas->options, names[i][0]);
        if (value)
            java_put(j, names[i][1], value, c);
    }
    return 0;
}

int
java_jaas(struct java *j, const struct client_setting *c, struct err *err)
{
    struct jaas jaas;
    struct err why = {0};
    int rc = jaas_parse(c->value, &jaas, &why);
    if (rc != 0)
        return settings_refuse(err, c->from, rc, "%s", why.text);
    if (strcmp(jaas.module, "PlainLoginModule") == 0 ||
        strcmp(jaas.module, "ScramLoginModule") == 0)
        rc = put_password(j, &jaas, c, err);
    else if (strcmp(jaas.module, "Krb5LoginModule") == 0)
        rc = put_kerberos(j, &jaas, c);
    else
        rc = settings_refuse(err, c->from, ERR_UNSUPPORTED,
                             "%s is not supported; there are PlainLoginModule, "
                             "ScramLoginModule and Krb5LoginModule",
                             jaas.module);
    jaas_fini(&jaas);
    return rc;
}

/* ---- stores ------------------------------------------------------------ */

enum store { STORE_PEM, STORE_JKS, STORE_PKCS12, STORE_OTHER };

static int
look_at_store(const struct client_setting *c, enum store *out, struct err *err)
{
    unsigned char head[4] = {0};
    FILE *f = fopen(c->value, "re");
    if (!f)
        return settings_refuse(err, c->from, ERR_NOTFOUND,
                               "= %s: cannot be read: %s",
                               property_shown(c->from), strerror(errno));
    const size_t n = fread(head, 1, sizeof(head), f);
    (void)fclose(f);
    static const unsigned char jks[] = {0xfe, 0xed, 0xfe, 0xed};
    if (n == sizeof(head) && memcmp(head, jks, sizeof(jks)) == 0)
        *out = STORE_JKS;
    else if (n > 0 && head[0] == 0x30)
        *out = STORE_PKCS12;
    else if (n > 0 && (head[0] == '-' || head[0] == '#' || head[0] >= ' '))
        *out = STORE_PEM;
    else
        *out = STORE_OTHER;
    return 0;
}

static int
refuse_store(const struct client_setting *c, const char *command,
             struct err *err)
{
    return settings_refuse(err, c->from, ERR_UNSUPPORTED,
                           "= %s: this kind of store is not read; make another "
                           "with: %s",
                           property_shown(c->from), command);
}

static int
put_store(struct java *j, const struct client_setting *c, struct err *err)
{
    char *data, *pem;
    size_t len;
    struct err why = {0};
    int rc = file_read(c->value, STORE_MAX_BYTES, &data, &len, &why);
    if (rc == 0) {
        rc = store_certificates(
            data, len, client_settings_get(j->from, "ssl.truststore.password"),
            &pem, &why);
        free(data);
    }
    if (rc != 0)
        return settings_refuse(err, c->from, rc,
                               "= %s: %s. The same as PEM: keytool -list -rfc "
                               "-keystore THIS > trust.pem",
                               property_shown(c->from), why.text);
    java_put(j, "ssl.ca.pem", pem, c);
    free(pem);
    return 0;
}

int
java_truststore(struct java *j, const struct client_setting *c, struct err *err)
{
    enum store kind;
    if (strcmp(c->key, "ssl.truststore.location") != 0)
        return 0; /* type and password: of the location */
    const int rc = look_at_store(c, &kind, err);
    if (rc != 0)
        return rc;
    if (kind != STORE_PEM)
        return put_store(j, c, err);
    java_put(j, "ssl.ca.location", c->value, c);
    return 0;
}

int
java_keystore(struct java *j, const struct client_setting *c, struct err *err)
{
    enum store kind;
    if (strcmp(c->key, "ssl.keystore.location") != 0)
        return 0;
    const int rc = look_at_store(c, &kind, err);
    if (rc != 0)
        return rc;
    if (kind == STORE_PEM) {
        java_put(j, "ssl.certificate.location", c->value, c);
        java_put(j, "ssl.key.location", c->value, c);
    } else if (kind == STORE_PKCS12) {
        java_put(j, "ssl.keystore.location", c->value, c);
    } else {
        return refuse_store(c,
                            "keytool -importkeystore -srckeystore THIS "
                            "-destkeystore key.p12 -deststoretype PKCS12",
                            err);
    }
    return 0;
}

int
java_keystore_password(struct java *j, const struct client_setting *c,
                       struct err *err)
{
    enum store kind = STORE_OTHER;
    const char *path = client_settings_get(j->from, "ssl.keystore.location");
    (void)err;
    if (!path)
        return 0;
    const struct client_setting of = {.value = (char *)(uintptr_t)path,
                                      .from = c->from};
    if (look_at_store(&of, &kind, NULL) == 0 && kind == STORE_PKCS12)
        java_put(j, "ssl.keystore.password", c->value, c);
    return 0;
}

/* ---- TLS --------------------------------------------------------------- */

int
java_hostname_check(struct java *j, const struct client_setting *c,
                    struct err *err)
{
    (void)err;
    java_put(j, c->key, *c->value ? c->value : "none", c);
    return 0;
}

/* librdkafka leaves the choice to OpenSSL: TLS 1.2 and newer on Debian. */
int
java_protocols(struct java *j, const struct client_setting *c, struct err *err)
{
    struct strlist all = {0};
    if (strlist_split(&all, c->value, ",") != 0)
        abort();
    const bool old = strlist_has(&all, "TLSv1.2");
    const bool both = old && strlist_has(&all, "TLSv1.3");
    strlist_fini(&all);
    if (!old)
        return settings_refuse(err, c->from, ERR_UNSUPPORTED,
                               "= %s: librdkafka would take TLSv1.2 too",
                               property_shown(c->from));
    if (!both)
        settings_warn(j->s, c->from, "ignored: TLSv1.3 is taken too");
    return 0;
}

int
java_ciphers(struct java *j, const struct client_setting *c, struct err *err)
{
    if (strchr(c->value, '_'))
        return settings_refuse(err, c->from, ERR_UNSUPPORTED,
                               "= %s: these are Java's names; write OpenSSL's, "
                               "as in ECDHE-RSA-AES256-GCM-SHA384",
                               property_shown(c->from));
    java_put(j, c->key, c->value, c);
    return 0;
}
