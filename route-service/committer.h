/*
 * The writer thread: applies change sets to the newest table, one after the
 * other, makes them durable, and hands the outcome back to the loop.
 */
#ifndef SHUNT_ROUTE_COMMITTER_H
#define SHUNT_ROUTE_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "common/net/loop.h"
#include "route-service/change.h"
#include "route-service/store.h"
#include "route-service/table.h"

struct committer;

/* What became of a change set; borrowed for the call. */
struct outcome {
    int rc;
    const struct err *err;
    struct table *table; /* with the change; NULL when rc is not 0 */
    bool committed;      /* it is the next revision, and durable */
    bool dry_run;
    int64_t head; /* revision in force when it was judged */
    const struct strlist *warnings;
};

/* On the loop thread, in the order of submission. */
typedef void (*outcome_fn)(const struct outcome *o, void *arg);

/* `head` is the newest table in `store`; a reference is kept.  Loop and store
 * are borrowed and must outlive the committer. */
MUST_CHECK int committer_start(struct loop *loop, struct store *store,
                               struct table *head, struct committer **out,
                               struct err *err);
/* Loop thread. Takes the content of `c`, also on failure. ERR_BUSY: too many
 * are waiting; ERR_UNAVAILABLE: stopped. */
MUST_CHECK int committer_submit_take(struct committer *k, struct change *c,
                                     outcome_fn done, void *arg,
                                     struct err *err);
/* Loop thread. Finishes what was submitted, calls back, ends the thread. */
void committer_stop(struct committer *k);
void committer_free(struct committer *k); /* stopped; NULL allowed */

#endif
