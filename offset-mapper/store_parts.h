/*
 * Every partition's number, and what is known of it beside its runs, in memory:
 * a question needs neither its name nor its state from LMDB.
 *
 * A copy of the state is right for a view when it was committed before the
 * view's snapshot (`since` <= the view's transaction id).  While a commit goes
 * on, `since` is PARTS_MOVING, and later than any older view after it: those
 * read the state from LMDB.
 *
 * Threads: changed by the one writer, under `lock`, which it needs not to read;
 * read by others under `lock`.
 */
#ifndef SHUNT_OFFSET_STORE_PARTS_H
#define SHUNT_OFFSET_STORE_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offset-mapper/layout.h"

#define PARTS_MOVING SIZE_MAX

struct touched; /* store_runs.c */

struct part {
    uint32_t pid;
    int32_t partition;
    char *flow, *topic;
    uint64_t hash;
    bool stored;             /* its name is committed */
    size_t since;            /* transaction that committed `state` */
    struct part_state state; /* as committed */
    struct touched *touched; /* by the open batch, or NULL; the writer's */
    struct part *next;       /* in its slot */
};

struct parts {
    pthread_rwlock_t lock;
    struct part **slots;
    size_t n_slots;  /* a power of two */
    struct part **v; /* by pid */
    size_t n, cap;
};

void parts_init(struct parts *p);
void parts_fini(struct parts *p);
/* NULL when there is none. Under the lock, or by the writer. */
struct part *parts_find(const struct parts *p, const struct store_part *name);
/* Takes the lock. It has the next pid, and no state. */
struct part *parts_add(struct parts *p, const struct store_part *name);
/* When the store is opened: stored ones, with the pids that they have. False:
 * the pid or the name is taken. */
bool parts_load(struct parts *p, const struct store_part *name, uint32_t pid);
/* No pid was left out. */
bool parts_whole(const struct parts *p);
/* Takes the lock. Forgets the last ones until all are stored. */
void parts_drop_unstored(struct parts *p);
/* Takes the lock. False where there is none; *since as in struct part. */
bool parts_look(struct parts *p, const struct store_part *name, uint32_t *pid,
                struct part_state *state, size_t *since);
/* Takes the lock. Runs kept of a flow. */
int64_t parts_runs(struct parts *p, const char *flow);

#endif
