/*
 * Looks at every entry of a store, and whether they fit each other.
 */
#ifndef SHUNT_OFFSET_STORE_VERIFY_H
#define SHUNT_OFFSET_STORE_VERIFY_H

#include <stdint.h>

#include "common/base/err.h"
#include "offset-mapper/store.h"

struct store_report {
    int64_t entries;
    int64_t flows; /* positions in syncs topics */
    int64_t partitions;
    int64_t blocks, runs; /* that can be found */
    int64_t old_blocks;   /* of old incarnations, to be deleted */
    int64_t faults;
};

/* One sentence for each fault; `text` is borrowed until `fn` returns.  What is
 * committed meanwhile is not seen.  ERR_*: it could not be read to its end. */
MUST_CHECK int store_verify(struct store *s,
                            void (*fn)(const char *text, void *arg), void *arg,
                            struct store_report *out, struct err *err);

#endif
