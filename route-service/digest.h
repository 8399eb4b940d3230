/* XXH3-64 of bytes: what proves that chunks were put together right. */
#ifndef SHUNT_ROUTE_DIGEST_H
#define SHUNT_ROUTE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest_of(const void *bytes, size_t len);

#endif
