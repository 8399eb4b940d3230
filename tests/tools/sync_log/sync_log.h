/*
 * What sync_log's files share: the syncs that it makes, and its commands.
 */
#ifndef SYNC_LOG_H
#define SYNC_LOG_H

#include <stddef.h>
#include <stdint.h>

#define TOPICS 10

/* A made sync: of topic `team<t>.orders` with t = part % TOPICS, partition
 * part / TOPICS. */
struct sync {
    uint32_t part;
    int64_t up, down;
};

struct makings; /* where each partition stands */

struct makings *makings_new(size_t parts);
void makings_free(struct makings *m);
/* The next sync, of any partition: each is a run of its own.  The same n-th
 * one every time. */
struct sync makings_next(struct makings *m);

/* An xorshift of `*state`, never 0. */
uint32_t next_random(uint64_t *state);

/* "read": plainly consumes `n` records of partition 0 from its start. */
void read_log(const char *bootstrap, const char *topic, int64_t n);
/* "fill": writes `n` syncs of `parts` partitions. */
void fill_log(const char *bootstrap, const char *topic, int64_t n,
              size_t parts);

#endif
