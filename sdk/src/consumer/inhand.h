/*
 * What polling threads have in hand: records that were returned to a thread
 * and that it has not finished yet, because it has not polled again.  Kept per
 * thread and partition; a partition is named by its `life`, a number that is
 * used once, so that nothing of an earlier assignment counts.
 *
 * The consumer's lock is held around every function.
 */
#ifndef SHUNT_SDK_INHAND_H
#define SHUNT_SDK_INHAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hold {
    uint64_t life;
    int64_t first; /* the lowest offset in hand */
};

/* Of one thread. */
struct hand {
    struct hand *next;
    uint64_t thread;
    int polls;        /* under way: one, and those of callbacks within */
    int64_t since_ms; /* its last poll */
    size_t n, room, cap;
    struct hold *v;
};

struct inhand {
    struct hand *hands, *recent;
    size_t n;
    int64_t max_age_ms; /* who does not poll for so long has nothing in hand */
};

void inhand_init(struct inhand *t, int64_t max_age_ms);
void inhand_fini(struct inhand *t);
/* The calling thread polls: what it had in hand is finished, unless it is in a
 * callback of another poll, whose records it has not seen yet.  Its hand, with
 * room for `n` records, of any partitions; NULL: no memory. */
struct hand *inhand_begin(struct inhand *t, size_t n, int64_t now_ms);
/* The poll is over. NULL allowed. */
void inhand_end(struct hand *h);
/* The thread of `h` gets a record; there must be room.  *hint: where the
 * partition's hold was the last time, kept by the caller. */
void inhand_take(struct hand *h, uint64_t life, int64_t offset, size_t *hint);
/* The same, without a poll.  False: the thread is none of those that poll. */
bool inhand_finish(struct inhand *t);
/* Everything is finished, whoever has it. */
void inhand_finish_all(struct inhand *t);
/* The lowest offset that any thread has in hand; -1: none. */
int64_t inhand_lowest(const struct inhand *t, uint64_t life, int64_t now_ms);
/* A number that was never used, greater than all before. Any thread. */
uint64_t inhand_life(void);
/* The last one of those. Any thread. */
uint64_t inhand_newest_life(void);

#endif
