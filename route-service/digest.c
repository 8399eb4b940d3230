#include "route-service/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct digest
digest_of(const void *data, size_t len)
{
    const XXH128_hash_t h = XXH3_128bits(data, len);
    return (struct digest){h.high64, h.low64};
}

bool
digest_equal(struct digest a, struct digest b)
{
    return a.high == b.high && a.low == b.low;
}
