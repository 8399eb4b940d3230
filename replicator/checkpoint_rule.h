/*
 * Which checkpoints are news: MirrorMaker 2's rule (mm2.md 5.2).  Pure.
 */
#ifndef SHUNT_REPLICATOR_CHECKPOINT_RULE_H
#define SHUNT_REPLICATOR_CHECKPOINT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mm2/codec.h"

struct checkpoint_last;
struct checkpoint_memory {
    struct checkpoint_last *table; /* zeroed: empty */
};

/* None before, or the group went back on the source, or it is further on the
 * target. */
bool checkpoint_is_news(const struct checkpoint_memory *m,
                        const struct mm2_checkpoint *cp);
void checkpoint_remember(struct checkpoint_memory *m,
                         const struct mm2_checkpoint *cp);
/* What the group is known to have committed on the target itself; -1. */
int64_t checkpoint_landed(const struct checkpoint_memory *m, const char *group,
                          const char *topic, int32_t partition);
void checkpoint_land(struct checkpoint_memory *m, const char *group,
                     const char *topic, int32_t partition, int64_t offset);
/* Asks for all of it anew. */
void checkpoint_forget_landed(struct checkpoint_memory *m);
void checkpoint_memory_fini(struct checkpoint_memory *m);

#endif
