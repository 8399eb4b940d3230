/*
 * The verdict over a book.  Definitions (README.md says the same for people):
 *
 * A record is *acknowledged* when its writer got a positive report for it.
 *
 * It *stands* on a cluster when a dump of that cluster has it.
 *
 * A group *lost* it when it was acknowledged, no reader of the group has read
 * it, and, where the cluster that acknowledged it is dead, it stands on a
 * cluster that is not.
 *
 * It was *never replicated* when a cluster that is dead acknowledged it and it
 * stands on no other.
 *
 * It was *written* as often as it has places with different histories: of the
 * places of one origin (the cluster on which a physical topic's records were
 * first written: "a.orders" on b has the origin a) the cluster with the most
 * counts, and these are summed over the origins.  Where a dump covers a
 * partition, only the dump makes places there; else what readers logged does.
 *
 * *Read twice* in a group: how much more often the group's readers have read it
 * than it was written.  *Written twice*: how much more often than once.
 *
 * *Out of order*: first readings of a record by a group after a first reading
 * of a later record of the same writer and key.
 *
 * *Disordered*: first readings of a record by a group that the same reader was
 * given, from the same partition of a physical topic, after a first reading of
 * a later record of the same writer and key.  Out of order also counts what
 * comes of reading two physical topics side by side; this is never excused.
 *
 * *Misplaced*: reports and readings that name a place which a dump covers and
 * where it has another record, or none.
 */
#ifndef LEDGER_JUDGE_H
#define LEDGER_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/tools/ledger/book.h"
#include "tests/tools/ledger/stall.h"

enum { EXAMPLES_MAX = 10 };

struct group_verdict {
    const char *name; /* borrowed from the book */
    size_t readers;
    int64_t deliveries; /* records given to the group's readers */
    int64_t read;       /* different records among them */
    int64_t lost;
    int64_t read_twice;
    int64_t out_of_order;
    int64_t disordered;
    int64_t misplaced;
    int64_t foreign;        /* readings that no writer wrote */
    int64_t unread_unacked; /* stand on a living cluster, not acknowledged,
                                not read */
    int64_t lost_examples[EXAMPLES_MAX]; /* entries */
    size_t n_lost_examples;
};

struct verdict {
    int64_t written, acked, failed;
    int64_t unreported;     /* no report by the end of the writer's log */
    int64_t reported_twice; /* more than one report */
    int64_t never_replicated;
    int64_t never_replicated_read; /* of these: read by somebody before */
    int64_t written_twice;
    int64_t standing; /* different records on living clusters; -1: no dumps */
    int64_t standing_out_of_order; /* in a physical partition, by a writer's
                                      sequence, first places only */
    int64_t misplaced_acks;
    int64_t lost, read_twice, out_of_order, disordered; /* of all groups */
    struct group_verdict *groups;                       /* owned */
    size_t n_groups;
    struct client_stalls *clients; /* owned; as the book's clients */
    size_t n_clients;
};

struct judge_conf {
    const struct strlist *dead;  /* names of clusters */
    const struct strlist *group; /* only these; empty: all */
};

/* ERR_INVALID: no readers, an unknown group, a dead cluster that no log names, or
 * no dump of a living cluster that covers the copy of what a dead one
 * acknowledged.  The copy of "orders" of a is "a.orders", or an "orders" elsewhere
 * that has records which a acknowledged (identity policy). */
MUST_CHECK int judge(const struct book *b, const struct judge_conf *conf,
                     struct verdict *out, struct err *err);
void verdict_fini(struct verdict *v);

#endif
