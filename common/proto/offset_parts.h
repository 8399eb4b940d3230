/*
 * What the decoders of questions and of answers share; for offset*.c only.
 */
#ifndef SHUNT_PROTO_OFFSET_PARTS_H
#define SHUNT_PROTO_OFFSET_PARTS_H

#include "common/proto/offset.h"

struct po_place {
    char path[40];
};

/* "positions[7]" */
struct po_place po_place_of(size_t i);
/* The list "positions", which is not too long. */
MUST_CHECK int po_get_positions(const struct json_t *j, struct json_t **array,
                                struct err *err);
/* "topic", which is not empty, and "partition". */
MUST_CHECK int po_position_names(const struct json_t *j, const char *path,
                                 struct po_position *out, struct err *err);

#endif
