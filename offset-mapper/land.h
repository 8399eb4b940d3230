/*
 * Landing: mapped positions become a group's commits on the cluster that it
 * goes to.
 */
#ifndef SHUNT_OFFSET_LAND_H
#define SHUNT_OFFSET_LAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/proto/route.h"
#include "offset-mapper/group_kafka.h"

#define LAND_RESULT_MAP(X)                                                     \
    X(UNMAPPED, "unmapped")   /* there is no position to write */              \
    X(LANDED, "landed")       /* written */                                    \
    X(WOULD, "would_land")    /* the same in a dry run */                      \
    X(SAME, "same")           /* stands there already */                       \
    X(BACKWARDS, "backwards") /* what stands there is further: not written */  \
    X(FAILED, "failed")

enum land_result {
#define X(name, text) LAND_##name,
    LAND_RESULT_MAP(X)
#undef X
        LAND_RESULTS
};

const char *land_result_text(enum land_result r);

struct land_part {
    char *topic; /* on the target; NULL: unmapped */
    int32_t partition;
    int64_t
        position;   /* to write; -1: unmapped.  Out: not below the log start */
    char *metadata; /* to write */
    int64_t was;    /* what stood there; -1: nothing */
    enum land_result result;
    char *text; /* why it failed; NULL: it did not */
};

struct land {
    const struct pt_cluster *cluster; /* borrowed */
    char *group;
    bool dry_run, backwards;
    struct land_part *v; /* in the order of the caller */
    size_t n;
    int64_t members; /* out: 0, or -1 when the cluster cannot tell; then only
                        the broker's refusal keeps members from harm */
};

#define LAND_LOOK_MS  5000
#define LAND_WRITE_MS 10000

/* Blocks for LAND_LOOK_MS and LAND_WRITE_MS at most.  ERR_CONFLICT: the group
 * has members on the target.  ERR_UNAVAILABLE, ERR_DENIED, ERR_KAFKA: the
 * target does not answer, or not well; nothing was written.  0: `result` of
 * each says what became of it. */
MUST_CHECK int land_run(struct land *l, struct err *err);
/* Pure: what is to become of one, given what stands there (-1: nothing). */
enum land_result land_decide(const struct land_part *p, int64_t was,
                             bool backwards, bool dry_run);
void land_fini(struct land *l);

#endif
