/*
 * Java's trust stores, JKS and PKCS12, as the PEM text that librdkafka takes.
 */
#ifndef SHUNT_REPLICATOR_STORES_H
#define SHUNT_REPLICATOR_STORES_H

#include <stddef.h>

#include "common/base/err.h"

/* All trusted certificates of the store whose bytes these are; *pem is the
 * caller's.  `password` may be NULL, then a JKS is not checked for changes, as
 * in Java.  ERR_DENIED: the password is wrong, or the store was changed.
 * ERR_CORRUPT: neither kind, cut, or encrypted in a way that OpenSSL does not
 * do any more.  ERR_NOTFOUND: no certificate in it. */
MUST_CHECK int store_certificates(const void *data, size_t len,
                                  const char *password, char **pem,
                                  struct err *err);

#endif
