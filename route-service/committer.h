/*
 * The writer thread: judges change sets against the newest table, one after
 * the other, makes them durable, publishes the tables, and hands each outcome
 * back to the loop that asked.
 */
#ifndef SHUNT_ROUTE_COMMITTER_H
#define SHUNT_ROUTE_COMMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/strs.h"
#include "common/net/loop.h"
#include "route-service/change.h"
#include "route-service/store.h"
#include "route-service/table.h"

struct committer;
struct touched;

/* What became of a change set; borrowed for the call. */
struct outcome {
    int rc;
    const struct err *err;
    struct table *before; /* it was judged against this one; NULL: it could not
                             be read at all */
    struct table *table;  /* with the change; NULL when rc is not 0 */
    const struct touched *touched; /* between the two; NULL when rc is not 0 */
    bool committed;                /* it is the next revision, and durable */
    bool dry_run;
    int64_t head; /* revision in force when it was judged */
    const struct strlist *warnings;
};

/* On the loop that was named; a table is published before the outcome of the
 * change that made it. */
typedef void (*outcome_fn)(const struct outcome *o, void *arg);

struct committer_conf {
    struct store *store; /* borrowed; must outlive the committer */
    struct table *head;  /* the newest in `store`; a reference is kept */
    /* Writer thread: `t` is durable, and the next to be served.  `touched` is
     * what changed since the table published before; NULL: perhaps all of it.
     * Both are borrowed for the call. */
    void (*publish)(struct table *t, const struct touched *touched, void *arg);
    void *arg;
};

MUST_CHECK int committer_start(const struct committer_conf *conf,
                               struct committer **out, struct err *err);
/* Any thread.  Takes `body` (the bytes of a change set, of malloc), also on
 * failure.  `done` is called on `reply_to`, which must outlive the committer.
 * ERR_BUSY: too many are waiting; ERR_UNAVAILABLE: stopped. */
MUST_CHECK int committer_submit_take(struct committer *k, char *body,
                                     size_t len, struct loop *reply_to,
                                     outcome_fn done, void *arg,
                                     struct err *err);
/* Finishes what was submitted and ends the thread.  Outcomes that were not
 * called back yet stand in their loops. */
void committer_stop(struct committer *k);
void committer_free(struct committer *k); /* stopped; NULL allowed */

#endif
