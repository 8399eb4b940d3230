/*
 * Owns what a part tells of itself.  A problem is words for people: they stand
 * until the part is well again.
 */
#include "replicator/look.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmem.h"
#include "replicator/parts.h"

#define PROBLEM_MAX_BYTES 512

void
sight_init(struct sight *s)
{
    *s = (struct sight){.last_timestamp = -1,
                        .passed = -1,
                        .passed_at_ms = -1,
                        .first_low = -1,
                        .first_end = -1,
                        .asked_end = -1};
}

void
sight_fini(struct sight *s)
{
    free(s->problem);
    s->problem = NULL;
}

/* `words` are taken; NULL: none.  Only the flow's thread writes here, so that
 * it may look without the lock. */
static void
set_problem_take(struct part *p, char *words)
{
    pthread_mutex_lock(&p->flow->lock);
    if (!p->sight.problem)
        p->sight.problem_since_ms = clock_wall_ms();
    free(p->sight.problem);
    p->sight.problem = words;
    pthread_mutex_unlock(&p->flow->lock);
}

void
part_problem(struct part *p, const char *fmt, ...)
{
    char words[PROBLEM_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap); /* cut: still words */
    va_end(ap);
    if (!p->sight.problem || strcmp(p->sight.problem, words) != 0)
        set_problem_take(p, xstrdup(words));
}

void
part_well(struct part *p)
{
    if (p->sight.problem)
        set_problem_take(p, NULL);
}
