/*
 * Does what is known of a partition still hold?  Judged by where its logs begin
 * and end.  Pure.
 *
 * The newest sync says that source record lu stands at target offset ld.  A log
 * only grows, so an end that was asked for after the sync was read lies beyond
 * it.  If it does not, the topic was made anew or has lost its end.
 *
 * That alone does not begin a new incarnation: while syncs of the old one are
 * still unread, they would be taken for the new one's.  So, in this order:
 *   1. the partition's newest sync is seen
 *   2. an end is asked for, and contradicts it: suspected
 *   3. the end of the offset-syncs topic is asked for, and read up to
 *   4. the newest sync is still the same, and so is the contradiction, at least
 *      INCARNATION_SURE_MS after 2 (after a change of leaders an end may be too
 *      low for a moment): proven
 */
#ifndef SHUNT_OFFSET_INCARNATION_H
#define SHUNT_OFFSET_INCARNATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mm2/runs.h"
#include "offset-mapper/logs.h"
#include "offset-mapper/store.h"

#define INCARNATION_SURE_MS 1000

/* What is remembered of a partition between two looks. Zeroed: nothing. */
struct incarnation_watch {
    bool any;
    struct run newest;
    uint32_t incarnation;
    int64_t since_ms;   /* step 1 */
    int64_t suspect_ms; /* step 2; 0: not suspected */
};

/* What a look finds; times are of one clock. */
struct incarnation_look {
    const struct store_info *info;
    const struct log_range *source, *target;
    const struct log_range *syncs; /* of the offset-syncs topic */
    int64_t syncs_read;            /* its position, not newer than `info` */
    int64_t now_ms;
};

/* STORE_FIRST: what is known holds, or it is not proven yet. Otherwise why a new
 * incarnation begins: a log that begins above 0, or ends inside of the newest
 * run, has rather been cut than made anew. */
enum store_begun incarnation_judge(struct incarnation_watch *w,
                                   const struct incarnation_look *l);

/* A doubt (runs.h) that was seen. Zeroed: none. */
struct doubt_watch {
    int64_t since_ms; /* 0: none */
    int64_t until;
    uint32_t incarnation;
    int64_t cut_ms; /* since when the end lies within it; 0: it does not */
};

/* Where the source ends, if that ends the doubt sooner: it was asked for after
 * the doubt was seen, and lies within what is in doubt for INCARNATION_SURE_MS.
 * Otherwise -1. */
int64_t incarnation_cuts_doubt(struct doubt_watch *w,
                               const struct incarnation_look *l);

/* What may be pruned, source offsets below the answer: the source's log start,
 * 0 while the partition is suspected or its log not known. */
int64_t incarnation_prunable(const struct incarnation_watch *w,
                             const struct incarnation_look *l);

#endif
