/*
 * The messages of offset-mapper/PROTOCOL.md: structs and their JSON.  Pure.
 */
#ifndef SHUNT_PROTO_OFFSET_H
#define SHUNT_PROTO_OFFSET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct json_t;

#define PO_QUALITY_MAP(X)                                                      \
    X(EXACT, "exact")                                                          \
    X(BOUNDED, "bounded")                                                      \
    X(AHEAD, "ahead")                                                          \
    X(BEFORE, "before")                                                        \
    X(NONE, "none")

enum po_quality {
#define X(name, text) PO_##name,
    PO_QUALITY_MAP(X)
#undef X
};

const char *po_quality_text(enum po_quality q);

/* A position on one cluster: the offset of the next record to read. */
struct po_position {
    char *topic; /* physical name on `from` */
    int32_t partition;
    int64_t offset;
};

struct po_question {
    char *from, *to; /* clusters */
    struct po_position *positions;
    size_t n;
};

struct po_translated {
    struct po_position asked;
    enum po_quality quality;
    char *topic;       /* physical name on `to`; NULL with NONE */
    int64_t position;  /* -1 with NONE */
    int64_t low, high; /* the right position lies in [low, high]; high is -1
                          when nothing bounds it */
    char *reason;      /* words: which runs, or why there is none */
};

struct po_translation {
    struct po_translated *v; /* in the order asked */
    size_t n;
};

MUST_CHECK int po_question_decode(const struct json_t *j,
                                  struct po_question *out, struct err *err);
struct json_t *po_question_encode(const struct po_question *q);
void po_question_fini(struct po_question *q);

MUST_CHECK int po_translation_decode(const struct json_t *j,
                                     struct po_translation *out,
                                     struct err *err);
struct json_t *po_translation_encode(const struct po_translation *t);
void po_translation_fini(struct po_translation *t);

#endif
