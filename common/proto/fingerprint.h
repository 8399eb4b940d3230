/*
 * Fingerprints: what a record looks like wherever it was copied to, so that
 * it can be found there.  offset-mapper/PROTOCOL.md defines them for other
 * languages.  Pure.
 */
#ifndef SHUNT_PROTO_FINGERPRINT_H
#define SHUNT_PROTO_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct json_t;

/* At most so many with one position. */
#define PO_PRINTS_MAX 64

struct po_print {
    int64_t offset;       /* on the cluster that it was read from */
    int64_t timestamp_ms; /* -1: the record has none */
    bool append_time;     /* given to it by the broker that it was read from;
                             not part of a message */
    bool has_key, has_value;
    uint64_t key, value; /* XXH3-64, seed 0; 0 where there is none */
    int64_t length;      /* bytes of key and value together */
};

/* NULL is a null key or value; an empty one is something else. */
void po_print_make(struct po_print *out, int64_t offset, int64_t timestamp_ms,
                   const void *key, size_t key_len, const void *value,
                   size_t value_len);
/* May `seen` be a copy of `wanted`?  Offsets do not count; a timestamp counts
 * where both have one, unless the broker of `seen` gave it its own. */
bool po_print_same(const struct po_print *seen, const struct po_print *wanted);

/* Did their timestamps count?  Without, a later record with the same key and
 * value looks the same. */
bool po_print_timed(const struct po_print *seen, const struct po_print *wanted);

/* {"offset":1233,"timestamp":1700000000000,"key":"16 hex digits" | null,
 * "value":"16 hex digits" | null,"length":123}; every member must be there,
 * "timestamp" may be -1. */
MUST_CHECK int po_print_decode(const struct json_t *j, const char *path,
                               struct po_print *out, struct err *err);
struct json_t *po_print_encode(const struct po_print *p);
/* The member `key` of `obj`: an array with the oldest record first, offsets
 * rising; absent: none (*out NULL, *n 0).  The caller frees *out.  ERR_LIMIT:
 * more than PO_PRINTS_MAX. */
MUST_CHECK int po_prints_decode(const struct json_t *obj, const char *path,
                                const char *key, struct po_print **out,
                                size_t *n, struct err *err);
struct json_t *po_prints_encode(const struct po_print *v, size_t n);

#endif
