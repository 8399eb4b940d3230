/*
 * MirrorMaker 2's records, bytes in and bytes out.  Pure.
 * ../shared/reference/mm2.md section 1.
 */
#ifndef SHUNT_MM2_CODEC_H
#define SHUNT_MM2_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Strings of decoded records are owned: *_fini. */
struct mm2_offset_sync {
    char *topic; /* its name on the source */
    int32_t partition;
    int64_t upstream, downstream;
};

/* The same, borrowed from the key. */
struct mm2_sync_view {
    const char *topic; /* not terminated */
    size_t topic_len;
    int32_t partition;
    int64_t upstream, downstream;
};

struct mm2_checkpoint {
    char *group;
    char *topic; /* its name on the target */
    int32_t partition;
    int64_t upstream, downstream;
    char *metadata;
};

struct mm2_heartbeat {
    char *source, *target;
    int64_t timestamp_ms;
};

struct mm2_bytes {
    void *key, *value; /* owned, mm2_bytes_fini */
    size_t key_len, value_len;
};

/* ERR_INVALID: a string over 32767 bytes, a negative partition or offset. */
MUST_CHECK int mm2_offset_sync_encode(const struct mm2_offset_sync *s,
                                      struct mm2_bytes *out);
MUST_CHECK int mm2_checkpoint_encode(const struct mm2_checkpoint *c,
                                     struct mm2_bytes *out);
MUST_CHECK int mm2_heartbeat_encode(const struct mm2_heartbeat *h,
                                    struct mm2_bytes *out);
void mm2_bytes_fini(struct mm2_bytes *b);

/* ERR_PARSE with the reason: null value, cut short, bad length, unknown
 * version, negative offset.  Trailing bytes are ignored as Java does. */
MUST_CHECK int mm2_offset_sync_decode(const void *key, size_t key_len,
                                      const void *value, size_t value_len,
                                      struct mm2_offset_sync *out,
                                      struct err *err);
/* For who reads millions of them: allocates nothing. */
MUST_CHECK int mm2_offset_sync_view(const void *key, size_t key_len,
                                    const void *value, size_t value_len,
                                    struct mm2_sync_view *out, struct err *err);
MUST_CHECK int mm2_checkpoint_decode(const void *key, size_t key_len,
                                     const void *value, size_t value_len,
                                     struct mm2_checkpoint *out,
                                     struct err *err);
MUST_CHECK int mm2_heartbeat_decode(const void *key, size_t key_len,
                                    const void *value, size_t value_len,
                                    struct mm2_heartbeat *out, struct err *err);
void mm2_offset_sync_fini(struct mm2_offset_sync *s);
void mm2_checkpoint_fini(struct mm2_checkpoint *c);
void mm2_heartbeat_fini(struct mm2_heartbeat *h);

#endif
