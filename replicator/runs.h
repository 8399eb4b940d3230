/*
 * What this process knows of where a partition's records went: runs of
 * records that lie one after another on both sides.  Never answers past the
 * right position.  Not locked.
 */
#ifndef SHUNT_REPLICATOR_RUNS_H
#define SHUNT_REPLICATOR_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "replicator/syncs.h"

#define RUNS_MAX ((size_t)1 << 16) /* per partition; the oldest half goes */

struct run {
    int64_t up, down, len;
};

struct runs {
    struct run *v; /* owned; `up` ascends */
    size_t n, cap;
};

/* A record that this process saw acknowledged. */
void runs_acked(struct runs *r, struct sync_point at);
/* A sync that was read: says nothing of its neighbours. */
void runs_synced(struct runs *r, struct sync_point at);
/* The position on the target of a reader that reads `position` next on the
 * source; -1: before everything that is known. */
int64_t runs_translate(const struct runs *r, int64_t position);
/* As bytes, RUN_BYTES each, and back: what is no whole run is left out. */
#define RUN_BYTES 24
void runs_encode(const struct runs *r, void *bytes);
void runs_decode(struct runs *r, const void *bytes, size_t len);
void runs_fini(struct runs *r);

#endif
