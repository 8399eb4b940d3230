/*
 * Access rights of topics, given to their copies by MirrorMaker 2's rules
 * (mm2.md 8.4): whoever may read a topic may read its copy, nobody may write
 * there for having been allowed to write here, and nothing is ever taken away.
 */
#ifndef SHUNT_REPLICATOR_ACLS_H
#define SHUNT_REPLICATOR_ACLS_H

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "replicator/admin.h"
#include "replicator/settings.h"

struct acl {
    rd_kafka_ResourceType_t type;
    rd_kafka_ResourcePatternType_t pattern;
    const char *topic, *principal, *host; /* borrowed */
    rd_kafka_AclOperation_t operation;
    rd_kafka_AclPermissionType_t permission;
};

/* Pure. False: it is not for the copy. The copy's name stands in `remote`, and
 * `out` borrows it. */
bool acl_of_copy(const struct flow_settings *c, const struct acl *here,
                 char *remote, size_t size, struct acl *out);

struct acls_outcome {
    size_t found, made, failed;
    bool disabled;    /* the target has no access rights at all */
    struct err first; /* what went wrong first, its code 0: nothing */
};

/* Gives copies what they lack. Blocks; any thread. */
void acls_sync(const struct admin *source, const struct admin *target,
               const struct flow_settings *c, struct acls_outcome *out);

#endif
