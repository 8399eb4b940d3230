/*
 * The answer of POST /v1/verify (offset-mapper/PROTOCOL.md), for people.  Pure.
 */
#ifndef SHUNT_PROTO_VERIFICATION_H
#define SHUNT_PROTO_VERIFICATION_H

#include <stdint.h>

#include "common/base/err.h"

struct json_t;

struct po_verification {
    int64_t looked_at;     /* positions whose answer was compared */
    int64_t disagreements; /* of these, that the records contradict */
    char *text;            /* lines; owned */
};

/* ERR_INVALID: not such an answer. */
MUST_CHECK int po_verification_read(const struct json_t *answer,
                                    struct po_verification *out,
                                    struct err *err);
void po_verification_fini(struct po_verification *v);

#endif
