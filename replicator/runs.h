/*
 * What this process knows of where a partition's records went: the runs of
 * common/mm2/runs.h, by its rules, kept in memory.  Never answers past the
 * right position.  Not locked.
 */
#ifndef SHUNT_REPLICATOR_RUNS_H
#define SHUNT_REPLICATOR_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "common/mm2/runs.h"
#include "replicator/syncs.h"

#define RUNS_DEFAULT_MAX ((size_t)1024)

struct runs {
    struct run *v; /* owned; both offsets ascend */
    size_t n, cap;
    size_t max; /* above it every other one of the older half is forgotten;
                   0: RUNS_DEFAULT_MAX */
    struct runs_state state;
    uint64_t gaps; /* how many its reader had met at its last sync */
};

/* A record that was acknowledged, or a sync that was read, in their order. */
void runs_add(struct runs *r, struct sync_point at);
/* The same of each record of a run. */
void runs_add_run(struct runs *r, struct run run);
/* Syncs before the next one are missing. */
void runs_gap(struct runs *r);
/* Only gathers: every record added is in it, and no other; nothing is
 * concluded, nothing forgotten. Not to be mixed with runs_add(). */
void runs_collect(struct runs *r, struct sync_point at);
void runs_clear(struct runs *r);
/* The position on the target of a reader that reads `position` next on the
 * source; -1: before everything that is known. */
int64_t runs_translate(const struct runs *r, int64_t position);
/* As bytes, RUN_BYTES each, and back (collected).  Left out is what cannot be a
 * run that ends at or before `last`: too long, negative, behind it, or half of
 * one. */
#define RUN_BYTES   24
#define RUN_LEN_MAX ((int64_t)1 << 20)
void runs_encode(const struct runs *r, void *bytes);
void runs_decode(struct runs *r, const void *bytes, size_t len, int64_t last);
void runs_fini(struct runs *r);

#endif
