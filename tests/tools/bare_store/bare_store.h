/*
 * bare_store: what a durable change costs at the least, and what it costs
 * here: three ways to store BYTES bytes N times, one after the other, timed
 * each.  One thread.
 */
#ifndef BARE_STORE_H
#define BARE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/tools/wire/wire.h"

/* `bytes` of something that does not compress to nothing. Owned by the caller. */
char *some_bytes(size_t bytes);

/* One put and commit each in a new LMDB environment in `dir`. */
void time_lmdb(const char *dir, size_t bytes, size_t n, int64_t *us);
/* One `set` each of one znode of the ensemble at `hosts`. */
void time_znode(const char *hosts, size_t bytes, size_t n, int64_t *us);
/* One POST each, on one connection; the bodies are the lines of `file`, in
 * turn. */
void time_post(const char *address, const char *path, const char *file,
               size_t n, int64_t *us);

#endif
