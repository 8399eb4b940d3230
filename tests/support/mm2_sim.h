/*
 * MirrorMaker 2 copying one partition, as mm2.md 4.1 and 4.2 say, and all that
 * can befall it.  Deterministic: a seed is a story.
 *
 * The truth is in the open: which source records exist, and which record each
 * target offset holds.  The mapper's side gets syncs (`map`) and a log end now
 * and then (the caller asks); a log that was cut is noticed by its end, as the
 * mapper's follower does.
 */
#ifndef SHUNT_TESTS_MM2_SIM_H
#define SHUNT_TESTS_MM2_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/runs_map.h"

#define SIM_SOURCE 1200
#define SIM_TARGET 6000
#define SIM_FLIGHT 16

struct sim_mode {
    const char *name;
    /* holes: compaction and transaction markers on the source.  Extras on the
     * target: markers, batches written twice by retries, records of others. */
    bool holes, markers, retries, foreign;
    bool crashes; /* resumes at its last commit, which is older */
    bool slow;    /* no permit: a pending sync is overwritten by a newer one */
    bool losses;  /* syncs that cannot be sent */
    bool target_cuts, source_cuts; /* unclean elections */
    bool compacted; /* the syncs topic: some are gone before they are read, and
                       the follower knows that there were some */
    /* The partition has shown both kinds of break before anything goes wrong:
     * limits (1) and (2) of runs.h. */
    bool shown;
    /* MirrorMaker 2 is taken to live on: limit (2) of runs.h. */
    bool lives;
};

struct sim_sync {
    int64_t up, down;
};

struct sim {
    const struct sim_mode *mode;
    uint64_t random;
    bool exists[SIM_SOURCE];
    bool lost[SIM_SOURCE]; /* was on the target, which lost it */
    int64_t source_end;
    int64_t target[SIM_TARGET]; /* source offset; -1: no record of the source */
    int64_t end;
    /* the task */
    int64_t next, committed, prev_up, prev_down, last_sync_down, lag;
    bool has_pending, has_delayed;
    struct sim_sync pending, delayed;
    /* written to the syncs topic, not read yet */
    struct sim_sync flight[SIM_FLIGHT];
    int n_flight;
    struct runs_map map;
    int crashes, cuts;
};

void sim_init(struct sim *s, const struct sim_mode *mode, uint64_t seed);
void sim_fini(struct sim *s);
/* 0..sides-1 */
int64_t sim_dice(struct sim *s, int64_t sides);
/* A batch of records, and whatever happens beside it. */
void sim_step(struct sim *s);
/* Nothing more can be told: a log is full. */
bool sim_over(const struct sim *s);
/* Extras can stand on the target. */
bool sim_has_extras(const struct sim_mode *m);

#endif
