/*
 * A question to all loops: each answers for itself on its own thread, and the
 * loop that asked gets the parts together.
 */
#ifndef SHUNT_ROUTE_GATHER_H
#define SHUNT_ROUTE_GATHER_H

#include <stddef.h>

struct worker;

/* On the thread of `w`.  `arg` is shared by all and not to be changed.
 * Returns this loop's part, or NULL. */
typedef void *(*gather_part_fn)(struct worker *w, const void *arg);
/* On the loop that asked.  parts[i] is of loop i. */
typedef void (*gather_done_fn)(struct worker *home, void **parts, size_t n,
                               void *arg);

/* `done` is always called, perhaps before this returns. */
void gather_start(struct worker *home, gather_part_fn part, gather_done_fn done,
                  void *arg);

#endif
