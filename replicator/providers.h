/*
 * Values that stand elsewhere: ${PROVIDER:PATH:KEY} and ${PROVIDER:KEY}, by
 * three of Kafka's configuration providers, which the file names itself
 * (config.providers, config.providers.NAME.class, .param.*):
 *
 *   FileConfigProvider       PATH is a .properties file; param.allowed.paths
 *   EnvVarConfigProvider     KEY is a variable; param.allowlist.pattern
 *   DirectoryConfigProvider  PATH is a folder, KEY a file; param.allowed.paths
 *
 * What MirrorMaker 2 would leave as it stands (a provider that is not named, a
 * key that is not there) is an error.
 */
#ifndef SHUNT_REPLICATOR_PROVIDERS_H
#define SHUNT_REPLICATOR_PROVIDERS_H

#include "replicator/properties.h"

/* Replaces references in all values; `shown` of such a property is the text
 * with them.  Reads files.  ERR_INVALID, ERR_NOTFOUND, ERR_IO, ERR_LIMIT,
 * ERR_CORRUPT, ERR_DENIED (a path that is not allowed), ERR_UNSUPPORTED
 * (another provider) with line, key, provider and path, never with what was
 * read. */
MUST_CHECK int providers_resolve(struct properties *props, struct err *err);

#endif
