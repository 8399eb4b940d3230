/*
 * A block: up to BLOCK_RUNS runs of one partition that follow each other, as
 * one value of the store.  Pure.
 *
 *   u8 version, u32 check, i64 down of the first run, then for each run
 *   u32 up and u32 down from those of the first, u64 length
 *
 * The first run's up is in the key.  Runs never overlap and grow in both
 * offsets, so either side is found by halving.  A full block fills a page that
 * LMDB keeps beside its tree: the tree stays small, and a question meets one
 * page that is not in the processor's cache.  (Of blocks within its pages LMDB
 * would leave one of every two or eight unused.)  `check` is a hash of all else,
 * the first up included: it is looked at when a block is about to be changed,
 * and by verify-store.
 */
#ifndef SHUNT_OFFSET_BLOCK_H
#define SHUNT_OFFSET_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mm2/runs.h"

#define BLOCK_RUNS       254
#define BLOCK_HEAD_BYTES 13
#define BLOCK_RUN_BYTES  16
#define BLOCK_MAX_BYTES  (BLOCK_HEAD_BYTES + BLOCK_RUNS * BLOCK_RUN_BYTES)

/* Offsets in range, to the end of the run. */
bool block_can_hold(const struct run *r);

/* Being read; the bytes are borrowed. */
struct block {
    int64_t up, down; /* of the first run */
    size_t n;         /* never 0 */
    const uint8_t *runs;
};

/* `up`: of the first run. False: no block; only its frame is looked at. */
bool block_read(int64_t up, const void *data, size_t len, struct block *out);
/* NULL, or what is wrong with it: its check, or the order of its runs. */
const char *block_wrong(const struct block *b);
struct run block_run(const struct block *b, size_t i);
/* How many of its runs start at or below `q`. */
size_t block_upto_up(const struct block *b, int64_t q);
size_t block_upto_down(const struct block *b, int64_t q);

/* Being written. n = 0: empty. */
struct block_buf {
    int64_t up, down;
    size_t n;
    uint8_t bytes[BLOCK_MAX_BYTES];
};

void block_load(struct block_buf *b, const struct block *from);
struct block block_of(const struct block_buf *b);
/* False: there is no room, or the run is too far from the first. */
bool block_add(struct block_buf *b, const struct run *r);
/* In the place of the last; `r` starts where that did. */
void block_set_last(struct block_buf *b, const struct run *r);
/* Keeps the first `n`. */
void block_cut(struct block_buf *b, size_t n);
/* Completes `bytes`; how many there are. */
size_t block_seal(struct block_buf *b);

#endif
