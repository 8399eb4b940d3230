/*
 * Snapshots of the table in ZooKeeper, and what they make dispensable.  Any one
 * thread at a time; waits within bounds.  Errors are those of zk.h.
 */
#ifndef SHUNT_ROUTE_ZK_SNAPSHOTS_H
#define SHUNT_ROUTE_ZK_SNAPSHOTS_H

#include <stddef.h>
#include <stdint.h>

#include "route-service/zk.h"

/* Writes the chunks, but not the pointer to them, which is returned. */
MUST_CHECK int snapshots_write(struct zk *zk, const char *root,
                               int64_t revision, const char *text, size_t len,
                               char **pointer, struct err *err);
/* The newest one; *text is owned by the caller. */
MUST_CHECK int snapshots_read(struct zk *zk, const char *root,
                              int64_t *revision, char **text, size_t *len,
                              struct err *err);
MUST_CHECK int snapshots_revision(struct zk *zk, const char *root, int64_t *out,
                                  struct err *err);
/* Writes a snapshot, makes it the newest, deletes the change sets below
 * `keep_from` and the snapshots before the one it replaces.  ERR_BUSY: another
 * server is at it, or has been. */
MUST_CHECK int snapshots_compact(struct zk *zk, const char *root,
                                 int64_t revision, const char *text, size_t len,
                                 int64_t keep_from, struct err *err);

#endif
