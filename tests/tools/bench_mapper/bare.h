/* The reference: a bare LMDB with one entry a run, asked for the last key at or
 * below another. Ends the program on any error. */
#ifndef SHUNT_BENCH_MAPPER_BARE_H
#define SHUNT_BENCH_MAPPER_BARE_H

#include <stddef.h>
#include <stdint.h>

struct bare;

/* Makes the folder. */
struct bare *bare_open(const char *dir);
/* Keys in order; at the end bare_commit(). */
void bare_append(struct bare *b, uint32_t partition, int64_t up, int64_t down);
void bare_commit(struct bare *b);
/* One read transaction for any number of lookups. */
void bare_begin(struct bare *b);
void bare_end(struct bare *b);
/* The up of the entry found, or -1. */
int64_t bare_look(struct bare *b, uint32_t partition, int64_t q, int64_t *down);
void bare_close(struct bare *b);

#endif
