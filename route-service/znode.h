/*
 * What stands in the znodes of a group, as bytes.  Pure.
 *
 *   head               "shunt1 REVISION\n"
 *   changes/REVISION   "shunt1 ID FOLDER BYTES CHUNKS DIGEST\n" and, where
 *                      CHUNKS is 0 (FOLDER: -), the change set as JSON
 *   snapshot           "shunt1 REVISION FOLDER BYTES CHUNKS DIGEST\n"
 *
 * BYTES and DIGEST (XXH3-128, hexadecimal) are those of the whole text.  Texts
 * of more than ZNODE_CHUNK bytes stand in chunks, below big/ and snapshots/.
 */
#ifndef SHUNT_ROUTE_ZNODE_H
#define SHUNT_ROUTE_ZNODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "route-service/digest.h"

/* ZooKeeper takes a little less than 1 MiB in one request. */
#define ZNODE_CHUNK     ((size_t)900 << 10)
#define ZNODE_NAME_SIZE 64

/* A text that stands in one znode or in several. */
struct znode_text {
    char id[ZNODE_NAME_SIZE];     /* of a change set */
    char folder[ZNODE_NAME_SIZE]; /* of the chunks; "-": none */
    int64_t revision;             /* of a snapshot */
    size_t bytes;
    size_t chunks; /* 0: it stands behind the head line */
    struct digest digest;
};

/* Owned by the caller. */
char *znode_head_encode(int64_t revision);
MUST_CHECK int znode_head_decode(const char *bytes, int64_t *revision,
                                 struct err *err);

/* A text in chunks below `folder`; NULL: in one znode. */
struct znode_text znode_describe(const char *folder, const char *text,
                                 size_t len);
/* The change set's znode: head line, and the text if it is not in chunks. */
char *znode_change_encode(const struct znode_text *t, const char *text,
                          size_t *len);
/* *text points behind the head line. */
MUST_CHECK int znode_change_decode(const char *bytes, size_t len,
                                   struct znode_text *out, const char **text,
                                   struct err *err);
char *znode_snapshot_encode(const struct znode_text *t);
MUST_CHECK int znode_snapshot_decode(const char *bytes, struct znode_text *out,
                                     struct err *err);

size_t znode_chunks_of(size_t bytes);
size_t znode_chunk_len(size_t bytes, size_t i);
/* ERR_CORRUPT: it is not the text that was described. */
MUST_CHECK int znode_verify(const struct znode_text *t, const char *text,
                            size_t len, struct err *err);

#endif
