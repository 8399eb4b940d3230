/*
 * What can be seen of a flow from outside.  Its own thread tells of troubles
 * and of ends that it has reached; any other asks for a copy of it all.
 */
#ifndef SHUNT_REPLICATOR_LOOK_H
#define SHUNT_REPLICATOR_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct flow;
struct part;

/* Of one partition, in its struct part; behind the flow's lock. */
struct sight {
    char *problem; /* NULL: it is well */
    int64_t problem_since_ms;
    int64_t last_timestamp; /* of the last record acknowledged, or -1 */
    int64_t passed;       /* all before it is copied, or is no record; or -1 */
    int64_t passed_at_ms; /* monotonic, when its end was last reached; or -1 */
    int64_t first_low, first_end; /* its log when copying began, or -1 */
    int64_t asked_end; /* as last asked for while it was held, or -1 */
};

void sight_init(struct sight *s);
void sight_fini(struct sight *s);

/* ---- the flow's thread, which does not hold the lock -------------------- */

/* Says what is wrong with the part; since when stays while there is anything.
 * The same words again cost little. */
void part_problem(struct part *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void part_well(struct part *p);

#endif
