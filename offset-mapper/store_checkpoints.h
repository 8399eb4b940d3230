/*
 * The newest checkpoint of every group and partition: what MirrorMaker 2 told
 * of a group's commits on a flow's source.
 */
#ifndef SHUNT_OFFSET_STORE_CHECKPOINTS_H
#define SHUNT_OFFSET_STORE_CHECKPOINTS_H

#include "common/mm2/codec.h"
#include "offset-mapper/store.h"

struct store_checkpoint {
    const char *topic; /* its name on the target */
    int32_t partition;
    int64_t upstream;   /* what the group had committed on the source */
    int64_t downstream; /* MirrorMaker 2's translation of it */
    int64_t time_ms;    /* that the record bears */
};

/* ERR_INVALID: the names together are too long to be kept. */
MUST_CHECK int store_batch_checkpoint(struct store_batch *b, const char *flow,
                                      const struct mm2_checkpoint *c,
                                      int64_t time_ms, struct err *err);
/* Every partition of the group, in no order; borrowed until `fn` returns, which
 * must not use the store. */
MUST_CHECK int
store_checkpoint_each(struct store_view *v, const char *flow, const char *group,
                      void (*fn)(const struct store_checkpoint *c, void *arg),
                      void *arg, struct err *err);
/* `topic` of *out is the one given. */
MUST_CHECK int store_checkpoint_get(struct store_view *v, const char *flow,
                                    const char *group, const char *topic,
                                    int32_t partition, bool *found,
                                    struct store_checkpoint *out,
                                    struct err *err);

/* Can an entry with this key and value be read?  For verify-store. */
bool store_checkpoint_sound(const void *key, size_t key_len, const void *value,
                            size_t value_len);

#endif
