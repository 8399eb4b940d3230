/* Texts that are too big for one znode: a folder of numbered pieces. */
#ifndef SHUNT_ROUTE_CHUNKS_H
#define SHUNT_ROUTE_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "route-service/zk.h"
#include "route-service/znode.h"

/* A name that was never used before; those of older revisions sort first. */
void chunks_name(char out[ZNODE_NAME_SIZE], int64_t revision);
/* Makes `folder` and its pieces, one by one. */
MUST_CHECK int chunks_write(struct zk *zk, const char *folder, const char *text,
                            size_t len, struct err *err);
/* *text is owned by the caller. ERR_CORRUPT: not what `t` describes. */
MUST_CHECK int chunks_read(struct zk *zk, const char *folder,
                           const struct znode_text *t, char **text,
                           struct err *err);
/* Deletes the folder; one that is not there is no error.  The result may be
 * ignored: the next compaction deletes what is left. */
int chunks_remove(struct zk *zk, const char *folder, struct err *err);

#endif
