/* 128 bits that tell texts apart (XXH3): not against an attacker.  Pure. */
#ifndef SHUNT_ROUTE_DIGEST_H
#define SHUNT_ROUTE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
    uint64_t high, low;
};

struct digest digest_of(const void *data, size_t len);
bool digest_equal(struct digest a, struct digest b);

#endif
