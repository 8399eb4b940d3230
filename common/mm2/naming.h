/*
 * How a topic is called on the other cluster, by MirrorMaker 2's replication
 * policies.  Pure.  ../shared/reference/mm2.md section 3.
 */
#ifndef SHUNT_MM2_NAMING_H
#define SHUNT_MM2_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum naming_policy { NAMING_DEFAULT, NAMING_IDENTITY };

struct naming {
    enum naming_policy policy;
    const char *separator;      /* "." unless configured */
    bool separator_in_internal; /* replication.policy.internal.topic.
                                   separator.enabled, default true */
};

/* "default" or "identity"; -1 for anything else. */
int naming_policy_of(const char *name);

/* The copy on the target of the topic `topic` of cluster `source`.  ERR_LIMIT
 * when it does not fit `out`. */
MUST_CHECK int naming_remote(const struct naming *n, const char *source,
                             const char *topic, char *out, size_t size);
/* Is `topic` a copy that came from `source`?  Then *upstream points into
 * `topic` at its name there.  Never true with the identity policy except for
 * heartbeats: there a name does not tell. */
bool naming_is_copy_from(const struct naming *n, const char *source,
                         const char *topic, const char **upstream);

MUST_CHECK int naming_offset_syncs(const struct naming *n, const char *alias,
                                   char *out, size_t size);
MUST_CHECK int naming_checkpoints(const struct naming *n, const char *alias,
                                  char *out, size_t size);
bool naming_is_heartbeats(const struct naming *n, const char *topic);
/* Kafka 4.0's rule (mm2.md 3.2). */
bool naming_is_internal(const struct naming *n, const char *topic);
/* Would copying `topic` from `source` to `target` go round in a circle?
 * The rule of releases up to 4.3 (mm2.md 3.4). */
bool naming_is_cycle(const struct naming *n, const char *target,
                     const char *topic);

#endif
