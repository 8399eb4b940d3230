/*
 * From the names and values of Java's Kafka clients to librdkafka's: passed on
 * under its own name, left out with a warning, or refused where leaving it out
 * would weaken security or change what is copied.  Names that this does not
 * know are passed on unchanged (clients.h asks librdkafka for them).
 */
#ifndef SHUNT_REPLICATOR_JAVA_H
#define SHUNT_REPLICATOR_JAVA_H

#include "replicator/settings_parts.h"

/* Of every role of every flow.  Looks into key and trust stores.  ERR_INVALID
 * or ERR_UNSUPPORTED with line, key and reason. */
MUST_CHECK int java_translate(struct settings *s, struct err *err);
/* The table, for the documents. */
void java_markdown(FILE *to);

/* For java_security.c: what is translated for one handle. */
struct java {
    struct settings *s;
    const struct client_settings *from;
    struct client_settings *to;
};
/* Puts `value` under librdkafka's name. */
void java_put(struct java *j, const char *key, const char *value,
              const struct client_setting *of);
MUST_CHECK int java_mechanism(struct java *j, const struct client_setting *c,
                              struct err *err);
MUST_CHECK int java_jaas(struct java *j, const struct client_setting *c,
                         struct err *err);
MUST_CHECK int java_truststore(struct java *j, const struct client_setting *c,
                               struct err *err);
MUST_CHECK int java_keystore(struct java *j, const struct client_setting *c,
                             struct err *err);
MUST_CHECK int java_keystore_password(struct java *j,
                                      const struct client_setting *c,
                                      struct err *err);
MUST_CHECK int java_hostname_check(struct java *j,
                                   const struct client_setting *c,
                                   struct err *err);
MUST_CHECK int java_protocols(struct java *j, const struct client_setting *c,
                              struct err *err);
MUST_CHECK int java_ciphers(struct java *j, const struct client_setting *c,
                            struct err *err);

#endif
