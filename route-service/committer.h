/*
 * The writer thread: judges change sets against the newest table, one after
 * the other, makes them durable, publishes the tables, and hands each outcome
 * back to the loop that asked.  Where there are several servers it also follows
 * what the others do (group.h).  When a rule's window begins or ends, it makes
 * a change set without operations by itself.
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
#include "route-service/ensemble.h"
#include "route-service/history.h"
#include "route-service/store.h"
#include "route-service/table.h"

struct committer;

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
    /* What is not the same, as diff_text() writes it: of a dry run between
     * `before` and `table`; of ERR_CONFLICT between the revision that was
     * expected and `before`, NULL where that is not kept any more; otherwise
     * NULL. */
    const char *changed;
};

/* On the loop that was named; a table is published before the outcome of the
 * change that made it. */
typedef void (*outcome_fn)(const struct outcome *o, void *arg);

struct committer_conf {
    struct store *store;     /* borrowed, as the next one */
    struct history *history; /* of `store` */
    struct table *head;      /* the newest in `store`; a reference is kept */
    const struct ensemble_conf *ensemble; /* NULL: this is the only server */
    /* Change sets are deleted when both say so; 0: no limit. If both are 0,
     * all are kept. */
    int64_t keep_revisions, keep_ms;
    /* Writer thread, and the caller's of committer_start() before it returns:
     * `t` is durable, and the next to be served.  `touched` is what changed
     * since the table published before; after a jump over several revisions
     * it says `infra`: all of it.  Both are borrowed for the call. */
    void (*publish)(struct table *t, const struct touched *touched, void *arg);
    void *arg;
};

/* With an ensemble: see group_open() for what it waits for and refuses. */
MUST_CHECK int committer_start(const struct committer_conf *conf,
                               struct committer **out, struct err *err);
/* Any thread.  Takes `body` (the bytes of a change set, of malloc), also on
 * failure.  `done` is called on `reply_to`, which must outlive the committer.
 * ERR_BUSY: too many are waiting; ERR_UNAVAILABLE: stopped. */
MUST_CHECK int committer_submit_take(struct committer *k, char *body,
                                     size_t len, struct loop *reply_to,
                                     outcome_fn done, void *arg,
                                     struct err *err);
/* Any thread, never waits: 0, or why changes can't be made now. */
MUST_CHECK int committer_ready(struct committer *k, struct err *err);
/* Any thread: the servers of the group, id -> URL; none of a single server. */
void committer_servers(struct committer *k, struct props *out);
/* Finishes what was submitted and ends the threads.  Outcomes that were not
 * called back yet stand in their loops. */
void committer_stop(struct committer *k);
void committer_free(struct committer *k); /* stopped; NULL allowed */

#endif
