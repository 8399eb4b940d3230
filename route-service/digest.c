#include "route-service/digest.h"

#include <xxhash.h>

uint64_t
digest_of(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}
