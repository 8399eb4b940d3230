/*
 * The messages of offset-mapper/PROTOCOL.md: structs and their JSON.  Pure.
 */
#ifndef SHUNT_PROTO_OFFSET_H
#define SHUNT_PROTO_OFFSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/fingerprint.h"

struct buf;
struct json_t;

#define PO_POSITIONS_MAX 10000
#define PO_WAIT_MAX_MS   600000

#define PO_QUALITY_MAP(X)                                                      \
    X(EXACT, "exact")                                                          \
    X(BOUNDED, "bounded")                                                      \
    X(AHEAD, "ahead")                                                          \
    X(BEFORE, "before")                                                        \
    X(NONE, "none")

/* From the surest to none: what several hops come to is the last of theirs. */
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
    int64_t offset;          /* -1: asked by time, and not found */
    bool by_time;            /* instead of an offset: the first record at or
                             after ... */
    int64_t timestamp_ms;    /* ... this time */
    struct po_print *prints; /* of the last records processed, the oldest
                                first; NULL: none */
    size_t n_prints;
};

struct po_question {
    char *from, *to; /* clusters */
    struct po_position *positions;
    size_t n;
    char *group;     /* instead of positions: the group's commits on `from` */
    int64_t wait_ms; /* how long what is `ahead` may wait; 0: not at all */
    bool explain;    /* the answer has its path */
    bool verify;     /* the mapper takes fingerprints on `from` itself */
};

struct po_run {
    int64_t up, down, length;
};

/* One flow on the way, and what its runs say. */
struct po_hop {
    char *flow;   /* "a->b" */
    bool reverse; /* from its target to its source */
    char *topic;  /* physical name where it leads to */
    enum po_quality quality;
    int64_t position, low, high;
    int64_t incarnation, sync_age_ms; /* as in struct po_translated */
    struct po_run runs[2];            /* around the position asked for */
    size_t n_runs;
    char *reason;
};

struct po_translated {
    struct po_position asked;
    enum po_quality quality;
    char *topic;         /* physical name on `to`; NULL with NONE */
    int64_t position;    /* -1 with NONE */
    int64_t low, high;   /* the right position lies in [low, high]; high is -1
                          when nothing bounds it */
    char *reason;        /* words: which runs, or why there is none */
    int64_t coming;      /* records before it that have not arrived: read again
                            beside those of low..high */
    bool verified;       /* the record before the position was read there */
    int64_t incarnation; /* of the partition on the last flow of the path;
                            -1: none */
    int64_t sync_age_ms; /* of the newest sync of all the path, -1: none */
    int64_t lag;         /* records of the first flow's source that are not
                            known to be copied; -1: unknown */
    struct po_hop *path; /* with `explain`; not decoded */
    size_t n_path;
};

struct po_translation {
    struct po_translated *v; /* in the order asked */
    size_t n;
};

/* ERR_INVALID, with field and value; ERR_LIMIT: too many positions. */
MUST_CHECK int po_question_decode(const struct json_t *j,
                                  struct po_question *out, struct err *err);
struct json_t *po_question_encode(const struct po_question *q);
void po_question_fini(struct po_question *q);
void po_position_fini(struct po_position *p);

MUST_CHECK int po_translation_decode(const struct json_t *j,
                                     struct po_translation *out,
                                     struct err *err);
/* Appends its JSON: answers may be large. Failures are latched in `b`. */
void po_translation_write(struct buf *b, const struct po_translation *t);
void po_translation_fini(struct po_translation *t);
void po_translated_fini(struct po_translated *t);

#endif
