/*
 * Keys and values of the store, as bytes.  Pure.
 *
 * Keys are big-endian, a kind byte first; strings in them carry their length,
 * so that no flow's keys lie between another's.  Values start with a version
 * byte.
 *
 *   'c' flow group topic partition  checkpoint (store_checkpoints.c)
 *   'd' pid incarnation down        up of the block whose first run is at `down`
 *   'f'                             format: magic, LAYOUT_FORMAT
 *   'n' flow topic partition        pid
 *   'p' flow source                 struct store_progress
 *   'r' pid incarnation up          block of runs, the first of them at `up`
 *   's' pid                         struct part_state
 *   'x' pid incarnation             nothing: its 'r' and 'd' are to be deleted
 *
 * A partition gets the next number (u32 pid, from 0 on, without gaps) with its
 * first sync, for good.  Its runs stand in blocks (block.h) under the number of
 * their incarnation (u32), so that old ones are not found any more as soon as
 * 's' names the next.  Ten million runs take some 19 bytes each.
 *
 * Kinds that others own (store_impl.h) are added to this list, and to the one in
 * store_verify.c.
 *
 * To change the format
 *   - of one kind of value: give it the next version byte, read both, write the
 *     new one.  Nothing else: entries turn as they are written.
 *   - of keys, or of what entries mean together: raise LAYOUT_FORMAT.  Either
 *     rewrite everything in one transaction in check_format() (store.c) before
 *     anything else is read, or refuse the old number with what to do.
 *   Then: a test that opens a store of the old format, made by its release, and
 *   a line in CHANGELOG.md.  An older release refuses the new number by itself.
 * Format 1 (before 0.2: one entry a run, twice) is refused: what it held is read
 * again from the offset-syncs topics, as far as compaction has left it.
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
#define LAYOUT_PIDS_MAX  (1 << 24) /* partitions of all flows together */

struct key {
    uint8_t bytes[LAYOUT_KEY_MAX];
    size_t len;
};

struct value {
    uint8_t bytes[LAYOUT_VALUE_MAX];
    size_t len;
};

/* One incarnation of one partition. */
struct life {
    uint32_t pid, incarnation;
};

/* What is kept of a partition beside its runs. */
struct part_state {
    struct runs_state runs;
    uint32_t incarnation; /* 0: never heard of */
    enum store_begun why;
    int64_t count; /* runs kept */
    int64_t gaps;  /* store_progress.gaps at its newest sync */
    int64_t begun_ms, newest_ms;
};

/* ERR_INVALID: the names are too long for a key. */
MUST_CHECK int key_progress(struct key *k, const char *flow,
                            const char *source);
MUST_CHECK int key_name(struct key *k, const struct store_part *part);
/* The start of all keys of this kind that name the flow next. */
MUST_CHECK int key_flow(struct key *k, char kind, const char *flow);
/* These always fit. 'd' and 'r': offsets are never negative, so their order is
 * that of the bytes. */
void key_kind(struct key *k, char kind);
void key_pid(struct key *k, char kind, uint32_t pid);
void key_life(struct key *k, char kind, struct life life);
void key_block(struct key *k, char kind, struct life life, int64_t offset);

/* False: not such a key. */
bool key_progress_read(const void *key, size_t len);
/* The strings are new, owned by the caller. */
bool key_name_read(const void *key, size_t len, char **flow, char **topic,
                   int32_t *partition);
bool key_pid_read(const void *key, size_t len, uint32_t *pid);
bool key_life_read(const void *key, size_t len, struct life *life);
bool key_block_read(const void *key, size_t len, struct life *life,
                    int64_t *offset);

struct value value_format(void);
/* -1: not ours; otherwise its format. */
int32_t value_format_read(const void *data, size_t len);
/* Without `runs`: that follows from the states. */
struct value value_progress(const struct store_progress *p);
bool value_progress_read(const void *data, size_t len,
                         struct store_progress *out);
struct value value_pid(uint32_t pid);
bool value_pid_read(const void *data, size_t len, uint32_t *pid);
struct value value_state(const struct part_state *s);
bool value_state_read(const void *data, size_t len, struct part_state *out);
struct value value_up(int64_t up);
bool value_up_read(const void *data, size_t len, int64_t *up);
struct value value_nothing(void);
bool value_nothing_read(const void *data, size_t len);

#endif
