/*
 * Source positions as Kafka Connect keeps them for MirrorMaker 2, byte for
 * byte (mm2.md section 6): the value is the offset of the last copied record.
 */
#ifndef SHUNT_REPLICATOR_POSITIONS_H
#define SHUNT_REPLICATOR_POSITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Strings owned by the caller. */
MUST_CHECK int position_key(const char *cluster, const char *topic,
                            int32_t partition, char **out);
MUST_CHECK int position_value(int64_t offset, char **out);

/* The last positions of one source cluster. Zeroed: empty. */
struct position;
struct positions {
    struct position *table;
};

/* A record of the topic, in their order.  ERR_NOTFOUND: another connector's or
 * cluster's; ERR_PARSE: not understood, left out.  A null value forgets. */
MUST_CHECK int positions_record(struct positions *p, const char *cluster,
                                const void *key, size_t key_len,
                                const void *value, size_t value_len,
                                struct err *err);
/* What a header of such a record says of its last transaction (runs.h); copied.
 * Gone with the next record of that key. */
#define RUNS_HEADER "shunt-runs"
void positions_keep_runs(struct positions *p, const char *cluster,
                         const void *key, size_t key_len, const void *bytes,
                         size_t len);
/* Borrowed until the next record; *len is 0 when there is none. */
const void *positions_runs(const struct positions *p, const char *topic,
                           int32_t partition, size_t *len);
/* A record that was copied, and when it was written; another one at this offset
 * is of another log.  Text in a header of a position; offset -1: none. */
#define LAST_HEADER "shunt-last"
struct last_record {
    int64_t offset, timestamp;
};
MUST_CHECK char *last_record_text(struct last_record last);
void positions_keep_last(struct positions *p, const char *cluster,
                         const void *key, size_t key_len, const void *text,
                         size_t len);
struct last_record positions_last(const struct positions *p, const char *topic,
                                  int32_t partition);
/* -1: none. */
int64_t positions_get(const struct positions *p, const char *topic,
                      int32_t partition);
void positions_fini(struct positions *p);

#endif
