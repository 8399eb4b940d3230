/*
 * Where groups of the source would go on on the target, committed for them
 * there (sync.group.offsets.enabled; mm2.md 5.3): only for groups without
 * members, never backwards.  Blocks; the checkpointer's thread.
 */
#ifndef SHUNT_REPLICATOR_GROUP_OFFSETS_H
#define SHUNT_REPLICATOR_GROUP_OFFSETS_H

#include <librdkafka/rdkafka.h>

#include "replicator/checkpoint_rule.h"
#include "replicator/groups.h"

/* `wanted`: partitions of the target with offsets and metadata; those that are
 * known to have them already are left out first. */
void group_offsets_sync(struct groups *g, struct checkpoint_memory *memory,
                        const char *group,
                        const rd_kafka_topic_partition_list_t *wanted);

#endif
