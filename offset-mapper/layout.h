/*
 * Keys and values of the store, as bytes.  Pure.
 *
 * Keys are big-endian, a kind byte first; strings in them carry their length,
 * so that no partition's keys lie between another's.  Values start with a
 * version byte.
 *
 *   'f'                             format: magic, LAYOUT_FORMAT
 *   'p' flow source                 struct store_progress
 *   's' flow topic partition        struct part_state
 *   'u' flow topic partition up     down, length of a run
 *   'v' flow topic partition down   up of the same run
 *
 * To change the format: raise LAYOUT_FORMAT, and either read the old one too
 * (version bytes tell values apart) or refuse it; everything here can be read
 * again from the offset-syncs topics, as far as compaction has left them.
 */
#ifndef SHUNT_OFFSET_LAYOUT_H
#define SHUNT_OFFSET_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/mm2/runs.h"
#include "offset-mapper/store.h"

#define LAYOUT_FORMAT    2
#define LAYOUT_KEY_MAX   511 /* LMDB's */
#define LAYOUT_VALUE_MAX 128

struct key {
    uint8_t bytes[LAYOUT_KEY_MAX];
    size_t len;
};

/* What is kept of a partition beside its runs. */
struct part_state {
    struct runs_state runs;
    uint32_t incarnation; /* 0: never heard of */
    enum store_begun why;
    int64_t begun_ms, newest_ms;
};

struct value {
    uint8_t bytes[LAYOUT_VALUE_MAX];
    size_t len;
};

/* ERR_INVALID: the names are too long for a key. */
MUST_CHECK int key_progress(struct key *k, const char *flow,
                            const char *source);
/* The start of a key_part(). */
MUST_CHECK int key_flow(struct key *k, char kind, const char *flow);
/* Kinds 's', 'u' and 'v'; leaves room for key_at(). */
MUST_CHECK int key_part(struct key *k, char kind,
                        const struct store_part *part);
/* *topic is a new string, owned by the caller. */
bool key_part_read(const void *key, size_t len, char **topic,
                   int32_t *partition);
/* A run's key; `prefix` is a key_part(). Offsets are never negative, so their
 * order is that of the bytes. */
struct key key_at(const struct key *prefix, int64_t offset);
/* Is it a key_at() of this prefix? */
bool key_is_at(const void *key, size_t len, const struct key *prefix);

struct value value_format(void);
/* -1: not ours; otherwise its format. */
int32_t value_format_read(const void *data, size_t len);
struct value value_progress(const struct store_progress *p);
bool value_progress_read(const void *data, size_t len,
                         struct store_progress *out);
struct value value_state(const struct part_state *s);
bool value_state_read(const void *data, size_t len, struct part_state *out);
struct value value_run(const struct run *r);
/* `key` is the run's key of kind 'u'. */
bool value_run_read(const void *key, size_t key_len, const void *data,
                    size_t len, struct run *out);
struct value value_up(int64_t up);
bool value_up_read(const void *data, size_t len, int64_t *up);

#endif
