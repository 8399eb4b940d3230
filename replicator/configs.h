/*
 * Settings of topics: reading those of a source, and giving copies theirs.
 * Blocks; any thread.
 */
#ifndef SHUNT_REPLICATOR_CONFIGS_H
#define SHUNT_REPLICATOR_CONFIGS_H

#include "common/base/err.h"
#include "replicator/admin.h"
#include "replicator/config_rule.h"
#include "replicator/settings.h"

struct config_rule configs_rule(const struct flow_settings *c);

/* Calls found() for each of the topics: its settings, valid within the call;
 * or, with `err`, why they cannot be read.  Not 0: the request failed. */
MUST_CHECK int
configs_read(const struct admin *a, const char *const *topics, size_t n,
             void (*found)(void *arg, size_t i, const struct config *config,
                           const struct err *err),
             void *arg, struct err *err);

/* A topic and its copy. */
struct config_pair {
    const char *here, *there;
};

struct configs_outcome {
    size_t changed, failed;
    struct err first; /* what went wrong first, its code 0: nothing */
};

/* Gives copies what their topics have, if it is something else. */
void configs_sync(const struct admin *source, const struct admin *target,
                  const struct config_rule *rule,
                  const struct config_pair *pairs, size_t n,
                  struct configs_outcome *out);

#endif
