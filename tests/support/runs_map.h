/*
 * The runs of one partition in an array: what the mapper's store does, plainly.
 * Stops the program when a step breaks what runs.h promises.
 */
#ifndef SHUNT_TESTS_RUNS_MAP_H
#define SHUNT_TESTS_RUNS_MAP_H

#include <stddef.h>

#include "common/mm2/runs.h"

/* Zeroed: nothing known. */
struct runs_map {
    struct runs_state state;
    struct run *v; /* owned, oldest first */
    size_t n, cap;
    int restarts, backs;
};

enum runs_change runs_map_sync(struct runs_map *m, int64_t up, int64_t down);
struct runs_answer runs_map_forward(const struct runs_map *m, int64_t q,
                                    int64_t down_end);
struct runs_answer runs_map_reverse(const struct runs_map *m, int64_t q,
                                    int64_t up_end);
/* A new incarnation. */
void runs_map_anew(struct runs_map *m);
/* Nothing is known, as at first. */
void runs_map_fini(struct runs_map *m);

#endif
