/* KEY=VALUE words of the command line, as the JSON that the services take. */
#ifndef SHUNT_CTL_WORDS_H
#define SHUNT_CTL_WORDS_H

#include "common/base/err.h"

struct json_t;

/* {"name":NAME,"bootstrap.servers":..,"properties":{..}} */
MUST_CHECK int words_cluster(const char *name, int n, char **words,
                             struct json_t **out, struct err *err);
/* policy=, separator=, offset-syncs.topic.location=, mappers=URL,URL */
MUST_CHECK int words_flow(const char *source, const char *target, int n,
                          char **words, struct json_t **out, struct err *err);
/* cluster=, priority=, enabled=, comment=, valid_from=, valid_until=,
 * prop.KEY=; the rest is what it matches: cluster.code=, role=, topic=, group=,
 * client.id= (lists with ","), attr.NAME=, the same after "not.", share= and
 * share.by= */
MUST_CHECK int words_rule(const char *id, int n, char **words,
                          struct json_t **out, struct err *err);
/* role= (default consumer), topic=, group=, client.id=, attr.NAME= */
MUST_CHECK int words_identity(const char *cluster_code, int n, char **words,
                              struct json_t **out, struct err *err);
/* A path with a value in it, which is encoded; owned by the caller. */
char *words_path(const char *before, const char *value, const char *after);
/* Appends KEY=VALUE to a path, with "?" or "&"; the value is encoded.  `path`
 * is taken, the result is owned by the caller. */
char *words_query_take(char *path, const char *key, const char *value);
/* Which clients: "/v1/clients" with its filters; owned by the caller. */
MUST_CHECK int words_filter(int n, char **words, char **path_and_query,
                            struct err *err);

#endif
